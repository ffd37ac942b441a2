"""Secure comparison (POMIC algorithm 1): the sign bit of a shared number.

A number mod 2^k in halves v + w is negative where msb(v) ⊕ msb(w) ⊕ carry is 1, the carry being that of
the lower k − 1 bits of v + w. The forms differ in how they find the carry, in a module each.
"""

from __future__ import annotations

from collections.abc import Sequence

from protocols.domains import word_type
from protocols.replicated3.constructions.adder import carry_by_prefix, carry_by_ripple, carry_by_tree
from protocols.replicated3.constructions.carry_masked import carry_by_masked_digits
from protocols.replicated3.constructions.carry_table import carries_by_table, carry_by_table
from protocols.replicated3.constructions.selection import bit_to_share
from protocols.replicated3.sharings import (
    BitHalves,
    Halves,
    Server,
    Share,
    complement,
    concatenate,
    elementwise,
    in_thirds,
    planes_of,
    share_to_halves,
    subtract,
)

FORMS = {
    "table": carry_by_table,
    "masked": carry_by_masked_digits,
    "tree": carry_by_tree,
    "prefix": carry_by_prefix,
    "ripple": carry_by_ripple,
}


async def sign(server: Server, x: Halves) -> BitHalves:
    """Return the sign bit of values of any shape, as halves: 1 where x < 0.

    Rounds and bits: those of the comparison that the server's choices name, with k = x.bits; above 64 bits
    of the table's where they name masked digits.
    """
    k, n, form = server.kernels, x.half.size, server.choices.comparison
    flat = x.flat() if x.upper is not None else Halves(k.low_bits(x.half.reshape(-1), x.bits), x.bits)
    half = planes_of(server, flat, x.bits - 1, 1)
    if x.bits > 1:
        carry = await FORMS["table" if form == "masked" and x.upper is not None else form](server, flat)
        half = k.xor(half, carry.reshape(1, -1))
    return BitHalves(k.from_planes(half, n, word_type(x.bits)).reshape(x.shape))


async def below(server: Server, x: Halves, limits: Sequence[int]) -> BitHalves:
    """Return the bits that are 1 where a vector is below each of several public limits: (limits, n).

    Servers 1 and 2 take the limits off their half, so that in the `table` comparison server 0 deals its
    digits once; the others compare as many numbers as there are limits. x − limit has x.bits signed bits.
    """
    k, dtype, n = server.kernels, x.half.dtype, x.half.size
    taken = k.stack(
        [k.full((1,), 0 if server.role == 0 else -limit % 2**x.bits, dtype) for limit in limits]
    )
    gaps = k.low_bits(k.add(x.half.reshape(1, n), taken), x.bits)
    if server.choices.comparison != "table" or x.bits == 1:
        return await sign(server, Halves(gaps, x.bits))
    whole = -(-n // 8) * 8  # each limit's bits start a byte
    padded = gaps if whole == n else k.pad(gaps, [(0, 0), (0, whole - n)])
    planes = k.bit_planes(padded, 0, x.bits)
    planes = planes.reshape(x.bits, len(limits), whole // 8)
    carries = await carries_by_table(server, planes[:-1], n)
    signs = k.xor(planes[-1], carries.reshape(len(limits), -1))
    words = k.from_planes(signs.reshape(1, -1), len(limits) * whole, word_type(x.bits))
    return BitHalves(words.reshape(len(limits), whole)[:, :n])


async def inside(
    server: Server, x: Share, limits: Sequence[int], intervals: Sequence[tuple[int, int | None]], bits: int
) -> Share:
    """Return shares of the integer 1 where L_i ≤ x < L_j for each interval (i, j): (intervals, n).

    A bit is the ⊕ of two comparisons with `limits` (of the one, where j is None), and becomes a number.
    Signed x − L have `bits` bits. Rounds: those of a sign and of a bit as a number.
    """

    async def third(server: Server, x: Share) -> Share:
        k = server.kernels
        under = (await below(server, share_to_halves(server, x, bits), limits)).half
        always = complement(server, BitHalves(k.zeros((1, x.size), under.dtype))).half
        ends = k.concatenate([under, always], 0)
        first, last = [i for i, _ in intervals], [len(limits) if j is None else j for _, j in intervals]
        words = k.astype(k.xor(k.take(ends, first, 0), k.take(ends, last, 0)), server.ring.dtype)
        return await bit_to_share(server, BitHalves(words))

    thirds = await in_thirds(server, third, x.size, lambda part: (x[part],))
    return concatenate(server, thirds, axis=1)


async def is_negative(server: Server, x: Share, bits: int | None = None) -> Share:
    """Return shares of the integer 1 where x < 0 and 0 elsewhere, for signed x of `bits` bits.

    `bits` is by default that of a value. Rounds: the sign's + 2 (one where selection takes one), less
    one that the dealing overlaps.
    """
    width = bits or server.ring.value_bits

    async def third(server: Server, x: Share) -> Share:
        return await bit_to_share(server, await sign(server, share_to_halves(server, x, width)))

    return await elementwise(server, third, x)


async def less_than(server: Server, x: Share, y: Share) -> Share:
    """Return shares of the integer 1 where x < y (POMIC algorithm 1), for values."""
    return await is_negative(server, subtract(server, x, y), server.ring.value_bits + 1)
