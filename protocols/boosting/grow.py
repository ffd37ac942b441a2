"""Boosted trees, one after the other: each learns what those before it have left (Friedman 2001)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from protocols.boosting.bins import Bins, bins_of
from protocols.boosting.residuals import Residuals, residuals
from protocols.boosting.shape import SHRINKAGE, Boosting, check
from protocols.boosting.splits import split
from protocols.boosting.steps import steps
from protocols.replicated3.constructions import matmul_locally, multiply
from protocols.replicated3.sharings import Server, Share, add, concatenate, reshare, subtract
from protocols.trees import Tree, at_root, leaves_of, turned, walk


@dataclass(frozen=True)
class Boosted:
    """A sum of trees.

    Attributes:
        base: (1,): the raw score of every row before the first tree, at scale 2^12.
        trees: whose leaves (2^height, 1) hold steps at scale 2^12.
    """

    base: Share
    trees: tuple[Tree, ...]


async def boost(
    server: Server,
    values: Share,
    targets: Share,
    shape: Boosting,
    grown: Callable[[int, int], None] | None = None,
) -> Boosted:
    """Return boosted trees of a table.

    Args:
        server: with its choices.
        values: (m, n), signed values of `shape.value_bits` bits.
        targets: (n,) at scale 2^22: 1 or 0 of the second class or the first; or a target, at most 1/2.
        shape: public sizes.
        grown: is told each tree, from 0, and how many there are, once it is done.

    The base is the step of a leaf with all rows, unshrunk. Scores of tests take residuals as whole numbers
    of 2^−a, a = `shape.residual_bits`, and rows for curvatures (least squares); leaves' steps are Newton's.

    Raises:
        InputError: the ring is too narrow, or sizes that are not accepted.
    """
    check(shape, server.ring)
    party, k = server.party, server.kernels
    with party.span("bins", "bins"):
        bins = await bins_of(server, values, shape)
    with party.span("base", "base"):
        nothing = Share(
            k.zeros((shape.rows,), server.ring.dtype), k.zeros((shape.rows,), server.ring.dtype)
        )
        root = at_root(server, shape.rows)
        base = await _stepped(
            server, await residuals(server, targets, nothing, shape), root, shape, 1 << SHRINKAGE
        )
        raw = Share(k.add(nothing.a, base.a), k.add(nothing.b, base.b))
    trees = []
    for number in range(shape.trees):
        with party.span(f"tree{number}", "tree"):
            tree, raw = await _grown(server, bins, targets, raw, shape)
        trees.append(tree)
        if grown is not None:
            grown(number, shape.trees)
    return Boosted(base, tuple(trees))


async def _grown(
    server: Server, bins: Bins, targets: Share, raw: Share, shape: Boosting
) -> tuple[Tree, Share]:
    """Return one tree, and the raw scores with its steps."""
    party = server.party
    with party.span("residuals", "residuals"):
        left = await residuals(server, targets, raw, shape)
    members, levels = at_root(server, shape.rows), []
    for depth in range(shape.height):
        with party.span(f"level{depth}", "level"):
            level, right = await split(server, bins, left.coarse, members, shape)
            members = await _descend(server, members, right)
        levels.append(level)
    with party.span("steps", "steps"):
        leaves = (await _stepped(server, left, members, shape, shape.shrinkage)).reshape(-1, 1)
        step = await leaves_of(server, leaves, members)
    return Tree(tuple(levels), leaves), add(server, raw, step[0])


async def _descend(server: Server, members: Share, right: Share) -> Share:
    """Return the slots one level down, (2·slots, n); `right` says of every slot where it sends a row."""
    k, (slots, rows) = server.kernels, members.shape
    to_right = await multiply(server, members, right)
    to_left = subtract(server, members, to_right)
    return Share(
        k.stack([to_left.a, to_right.a], 1).reshape(2 * slots, rows),
        k.stack([to_left.b, to_right.b], 1).reshape(2 * slots, rows),
    )


async def _stepped(
    server: Server, left: Residuals, members: Share, shape: Boosting, shrinkage: int
) -> Share:
    """Return the steps of slots, (slots,). Rounds: 1, and those of a division."""
    both = concatenate(server, [left.fine.reshape(1, -1), left.curvature.reshape(1, -1)])
    sums = await reshare(server, matmul_locally(server, members, turned(both)))
    return await steps(server, sums[:, 0], sums[:, 1], shrinkage, shape)


async def raw_scores(server: Server, base: Share, trees: Sequence[Tree], values: Share, bits: int) -> Share:
    """Return the raw scores of the rows of a table (m, n), (n,): they walk all trees side by side."""

    async def one(tree: Tree) -> Share:
        leaves = await walk(server, tree.levels, values, bits)
        return (await leaves_of(server, tree.leaves, leaves))[0]

    k, total = server.kernels, base
    for step in await server.party.gather(*(one(tree) for tree in trees)):
        total = Share(k.add(total.a, step.a), k.add(total.b, step.b))
    return total
