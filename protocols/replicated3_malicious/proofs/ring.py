"""The ring of the proofs: GR(2^64, d) = Z/2^64 [X, Y] / (f(X), g(Y)), and the same mod 2, GF(2^d).

f and g are irreducible mod 2 and of coprime degrees, so that mod 2 it is a field of 2^d elements; elements
whose coefficients are 0 and 1 make up the exceptional set E: the difference of two is a unit, and a
polynomial of degree D that is not zero has at most D roots in E. Interpolation points are those of E in X
alone: their Lagrange coefficients have d_1 words, not d.

Arrays of elements are (d_1, d_2, n) words. Over GF(2) a word is a coefficient of 64 elements.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from math import gcd
from typing import Any

import numpy as np

from protocols import kernels
from protocols.domains import Words
from protocols.kernels.galois import (
    bit_dot_products,
    bit_matrix_product,
    chosen_pair_sums,
    chosen_sums,
    folded_planes,
    folded_words,
    mixed,
    mixed_planes,
    pair_sums,
    pairs,
    plane_products,
    tower_product,
    tower_remainder,
)
from protocols.kernels.machine import Bytes

DEGREES = {16: 5, 32: 7}
"""d_1 by the most parts: there are points enough for polynomials through so many and their products."""
STRIP = 1 << 10
"""Elements treated at a time, so that their products stay in cache."""
SPARE = 9
"""d is at least s + 9: the error is below 2^(9 − d), as docs/malicious.md counts it."""


@cache
def irreducible(degree: int) -> tuple[int, ...]:
    """Return the lower coefficients of the least polynomial of a degree that is irreducible mod 2."""

    def rest(a: int, b: int) -> int:
        while a.bit_length() >= b.bit_length():
            a ^= b << (a.bit_length() - b.bit_length())
        return a

    for f in range(1 << degree, 2 << degree):
        if all(rest(f, g) for g in range(2, 1 << (degree // 2 + 1))):
            return tuple(f >> place & 1 for place in range(degree))
    raise AssertionError(f"no irreducible polynomial of degree {degree}")


@cache
def modulus(degree: int) -> Words:
    """Return the same coefficients as words."""
    return np.array(irreducible(degree), np.uint64)


@dataclass(frozen=True)
class Galois:
    """The ring, or the field where `bits`."""

    d1: int
    d2: int
    bits: bool

    def __post_init__(self) -> None:
        if gcd(self.d1, self.d2) != 1:
            raise AssertionError(f"degrees {self.d1} and {self.d2} are not coprime")

    @property
    def d(self) -> int:
        """Words of an element."""
        return self.d1 * self.d2

    # Arrays of elements

    def add(self, a: Words, b: Words) -> Words:
        """Return a + b."""
        return a ^ b if self.bits else a + b

    def add_to(self, a: Words, b: Words) -> None:
        """Add b to a, in place."""
        (np.bitwise_xor if self.bits else np.add)(a, b, out=a)

    def sub(self, a: Words, b: Words) -> Words:
        """Return a − b."""
        return a ^ b if self.bits else a - b

    def reduced(self, a: Words) -> Words:
        """Return polynomials in X and Y of any degrees as elements; the array may be used up."""
        return tower_remainder(a, *self.moduli, self.bits)

    def mul(self, a: Words, b: Words) -> Words:
        """Return products, element by element."""
        count = a.shape[2]
        out = np.empty((self.d1, self.d2, count), np.uint64)
        for start in range(0, count, STRIP):
            some = slice(start, start + STRIP)
            out[:, :, some] = self.reduced(self.unreduced(a[:, :, some], b[:, :, some]))
        return out

    def unreduced(self, a: Words, b: Words) -> Words:
        """Return products as polynomials, element by element."""
        return tower_product(a, b, self.bits)

    def combined(self, matrix: Words, rows: Words) -> Words:
        """Return integer combinations of rows: (r, k) times (k, n)."""
        return bit_matrix_product(matrix, rows) if self.bits else kernels.matmul(matrix, rows)

    def dots(self, a: Words, b: Words) -> Words:
        """Return the sums of products of rows: (r, n) and (c, n) give (r, c)."""
        if self.bits:
            return bit_dot_products(a, b)
        return kernels.matmul(a, np.ascontiguousarray(b.T))

    def folded(self, products: Words) -> Words:
        """Return Σ products[i, j, k, l] X^(i+k) Y^(j+l) as elements: (d_1, d_2, n) of (i, j, k, l, n)."""
        i, j, k, m, n = products.shape
        total = np.zeros((i + k - 1, j + m - 1, n), np.uint64)
        for row in range(i):
            for column in range(j):
                self.add_to(total[row : row + k, column : column + m], products[row, column])
        return self.reduced(total)

    def inner(self, pairs: Sequence[tuple[Words, Words]]) -> Words:
        """Return Σ a · b over the elements of each pair: (d_1, d_2, pairs)."""
        shape = (self.d1, self.d2)
        found = [
            self.dots(*(np.ascontiguousarray(one).reshape(self.d, -1) for one in pair)) for pair in pairs
        ]
        return self.folded(np.stack(found, 2).reshape(*shape, *shape, -1))

    def mixed(self, a: Words, parts: int, factors: Words) -> Words:
        """Return Σ_b factors_b · a_b of a vector in parts, the factors' sum being 1."""
        if not self.bits:
            return mixed(a, parts, factors, *self.moduli)
        return mixed_planes(a, parts, self.times(factors))

    @property
    def moduli(self) -> tuple[Words, Words]:
        """Lower coefficients of f and g."""
        return modulus(self.d1), modulus(self.d2)

    def next_products(self, u: Words, v: Words, parts: int, extra: int) -> Words:
        """Return G = Σ_a p_a q_a of vectors in parts at points 1 … parts − 1 + extra."""
        if self.bits:
            return plane_products(u, v, parts, extension_map(self.d1, parts, extra), self.moduli)
        sums = self.pair_sums(u, v, parts)
        return np.concatenate([sums[:, :, 1:parts], self.from_pairs(sums, parts, extra)], 2)

    def pair_sums(self, u: Words, v: Words, parts: int) -> Words:
        """Return Σ u_b v_b of vectors in parts, and Σ (u_b + u_c)(v_b + v_c). Not over GF(2)."""
        return pair_sums(u, v, parts, *self.moduli)

    def chosen_sums(self, weights: Bytes, words: Words) -> Words:
        """Return Σ_a α_a · words_a: elements of (n, columns) words, by (d, n) bytes of weights of E."""
        return chosen_sums(weights, words).reshape(self.d1, self.d2, -1)

    def chosen_pair_sums(self, weights: Bytes, u: Words, v: Words) -> Words:
        """Return what `pair_sums` does, of words (terms, parts, n), each column times its weight of E."""
        return chosen_pair_sums(weights, u, v).reshape(self.d1, self.d2, -1)

    def fold_words(self, words: Words, basis: Words, weights: Any, out: Words, at: int) -> None:
        """Write α_a Σ_b basis_b · words_ba of (parts, n) words to out, from place `at` on.

        Without weights α = 1. Over GF(2) words are lanes, and weights words too; else bytes of 0 and 1.
        """
        (folded_planes if self.bits else folded_words)(words, basis, weights, self.moduli, out, at)

    def from_pairs(self, sums: Words, parts: int, extra: int) -> Words:
        """Return Σ_a p_a q_a at `extra` points after those of the data, of what `pair_sums` returns.

        With ℓ_b the Lagrange polynomials it is Σ_{b<c} ℓ_b ℓ_c S_bc + Σ_b (2 ℓ_b² − ℓ_b) S_b, for the sum
        of u_b v_c + u_c v_b is S_bc − S_b − S_c, and Σ_c ℓ_c = 1.
        """
        matrix = pair_extension(self.d1, parts, extra)  # (d_1, extra, pairs)
        columns = np.ascontiguousarray(sums.reshape(self.d, -1).T)
        whole = np.zeros((2 * self.d1 - 1, self.d2, extra), np.uint64)
        for place, one in enumerate(matrix):
            part = kernels.matmul(one, columns)
            whole[place : place + self.d1] += part.T.reshape(self.d1, self.d2, extra)
        return self.reduced(whole)

    def total(self, a: Words) -> Words:
        """Return the sum of elements that are a word each: (d_1, d_2, 1)."""
        found: Words = (
            np.bitwise_xor.reduce(a, 2, keepdims=True) if self.bits else a.sum(2, np.uint64, keepdims=True)
        )
        return found

    # Single elements: their words hold one coefficient each, in the field too

    def element(self, number: int) -> Words:
        """Return the element of E whose coefficients are the bits of a number."""
        bits = [number >> place & 1 for place in range(self.d)]
        return np.array(bits, np.uint64).reshape(self.d1, self.d2, 1)

    def powers(self, r: Words, count: int) -> Words:
        """Return 1, r, …, r^(count − 1)."""
        found = np.zeros((self.d1, self.d2, 1), np.uint64)
        found[0, 0, 0] = 1
        power = r
        while found.shape[2] < count:
            found = np.concatenate([found, self.mul(found, np.repeat(power, found.shape[2], 2))], 2)
            power = self.mul(power, power)
        return np.ascontiguousarray(found[:, :, :count])

    def lagrange(self, count: int, r: Words) -> Words:
        """Return the Lagrange basis on points 0 … count − 1 at r, (d_1, d_2, count)."""
        inverse = interpolation(self.d1, count)  # (d_1, count of b, count of powers)
        powers = self.powers(r, count).reshape(self.d, count)
        parts = [kernels.matmul(one, np.ascontiguousarray(powers.T)) for one in inverse]  # (b, d) each
        whole = np.zeros((2 * self.d1 - 1, self.d2, count), np.uint64)
        for place, part in enumerate(parts):
            whole[place : place + self.d1] += part.T.reshape(self.d1, self.d2, count)
        words = Galois(self.d1, self.d2, False).reduced(whole)
        return words & np.uint64(1) if self.bits else words

    def extension(self, count: int, extra: int) -> Words:
        """Return (extra, d_1, count): values at points 0 … count − 1 to those at the next ones."""
        found = extension(self.d1, count, extra)
        return found & np.uint64(1) if self.bits else found

    def vanishing(self, count: int, r: Words) -> Words:
        """Return Π_b (r − ξ_b) over points 0 … count − 1."""
        words = Galois(self.d1, self.d2, False)
        powers = words.powers(r, count + 1)
        found = words.total(words.mul(powers, product_of_roots(self.d1, count)))
        return found & np.uint64(1) if self.bits else found

    def vanishing_next(self, count: int) -> Words:
        """Return the same at the `count` points that follow those: (d_1, 1, count)."""
        found = vanishing_next(self.d1, count)
        return found & np.uint64(1) if self.bits else found

    def times(self, elements: Words) -> Words:
        """Return the matrix of Σ_b elements_b · x_b: (d, count · d), for rows b, then coefficients."""
        count = elements.shape[2]
        unit = np.eye(self.d, dtype=np.uint64).reshape(self.d1, self.d2, self.d)
        many = self.mul(np.repeat(elements, self.d, 2), np.tile(unit, count))
        return many.reshape(self.d, count * self.d)


