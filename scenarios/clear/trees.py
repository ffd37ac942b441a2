"""A tree grown in the clear, in exact integers: what the tree on shares must be, node by node.

It recurses over rows and compares fractions by cross products, and has nothing of the protocol's steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class ClearTree:
    """A full binary tree, its nodes by level and slot.

    Attributes:
        tests: (2^height − 1,): whether a node tests; of level d those from 2^d − 1 on.
        attributes, twice: the attribute that it tests, and twice the threshold; 0 where it tests nothing.
        leaves: (2^height, columns) sums of the leaves' rows.
    """

    tests: NDArray[np.bool_]
    attributes: Integers
    twice: Integers
    leaves: Integers

    @property
    def height(self) -> int:
        """Levels of tests."""
        return len(self.leaves).bit_length() - 1

    def leaf_of(self, values: Integers) -> Integers:
        """Return the leaf of each row of a table (m, n)."""
        slots = np.zeros(values.shape[1], np.int64)
        for depth in range(self.height):
            node = slots + (1 << depth) - 1
            mine = values[self.attributes[node], np.arange(values.shape[1])]
            right = self.tests[node] & (2 * mine > self.twice[node])
            slots = 2 * slots + right
        return slots

    def predict(self, values: Integers) -> Integers:
        """Return the leaf's sums for each row of a table (m, n), (columns, n)."""
        return self.leaves[self.leaf_of(values)].T


def grow(
    values: Integers,
    statistics: Integers,
    height: int,
    *,
    classes: bool = True,
    least_rows: int = 1,
    least_gain: Fraction = Fraction(0),
    scale: int = 1,
) -> ClearTree:
    """Return the tree of a table.

    Args:
        values: (m, n) integers.
        statistics: (columns, n): 1 where a row is of the class, or its target, an integer.
        height: levels of tests.
        classes: whether the columns are classes: a node whose rows are of one tests nothing.
        least_rows: of either side of a test.
        least_gain: what a test must lower the impurity by, over all rows.
        scale: of targets, so that the gain is that of real ones.
    """
    n = values.shape[1]
    nodes = (1 << height) - 1
    tests, attributes = np.zeros(nodes, np.bool_), np.zeros(nodes, np.int64)
    twice, leaves = np.zeros(nodes, np.int64), np.zeros((1 << height, len(statistics)), np.int64)
    asked = least_gain * n * scale * scale

    def fill(rows: Integers, depth: int, slot: int) -> None:
        if depth == height:
            leaves[slot] = statistics[:, rows].sum(1)
            return
        found = _best(values[:, rows], statistics[:, rows], least_rows)
        left = np.ones(len(rows), np.bool_)
        if found is not None and _tests(statistics[:, rows], found[0], classes, asked):
            _, attribute, threshold = found
            node = (1 << depth) - 1 + slot
            tests[node], attributes[node], twice[node] = True, attribute, threshold
            left = 2 * values[attribute, rows] <= threshold
        fill(rows[left], depth + 1, 2 * slot)
        fill(rows[~left], depth + 1, 2 * slot + 1)

    fill(np.arange(n), 0, 0)
    return ClearTree(tests, attributes, twice, leaves)


def _tests(statistics: Integers, score: Fraction, classes: bool, asked: Fraction) -> bool:
    totals, rows = [int(one) for one in statistics.sum(1)], statistics.shape[1]
    gain = score - Fraction(sum(one * one for one in totals), rows)
    if classes and max(totals) == rows:
        return False
    return gain >= asked and (classes or gain > 0)


def _best(values: Integers, statistics: Integers, least: int) -> tuple[Fraction, int, int] | None:
    """Return (score, attribute, twice the threshold), the lowest attribute and threshold among equals."""
    n = values.shape[1]
    best: tuple[Fraction, int, int] | None = None
    for attribute, mine in enumerate(values):
        order = np.argsort(mine, kind="stable")
        mine, sums = mine[order], np.cumsum(statistics[:, order], 1)
        places = np.flatnonzero(mine[:-1] != mine[1:])
        places = places[(places + 1 >= least) & (n - places - 1 >= least)]
        for place, score in _greatest(sums, places, n):
            if best is None or score > best[0]:
                best = (score, attribute, int(mine[place] + mine[place + 1]))
    return best


def _greatest(sums: Integers, places: Integers, n: int) -> list[tuple[int, Fraction]]:
    """Return the places that floating point cannot tell from the best one, in order, with their scores."""
    if len(places) == 0:
        return []
    most = 2 * n * len(sums) * int(np.abs(sums).max()) ** 2
    kind = np.int64 if most < 1 << 62 else object
    left = sums[:, places].astype(kind)
    right = sums[:, -1:].astype(kind) - left
    count = (places + 1).astype(kind)
    other = n - count
    above: Any = other * (left * left).sum(0) + count * (right * right).sum(0)
    below = count * other
    near = (above / below).astype(np.float64)
    return [
        (int(places[i]), Fraction(int(above[i]), int(below[i])))
        for i in np.flatnonzero(near >= near.max() - abs(near.max()) * 1e-9)
    ]
