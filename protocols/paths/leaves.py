"""What leaves answer of the targets that they have added up: their means."""

from __future__ import annotations

from protocols.family import Family, Value
from protocols.paths.quotients import DIGIT, quotients

MEAN_BITS = 19
"""Bits of a mean without its sign: those of a target, and the rest its fraction."""


async def means(me: Family, sums: Value, sizes: Value, target_bits: int, rows: int) -> Value:
    """Return ⌊Σy / rows⌋ of leaves (n,), at 2^(19 − target_bits) times the targets' scale, exactly.

    Args:
        me: the view of a family.
        sums, sizes: of the leaves' targets, and how many there are.
        target_bits: bits of a target without its sign.
        rows: of the table, at most.

    Means are raised by 2^19 so that none is negative. A leaf without a row has nothing to answer, and no
    row comes to it. Rounds and what is sent: those of `quotients` of four digits.
    """
    scaled = me.scale(sums, me.constant(1, MEAN_BITS - target_bits))
    raised = me.add(scaled, me.scale(sizes, me.constant(1, MEAN_BITS)))
    digits = (MEAN_BITS + 1) // DIGIT
    found = await quotients(me, raised, sizes, digits, MEAN_BITS + rows.bit_length() + 3)
    return me.add_public(found, me.constant(-1, MEAN_BITS))
