"""Places of a level: slots lie one after the other, at the same places in the order of every attribute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from protocols.replicated3.constructions import dot_locally, matmul_locally, multiply
from protocols.replicated3.sharings import Server, Share, concatenate, public, reshare, subtract
from protocols.tables import Column, apply_order
from protocols.trees.local import turned
from protocols.trees.shape import Shape

Places = NDArray[np.intp]


@dataclass(frozen=True)
class Slots:
    """What the slots of a level hold.

    Attributes:
        members: (slots, n): the one-hot vector of each row's slot, by row number.
        totals: (slots, columns): the statistics of their rows.
        squares: (slots,): Σ over columns of totals².
        sizes, starts: (slots,): their rows, and the rows of slots before them.
        places: (slots, n): the one-hot vector of each place's slot.
    """

    members: Share
    totals: Share
    squares: Share
    sizes: Share
    starts: Share
    places: Share


@dataclass(frozen=True)
class AtPlaces:
    """What a place knows of its slot, all of it the same for every attribute; (n,) each.

    Attributes:
        size, count: rows of the slot, and those of its rows that are not after this place.
        totals, before: (columns, n): the slot's statistics, and those of the slots before it.
        squares: Σ totals².
    """

    size: Share
    count: Share
    totals: Share
    before: Share
    squares: Share


async def slots_of(server: Server, members: Share, statistics: Share, order: Share | None) -> Slots:
    """Return the slots of a level.

    Args:
        server: with its choices.
        members: (slots, n), by row number.
        statistics: (columns, n), by row number.
        order: (n,) the rows in the order of some attribute; None at the root, where all places are alike.

    Rounds: 4, or 2 at the root.
    """
    totals, places = await server.party.gather(
        _totals(server, members, statistics), _moved(server, order, members)
    )
    squares = totals[1]
    sizes = Share(server.kernels.sum(members.a, -1), server.kernels.sum(members.b, -1))
    return Slots(members, totals[0], squares, sizes, before(server, sizes, 0), places)


async def _totals(server: Server, members: Share, statistics: Share) -> tuple[Share, Share]:
    """Return Σ over rows of each slot, and the squares of those, summed up. Rounds: 2."""
    totals = await reshare(server, matmul_locally(server, members, turned(statistics)))
    return totals, await reshare(server, dot_locally(server, totals, totals))


async def _moved(server: Server, order: Share | None, members: Share) -> Share:
    if order is None:
        return members
    columns = [Column(members[slot], server.ring.bits) for slot in range(members.shape[0])]
    moved = await apply_order(server, order, columns)
    return concatenate(server, [one.reshape(1, -1) for one in moved])


def before(server: Server, x: Share, axis: int) -> Share:
    """Return the sums of what stands before along an axis; no message."""
    return Share(server.kernels.sums_before(x.a, axis), server.kernels.sums_before(x.b, axis))


async def at_places(server: Server, slots: Slots) -> AtPlaces:
    """Bring what slots hold to their places: Σ over slots of the place's one-hot vector. Rounds: 1."""
    columns = slots.totals.shape[1]
    rows = [
        slots.sizes.reshape(1, -1),
        slots.starts.reshape(1, -1),
        slots.squares.reshape(1, -1),
        turned(slots.totals),
        turned(before(server, slots.totals, 0)),
    ]
    found = await to_places(server, concatenate(server, rows), slots.places)
    size, start, squares = found[0], found[1], found[2]
    n = size.shape[0]
    k, dtype = server.kernels, server.ring.dtype
    numbers = k.add(k.astype(k.positions((n,), dtype), dtype), k.full((), 1, dtype))
    count = subtract(server, public(server, numbers), start)
    return AtPlaces(size, count, found[3 : 3 + columns], found[3 + columns :], squares)


async def to_places(server: Server, values: Share, places: Share) -> Share:
    """Return values (q, slots) of each place's slot, (q, n). Rounds: 1. Bits: 3l a value."""
    return await reshare(server, matmul_locally(server, values, places))


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


async def alike(server: Server, places: Share, pairs: Sequence[tuple[Places, Places]]) -> list[Share]:
    """Return, for arrays of places (i, j), the integer 1 where their slots are one, else 0.

    The product of their one-hot vectors. Rounds: 1. Bits: 3l a pair.
    """
    k = server.kernels

    def taken(which: int) -> Share:
        index = np.concatenate([pair[which] for pair in pairs])
        return Share(k.take(places.a, index, 1).T, k.take(places.b, index, 1).T)

    same = await reshare(server, dot_locally(server, taken(0), taken(1)))
    ends = np.cumsum([0, *(len(pair[0]) for pair in pairs)])
    return [same[low:high] for low, high in pairwise(ends)]


async def enough_rows(server: Server, places: Share, shape: Shape) -> Share:
    """Return 1 for places after which a slot may be split: enough rows of it on either side. Rounds: 2.

    A side has r rows where the place r − 1 before, or r after, is of the same slot.
    """
    n, least = shape.rows, shape.least_rows
    k, dtype = server.kernels, server.ring.dtype
    here = np.arange(least - 1, n - least)
    if len(here) == 0:
        empty = k.zeros((n,), dtype)
        return Share(empty, empty)
    left, right = await alike(server, places, [(here, here - (least - 1)), (here, here + least)])
    both = await multiply(server, left, right)
    edges = [k.zeros((least - 1,), dtype), k.zeros((n - len(here) - (least - 1),), dtype)]
    return Share(k.concatenate([edges[0], both.a, edges[1]]), k.concatenate([edges[0], both.b, edges[1]]))
