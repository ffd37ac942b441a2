"""The best place of each slot: a binary tree over places, one comparison of fractions a pair.

The tree is that of `protocols.trees.best`: docs/constructions.md#trees, step 4. A candidate is a column of
five numbers mod 2^H: N, D, attribute, twice the threshold, and whether it is one.
"""

from __future__ import annotations

import numpy as np

from protocols.proven_trees.steps import negative, opposite, product, scaled, total
from protocols.proven_trees.widths import hot_bits
from protocols.replicated3.sharings import Share, add, concatenate, negate, subtract
from protocols.replicated3_malicious.sharings import Checked
from protocols.trees import Borders, Shape, stages, turned

Done = tuple[Share, Share, Share]


async def best_of_slots(
    server: Checked, found: Share, by_place: Share, borders: Borders | None, done: Done | None, shape: Shape
) -> Share:
    """Return the best candidate of each slot, (5, slots); zeros where a slot has no row.

    Args:
        server: who runs it.
        found: the candidate after each place, (5, n).
        by_place: (slots, n): the one-hot vectors of places' slots.
        borders, done: where slots end, and at which pairs they are finished; None of a single place.
        shape: of the tree.

    Of equal scores the lowest attribute wins, then the first place. Rounds: for each of ⌈log2 n⌉ stages a
    product, a sign as a number and a product; then 1, and 1 from places to slots.
    """
    if borders is not None and done is not None:
        ends, met = await _climb(server, found, borders, shape)
        found = await _left_at_places(server, ends, met, done, opposite(server, borders.alone), shape)
    if by_place.shape[0] == 1:
        k = server.kernels
        return Share(k.sum(found.a, -1).reshape(-1, 1), k.sum(found.b, -1).reshape(-1, 1))
    return await product(server, hot_bits(shape), found, turned(by_place), "matmul")


async def _climb(
    server: Checked, found: Share, borders: Borders, shape: Shape
) -> tuple[list[Share], list[Share]]:
    """Climb the tree; return [the first slot's best, the last one's], and who won and competed at pairs."""
    first = last = found
    lasts, firsts, winners = [], [], []
    for whole_left, whole_right in zip(borders.to_middle, borders.from_middle, strict=True):
        pairs = whole_left.shape[0]
        even, odd, rest = slice(0, 2 * pairs, 2), slice(1, 2 * pairs, 2), slice(2 * pairs, None)
        one, other = last[:, even], first[:, odd]
        to_first, to_last, winner = await _compete(server, one, other, whole_left, whole_right, shape)
        lasts.append(one)
        firsts.append(other)
        winners.append(winner)
        first = concatenate(server, [add(server, first[:, even], to_first), first[:, rest]], 1)
        last = concatenate(server, [add(server, last[:, odd], to_last), last[:, rest]], 1)
    return [first, last], [concatenate(server, kind, 1) for kind in (winners, lasts, firsts)]


async def _compete(
    server: Checked, one: Share, other: Share, whole_left: Share, whole_right: Share, shape: Shape
) -> tuple[Share, Share, Share]:
    """Return what is added to the first and to the last of the pairs, and the winners, (5, pairs) each.

    Where the left range is one slot with the right one's first, its first becomes the winner: it grows by
    (other − one) where one loses. Likewise the last, by (one − other) where it wins.
    """
    bits, (rows, pairs) = hot_bits(shape), one.shape
    gap = subtract(server, one, other)
    ends = concatenate(server, [whole_left.reshape(1, 1, -1), whole_right.reshape(1, 1, -1)])
    grown, loses = await server.party.gather(
        product(server, bits, ends, gap.reshape(1, rows, pairs)), _loses(server, one, other, shape)
    )
    every = concatenate(server, [grown, gap.reshape(1, rows, pairs)])
    lost = await product(server, bits, every, loses.reshape(1, 1, pairs))
    winner = add(server, other, subtract(server, gap, lost[2]))
    return negate(server, lost[0]), subtract(server, grown[1], lost[1]), winner


async def _loses(server: Checked, one: Share, other: Share, shape: Shape) -> Share:
    """Return 1 where 2^s (N·D′ − N′·D) + (a′ − a) < 0: a lower score, or a tie and a higher attribute."""
    bits, raised = shape.cross_bits, 1 << shape.tie_bits
    gap = await total(
        server,
        bits,
        (scaled(server, one[0], raised), other[1]),
        (scaled(server, other[0], -raised), one[1]),
        share=subtract(server, other[2], one[2]),
    )
    return await negative(server, gap, bits, hot_bits(shape))


async def finished(server: Checked, borders: Borders, shape: Shape) -> Done:
    """Return 1 for pairs at which a slot is finished: over the border; up to it; from it on.

    A slot over the border, inside both ranges, is finished with the winner; one that ends at the border
    and began inside the left range, with the left one; one that begins there and ends inside, with the
    right one. Rounds: 2.
    """
    bits = hot_bits(shape)
    parted = opposite(server, borders.across)
    whole = [concatenate(server, one) for one in (borders.to_middle, borders.from_middle)]
    to, from_, left, right = (opposite(server, one) for one in (*whole, borders.left, borders.right))
    one, other = (
        concatenate(server, [part.reshape(1, -1) for part in parts])
        for parts in ((to, parted, parted), (from_, left, right))
    )
    both = await product(server, bits, one, other)
    return await product(server, bits, both[0], borders.across), both[1], both[2]


async def _left_at_places(
    server: Checked, ends: list[Share], met: list[Share], done: Done, parted: Share, shape: Shape
) -> Share:
    """Return (5, n) that has each slot's best at one of its places, and zeros elsewhere.

    Each place but the first is the middle of one pair, each but the last stands before one: there the slots
    leave what they are finished with. The first place has the whole's first slot's, the last the last one's
    where that is another. Rounds: 1.
    """
    k, (first, last), n = server.kernels, ends, shape.rows
    by_middle = np.argsort(np.concatenate([node.middle for node in stages(n)]))
    nothing = k.zeros((1, n - 1), first.a.dtype), k.zeros((first.shape[0], n - 1), first.a.dtype)

    def by_place(x: Share, before: Share | None = None, after: Share | None = None) -> Share:
        """Return pairs (rows, n − 1) in the order of their middles, and a column at one end."""
        moved = Share(k.take(x.a, by_middle, 1), k.take(x.b, by_middle, 1))
        parts = [one for one in (before, moved, after) if one is not None]
        return concatenate(server, parts, 1)

    over, up_to, from_it = (one.reshape(1, -1) for one in done)
    winner, left, right = met
    flag, column = (Share(none[:, :1], none[:, :1]) for none in nothing)
    rest = Share(*(k.concatenate([part, nothing[1]], 1) for part in (first.a, first.b)))
    return await total(
        server,
        hot_bits(shape),
        (by_place(over, flag), by_place(winner, column)),
        (by_place(from_it, flag), by_place(right, column)),
        (by_place(up_to, None, parted.reshape(1, 1)), by_place(left, None, last)),
        share=rest,
    )
