"""Steps on shares whose every message is a claim: products, signs, selection, truncation, conversions.

In flow shares; out flow shares, and claims in the ledger. It may import the sharings.
"""

from protocols.replicated3_malicious.constructions.comparison import all_bits, lowest, sign, zero
from protocols.replicated3_malicious.constructions.digits import PRODUCTS, one_hot, with_first
from protocols.replicated3_malicious.constructions.moving import Order, drawn_order, moved_by
from protocols.replicated3_malicious.constructions.products import (
    Product,
    Sum,
    conjunction,
    last_conjunction,
    multiply,
    reshare,
    shared,
)
from protocols.replicated3_malicious.constructions.selection import compose, number, select
from protocols.replicated3_malicious.constructions.wraps import lift, lift_third, rounded, truncate

__all__ = [
    "PRODUCTS",
    "Order",
    "Product",
    "Sum",
    "all_bits",
    "compose",
    "conjunction",
    "drawn_order",
    "last_conjunction",
    "lift",
    "lift_third",
    "lowest",
    "moved_by",
    "multiply",
    "number",
    "one_hot",
    "reshare",
    "rounded",
    "select",
    "shared",
    "sign",
    "truncate",
    "with_first",
    "zero",
]
