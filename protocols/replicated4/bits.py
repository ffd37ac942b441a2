"""Bits, a half at each couple: signs of numbers, selections, numbers of bits and bits of numbers.

x = v + w, v known to one couple and w to the other, so a carry is a function of what one couple knows and
what the other knows: each shares its side, and products of both sides are terms that pairs know.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from protocols.domains import Words
from protocols.replicated4.joint import crossing, own, spread, total
from protocols.replicated4.products import couples, crossed, terms
from protocols.replicated4.seat import Parts, Seat
from protocols.replicated4.sharing import Bits, Share, half


async def shared_planes(me: Seat, planes: Words) -> tuple[Parts, Parts]:
    """Return shares of planes that the servers 2 and 3 know, and of such that 0 and 1 know. Rounds: 1."""
    first, last = await spread(me, *own(me, "planes", planes))
    return couples(first, last)


async def shared_words(me: Seat, *words: Words) -> list[tuple[Parts, Parts]]:
    """Return shares of each couple's numbers mod 2^l. Rounds: 1. Bits: 2l a number."""
    ring = me.ring
    found = await spread(
        me, *(joint for one in words for joint in own(me, "words", one, ring.dtype, ring.bits))
    )
    return [couples(*found[i : i + 2]) for i in range(0, len(found), 2)]


async def crossed_words(me: Seat, *factors: tuple[Parts, Parts]) -> Parts:
    """Return shares of Σ α·β mod 2^l, of numbers that couples shared. Rounds: 1. Bits: 4l a number."""
    ring = me.ring
    found = crossed(me, me.words, *factors)
    return total(me.words, await spread(me, *crossing(me, "words", found, ring.dtype, ring.bits)))


async def crossed_planes(me: Seat, both: tuple[Words, Words]) -> Parts:
    """Return shares of planes of which each pair of two couples knows a term. Rounds: 1. Bits: 4 a bit."""
    return total(me.planes, await spread(me, *crossing(me, "planes", both)))


async def ands(me: Seat, x: Parts, y: Parts) -> Parts:
    """Return shares of the conjunctions of shared planes. Rounds: 1. Bits: 6 an AND."""
    found = terms(me, me.kernels.and_, me.planes, x, y)
    joints = [*own(me, "planes", found.own), *crossing(me, "planes", found.crossed)]
    return total(me.planes, await spread(me, *joints))


async def last_ands(me: Seat, x: Parts, y: Parts) -> Words:
    """Return this couple's halves of the conjunctions of shared planes. Rounds: 1. Bits: 4 an AND."""
    found = terms(me, me.kernels.and_, me.planes, x, y)
    words: Words = me.kernels.xor(found.own, plane_half(me, await crossed_planes(me, found.crossed)))
    return words


def plane_half(me: Seat, x: Parts) -> Words:
    """Return this couple's half of shared planes; no message."""
    one, other = me.known
    words: Words = me.kernels.xor(x[one], x[other])
    return words


def cut(x: Parts, rows: Sequence[int] | slice) -> Parts:
    """Return some rows of shared planes."""
    return {j: part[rows] for j, part in x.items()}


def joined(me: Seat, *shares: Parts) -> Parts:
    """Return the rows of shared planes, one after the other."""
    return {j: me.kernels.concatenate([one[j] for one in shares], 0) for j in shares[0]}


# Signs


async def sign(me: Seat, x: Words, bits: int, radix: int) -> Bits:
    """Return the bits that are 1 where x < 0, of signed x of so many bits, from this couple's half.

    The top bit of v + w is that of v, that of w, and the carry out of the bits below. These are cut into
    digits of m bits: each couple shares the one-hot vectors of its digits. [v_d + w_d ≥ 2^m] and
    [v_d + w_d = 2^m − 1] are sums of products of an entry of one and an entry of the other, one term a
    pair, whatever m is. Then neighbours join as in any carry tree, the last of them to halves.

    Rounds: 2 + ⌈log2 of the digits⌉. Bits, for d digits: 2 (2^m − 1) d, 4 (2d − 1), 12 a node that
    something lies below, 6 another, 4 the last. One bit is local.
    Source: the tree as in Sklansky 1960; one-hot digits on halves that couples know are ours.
    """
    k, flat = me.kernels, x.reshape(-1)
    top = k.bit_planes(flat, bits - 1, 1)
    if bits == 1:
        return Bits(x.shape, top)
    generate, propagate = await digits(me, flat, _widths(bits - 1, radix))
    return Bits(x.shape, k.xor(top, await carry(me, generate, propagate)))


def _widths(bits: int, radix: int) -> list[int]:
    """Return the widths of digits, from the lowest: the last has what is left."""
    whole, rest = divmod(bits, radix)
    return [radix] * whole + ([rest] if rest else [])


