"""What it costs to evaluate a table of pieces, over the steps of any family."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from analysis.costs.algebra import Cost, sequence, together
from analysis.costs.pieces.table import Table


@dataclass(frozen=True)
class Steps:
    """Steps of a family on the values of an activation, in its ring.

    Attributes:
        inside: comparisons with so many limits, of which so many marks become numbers, of so many bits.
        dot: a sum of so many products, cut by so many bits.
        void: whether numbers that mean nothing may be cut, so that powers need not wait for the marks.
    """

    inside: Callable[[int, int, int], Cost]
    dot: Callable[[int, int], Cost]
    void: bool = True


def evaluated(found: Table, f: int, steps: Steps) -> Cost:
    """Price a table: marks beside powers, then blocks from the innermost, then a last sum of f bits.

    A block is a sum of coefficients times powers and of the block inside times the highest power. Where
    powers may be void, that one is taken times a mark beside the innermost block (of an odd curve x is,
    which the last sum multiplies); else x is, before all.
    """
    comparing = steps.inside(found.limits, found.marks, found.compared)
    once = steps.dot(1, 0)
    if found.lines:
        return sequence(comparing, steps.dot(1, found.scale - f))
    g, h = found.g, found.height
    powers = _powers(found, steps)
    begun = together(comparing, powers) if steps.void else sequence(comparing, once, powers)
    block, last = steps.dot(h, g), found.scale - f
    ending = [steps.dot(1, last)] if found.odd else [steps.dot(h + 1, last)]
    blocks = [block] * (found.blocks - 1 + found.odd)
    if steps.void and blocks:
        blocks[0] = together(block, once)
    return sequence(begun, *blocks, *ending)


def _powers(found: Table, steps: Steps) -> Cost:
    """Powers to the height: each the product of its halves, so that a level doubles how many there are."""
    g, first = found.g, found.first
    own = {1: g if found.square else first}
    costs = [steps.dot(1, first - g)] if found.square else []
    known = 1
    while known < found.height:
        following = range(known + 1, min(2 * known, found.height) + 1)
        halves = [((i + 1) // 2, i // 2) for i in following]
        costs.append(together(*[steps.dot(1, own.get(a, g) + own.get(b, g) - g) for a, b in halves]))
        known = following[-1]
    return sequence(*costs)
