"""Tables on shares: shuffles, orders, a stable radix sort, groups, joins, of the family `replicated3`.

In flow shares, rows along the last axis and independent columns before it; out flow shares. Nothing is
revealed but orders under a fresh shuffle, which are uniform. It may import what a family offers.
"""

from protocols.tables.groups import group_sums
from protocols.tables.joins import group_maxima, join, spread_first
from protocols.tables.neighbours import alike, as_before, differences, nothing, opposite, order_of_zeros
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
from protocols.tables.seat import Seat
from protocols.tables.shuffle import Column, Shuffle, draw_shuffle, move, shuffle, unshuffle
from protocols.tables.sort import DIGIT, WIDEST, Key, key_of, order_by, prefix_sums, sort, sort_by, top

__all__ = [
    "DIGIT",
    "WIDEST",
    "Column",
    "Key",
    "Opening",
    "Seat",
    "Shuffle",
    "alike",
    "apply_inverse",
    "apply_order",
    "as_before",
    "compose",
    "differences",
    "draw_shuffle",
    "gathered",
    "group_maxima",
    "group_sums",
    "invert",
    "join",
    "key_of",
    "move",
    "nothing",
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
    "spread_first",
    "top",
    "unshuffle",
]
