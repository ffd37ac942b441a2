"""Boosted trees grown in the clear, in exact integers: what those on shares must be, node by node.

It recurses over rows, bins by counting, divides whole numbers and compares fractions; what it shares with
the protocol are the public scales and the pieces of the logistic curve.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from protocols.boosting import FINE, SHRINKAGE, STEP, Boosting, logistic_curve
from scenarios.clear.trees import ClearTree

Integers = NDArray[np.int64]
_CUT = 4 << STEP


@dataclass(frozen=True)
class ClearBoosted:
    """A sum of trees.

    Attributes:
        base: the raw score before the first tree, at scale 2^12.
        trees: whose leaves (2^height, 1) hold steps.
    """

    base: int
    trees: list[ClearTree]

    def raw_scores(self, values: Integers, trees: int | None = None) -> Integers:
        """Return the raw scores of the rows of a table (m, n), after so many trees or all."""
        total = np.full(values.shape[1], self.base)
        for tree in self.trees[:trees]:
            total = total + tree.predict(values)[0]
        return total


def loss(raw: Integers, targets: Integers, classes: bool) -> float:
    """Return the mean loss at raw scores: the logistic one, or half the squared error."""
    scores, wanted = raw / 2.0**STEP, targets / 2.0**FINE
    if classes:
        return float(np.mean(np.logaddexp(0, scores) - wanted * scores))
    return float(np.mean((wanted - scores) ** 2) / 2)


def boost(values: Integers, targets: Integers, shape: Boosting, fraction_bits: int) -> ClearBoosted:
    """Return the boosted trees of a table.

    Args:
        values: (m, n) integers.
        targets: (n,) at scale 2^22.
        shape: public sizes.
        fraction_bits: a, of residuals in scores.
    """
    twice = np.stack([_edges(mine, shape) for mine in values])
    right = 2 * values[:, None, :] > twice[:, :, None]
    raw = np.zeros(len(targets), np.int64)
    everybody = np.zeros(len(targets), np.int64)
    base = int(_steps(*_to_learn(targets, raw, shape), everybody, 1, 1 << SHRINKAGE, shape)[0])
    raw, trees = raw + base, []
    for _ in range(shape.trees):
        residual, curvature = _to_learn(targets, raw, shape)
        tree, leaves = _tree(residual >> (FINE - fraction_bits), right, twice, shape)
        steps = _steps(residual, curvature, leaves, 1 << shape.height, shape.shrinkage, shape)
        trees.append(ClearTree(tree.tests, tree.attributes, tree.twice, steps.reshape(-1, 1)))
        raw = raw + steps[leaves]
    return ClearBoosted(base, trees)


def _edges(mine: Integers, shape: Boosting) -> Integers:
    """Return twice the middles between the last value of a bin and the first of the next."""
    order: Integers = np.sort(mine)
    firsts = np.array([number * len(mine) // shape.bins for number in range(1, shape.bins)])
    edges: Integers = order[firsts - 1] + order[firsts]
    return edges


def _to_learn(targets: Integers, raw: Integers, shape: Boosting) -> tuple[Integers, Integers]:
    """Return residuals and curvatures, at scale 2^22."""
    if not shape.classes:
        return targets - (raw << (FINE - STEP)), np.full(len(raw), 1 << FINE)
    curve = logistic_curve()
    piece = np.searchsorted(curve.knots, raw, side="right")
    predicted, curvature = (
        one[piece, 0] + one[piece, 1] * raw for one in (curve.probability, curve.curvature)
    )
    return targets - predicted, curvature


def _steps(
    residual: Integers, curvature: Integers, leaves: Integers, count: int, shrinkage: int, shape: Boosting
) -> Integers:
    """Return the steps of leaves, ⌊ν Σr / (Σh + λ)⌋, cut."""
    found = []
    for leaf in range(count):
        above = shrinkage * int(residual[leaves == leaf].sum()) << (STEP - SHRINKAGE)
        below = int(curvature[leaves == leaf].sum()) + (shape.penalty << FINE)
        found.append(min(max(above // below, -_CUT), _CUT - 1))
    return np.array(found, np.int64)


def _tree(
    residual: Integers, right: NDArray[np.bool_], twice: Integers, shape: Boosting
) -> tuple[ClearTree, Integers]:
    """Return a tree without its leaves, and the leaf of each row."""
    nodes = (1 << shape.height) - 1
    tests = np.zeros(nodes, np.bool_)
    attributes, thresholds = np.zeros(nodes, np.int64), np.zeros(nodes, np.int64)
    leaves = np.zeros(len(residual), np.int64)

    def fill(rows: NDArray[np.intp], depth: int, slot: int) -> None:
        if depth == shape.height:
            leaves[rows] = slot
            return
        found = _best(residual[rows], right[:, :, rows], shape)
        beyond = np.zeros(len(rows), np.bool_)
        if found is not None:
            node = (1 << depth) - 1 + slot
            tests[node], attributes[node], thresholds[node] = True, found[0], twice[found]
            beyond = right[found][rows]
        fill(rows[~beyond], depth + 1, 2 * slot)
        fill(rows[beyond], depth + 1, 2 * slot + 1)

    fill(np.arange(len(residual)), 0, 0)
    return ClearTree(tests, attributes, thresholds, np.zeros((1 << shape.height, 1), np.int64)), leaves


def _best(residual: Integers, right: NDArray[np.bool_], shape: Boosting) -> tuple[int, int] | None:
    """Return the attribute and edge of the best test that raises a node's score, the first among equals."""
    n, penalty = len(residual), shape.penalty
    total = int(residual.sum())
    sums, counts = right @ residual, right.sum(-1)
    near = (total - sums) ** 2 / (n - counts + penalty) + sums**2 / (counts + penalty)
    near[np.minimum(counts, n - counts) < (shape.least_rows if shape.least_rows > 1 else 0)] = 0
    best, found = Fraction(total * total, n + penalty), None
    for attribute, edge in np.argwhere(near >= near.max() * (1 - 1e-9)):
        count, other = int(counts[attribute, edge]), n - int(counts[attribute, edge])
        if shape.least_rows > 1 and min(count, other) < shape.least_rows:
            continue
        mine = int(sums[attribute, edge])
        score = Fraction((total - mine) ** 2, other + penalty) + Fraction(mine**2, count + penalty)
        if score > best:
            best, found = score, (int(attribute), int(edge))
    return found
