"""Formulas by the names of the microbench: none sends."""

from __future__ import annotations

from analysis.costs.algebra import Cost
from analysis.costs.families import FamilySetting, Formula
from analysis.costs.numbers import Number
from analysis.costs.replicated3 import ACTIVATIONS
from scenarios.networks import ALONE

_NAMES = (
    "reveal", "mul", "mul_fixed", "dot", "matmul", "conv2d", "avgpool", "trunc_exact", "compare", "equal",
    "a2b", "b2a", "inject", "select", "relu", "maxpool", "max", "argmax", "div", "reciprocal", "exp", "log",
    "sqrt", "rsqrt", "sigmoid", "softmax", *ACTIVATIONS, "layer_norm", "rms_norm", "group_norm",
    "abs", "min", "power", "log_softmax", "one_hot", "rotary",
    *ALONE,
)  # fmt: skip


def _nothing(_setting: FamilySetting, _n: Number) -> Cost:
    """Return the cost of one server that computes by itself."""
    return Cost((0,))


OPERATIONS = {name: Formula(_nothing, "by definition", ("l",)) for name in _NAMES}
