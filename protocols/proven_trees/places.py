"""Slots and their places: what slots add up, what places know of it, and which of them are of one slot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from protocols.proven_trees.steps import known, narrow, product
from protocols.proven_trees.widths import hot_bits
from protocols.replicated3.sharings import Share, concatenate, subtract
from protocols.replicated3_malicious.sharings import Checked
from protocols.trees import (
    Borders,
    Places,
    Shape,
    as_borders,
    at_sides,
    before,
    border_pairs,
    sides,
    turned,
)


@dataclass(frozen=True)
class Slots:
    """What the slots of a level hold, mod 2^H (`hot_bits`).

    Attributes:
        by_place: (slots, n): the one-hot vector of each place's slot, the same in all attributes' orders.
        totals: (slots, columns): the statistics of their rows.
        squares: (slots,): Σ over columns of totals².
        sizes, starts: (slots,): their rows, and the rows of slots before them.
    """

    by_place: Share
    totals: Share
    squares: Share
    sizes: Share
    starts: Share


@dataclass(frozen=True)
class AtPlaces:
    """What a place knows of its slot, mod 2^H.

    Attributes:
        size, count: (n,): rows of the slot, and those of them that are not after the place.
        squares: (n,): Σ totals².
        totals, before: (travelling, n): the slot's statistics, and those of the slots before it.
    """

    size: Share
    count: Share
    squares: Share
    totals: Share
    before: Share


async def sums_of(server: Checked, hot: Share, statistics: Share, bits: int) -> Share:
    """Return what slots (slots, n) add up of rows (columns, n), (slots, columns).

    Rounds: 1; 0 at the root.
    """
    if hot.shape[0] == 1:
        k = server.kernels
        local = Share(k.sum(statistics.a, -1).reshape(1, -1), k.sum(statistics.b, -1).reshape(1, -1))
        return narrow(server, local, bits)
    return await product(server, bits, hot, turned(statistics), "matmul")


def sizes_of(server: Checked, hot: Share) -> Share:
    """Return how many rows slots have; no message."""
    return Share(server.kernels.sum(hot.a, -1), server.kernels.sum(hot.b, -1))


async def slots_of(
    server: Checked, by_row: Share, by_place: Share, statistics: Share, shape: Shape
) -> Slots:
    """Return the slots of a level. Rounds: 2; 1 at the root."""
    bits = hot_bits(shape)
    sizes = sizes_of(server, by_row)
    totals = await sums_of(server, by_row, statistics, bits)
    squares = await product(server, bits, totals, totals, "dot")
    return Slots(by_place, totals, squares, sizes, before(server, sizes, 0))


async def to_places(server: Checked, by_place: Share, rows: Sequence[Share], bits: int) -> Share:
    """Return at places (rows, n) what their slots hold, (slots,) each. Rounds: 1; 0 at the root."""
    listed = concatenate(server, [one.reshape(1, -1) for one in rows])
    if by_place.shape[0] == 1:
        k = server.kernels
        none = k.zeros((len(rows), by_place.shape[1]), listed.a.dtype)
        return narrow(server, Share(k.add(none, listed.a), k.add(none, listed.b)), bits)
    return await product(server, bits, listed, by_place, "matmul")


async def at_places(server: Checked, slots: Slots, shape: Shape) -> AtPlaces:
    """Bring what slots hold to their places. Rounds: 1; 0 at the root."""
    travelling, bits = shape.statistics.travelling, hot_bits(shape)
    earlier = before(server, slots.totals, 0)
    rows = [slots.sizes, slots.starts, slots.squares]
    rows += [one[:, column] for one in (slots.totals, earlier) for column in range(travelling)]
    found = await to_places(server, slots.by_place, rows, bits)
    count = subtract(server, known(server, _numbers(server, shape, bits)), found[1])
    return AtPlaces(found[0], count, found[2], found[3 : 3 + travelling], found[3 + travelling :])


def _numbers(server: Checked, shape: Shape, bits: int) -> np.ndarray:
    """Return i + 1 of places, as words."""
    k, word = server.kernels, server.word(bits)
    found: np.ndarray = k.add(k.astype(k.positions((shape.rows,), word), word), k.full((), 1, word))
    return found


def numbers(server: Checked, shape: Shape, bits: int) -> Share:
    """Return shares of i + 1 of each place; no message."""
    return known(server, _numbers(server, shape, bits))


async def alike(
    server: Checked, by_place: Share, pairs: Sequence[tuple[Places, Places]], bits: int
) -> list[Share]:
    """Return, for arrays of places (i, j), 1 mod 2^bits where their slots are one.

    Rounds: 1; 0 at the root.
    """
    k = server.kernels
    ends = np.cumsum([0, *(len(pair[0]) for pair in pairs)])
    if by_place.shape[0] == 1:
        same = known(server, k.full((int(ends[-1]),), 1, server.word(bits)))
    else:
        columns = turned(by_place)
        one, other = (
            Share(k.take(columns.a, at, 0), k.take(columns.b, at, 0))
            for at in (np.concatenate([pair[which] for pair in pairs]) for which in (0, 1))
        )
        same = await product(server, bits, one, other, "dot")
    return [same[low:high] for low, high in pairwise(ends)]


async def enough_and_borders(
    server: Checked, by_place: Share, shape: Shape
) -> tuple[Share, Borders | None]:
    """Return 1 for places with enough rows on either side, and where slots end.

    Rounds: 1, of more rows than one a side 2; 0 at the root.
    """
    n, least, bits = shape.rows, shape.least_rows, hot_bits(shape)
    asked, borders = sides(n, least), border_pairs(n)
    if not asked and not borders:
        return narrow(server, at_sides(server, None, n, least), bits), None
    found = await alike(server, by_place, [*asked, *borders], bits)
    both = None
    if asked:
        right, *left = found[: len(asked)]
        both = await product(server, bits, left[0], right) if left and by_place.shape[0] > 1 else right
    enough = narrow(server, at_sides(server, both, n, least), bits)
    return enough, as_borders(found[len(asked) :], n) if borders else None
