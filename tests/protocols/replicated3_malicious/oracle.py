"""A proof in plain integers: the ring, each polynomial by its definition, the verifiers' equations.

Nothing here calls a kernel or the ring of the proofs. An element is d_1 rows of d_2 integers: those at
X^i Y^j; a statement is lists of elements. What has to be proven is read from the claims as
docs/malicious.md lays it out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product as pairs
from typing import Any

import numpy as np

Element = list[list[int]]
IRREDUCIBLE = {
    1: (0,), 2: (1, 1), 3: (1, 1, 0), 5: (1, 0, 1, 0, 0), 7: (1, 1) + (0,) * 5,
    8: (1, 1, 0, 1, 1, 0, 0, 0), 11: (1, 0, 1) + (0,) * 8,
}  # fmt: skip
"""X, X² + X + 1, X³ + X + 1, X⁵ + X² + 1, X⁷ + X + 1, X⁸ + X⁴ + X³ + X + 1 and X¹¹ + X² + 1 less their
leading terms."""


@dataclass(frozen=True)
class Plain:
    """GR(2^64, d_1 d_2) or, of bits, GF(2^(d_1 d_2))."""

    d1: int
    d2: int
    bits: bool

    @property
    def _modulus(self) -> int:
        return 2 if self.bits else 2**64

    def constant(self, number: int) -> Element:
        """Return an integer as an element."""
        return self._scattered({(0, 0): number})

    def _scattered(self, terms: dict[tuple[int, int], int]) -> Element:
        return [[terms.get((i, j), 0) % self._modulus for j in range(self.d2)] for i in range(self.d1)]

    def point(self, number: int) -> Element:
        """Return ξ_number: the bits of the number are the coefficients of powers of X."""
        return self._scattered({(i, 0): number >> i & 1 for i in range(self.d1)})

    def total(self, elements: Sequence[Element]) -> Element:
        """Return a sum."""
        return [
            [sum(e[i][j] for e in elements) % self._modulus for j in range(self.d2)] for i in range(self.d1)
        ]

    def scaled(self, number: int, a: Element) -> Element:
        """Return an integer times an element."""
        return [[number * one % self._modulus for one in row] for row in a]

    def less(self, a: Element, b: Element) -> Element:
        """Return a − b."""
        return self.total([a, self.scaled(-1, b)])

    def times(self, a: Element, b: Element) -> Element:
        """Return a · b: polynomials are multiplied, then X^d_1 and Y^d_2 replaced."""
        whole = [[0] * (2 * self.d2 - 1) for _ in range(2 * self.d1 - 1)]
        for (i, row), (k, other) in pairs(enumerate(a), enumerate(b)):
            for (j, one), (m, two) in pairs(enumerate(row), enumerate(other)):
                if one and two:
                    whole[i + k][j + m] += one * two
        f, g = IRREDUCIBLE[self.d1], IRREDUCIBLE[self.d2]
        for line in whole:
            for power in range(2 * self.d2 - 2, self.d2 - 1, -1):
                for place, one in enumerate(g):
                    line[power - self.d2 + place] -= line[power] * one
        for power in range(2 * self.d1 - 2, self.d1 - 1, -1):
            for place, one in enumerate(f):
                for column in range(self.d2):
                    whole[power - self.d1 + place][column] -= whole[power][column] * one
        return [[one % self._modulus for one in line[: self.d2]] for line in whole[: self.d1]]

    def product(self, factors: Sequence[Element]) -> Element:
        """Return a product."""
        found = self.constant(1)
        for one in factors:
            found = self.times(found, one)
        return found

    def inner(self, us: Sequence[Element], vs: Sequence[Element]) -> Element:
        """Return Σ u · v."""
        return self.total([self.times(u, v) for u, v in zip(us, vs, strict=True)])

    def inverse(self, a: Element) -> Element:
        """Return 1 / a: a^(2^d − 1) is 1 mod 2, and the order of what is 1 mod 2 divides 2^63."""
        in_x = not any(one for row in a for one in row[1:])
        exponent = (2 ** (self.d1 if in_x else self.d1 * self.d2) - 1) * (1 if self.bits else 2**63) - 1
        found = self.constant(1)
        for bit in bin(exponent)[2:]:
            found = self.times(found, found)
            found = self.times(found, a) if bit == "1" else found
        return found

    def lagrange(self, count: int, r: Element) -> list[Element]:
        """Return Π_{c ≠ b} (r − ξ_c) / (ξ_b − ξ_c) for each of so many points b."""
        return [
            self.times(
                _denominator(self, count, b),
                self.product([self.less(r, self.point(c)) for c in range(count) if c != b]),
            )
            for b in range(count)
        ]

    def at(self, values: Sequence[Element], r: Element) -> Element:
        """Return the polynomial through values at points 0, 1, … at r."""
        return self.inner(self.lagrange(len(values), r), values)


@cache
def _denominator(ring: Plain, count: int, b: int) -> Element:
    differences = [ring.less(ring.point(b), ring.point(c)) for c in range(count) if c != b]
    return ring.inverse(ring.product(differences))


def element(words: Any, number: int = 0, lane: int | None = None) -> Element:
    """Return one element of an array (d_1, d_2, n) of words; of one lane, where words are lanes."""
    plain = words[:, :, number].tolist()
    return plain if lane is None else [[one >> lane & 1 for one in row] for row in plain]


# Statements


@dataclass
class Statement:
    """A proof of three in plain integers: the prover's u and v, and each verifier's part of the target.

    Attributes:
        claims: as the prover, left and right hold them.
        draw: the coins of weights: takes a label and a number of bytes.
        u, v: elements, from the second step on.
        known: parts of the values of G at points that left and right have; of the target, after a fold.
    """

    ring: Plain
    claims: tuple[list[Any], list[Any], list[Any]]
    draw: Callable[[str, int], Any]

    def __post_init__(self) -> None:
        self.u: list[Element] = []
        self.v: list[Element] = []
        zero = self.ring.constant(0)
        self.known: list[list[Element]] = [[], []]
        self.target: list[Element] = [zero, zero]
        self._columns: list[tuple[Element, list[list[int]], list[list[int]]]] = []

    # The first step

    def first(self, parts: int) -> list[Element]:
        """Return G at the L − 1 points after the data; note the verifiers' parts at the data."""
        ring = self.ring
        rows = [[one for one in held if hasattr(one, "count")] for held in self.claims]
        targets = [[ring.constant(0)] * parts, [ring.constant(0)] * parts]
        for terms in sorted({one.terms for one in rows[0]}):
            mine, left, right = ([one for one in held if one.terms == terms] for held in rows)
            us, vs = (_laid_out(mine, which, parts, ring.bits) for which in ("u", "v"))
            ts = [_laid_out(held, "t", parts, ring.bits) for held in (left, right)]
            alphas = self._weights(f"columns of {terms}", len(us[0]))
            for place, t in enumerate(ts):
                targets[place] = [
                    ring.total([targets[place][b], *map(ring.scaled, t[b], alphas)]) for b in range(parts)
                ]
            for k in range(terms):
                for a, alpha in enumerate(alphas):
                    u, v = ([part[a][k] for part in held] for held in (us, vs))
                    self._columns.append((alpha, u, v))
        self.known = targets
        return [self._first_at(ring.point(parts + e), parts) for e in range(parts - 1)]

    def _first_at(self, r: Element, parts: int) -> Element:
        ring, basis = self.ring, self.ring.lagrange(parts, r)
        return ring.total(
            [
                ring.times(alpha, ring.times(_mixed(ring, basis, u), _mixed(ring, basis, v)))
                for alpha, u, v in self._columns
            ]
        )

    def _weights(self, label: str, n: int) -> list[Element]:
        """Return weights of E: of words a row of bits for each coefficient, of lanes words of 64."""
        ring, d = self.ring, self.ring.d1 * self.ring.d2
        raw = bytes(self.draw(label, d * n // 8 if ring.bits else d * -(-n // 8)))
        width = len(raw) // d

        def bit(c: int, a: int) -> int:
            return raw[c * width + a // 8] >> (a % 8 if ring.bits else 7 - a % 8) & 1

        return [
            [[bit(i * ring.d2 + j, a) for j in range(ring.d2)] for i in range(ring.d1)] for a in range(n)
        ]

    def first_fold(self, parts: int, r: Element) -> None:
        """Put p(r) for u, α q(r) for v and G(r) for the target, then add what maps say."""
        ring, basis = self.ring, self.ring.lagrange(parts, r)
        for alpha, u, v in self._columns:
            self.u.append(_mixed(ring, basis, u))
            self.v.append(ring.times(alpha, _mixed(ring, basis, v)))
        self.target = [ring.at(values, r) for values in self.known]

    # Maps

    def join(self) -> None:
        """Add ρᵀ Z σ of each map: Σ_ij ρ_i σ_j (X Y)_ij, with the factors of both sides."""
        ring = self.ring
        maps = [[one for one in held if not hasattr(one, "count")] for held in self.claims]
        for number, (mine, left, right) in enumerate(zip(*maps, strict=True)):
            rows, columns = _count(mine.shape[:-1]), mine.shape[-1]
            rho = self._weights(f"rows of {number}", rows)
            sigma = self._weights(f"outputs of {number}", columns)
            up = 2 ** (64 - mine.bits)
            for term, (x, y), (other_x, other_y) in zip(mine.terms, mine.left, mine.right, strict=True):
                sides = []
                for image, kernel in ((x, y), (other_x, other_y)):
                    windows = _windows(image, term, mine.shape, mine.bits)
                    matrix = _matrix(_whole(kernel, term), mine.bits)
                    by_rows = [_mixed(ring, rho, list(one)) for one in zip(*windows, strict=True)]
                    by_outputs = [_mixed(ring, sigma, one) for one in matrix]
                    sides.append((by_rows, by_outputs))
                (xr, ys), (other_xr, other_ys) = sides
                self.u += [ring.scaled(up, one) for one in xr + ys]
                self.v += other_ys + other_xr
                self.target[0] = ring.less(self.target[0], ring.scaled(up, ring.inner(xr, ys)))
            for place, held in enumerate((left, right)):
                words = [int(one) for one in held.t.reshape(-1)]
                for at, word in enumerate(words):
                    weight = ring.times(rho[at // columns], sigma[at % columns])
                    self.target[place] = ring.total([self.target[place], ring.scaled(up * word, weight)])

    # Later steps

    def _parts(self, vector: list[Element], parts: int, unit: int) -> list[list[Element]]:
        n = unit * -(-len(vector) // (unit * parts))
        padded = vector + [self.ring.constant(0)] * (parts * n - len(vector))
        return [padded[b * n : (b + 1) * n] for b in range(parts)]

    def _interpolated(self, vector: list[Element], parts: int, unit: int, r: Element) -> list[Element]:
        basis = self.ring.lagrange(parts, r)
        cut = self._parts(vector, parts, unit)
        return [self.ring.inner(basis, values) for values in zip(*cut, strict=True)]

    def message(self, parts: int, unit: int, mask: Element | None) -> list[Element]:
        """Return G at points from 1 on; with the mask m, of (p + m Π_b (X − ξ_b)) q."""
        ring = self.ring
        found = []
        for place in range(1, 2 * parts - (1 if mask is None else 0)):
            r = ring.point(place)
            p, q = (self._interpolated(one, parts, unit, r) for one in (self.u, self.v))
            if mask is not None:
                p = [ring.total([p[0], self._hidden(parts, r, mask)])]
            found.append(ring.inner(p, q))
        return found

    def _hidden(self, parts: int, r: Element, mask: Element) -> Element:
        ring = self.ring
        return ring.times(mask, ring.product([ring.less(r, ring.point(b)) for b in range(parts)]))

    def hear(self, place: int, part: list[Element], parts: int, first: bool) -> None:
        """Note left's (0) or right's (1) part of a message: at point 0 it is the target less the others."""
        if first:
            self.known[place] = self.known[place] + part
        else:
            implied = self.ring.less(self.target[place], self.ring.total(part[: parts - 1]))
            self.known[place] = [implied, *part]

    def fold(self, parts: int, unit: int, r: Element) -> None:
        """Put the interpolated vectors for u and v, and G(r) for the target."""
        self.u, self.v = (self._interpolated(one, parts, unit, r) for one in (self.u, self.v))
        self.target = [self.ring.at(values, r) for values in self.known]

    def accepts(self, parts: int, r: Element, mask: Element) -> bool:
        """Return whether (p(r) + m Π_b (r − ξ_b)) q(r) is both parts of the target, after the last fold."""
        said = self.ring.total([self.u[0], self._hidden(parts, r, mask)])
        return self.ring.times(said, self.v[0]) == self.ring.total(self.target)


def _mixed(ring: Plain, elements: Sequence[Element], integers: Sequence[int]) -> Element:
    return ring.total([ring.scaled(n, one) for n, one in zip(integers, elements, strict=True) if n])


def _laid_out(claims: Sequence[Any], which: str, parts: int, bits: bool) -> list[list[Any]]:
    """Return relations of one number of terms as [part][column][term]; zeros fill the last part up.

    Of planes a column is a lane: bit i of byte B of all bytes is relation 8 B + i, and a part is whole
    words of 64.
    """
    listed: list[list[int]] = []
    for claim in claims:
        held = [claim.t] if which == "t" else list(getattr(claim, which))
        columns = [[int(one) for one in part.reshape(-1)] for part in held]
        if bits:
            columns = [[byte >> i & 1 for byte in column for i in range(8)] for column in columns]
        elif which == "v":
            columns = [[one % 2**claim.bits for one in column] for column in columns]
        else:
            columns = [[(one << 64 - claim.bits) % 2**64 for one in column] for column in columns]
        listed += [list(relation) for relation in zip(*columns, strict=True)]
    unit = 64 if bits else 1
    n = unit * -(-len(listed) // (unit * parts))
    listed += [[0] * len(listed[0])] * (parts * n - len(listed))
    found = [listed[b * n : (b + 1) * n] for b in range(parts)]
    return [[one[0] for one in part] for part in found] if which == "t" else found


def _count(shape: Sequence[int]) -> int:
    found = 1
    for side in shape:
        found *= side
    return found


def _matrix(words: Any, bits: int) -> list[list[int]]:
    """Return a second factor as a matrix: its last axis is that of outputs."""
    flat, columns = [int(one) % 2**bits for one in words.reshape(-1)], words.shape[-1]
    return [flat[at : at + columns] for at in range(0, len(flat), columns)]


def _whole(kernel: Any, term: Any) -> Any:
    """Return a kernel of groups as one over all channels: zeros where a filter reads nothing."""
    groups = term.x[-1] // kernel.shape[2] if term.kind == "conv2d" else 1
    if groups == 1:
        return kernel
    read, filters = kernel.shape[2], kernel.shape[3]
    found = np.zeros((*kernel.shape[:2], groups * read, filters), kernel.dtype)
    for out in range(filters):
        first = out // (filters // groups) * read
        found[:, :, first : first + read, out] = kernel[..., out]
    return found


def _blocks(x: Any) -> Any:
    """Return matrices of a batch along the diagonal of one."""
    batches, rows, inner = x.shape
    found = np.zeros((batches * rows, batches * inner), x.dtype)
    for place, one in enumerate(x):
        found[place * rows : (place + 1) * rows, place * inner : (place + 1) * inner] = one
    return found


def _windows(x: Any, term: Any, shape: Sequence[int], bits: int) -> list[list[int]]:
    """Return a first factor as a matrix: of a convolution, a row for each output's window."""
    if term.kind == "matmul":
        return _matrix(_blocks(x) if len(term.y) > 2 else x, bits)
    (top, _), (before, _) = term.padding
    height, width, inputs = x.shape[1:]
    found = []
    for image, row, column in pairs(*map(range, shape[:3])):
        window = []
        for i, j, c in pairs(range(term.y[0]), range(term.y[1]), range(inputs)):
            at = term.stride[0] * row + i - top, term.stride[1] * column + j - before
            inside = 0 <= at[0] < height and 0 <= at[1] < width
            window.append(int(x[image, *at, c]) % 2**bits if inside else 0)
        found.append(window)
    return found
