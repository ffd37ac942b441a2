"""Tables on shares of `replicated3_malicious`: what `protocols.tables` has, and every message is proven.

In flow views of the family and shares, rows along the last axis; out flow shares. An order is opened under
a fresh shuffle, once all that was sent before is verified. It may import the family and `protocols.tables`.
"""

from protocols.proven_tables.groups import group_maxima, group_sums, join, order_of_zeros, spread_first
from protocols.proven_tables.orders import (
    Opening,
    apply_inverse,
    apply_order,
    gathered,
    opened,
    scattered,
)
from protocols.proven_tables.shuffle import Shuffle, draw_shuffle, shuffle, shuffled, unshuffle
from protocols.proven_tables.sort import key_of, order_by, sort, sort_by, top
from protocols.proven_tables.steps import as_number, is_negative, is_zero
from protocols.replicated3_malicious.constructions import Column

__all__ = [
    "Column",
    "Opening",
    "Shuffle",
    "apply_inverse",
    "apply_order",
    "as_number",
    "draw_shuffle",
    "gathered",
    "group_maxima",
    "group_sums",
    "is_negative",
    "is_zero",
    "join",
    "key_of",
    "opened",
    "order_by",
    "order_of_zeros",
    "scattered",
    "shuffle",
    "shuffled",
    "sort",
    "sort_by",
    "spread_first",
    "top",
    "unshuffle",
]
