"""Loops of a proof's first step over words: sums that weights choose, products of parts, and the fold.

A weight is an element of the exceptional set: its coefficients are 0 and 1, so a weighted sum is, for each
coefficient, the sum of what it chooses. Rows are added by fours: all sixteen sums of four are made once,
and each coefficient takes one of them (the method of Arlazarov, Dinic, Kronrod, Faradžev 1970).
"""

import numpy as np
import numpy.typing as npt
from numpy import int64, intp, uint8, uint64

from protocols.kernels.galois.karatsuba import IN_X, pairs
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

_RUN = 8
"""Words that are added at a time."""
_CHUNK = 64
"""Columns treated at a time: their sums of four rows stay in the cache."""
_COLUMNS = 128
"""Columns whose products of parts are laid out at a time."""
_STRIP = 16
"""Elements folded at a time."""
_TILE = 4

_copy, _sum = step("run", "copy", _RUN), step("run", "sum", _RUN)
_both = step("run", "sum of two", _RUN)
_tile = step("tile", _TILE, 8)
_chosen_2, _chosen_5, _chosen_7 = (step("chosen products", terms, False, False) for terms in (2, 5, 7))
_copy_strip, _less_strip = step("run", "copy", _STRIP), step("run", "difference", _STRIP)


def chosen_sums(bits: Bytes, words: Words) -> Words:
    """Return (r, n) sums of the rows of (k, n) words that are chosen by (r, k) bytes of 0 and 1."""
    expect("rows", words.shape[0], bits.shape[1])
    count, width = words.shape
    out = np.zeros((len(bits), width), np.uint64)
    places = np.arange(count, dtype=np.int64) * width
    _choose(_packed(bits), contiguous(words).reshape(-1), places, 0, width, *_chosen(len(bits)), out, 0)
    return out


def chosen_windows(
    bits: Bytes, x: Words, kernel: tuple[int, int], stride: tuple[int, int], sizes: tuple[int, int]
) -> Words:
    """Return sums of windows of padded x (NHWC) that (r, windows) bytes choose: (r, kh · kw · C).

    Args:
        kernel: rows and columns of a window.
        stride: from one to the next, down and right.
        sizes: how many there are, down and across.
    """
    n, height, width, channels = x.shape
    kh, kw = kernel
    image, row, column = (np.arange(size, dtype=np.int64) for size in (n, *sizes))
    rows = image[:, None, None] * height + row[None, :, None] * stride[0]
    places = ((rows * width + column * stride[1]) * channels).reshape(-1)
    expect("windows", bits.shape[1], places.size)
    run = kw * channels
    out = np.zeros((len(bits), kh * run), np.uint64)
    packed, flat, room = _packed(bits), contiguous(x).reshape(-1), _chosen(len(bits))
    for i in range(kh):
        _choose(packed, flat, places, i * width * channels, run, *room, out, i * run)
    return out


