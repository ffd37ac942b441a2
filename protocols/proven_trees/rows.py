"""How rows go down a level: by row, by place, and in the order of every attribute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from protocols.proven_tables import Opening, gathered, opened, permuted, scattered
from protocols.proven_trees.places import numbers, sizes_of, to_places
from protocols.proven_trees.scores import Table
from protocols.proven_trees.steps import known, narrow, negative, product, scaled
from protocols.proven_trees.widths import hot_bits
from protocols.replicated3.sharings import Bits, Column, Share, add, concatenate, in_thirds, subtract
from protocols.replicated3_malicious import ReplicatedMalicious
from protocols.replicated3_malicious.constructions import number, sign
from protocols.replicated3_malicious.sharings import Checked
from protocols.trees import Level, Shape, before, repeated, stacked, turned, within


@dataclass(frozen=True)
class Right:
    """Which rows their nodes send right, by row number.

    Attributes:
        bits: (n,): by ⊕ of one bit.
        ones: (n,): integers mod 2^H.
    """

    bits: Share
    ones: Share


async def goes_right(server: Checked, level: Level, by_row: Share, values: Share, shape: Shape) -> Right:
    """Return which rows go right: 2·(its value of the attribute) exceeds its node's `twice`.

    Args:
        server: who runs it.
        level: the nodes.
        by_row: (slots, n): the one-hot vector of each row's slot.
        values: (m, n): the table by row.
        shape: of the tree.

    Rounds: 2 (1 at the root), a sign, and 1. A node that tests nothing has 0 on both sides: 0 > 0 is false.
    """
    bits = shape.value_bits + 3
    twice = scaled(server, narrow(server, level.attributes, bits), 2)
    every = await product(server, bits, twice, values, "matmul")
    gaps = subtract(server, narrow(server, level.twice, bits).reshape(-1, 1), every)
    if gaps.shape[0] == 1:
        gap = gaps[0]
    else:
        gap = await product(server, bits, turned(by_row), turned(gaps), "dot")

    async def some(server: Checked, part: Share) -> Right:
        plane = await sign(server, part, bits)
        ones = await number(server, plane, part.size, hot_bits(shape))
        k, word = server.kernels, server.word(1)
        return Right(Share(*(k.from_planes(one, part.size, word) for one in (plane.a, plane.b))), ones)

    thirds = await in_thirds(server, some, gap.size, lambda part: (gap[part],))
    joined = (concatenate(server, [getattr(one, name) for one in thirds]) for name in ("bits", "ones"))
    return Right(*joined)


async def descend(server: Checked, hot: Share, right: Share, bits: int) -> Share:
    """Return slots one level down, (2·slots, n): 2g for what goes left of slot g, else 2g + 1.

    Rounds: 1; 0 at the root.
    """
    count, rows = hot.shape
    ones = right.reshape(1, -1)
    to_right = ones if count == 1 else await product(server, bits, hot, ones)
    to_left = subtract(server, hot, to_right)
    k = server.kernels
    a, b = (
        k.stack([one, other], 1).reshape(2 * count, rows)
        for one, other in ((to_left.a, to_right.a), (to_left.b, to_right.b))
    )
    return Share(a, b)


async def route(me: ReplicatedMalicious, right: Right, openings: Sequence[Opening], shape: Shape) -> Share:
    """Return the bits of rows in the order of every attribute, (m, n), as integers mod 2^rank_bits.

    The first opening is that of the sorted orders, the others say where rows went since. Rounds: 3 an
    opening, and 2. Bits: 6 a row, attribute and opening.
    """
    bits = repeated(me.server, right.bits, shape.attributes)
    [bits] = await gathered(me, openings[0], [Column(bits, 1, xor=True)])
    for opening in openings[1:]:
        [bits] = await scattered(me, opening, [Column(bits, 1, xor=True)])
    flat = bits.flat()

    async def some(server: Checked, part: Share) -> Share:
        k = server.kernels
        plane = Bits(k.bit_planes(part.a, 0, 1), k.bit_planes(part.b, 0, 1))
        return await number(server, plane, part.size, shape.rank_bits)

    thirds = await in_thirds(me.server, some, flat.size, lambda part: (flat[part],))
    return concatenate(me.server, thirds).reshape(*bits.shape)


@dataclass(frozen=True)
class Below:
    """Slots one level down, and what the partition needs to know of them.

    Attributes:
        by_row, by_place: (2·slots, n): one-hot vectors, mod 2^H.
        until, earlier: (n,): at each place where the left child of its slot ends, and how many rows of the
            slots before go right, mod 2^cut_bits.
    """

    by_row: Share
    by_place: Share
    until: Share
    earlier: Share


async def below(server: Checked, by_row: Share, by_place: Share, shape: Shape) -> Below:
    """Return the slots one level down by place, from those by row.

    Args:
        server: who runs it.
        by_row: of the level below.
        by_place: of this level.
        shape: of the tree.

    Rounds: 1 (0 at the root), a sign, and 2 (1).
    """
    bits, cut = hot_bits(shape), shape.cut_bits
    sizes = sizes_of(server, by_row)
    left, right = sizes[0::2], sizes[1::2]
    ends = add(server, before(server, add(server, left, right), 0), left)
    found = await to_places(server, by_place, [ends, before(server, right, 0)], cut)
    gap = subtract(server, found[0], numbers(server, shape, cut))
    moved = await negative(server, gap, cut, bits)
    return Below(by_row, await descend(server, by_place, moved, bits), found[0], found[1])


async def parted(
    me: ReplicatedMalicious, table: Table, ones: Share, down: Below, shape: Shape
) -> tuple[Table, Opening]:
    """Return the table with each slot's rows parted, those that go left first, and where rows went.

    With o_i the ones before place i, u those in slots before and e where the left child ends, a zero goes
    to i − o_i + u and a one to e + o_i − u. All that was sent before is verified here; nothing else may be
    under way.

    Args:
        me: the view.
        table: of this level.
        ones: (m, n): 1 where the row goes right, mod 2^rank_bits.
        down: the slots one level down.
        shape: of the tree.

    Rounds: 4, a verification, 1. Bits a row and attribute: 3b, 9b to open places, 6 a bit of what travels.
    """
    server, bits = me.server, shape.rank_bits
    k = server.kernels
    until, earlier = (narrow(server, one, bits) for one in (down.until, down.earlier))
    index = known(server, k.positions((shape.rows,), ones.a.dtype))
    passed = Share(k.sums_before(ones.a, -1), k.sums_before(ones.b, -1))
    zero = subtract(server, add(server, index, earlier), passed)
    gap = subtract(server, add(server, until, passed), zero)
    gap = subtract(server, gap, earlier)
    places = add(server, zero, await product(server, bits, ones, gap))
    columns = [Column(table.values, shape.threshold_bits)]
    columns += [Column(table.statistics[i], shape.score_bits) for i in range(table.statistics.shape[0])]
    opening, shuffled = await opened(me, places, columns)
    order = k.inverted(opening.rows)
    values, *rest = (permuted(me, one, order) for one in shuffled)
    small = within(server, shape.score_bits)
    return Table(values, stacked(small, rest, *values.shape)), opening
