"""Formulas of the family `plain`: one server computes in the clear, so that no operation sends anything."""

from analysis.costs.plain.catalogue import OPERATIONS

__all__ = ["OPERATIONS"]
