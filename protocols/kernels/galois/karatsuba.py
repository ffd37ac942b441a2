"""Products of elements of an extension of Z/2^64 by Karatsuba's formulas, summed before they are formed.

A product of two polynomials is linear in products of sums of their coefficients, fewer of them than of
pairs of coefficients: 14 for 5 by 5 and 49 for 11 by 11 (Karatsuba, Ofman 1962; three terms and pairs:
Weimerskirch, Paar 2006). So each factor's sums are worked out once, however many products it is in; sums of
products are made of such products; what they say of coefficients is worked out once in the end. Without
division: in Z/2^64 there is none by two.

Arrays of elements are (d_1, d_2, n) words, vectors in parts of n elements as `proofs.statement` cuts them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import numpy.typing as npt
from numpy import int64, intp, uint64

from protocols.kernels.machine import Words, array, compiled, contiguous, expect, inside, reads, step, void

_STRIP = 16
"""Elements treated at a time: a part's sums are as many rows of them."""

Steps = npt.NDArray[np.int64]


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


def formulas(first: Words, second: Words) -> tuple[Formula, Formula]:
    """Return how to multiply in X and in Y, modulo polynomials of these lower coefficients."""
    in_x, in_y = (formula(tuple(map(int, one))) for one in (first, second))
    return in_x, in_y