async def digits(me: Seat, flat: Words, widths: Sequence[int]) -> tuple[Parts, Parts]:
    """Return shares of planes: where sums of digits carry, and, but of the lowest, where they pass on."""
    k, low, vectors = me.kernels, 0, []
    for width in widths:
        vectors.append(k.one_hot(k.bit_planes(flat, low, width), flat.size)[1:])
        low += width
    v, w = await shared_planes(me, k.concatenate(vectors, 0))
    found = []
    for _, one, other in me.crossings:
        carries, passes, row = [], [], 0
        for number, width in enumerate(widths):
            rows = slice(row, row + (1 << width) - 1)
            mine = _whole(me, v[one][rows], one == 0, flat.size)
            theirs = _whole(me, w[other][rows], other == 2, flat.size)
            carries.append(_carried(me, mine, theirs))
            if number:
                passes.append(k.xor_all(k.and_(mine, _reversed(me, theirs))))
            row += (1 << width) - 1
        found.append(k.stack([*carries, *passes], 0))
    shares = await crossed_planes(me, (found[0], found[1]))
    return cut(shares, slice(0, len(widths))), cut(shares, slice(len(widths), None))


def _whole(me: Seat, entries: Words, flips: bool, n: int) -> Words:
    """Return a component of a one-hot vector with entry 0, which is what the others leave of 1."""
    k = me.kernels
    rest = k.xor_all(entries)
    if flips:
        rest = k.xor(rest, k.bit_planes(k.full((n,), 1, me.ring.dtype), 0, 1)[0])
    words: Words = k.concatenate([rest.reshape(1, -1), entries], 0)
    return words


def _reversed(me: Seat, entries: Words) -> Words:
    """Return the rows from the last on."""
    words: Words = me.kernels.stack([entries[row] for row in range(len(entries) - 1, -1, -1)], 0)
    return words


def _carried(me: Seat, mine: Words, theirs: Words) -> Words:
    """Return Σ of mine[a] · theirs[b] over a + b ≥ 2^m, b's summed up first."""
    k, size = me.kernels, len(mine)
    above, found = theirs[size - 1], None
    for a in range(1, size):
        term = k.and_(mine[a], above)
        found = term if found is None else k.xor(found, term)
        if a < size - 1:
            above = k.xor(above, theirs[size - 1 - a])
    assert found is not None
    words: Words = found
    return words


async def carry(me: Seat, generate: Parts, propagate: Parts) -> Words:
    """Return this couple's halves (1, ⌈n/8⌉) of the carry out of all digits, from the lowest up.

    `propagate` lacks the lowest digit. Neighbours: g = g_1 ⊕ p_1 g_0, p = p_1 p_0.
    """
    while (count := len(next(iter(generate.values())))) > 1:
        pairs = count // 2
        upper = [2 * i + 1 for i in range(pairs)]
        lower = [2 * i for i in range(pairs)]
        high = cut(propagate, [i - 1 for i in upper])
        if count == 2:
            passed = await last_ands(me, high, cut(generate, lower))
            words: Words = me.kernels.xor(plane_half(me, cut(generate, upper)), passed)
            return words
        joint = cut(high, slice(1, None))
        below = cut(propagate, [i - 1 for i in lower[1:]])
        found = await ands(me, joined(me, high, joint), joined(me, cut(generate, lower), below))
        joined_up = total(me.planes, [cut(generate, upper), cut(found, slice(0, pairs))])
        left = slice(2 * pairs, None)
        generate = joined(me, joined_up, cut(generate, left))
        propagate = joined(me, cut(found, slice(pairs, None)), cut(propagate, slice(2 * pairs - 1, None)))
    return plane_half(me, generate)


# Bits and numbers


def bit_words(me: Seat, bit: Bits) -> Words:
    """Return this couple's half of bits as words, a vector."""
    words: Words = me.kernels.from_planes(bit.plane.reshape(1, -1), math.prod(bit.shape), me.ring.dtype)
    return words


async def select(me: Seat, bit: Bits, x: Share) -> Share:
    """Return bit · x, of one shape, by b = β + c − 2βc, and with u = βv and t = cw.

    b · x = u + t + (v − 2u) c + β (w − 2t), where v and w are shared already.

    Rounds: 2. Bits: 8l.
    """
    k = me.kernels
    flat = {j: part.reshape(-1) for j, part in x.parts.items()}
    mine = bit_words(me, bit)
    (beta, c), (u, t) = await shared_words(me, mine, k.mul(mine, half(me, flat)))

    def rest(j: int, taken: Parts) -> Words:
        return k.sub(flat[j], k.shift_left(taken[j], 1))  # type: ignore[no-any-return]

    v = {j: rest(j, u) for j in u}
    w = {j: rest(j, t) for j in t}
    found = total(me.words, [u, t, await crossed_words(me, (v, c), (beta, w))])
    return Share({j: part.reshape(x.shape) for j, part in found.items()})


async def select_half(me: Seat, bit: Bits, mine: Words, bits: int) -> Words:
    """Return this couple's half of bit · x mod 2^bits, from its half of x, a vector.

    As `select`, but u and t stay with their couples, and v − 2u and w − 2t are shared.

    Rounds: 2. Bits: 8 · bits.
    """
    k, dtype = me.kernels, mine.dtype
    chosen = k.from_planes(bit.plane.reshape(1, -1), mine.size, dtype)
    kept = k.mul(chosen, mine)
    rest = k.sub(mine, k.shift_left(kept, 1))
    found = await spread(
        me, *(joint for one in (chosen, rest) for joint in own(me, "words", one, dtype, bits))
    )
    (beta, c), (v, w) = couples(*found[:2]), couples(*found[2:])
    both = crossed(me, me.words, (v, c), (beta, w))
    shares = total(me.words, await spread(me, *crossing(me, "words", both, dtype, bits)))
    words: Words = k.add(kept, half(me, shares))
    return words


