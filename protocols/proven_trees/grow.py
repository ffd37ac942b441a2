"""A tree grown on shares whose every message is proven, level by level (CART): docs/malicious.md#trees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from protocols.proven_tables import Opening, gathered, key_of, opened, order_by
from protocols.proven_trees.best import Done, best_of_slots, finished
from protocols.proven_trees.gains import level_of, pure_of
from protocols.proven_trees.places import (
    Slots,
    at_places,
    enough_and_borders,
    sizes_of,
    slots_of,
    sums_of,
)
from protocols.proven_trees.rows import Below, below, descend, goes_right, parted, route
from protocols.proven_trees.scores import Table, candidates, scores, ties
from protocols.proven_trees.steps import known, narrow
from protocols.proven_trees.widths import check, hot_bits
from protocols.replicated3.sharings import Column, Share, concatenate
from protocols.replicated3_malicious import ReplicatedMalicious
from protocols.replicated3_malicious.constructions import lift
from protocols.replicated3_malicious.sharings import Checked
from protocols.trees import Borders, Level, Shape, Tree, repeated, stacked, turned, within


@dataclass(frozen=True)
class Stand:
    """Where a tree stands below its last level so far: all that the next ones need. All of it is verified.

    Attributes:
        levels: the tests so far.
        table: of the next level, in the order of every attribute.
        by_row, by_place: (slots, n): one-hot vectors of rows' slots, and of places', mod 2^`hot_bits`.
        openings: the sorted orders, and where rows went at each level since.
    """

    levels: tuple[Level, ...]
    table: Table
    by_row: Share
    by_place: Share
    openings: tuple[Opening, ...]


async def grow(
    me: ReplicatedMalicious,
    values: Share,
    statistics: Share,
    shape: Shape,
    after: Callable[[int, Stand], None] | None = None,
    stand: Stand | None = None,
) -> Tree:
    """Return the tree of a table: at each node the test of least impurity, as `protocols.trees.grow` does.

    Nothing else may be under way: what was sent before is verified in every pass of the sort, and in every
    level but the last. What the last one and the leaves sent is not.

    Args:
        me: the view.
        values: (m, n), signed values of `shape.value_bits` bits.
        statistics: (columns, n): 1 where a row is of the class, or its target, an integer.
        shape: public sizes.
        after: is told how many levels there are and what stands, once each but the last is done and
            verified.
        stand: of this very tree, to go on from; without it the table is sorted and the root grows first.

    Raises:
        InputError: sizes, or a ring, that are not accepted.
    """
    check(shape, me.ring)
    if stand is None:
        with me.party.span("sort", "sort"):
            stand = await _at_root(me, values, statistics, shape)
    by_row = stand.by_row
    for depth in range(len(stand.levels), shape.height):
        with me.party.span(f"level{depth}", "level"):
            level = await _level(me.server, stand, statistics, shape)
            if depth + 1 < shape.height:
                stand = await _below(me, stand, level, values, shape)
                by_row = stand.by_row
            else:
                right = await goes_right(me.server, level, stand.by_row, values, shape)
                by_row = await descend(me.server, stand.by_row, right.ones, hot_bits(shape))
        if after is not None and depth + 1 < shape.height:
            after(depth + 1, stand)
    with me.party.span("leaves", "leaves"):
        sums, sizes = await _leaves(me.server, by_row, statistics, shape)
    return Tree((*stand.levels, level), sums, sizes)


async def _at_root(me: ReplicatedMalicious, values: Share, statistics: Share, shape: Shape) -> Stand:
    """Sort the rows by each attribute, all side by side, and bring values and statistics along."""
    server, k, m = me.server, me.kernels, shape.attributes
    order = await order_by(me, [await key_of(me, values, shape.value_bits)], shape.digit)
    opening, _ = await opened(me, order)
    columns = [Column(narrow(server, values, shape.threshold_bits), shape.threshold_bits)]
    for place in range(shape.statistics.travelling):
        every = repeated(server, narrow(server, statistics[place], shape.score_bits), m)
        columns.append(Column(every, shape.score_bits))
    moved, *rest = await gathered(me, opening, columns)
    table = Table(moved, stacked(within(server, shape.score_bits), rest, *moved.shape))
    ones = known(server, k.full((1, shape.rows), 1, server.word(hot_bits(shape))))
    return Stand((), table, ones, ones, (opening,))


async def _level(server: Checked, stand: Stand, statistics: Share, shape: Shape) -> Level:
    """Return the tests of a level's slots."""
    table, by_place = stand.table, stand.by_place

    async def scored() -> tuple[Slots, Share, Share]:
        slots = await slots_of(server, stand.by_row, by_place, statistics, shape)
        return slots, *await scores(server, table, await at_places(server, slots, shape), shape)

    async def bordered() -> tuple[Share, Borders | None, Done | None]:
        enough, borders = await enough_and_borders(server, by_place, shape)
        return enough, borders, None if borders is None else await finished(server, borders, shape)

    (slots, score, sides), tied, (enough, borders, done) = await server.party.gather(
        scored(), ties(server, table, shape), bordered()
    )

    async def best() -> Share:
        found = await candidates(server, table, tied, score, sides, enough, shape)
        return await best_of_slots(server, found, by_place, borders, done, shape)

    found, pure = await server.party.gather(best(), pure_of(server, slots, shape))
    return await level_of(server, found, pure, slots, shape)


async def _below(me: ReplicatedMalicious, stand: Stand, level: Level, values: Share, shape: Shape) -> Stand:
    """Return what stands one level down; all that was sent before is verified."""
    server = me.server
    right = await goes_right(server, level, stand.by_row, values, shape)

    async def moved_down() -> Below:
        by_row = await descend(server, stand.by_row, right.ones, hot_bits(shape))
        return await below(server, by_row, stand.by_place, shape)

    ones, down = await me.party.gather(route(me, right, stand.openings, shape), moved_down())
    table, opening = await parted(me, stand.table, ones, down, shape)
    return Stand((*stand.levels, level), table, down.by_row, down.by_place, (*stand.openings, opening))


async def _leaves(server: Checked, by_row: Share, statistics: Share, shape: Shape) -> tuple[Share, Share]:
    """Return what leaves add up, (leaves, columns), and their rows, mod 2^l.

    Rounds: 1, and those of a lift.
    """
    bits = hot_bits(shape)
    sums = turned(await sums_of(server, by_row, statistics, bits))
    every = concatenate(server, [sums, sizes_of(server, by_row).reshape(1, -1)])
    lifted = await lift(server, every, bits)
    return turned(lifted[:-1]), lifted[-1]
