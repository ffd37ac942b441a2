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
from protocols.trees import Tree, asked, at_root, is_cut, leaves_of, turned, walk


@dataclass(frozen=True)
class Boosted:
    """A sum of trees.

    Attributes:
        base: (1,): the raw score of every row before the first tree, at scale 2^12.
        trees: whose leaves (2^height, 1) hold steps at scale 2^12.
    """

    base: Share
    trees: tuple[Tree, ...]


@dataclass(frozen=True)
class Ground:
    """What all trees stand on: bins of the table, and the raw score before the first tree."""

    bins: Bins
    base: Share


@dataclass(frozen=True)
class Grown:
    """The trees so far, and the raw scores (n,) of the rows with their steps."""

    trees: tuple[Tree, ...]
    raw: Share


async def boost(
    server: Server,
    values: Share,
    targets: Share,
    shape: Boosting,
    after: Callable[[Ground | Grown], None] | None = None,
    ground: Ground | None = None,
    grown: Grown | None = None,
) -> Boosted:
    """Return boosted trees of a table.

    Args:
        server: with its choices.
        values: (m, n), signed values of `shape.value_bits` bits.
        targets: (n,) at scale 2^22: 1 or 0 of the second class or the first; or a target, at most 1/2.
        shape: public sizes.
        after: is told what all trees stand on, and the trees so far once each is done.
        ground, grown: of this very table, to go on from.

    The base is the step of a leaf with all rows, unshrunk. Scores of tests take residuals as whole numbers
    of 2^−a, a = `shape.residual_bits`, and rows for curvatures (least squares); leaves' steps are Newton's.

    Raises:
        InputError: the ring is too narrow, or sizes that are not accepted.
    """
    check(shape, server.ring)
    after = after or (lambda state: None)
    if ground is None:
        ground = await _ground(server, values, targets, shape)
        after(ground)
    if grown is None:
        grown = Grown((), _raised(server, _nothing(server, shape), ground.base))
    for number in range(len(grown.trees), shape.trees):
        with server.party.span(f"tree{number}", "tree"):
            tree, raw = await _grown(server, ground.bins, targets, grown.raw, shape)
        grown = Grown((*grown.trees, tree), raw)
        after(grown)
    return Boosted(ground.base, grown.trees)


async def _ground(server: Server, values: Share, targets: Share, shape: Boosting) -> Ground:
    """Return bins, and the step of a leaf with all rows, unshrunk."""
    party = server.party
    with party.span("bins", "bins"):
        bins = await bins_of(server, values, shape)
    with party.span("base", "base"):
        left = await residuals(server, targets, _nothing(server, shape), shape)
        root = at_root(server, shape.rows)
        return Ground(bins, await _stepped(server, left, root, shape, 1 << SHRINKAGE))


def _nothing(server: Server, shape: Boosting) -> Share:
    none = server.kernels.zeros((shape.rows,), server.ring.dtype)
    return Share(none, none)


def _raised(server: Server, raw: Share, base: Share) -> Share:
    return Share(server.kernels.add(raw.a, base.a), server.kernels.add(raw.b, base.b))


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
        if is_cut(len(tree.levels), values.shape[0]):
            return await asked(server, tree.levels, tree.leaves[:, 0], values)
        leaves = await walk(server, tree.levels, values, bits)
        return (await leaves_of(server, tree.leaves, leaves))[0]

    k, total = server.kernels, base
    for step in await server.party.gather(*(one(tree) for tree in trees)):
        total = Share(k.add(total.a, step.a), k.add(total.b, step.b))
    return total
