"""A tree grown on shares, level by level (CART): docs/constructions.md#trees."""

from __future__ import annotations

from collections.abc import Callable

from protocols.replicated3.constructions import (
    is_negative,
    is_zero,
    matmul_locally,
    multiply,
    multiply_locally,
)
from protocols.replicated3.sharings import (
    Server,
    Share,
    concatenate,
    in_thirds,
    multiply_public,
    narrow_share,
    public,
    reshare,
    subtract,
)
from protocols.tables import Column, apply_order, key_of, opposite, order_by
from protocols.trees import wide
from protocols.trees.best import best_of_slots, borders_of
from protocols.trees.local import repeated, turned
from protocols.trees.partition import Sorted, partition, route
from protocols.trees.places import Slots, at_places, before, enough_rows, slots_of, to_places
from protocols.trees.scores import candidates, masked, ties
from protocols.trees.shape import GAIN_BITS, Shape, check, within
from protocols.trees.tree import Level, Tree, at_root
from protocols.trees.walk import descend, goes_right


async def grow(
    server: Server,
    values: Share,
    statistics: Share,
    shape: Shape,
    grown: Callable[[int, int], None] | None = None,
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
        grown: is told each level, from 0, and how many there are, once it is done.

    Raises:
        InputError: the ring is too narrow, or shares that do not have the sizes.
    """
    check(shape, server.ring)
    with server.party.span("sort", "sort"):
        table = await sorted_table(server, values, statistics, shape)
    members, order, levels = at_root(server, shape.rows), None, []
    for depth in range(shape.height):
        with server.party.span(f"level{depth}", "level"):
            slots, tied = await server.party.gather(
                slots_of(server, members, statistics, order), ties(server, table, shape)
            )
            level = await split(server, table, tied, slots, shape)
            right = await goes_right(server, level, members, values, shape.value_bits)
            members = await descend(server, members, right)
            levels.append(level)
            if grown is not None:
                grown(depth, shape.height)
            if depth + 1 < shape.height:
                table = await moved(server, table, slots, members, right, shape)
                order = table.rows[0]
    with server.party.span("leaves", "leaves"):
        leaves = await reshare(server, matmul_locally(server, members, turned(statistics)))
    sizes = Share(server.kernels.sum(members.a, -1), server.kernels.sum(members.b, -1))
    return Tree(tuple(levels), leaves, sizes)


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
    return Sorted(order, moved[0], _stacked(small, moved[1:], (m, n)))


def _stacked(server: Server, columns: list[Share], shape: tuple[int, ...]) -> Share:
    if not columns:
        empty = server.kernels.zeros((0, *shape), server.ring.dtype)
        return Share(empty, empty)
    return concatenate(server, [one.reshape(1, *shape) for one in columns])


async def split(server: Server, table: Sorted, tied: Share, slots: Slots, shape: Shape) -> Level:
    """Return the tests of a level's slots; `tied` says which candidates divide equal values."""
    best, pure = await server.party.gather(
        _best(server, table, tied, slots, shape), _pure(server, slots, shape)
    )
    k, dtype, m = server.kernels, server.ring.dtype, shape.attributes
    numbers = public(server, k.astype(k.positions((m,), dtype), dtype))
    gaps = subtract(server, best[2].reshape(-1, 1), numbers.reshape(1, -1))
    hot, tests = await server.party.gather(
        is_zero(server, gaps, max(1, (m - 1).bit_length())), _tests(server, best, pure, slots, shape)
    )
    kept = await multiply(
        server, concatenate(server, [hot, best[3].reshape(-1, 1)], 1), tests.reshape(-1, 1)
    )
    return Level(tests, kept[:, :m], kept[:, m])


async def _best(server: Server, table: Sorted, tied: Share, slots: Slots, shape: Shape) -> Share:
    """Return (5, slots): the best candidate of each slot; zeros where a slot has no row."""
    places, enough, borders = await server.party.gather(
        at_places(server, slots),
        enough_rows(server, slots.places, shape),
        borders_of(server, slots.places, shape),
    )
    found = await masked(server, await candidates(server, table, tied, places, shape), places, enough)
    return await best_of_slots(server, found, slots.places, borders, shape)


async def _pure(server: Server, slots: Slots, shape: Shape) -> Share | None:
    """Return 1 for slots whose rows are of one class: |G|² = Σ T_c²; of targets nothing yet."""
    if not shape.statistics.classes:
        return None
    square = await multiply(server, slots.sizes, slots.sizes)
    return await is_zero(server, subtract(server, square, slots.squares), 2 * shape.count_bits)


async def _tests(server: Server, best: Share, pure: Share | None, slots: Slots, shape: Shape) -> Share:
    """Return 1 for slots that test: they have a candidate, are not pure, and gain enough."""
    checks = []
    if shape.gain_bits:
        wider = shape.gain_bits > server.ring.bits
        checks = await (_gains_widely if wider else _gains)(server, best, slots, shape)
    good = best[4]
    for bad in [*([] if pure is None else [pure]), *checks]:
        good = await multiply(server, good, opposite(server, bad))
    return good


async def _gains(server: Server, best: Share, slots: Slots, shape: Shape) -> list[Share]:
    """Return 1 for slots that gain nothing (of targets), and for those that gain too little (if asked)."""
    k, dtype, checks = server.kernels, server.ring.dtype, []
    terms = [(best[0], slots.sizes), (best[1], slots.squares), (best[1], slots.sizes)]
    found = await reshare(server, k.stack([multiply_locally(server, x, y) for x, y in terms], 0))
    gain = subtract(server, found[0], found[1])
    if not shape.statistics.classes:
        checks.append(is_zero(server, gain, server.ring.bits))
    if shape.gain:
        raised = multiply_public(server, gain, k.full((), 1 << GAIN_BITS, dtype))
        asked = multiply_public(server, found[2], k.full((), shape.gain, dtype))
        checks.append(is_negative(server, subtract(server, raised, asked), server.ring.bits))
    return await server.party.gather(*checks)


async def _gains_widely(server: Server, best: Share, slots: Slots, shape: Shape) -> list[Share]:
    """Return the same, of numbers lifted to `gain_bits`."""
    rows = [best[0], best[1], slots.sizes, slots.squares]
    every = concatenate(server, [one.reshape(1, -1) for one in rows])

    async def some(server: Server, every: Share) -> list[Share]:
        return await _compared_widely(server, every, shape)

    thirds = await in_thirds(server, some, every.shape[1], lambda part: (every[:, part],))
    return [concatenate(server, list(one)) for one in zip(*thirds, strict=True)]


async def _compared_widely(server: Server, every: Share, shape: Shape) -> list[Share]:
    bits = shape.gain_bits
    asked: list[tuple[wide.Check, list[wide.Term]]] = []
    lifted = await wide.shared(server, await wide.lifted(server, every, bits))
    score, sides, size, squares = (lifted[i] for i in range(4))
    if not shape.statistics.classes:
        asked.append((wide.is_zero, [(score, size, 1), (sides, squares, -1)]))
    if shape.gain:
        unit = 1 << GAIN_BITS
        terms = [(score, size, unit), (sides, squares, -unit), (sides, size, -shape.gain)]
        asked.append((wide.is_negative, terms))

    async def answered(check: wide.Check, terms: list[wide.Term]) -> Share:
        return await check(server, await wide.sum_of(server, wide.products(server, terms), bits))

    return await server.party.gather(*(answered(*one) for one in asked))


async def moved(
    server: Server, table: Sorted, slots: Slots, members: Share, right: Share, shape: Shape
) -> Sorted:
    """Return the table with each slot's rows parted, those that go left before those that go right."""
    small = within(server, max(2, shape.rank_bits))
    k, m = server.kernels, shape.attributes
    lefts = members[0::2]
    zeros = Share(k.sum(lefts.a, -1), k.sum(lefts.b, -1))
    earlier = before(server, zeros, 0)
    to_left, to_right = (
        subtract(server, slots.starts, earlier),
        Share(k.add(earlier.a, zeros.a), k.add(earlier.b, zeros.b)),
    )
    both = concatenate(server, [to_left.reshape(1, -1), to_right.reshape(1, -1)])
    bases, bits = await server.party.gather(
        to_places(small, narrow_share(small, both), narrow_share(small, slots.places)),
        route(server, table.rows, right),
    )
    columns = [Column(table.rows, shape.rank_bits), Column(table.values, shape.threshold_bits)]
    columns += [Column(one, shape.score_bits) for one in _each(table.statistics)]
    rows, values, *rest = await partition(server, bits, bases[0], bases[1], columns)
    statistics = _stacked(within(server, shape.score_bits), rest, (m, shape.rows))
    return Sorted(rows, values, statistics)


def _each(x: Share) -> list[Share]:
    return [x[place] for place in range(x.shape[0])]
