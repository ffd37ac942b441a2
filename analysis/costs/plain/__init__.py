"""Formulas of the family `plain`: one server computes in the clear, so that no operation sends anything."""

from analysis.costs.plain.catalogue import OPERATIONS
from analysis.costs.plain.network import EDGES, network

__all__ = ["EDGES", "OPERATIONS", "network"]
