"""`mpcsim compare`: run records side by side; accuracies of trainings beside their twins.

In flow records; out flow tables with ratios.
"""

from analysis.compare.records import compare

__all__ = [
    "compare",
]
