"""Gradient-boosted trees of three replicated servers: what is public of them, and what each step costs.

In flow a setting and sizes; out flow costs, by span. It may import `analysis.costs.replicated3`.
constructions.md#boosting.
"""

from analysis.costs.boosting.shape import KNOTS, Boosting
from analysis.costs.boosting.steps import (
    bins,
    grow,
    level,
    raw_scores,
    residuals,
    spans,
    steps,
    tournament,
    tree,
)

__all__ = [
    "KNOTS",
    "Boosting",
    "bins",
    "grow",
    "level",
    "raw_scores",
    "residuals",
    "spans",
    "steps",
    "tournament",
    "tree",
]
