"""Slots and their places: what a level knows of them, and which places are of one slot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from protocols.replicated3.constructions import dot_locally, is_zero, multiply
from protocols.replicated3.sharings import (
    Server,
    Share,
    concatenate,
    narrow_share,
    public,
    reshare,
    subtract,
)
from protocols.tables import Column
from protocols.trees.lots import Lots
from protocols.trees.shape import Shape, within

Places = NDArray[np.intp]
Candidates = tuple[Share, ...]
"""Groups of rows, each mod a power of two of its own (`Shape.candidate`): N, D, attribute; twice the
threshold; whether there is a candidate, and by how much its place is before the slot's last."""


@dataclass(frozen=True)
class Slots:
    """What the slots of a level hold.

    Attributes:
        totals: (slots, columns): the statistics of their rows.
        squares: (slots,): Σ over columns of totals².
        sizes, starts: (slots,): their rows, and the rows of slots before them.
        numbers: (n,): the slot of each place, mod 2^score_bits.
        lots: how slots and places reach each other.
    """

    totals: Share
    squares: Share
    sizes: Share
    starts: Share
    numbers: Share
    lots: Lots

    @property
    def depth(self) -> int:
        """The level, from 0."""
        return self.lots.slots.bit_length() - 1


@dataclass(frozen=True)
class AtPlaces:
    """What a place knows of its slot, the same for every attribute; (n,) each, mod 2^score_bits.

    Attributes:
        size, start: rows of the slot, and of those before it.
        totals, before: (travelling, n): the slot's statistics, and those of the slots before it.
        squares: Σ totals².
    """

    size: Share
    start: Share
    totals: Share
    before: Share
    squares: Share


async def root_of(server: Server, statistics: Share, shape: Shape) -> Slots:
    """Return the only slot of the first level. Rounds: 1."""
    k, dtype, n = server.kernels, server.ring.dtype, shape.rows
    small = within(server, shape.score_bits)
    totals = Share(k.sum(statistics.a, -1).reshape(1, -1), k.sum(statistics.b, -1).reshape(1, -1))
    sizes = public(server, k.full((1,), n, dtype))
    none = public(server, k.zeros((1,), dtype))
    numbers = public(small, k.zeros((n,), small.ring.dtype))
    return Slots(totals, await squares_of(server, totals), sizes, none, numbers, Lots(n, 1, None))


async def squares_of(server: Server, totals: Share) -> Share:
    """Return Σ over columns of the squares of (slots, columns). Rounds: 1."""
    return await reshare(server, dot_locally(server, totals, totals))


def before(server: Server, x: Share, axis: int) -> Share:
    """Return the sums of what stands before along an axis; no message."""
    return Share(server.kernels.sums_before(x.a, axis), server.kernels.sums_before(x.b, axis))


async def at_places(server: Server, slots: Slots, shape: Shape) -> AtPlaces:
    """Bring what slots hold to their places. Rounds: 4; none at the root."""
    small, travelling = within(server, shape.score_bits), shape.statistics.travelling
    earlier = before(server, slots.totals, 0)
    rows = [slots.sizes, slots.starts, slots.squares]
    rows += [x[:, column] for x in (slots.totals, earlier) for column in range(travelling)]
    columns = [Column(narrow_share(small, one), shape.score_bits) for one in rows]
    size, start, squares, *rest = await slots.lots.to_places(server, columns)
    totals, earlier = (stacked(small, part, shape.rows) for part in (rest[:travelling], rest[travelling:]))
    return AtPlaces(size, start, totals, earlier, squares)


def stacked(server: Server, rows: Sequence[Share], *shape: int) -> Share:
    """Return arrays of a shape as the rows of one; no message."""
    if not rows:
        none = server.kernels.zeros((0, *shape), server.ring.dtype)
        return Share(none, none)
    return concatenate(server, [one.reshape(1, *shape) for one in rows])


@dataclass(frozen=True)
class Node:
    """A stage's pairs of ranges [low, middle), [middle, high) of places, as arrays."""

    low: Places
    middle: Places
    high: Places


@cache
def stages(n: int) -> tuple[Node, ...]:
    """Return the pairs of the binary tree over n places; a range without a neighbour waits."""
    ranges = [(place, place + 1) for place in range(n)]
    found = []
    while len(ranges) > 1:
        pairs = [(ranges[i], ranges[i + 1]) for i in range(0, len(ranges) - 1, 2)]
        found.append(Node(*np.array([(a[0], b[0], b[1]) for a, b in pairs]).T))
        ranges = [(a[0], b[1]) for a, b in pairs] + ranges[2 * len(pairs) :]
    return tuple(found)


async def alike(server: Server, slots: Slots, pairs: Sequence[tuple[Places, Places]]) -> list[Share]:
    """Return, for arrays of places (i, j), the integer 1 where their slots are one, else 0.

    Rounds and bits: those of an equality of slot numbers a pair; none at the root.
    """
    k = server.kernels
    ends = np.cumsum([0, *(len(pair[0]) for pair in pairs)])
    if slots.depth == 0:
        same = public(server, k.full((int(ends[-1]),), 1, server.ring.dtype))
    else:
        numbers = slots.numbers
        one, other = (
            np.concatenate([pair[which] for pair in pairs]) if pairs else np.array([], int)
            for which in (0, 1)
        )
        gaps = subtract(
            server,
            Share(k.take(numbers.a, one, 0), k.take(numbers.b, one, 0)),
            Share(k.take(numbers.a, other, 0), k.take(numbers.b, other, 0)),
        )
        same = await is_zero(server, gaps, slots.depth)
    return [same[low:high] for low, high in pairwise(ends)]


def sides(n: int, least: int) -> list[tuple[Places, Places]]:
    """Return the pairs of places whose slots are one where enough rows are on either side.

    A side has r rows where the place r after, or r − 1 before, is of the same slot. Of one row the place
    itself is enough.
    """
    here = np.arange(least - 1, n - least)
    if len(here) == 0:
        return []
    return [(here, here + least)] + ([(here, here - (least - 1))] if least > 1 else [])


def at_sides(server: Server, both: Share | None, n: int, least: int) -> Share:
    """Return what pairs of `sides` say at their places (n,), 0 at the ends; no message."""
    k = server.kernels
    if both is None:
        empty = k.zeros((n,), server.ring.dtype)
        return Share(empty, empty)
    before = k.zeros((least - 1,), both.a.dtype)
    after = k.zeros((n - both.size - (least - 1),), both.a.dtype)
    return Share(k.concatenate([before, both.a, after]), k.concatenate([before, both.b, after]))


async def enough_rows(server: Server, slots: Slots, shape: Shape) -> Share:
    """Return 1 for places after which a slot may be split: enough rows of it on either side.

    Rounds: those of an equality, and a product where more than one row is asked.
    """
    n, least = shape.rows, shape.least_rows
    pairs = sides(n, least)
    if not pairs:
        return at_sides(server, None, n, least)
    right, *left = await alike(server, slots, pairs)
    both = await multiply(server, left[0], right) if left and slots.depth else right
    return at_sides(server, both, n, least)
