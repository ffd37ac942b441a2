"""The first row of each group: maxima with their arguments, values spread over groups, joins on equal keys.

All on rows sorted by key: nobody learns how many groups there are, which rows match, or how many.
docs/constructions.md#groups
"""

from __future__ import annotations

from collections.abc import Sequence

from mpcsim import InputError
from protocols.replicated3.constructions import is_zero, multiply
from protocols.replicated3.sharings import Server, Share, add_public, concatenate, negate, public, subtract
from protocols.tables.orders import apply_inverse, apply_order, numbers
from protocols.tables.shuffle import Column
from protocols.tables.sort import DIGIT, Key, key_of, order_by, prefix_sums, sort_by


async def as_before(server: Server, keys: Share, bits: int) -> Share:
    """Return the integer 1 where a row has the key of the row before it mod 2^bits, else 0; first is 0.

    Rounds and bits: those of an equality of n − 1 rows.
    """
    first = public(server, server.kernels.zeros((*keys.shape[:-1], 1), server.ring.dtype))
    if keys.shape[-1] == 1:
        return first
    equal = await is_zero(server, subtract(server, keys[..., 1:], keys[..., :-1]), bits)
    return concatenate(server, [first, equal], -1)


async def group_maxima(
    server: Server,
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
    _alike(keys, [values], "values of groups")
    k, ring = server.kernels, server.ring
    width, depth = bits or ring.value_bits, value_bits or ring.value_bits
    by = await server.party.gather(
        key_of(server, keys, width), key_of(server, values, depth, descending=True)
    )
    rows = numbers(server, keys.shape)
    wide = Share(k.astype(rows.a, ring.dtype), k.astype(rows.b, ring.dtype))
    table = await sort_by(server, by, _columns(server, [keys, values, wide]), digit)
    same = await as_before(server, table[0], width)
    order = await _firsts(server, same)
    same, *moved = await apply_order(server, order, _columns(server, [same, *table]))
    present = _opposite(server, same)
    found, greatest, at = await _kept(server, moved, present)
    return found, greatest, at, present


async def spread_first(server: Server, same: Share, columns: Sequence[Share]) -> list[Share]:
    """Return columns in which every row has what the first row of its group has.

    Args:
        server: with its choices.
        same: 1 where a row is of the group of the row before it, else 0, as `as_before` says.
        columns: in the same order of rows.

    The first rows come to the front; what each differs by from the one before it goes back to its place,
    and prefix sums spread it. Rounds: at most 11.

    Raises:
        InputError: columns that do not have the shape of `same`, or none.
    """
    _alike(same, columns, "columns to spread")
    order = await _firsts(server, same)
    at_front, *firsts = await apply_order(server, order, _columns(server, [same, *columns]))
    zero = public(server, server.kernels.zeros((*same.shape[:-1], 1), server.ring.dtype))
    steps = [subtract(server, one, concatenate(server, [zero, one[..., :-1]], -1)) for one in firsts]
    kept = await _kept(server, steps, _opposite(server, at_front))
    back = await apply_inverse(server, order, _columns(server, kept))
    return [prefix_sums(server, one) for one in back]


async def join(
    server: Server,
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
        server: with its choices.
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
    _alike(right, columns, "columns to join")
    k, ring, width = server.kernels, server.ring, bits or server.ring.value_bits
    none = public(server, k.zeros(left.shape, ring.dtype))
    there = public(server, k.add(k.zeros(right.shape, ring.dtype), k.full((), 1, ring.dtype)))
    keys = concatenate(server, [right, left], -1)
    table = [concatenate(server, [one, none], -1) for one in (there, *columns)]
    order = await order_by(server, [await key_of(server, keys, width)], digit)
    moved = await apply_order(server, order, _columns(server, [keys, *table]))
    same = await as_before(server, moved[0], width)
    spread = await spread_first(server, same, moved[1:])
    found, *joined = await apply_inverse(server, order, _columns(server, spread))
    rows = right.shape[-1]
    return found[..., rows:], [one[..., rows:] for one in joined]


async def _firsts(server: Server, same: Share) -> Share:
    """Return the order that brings first rows to the front: the lowest bits of shares are shares by ⊕."""
    k = server.kernels
    return await order_by(server, [Key(Share(k.low_bits(same.a, 1), k.low_bits(same.b, 1)), 1)], 1)


async def _kept(server: Server, columns: Sequence[Share], present: Share) -> list[Share]:
    """Return columns with zeros where the bit is 0, in one message. Rounds: 1."""
    shape = present.shape
    rows = concatenate(server, [one.reshape(1, *shape) for one in columns])
    kept = await multiply(server, rows, present.reshape(1, *shape))
    return [kept[i] for i in range(len(columns))]


def _opposite(server: Server, bit: Share) -> Share:
    return add_public(server, negate(server, bit), server.kernels.full((), 1, server.ring.dtype))


def _columns(server: Server, shares: Sequence[Share]) -> list[Column]:
    return [Column(one, server.ring.bits) for one in shares]


def _alike(keys: Share, columns: Sequence[Share], what: str) -> None:
    wrong = [one.shape for one in columns if one.shape != keys.shape]
    if wrong or not columns:
        found = ", ".join(map(str, wrong)) or "none"
        raise InputError(f"{what}: found the shapes {found}; accepted: that of the keys, {keys.shape}")
