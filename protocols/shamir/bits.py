"""Bits shared in GF(2^w): of the integers that t + 1 servers hold, added up without opening anything.

Planes of n bits stand one after the other, the lowest first, in arrays (planes, n).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from protocols.domains import Words
from protocols.family import Shape
from protocols.shamir.arithmetic import flat
from protocols.shamir.integers import added, addend
from protocols.shamir.points import at_zero
from protocols.shamir.products import reduced
from protocols.shamir.server import Server, deal

WORD = 64


@dataclass(frozen=True)
class Bits:
    """This server's shares of bits of a shape, in a row."""

    shape: Shape
    shares: Words


def opposite(me: Server, bit: Bits) -> Bits:
    """Return 1 − bit; no message."""
    one = me.kernels.full((), 1, np.dtype(np.uint8))
    return replace(bit, shares=me.kernels.xor(bit.shares, one))


async def both(me: Server, x: Words, y: Words) -> Words:
    """Return the conjunction of planes; see `reduced`."""
    z = await reduced(me, me.bits, flat(me.bits.mul(x, y)))
    return z.reshape(x.shape)


async def planes(me: Server, own: Words, count: int) -> list[Words]:
    """Return shares of the lowest bits of the integers of t + 1 servers, (count, n) each.

    Rounds: 1. Bits: (t + 1)(n − 1 − t) w for each.
    """
    k, n, mine = me.kernels, own.size, None
    if me.place <= me.t:
        words = k.mersenne_words(own)
        rows = [k.astype(k.shift_right(k.low_bits(words, j + 1), j, WORD), np.uint8) for j in range(count)]
        mine = k.concatenate(rows, 0)
    shares = await deal(me, me.bits, "bits", range(me.t + 1), mine, count * n)
    return [share.reshape(count, n) for share in shares]


async def two(me: Server, addends: Sequence[Words]) -> tuple[Words, Words]:
    """Return two numbers with the sum of all, mod 2^planes: three become two, the sum and the carries.

    Rounds: a multiplication's for each level of threes.
    """
    k, numbers = me.kernels, list(addends)
    while len(numbers) > 2:
        threes = len(numbers) // 3
        a, b, c = (k.stack(numbers[place : 3 * threes : 3], 0) for place in (0, 1, 2))
        total = k.xor(k.xor(a, b), c)
        x, y, z = (part[:, :-1] for part in (k.xor(a, c), k.xor(b, c), c))
        carries = k.xor(await both(me, x, y), z)
        moved = k.pad(carries, ((0, 0), (1, 0), (0, 0)))
        rest = numbers[3 * threes :]
        numbers = [part[place] for place in range(threes) for part in (total, moved)] + rest
    return numbers[0], numbers[1]


async def carry(me: Server, a: Words, b: Words) -> Words:
    """Return the carry out of the sum of two numbers, by a tree over its places.

    The lowest node needs no propagation: it sends half. Source: Brent, Kung 1982.
    """
    k = me.kernels
    generate, propagate = await both(me, a, b), k.xor(a, b)
    while (count := len(generate)) > 1:
        pairs = slice(0, count - count % 2, 2), slice(1, count, 2)
        (low_g, high_g), (low_p, high_p) = (
            [part[place] for place in pairs] for part in (generate, propagate)
        )
        left = k.concatenate([high_p, high_p[1:]], 0)
        right = k.concatenate([low_g, low_p[1:]], 0)
        found, nodes = await both(me, left, right), count // 2
        top = slice(2 * nodes, None)
        first = k.zeros((1, a.shape[1]), np.dtype(np.uint8))  # of the lowest node, never read
        generate = k.concatenate([k.xor(high_g, found[:nodes]), generate[top]], 0)
        propagate = k.concatenate([first, found[nodes:], propagate[top]], 0)
    return generate[0]  # type: ignore[no-any-return]


async def sign(me: Server, x: Words, bits: int) -> Words:
    """Return shares of the bit that is 1 where x < 0, for n signed integers of so many bits."""
    me.prime.hold(bits, "a comparison")
    a, b = await two(me, await planes(me, await addend(me, x, bits), bits))
    top = me.kernels.xor(a[-1], b[-1])
    if bits == 1:
        return top  # type: ignore[no-any-return]
    return me.kernels.xor(top, await carry(me, a[:-1], b[:-1]))  # type: ignore[no-any-return]


async def decomposed(me: Server, x: Words, bits: int, count: int) -> Words:
    """Return all of the lowest bits of x, (count, n), for signed integers of so many bits."""
    return await total(me, await planes(me, await addend(me, x, bits), count))