def at_least(security: int, bits: bool, parts: int = 16) -> Galois:
    """Return the ring in which the error of a proof in up to so many parts is at most 2^−security."""
    d1 = DEGREES[parts]
    d2 = -(-(security + SPARE) // d1)
    while gcd(d2, d1) != 1:
        d2 += 1
    return Galois(d1, d2, bits)


# Constants in X alone


def _inverses(ring: Galois, a: Words) -> Words:
    """Return 1 / a of units: a^(2^d − 2) is right mod 2, and Newton's iteration lifts it."""
    found, square, twice = a, a, np.zeros_like(a)
    twice[0, 0] = 2
    for _ in range(ring.d - 2):
        square = ring.mul(square, square)
        found = ring.mul(found, square)
    found = ring.mul(found, found)
    for _ in range(6):
        found = ring.mul(found, twice - ring.mul(a, found))
    return found


@cache
def product_of_roots(d1: int, count: int) -> Words:
    """Return the coefficients of Π_b (T − ξ_b), the lowest first, as elements (d_1, 1, count + 1)."""
    small, nothing = Galois(d1, 1, False), np.zeros((d1, 1, 1), np.uint64)
    found = small.element(1)
    for b in range(count):
        scaled = small.mul(found, np.repeat(small.element(b), found.shape[2], 2))
        found = np.concatenate([nothing, found], 2) - np.concatenate([scaled, nothing], 2)
    return found


@cache
def vanishing_next(d1: int, count: int) -> Words:
    """Return Π_b (ξ_j − ξ_b) for j from `count` to 2 · count − 1, (d_1, 1, count)."""
    small = Galois(d1, 1, False)
    return np.concatenate([small.vanishing(count, small.element(count + e)) for e in range(count)], 2)


@cache
def interpolation(d1: int, count: int) -> Words:
    """Return (d_1, count, count): coefficient k of the Lagrange polynomial of point b.

    Of all points at once: Π_c (T − ξ_c) is divided by T − ξ_b, the highest coefficient first, and by the
    quotient's value at ξ_b.
    """
    small, whole = Galois(d1, 1, False), product_of_roots(d1, count)
    points = np.concatenate([small.element(b) for b in range(count)], 2)
    quotients = [np.repeat(whole[:, :, count:], count, 2)]
    for k in range(count - 1, 0, -1):
        quotients.append(small.mul(quotients[-1], points) + whole[:, :, k : k + 1])
    value = quotients[0]
    for quotient in quotients[1:]:
        value = small.mul(value, points) + quotient
    quotients.reverse()
    whole = np.concatenate(quotients, 2)  # by coefficients, then points
    found = small.mul(whole, np.tile(_inverses(small, value), count))
    return np.ascontiguousarray(found.reshape(d1, count, count).transpose(0, 2, 1))


@cache
def extension(d1: int, count: int, extra: int) -> Words:
    """Return (extra, d_1, count): the Lagrange polynomials of `count` points at the next `extra` points."""
    small = Galois(d1, 1, False)
    found = [small.lagrange(count, small.element(count + e))[:, 0] for e in range(extra)]
    return np.stack(found) if found else np.zeros((0, d1, count), np.uint64)


@cache
def extension_map(d1: int, count: int, extra: int) -> Words:
    """Return (extra · d_1, count · d_1): `extension` as a map of coefficients in X, by points."""
    small, unit = Galois(d1, 1, False), np.eye(d1, dtype=np.uint64).reshape(d1, 1, d1)
    found = np.zeros((extra, d1, count, d1), np.uint64)
    for e, row in enumerate(extension(d1, count, extra)):
        for b in range(count):
            found[e, :, b] = small.mul(np.repeat(row[:, b].reshape(d1, 1, 1), d1, 2), unit)[:, 0]
    return found.reshape(extra * d1, count * d1)


@cache
def pair_extension(d1: int, count: int, extra: int) -> Words:
    """Return (d_1, extra, pairs): by how much sums of pairs of `count` parts count at the next points."""
    small, values = Galois(d1, 1, False), extension(d1, count, extra)
    found = []
    for each in values:
        basis = np.ascontiguousarray(each).reshape(d1, 1, count)
        first, second = (np.ascontiguousarray(basis[:, :, one]) for one in pairs(count).T)
        product = small.mul(first, second)
        product[:, :, :count] += product[:, :, :count] - basis
        found.append(product[:, 0])
    return (
        np.ascontiguousarray(np.stack(found, 1))
        if found
        else np.zeros((d1, 0, len(pairs(count))), np.uint64)
    )


def challenge(ring: Galois, draw: Callable[[int], bytes], excluded: int) -> Words:
    """Return an element of E that is none of the first points, from numbered seeds."""
    tried = 0
    while True:
        number = int.from_bytes(draw(tried), "big") & ((1 << ring.d) - 1)
        if not any(number == _number(ring, point) for point in range(excluded)):
            return ring.element(number)
        tried += 1


def _number(ring: Galois, point: int) -> int:
    """Return the number of a point as an element: its coefficients are those of Y^0."""
    return sum((point >> place & 1) << (place * ring.d2) for place in range(ring.d1))
