"""Bilinear products, and what becomes of them: shares, halves, quotients by a power of two.

xy = (x_0 + x_1)(y_0 + y_1) + (x_2 + x_3)(y_2 + y_3) + Σ (x_i y_j + x_j y_i), i < 2 ≤ j: six terms, each
known to a pair of servers. Source: Dalskov, Escudero, Keller 2021, §3.2, whose ten terms are added up where
the same pair knows them.
"""

from __future__ import annotations

from collections.abc import Callable

from protocols.domains import Ring, Words
from protocols.family import Kind, Padding, bilinear
from protocols.replicated4.joint import crossing, own, spread, total
from protocols.replicated4.seat import Algebra, Parts, Seat
from protocols.replicated4.sharing import Share, Sum, half


def terms(me: Seat, times: Callable[[Words, Words], Words], algebra: Algebra, x: Parts, y: Parts) -> Sum:
    """Return what this server's pairs know of a product; no message."""
    one, other = me.known
    mine = times(algebra.add(x[one], x[other]), algebra.add(y[one], y[other]))
    first, second = (
        algebra.add(times(x[low], y[high]), times(x[high], y[low])) for _, low, high in me.crossings
    )
    return Sum(mine, (first, second))


def product(me: Seat, kind: Kind, x: Share, y: Share, stride: tuple[int, int], padding: Padding) -> Sum:
    """Return the terms of x ∘ y, not rescaled; no message."""

    def times(a: Words, b: Words) -> Words:
        return bilinear(me.kernels, kind, a, b, stride, padding)

    return terms(me, times, me.words, x.parts, y.parts)


def terms_of(me: Seat, x: Share) -> Sum:
    """Return a value as terms: the couples know all of it; no message."""
    zero = me.kernels.zeros(x.shape, me.ring.dtype)
    return Sum(half(me, x.parts), (zero, zero))


async def shared(me: Seat, z: Sum) -> Share:
    """Return shares of a sum. Rounds: 1. Bits: 6l a number.

    Requires: nothing of the terms: `spread` masks what it sends by a key that the receiver lacks.
    """
    ring = me.ring
    joints = [
        *own(me, "words", z.own, ring.dtype, ring.bits),
        *crossing(me, "words", z.crossed, ring.dtype, ring.bits),
    ]
    return Share(total(me.words, await spread(me, *joints)))


async def halved(me: Seat, z: Sum, bits: int) -> Words:
    """Return this couple's half of a sum mod 2^bits: what it knows, and shares of the rest.

    Requires: nothing of the terms: `spread` masks what it sends by a key that the receiver lacks.

    Rounds: 1. Bits: 4 · bits a number.
    """
    k = me.kernels
    joints = crossing(me, "words", z.crossed, z.own.dtype, bits)
    crossed = total(me.words, await spread(me, *joints))
    words: Words = k.add(z.own, half(me, crossed))
    return words


def crossed(me: Seat, algebra: Algebra, *factors: tuple[Parts, Parts]) -> tuple[Words, Words]:
    """Return this server's two terms of Σ α·β, α shared by the one couple, β by the other; no message."""
    found = []
    for _, low, high in me.crossings:
        products = [algebra.mul(a[low], b[high]) for a, b in factors]
        term = products[0]
        for other in products[1:]:
            term = algebra.add(term, other)
        found.append(term)
    return found[0], found[1]


async def shifted(me: Seat, own_half: Words, bits: int, shift: int, out: Ring) -> Share:
    """Return shares, mod 2^L of `out`, of x / 2^shift, off by less than one unit; |x| < 2^(l−2), l = bits.

    With 2^(l−2) − 2^s added (2^(l−2) where s = 0) x is not negative, so v + w wraps mod 2^l exactly where
    v's or w's top bit is set. Each couple shifts its half and takes 2^(l−s) from it where its top bit is
    set; where both are, that was once too often. 2^s − 1 more makes up for what the two shifts cut off.

    Rounds: 2. Bits: 2L + 6 max(0, L − l + s).
    Source: the wrap argument of SecureML (2017), made exact, on halves that couples know; ours.
    """
    k, dtype = me.kernels, own_half.dtype
    if not 0 <= shift <= bits - 2:
        raise AssertionError(f"a shift by {shift} in a ring of {bits} bits")
    low = me.place < 2
    offset = (1 << (bits - 2)) - (1 << shift if shift else 0)
    added = offset + (1 << shift) - 1
    raised = k.add(own_half, k.full((), added if low else 0, dtype))
    few = max(0, out.bits - bits + shift)
    top = k.astype(k.shift_right(raised, bits - 1, bits), out.dtype)
    moved = k.astype(k.shift_right(raised, shift, bits), out.dtype)
    moved = k.sub(moved, k.full((), offset >> shift if low else 0, out.dtype))
    if not few:
        return Share(total(me.words, await spread(me, *own(me, "words", moved, out.dtype, out.bits))))
    moved = k.sub(moved, k.shift_left(top, bits - shift))
    *values, one, other = await spread(
        me, *own(me, "words", moved, out.dtype, out.bits), *own(me, "words", top, out.dtype, few)
    )
    both = crossed(me, me.words, couples(one, other))
    wraps = total(me.words, await spread(me, *crossing(me, "words", both, out.dtype, few)))
    raised_wraps = {j: k.shift_left(part, bits - shift) for j, part in wraps.items()}
    return Share(total(me.words, [*values, raised_wraps]))


def couples(first: Parts, last: Parts) -> tuple[Parts, Parts]:
    """Return what the servers 2 and 3 shared and what 0 and 1 did, from `spread` of `own`."""
    return last, first
