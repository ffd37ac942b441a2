"""Formulas of the family `dealer2`: two servers, whose messages are `online`, and a dealer's, `offline`.

In flow the ring and the family's choices; out flow costs of the three parties. It may import
`analysis.costs.replicated3.precision`, the widths of functions.
"""

from analysis.costs.dealer2.catalogue import OPERATIONS, SHARED, comparing
from analysis.costs.dealer2.functions import DIGITS, Dealt
from analysis.costs.dealer2.network import edges, networks
from analysis.costs.dealer2.steps import NOTHING, opening

__all__ = [
    "EDGES",
    "NOTHING",
    "OPERATIONS",
    "PHASES",
    "SHARED",
    "Dealt",
    "comparing",
    "edges",
    "network",
    "networks",
    "opening",
]

PHASES = {"offline": (2,), "online": (0, 1)}
"""Who sends in each: the dealer, and the servers."""
network, EDGES = networks(lambda _: DIGITS), edges(lambda _: DIGITS)
