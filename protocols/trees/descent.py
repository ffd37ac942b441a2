"""How the rows of a level part, and the table and slots of the next one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from protocols.domains import Words
from protocols.replicated3.constructions import bit_to_share, dot_locally, is_zero, multiply, sign
from protocols.replicated3.sharings import (
    BitHalves,
    Server,
    Share,
    add,
    narrow_share,
    public,
    reshare,
    share_to_halves,
    subtract,
    widen_share,
)
from protocols.tables import Column, Opening, apply_inverse, gathered, opposite
from protocols.trees.best import Best
from protocols.trees.local import repeated, turned
from protocols.trees.lots import Lots, lots_of
from protocols.trees.partition import Sorted, partition
from protocols.trees.places import Slots, before, squares_of, stacked
from protocols.trees.shape import Shape, within


@dataclass(frozen=True)
class Parted:
    """How the slots' rows part.

    Attributes:
        hot: (m, n): at each place the one-hot vector of its slot's attribute, mod 2^sum_bits.
        right: (n,): 1 at the places that the right child will have, as halves, roles not rotated.
        until, ones: (n,): where the left child will end, and how many rows go right in slots before this
            one, mod 2^cut_bits.
        ends: (slots,): where the left children will end, mod 2^cut_bits.
    """

    hot: Share
    right: BitHalves
    until: Share
    ones: Share
    ends: Share


async def one_hot(server: Server, number: Share, entries: int, axis: int) -> Share:
    """Return the one-hot vectors of numbers along an axis of size 1."""
    k, dtype = server.kernels, number.a.dtype
    shape = (1, -1) if axis else (-1, 1)
    index = k.astype(k.positions((entries,), dtype), dtype).reshape(shape)
    own = (
        Share(k.neg(index), k.zeros(index.shape, dtype))
        if server.role == 0
        else Share(
            k.zeros(index.shape, dtype), k.neg(index) if server.role == 2 else k.zeros(index.shape, dtype)
        )
    )
    gaps = Share(k.add(number.a, own.a), k.add(number.b, own.b))
    return await is_zero(server, gaps, max(1, (entries - 1).bit_length()))


async def parted_of(server: Server, best: Best, allowed: Share, slots: Slots, shape: Shape) -> Parted:
    """Return how rows part: the first of a slot, up to its best place, go left in its attribute's order."""
    (hot, (right, until, ones, ends)) = await server.party.gather(
        _attribute_at_places(server, best, slots, shape), _cut(server, best, allowed, slots, shape)
    )
    return Parted(hot, right, until, ones, ends)


async def _attribute_at_places(server: Server, best: Best, slots: Slots, shape: Shape) -> Share:
    bits = max(2, shape.tie_bits)
    [number] = await slots.lots.to_places(server, [Column(best.attribute, bits)])
    return await one_hot(within(server, shape.sum_bits), number.reshape(1, -1), shape.attributes, 0)


async def _cut(
    server: Server, best: Best, allowed: Share, slots: Slots, shape: Shape
) -> tuple[BitHalves, Share, Share, Share]:
    """Return where places are right of their slot's cut, and what the partition needs of it."""
    short, k = within(server, shape.cut_bits), server.kernels
    starts, sizes = narrow_share(short, slots.starts), narrow_share(short, slots.sizes)
    cut = await multiply(short, best.cut, narrow_share(short, allowed))
    ends = add(short, add(short, starts, sizes), cut)
    left = subtract(short, ends, starts)
    columns = [ends, subtract(short, starts, before(short, left, 0))]
    until, ones = await slots.lots.to_places(server, [Column(one, shape.cut_bits) for one in columns])
    dtype = short.ring.dtype
    numbers = k.add(k.astype(k.positions((shape.rows,), dtype), dtype), k.full((), 1, dtype))
    gap = subtract(short, until, public(short, numbers))
    right = await sign(server, share_to_halves(short, gap, shape.cut_bits))
    return right, until, ones, ends


