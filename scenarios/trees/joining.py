"""Tables whose columns two hospitals hold become one: rows meet by their keys, on shares."""

from __future__ import annotations

from dataclasses import dataclass

from protocols.replicated3.constructions import is_zero
from protocols.replicated3.sharings import Server, Share, add_public, concatenate, negate, reveal
from protocols.tables import Column, apply_order, by_halves, join, opposite, order_of_zeros
from scenarios.data import KEY_BITS


@dataclass(frozen=True)
class Halves:
    """What two hospitals shared.

    Attributes:
        keys, values: of the first: (n + q,) and (m, n + q), rows to train on before those asked about.
        statistics: (columns, n).
        other_keys, other_values: of the second: (n',) and (m', n').
    """

    keys: Share
    values: Share
    statistics: Share
    other_keys: Share
    other_values: Share


@dataclass(frozen=True)
class Joined:
    """A table of both hospitals' attributes.

    Attributes:
        values, statistics: of the rows to train on, (m + m', n) and (columns, n).
        asked: (m + m', q).
        known: (q,): 1 where the second hospital has an asked row, else 0; None where it has them all.
    """

    values: Share
    statistics: Share
    asked: Share
    known: Share | None


async def joined(server: Server, halves: Halves, unmatched: str, digit: int, dry: bool) -> Joined:
    """Join both hospitals' columns by key, in the first one's order.

    Args:
        server: with its choices.
        halves: what they shared.
        unmatched: "refuse": whether all of the first's rows are known to the second is opened, one bit, and
            where not the party aborts. "drop": the number of rows to train on that are known is opened, and
            the others are left out, nobody learns which.
        digit: bits of a digit of the sort.
        dry: whether there are no values: then no row lacks a partner.
    """
    rows = halves.statistics.shape[1]
    columns = [halves.other_values[i] for i in range(halves.other_values.shape[0])]
    found, others = await join(by_halves(server), halves.keys, halves.other_keys, columns, KEY_BITS, digit)
    values = concatenate(server, [halves.values, *(one.reshape(1, -1) for one in others)])
    train, asked = values[:, :rows], values[:, rows:]
    if unmatched == "refuse":
        await _all_found(server, found, dry)
        return Joined(train, halves.statistics, asked, None)
    count = await _counted(server, found[:rows], dry)
    if not count:
        await server.party.abort("the second hospital has none of the first's rows to train on")
    order = await order_of_zeros(by_halves(server), opposite(server, found[:rows]))
    table = concatenate(server, [train, halves.statistics])
    moved = await apply_order(
        server, order, [Column(table[i], server.ring.bits) for i in range(table.shape[0])]
    )
    kept = concatenate(server, [one[:count].reshape(1, -1) for one in moved])
    width = values.shape[0]
    return Joined(kept[:width], kept[width:], asked, found[rows:] if asked.shape[1] else None)


async def _all_found(server: Server, found: Share, dry: bool) -> None:
    """Open whether no row is without a partner; abort where one is."""
    k, dtype, rows = server.kernels, server.ring.dtype, found.shape[0]
    total = Share(k.sum(found.a).reshape(1), k.sum(found.b).reshape(1))
    missing = add_public(server, negate(server, total), k.full((), rows, dtype))
    seen = await reveal(server, await is_zero(server, missing, rows.bit_length()))
    if not dry and int(seen[0]) == 0:
        await server.party.abort(
            "the second hospital lacks rows of the first: data.unmatched = 'drop' leaves them out"
        )


async def _counted(server: Server, found: Share, dry: bool) -> int:
    """Open how many rows have a partner."""
    k = server.kernels
    total = Share(k.sum(found.a).reshape(1), k.sum(found.b).reshape(1))
    seen = await reveal(server, total)
    return found.shape[0] if dry else int(seen[0])
