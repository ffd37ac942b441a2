"""Bits shared over XOR, packed into planes: polynomials of them by dealt products of masks, and numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from types import ModuleType
from typing import Any

import numpy as np

from protocols.dealer2.actor import BYTE, Actor, Part, Piece, planes
from protocols.domains import Ring, Words
from protocols.family import Shape, size_of

Monomial = tuple[int, ...]


@dataclass(frozen=True)
class Opened:
    """What a comparison has opened of the numbers that it compared: the lower bits of x + mask.

    Attributes:
        of: this actor's part of x, itself, in that ring.
    """

    of: Words
    mask: Words
    bits: int
    low: Words
    ring: Ring


@dataclass(frozen=True)
class Bits:
    """This server's part of bits of a shape, one after the other in one plane of ⌈n/8⌉ bytes."""

    shape: Shape
    plane: Words
    opened: Opened | None = None


def bit_words(kernels: ModuleType, plane: Words, n: int, dtype: np.dtype[Any]) -> Words:
    """Return the n bits of a plane as words."""
    words: Words = kernels.from_planes(plane.reshape(1, -1), n, dtype)
    return words


def flipped(me: Actor, plane: Words) -> Words:
    """Return the part of the opposite bits: server 0 flips."""
    return me.kernels.invert(plane) if me.role == 0 else plane


def opposite(me: Actor, bit: Bits) -> Bits:
    """Return 1 − bit; no message."""
    return replace(bit, plane=flipped(me, bit.plane))


def subsets(monomials: Sequence[Monomial]) -> list[Monomial]:
    """Return the products of two variables or more that divide some monomial, in a fixed order."""
    found = {
        chosen
        for term in monomials
        for size in range(2, len(term) + 1)
        for chosen in combinations(term, size)
    }
    return sorted(found)


async def polynomials(me: Actor, variables: Words, outputs: Sequence[Sequence[Monomial]]) -> list[Words]:
    """Return a plane for each output: the XOR of its monomials, ascending tuples of rows of `variables`.

    Each variable v is opened once, as V = v ⊕ m, and ∏ v = ∏ (V ⊕ m) multiplied out: the products of the
    masks m are dealt. Source: Beaver 1991 for two factors; for more ours.

    Rounds: 1. Bits, of each value: 2 a variable online, 1 a product of masks offline.
    """
    k = me.kernels
    rows, width = variables.shape
    needed = subsets([term for output in outputs for term in output])
    masks = me.mask("variables", (rows, width), BYTE)
    part = Part(k.xor(variables, masks))
    me.send(part)
    piece = [planes(len(needed), width)] if needed else []
    dealt = await me.dealt(
        "products", piece, lambda tools: [tools.stack(list(_products(tools, masks, needed)), 0)]
    )
    (opened,) = await me.opened(part)
    place = {term: number for number, term in enumerate(needed)}
    public = _Products(k, opened)
    results = []
    for output in outputs:
        total = k.zeros((width,), BYTE)
        factors: dict[Monomial, list[Monomial]] = {}
        for term in output:
            for size in range(len(term) + 1):
                for chosen in combinations(term, size):
                    factors.setdefault(chosen, []).append(tuple(v for v in term if v not in chosen))
        for chosen, rests in factors.items():
            if not chosen:
                if me.role == 0:
                    total = k.xor(total, public.sum(rests))
                continue
            own = masks[chosen[0]] if len(chosen) == 1 else dealt[0][place[chosen]]
            plain = () in rests  # a coefficient of 1
            rests = [rest for rest in rests if rest]
            if plain:
                total = k.xor(total, own)
            if rests:
                total = k.xor(total, k.and_(own, public.sum(rests)))
        results.append(total)
    return results


def _products(tools: ModuleType, masks: Words, needed: Sequence[Monomial]) -> Iterator[Words]:
    """Yield the products of masks, each from that of all but its last factor."""
    known: dict[Monomial, Words] = {}
    for term in sorted(needed, key=len):
        shorter = known[term[:-1]] if len(term) > 2 else masks[term[0]]
        known[term] = tools.and_(shorter, masks[term[-1]])
    for term in needed:
        yield known[term]


class _Products:
    """Products of opened planes, each computed once."""

    def __init__(self, kernels: ModuleType, rows: Words) -> None:
        self._kernels = kernels
        self._known: dict[Monomial, Words] = {(row,): rows[row] for row in range(len(rows))}

    def of(self, term: Monomial) -> Words:
        """Return a product of rows."""
        if term not in self._known:
            self._known[term] = self._kernels.and_(self.of(term[:-1]), self.of(term[-1:]))
        return self._known[term]

    def sum(self, terms: Sequence[Monomial]) -> Words:
        """Return the XOR of products, none of them empty."""
        total = self.of(terms[0])
        for term in terms[1:]:
            total = self._kernels.xor(total, self.of(term))
        return total


async def both(me: Actor, bit: Bits, other: Bits) -> Bits:
    """Return the conjunction. Rounds: 1. Bits: 4 online, 1 offline. Source: Beaver 1991."""
    (found,) = await polynomials(me, me.kernels.stack([bit.plane, other.plane], 0), [[(0, 1)]])
    return Bits(bit.shape, found)


async def to_value(me: Actor, bit: Bits) -> Words:
    """Return the integers of bits; see `numbers`."""
    return (await numbers(me, bit.plane.reshape(1, -1), size_of(bit.shape))).reshape(bit.shape)


async def numbers(me: Actor, bits: Words, n: int) -> Words:
    """Return integers (rows, n) of planes (rows, ⌈n/8⌉).

    e = bit ⊕ d is opened, bit = e + (1 − 2e) d, and d is dealt as a number.

    Rounds: 1. Bits: 2 online, l offline. Source: Rotaru, Wood 2019 (daBits).
    """
    k, ring, rows = me.kernels, me.ring, len(bits)
    d = me.mask("bit", bits.shape, BYTE)
    part = Part(k.xor(bits, d))
    me.send(part)
    (number,) = await me.dealt(
        "d",
        [Piece((rows, n), ring.dtype, ring.bits)],
        lambda tools: [tools.stack([bit_words(tools, row, n, ring.dtype) for row in d], 0)],
    )
    (e,) = await me.opened(part)
    chosen = k.stack([bit_words(k, row, n, ring.dtype) for row in e], 0)
    sign = k.sub(k.full((), 1, ring.dtype), k.shift_left(chosen, 1))
    words: Words = k.add(me.public(chosen), k.mul(sign, number))
    return words


def from_value(me: Actor, x: Words) -> Bits:
    """Return the lowest bits of numbers: the XOR of the parts' lowest bits; no message."""
    return Bits(x.shape, me.kernels.bit_planes(x, 0, 1)[0])
