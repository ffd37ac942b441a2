"""Exact quotients of shared numbers, digit by digit: what a leaf answers, from what its rows add up to."""

from __future__ import annotations

import numpy as np

from protocols.replicated3.constructions import is_negative, multiply
from protocols.replicated3.sharings import (
    Server,
    Share,
    add,
    add_public,
    multiply_public,
    negate,
    subtract,
)
from protocols.tables import opposite

DIGIT = 5
"""Bits of a digit of a quotient."""
MEAN = 19
"""Bits of a mean without its sign: those of a target, and the rest its fraction."""


async def quotients(server: Server, above: Share, below: Share, digits: int, bits: int) -> Share:
    """Return ⌊above / below⌋ of vectors, cut to [0, 2^(5·digits)).

    Where below is 0, all digits are 31, or 0 where above is negative.

    A long division, digits of 5 bits: each is the number of its multiples of the divisor, 31 of them at
    once, that the rest is not below.

    Args:
        server: with its choices.
        above, below: (n,), whole numbers; below is not negative.
        digits: of the quotient.
        bits: signed bits that hold `above` less any multiple of `below` up to 2^(5·digits).

    Rounds: for each digit a sign's, a bit's as a number, and 1 (not after the last). Bits: those of 31
    signs a digit, 3l more for each digit but the last.
    """
    k, ring, dtype = server.kernels, server.ring, server.ring.dtype
    multiples = ring.encode_integers(np.arange(1, 1 << DIGIT)).reshape(-1, 1)
    found, rest = Share(k.zeros(above.shape, dtype), k.zeros(above.shape, dtype)), above
    for place in reversed(range(0, DIGIT * digits, DIGIT)):
        weight = k.full((), 1 << place, dtype)
        unit = multiply_public(server, below, weight)
        gaps = subtract(
            server, rest.reshape(1, -1), multiply_public(server, unit.reshape(1, -1), multiples)
        )
        reached = opposite(server, await is_negative(server, gaps, bits))
        digit = Share(k.sum(reached.a, 0), k.sum(reached.b, 0))
        found = add(server, found, multiply_public(server, digit, weight))
        if place:
            rest = add(server, rest, negate(server, await multiply(server, digit, unit)))
    return found


async def means(server: Server, sums: Share, sizes: Share, target_bits: int, rows: int) -> Share:
    """Return ⌊Σy / rows⌋ of leaves (n,), at 2^(19 − target_bits) times the targets' scale, exactly.

    Args:
        server: with its choices.
        sums, sizes: of the leaves' targets, and how many there are.
        target_bits: bits of a target without its sign.
        rows: of the table, at most.

    A leaf without a row has nothing to answer, and no row comes to it. Rounds and bits: those of
    `quotients` of four digits.
    """
    k, dtype = server.kernels, server.ring.dtype
    offset = k.full((), 1 << MEAN, dtype)
    scaled = multiply_public(server, sums, k.full((), 1 << (MEAN - target_bits), dtype))
    raised = add(server, scaled, multiply_public(server, sizes, offset))
    digits = (MEAN + 1) // DIGIT
    found = await quotients(server, raised, sizes, digits, MEAN + rows.bit_length() + 3)
    return add_public(server, found, k.sub(k.zeros((), dtype), offset))
