"""Loops of proofs over GF(2), where a word has a coefficient of 64 elements: public maps, folds, messages.

A public linear map of coefficients is a matrix of bits: rows are added by fours, all sixteen sums of four
made once. Products of elements are made of products of sums, as in `karatsuba`, with + and − both ⊕.
"""

import math

import numpy as np
import numpy.typing as npt
from numpy import int64, intp, uint8, uint64

from protocols.kernels.galois.karatsuba import Steps, formulas
from protocols.kernels.galois.loops import tower_remainder
from protocols.kernels.machine import (
    Bytes,
    Words,
    array,
    compiled,
    contiguous,
    expect,
    inside,
    reads,
    scratch,
    step,
    void,
)

Places = npt.NDArray[np.int64]

_WIDE = 64
"""Words of a row treated at a time by a map alone."""
_STRIP = 16
"""The same where elements are multiplied by weights."""
_NARROW = 8
"""The same where all points of a message are worked out."""

_xor = step("run", "xor", _NARROW)
_copy = step("run", "copy", _NARROW)
_chosen, _added = (step("chosen products", 5, True, more) for more in (False, True))
_IN_X = 5
"""The degree in X for which loops are made."""
_copy_strip, _xor_strip = step("run", "copy", _STRIP), step("run", "xor", _STRIP)