def _scratch(rows: int) -> Words:
    return np.empty(rows * _STRIP, np.uint64)


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
    which, rows = pairs(parts), in_x.rows * in_y.rows
    out = np.zeros((len(which), in_y.rows, in_x.rows, _LANES), np.uint64)
    _add_pairs(
        contiguous(u).reshape(-1), contiguous(v).reshape(-1), d1, d2, count, parts,
        in_x.sums, in_y.sums, which, _scratch(parts * rows), _scratch(parts * rows), out.reshape(-1),
    )  # fmt: skip
    by_y = in_y.from_products(out.sum(3, np.uint64).transpose(1, 2, 0))  # (d_2, rows in X, pairs)
    return in_x.from_products(by_y.transpose(1, 0, 2))


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
    by_y = in_y.of(factors.transpose(1, 0, 2))  # (rows in Y, d_1, parts)
    rows = in_x.of(by_y.transpose(1, 0, 2)).transpose(2, 1, 0)  # (parts, rows in Y, rows in X)
    out = np.empty((d1, d2, -(-count // parts)), np.uint64)
    many = in_x.rows * in_y.rows
    _mix(
        contiguous(a).reshape(-1), contiguous(rows).reshape(-1), d1, d2, count, parts,
        in_x.sums, in_y.sums, in_x.recover, in_y.recover, in_x.places, in_y.places,
        _scratch(in_x.rows * d2), _scratch(many), _scratch(many),
        _scratch(in_x.rows * d2),
        _scratch(max(one.rows + len(one.recover) for one in (in_x, in_y))),
        out.reshape(-1),
    )  # fmt: skip
    return out


_copy, _sum, _difference = (
    step("run", "copy", _STRIP),
    step("run", "sum", _STRIP),
    step("run", "difference", _STRIP),
)
_multiple, _products = step("run", "multiple", _STRIP), step("run", "products", _STRIP)
_products_of_sums = step("run", "products of sums", _STRIP)

_LANES = 4
"""Sums that are kept apart."""


@inside(void(reads(uint64), *[intp] * 6, array(uint64), intp))
def _take(
    a: Words, d1: int, d2: int, count: int, in_a_row: int, at: int, width: int, rows: Words, to: int
) -> None:
    """Write coefficients of so many elements, and zeros after them, to rows in Y and X."""
    for j in range(d2):
        for i in range(d1):
            place, o = (i * d2 + j) * count + at, to + (j * in_a_row + i) * _STRIP
            if width == _STRIP:
                _copy(rows, o, a, place)
            else:
                for n in range(_STRIP):
                    rows[o + n] = a[place + n] if n < width else uint64(0)


@inside(void(reads(int64, 2), reads(int64, 2), intp, intp, array(uint64), intp))
def _add_up(in_x: Steps, in_y: Steps, d1: int, d2: int, rows: Words, at: int) -> None:
    """Work out all sums of coefficients, which lie in the first rows."""
    in_a_row = d1 + in_x.shape[0]
    for j in range(d2):
        row = at + j * in_a_row * _STRIP
        for s in range(in_x.shape[0]):
            _sum(
                rows, row + (d1 + s) * _STRIP,
                rows, row + in_x[s, 0] * _STRIP, rows, row + in_x[s, 1] * _STRIP,
            )  # fmt: skip
    whole = in_a_row * _STRIP
    for s in range(in_y.shape[0]):
        x, y, o = at + in_y[s, 0] * whole, at + in_y[s, 1] * whole, at + (d2 + s) * whole
        for i in range(0, whole, _STRIP):
            _sum(rows, o + i, rows, x + i, rows, y + i)


@compiled(void(*[reads(uint64)] * 2, *[intp] * 4, *[reads(int64, 2)] * 3, *[array(uint64)] * 3))
def _add_pairs(
    u: Words, v: Words, d1: int, d2: int, count: int, parts: int,
    in_x: Steps, in_y: Steps, which: Steps, us: Words, vs: Words, out: Words,
) -> None:  # fmt: skip
    size = (count + parts - 1) // parts
    in_a_row = d1 + in_x.shape[0]
    rows = in_a_row * (d2 + in_y.shape[0])
    part = rows * _STRIP
    for start in range(0, size, _STRIP):
        for b in range(parts):
            at = b * size + start
            width = max(0, min(_STRIP, size - start, count - at))
            _take(u, d1, d2, count, in_a_row, at, width, us, b * part)
            _add_up(in_x, in_y, d1, d2, us, b * part)
            _take(v, d1, d2, count, in_a_row, at, width, vs, b * part)
            _add_up(in_x, in_y, d1, d2, vs, b * part)
        for p in range(which.shape[0]):
            b, c = which[p, 0] * part, which[p, 1] * part
            o = p * rows * _LANES
            if b == c:
                for row in range(rows):
                    _products(out, o + row * _LANES, us, b + row * _STRIP, vs, b + row * _STRIP)
            else:
                for row in range(rows):
                    n = row * _STRIP
                    _products_of_sums(out, o + row * _LANES, us, b + n, c + n, vs, b + n, c + n)


@inside(void(array(uint64), intp, reads(int64, 2)))
def _step_back(line: Words, count: int, steps: Steps) -> None:
    """Work out the rows after the first so many."""
    for s in range(steps.shape[0]):
        o, x, y = (count + s) * _STRIP, steps[s, 0] * _STRIP, steps[s, 1] * _STRIP
        if steps[s, 2] > 0:
            _sum(line, o, line, x, line, y)
        else:
            _difference(line, o, line, x, line, y)


@compiled(
    void(
        *[reads(uint64)] * 2, *[intp] * 4, *[reads(int64, 2)] * 4, *[reads(int64)] * 2, *[array(uint64)] * 6
    )
)
def _mix(
    a: Words, factors: Words, d1: int, d2: int, count: int, parts: int,
    in_x: Steps, in_y: Steps, back_x: Steps, back_y: Steps, places_x: Steps, places_y: Steps,
    first: Words, rows: Words, products: Words, partly: Words, line: Words, out: Words,
) -> None:  # fmt: skip
    size = (count + parts - 1) // parts
    in_a_row = d1 + in_x.shape[0]
    in_a_column = d2 + in_y.shape[0]
    many = in_a_row * in_a_column
    whole = in_a_row * _STRIP
    for start in range(0, size, _STRIP):
        own = min(_STRIP, size - start)
        _take(a, d1, d2, count, in_a_row, start, min(own, count - start), first, 0)
        products[:] = 0
        for b in range(1, parts):
            at = b * size + start
            _take(a, d1, d2, count, in_a_row, at, max(0, min(own, count - at)), rows, 0)
            for j in range(d2):
                for i in range(j * whole, j * whole + d1 * _STRIP, _STRIP):
                    _difference(rows, i, rows, i, first, i)
            _add_up(in_x, in_y, d1, d2, rows, 0)
            for row in range(many):
                _multiple(products, row * _STRIP, rows, row * _STRIP, factors[b * many + row])
        for i in range(in_a_row):
            for j in range(in_a_column):
                _copy(line, j * _STRIP, products, j * whole + i * _STRIP)
            _step_back(line, in_a_column, back_y)
            for j in range(d2):
                _copy(partly, j * whole + i * _STRIP, line, places_y[j] * _STRIP)
        for j in range(d2):
            for i in range(in_a_row):
                _copy(line, i * _STRIP, partly, j * whole + i * _STRIP)
            _step_back(line, in_a_row, back_x)
            for i in range(d1):
                place, found = (i * d2 + j) * size + start, places_x[i] * _STRIP
                _sum(line, found, line, found, first, j * whole + i * _STRIP)
                if own == _STRIP:
                    _copy(out, place, line, found)
                else:
                    for n in range(own):
                        out[place + n] = line[found + n]
