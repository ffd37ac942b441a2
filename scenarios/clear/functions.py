"""Functions of values and rows as a network has them, in the clear, in float64."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocols.functions import ACTIVATIONS, activation
from scenarios.graph import NORMS, Mask
from scenarios.networks import LayerPlan

Reals = NDArray[Any]


def value(plan: LayerPlan, weights: Mapping[str, Reals], x: Reals) -> Reals:
    """Return a function's layer of x (n, …), with weights as real numbers."""
    name, more = plan.layer.function, dict(plan.arguments)
    if name in NORMS:
        shift = weights[f"{plan.weights}/bias"] if plan.bias else 0.0
        return _normalised(x, name == "layer_norm", **more) * weights[f"{plan.weights}/kernel"] + shift
    if name in ACTIVATIONS:
        return activation(name, *more.get("parameters", ()))(x)
    if name == "power":
        found: Reals = x ** int(more["parameters"][0])
        return found
    return FUNCTIONS[name](x, **more)


def chosen(plan: LayerPlan, x: NDArray[Any], one: float) -> NDArray[Any]:
    """Return the place of the largest of each row, an integer; or of a place the one-hot row."""
    if plan.layer.function == "argmax":
        places: NDArray[Any] = x.argmax(axis=-1).reshape(len(x), *plan.output)
        return places
    found: NDArray[Any] = (x.reshape(-1, 1) == np.arange(plan.output[-1])) * one
    return found.reshape(len(x), *plan.output)


def _sigmoid(x: Reals) -> Reals:
    return 1 / (1 + np.exp(-x))


def _softmax(x: Reals, mask: Mask | None = None) -> Reals:
    kept = x if mask is None else np.where(mask.array, x, -np.inf)
    powers = np.exp(kept - kept.max(axis=-1, keepdims=True))
    found: Reals = powers / powers.sum(axis=-1, keepdims=True)
    return found


def _log_softmax(x: Reals) -> Reals:
    below = x - x.max(axis=-1, keepdims=True)
    found: Reals = below - np.log(np.exp(below).sum(axis=-1, keepdims=True))
    return found


def _normalised(x: Reals, centred: bool, epsilon: float) -> Reals:
    deviations = x - x.mean(axis=-1, keepdims=True) if centred else x
    found: Reals = deviations / np.sqrt((deviations**2).mean(axis=-1, keepdims=True) + epsilon)
    return found


FUNCTIONS: dict[str, Callable[..., Reals]] = {
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": _sigmoid,
    "exponential": np.exp,
    "logarithm": np.log,
    "square_root": np.sqrt,
    "absolute": np.abs,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
}