def chosen_pair_sums(bits: Bytes, u: Words, v: Words) -> Words:
    """Return sums of Σ_k u_kb v_kb, and of Σ_k (u_kb + u_kc)(v_kb + v_kc), over columns that bits choose.

    Args:
        bits: (r, n), 0 and 1.
        u, v: (terms, parts, n).

    Returns:
        (r, pairs), in the order of `pairs`.
    """
    expect("words", v.shape, u.shape)
    _, parts, n = u.shape
    many = len(pairs(parts))
    out = np.zeros((len(bits), many), np.uint64)
    room, twice = _chosen(len(bits)), np.empty((2, 2 * parts), np.uint64)
    products = np.empty((_COLUMNS, many), np.uint64)
    places = np.arange(_COLUMNS, dtype=np.int64) * many
    packed = _packed(bits)
    u, v = contiguous(u), contiguous(v)
    for start in range(0, n, _COLUMNS):
        end = min(start + _COLUMNS, n)
        _multiply(u, v, start, end, twice[0], twice[1], products)
        some = packed[start // 8 : -(-end // 8)]
        _choose(some, products.reshape(-1), places[: end - start], 0, many, *room, out, 0)
    return out


def folded_words(
    words: Words, basis: Words, bits: Bytes | None, moduli: tuple[Words, Words], out: Words, at: int
) -> None:
    """Write Σ_b basis_b · words_b, elements of (parts, n) words, times weights, to out[:, :, at : at + n].

    Args:
        words: (parts, n).
        basis: (d_1, d_2, parts).
        bits: coefficients of a weight for each column, (d_1 · d_2, n) of 0 and 1; None: 1.
        moduli: lower coefficients of those in X and Y, 0 and 1.
        out: (d_1, d_2, at least at + n), contiguous.
    """
    parts, n = words.shape
    d1, d2, _ = basis.shape
    expect("elements", (out.shape[:2], at + n <= out.shape[2]), ((d1, d2), True))
    d = d1 * d2
    factors = np.zeros((-(-d // _TILE) * _TILE, parts), np.uint64)
    factors[:d] = basis.reshape(d, parts)
    expect("degree in X", d1 in IN_X, True)
    weights = np.zeros(0 if bits is None else -(-n // _STRIP) * _STRIP // 8 * d, np.uint8)
    if bits is not None:  # by eights of columns, the first in the lowest bit
        packed = np.packbits(bits, axis=1, bitorder="little").T
        weights[: packed.size] = packed.reshape(-1)
    _fold(
        contiguous(words).reshape(-1), factors.reshape(-1), weights, *moduli, parts, n,
        _strips(parts), _strips(len(factors)), _strips((2 * d1 - 1) * (2 * d2 - 1)),
        out.reshape(-1), at, out.shape[2],
    )  # fmt: skip


def _strips(count: int) -> Words:
    return scratch(count * _STRIP)


def _packed(bits: Bytes) -> Bytes:
    """Return (⌈k / 8⌉, r) bytes of eight columns each, the first in the highest bit."""
    return np.ascontiguousarray(np.packbits(bits, axis=1).T)


def _chosen(rows: int) -> tuple[Words, Words]:
    return scratch(32 * _CHUNK), scratch(rows * _CHUNK)


@inside(void(reads(uint64), *[intp] * 3, array(uint64), intp))
def _read(words: Words, at: int, width: int, runs: int, table: Words, to: int) -> None:
    """Write so many words, and zeros after them to whole runs."""
    for run in range(runs):
        i = run * _RUN
        if i + _RUN <= width:
            _copy(table, to + i, words, at + i)
        else:
            for n in range(i, i + _RUN):
                table[to + n] = words[at + n] if n < width else uint64(0)


@compiled(
    void(
        reads(uint8, 2),
        reads(uint64),
        reads(int64),
        intp,
        intp,
        *[array(uint64)] * 2,
        array(uint64, 2),
        intp,
    )
)
def _choose(
    packed: Bytes, words: Words, places: Places, base: int, width: int,
    table: Words, sums: Words, out: Words, column: int,
) -> None:  # fmt: skip
    """Add to columns of out, from `column` on, what bits choose of the runs of words at places."""
    rows, count = packed.shape[1], places.size
    for start in range(0, width, _CHUNK):
        own = min(_CHUNK, width - start)
        runs = (own + _RUN - 1) // _RUN
        sums[:] = 0
        for n in range(_CHUNK):
            table[n] = uint64(0)
            table[16 * _CHUNK + n] = uint64(0)
        for group in range(packed.shape[0]):
            for bit in range(8):
                half, power = 16 * (bit // 4) * _CHUNK, 1 << (bit % 4)
                place = 8 * group + 7 - bit
                to = half + power * _CHUNK
                if place < count:
                    _read(words, places[place] + base + start, own, runs, table, to)
                else:
                    for n in range(_CHUNK):
                        table[to + n] = uint64(0)
                for e in range(1, power):
                    for i in range(0, runs * _RUN, _RUN):
                        _sum(table, to + e * _CHUNK + i, table, to + i, table, half + e * _CHUNK + i)
            for r in range(rows):
                byte = intp(packed[group, r])
                if byte:
                    low, high = (byte & 15) * _CHUNK, (16 + (byte >> 4)) * _CHUNK
                    for i in range(0, runs * _RUN, _RUN):
                        _both(sums, r * _CHUNK + i, table, low + i, table, high + i)
        for r in range(rows):
            for n in range(own):
                out[r, column + start + n] += sums[r * _CHUNK + n]


@compiled(void(*[reads(uint64, 3)] * 2, intp, intp, *[array(uint64)] * 2, array(uint64, 2)))
def _multiply(u: Words, v: Words, start: int, end: int, x: Words, y: Words, out: Words) -> None:
    """Write the sums over terms of products of parts, and of sums of two, of some columns, one a row."""
    terms, parts = u.shape[0], u.shape[1]
    for column in range(start, end):
        row = out[column - start]
        row[:] = 0
        for k in range(terms):
            for b in range(parts):
                x[b] = x[b + parts] = u[k, b, column]
                y[b] = y[b + parts] = v[k, b, column]
            for b in range(parts):
                row[b] += x[b] * y[b]
            at = parts
            for apart in range(1, parts // 2 + 1):
                some = parts // 2 if 2 * apart == parts else parts
                for b in range(some):
                    row[at + b] += (x[b] + x[b + apart]) * (y[b] + y[b + apart])
                at += some


@compiled(
    void(
        *[reads(uint64)] * 2,
        reads(uint8),
        *[reads(uint64)] * 2,
        intp,
        intp,
        *[array(uint64)] * 4,
        intp,
        intp,
    )
)
def _fold(
    words: Words, factors: Words, weights: Bytes, first: Words, second: Words, parts: int, count: int,
    some: Words, folded: Words, product: Words, out: Words, at: int, row_of_out: int,
) -> None:  # fmt: skip
    d1, d2 = first.size, second.size
    long = 2 * d2 - 1
    for start in range(0, count, _STRIP):
        own = min(_STRIP, count - start)
        for b in range(parts):
            for n in range(_STRIP):
                some[b * _STRIP + n] = words[b * count + start + n] if n < own else uint64(0)
        folded[:] = 0
        for row in range(0, folded.size // _STRIP, _TILE):
            for half in range(0, _STRIP, 8):
                _tile(
                    factors, row * parts, parts, 1, some, half, folded, row * _STRIP + half, parts, _STRIP
                )
        if weights.size == 0:
            for c in range(d1 * d2):
                for n in range(own):
                    out[c * row_of_out + at + start + n] = folded[c * _STRIP + n]
            continue
        for half in range(0, _STRIP, 8):
            group = (start + half) // 8 * d1 * d2
            for j in range(long):
                low, high = max(0, j - d2 + 1), min(j, d2 - 1)
                to, one, other = j * _STRIP + half, group + low, (j - low) * _STRIP + half
                if d1 == 7:
                    _chosen_7(
                        product, to, long * _STRIP, weights, one, d2, 1,
                        folded, other, d2 * _STRIP, _STRIP, high - low + 1,
                    )  # fmt: skip
                elif d1 == 5:
                    _chosen_5(
                        product, to, long * _STRIP, weights, one, d2, 1,
                        folded, other, d2 * _STRIP, _STRIP, high - low + 1,
                    )  # fmt: skip
                else:
                    _chosen_2(
                        product, to, long * _STRIP, weights, one, d2, 1,
                        folded, other, d2 * _STRIP, _STRIP, high - low + 1,
                    )  # fmt: skip
        for power in range(2 * d1 - 2, d1 - 1, -1):
            for place in range(d1):
                if first[place]:
                    high, to = power * long * _STRIP, (power - d1 + place) * long * _STRIP
                    for n in range(0, long * _STRIP, _STRIP):
                        _less_strip(product, to + n, product, to + n, product, high + n)
        for i in range(d1):
            for power in range(2 * d2 - 2, d2 - 1, -1):
                for place in range(d2):
                    if second[place]:
                        high, to = (i * long + power) * _STRIP, (i * long + power - d2 + place) * _STRIP
                        _less_strip(product, to, product, to, product, high)
            for j in range(d2):
                to, place = (i * d2 + j) * row_of_out + at + start, (i * long + j) * _STRIP
                if own == _STRIP:
                    _copy_strip(out, to, product, place)
                else:
                    for n in range(own):
                        out[to + n] = product[place + n]
