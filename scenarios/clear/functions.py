"""Functions of values and rows as a network has them, in the clear, in float64."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocols.functions import ACTIVATIONS, activation
from scenarios.graph import NORMS, TRUTHS, Mask
from scenarios.networks import LayerPlan

Reals = NDArray[Any]


def value(plan: LayerPlan, weights: Mapping[str, Reals], x: Reals, *others: Reals) -> Reals:
    """Return a function's layer of x (n, …), and of others, with weights as real numbers."""
    name, more = plan.layer.function, dict(plan.arguments)
    if name in NORMS:
        scale = weights[f"{plan.weights}/kernel"] if plan.kernel else 1.0
        shift = weights[f"{plan.weights}/bias"] if plan.bias else 0.0
        groups = more.pop("groups", None)
        rows = x if groups is None else _grouped(x, groups)
        found = _normalised(rows, name != "rms_norm", **more)
        return (found if groups is None else _ungrouped(found, x.shape)) * scale + shift
    if name in ACTIVATIONS:
        return activation(name, *more.get("parameters", ()))(x)
    if name == "power":
        raised: Reals = x ** int(more["parameters"][0])
        return raised
    with np.errstate(divide="ignore", invalid="ignore"):  # what is not finite has no fixed point
        return FUNCTIONS[name](x, *others, **more)


def chosen(plan: LayerPlan, inputs: Sequence[NDArray[Any]], one: float) -> NDArray[Any]:
    """Return the place of the largest of each row, an integer; of a place the one-hot row; truth values.

    Args:
        inputs: of which places and truth values are integers.
        one: the number one: 2^f in fixed point.
    """
    name, x = plan.layer.function, inputs[0]
    if name in TRUTHS or name in ("number", "choose"):
        return _of_truth(plan, inputs, one)
    if name == "argmax":
        places: NDArray[Any] = x.argmax(axis=-1).reshape(len(x), *plan.output)
        return places
    found: NDArray[Any] = (x.reshape(-1, 1) == np.arange(plan.output[-1])) * one
    return found.reshape(len(x), *plan.output)


def _of_truth(plan: LayerPlan, inputs: Sequence[NDArray[Any]], one: float) -> NDArray[Any]:
    """Return comparisons, what is made of them, or what they choose."""
    name, x, more = plan.layer.function, inputs[0], dict(plan.arguments)

    def known(name: str) -> Any:
        return round(more[name] * one) if isinstance(one, int) else more[name]

    if name == "number":
        return np.asarray(x * one)
    if name == "opposite":
        return np.asarray(1 - x)
    if name == "choose":
        rest = iter(inputs[1:])
        first, second = (known(part) if part in more else next(rest) for part in ("then", "otherwise"))
        return np.asarray(second + x * (first - second))  # of a sign, −1 too
    y = inputs[1] if len(inputs) > 1 else known("limit" if "limit" in more else "least")
    x, y = (y, x) if "least" in more else (x, y)
    compared = {"less_than": np.less, "equal": np.equal, "both": np.minimum, "either": np.maximum}
    found: NDArray[Any] = compared.get(name, np.not_equal)(x, y)
    return found.astype(inputs[0].dtype)


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


def _grouped(x: Reals, groups: int) -> Reals:
    """Return (images, …, channels) as rows (images, groups, all values of a group)."""
    parts = x.reshape(len(x), -1, groups, x.shape[-1] // groups)
    return parts.swapaxes(1, 2).reshape(len(x), groups, -1)


def _ungrouped(rows: Reals, shape: tuple[int, ...]) -> Reals:
    """Return such rows as (images, …, channels)."""
    parts = rows.reshape(shape[0], rows.shape[1], -1, shape[-1] // rows.shape[1])
    return parts.swapaxes(1, 2).reshape(shape)


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
    "divide": np.divide,
    "reciprocal": lambda x: 1 / x,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
}
