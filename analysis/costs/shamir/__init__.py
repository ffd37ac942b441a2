"""Formulas of the family `shamir`: n servers of whom t may collude, values mod a prime, bits in GF(2^w).

In flow ring, parties and choices; out flow costs of all servers. It may import `analysis.costs.written`.
"""

from analysis.costs.shamir.catalogue import OPERATIONS
from analysis.costs.shamir.network import EDGES, network

__all__ = ["EDGES", "OPERATIONS", "network"]