async def numbers(me: Seat, bit: Bits) -> Share:
    """Return the integers 0 and 1 of bits, β + c − 2βc. Rounds: 2. Bits: 6l."""
    k = me.kernels
    ((beta, c),) = await shared_words(me, bit_words(me, bit))
    both = await crossed_words(me, (beta, c))
    less = {j: k.neg(k.shift_left(part, 1)) for j, part in both.items()}
    found = total(me.words, [beta, c, less])
    return Share({j: part.reshape(bit.shape) for j, part in found.items()})


async def conjunction(me: Seat, bit: Bits, other: Bits) -> Bits:
    """Return the conjunction of bits that are halves. Rounds: 2. Bits: 8."""
    k = me.kernels
    mine = k.stack([bit.plane.reshape(-1), other.plane.reshape(-1)], 0)
    v, w = await shared_planes(me, mine)
    factors = [({j: v[j][i] for j in v}, {j: w[j][1 - i] for j in w}) for i in (0, 1)]
    one, two = crossed(me, me.planes, *factors)
    shares = await crossed_planes(me, (one.reshape(1, -1), two.reshape(1, -1)))
    return Bits(bit.shape, k.xor(k.and_(mine[:1], mine[1:]), plane_half(me, shares)))


def opposite(me: Seat, bit: Bits) -> Bits:
    """Return 1 − bit: the servers 0 and 1 flip; no message."""
    if me.place > 1:
        return bit
    k, n = me.kernels, math.prod(bit.shape)
    return Bits(bit.shape, k.xor(bit.plane, k.bit_planes(k.full((n,), 1, me.ring.dtype), 0, 1)))


async def decompose(me: Seat, flat: Words) -> Words:
    """Return this couple's halves of all bits of numbers, planes (l, ⌈n/8⌉), from its half of them.

    All carries of v + w by Sklansky's network over the lower l − 1 bits. Source: Sklansky 1960.
    Rounds: 2 + ⌈log2(l − 1)⌉. Bits: 2 (l − 1), 4 (l − 1), and 6 an AND.
    """
    k, bits = me.kernels, me.ring.bits
    mine = k.bit_planes(flat, 0, bits)
    count = bits - 1
    v, w = await shared_planes(me, mine[:count])
    generate = await crossed_planes(me, crossed(me, me.planes, (v, w)))
    propagate = total(me.planes, [v, w])
    distance = 1
    while distance < count:
        upper = [j for j in range(count) if j & distance]
        lower = [j - j % distance - 1 for j in upper]
        passing = [number for number, j in enumerate(upper) if j >= 2 * distance]
        high = cut(propagate, upper)
        found = await ands(
            me,
            joined(me, high, cut(high, passing)),
            joined(me, cut(generate, lower), cut(propagate, [lower[i] for i in passing])),
        )
        place = {j: number for number, j in enumerate(upper)}
        after = {upper[i]: len(upper) + number for number, i in enumerate(passing)}
        generate = {
            h: k.stack(
                [k.xor(part[j], found[h][place[j]]) if j in place else part[j] for j in range(count)], 0
            )
            for h, part in generate.items()
        }
        propagate = {
            h: k.stack([found[h][after[j]] if j in after else part[j] for j in range(count)], 0)
            for h, part in propagate.items()
        }
        distance *= 2
    carries = plane_half(me, generate)
    words: Words = k.concatenate([mine[:1], k.xor(mine[1:], carries)], 0)
    return words


async def compose(me: Seat, planes: Words, n: int) -> Share:
    """Return the n numbers of halves of all their bits: Σ 2^j (β_j + c_j − 2 β_j c_j).

    β_j and c_j are shared mod 2^(l − 1 − j), all products of a number are one sum.
    Rounds: 2. Bits: l(l − 1), 6l. Source: as in Demmler, Schneider, Zohner 2015 (ABY), a bit at a time.
    """
    k, ring = me.kernels, me.ring
    lower = ring.bits - 1
    rows = k.stack([k.from_planes(planes[j : j + 1], n, ring.dtype) for j in range(lower)], 0)
    first, last = await spread(me, *own(me, "stairs", rows, ring.dtype, lower))
    v, w = couples(first, last)
    factors = [
        ({h: k.neg(k.shift_left(v[h][j], j + 1)) for h in v}, {h: w[h][j] for h in w}) for j in range(lower)
    ]
    both = crossed(me, me.words, *factors)
    mine = k.from_planes(planes, n, ring.dtype)
    joints = [
        *own(me, "words", mine, ring.dtype, ring.bits),
        *crossing(me, "words", both, ring.dtype, ring.bits),
    ]
    return Share(total(me.words, await spread(me, *joints)))
