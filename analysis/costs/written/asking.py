"""Secret trees asked by secret rows, on any family: from docs/constructions.md#asking-trees.

A tree of h levels is cut below the first s; what is below a row's node there is a tree of h − s levels of
the row's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from analysis.costs.algebra import Cost, rotated, sequence, together
from analysis.costs.families import FamilySetting
from analysis.costs.numbers import Number
from analysis.costs.replicated3 import Setting, halves, operations, signs
from analysis.costs.written.functions import Written

_GAP = 3
"""Bits of 2t − 2x, more than a value's."""
_DIGITS, _DIGIT, _MEAN = 4, 5, 19
"""A mean without its sign, and with it: digits, and bits of each."""


@dataclass(frozen=True)
class Asked:
    """What is public of trees and of the rows that ask them.

    Attributes:
        rows: that are asked about.
        attributes: of each tree.
        columns: numbers of a leaf.
        height: levels of a tree.
        trees: how many.
        signed: bits of the sum whose sign is the answer; 0 where none is asked for.
    """

    rows: int
    attributes: int
    columns: int
    height: int
    trees: int
    signed: int = 0

    @property
    def cut(self) -> int:
        """The levels above the cut: of all, the most of those that leave fewest products to send."""
        found, best = self.height, self._sent(self.height)
        for top in range(self.height - 1, 0, -1):
            if (sent := self._sent(top)) < best:
                found, best = top, sent
        return found

    def _sent(self, top: int) -> int:
        """Count a row's products: gaps of all nodes, one a level, places; own nodes, leaves; a leaf."""

        def inside(levels: int) -> int:
            gaps = (1 << levels) - 1
            own = levels - 1
            places = sum(1 << level for level in range(1, levels))
            return gaps + own + places

        if top == self.height:
            return inside(top) + self.columns
        below = self.height - top
        held = ((1 << below) - 1) * (self.attributes + 1) + (self.columns << below)
        return inside(top) + held + inside(below) + self.columns


class Steps(Protocol):
    """What is priced of a family: see `Written`."""

    def bilinear(self, setting: Any, kind: str, x: Number, y: Number, out: Number, inner: int) -> Cost:
        """Price a product of integers."""

    def sign(self, setting: Any, n: Number, bits: Number) -> Cost:
        """Price signs."""

    def numbers(self, setting: Any, n: Number) -> Cost:
        """Price bits as numbers."""


class Thirds:
    """The steps of `replicated3`, whose roles rotate over thirds of a vector."""

    def bilinear(self, setting: Setting, kind: str, x: Number, y: Number, out: Number, inner: int) -> Cost:
        """Price a reshare of each sum."""
        return operations.multiply(setting, out)

    def sign(self, setting: Setting, n: Number, bits: Number) -> Cost:
        """Price comparisons by halves."""
        return rotated(lambda part: signs.sign(setting, part, bits), n, setting.rotate)

    def numbers(self, setting: Setting, n: Number) -> Cost:
        """Price bits of halves as numbers."""
        return rotated(lambda part: halves.bit_to_share(setting, part), n, setting.rotate)


def down(priced: Steps, setting: Any, rows: int, levels: int) -> Cost:
    """Signs level by level as numbers; from the second on products: one gap of 2^d, and 2^d places."""
    signed = sequence(priced.sign(setting, rows, setting.V + _GAP), priced.numbers(setting, rows))
    steps = [signed]
    for depth in range(1, levels):
        nodes = rows << depth
        steps += [
            priced.bilinear(setting, "dot", nodes, nodes, rows, 1 << depth),
            signed,
            priced.bilinear(setting, "mul", nodes, rows, nodes, 1),
        ]
    return sequence(*steps)


def walk(priced: Steps, setting: Any, asked: Asked) -> Cost:
    """Rows go down one tree."""
    q, m, c, top = asked.rows, asked.attributes, asked.columns, asked.cut
    nodes, below = (1 << top) - 1, asked.height - top
    first = sequence(
        priced.bilinear(setting, "matmul", q * m, m * nodes, q * nodes, m), down(priced, setting, q, top)
    )
    if not below:
        leaves = priced.bilinear(setting, "matmul", q << top, c << top, q * c, 1 << top)
        return sequence(first, leaves)
    inner = (1 << below) - 1
    width = inner * (m + 1) + (c << below)
    return sequence(
        first,
        priced.bilinear(setting, "matmul", q << top, width << top, q * width, 1 << top),
        priced.bilinear(setting, "dot", q * inner * m, q * m, q * inner, m),
        down(priced, setting, q, below),
        priced.bilinear(setting, "dot", q * c << below, q << below, q * c, 1 << below),
    )


def answers(priced: Written, setting: FamilySetting, asked: Asked) -> dict[str, Cost]:
    """Return the cost of every span of the answers: all trees side by side; then a sign, or votes."""
    found = {"walk": together(*[walk(priced, setting, asked)] * asked.trees)}
    if asked.signed:
        signed = priced.sign(setting, asked.rows, asked.signed)
        found["classes"] = sequence(signed, priced.numbers(setting, asked.rows))
    elif asked.columns > 1:
        found["votes"] = priced.argmax(setting, asked.rows, asked.columns)
    return found


def means(priced: Steps, setting: Any, leaves: int, count: int) -> Cost:
    """Price the means of leaves' targets: long divisions, all multiples of a digit at once.

    Args:
        priced: the family.
        setting: its ring and choices.
        leaves: how many.
        count: bits of the number of all rows.
    """
    many = ((1 << _DIGIT) - 1) * leaves
    digit = sequence(priced.sign(setting, many, _MEAN + count + 3), priced.numbers(setting, many))
    rest = priced.bilinear(setting, "mul", leaves, leaves, leaves, 1)
    return sequence(*[digit, rest] * (_DIGITS - 1), digit)
