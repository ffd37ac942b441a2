"""The first row of each group: maxima with their arguments, values spread over groups, joins on equal keys.

All on rows sorted by key: nobody learns how many groups there are, which rows match, or how many.
docs/constructions.md#groups
"""

from __future__ import annotations

from collections.abc import Sequence

from mpcsim import InputError
from protocols.replicated3.sharings import Share, concatenate, public
from protocols.tables.neighbours import (
    alike,
    as_before,
    columns_of,
    differences,
    kept,
    opposite,
    order_of_zeros,
)
from protocols.tables.orders import numbers
from protocols.tables.sort import DIGIT, prefix_sums
from protocols.tables.steps import Steps


async def group_maxima(
    steps: Steps,
    keys: Share,
    values: Share,
    bits: int | None = None,
    value_bits: int | None = None,
    digit: int = DIGIT,
) -> tuple[Share, Share, Share, Share]:
    """Return each signed key once, its greatest value, the number of the first row that has it.

    Rows are sorted by key and, in descending order, by value: so a group begins with its maximum, and of
    equal ones with that of the lowest row. A stable pass brings these rows to the front; the rest is zero.

    Returns:
        Keys ascending, maxima, row numbers as integers, and 1 where there is a group, else 0.

    Rounds: those of `key_of`, of `order_by` for both keys, of an equality, and at most 13.
    Bits of keys and values are by default those of a value of the ring.

    Raises:
        InputError: keys and values of different shapes, or bits that the ring does not have.
    """
    alike(keys, [values], "values of groups")
    server, k, ring = steps.server, steps.server.kernels, steps.server.ring
    width, depth = bits or ring.value_bits, value_bits or ring.value_bits
    by = await server.party.gather(steps.key_of(keys, width), steps.key_of(values, depth, descending=True))
    rows = numbers(server, keys.shape)
    wide = Share(k.astype(rows.a, ring.dtype), k.astype(rows.b, ring.dtype))
    table = await steps.sort_by(by, columns_of(server, [keys, values, wide]), digit)
    same = await as_before(steps, table[0], width)
    order = await order_of_zeros(steps, same)
    same, *moved = await steps.apply_order(order, columns_of(server, [same, *table]))
    present = opposite(server, same)
    found, greatest, at = await kept(steps, moved, present)
    return found, greatest, at, present


async def spread_first(steps: Steps, same: Share, columns: Sequence[Share]) -> list[Share]:
    """Return columns in which every row has what the first row of its group has.

    Args:
        steps: of the family.
        same: 1 where a row is of the group of the row before it, else 0, as `as_before` says.
        columns: in the same order of rows.

    The first rows come to the front; what each differs by from the one before it goes back to its place,
    and prefix sums spread it. Rounds: at most 11.

    Raises:
        InputError: columns that do not have the shape of `same`, or none.
    """
    alike(same, columns, "columns to spread")
    server = steps.server
    order = await order_of_zeros(steps, same)
    at_front, *firsts = await steps.apply_order(order, columns_of(server, [same, *columns]))
    gaps = await kept(steps, [differences(server, one) for one in firsts], opposite(server, at_front))
    back = await steps.apply_inverse(order, columns_of(server, gaps))
    return [prefix_sums(server, one) for one in back]


async def join(
    steps: Steps,
    left: Share,
    right: Share,
    columns: Sequence[Share],
    bits: int | None = None,
    digit: int = DIGIT,
) -> tuple[Share, list[Share]]:
    """Return for each row of the left table what the right table has under its key, in the left's order.

    The right table's rows come first, then the left's; a stable sort by key puts the row of the right
    table at the head of its group, from where it is spread. Of several rows of the right table with one
    key the first is taken.

    Args:
        steps: of the family.
        left: keys (…, rows), of `bits` bits (by default those of a value).
        right: keys (…, other rows).
        columns: of the right table, of the shape of its keys.
        bits: of a key.
        digit: bits of a digit of the sort.

    Returns:
        1 where a row found its key, else 0; and the columns, 0 where it did not.

    Rounds: those of `key_of`, of `order_by`, of an equality, and at most 17.

    Raises:
        InputError: tables that do not lie side by side, or columns that do not have the right keys' shape.
    """
    if left.shape[:-1] != right.shape[:-1]:
        raise InputError(f"a join of tables does not fit: keys of shapes {left.shape} and {right.shape}")
    alike(right, columns, "columns to join")
    server, k, ring = steps.server, steps.server.kernels, steps.server.ring
    width = bits or ring.value_bits
    none = public(server, k.zeros(left.shape, ring.dtype))
    there = public(server, k.add(k.zeros(right.shape, ring.dtype), k.full((), 1, ring.dtype)))
    keys = concatenate(server, [right, left], -1)
    table = [concatenate(server, [one, none], -1) for one in (there, *columns)]
    order = await steps.order_by([await steps.key_of(keys, width)], digit)
    moved = await steps.apply_order(order, columns_of(server, [keys, *table]))
    same = await as_before(steps, moved[0], width)
    spread = await spread_first(steps, same, moved[1:])
    found, *joined = await steps.apply_inverse(order, columns_of(server, spread))
    rows = right.shape[-1]
    return found[..., rows:], [one[..., rows:] for one in joined]
