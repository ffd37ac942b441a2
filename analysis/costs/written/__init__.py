"""Formulas of the functions that are written once for all families, over the steps of any.

In flow a family's steps; out flow costs. It may import `analysis.costs.replicated3.precision`, the widths
of functions.
"""

from analysis.costs.written.functions import Written

__all__ = ["Written"]
