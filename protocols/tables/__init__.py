"""Tables on shares: shuffles, orders, a stable radix sort of `replicated3`; groups and joins of any family.

In flow shares, rows along the last axis and independent columns before it; out flow shares. Nothing is
revealed but orders under a fresh shuffle, which are uniform. It may import what a family offers.
"""

from protocols.replicated3.sharings import Column
from protocols.tables.groups import group_sums
from protocols.tables.joins import group_maxima, join, spread_first
from protocols.tables.neighbours import as_before, opposite, order_of_zeros
from protocols.tables.orders import (
    Opening,
    apply_inverse,
    apply_order,
    compose,
    gathered,
    invert,
    numbers,
    opened,
    rank_bits,
    scattered,
)
from protocols.tables.ranking import sort, top
from protocols.tables.seat import Seat
from protocols.tables.shuffle import Shuffle, draw_shuffle, move, shuffle, unshuffle
from protocols.tables.sort import DIGIT, WIDEST, Key, key_of, order_by, prefix_sums, sort_by, sortable
from protocols.tables.steps import Steps, by_halves

__all__ = [
    "DIGIT",
    "WIDEST",
    "Column",
    "Key",
    "Opening",
    "Seat",
    "Shuffle",
    "Steps",
    "apply_inverse",
    "apply_order",
    "as_before",
    "by_halves",
    "compose",
    "draw_shuffle",
    "gathered",
    "group_maxima",
    "group_sums",
    "invert",
    "join",
    "key_of",
    "move",
    "numbers",
    "opened",
    "opposite",
    "order_by",
    "order_of_zeros",
    "prefix_sums",
    "rank_bits",
    "scattered",
    "shuffle",
    "sort",
    "sort_by",
    "sortable",
    "spread_first",
    "top",
    "unshuffle",
]
