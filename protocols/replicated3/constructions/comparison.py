"""Secure comparison (POMIC algorithm 1): the sign bit of a shared number.

A number mod 2^k in halves v + w is negative where msb(v) ⊕ msb(w) ⊕ carry is 1, the carry being that of
the lower k − 1 bits of v + w. The forms differ in how they find the carry, in a module each.
"""

from __future__ import annotations

from protocols.domains import word_type
from protocols.replicated3.constructions.adder import carry_by_prefix, carry_by_ripple, carry_by_tree
from protocols.replicated3.constructions.carry_masked import carry_by_masked_digits
from protocols.replicated3.constructions.carry_table import carry_by_table
from protocols.replicated3.constructions.selection import bit_to_share
from protocols.replicated3.sharings import (
    BitHalves,
    Halves,
    Server,
    Share,
    elementwise,
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
