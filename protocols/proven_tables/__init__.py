"""Tables on shares of `replicated3_malicious`: shuffles, orders and a sort whose every message is proven.

In flow views of the family and shares, rows along the last axis; out flow shares. An order is opened under
a fresh shuffle, once all that was sent before is verified. Groups, joins and rankings are those of
`protocols.tables`, of the steps that `proven` returns. It may import the family and `protocols.tables`.
"""

from protocols.proven_tables.orders import (
    Opening,
    apply_inverse,
    apply_order,
    gathered,
    opened,
    permuted,
    scattered,
)
from protocols.proven_tables.shuffle import Shuffle, draw_shuffle, shuffle, shuffled, unshuffle
from protocols.proven_tables.sort import key_of, order_by, sort_by
from protocols.proven_tables.steps import proven

__all__ = [
    "Opening",
    "Shuffle",
    "apply_inverse",
    "apply_order",
    "draw_shuffle",
    "gathered",
    "key_of",
    "opened",
    "order_by",
    "permuted",
    "proven",
    "scattered",
    "shuffle",
    "shuffled",
    "sort_by",
    "unshuffle",
]
