"""The best place of each slot: a binary tree over places, one comparison of fractions a node.

A range keeps the best candidate of its first slot and that of its last. Where two ranges meet, the last of
the left one competes with the first of the right one; where they belong to different slots, the slots that
end or begin there, and lie inside, are finished: their best is left at a public place of theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from protocols.replicated3.constructions import multiply, multiply_locally, select, sign
from protocols.replicated3.sharings import (
    BitHalves,
    Server,
    Share,
    add,
    complement,
    concatenate,
    halves_to_share,
    in_thirds,
    narrow_share,
    reshare,
    share_to_halves,
    subtract,
    sum_to_halves,
)
from protocols.tables import Column, opposite
from protocols.trees import wide
from protocols.trees.places import Candidates, Places, Slots, alike, stacked, stages
from protocols.trees.shape import FLAG_BITS, Shape, within


@dataclass(frozen=True)
class Best:
    """Of each slot, the best candidate; zeros where a slot has no row.

    Attributes:
        attribute: its number, mod 2^tie_bits.
        twice: the threshold's double, mod 2^threshold_bits.
        found: whether there is one, mod 2^3.
        cut: the places up to its own, less those of the slot, mod 2^cut_bits.
        score, sides: N and D, mod 2^fraction_bits; None where nobody asks.
    """

    attribute: Share
    twice: Share
    found: Share
    cut: Share
    score: Share | None = None
    sides: Share | None = None


@dataclass(frozen=True)
class Borders:
    """Of each pair of ranges, shares of 1 where two places are of one slot.

    Attributes:
        to_middle, from_middle: low and middle; middle − 1 and high − 1.
        across: middle − 1 and middle.
        left, right: low and middle − 1; middle and high − 1.
        alone: the first place of all and the last one.
    """

    to_middle: list[Share]
    from_middle: list[Share]
    across: Share
    left: Share
    right: Share
    alone: Share


async def best_of_slots(
    server: Server, found: Candidates, slots: Slots, borders: Borders | None, shape: Shape
) -> Best:
    """Return the best candidate of each slot.

    Args:
        server: with its choices.
        found: the candidate after each place, (rows, n).
        slots: of the level.
        borders: where slots end; None of a single place.
        shape: of the tree.

    Of equal scores the lowest attribute wins, then the first place. Rounds: for each of ⌈log2 n⌉ stages a
    product, a sign and a selection; then 1, and what the way from places to slots takes.
    """
    if borders is None:
        kept = [Column(row, bits) for row, bits in _wanted(server, found, shape)]
    else:
        done, (ends, met) = await server.party.gather(
            _finished(server, borders, shape), _climb(server, found, borders, shape)
        )
        kept = await _left_at_places(server, ends, met, done, opposite(server, borders.alone), shape)
    return Best(*await slots.lots.to_slots(server, kept))


def _wanted(server: Server, groups: Candidates, shape: Shape) -> list[tuple[Share, int]]:
    """Return the rows that slots ask for, each in its own bits; no message."""
    score, sides, attribute = fraction_of(groups)
    threshold, rest = groups[-2:]
    rows = [
        (attribute, shape.tie_bits),
        (threshold[0], shape.threshold_bits),
        (rest[0], FLAG_BITS),
        (rest[1], shape.cut_bits),
    ]
    if shape.gain_bits:
        rows += [(score, shape.fraction_bits[0]), (sides, shape.fraction_bits[1])]
    return [(narrow_share(within(server, max(2, bits)), row), max(2, bits)) for row, bits in rows]


def fraction_of(groups: Candidates) -> list[Share]:
    """Return N, D and the attribute of candidates, one row each; no message."""
    return [group[row] for group in groups[:-2] for row in range(group.shape[0])]


async def borders_of(server: Server, slots: Slots, shape: Shape) -> Borders | None:
    """Compare the slots of places at the borders of all ranges, mod 2^slot_bits."""
    pairs = border_pairs(shape.rows)
    return as_borders(await alike(server, slots, pairs), shape.rows) if pairs else None


def border_pairs(n: int) -> list[tuple[Places, Places]]:
    """Return the pairs of places that are compared at the borders of all ranges; none of a single place."""
    nodes = stages(n)
    if not nodes:
        return []
    low, middle, high = (
        np.concatenate([getattr(node, name) for node in nodes]) for name in ("low", "middle", "high")
    )
    before, end = middle - 1, high - 1
    all_of_them = (np.array([0]), np.array([n - 1]))
    return [(low, middle), (before, end), (before, middle), (low, before), (middle, end), all_of_them]


def as_borders(alike: Sequence[Share], n: int) -> Borders:
    """Return what is known of the pairs of `border_pairs`, by stage where a stage asks; no message."""
    to_middle, from_middle, across, left, right, alone = alike
    ends = np.cumsum([0, *(len(node.low) for node in stages(n))])

    def cut(bits: Share) -> list[Share]:
        return [bits[a:b] for a, b in pairwise(ends)]

    return Borders(cut(to_middle), cut(from_middle), across, left, right, alone)


async def _climb(
    server: Server, found: Candidates, borders: Borders, shape: Shape
) -> tuple[list[Candidates], list[Candidates]]:
    """Climb the tree; return [the first slot's best, the last one's], and who won and competed at pairs."""
    first = last = found
    lasts, firsts, winners = [], [], []
    for whole_left, whole_right in zip(borders.to_middle, borders.from_middle, strict=True):
        pairs = whole_left.shape[0]
        even, odd, rest = slice(0, 2 * pairs, 2), slice(1, 2 * pairs, 2), slice(2 * pairs, None)
        one, other = _part(last, even), _part(first, odd)
        lasts.append(one)
        firsts.append(other)
        to_first, to_last, winner = await _stage(server, one, other, whole_left, whole_right, shape)
        winners.append(winner)
        first = _grown(server, _part(first, even), to_first, _part(first, rest))
        last = _grown(server, _part(last, odd), to_last, _part(last, rest))
    return [first, last], [_joined(server, kind) for kind in (winners, lasts, firsts)]


def _part(groups: Candidates, places: slice) -> Candidates:
    return tuple(group[:, places] for group in groups)


def _joined(server: Server, many: Sequence[Candidates]) -> Candidates:
    return tuple(concatenate(server, list(group), 1) for group in zip(*many, strict=True))


def _grown(server: Server, outer: Candidates, gain: Candidates, rest: Candidates) -> Candidates:
    best = tuple(add(server, x, y) for x, y in zip(outer, gain, strict=True))
    return _joined(server, [best, rest])


async def _stage(
    server: Server, one: Candidates, other: Candidates, whole_left: Share, whole_right: Share, shape: Shape
) -> tuple[Candidates, Candidates, Candidates]:
    """Compete; return what is added to the first and to the last of the pair, and the winner.

    Where the left range is one slot with the right one's first, its first becomes the winner: it grows by
    (other − one) where the other wins. Likewise the last.
    """

    async def some(
        server: Server, one: Candidates, other: Candidates, ends: Share
    ) -> tuple[Candidates, Candidates, Candidates]:
        return await _compete(server, one, other, ends, shape)

    pairs = whole_left.shape[0]
    ends = concatenate(server, [whole_left.reshape(1, -1), whole_right.reshape(1, -1)])
    thirds = await in_thirds(
        server, some, pairs, lambda part: (_part(one, part), _part(other, part), ends[:, part])
    )
    to_first, to_last, winner = (_joined(server, kind) for kind in zip(*thirds, strict=True))
    return to_first, to_last, winner


async def _compete(
    server: Server, one: Candidates, other: Candidates, ends: Share, shape: Shape
) -> tuple[Candidates, Candidates, Candidates]:
    rings = [within(server, bits) for _, bits in shape.candidate]
    gaps = [subtract(server, x, y) for x, y in zip(one, other, strict=True)]
    *grown, loses = await server.party.gather(
        *(_masked_ends(ring, gap, ends) for ring, gap in zip(rings, gaps, strict=True)),
        _loses(server, fraction_of(one), fraction_of(other), shape),
    )
    wins = complement(server, loses)
    chosen = await server.party.gather(
        *(
            _chosen(ring, x, bit)
            for ring, gap, ended in zip(rings, gaps, grown, strict=True)
            for x, bit in ((ended[0], loses), (ended[1], wins), (gap, wins))
        )
    )
    k = server.kernels
    kinds = len(chosen) // len(rings)
    to_first = tuple(Share(k.neg(x.a), k.neg(x.b)) for x in chosen[0::kinds])
    winner = tuple(add(server, x, y) for x, y in zip(other, chosen[2::kinds], strict=True))
    return to_first, tuple(chosen[1::kinds]), winner


async def _masked_ends(ring: Server, gap: Share, ends: Share) -> Share:
    """Return the gaps (2, rows, pairs) where the left range, or the right, is one slot with the border."""
    return await multiply(ring, narrow_share(ring, ends).reshape(2, 1, -1), gap.reshape(1, *gap.shape))


async def _chosen(ring: Server, x: Share, bit: BitHalves) -> Share:
    """Return x (rows, pairs) where the bit of its pair is 1, else 0."""
    k = ring.kernels
    every = BitHalves(k.add(k.zeros(x.shape, bit.half.dtype), bit.half.reshape(1, -1)))
    return await halves_to_share(ring, await select(ring, share_to_halves(ring, x, ring.ring.bits), every))


async def _loses(server: Server, one: Sequence[Share], other: Sequence[Share], shape: Shape) -> BitHalves:
    """Return 1 where 2^s (N·D′ − N′·D) + (a′ − a) < 0: a lower score, or a tie and a higher attribute.

    What a word does not hold is compared in a wider ring.
    """
    if shape.wide:
        return await _loses_widely(server, one, other, shape)
    k, bits = server.kernels, shape.fraction_bits[0]
    ring = within(server, bits)
    cross = k.sub(multiply_locally(ring, one[0], other[1]), multiply_locally(ring, other[0], one[1]))
    ties = k.sub(other[2].a, one[2].a)
    total = k.add(k.shift_left(cross, shape.tie_bits), ties)
    return await sign(server, await sum_to_halves(ring, total, bits))


async def _loses_widely(
    server: Server, one: Sequence[Share], other: Sequence[Share], shape: Shape
) -> BitHalves:
    """Return the same, of numbers lifted to `cross_bits`. Rounds: 3 and the sign."""
    bits, scale = shape.cross_bits, 1 << shape.tie_bits
    score, sides, name = shape.fraction_bits
    rows = [
        (stacked(server, [one[0], other[0]], *one[0].shape), score),
        (stacked(server, [one[1], other[1]], *one[1].shape), sides),
        (subtract(server, other[2], one[2]), name),
    ]
    *halves, ties = await server.party.gather(*(wide.lifted(server, row, own, bits) for row, own in rows))
    lifted = await wide.shared(server, wide.joined(server, halves))
    terms = [(lifted[0], lifted[3], scale), (lifted[1], lifted[2], -scale)]
    cross = await wide.sum_of(server, wide.products(server, terms), bits)
    return await sign(server, wide.added(server, cross, ties))


async def _finished(server: Server, borders: Borders, shape: Shape) -> tuple[Share, Share, Share]:
    """Return 1 for pairs at which a slot is finished: over the border; up to it; from it on.

    A slot over the border, inside both ranges, is finished with the winner; one that ends at the border
    and began inside the left range, with the left one; one that begins there and ends inside, with the
    right one. Rounds: 2.
    """
    ring, k = within(server, shape.slot_bits), server.kernels
    parted = opposite(ring, borders.across)
    whole = [concatenate(ring, one) for one in (borders.to_middle, borders.from_middle)]
    inside = [opposite(ring, one) for one in (*whole, borders.left, borders.right)]
    terms = [
        multiply_locally(ring, inside[0], inside[1]),
        multiply_locally(ring, parted, inside[2]),
        multiply_locally(ring, parted, inside[3]),
    ]
    both = await reshare(ring, k.stack(terms, 0))
    return await multiply(ring, both[0], borders.across), both[1], both[2]


async def _left_at_places(
    server: Server,
    ends: list[Candidates],
    met: list[Candidates],
    done: tuple[Share, Share, Share],
    parted: Share,
    shape: Shape,
) -> list[Column]:
    """Return rows (n,) that have each slot's best at one of its places, and zeros elsewhere.

    Each place but the first is the middle of one pair, each but the last stands before one: there the slots
    leave what they are finished with. The first place has the whole's first slot's, the last the last one's
    where that is another. Rounds: 1.
    """
    by_middle = np.argsort(np.concatenate([node.middle for node in stages(shape.rows)]))
    rows = [_wanted(server, one, shape) for one in (*met, *ends)]
    return await server.party.gather(
        *(_left(server, of_all, done, parted, by_middle) for of_all in zip(*rows, strict=True))
    )


async def _left(
    server: Server,
    rows: Sequence[tuple[Share, int]],
    done: tuple[Share, Share, Share],
    parted: Share,
    by_middle: np.ndarray,
) -> Column:
    (winner, bits), (left, _), (right, _), (first, _), (last, _) = rows
    ring, k = within(server, bits), server.kernels
    over, up_to, from_it = (narrow_share(ring, one) for one in done)
    z_middle = k.add(multiply_locally(ring, over, winner), multiply_locally(ring, from_it, right))
    z_before = multiply_locally(ring, up_to, left)
    z_last = multiply_locally(ring, narrow_share(ring, parted), last)
    nothing = k.zeros((1,), first.a.dtype)
    z = k.add(
        k.concatenate([first.a, k.take(z_middle, by_middle, 0)]),
        k.add(
            k.concatenate([k.take(z_before, by_middle, 0), nothing]),
            k.concatenate([k.zeros((z_middle.size,), first.a.dtype), z_last]),
        ),
    )
    return Column(await reshare(ring, z), bits)
