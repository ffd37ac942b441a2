"""Formulas of what is written once for all families: functions over the steps of any, and networks.

In flow a family's steps; out flow costs. It may import `analysis.costs.replicated3`: the widths of
functions and the order of layers.
"""

from analysis.costs.written.activations import activations, of_rows
from analysis.costs.written.asking import Asked, Thirds, answers, means, walk
from analysis.costs.written.functions import Written
from analysis.costs.written.network import (
    Prices,
    Span,
    chained,
    followed,
    function_span,
    layer_spans,
    mean_shift,
)

__all__ = [
    "Asked",
    "Prices",
    "Span",
    "Thirds",
    "Written",
    "activations",
    "answers",
    "chained",
    "followed",
    "function_span",
    "layer_spans",
    "mean_shift",
    "means",
    "of_rows",
    "walk",
]
