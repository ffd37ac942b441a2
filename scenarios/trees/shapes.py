"""The public sizes of a scenario's trees."""

from __future__ import annotations

from fractions import Fraction

from protocols.boosting import SHRINKAGE, Boosting
from protocols.trees import Shape, Statistics
from scenarios.families import DEFAULT
from scenarios.trees.settings import PrivateTreesSettings

_MOST, _LEAST = 12, 4
_WORD = 64


def target_bits(rows: int) -> int:
    """Return the bits of a target: 12, or what a word leaves beside rows³ for its square; at least 4."""
    return min(_MOST, max(_LEAST, (_WORD - 3 * rows.bit_length()) // 2))


def scaled_bits(settings: PrivateTreesSettings, rows: int, attributes: int) -> int:
    """Return the bits of a target in a scenario, whose trees have so many attributes.

    On a family that compares scores in one word, so few that one holds them, at least 4.
    """
    most = target_bits(rows)
    if settings.protocol.family == DEFAULT or settings.trees.grown == "clear":
        return most
    for bits in range(most, _LEAST, -1):
        shape = shape_of(settings, rows, attributes, Statistics(1, classes=False, bits=bits))
        if max(shape.cross_bits, shape.gain_bits) <= _WORD:
            return bits
    return _LEAST


def shape_of(settings: PrivateTreesSettings, rows: int, attributes: int, statistics: Statistics) -> Shape:
    """Return the public sizes of each tree by itself."""
    trees = settings.trees
    return Shape(
        rows, attributes, statistics, trees.height, settings.ring.value_bits, trees.least_rows,
        Fraction(trees.least_gain), trees.digit,
    )  # fmt: skip


def boosting_of(settings: PrivateTreesSettings, rows: int, attributes: int, classes: bool) -> Boosting:
    """Return the public sizes of boosted trees; the shrinkage is at least a 1024th."""
    trees = settings.trees
    shrinkage = max(1, round(trees.shrinkage * (1 << SHRINKAGE)))
    return Boosting(
        rows, attributes, trees.height, settings.ring.value_bits, trees.count, trees.bins, shrinkage,
        trees.penalty, classes, trees.least_rows, trees.digit,
    )  # fmt: skip
