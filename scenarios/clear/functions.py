"""Functions of values and rows as a network has them, in the clear, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenarios.networks import LayerPlan

Reals = NDArray[Any]


def value(plan: LayerPlan, x: Reals) -> Reals:
    """Return a function's layer of x (n, …)."""
    return FUNCTIONS[plan.layer.function](x, **dict(plan.arguments))


def _sigmoid(x: Reals) -> Reals:
    return 1 / (1 + np.exp(-x))


def _softmax(x: Reals) -> Reals:
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    found: Reals = powers / powers.sum(axis=-1, keepdims=True)
    return found


FUNCTIONS: dict[str, Callable[..., Reals]] = {
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": _sigmoid,
    "exponential": np.exp,
    "logarithm": np.log,
    "square_root": np.sqrt,
    "softmax": _softmax,
}
