"""At which level a tree is cut in two, so that a row's place is told in two short one-hot vectors."""

from __future__ import annotations


def products(height: int, top: int, attributes: int, columns: int) -> int:
    """Return how many products are sent of a row that is asked about, where a tree is cut at a level.

    Above the cut, and below it again: a gap for each node, one of a level by the place, places of all
    levels but the first one; between them what the row's own part holds; in the end a leaf.
    """
    below = height - top
    sent = _walked(top) + columns
    if below:
        sent += ((1 << below) - 1) * (attributes + 1) + (columns << below) + _walked(below)
    return sent


def _walked(levels: int) -> int:
    return (1 << levels) - 1 + levels - 1 + (1 << levels) - 2


def top_of(height: int, attributes: int, columns: int) -> int:
    """Return the levels above the cut: those with fewest products, and of several the most; or all."""
    tops = range(height, 0, -1)
    return min(tops, key=lambda top: products(height, top, attributes, columns))
