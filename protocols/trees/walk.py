"""Rows go down a tree: the test of each row's node is read by sums over slots, all rows side by side."""

from __future__ import annotations

from collections.abc import Sequence

from protocols.paths import Planted, answers, top_of
from protocols.replicated3 import Replicated3
from protocols.replicated3.constructions import dot_locally, is_negative, matmul_locally, multiply
from protocols.replicated3.sharings import (
    Server,
    Share,
    concatenate,
    multiply_public,
    negate,
    reshare,
    subtract,
)
from protocols.trees.local import turned
from protocols.trees.tree import Level, at_root

UNCUT = 5
"""Levels of trees that rows go down in one piece: these are few, and runs of them stay what they were."""


async def goes_right(server: Server, level: Level, slots: Share, values: Share, bits: int) -> Share:
    """Return the integer 1 for each row that its node sends right, else 0.

    Args:
        server: with its choices.
        level: the nodes.
        slots: (slots, n): the one-hot vector of each row's slot.
        values: (m, n): the table.
        bits: signed bits of a value.

    Σ_a 2·(attribute one-hot)·x − threshold of every slot, one reshare; that of the row's slot, another;
    its sign. A node that tests nothing has 0 on both sides, and 0 > 0 is false.
    """
    k, dtype = server.kernels, server.ring.dtype
    twice = multiply_public(server, level.attributes, k.full((), 2, dtype))
    every = await reshare(server, matmul_locally(server, twice, values))
    gaps = subtract(server, every, level.twice.reshape(-1, 1))
    gap = await reshare(server, dot_locally(server, turned(slots), turned(gaps)))
    return await is_negative(server, negate(server, gap), bits + 3)


async def descend(server: Server, slots: Share, right: Share) -> Share:
    """Return the slots one level down, (2·slots, n): 2g for rows of slot g that go left, else 2g + 1."""
    k = server.kernels
    to_right = await multiply(server, slots, right.reshape(1, -1))
    to_left = subtract(server, slots, to_right)
    count, rows = slots.shape

    return Share(
        k.stack([to_left.a, to_right.a], 1).reshape(2 * count, rows),
        k.stack([to_left.b, to_right.b], 1).reshape(2 * count, rows),
    )


async def walk(server: Server, levels: Sequence[Level], values: Share, bits: int) -> Share:
    """Return the leaf of each row of a table (m, n), as one-hot vectors (2^height, n)."""
    slots = at_root(server, values.shape[-1])
    for level in levels:
        right = await goes_right(server, level, slots, values, bits)
        slots = await descend(server, slots, right)
    return slots


async def leaves_of(server: Server, leaves: Share, slots: Share) -> Share:
    """Return numbers of leaves (leaves, columns) for the rows in their slots, (columns, n). Rounds: 1."""
    return await reshare(server, matmul_locally(server, turned(leaves), slots))


def is_cut(height: int, attributes: int) -> bool:
    """Return whether rows go down a tree in two pieces, by `asked`."""
    return height > UNCUT and top_of(height, attributes, 1) < height


async def asked(server: Server, levels: Sequence[Level], leaves: Share, values: Share) -> Share:
    """Return one number a leaf (2^height,) for each row of a table (m, n), (n,).

    The tree is cut in two: see `protocols.paths`. Source: constructions.md#asking-trees.
    """
    tests = concatenate(server, [level.attributes for level in levels])
    twice = concatenate(server, [level.twice for level in levels])
    tree = Planted(tests, twice, leaves.reshape(-1, 1))
    found: Share = await answers(Replicated3.around(server), tree, turned(values))
    return found.reshape(-1)
