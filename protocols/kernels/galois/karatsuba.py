"""Products of elements of an extension of Z/2^64 by Karatsuba's formulas, summed before they are formed.

A product of two polynomials is linear in products of sums of their coefficients, fewer of them than of
pairs of coefficients: 14 for 5 by 5 and 49 for 11 by 11 (Karatsuba, Ofman 1962; three terms and pairs:
Weimerskirch, Paar 2006). So each factor's sums are worked out once, however many products it is in; sums of
products are made of such products; what they say of coefficients is worked out once in the end. Without
division: in Z/2^64 there is none by two.

Arrays of elements are (d_1, d_2, n) words, vectors in parts of n elements as `proofs.statement` cuts them.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy import int64, intp, uint64

from protocols.kernels.machine import (
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

_STRIP = 16
"""Elements treated at a time, so that the sums of one row in Y of all parts stay in the nearest cache."""

Steps = npt.NDArray[np.int64]
Places = npt.NDArray[np.int64]


_PLAIN = 3
"""Polynomials of so many terms are multiplied pair by pair, longer ones in halves."""


@dataclass(frozen=True)
class Formula:
    """How two polynomials are multiplied modulo a third.

    Attributes:
        sums: rows after those of the coefficients, each the sum of two earlier ones; a product of two
            polynomials is made of the products of their rows.
        recover: rows after those of the products, each one earlier row plus or minus another: (a, b, sign).
        places: rows that hold the product's coefficients.
    """

    sums: Steps
    recover: Steps
    places: Steps

    @property
    def terms(self) -> int:
        """Coefficients."""
        return len(self.places)

    @property
    def rows(self) -> int:
        """Products."""
        return len(self.places) + len(self.sums)

    def of(self, a: Words) -> Words:
        """Return the rows of polynomials along the first axis."""
        rows = list(a)
        for first, second in self.sums:
            rows.append(rows[first] + rows[second])
        return np.stack(rows)

    def from_products(self, products: Words) -> Words:
        """Return the coefficients of products along the first axis, of those of rows."""
        rows = list(products)
        for a, b, sign in self.recover:
            rows.append(rows[a] + rows[b] if sign > 0 else rows[a] - rows[b])
        return np.stack([rows[place] for place in self.places])


@dataclass
class _Making:
    """Rows, each a sum or a difference of two earlier ones."""

    count: int
    steps: list[tuple[int, int, int]] = field(default_factory=list)

    def plus(self, a: int, b: int, sign: int = 1) -> int:
        self.steps.append((a, b, sign))
        self.count += 1
        return self.count - 1

    def sums(self, rows: list[int]) -> None:
        """Add what a polynomial of these rows is multiplied by."""
        if len(rows) <= _PLAIN:
            for i, row in enumerate(rows):
                for other in rows[:i]:
                    self.plus(row, other)
            return
        low, high, both = self.halves(rows, lambda a, b: self.plus(a, b))
        for some in (low, high, both):
            self.sums(some)

    @staticmethod
    def halves(rows: list[int], plus: Callable[[int, int], int]) -> tuple[list[int], list[int], list[int]]:
        half = -(-len(rows) // 2)
        low, high = rows[:half], rows[half:]
        return low, high, [plus(*pair) for pair in zip(low, high, strict=False)] + low[len(high) :]

    def product(self, rows: list[int], following: Iterator[int]) -> list[int]:
        """Return rows that hold a product's coefficients, of rows that hold products of sums.

        Args:
            rows: the coefficients' rows.
            following: the rows of sums, in the order in which `sums` adds them.
        """
        n = len(rows)
        if n <= _PLAIN:
            found = {2 * i: row for i, row in enumerate(rows)}
            for i in range(n):
                for j in range(i):
                    crossed = self.plus(self.plus(next(following), rows[i], -1), rows[j], -1)
                    found[i + j] = self.plus(found[i + j], crossed) if i + j in found else crossed
            return [found[place] for place in range(2 * n - 1)]
        low, high, both = self.halves(rows, lambda _a, _b: next(following))
        first, last, middle = (self.product(some, following) for some in (low, high, both))
        found = dict(enumerate(first))
        found.update({2 * len(low) + place: row for place, row in enumerate(last)})
        for place, row in enumerate(middle):
            for other in (first, last):
                row = self.plus(row, other[place], -1) if place < len(other) else row
            at = len(low) + place
            found[at] = self.plus(found[at], row) if at in found else row
        return [found[place] for place in range(2 * n - 1)]


@cache
def formula(modulus: tuple[int, ...]) -> Formula:
    """Return how to multiply modulo a monic polynomial, of these lower coefficients, 0 and 1."""
    degree = len(modulus)
    making = _Making(degree)
    making.sums(list(range(degree)))
    sums = [(a, b) for a, b, _ in making.steps]
    rows = making.count
    after = _Making(rows)
    found = after.product(list(range(degree)), iter(range(degree, rows)))
    for power in range(2 * degree - 2, degree - 1, -1):
        for place, one in enumerate(modulus):
            if one:
                at = power - degree + place
                found[at] = after.plus(found[at], found[power], -1)
    return Formula(
        np.array(sums, np.int64).reshape(-1, 2),
        np.array(after.steps, np.int64).reshape(-1, 3),
        np.array(found[:degree], np.int64),
    )


IN_X = {2: (1, 1), 5: (1, 0, 1, 0, 0), 7: (1, 1, 0, 0, 0, 0, 0)}
"""The moduli in X for which loops are made: lower coefficients by degree."""


def formulas(first: Words, second: Words) -> tuple[Formula, Formula]:
    """Return how to multiply in X and in Y, modulo polynomials of these lower coefficients."""
    in_x, in_y = (formula(tuple(map(int, one))) for one in (first, second))
    return in_x, in_y


def _scratch(rows: int) -> Words:
    return scratch(rows * _STRIP)


def pair_sums(u: Words, v: Words, parts: int, first: Words, second: Words) -> Words:
    """Return Σ u_b v_b for parts b of two vectors, and Σ (u_b + u_c)(v_b + v_c): (d_1, d_2, pairs).

    Pairs are in the order of `pairs`; the sums run over the elements of parts, of which the last may lack
    some.

    Args:
        u, v: (d_1, d_2, N).
        parts: how many.
        first, second: lower coefficients of the moduli in X and Y, 0 and 1.
    """
    expect("elements", v.shape, u.shape)
    d1, d2, count = u.shape
    in_x, in_y = formulas(first, second)
    _expect_modulus(first)
    shape = (in_y.rows, in_x.rows, parts * (parts + 1) // 2, _LANES)
    out = scratch(math.prod(shape))
    out[:] = 0
    _add_pairs(
        contiguous(u).reshape(-1), contiguous(v).reshape(-1), d1, d2, count, parts, in_x.rows, in_y.sums,
        _scratch(parts * in_y.rows * d1), _scratch(parts * in_y.rows * d1),
        _scratch(parts * in_x.rows), _scratch(parts * in_x.rows),
        out,
    )  # fmt: skip
    total = out.reshape(shape).sum(3, np.uint64)[:, :, _by_first(parts)]
    by_y = in_y.from_products(total)  # (d_2, rows in X, pairs)
    return in_x.from_products(by_y.transpose(1, 0, 2))


def _expect_modulus(in_x: Words) -> None:
    expect("modulus in X", tuple(map(int, in_x)), IN_X.get(len(in_x)))


@cache
def _by_first(parts: int) -> Places:
    """Return where each of `pairs` lies in the order (0, 0), (0, 1), … (1, 1), … of the loop."""
    low, high = np.sort(pairs(parts), 1).T
    found: Places = low * parts - low * (low - 1) // 2 + high - low
    return found


@cache
def pairs(parts: int) -> Steps:
    """Return the pairs (b, c) of parts: b = c first, then neighbours, round the end, and so on."""
    found = [
        (b, (b + apart) % parts)
        for apart in range(parts // 2 + 1)
        for b in range(parts // 2 if 2 * apart == parts else parts)
    ]
    return np.array(found, np.int64)


def mixed(a: Words, parts: int, factors: Words, first: Words, second: Words) -> Words:
    """Return Σ_b factors_b · a_b for parts b of a vector, where Σ_b factors_b = 1: (d_1, d_2, ⌈N / parts⌉).

    So it is a_0 + Σ_b factors_b (a_b − a_0), a product less.

    Args:
        a: (d_1, d_2, N).
        parts: how many.
        factors: (d_1, d_2, parts).
        first, second: lower coefficients of the moduli in X and Y, 0 and 1.
    """
    d1, d2, count = a.shape
    expect("factors", factors.shape, (d1, d2, parts))
    in_x, in_y = formulas(first, second)
    _expect_modulus(first)
    by_y = in_y.of(factors.transpose(1, 0, 2))  # (rows in Y, d_1, parts)
    rows = in_x.of(by_y.transpose(1, 0, 2)).transpose(2, 1, 0)  # (parts, rows in Y, rows in X)
    out = np.empty((d1, d2, -(-count // parts)), np.uint64)
    _mix(
        contiguous(a).reshape(-1), contiguous(rows).reshape(-1), d1, d2, count, parts,
        in_x.rows, in_y.sums, in_y.recover, in_y.places,
        _scratch(d1 * d2), _scratch((parts - 1) * in_y.rows * d1),
        _scratch(d1 * (in_y.rows + len(in_y.recover))), out.reshape(-1),
    )  # fmt: skip
    return out


_copy, _sum, _difference = (
    step("run", "copy", _STRIP),
    step("run", "sum", _STRIP),
    step("run", "difference", _STRIP),
)
_pairs = step("pair products", _STRIP)
_LANES = 8
"""Sums that it keeps apart."""


def _in_x(degree: int) -> tuple[Any, Any]:
    """Return steps that write a polynomial's sums, and add up multiples of some."""
    one = formula(IN_X[degree])
    sums, recover = (tuple(map(tuple, rows.tolist())) for rows in (one.sums, one.recover))
    return (
        step("polynomial sums", _STRIP, degree, sums),
        step("polynomial multiples", _STRIP, degree, sums, recover, tuple(one.places.tolist())),
    )


