"""Rows go down a tree: the gap of the node where a row stands, its sign, and the place one level down."""

from __future__ import annotations

from dataclasses import dataclass

from protocols.family import Family, Kind, Value
from protocols.paths.cut import top_of

GAP_BITS = 3
"""Bits that a gap, 2t − 2x for a threshold t, has more than a value."""


@dataclass(frozen=True)
class Planted:
    """A full binary tree, its nodes by level from the root on; child 2g of a level's node g is on the left.

    A row goes right where 2·(its value of the attribute) exceeds the node's `twice`. A node that tests
    nothing has neither attribute nor threshold, and sends all its rows left.

    Attributes:
        attributes: (2^height − 1, m): the one-hot vector of the attribute that a node tests, or 0.
        twice: (2^height − 1,): twice the threshold, at the values' scale, or 0.
        leaves: (2^height, columns): what the leaves answer.
    """

    attributes: Value
    twice: Value
    leaves: Value

    @property
    def height(self) -> int:
        """Levels of tests."""
        return int(self.leaves.shape[0]).bit_length() - 1


async def answers(me: Family, tree: Planted, rows: Value, top: int | None = None) -> Value:
    """Return what the leaves of rows (q, m) answer, (q, columns): integers, exact.

    Args:
        me: the view of a family.
        tree: on the same attributes.
        rows: values of `value_bits` bits, of which three more are compared.
        top: levels above the cut; by default those of fewest products.

    Above the cut all nodes' gaps are one product of matrices. What is below a row's node is one product of
    its place with what is below each: nodes and leaves of a tree of its own, which it goes down likewise.
    Products that are sent: `products`, instead of 2^(height + 1) a row. Rounds: for every level two
    products, a sign and a bit as a number.
    Source: constructions.md#asking-trees.
    """
    height, (count, attributes), columns = tree.height, rows.shape, tree.leaves.shape[1]
    top = top_of(height, attributes, columns) if top is None else top
    nodes, inner = (1 << top) - 1, (1 << height - top) - 1
    first = me.cut(tree.attributes, slice(0, nodes))
    found = await _product(me, "matmul", rows, me.local(lambda part: part.T, first))
    twice = me.reshape(me.cut(tree.twice, slice(0, nodes)), (1, nodes))
    places = await _down(me, _gaps(me, found, twice), top)
    if not inner:
        return await _product(me, "matmul", places, tree.leaves)
    own = await _product(me, "matmul", places, _parts(me, tree, top))
    named = inner * attributes
    tests = me.reshape(me.cut(own, (slice(None), slice(0, named))), (count, inner, attributes))
    twice = me.cut(own, (slice(None), slice(named, named + inner)))
    leaves = me.reshape(me.cut(own, (slice(None), slice(named + inner, None))), (count, inner + 1, columns))
    found = await _product(me, "dot", tests, me.reshape(rows, (count, 1, attributes)))
    places = await _down(me, _gaps(me, found, twice), height - top)
    turned = me.local(lambda part: part.transpose(0, 2, 1), leaves)
    return await _product(me, "dot", turned, me.reshape(places, (count, 1, inner + 1)))


async def _product(me: Family, kind: Kind, x: Value, y: Value) -> Value:
    """Return a product of integers."""
    return await me.close(await me.product(kind, x, y), 0)


def _gaps(me: Family, found: Value, twice: Value) -> Value:
    """Return 2t − 2x of every row and node, (q, nodes): below 0 where the row goes right."""
    return me.subtract(twice, me.add(found, found))


def _parts(me: Family, tree: Planted, top: int) -> Value:
    """Return what is below each node of a level, a row each: attributes and thresholds by level, leaves."""
    count, height = 1 << top, tree.height
    levels = [slice((1 << depth) - 1, (2 << depth) - 1) for depth in range(top, height)]
    held = [(tree.attributes, level) for level in levels] + [(tree.twice, level) for level in levels]
    held.append((tree.leaves, slice(None)))
    return me.concatenate([me.reshape(me.cut(one, at), (count, -1)) for one, at in held], 1)


async def _down(me: Family, gaps: Value, levels: int) -> Value:
    """Return where rows come to, (q, 2^levels), as one-hot vectors, from the gaps of all nodes."""
    count = gaps.shape[0]
    places = None
    for depth in range(levels):
        level = me.cut(gaps, (slice(None), slice((1 << depth) - 1, (2 << depth) - 1)))
        mine = me.reshape(level, (count,)) if places is None else await _product(me, "dot", places, level)
        right = await me.to_value(await me.negative(mine, me.ring.value_bits + GAP_BITS))
        to_right = right = me.reshape(right, (count, 1))
        if places is None:
            to_left = me.add_public(me.negate(right), me.constant(1, 0))
        else:
            to_right = await _product(me, "mul", places, right)
            to_left = me.subtract(places, to_right)
        places = me.reshape(me.stack([to_left, to_right], -1), (count, 2 << depth))
    return places
