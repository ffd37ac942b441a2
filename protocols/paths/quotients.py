"""Exact quotients of whole numbers, digit by digit, over the interface of a family."""

from __future__ import annotations

import numpy as np

from protocols.family import Family, Value

DIGIT = 5
"""Bits of a digit of a quotient."""


async def quotients(me: Family, above: Value, below: Value, digits: int, bits: int) -> Value:
    """Return ⌊above / below⌋ of vectors, cut to [0, 2^(5·digits)).

    A long division, digits of 5 bits: each is the number of its multiples of the divisor, 31 of them at
    once, that the rest is not below. Where below is 0, all digits are 31, or 0 where above is negative.

    Args:
        me: the view of a family.
        above, below: (n,), whole numbers; below is not negative.
        digits: of the quotient.
        bits: signed bits that hold `above` less any multiple of `below` up to 2^(5·digits).

    Rounds: for each digit a sign's, a bit's as a number, and a product's (not after the last). Sent: 31
    signs and 31 bits as numbers a digit and number, a product for each digit but the last.
    """
    (n,), multiples = above.shape, np.arange(1, 1 << DIGIT).reshape(-1, 1)
    found, rest = None, above
    for place in reversed(range(0, DIGIT * digits, DIGIT)):
        weight = me.constant(1, place)
        unit = me.scale(below, weight)
        every = me.scale(me.reshape(unit, (1, n)), me.ring.encode_integers(multiples))
        gaps = me.subtract(me.reshape(rest, (1, n)), every)
        reached = await me.to_value(me.opposite(await me.negative(gaps, bits)))
        digit = me.total(reached, 0)
        part = me.scale(digit, weight)
        found = part if found is None else me.add(found, part)
        if place:
            rest = me.subtract(rest, await me.close(await me.product("mul", digit, unit), 0))
    return found