_sums_2, _multiples_2 = _in_x(2)
_sums_5, _multiples_5 = _in_x(5)
_sums_7, _multiples_7 = _in_x(7)


@inside(void(reads(uint64), *[intp] * 5, array(uint64), intp))
def _take(a: Words, d1: int, d2: int, count: int, at: int, width: int, rows: Words, to: int) -> None:
    """Write coefficients of so many elements, and zeros after them, to rows in Y and X."""
    for j in range(d2):
        for i in range(d1):
            place, o = (i * d2 + j) * count + at, to + (j * d1 + i) * _STRIP
            if width == _STRIP:
                _copy(rows, o, a, place)
            else:
                for n in range(_STRIP):
                    rows[o + n] = a[place + n] if n < width else uint64(0)


@inside(void(reads(int64, 2), intp, intp, array(uint64), intp))
def _add_in_y(in_y: Steps, d1: int, d2: int, rows: Words, at: int) -> None:
    """Work out the sums of rows in Y, each of d_1 coefficients, of which d_2 are there."""
    whole = d1 * _STRIP
    for s in range(in_y.shape[0]):
        x, y, o = at + in_y[s, 0] * whole, at + in_y[s, 1] * whole, at + (d2 + s) * whole
        for i in range(0, whole, _STRIP):
            _sum(rows, o + i, rows, x + i, rows, y + i)