def mixed_planes(a: Words, parts: int, matrix: Words) -> Words:
    """Return Σ_b M_b a_b for parts b of a vector of elements: (d_1, d_2, ⌈N / parts⌉).

    Args:
        a: (d_1, d_2, N).
        parts: how many; the last may lack some elements.
        matrix: (d, parts · d) bits of the maps M_b.
    """
    d1, d2, count = a.shape
    d, size = d1 * d2, -(-count // parts)
    expect("matrix", matrix.shape, (d, parts * d))
    places, limits = _parts(d, count, parts)
    out = np.empty((d1, d2, size), np.uint64)
    _mix(
        _nibbles(matrix), contiguous(a).reshape(-1), places, limits, size,
        scratch(16 * _WIDE), scratch(d * _WIDE), out.reshape(-1),
    )  # fmt: skip
    return out


def folded_planes(
    words: Words, basis: Words, weights: Words | None, moduli: tuple[Words, Words], out: Words, at: int
) -> None:
    """Write Σ_b basis_b · words_b times weights to out[:, :, at : at + n], for (parts, n) words of lanes.

    Args:
        words: (parts, n).
        basis: (d_1, d_2, parts) bits, alike in all lanes.
        weights: (d_1 · d_2, n) words; None: 1.
        moduli: lower coefficients of those in X and Y, 0 and 1.
        out: (d_1, d_2, at least at + n), contiguous.
    """
    parts, n = words.shape
    d1, d2, _ = basis.shape
    d = d1 * d2
    expect("elements", (out.shape[:2], at + n <= out.shape[2]), ((d1, d2), True))
    expect("degree in X", d1, _IN_X)
    places = np.arange(parts, dtype=np.int64) * n
    given = np.zeros((0, 0), np.uint64) if weights is None else contiguous(weights)
    _fold(
        _nibbles(basis.reshape(d, parts)), contiguous(words).reshape(-1), places,
        np.full(parts, n, np.int64), given, *moduli, n, scratch(16 * _STRIP),
        scratch(d * _STRIP), scratch(d * _STRIP),
        scratch((2 * d1 - 1) * (2 * d2 - 1) * _STRIP),
        out.reshape(-1), at, out.shape[2],
    )  # fmt: skip


def plane_products(u: Words, v: Words, parts: int, matrix: Words, moduli: tuple[Words, Words]) -> Words:
    """Return Σ_a p_a q_a at points, of vectors in parts, summed over lanes too: (d_1, d_2, points).

    They are those of the data but the first, and after them `extra` others.

    Args:
        u, v: (d_1, d_2, N) words.
        parts: how many.
        matrix: (extra · d_1, parts · d_1) bits: from values at the data's points to others, in X alone.
        moduli: lower coefficients of those in X and Y, 0 and 1.
    """
    expect("elements", v.shape, u.shape)
    d1, d2, count = u.shape
    extra = len(matrix) // d1
    expect("matrix", matrix.shape, (extra * d1, parts * d1))
    expect("degree in X", d1, _IN_X)
    _, in_y = formulas(*moduli)
    places, limits = _parts(d1, count, parts, d2)
    shape = (parts - 1 + extra, in_y.rows, 2 * d1 - 1, _NARROW)
    out = scratch(math.prod(shape))
    out[:] = 0
    _add_products(
        contiguous(u).reshape(-1), contiguous(v).reshape(-1),
        d1, d2, count, -(-count // parts), parts, extra, _nibbles(matrix), places, limits, in_y.sums,
        _scratch(16), _scratch(extra * d1), _scratch(2 * extra * d1 * d2),
        _scratch(in_y.rows * d1), _scratch(in_y.rows * d1), out,
    )  # fmt: skip
    words = np.bitwise_xor.reduce(out.reshape(shape), 3)
    for shift in (32, 16, 8, 4, 2, 1):
        words ^= words >> np.uint64(shift)
    by_y = in_y.from_products(words.transpose(1, 2, 0)) & np.uint64(1)  # (d_2, 2 d_1 − 1, points)
    return tower_remainder(np.ascontiguousarray(by_y.transpose(1, 0, 2)), *moduli, True)


def _scratch(rows: int) -> Words:
    return scratch(rows * _NARROW)


def _nibbles(matrix: Words) -> Bytes:
    """Return (⌈k / 4⌉, r) numbers below 16: the lowest bits of four columns, the first the lowest."""
    rows, columns = matrix.shape
    bits = np.zeros((-(-columns // 4) * 4, rows), np.uint8)
    bits[:columns] = matrix.astype(np.uint8).T & np.uint8(1)
    found: Bytes = bits[0::4] | bits[1::4] << 1 | bits[2::4] << 2 | bits[3::4] << 3
    return found


def _parts(d: int, count: int, parts: int, every: int = 1) -> tuple[Places, Places]:
    """Return where each of d coefficients of each part begins, in the order of parts, and its words."""
    size = -(-count // parts)
    starts = np.arange(parts, dtype=np.int64) * size
    places = starts[:, None] + np.arange(d, dtype=np.int64) * every * count
    limits = np.clip(count - starts, 0, size)
    return places.reshape(-1), np.repeat(limits, d)


@inside(void(reads(uint64), *[intp] * 3, array(uint64), intp))
def _read(words: Words, at: int, width: int, length: int, rows: Words, to: int) -> None:
    """Write so many words, and zeros after them up to a length of whole runs."""
    for i in range(0, length, _NARROW):
        if i + _NARROW <= width:
            _copy(rows, to + i, words, at + i)
        else:
            for n in range(i, i + _NARROW):
                rows[to + n] = words[at + n] if n < width else uint64(0)


@inside(void(reads(uint8, 2), reads(uint64), *[reads(int64)] * 2, *[intp] * 3, *[array(uint64)] * 2))
def _apply(
    nibbles: Bytes, words: Words, places: Places, limits: Places, first: int, start: int, length: int,
    table: Words, out: Words,
) -> None:  # fmt: skip
    """Write the map of rows at places, moved by `first`, from word `start` of each on: rows of a length."""
    rows = nibbles.shape[1]
    for n in range(rows * length):
        out[n] = uint64(0)
    for n in range(length):
        table[n] = uint64(0)
    for group in range(nibbles.shape[0]):
        for bit in range(4):
            power, k = 1 << bit, 4 * group + bit
            to = power * length
            if k < places.size:
                _read(words, places[k] + first + start, limits[k] - start, length, table, to)
            else:
                _read(words, 0, 0, length, table, to)
            for e in range(1, power):
                for i in range(0, length, _NARROW):
                    _xor(table, to + e * length + i, table, to + i, table, e * length + i)
        for r in range(rows):
            chosen = intp(nibbles[group, r]) * length
            if chosen:
                for i in range(0, length, _NARROW):
                    _xor(out, r * length + i, out, r * length + i, table, chosen + i)


@compiled(void(reads(uint8, 2), reads(uint64), *[reads(int64)] * 2, intp, *[array(uint64)] * 3))
def _mix(
    nibbles: Bytes, words: Words, places: Places, limits: Places, size: int,
    table: Words, rows: Words, out: Words,
) -> None:  # fmt: skip
    for start in range(0, size, _WIDE):
        own = min(_WIDE, size - start)
        length = (own + _NARROW - 1) // _NARROW * _NARROW
        _apply(nibbles, words, places, limits, 0, start, length, table, rows)
        for r in range(nibbles.shape[1]):
            for n in range(own):
                out[r * size + start + n] = rows[r * length + n]


@compiled(
    void(
        reads(uint8, 2), reads(uint64), *[reads(int64)] * 2, reads(uint64, 2), *[reads(uint64)] * 2, intp,
        *[array(uint64)] * 5, intp, intp,
    )
)  # fmt: skip
def _fold(
    nibbles: Bytes, words: Words, places: Places, limits: Places, weights: Words,
    first: Words, second: Words, count: int,
    table: Words, folded: Words, masks: Words, product: Words, out: Words, at: int, row_of_out: int,
) -> None:  # fmt: skip
    d1, d2 = first.size, second.size
    long = 2 * d2 - 1
    for start in range(0, count, _STRIP):
        own = min(_STRIP, count - start)
        _apply(nibbles, words, places, limits, 0, start, _STRIP, table, folded)
        if weights.shape[0] == 0:
            for c in range(d1 * d2):
                for n in range(own):
                    out[c * row_of_out + at + start + n] = folded[c * _STRIP + n]
            continue
        for c in range(d1 * d2):
            for n in range(_STRIP):
                masks[c * _STRIP + n] = weights[c, start + n] if n < own else uint64(0)
        for half in range(0, _STRIP, _NARROW):
            for j in range(long):
                low, high = max(0, j - d2 + 1), min(j, d2 - 1)
                _chosen(
                    product, j * _STRIP + half, long * _STRIP,
                    masks, low * _STRIP + half, d2 * _STRIP, _STRIP,
                    folded, (j - low) * _STRIP + half, d2 * _STRIP, _STRIP, high - low + 1,
                )  # fmt: skip
        for power in range(2 * d1 - 2, d1 - 1, -1):
            for place in range(d1):
                if first[place]:
                    high, to = power * long * _STRIP, (power - d1 + place) * long * _STRIP
                    for n in range(0, long * _STRIP, _STRIP):
                        _xor_strip(product, to + n, product, to + n, product, high + n)
        for i in range(d1):
            for power in range(2 * d2 - 2, d2 - 1, -1):
                for place in range(d2):
                    if second[place]:
                        high, to = (i * long + power) * _STRIP, (i * long + power - d2 + place) * _STRIP
                        _xor_strip(product, to, product, to, product, high)
            for j in range(d2):
                to, place = (i * d2 + j) * row_of_out + at + start, (i * long + j) * _STRIP
                if own == _STRIP:
                    _copy_strip(out, to, product, place)
                else:
                    for n in range(own):
                        out[to + n] = product[place + n]


@inside(void(reads(int64, 2), intp, intp, array(uint64)))
def _add_in_y(in_y: Steps, d1: int, d2: int, rows: Words) -> None:
    """Work out the sums of rows in Y, each of d_1 coefficients, of which d_2 are there."""
    whole = d1 * _NARROW
    for s in range(in_y.shape[0]):
        x, y, o = in_y[s, 0] * whole, in_y[s, 1] * whole, (d2 + s) * whole
        for i in range(0, whole, _NARROW):
            _xor(rows, o + i, rows, x + i, rows, y + i)


@compiled(
    void(
        *[reads(uint64)] * 2, *[intp] * 6, reads(uint8, 2), *[reads(int64)] * 2, reads(int64, 2),
        *[array(uint64)] * 6,
    )
)  # fmt: skip
def _add_products(
    u: Words, v: Words, d1: int, d2: int, count: int, size: int, parts: int, extra: int, nibbles: Bytes,
    places: Places, limits: Places, in_y: Steps,
    table: Words, line: Words, more: Words, x: Words, y: Words, out: Words,
) -> None:  # fmt: skip
    in_a_column, some = d2 + in_y.shape[0], d1 * _NARROW
    half, product = extra * d2 * some, (2 * d1 - 1) * _NARROW
    for start in range(0, size, _NARROW):
        for which in range(2):
            for j in range(d2):
                if which == 0:
                    _apply(nibbles, u, places, limits, j * count, start, _NARROW, table, line)
                else:
                    _apply(nibbles, v, places, limits, j * count, start, _NARROW, table, line)
                for row in range(extra * d1):
                    _copy(more, which * half + (row * d2 + j) * _NARROW, line, row * _NARROW)
        for point in range(1, parts + extra):
            for j in range(d2):
                for i in range(d1):
                    to = j * some + i * _NARROW
                    if point < parts:
                        place = (i * d2 + j) * count + point * size + start
                        own = limits[point * d1] - start
                        _read(u, place, own, _NARROW, x, to)
                        _read(v, place, own, _NARROW, y, to)
                    else:
                        place = (((point - parts) * d1 + i) * d2 + j) * _NARROW
                        _copy(x, to, more, place)
                        _copy(y, to, more, half + place)
            _add_in_y(in_y, d1, d2, x)
            _add_in_y(in_y, d1, d2, y)
            for j in range(in_a_column):
                o = ((point - 1) * in_a_column + j) * product
                _added(out, o, _NARROW, x, j * some, _NARROW, 0, y, j * some, _NARROW, 0, 1)