async def total(me: Server, addends: Sequence[Words]) -> Words:
    """Return the sum of numbers mod 2^planes, by Sklansky's network over all places but the last.

    At distance s a block of places from an odd multiple of s on takes the carry below it.
    Source: Sklansky 1960.
    """
    k = me.kernels
    a, b = await two(me, addends)
    parity, last = k.xor(a, b), len(a) - 1
    if last == 0:
        return parity  # type: ignore[no-any-return]
    found = await both(me, a[:-1], b[:-1])
    g, p = [found[j] for j in range(last)], [parity[j] for j in range(last)]
    distance = 1
    while distance < last:
        blocks = range(distance, last, 2 * distance)
        steps = [(j, block) for block in blocks for j in range(block, min(block + distance, last))]
        further = [(j, block) for j, block in steps if block > distance]
        left = k.stack([p[j] for j, _ in (*steps, *further)], 0)
        below = [g[block - 1] for _, block in steps] + [p[block - 1] for _, block in further]
        found = await both(me, left, k.stack(below, 0))
        for row, (j, _) in enumerate(steps):
            g[j] = k.xor(g[j], found[row])
        for row, (j, _) in enumerate(further, len(steps)):
            p[j] = found[row]
        distance *= 2
    return k.xor(parity, k.pad(k.stack(g, 0), ((1, 0), (0, 0))))  # type: ignore[no-any-return]


async def truncated_exactly(me: Server, x: Words, shift: int) -> Words:
    """Return shares of ⌊x / 2^shift⌋: t + 1 servers round down, and the carry of what they drop is added.

    Rounds: those of `addend`, then of bits, of a carry and of a bit as a number, beside a dealing.
    """
    of, k = me.numbers, me.kernels
    own = await addend(me, x, me.prime.bits)
    half = me.prime.encode_integers(np.asarray(1 << (shift - 1)))
    mine = k.mersenne_shift(of.sub(own, half), shift) if me.place <= me.t else None
    down, up = await me.party.gather(added(me, "cut", mine, x.size), _carried(me, own, shift))
    return of.add(down, up)


async def _carried(me: Server, own: Words, shift: int) -> Words:
    """Return shares of the carry of the lower bits of t + 1 integers: a number up to t."""
    k, n, more = me.kernels, own.size, me.t.bit_length()
    addends = await planes(me, own, shift)
    if more == 1:
        return await to_numbers(me, await carry(me, *addends))
    wide = [k.pad(one, ((0, more), (0, 0))) for one in addends]
    found = (await to_numbers(me, flat((await total(me, wide))[shift:]))).reshape(more, n)
    return me.numbers.combined([1 << j for j in range(more)], [found[j] for j in range(more)])


async def minus_ones(me: Server, bits: Words) -> Words:
    """Return shares mod p of (−1)^bit.

    The t + 1 terms of the interpolation in GF(2^w) have lowest bits whose ⊕ is the bit. Each of their
    servers deals (−1)^(its own), and these are multiplied.

    Rounds: 1, and ⌈log2(t + 1)⌉ multiplications'. Elements: (t + 1)(n − 1 − t), and t multiplications'.
    """
    of, k, n, holders, mine = me.numbers, me.kernels, bits.size, range(me.t + 1), None
    if me.place in holders:
        weight = at_zero(me.bits.field, len(holders))[me.place]
        term = k.low_bits(me.bits.combined((weight,), [bits]), 1)
        number = k.mersenne_integers(k.astype(term, np.dtype(np.uint64)), of.dtype)
        mine = of.sub(of.full((n,), 1), of.add(number, number))
    signs = await deal(me, of, "sign", holders, mine, n)
    while len(signs) > 1:
        pairs = len(signs) // 2
        left, right = (k.concatenate(signs[place : 2 * pairs : 2], 0) for place in range(2))
        found = (await reduced(me, of, of.mul(left, right))).reshape(pairs, n)
        signs = [*(found[pair] for pair in range(pairs)), *signs[2 * pairs :]]
    return signs[0]


def halved(me: Server, x: Words) -> Words:
    """Return x / 2 of even numbers."""
    return me.numbers.mul(x, me.prime.encode_integers(np.asarray(me.prime.inverse(2), object)))


async def to_numbers(me: Server, bits: Words) -> Words:
    """Return shares mod p of bits: (1 − (−1)^bit) / 2."""
    of = me.numbers
    return halved(me, of.sub(of.full((bits.size,), 1), await minus_ones(me, bits)))


async def chosen(me: Server, bits: Words, x: Words) -> Words:
    """Return shares of bit · x: (x − (−1)^bit x) / 2; a multiplication more than `minus_ones`."""
    of = me.numbers
    turned = await reduced(me, of, of.mul(await minus_ones(me, bits), x))
    return halved(me, of.sub(x, turned))


async def from_number(me: Server, x: Words) -> Words:
    """Return shares of bits that are given as integers: the ⊕ of the lowest bits of what adds up to x."""
    found, *rest = await planes(me, await addend(me, x, 2), 1)
    for share in rest:
        found = me.kernels.xor(found, share)
    return found[0]  # type: ignore[no-any-return]


async def composed(me: Server, bits: Words) -> Words:
    """Return shares of the signed integers whose bits, (count, n), are given."""
    count, n = bits.shape
    numbers = (await to_numbers(me, flat(bits))).reshape(count, n)
    weights = [1 << j for j in range(count - 1)] + [-(1 << (count - 1))]
    return me.numbers.combined(weights, [numbers[j] for j in range(count)])