async def moved(
    server: Server, table: Sorted, parted: Parted, opening: Opening | None, shape: Shape
) -> Sorted:
    """Return the table with each slot's rows parted, those that go left before those that go right."""
    if opening is None:
        raise AssertionError("no order of rows was opened")
    m, small = shape.attributes, within(server, max(2, shape.rank_bits))
    rows = await reshare(
        small, _chosen(small, narrow_share(small, parted.hot), table.rows)
    )  # of its slot's attribute, by place
    [right] = await apply_inverse(server, rows, [Column(_as_column(server, parted.right), 1, xor=True)])
    every = Column(repeated(server, right, m), 1, xor=True)
    [bits] = await gathered(server, opening, [every])
    bases = [narrow_share(small, one) for one in (parted.ones, subtract(server, parted.until, parted.ones))]
    columns = [Column(table.rows, shape.rank_bits), Column(table.values, shape.threshold_bits)]
    columns += [Column(table.statistics[i], shape.score_bits) for i in range(table.statistics.shape[0])]
    moved_rows, values, *rest = await partition(server, bits, bases[0], bases[1], columns)
    statistics = stacked(within(server, shape.score_bits), rest, m, shape.rows)
    return Sorted(moved_rows, values, statistics)


def _chosen(server: Server, hot: Share, x: Share) -> Words:
    """Return this server's masked z_i of Σ_a hot · x, by place; no message."""
    return dot_locally(server, turned(hot), turned(x))


def _as_column(server: Server, bit: BitHalves) -> Share:
    """Return bits in halves as what a shuffle takes: their components are void but where it looks."""
    k = server.kernels
    half = k.astype(bit.half, np.dtype(np.uint32))
    none = k.zeros(half.shape, half.dtype)
    return Share(half, none) if server.role == 0 else Share(none, half)


async def below_sums(
    server: Server, table: Sorted, slots: Slots, parted: Parted, shape: Shape
) -> tuple[Share, tuple[Share, Share]]:
    """Return what the slots one level down add up, (2 · slots, columns), and their sizes and starts."""
    travelling, short = shape.statistics.travelling, within(server, shape.cut_bits)
    ends, lefts = await server.party.gather(
        widen_share(short, parted.ends, server), _lefts(server, table, slots, parted, shape)
    )
    left_size = subtract(server, ends, slots.starts)
    sizes = _interleaved(server, left_size, subtract(server, slots.sizes, left_size))
    totals = []
    for column in range(travelling):
        one = lefts[column]
        totals.append(_interleaved(server, one, subtract(server, slots.totals[:, column], one)))
    if shape.statistics.classes:
        rest = sizes
        for one in totals:
            rest = subtract(server, rest, one)
        totals.append(rest)
    return turned(stacked(server, totals, sizes.shape[0])), (sizes, before(server, sizes, 0))


async def _lefts(server: Server, table: Sorted, slots: Slots, parted: Parted, shape: Shape) -> Share:
    """Return (travelling, slots): what the rows that go left add up to."""
    sums, travelling = within(server, shape.sum_bits), shape.statistics.travelling
    if not travelling:
        return stacked(server, [], slots.lots.slots)
    small = narrow_share(sums, table.statistics)
    moved = Share(small.a.transpose(0, 2, 1), small.b.transpose(0, 2, 1))
    mine, right = await server.party.gather(
        reshare(sums, dot_locally(sums, moved, turned(parted.hot).reshape(1, shape.rows, -1))),
        bit_to_share(sums, parted.right),
    )
    kept = await multiply(sums, mine, opposite(sums, right).reshape(1, -1))
    found = await slots.lots.to_slots(server, [Column(kept[i], shape.sum_bits) for i in range(travelling)])
    return await widen_share(sums, stacked(sums, found, slots.lots.slots), server)


async def below(server: Server, table: Sorted, slots: Slots, parted: Parted, shape: Shape) -> Slots:
    """Return the slots one level down."""

    async def lots() -> tuple[Share, Lots]:
        small = within(server, shape.score_bits)
        right = await bit_to_share(small, parted.right)
        numbers = add(small, add(small, slots.numbers, slots.numbers), right)
        short = within(server, shape.cut_bits)
        left = subtract(short, parted.ends, narrow_share(short, slots.starts))
        sizes = _interleaved(short, left, subtract(short, narrow_share(short, slots.sizes), left))
        starts = before(short, sizes, 0)
        return numbers, await lots_of(server, numbers, starts)

    async def sums() -> tuple[Share, Share, Share, Share]:
        totals, (sizes, starts) = await below_sums(server, table, slots, parted, shape)
        return totals, await squares_of(server, totals), sizes, starts

    (totals, squares, sizes, starts), (numbers, found) = await server.party.gather(sums(), lots())
    return Slots(totals, squares, sizes, starts, numbers, found)


def _interleaved(server: Server, left: Share, right: Share) -> Share:
    k = server.kernels
    return Share(k.stack([left.a, right.a], 1).reshape(-1), k.stack([left.b, right.b], 1).reshape(-1))
