"""The best place of each slot: a binary tree over places, one comparison of fractions a node.

A range keeps the best candidate of its first slot and that of its last. Where two ranges meet, the last of
the left one competes with the first of the right one; where they belong to different slots, the slots that
end or begin there, and lie inside, are finished.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from protocols.replicated3.constructions import (
    matmul_locally,
    multiply,
    multiply_locally,
    select,
    sign,
)
from protocols.replicated3.sharings import (
    BitHalves,
    Server,
    Share,
    add,
    complement,
    concatenate,
    halves_to_share,
    in_thirds,
    reshare,
    share_to_halves,
    subtract,
    sum_to_halves,
)
from protocols.tables import opposite
from protocols.trees import wide
from protocols.trees.local import turned
from protocols.trees.places import Node, alike, stages
from protocols.trees.shape import Shape

COLUMNS = 5
"""N, D, attribute, twice the threshold, and 1 where there is a candidate."""


@dataclass(frozen=True)
class Borders:
    """Of each pair of ranges, shares of 1 where two places are of one slot.

    Attributes:
        to_middle, from_middle: low and middle; middle − 1 and high − 1.
        across: middle − 1 and middle.
        left, right: low and middle − 1; middle and high − 1.
    """

    to_middle: list[Share]
    from_middle: list[Share]
    across: Share
    left: Share
    right: Share


async def best_of_slots(
    server: Server, found: Share, places: Share, borders: Borders | None, shape: Shape
) -> Share:
    """Return (5, slots): the best candidate of each slot; zeros where a slot has no row.

    Args:
        server: with its choices.
        found: (5, n): the candidate after each place.
        places: (slots, n): the one-hot vector of each place's slot.
        borders: where slots end; None of a single place.
        shape: of the tree.

    Of equal scores the lowest attribute wins, then the first place. Rounds: for each of ⌈log2 n⌉ stages a
    product, a sign and a selection, then 1.
    """
    if borders is None:
        return await _sums(server, found, places)
    nodes = stages(shape.rows)
    [weights, (rows, winners)] = await server.party.gather(
        _weights(server, borders, places, nodes, shape.rows), _climb(server, found, borders, shape)
    )
    values = concatenate(server, [*winners, *rows], 1)
    return await _sums(server, values, weights)


async def _sums(server: Server, values: Share, weights: Share) -> Share:
    """Return Σ values (5, q) · weights (slots, q). Rounds: 1."""
    return await reshare(server, matmul_locally(server, values, turned(weights)))


async def borders_of(server: Server, places: Share, shape: Shape) -> Borders | None:
    """Compare the slots of places at the borders of all ranges. Rounds: 1. Bits: 15l a place."""
    nodes = stages(shape.rows)
    if not nodes:
        return None
    low, middle, high = (
        np.concatenate([getattr(node, name) for node in nodes]) for name in ("low", "middle", "high")
    )
    before, end = middle - 1, high - 1
    pairs = [(low, middle), (before, end), (before, middle), (low, before), (middle, end)]
    to_middle, from_middle, across, left, right = await alike(server, places, pairs)
    ends = np.cumsum([0, *(len(node.low) for node in nodes)])

    def cut(bits: Share) -> list[Share]:
        return [bits[a:b] for a, b in pairwise(ends)]

    return Borders(cut(to_middle), cut(from_middle), across, left, right)


async def _climb(
    server: Server, found: Share, borders: Borders, shape: Shape
) -> tuple[list[Share], list[Share]]:
    """Climb the tree; return [the first slot's best, the last one's], and who won and competed at pairs."""
    first = last = found
    lasts, firsts, winners = [], [], []
    for whole_left, whole_right in zip(borders.to_middle, borders.from_middle, strict=True):
        pairs = whole_left.shape[0]
        one, other = last[:, 0 : 2 * pairs : 2], first[:, 1 : 2 * pairs : 2]
        outer_first, outer_last = first[:, 0 : 2 * pairs : 2], last[:, 1 : 2 * pairs : 2]
        lasts.append(one)
        firsts.append(other)
        to_first, to_last, winner = await _stage(server, one, other, whole_left, whole_right, shape)
        winners.append(winner)
        first = concatenate(server, [add(server, outer_first, to_first), first[:, 2 * pairs :]], 1)
        last = concatenate(server, [add(server, outer_last, to_last), last[:, 2 * pairs :]], 1)
    return [first, last], [concatenate(server, kind, 1) for kind in (winners, lasts, firsts)]


async def _stage(
    server: Server, one: Share, other: Share, whole_left: Share, whole_right: Share, shape: Shape
) -> tuple[Share, Share, Share]:
    """Compete; return what is added to the first and to the last of the pair, and the winner.

    Where the left range is one slot with the right one's first, its first becomes the winner: it grows by
    (other − one) where the other wins. Likewise the last.
    """
    pairs = one.shape[1]

    async def some(server: Server, *columns: Share) -> list[Share]:
        return await _compete(server, *columns, shape=shape)

    def cut(part: slice) -> tuple[Share, ...]:
        return one[:, part], other[:, part], whole_left[part], whole_right[part]

    thirds = await in_thirds(server, some, pairs, cut)
    to_first, to_last, winner = (concatenate(server, list(one), 1) for one in zip(*thirds, strict=True))
    return to_first, to_last, winner


async def _compete(
    server: Server, one: Share, other: Share, whole_left: Share, whole_right: Share, *, shape: Shape
) -> list[Share]:
    k, bits = server.kernels, server.ring.bits
    gap = subtract(server, one, other)
    ends = Share(
        k.stack([whole_left.a, whole_right.a], 0).reshape(2, 1, -1),
        k.stack([whole_left.b, whole_right.b], 0).reshape(2, 1, -1),
    )
    grown, loses = await server.party.gather(
        multiply(server, ends, gap.reshape(1, *gap.shape)), _loses(server, one, other, shape)
    )
    wins = complement(server, loses)
    gains = [(grown[0], loses), (grown[1], wins), (gap, wins)]
    chosen = await server.party.gather(*(_chosen(server, x, bit, bits) for x, bit in gains))
    to_first = Share(k.neg(chosen[0].a), k.neg(chosen[0].b))
    return [to_first, chosen[1], add(server, other, chosen[2])]


async def _chosen(server: Server, x: Share, bit: BitHalves, bits: int) -> Share:
    """Return x (5, pairs) where the bit of its pair is 1, else 0."""
    k = server.kernels
    every = BitHalves(k.add(k.zeros(x.shape, bit.half.dtype), bit.half.reshape(1, -1)))
    return await halves_to_share(server, await select(server, share_to_halves(server, x, bits), every))


async def _loses(server: Server, one: Share, other: Share, shape: Shape) -> BitHalves:
    """Return 1 where 2^s (N·D′ − N′·D) + (a′ − a) < 0: a lower score, or a tie and a higher attribute.

    What the ring does not hold is compared in a wider one.
    """
    k = server.kernels
    if shape.cross_bits > server.ring.bits:
        return await _loses_widely(server, one, other, shape)
    cross = k.sub(multiply_locally(server, one[0], other[1]), multiply_locally(server, other[0], one[1]))
    ties = k.sub(other[2].a, one[2].a)
    total = k.add(k.shift_left(cross, shape.tie_bits), ties)
    return await sign(server, await sum_to_halves(server, total, server.ring.bits))


async def _loses_widely(server: Server, one: Share, other: Share, shape: Shape) -> BitHalves:
    """Return the same, of numbers lifted to `cross_bits`. Rounds: 3 and the sign."""
    bits, scale = shape.cross_bits, 1 << shape.tie_bits
    fractions = concatenate(server, [one[:2], other[:2]])
    halves, ties = await server.party.gather(
        wide.lifted(server, fractions, bits),
        wide.lifted(server, subtract(server, other[2], one[2]), bits),
    )
    lifted = await wide.shared(server, halves)
    cross = wide.products(server, [(lifted[0], lifted[3], scale), (lifted[2], lifted[1], -scale)])
    return await sign(server, wide.added(server, await wide.sum_of(server, cross, bits), ties))


async def _weights(server: Server, borders: Borders, places: Share, nodes: Sequence[Node], n: int) -> Share:
    """Return (slots, candidates): 1 where who won or competed at a pair, or is left over, is a slot's.

    A slot over the border, inside both ranges, is finished with the winner; one that ends at the border
    and began inside the left range, with the left one; one that begins there and ends inside, with the
    right one.
    Rounds: 3.
    """
    k = server.kernels
    middle = np.concatenate([node.middle for node in nodes])
    parted = opposite(server, borders.across)
    whole = [concatenate(server, one) for one in (borders.to_middle, borders.from_middle)]
    inside = [opposite(server, one) for one in (*whole, borders.left, borders.right)]
    terms = [
        multiply_locally(server, inside[0], inside[1]),
        multiply_locally(server, parted, inside[2]),
        multiply_locally(server, parted, inside[3]),
    ]
    both = await reshare(server, k.stack(terms, 0))
    over = await multiply(server, both[0], borders.across)
    slots = [Share(k.take(places.a, at, 1), k.take(places.b, at, 1)) for at in (middle, middle - 1, middle)]
    done = [over, both[1], both[2]]
    marks = await multiply(
        server,
        concatenate(server, slots, 1),
        concatenate(server, done).reshape(1, -1),
    )
    first, last = places[:, :1], places[:, n - 1 : n]
    [alone] = await alike(server, places, [(np.array([0]), np.array([n - 1]))])
    kept = await multiply(server, last, opposite(server, alone).reshape(1, 1))
    return concatenate(server, [marks, first, kept], 1)