@inside(void(reads(uint64), intp, intp, array(uint64), intp))
def _add_in_x(rows: Words, d1: int, at: int, out: Words, to: int) -> None:
    """Write the d_1 coefficients of one row in Y, and all their sums."""
    if d1 == 7:
        _sums_7(out, to, rows, at)
    elif d1 == 5:
        _sums_5(out, to, rows, at)
    else:
        _sums_2(out, to, rows, at)


@compiled(void(*[reads(uint64)] * 2, *[intp] * 5, reads(int64, 2), *[array(uint64)] * 5))
def _add_pairs(
    u: Words, v: Words, d1: int, d2: int, count: int, parts: int, in_a_row: int, in_y: Steps,
    us: Words, vs: Words, xs: Words, ys: Words, out: Words,
) -> None:  # fmt: skip
    size = (count + parts - 1) // parts
    in_a_column, some = d2 + in_y.shape[0], d1 * _STRIP
    part, row = in_a_column * some, in_a_row * _STRIP
    for start in range(0, size, _STRIP):
        for b in range(parts):
            at = b * size + start
            width = max(0, min(_STRIP, size - start, count - at))
            _take(u, d1, d2, count, at, width, us, b * part)
            _take(v, d1, d2, count, at, width, vs, b * part)
            _add_in_y(in_y, d1, d2, us, b * part)
            _add_in_y(in_y, d1, d2, vs, b * part)
        o = 0
        for j in range(in_a_column):
            for b in range(parts):
                _add_in_x(us, d1, b * part + j * some, xs, b * row)
                _add_in_x(vs, d1, b * part + j * some, ys, b * row)
            for i in range(0, row, _STRIP):
                for b in range(parts):
                    _pairs(out, o, xs, b * row + i, ys, b * row + i, row, parts - b)
                    o += (parts - b) * _LANES


