"""Formulas of the family `replicated4`: four servers, each message known to two of them.

In flow the ring; out flow costs by server. It may import what is beside it in `analysis.costs`.
"""

from analysis.costs.replicated4.catalogue import OPERATIONS
from analysis.costs.replicated4.network import EDGES, network

__all__ = ["EDGES", "OPERATIONS", "network"]
