"""Values in order, and the greatest of them."""

from __future__ import annotations

from mpcsim import InputError
from protocols.replicated3.sharings import Column, Share
from protocols.tables.sort import DIGIT
from protocols.tables.steps import Steps


async def sort(
    steps: Steps, x: Share, bits: int | None = None, digit: int = DIGIT, carried: bool = False
) -> Share:
    """Return signed values of `bits` bits (those of a value by default) ascending along the last axis."""
    ring = steps.server.ring
    key = await steps.key_of(x, bits or ring.value_bits)
    return (await steps.sort_by([key], [Column(x, ring.bits)], digit, carried))[0]


async def top(
    steps: Steps, x: Share, count: int, bits: int | None = None, digit: int = DIGIT
) -> tuple[Share, Share]:
    """Return the `count` largest along the last axis, greatest first, and their row numbers mod 2^b.

    Of equal values the one of the lowest row comes first. Rounds and bits: those of `sort`.

    Raises:
        InputError: more than there are rows, or none.
    """
    rows, ring = x.shape[-1], steps.server.ring
    if not 1 <= count <= rows:
        raise InputError(f"the top {count} of {rows} rows: accepted are 1 to {rows}")
    order = await steps.order_by([await steps.key_of(x, bits or ring.value_bits, descending=True)], digit)
    [values] = await steps.apply_order(order, [Column(x, ring.bits)])
    return values[..., :count], order[..., :count]
