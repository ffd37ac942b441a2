"""Steps on shares whose every message is a claim: products, signs, selection, truncation, conversions.

In flow shares; out flow shares, and claims in the ledger. It may import the sharings.
"""

from protocols.replicated3_malicious.constructions.comparison import all_bits, lowest, sign
from protocols.replicated3_malicious.constructions.products import (
    Product,
    Sum,
    conjunction,
    last_conjunction,
    reshare,
    shared,
)
from protocols.replicated3_malicious.constructions.selection import compose, number, select
from protocols.replicated3_malicious.constructions.wraps import lift, lift_third, rounded, truncate

__all__ = [
    "Product",
    "Sum",
    "all_bits",
    "compose",
    "conjunction",
    "last_conjunction",
    "lift",
    "lift_third",
    "lowest",
    "number",
    "reshare",
    "rounded",
    "select",
    "shared",
    "sign",
    "truncate",
]
