"""A tree grown on shares, level by level (CART): docs/constructions.md#trees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from protocols.replicated3.constructions import (
    multiply,
)
from protocols.replicated3.sharings import (
    Server,
    Share,
    concatenate,
    narrow_share,
    widen_share,
)
from protocols.tables import (
    Column,
    Opening,
    apply_order,
    key_of,
    opened,
    order_by,
)
from protocols.trees.best import Best, best_of_slots, borders_of
from protocols.trees.descent import Parted, below, below_sums, moved, one_hot, parted_of
from protocols.trees.gains import allowed_of, pure_of
from protocols.trees.local import repeated
from protocols.trees.partition import Sorted
from protocols.trees.places import (
    AtPlaces,
    Slots,
    at_places,
    enough_rows,
    root_of,
    stacked,
)
from protocols.trees.scores import best_attributes, masked, scores, ties
from protocols.trees.shape import FLAG_BITS, Shape, check, within
from protocols.trees.tree import Level, Tree


@dataclass(frozen=True)
class Stand:
    """Where a tree stands below its last level so far: all that the next ones need.

    Attributes:
        levels: the tests so far.
        table, slots: of the next level.
    """

    levels: tuple[Level, ...]
    table: Sorted
    slots: Slots


async def grow(
    server: Server,
    values: Share,
    statistics: Share,
    shape: Shape,
    after: Callable[[int, Stand | Tree], None] | None = None,
    stand: Stand | None = None,
) -> Tree:
    """Return the tree of a table: at each node the test of least impurity.

    Candidates are the midpoints of values that follow each other; of equal scores the lowest attribute
    wins, then the least threshold. A node tests nothing where its rows are pure (of classes), no test
    lowers the impurity (of targets), or none has enough rows on both sides; its rows then go left.

    Args:
        server: with its choices.
        values: (m, n), signed values of `shape.value_bits` bits.
        statistics: (columns, n): 1 where a row is of the class, or its target, an integer.
        shape: public sizes.
        after: is told how many levels there are and what stands, once each is done; at last the tree.
        stand: of this very tree, to go on from; without it the table is sorted and the root grows first.

    Raises:
        InputError: the ring is too narrow, or shares that do not have the sizes.
    """
    check(shape, server.ring)
    if stand is None:
        with server.party.span("sort", "sort"):
            table, slots = await server.party.gather(
                sorted_table(server, values, statistics, shape), root_of(server, statistics, shape)
            )
        stand = Stand((), table, slots)
    for depth in range(len(stand.levels), shape.height):
        table, slots, last = stand.table, stand.slots, depth + 1 == shape.height
        with server.party.span(f"level{depth}", "level"):
            level, parted, opening = await split(server, table, slots, shape, last)
            levels = (*stand.levels, level)
            if not last:
                table, slots = await server.party.gather(
                    moved(server, table, parted, opening, shape), below(server, table, slots, parted, shape)
                )
        stand = Stand(levels, table, slots)
        if after is not None and not last:
            after(depth + 1, stand)
    with server.party.span("leaves", "leaves"):
        sums, (sizes, _) = await below_sums(server, table, slots, parted, shape)
    tree = Tree(stand.levels, sums, sizes)
    if after is not None:
        after(shape.height, tree)
    return tree


async def sorted_table(server: Server, values: Share, statistics: Share, shape: Shape) -> Sorted:
    """Sort the rows by each attribute, all side by side, and bring values and statistics along."""
    m, n = shape.attributes, shape.rows
    travelling = shape.statistics.travelling
    key = await key_of(server, values, shape.value_bits)
    order = await order_by(server, [key], shape.digit)
    wide, small = within(server, shape.threshold_bits), within(server, shape.score_bits)
    columns = [Column(narrow_share(wide, values), shape.threshold_bits)]
    for place in range(travelling):
        every = repeated(small, narrow_share(small, statistics[place]), m)
        columns.append(Column(every, shape.score_bits))
    moved = await apply_order(server, order, columns)
    return Sorted(order, moved[0], stacked(small, moved[1:], m, n))


async def split(
    server: Server, table: Sorted, slots: Slots, shape: Shape, last: bool
) -> tuple[Level, Parted, Opening | None]:
    """Return the tests of a level's slots, how their rows part, and the opened order of all attributes."""
    (best, allowed), opening = await server.party.gather(
        _allowed_best(server, table, slots, shape), _opened(server, table, last)
    )
    level, parted = await server.party.gather(
        _level(server, best, allowed, shape), parted_of(server, best, allowed, slots, shape)
    )
    return level, parted, opening


async def _opened(server: Server, table: Sorted, last: bool) -> Opening | None:
    return None if last else await opened(server, table.rows)


async def _allowed_best(server: Server, table: Sorted, slots: Slots, shape: Shape) -> tuple[Best, Share]:
    """Return the best candidate of each slot, and 1 for slots that may test if they have one."""
    best, pure = await server.party.gather(
        _best(server, table, slots, shape), pure_of(server, slots, shape)
    )
    return best, await allowed_of(server, best, pure, slots, shape)


async def _best(server: Server, table: Sorted, slots: Slots, shape: Shape) -> Best:
    ring = within(server, shape.slot_bits)

    async def scored() -> tuple[AtPlaces, Share, Share]:
        places = await at_places(server, slots, shape)
        return places, *await scores(server, table, places, shape)

    (places, score, sides), tied, enough, borders = await server.party.gather(
        scored(),
        ties(server, table, shape),
        enough_rows(ring, slots, shape),
        borders_of(ring, slots, shape),
    )
    found = await best_attributes(server, table, tied, score, sides, shape)
    candidates = await masked(server, found, places, enough, shape)
    return await best_of_slots(server, candidates, slots, borders, shape)


async def _level(server: Server, best: Best, allowed: Share, shape: Shape) -> Level:
    """Return the tests as everybody reads them, mod 2^l. Rounds: at most those of an equality, and 1."""
    m = shape.attributes
    threshold, flag = within(server, shape.threshold_bits), within(server, FLAG_BITS)
    hot, twice, found = await server.party.gather(
        one_hot(server, best.attribute.reshape(-1, 1), m, -1),
        widen_share(threshold, best.twice, server),
        widen_share(flag, best.found, server),
    )
    tests = await multiply(server, found, allowed)
    kept = await multiply(server, concatenate(server, [hot, twice.reshape(-1, 1)], 1), tests.reshape(-1, 1))
    return Level(tests, kept[:, :m], kept[:, m])
