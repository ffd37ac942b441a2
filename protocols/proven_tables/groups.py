"""Sums and maxima by group, and joins: rows with equal keys come together, as in `protocols.tables`."""

from __future__ import annotations

from collections.abc import Sequence

from mpcsim import InputError
from protocols.proven_tables.orders import apply_inverse, apply_order
from protocols.proven_tables.sort import key_of, order_by, sort_by
from protocols.proven_tables.steps import is_zero
from protocols.replicated3.sharings import Share, concatenate, public
from protocols.replicated3_malicious import ReplicatedMalicious
from protocols.replicated3_malicious.constructions import Column, multiply
from protocols.tables import DIGIT, Key, alike, differences, nothing, opposite, prefix_sums
from protocols.tables import numbers as row_numbers


async def group_sums(
    me: ReplicatedMalicious,
    keys: Share,
    values: Sequence[Share],
    bits: int | None = None,
    digit: int = DIGIT,
) -> tuple[Share, list[Share], Share]:
    """Return each key once and its sums; see `protocols.tables.group_sums`.

    Raises:
        InputError: no column of values, or one that does not have the keys' shape.
    """
    alike(keys, values, "columns to sum")
    width = bits or me.ring.value_bits
    keys, *values = await sort_by(me, [await key_of(me, keys, width)], _columns(me, [keys, *values]), digit)
    same = await _neighbours(me, keys, width, after=True)
    last = await order_of_zeros(me, same)
    moved = [keys, same, *(prefix_sums(me.server, one) for one in values)]
    ends, same, *totals = await apply_order(me, last, _columns(me, moved))
    present = opposite(me.server, same)
    sums = [differences(me.server, one) for one in totals]
    ends, *sums = await _kept(me, [ends, *sums], present)
    return ends, sums, present


async def group_maxima(
    me: ReplicatedMalicious,
    keys: Share,
    values: Share,
    bits: int | None = None,
    value_bits: int | None = None,
    digit: int = DIGIT,
) -> tuple[Share, Share, Share, Share]:
    """Return each key once, its greatest value and where; see `protocols.tables.group_maxima`.

    Raises:
        InputError: keys and values of different shapes, or bits that the ring does not have.
    """
    alike(keys, [values], "values of groups")
    k, ring = me.kernels, me.ring
    width, depth = bits or ring.value_bits, value_bits or ring.value_bits
    by = await me.party.gather(key_of(me, keys, width), key_of(me, values, depth, descending=True))
    rows = row_numbers(me.server, keys.shape)
    wide = Share(k.astype(rows.a, ring.dtype), k.astype(rows.b, ring.dtype))
    table = await sort_by(me, by, _columns(me, [keys, values, wide]), digit)
    same = await _neighbours(me, table[0], width)
    order = await order_of_zeros(me, same)
    same, *moved = await apply_order(me, order, _columns(me, [same, *table]))
    present = opposite(me.server, same)
    found, greatest, at = await _kept(me, moved, present)
    return found, greatest, at, present


async def spread_first(me: ReplicatedMalicious, same: Share, columns: Sequence[Share]) -> list[Share]:
    """Return columns of what each group's first row has; see `protocols.tables.spread_first`.

    Raises:
        InputError: columns that do not have the shape of `same`, or none.
    """
    alike(same, columns, "columns to spread")
    server = me.server
    order = await order_of_zeros(me, same)
    at_front, *firsts = await apply_order(me, order, _columns(me, [same, *columns]))
    steps = await _kept(me, [differences(server, one) for one in firsts], opposite(server, at_front))
    back = await apply_inverse(me, order, _columns(me, steps))
    return [prefix_sums(server, one) for one in back]


async def join(
    me: ReplicatedMalicious,
    left: Share,
    right: Share,
    columns: Sequence[Share],
    bits: int | None = None,
    digit: int = DIGIT,
) -> tuple[Share, list[Share]]:
    """Return what the right table has under the left one's keys; see `protocols.tables.join`.

    Raises:
        InputError: tables that do not lie side by side, or columns that do not have the right keys' shape.
    """
    if left.shape[:-1] != right.shape[:-1]:
        raise InputError(f"a join of tables does not fit: keys of shapes {left.shape} and {right.shape}")
    alike(right, columns, "columns to join")
    server, k, ring, width = me.server, me.kernels, me.ring, bits or me.ring.value_bits
    none = public(server, k.zeros(left.shape, ring.dtype))
    there = public(server, k.add(k.zeros(right.shape, ring.dtype), k.full((), 1, ring.dtype)))
    keys = concatenate(server, [right, left], -1)
    table = [concatenate(server, [one, none], -1) for one in (there, *columns)]
    order = await order_by(me, [await key_of(me, keys, width)], digit)
    moved = await apply_order(me, order, _columns(me, [keys, *table]))
    same = await _neighbours(me, moved[0], width)
    spread = await spread_first(me, same, moved[1:])
    found, *joined = await apply_inverse(me, order, _columns(me, spread))
    rows = right.shape[-1]
    return found[..., rows:], [one[..., rows:] for one in joined]


async def order_of_zeros(me: ReplicatedMalicious, bit: Share) -> Share:
    """Return the stable order that brings rows with bit 0 to the front: low bits are shares by ⊕."""
    k = me.kernels
    return await order_by(me, [Key(Share(k.low_bits(bit.a, 1), k.low_bits(bit.b, 1)), 1)], 1)


async def _neighbours(me: ReplicatedMalicious, keys: Share, bits: int, after: bool = False) -> Share:
    """Return 1 where a row has the key of the row before it, or after it; the row at the end has 0."""
    server, ends = me.server, [nothing(me.server, keys)]
    same: list[Share] = []
    if keys.shape[-1] > 1:
        a, b = (me.kernels.sub(part[..., 1:], part[..., :-1]) for part in (keys.a, keys.b))
        same = [await is_zero(server, Share(a, b), bits, me.ring.bits)]
    return concatenate(server, [*same, *ends] if after else [*ends, *same], -1)


async def _kept(me: ReplicatedMalicious, columns: Sequence[Share], present: Share) -> list[Share]:
    """Return columns with zeros where the bit is 0, in one message. Rounds: 1."""
    shape = present.shape
    rows = concatenate(me.server, [one.reshape(1, *shape) for one in columns])
    kept = await multiply(me.server, rows, present.reshape(1, *shape), me.ring.bits)
    return [kept[i] for i in range(len(columns))]


def _columns(me: ReplicatedMalicious, shares: Sequence[Share]) -> list[Column]:
    return [Column(one, me.ring.bits) for one in shares]
