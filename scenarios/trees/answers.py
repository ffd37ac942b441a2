"""What trees answer to secret rows: the class of most votes, a mean, or the sum of boosted steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from protocols.boosting import raw_scores
from protocols.replicated3.constructions import argmax, is_negative, is_zero
from protocols.replicated3.sharings import Server, Share, concatenate, public, subtract
from protocols.tables import opposite
from protocols.trees import Tree, asked, is_cut, leaves_of, means, walk
from scenarios.trees.inputs import Inputs


@dataclass(frozen=True)
class Forest:
    """Trees on shares, and of boosted ones the raw score (1,) that they begin with."""

    trees: Sequence[Tree]
    base: Share | None = None


async def answers(server: Server, forest: Forest, values: Share, inputs: Inputs) -> Share:
    """Return what is revealed to who asked, (q,), for rows (m, q).

    Of classes their numbers; of targets whole numbers, which `Inputs.answered` scales.
    """
    if forest.base is not None:
        return await _boosted(server, forest.base, forest.trees, values, inputs)
    party = server.party
    one_each: list[Share] = await party.gather(
        *(_answer(server, tree, values, number, inputs) for number, tree in enumerate(forest.trees))
    )
    if len(one_each) == 1:
        return one_each[0]
    k, dtype, count = server.kernels, server.ring.dtype, inputs.statistics.columns
    every = concatenate(server, [one.reshape(1, -1) for one in one_each])
    if not inputs.statistics.classes:
        return Share(k.sum(every.a, 0), k.sum(every.b, 0))
    with party.span("votes", "votes"):
        numbers = public(server, k.astype(k.positions((count,), dtype), dtype))
        gaps = subtract(server, every.reshape(*every.shape, 1), numbers.reshape(1, 1, -1))
        votes = await is_zero(server, gaps, max(1, (count - 1).bit_length()))
        return await argmax(server, Share(k.sum(votes.a, 0), k.sum(votes.b, 0)))


async def _answer(server: Server, tree: Tree, values: Share, number: int, inputs: Inputs) -> Share:
    """Return one tree's answer to each row: the class of most rows of its leaf, or the mean of its targets.

    Among equal classes the first. Leaves of a tree that its owner grew on targets hold means.
    """
    k, mine = server.kernels, inputs.sample(number).attributes
    if len(mine) < values.shape[0]:
        values = Share(k.take(values.a, mine, 0), k.take(values.b, mine, 0))
    leaves = tree.leaves[:, 0]
    if inputs.statistics.classes:
        with server.party.span("classes", "argmax"):
            leaves = await argmax(server, tree.leaves)
    elif tree.sizes is not None:
        with server.party.span("means", "means"):
            leaves = await means(server, leaves, tree.sizes, inputs.statistics.bits, inputs.rows)
    if is_cut(len(tree.levels), values.shape[0]):
        with server.party.span("walk", "walk"):
            return await asked(server, tree.levels, leaves, values)
    with server.party.span("walk", "walk"):
        slots = await walk(server, tree.levels, values, inputs.value_bits)
    with server.party.span("read", "read"):
        return (await leaves_of(server, leaves.reshape(-1, 1), slots))[0]


async def _boosted(
    server: Server, base: Share, trees: Sequence[Tree], values: Share, inputs: Inputs
) -> Share:
    """Return the raw score of each row, or of classes which side of 0 it is on."""
    with server.party.span("scores", "scores"):
        raw = await raw_scores(server, base, trees, values, inputs.value_bits)
    if not inputs.statistics.classes:
        return raw
    with server.party.span("classes", "sign"):
        return opposite(server, await is_negative(server, raw, inputs.boosting.raw_bits))
