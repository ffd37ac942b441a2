"""Tables on shares: secure shuffles, shared orders, a stable radix sort, of the family `replicated3`.

In flow shares, rows along the last axis and independent columns before it; out flow shares. Nothing is
revealed but orders under a fresh shuffle, which are uniform. It may import what a family offers.
"""

from protocols.tables.groups import group_sums
from protocols.tables.orders import apply_inverse, apply_order, compose, invert, rank_bits
from protocols.tables.seat import Seat
from protocols.tables.shuffle import Column, Shuffle, draw_shuffle, shuffle, unshuffle
from protocols.tables.sort import Key, key_of, order_by, prefix_sums, sort, sort_by, top

__all__ = [
    "Column",
    "Key",
    "Seat",
    "Shuffle",
    "apply_inverse",
    "apply_order",
    "compose",
    "draw_shuffle",
    "group_sums",
    "invert",
    "key_of",
    "order_by",
    "prefix_sums",
    "rank_bits",
    "shuffle",
    "sort",
    "sort_by",
    "top",
    "unshuffle",
]
