"""Sums by group: rows with equal keys come together, and nobody learns how many groups there are."""

from __future__ import annotations

from collections.abc import Sequence

from mpcsim import InputError
from protocols.replicated3.constructions import is_zero, multiply
from protocols.replicated3.sharings import Server, Share, add_public, concatenate, negate, public, subtract
from protocols.tables.orders import apply_order
from protocols.tables.shuffle import Column
from protocols.tables.sort import DIGIT, Key, key_of, order_by, prefix_sums, sort_by


async def group_sums(
    server: Server, keys: Share, values: Sequence[Share], bits: int | None = None, digit: int = DIGIT
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
    wrong = [one.shape for one in values if one.shape != keys.shape]
    if wrong or not values:
        found = ", ".join(map(str, wrong)) or "none"
        raise InputError(
            f"columns to sum: found the shapes {found}; accepted: that of the keys, {keys.shape}"
        )
    width, ring = bits or server.ring.value_bits, server.ring
    table = [Column(one, ring.bits) for one in (keys, *values)]
    keys, *values = await sort_by(server, [await key_of(server, keys, width)], table, digit)
    zero = public(server, server.kernels.zeros((*keys.shape[:-1], 1), ring.dtype))
    same = zero
    if keys.shape[-1] > 1:
        equal = await is_zero(server, subtract(server, keys[..., :-1], keys[..., 1:]), width)
        same = concatenate(server, [equal, zero], -1)
    k = server.kernels
    last = await order_by(server, [Key(Share(k.low_bits(same.a, 1), k.low_bits(same.b, 1)), 1)], 1)
    moved = [keys, same, *(prefix_sums(server, one) for one in values)]
    ends, same, *totals = await apply_order(server, last, [Column(one, ring.bits) for one in moved])
    present = add_public(server, negate(server, same), k.full(same.shape, 1, ring.dtype))
    sums = [subtract(server, one, concatenate(server, [zero, one[..., :-1]], -1)) for one in totals]
    rows = concatenate(server, [one.reshape(1, *keys.shape) for one in (ends, *sums)])
    there = concatenate(server, [present.reshape(1, *keys.shape)] * (1 + len(sums)))
    kept = await multiply(server, rows, there)
    return kept[0], [kept[1 + i] for i in range(len(sums))], present