@inside(void(reads(int64, 2), intp, intp, array(uint64)))
def _step_back(steps: Steps, d1: int, count: int, rows: Words) -> None:
    """Work out the rows in Y after the first so many, each of d_1 coefficients."""
    some = d1 * _STRIP
    for s in range(steps.shape[0]):
        o, x, y = (count + s) * some, steps[s, 0] * some, steps[s, 1] * some
        if steps[s, 2] > 0:
            for i in range(0, some, _STRIP):
                _sum(rows, o + i, rows, x + i, rows, y + i)
        else:
            for i in range(0, some, _STRIP):
                _difference(rows, o + i, rows, x + i, rows, y + i)


@compiled(
    void(*[reads(uint64)] * 2, *[intp] * 5, *[reads(int64, 2)] * 2, reads(int64), *[array(uint64)] * 4)
)
def _mix(
    a: Words, factors: Words, d1: int, d2: int, count: int, parts: int,
    in_a_row: int, in_y: Steps, back: Steps, places: Places,
    first: Words, rows: Words, found: Words, out: Words,
) -> None:  # fmt: skip
    size = (count + parts - 1) // parts
    in_a_column, some = d2 + in_y.shape[0], d1 * _STRIP
    part, each = in_a_column * some, in_a_column * in_a_row
    for start in range(0, size, _STRIP):
        own = min(_STRIP, size - start)
        _take(a, d1, d2, count, start, min(own, count - start), first, 0)
        for b in range(1, parts):
            at, to = b * size + start, (b - 1) * part
            _take(a, d1, d2, count, at, max(0, min(own, count - at)), rows, to)
            for i in range(0, d2 * some, _STRIP):
                _difference(rows, to + i, rows, to + i, first, i)
            _add_in_y(in_y, d1, d2, rows, to)
        for n in range(found.size if parts == 1 else 0):
            found[n] = uint64(0)
        for j in range(in_a_column if parts > 1 else 0):
            i, f = j * some, each + j * in_a_row
            if d1 == 7:
                _multiples_7(found, i, _STRIP, rows, i, part, factors, f, each, parts - 1)
            elif d1 == 5:
                _multiples_5(found, i, _STRIP, rows, i, part, factors, f, each, parts - 1)
            else:
                _multiples_2(found, i, _STRIP, rows, i, part, factors, f, each, parts - 1)
        _step_back(back, d1, in_a_column, found)
        for i in range(d1):
            for j in range(d2):
                place, row = (i * d2 + j) * size + start, places[j] * some + i * _STRIP
                if own == _STRIP:
                    _sum(out, place, found, row, first, j * some + i * _STRIP)
                else:
                    for n in range(own):
                        out[place + n] = found[row + n] + first[j * some + i * _STRIP + n]
