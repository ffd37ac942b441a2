"""Sums by group: rows with equal keys come together, and nobody learns how many groups there are."""

from __future__ import annotations

from collections.abc import Sequence

from protocols.replicated3.sharings import Share
from protocols.tables.neighbours import (
    alike,
    as_after,
    columns_of,
    differences,
    kept,
    opposite,
    order_of_zeros,
)
from protocols.tables.sort import DIGIT, prefix_sums
from protocols.tables.steps import Steps


async def group_sums(
    steps: Steps, keys: Share, values: Sequence[Share], bits: int | None = None, digit: int = DIGIT
) -> tuple[Share, list[Share], Share]:
    """Return, for signed keys of `bits` bits (those of a value by default), each key once and its sums.

    Rows are sorted by key; a row ends its group where the next has another key. A stable pass brings
    the ends to the front, where neighbouring prefix sums differ by a group's sum. Rows after the last
    group are zero.

    Returns:
        Keys ascending, the sums of every column of values, and 1 where there is a group, else 0.

    Raises:
        InputError: no column of values, or one that does not have the keys' shape.
    """
    alike(keys, values, "columns to sum")
    server, width = steps.server, bits or steps.server.ring.value_bits
    table = columns_of(server, [keys, *values])
    keys, *values = await steps.sort_by([await steps.key_of(keys, width)], table, digit)
    same = await as_after(steps, keys, width)
    last = await order_of_zeros(steps, same)
    moved = [keys, same, *(prefix_sums(server, one) for one in values)]
    ends, same, *totals = await steps.apply_order(last, columns_of(server, moved))
    present = opposite(server, same)
    sums = [differences(server, one) for one in totals]
    ends, *sums = await kept(steps, [ends, *sums], present)
    return ends, sums, present
