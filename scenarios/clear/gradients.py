"""Slopes of a loss by every weight of any network, by automatic differentiation (package `autograd`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpcsim.errors import InputError
from scenarios.clear import products, windows
from scenarios.clear.graph import walk
from scenarios.graph import arrangements, through
from scenarios.networks import LayerPlan

try:
    import autograd.numpy as anp
    from autograd import value_and_grad
    from autograd.scipy.special import erf
except ImportError as missing:
    raise InputError(
        f"training these layers in the clear needs a package that is not installed ({missing.name}): "
        "pip install 'mpcsim[train]'"
    ) from None

Array = NDArray[Any]
Weights = Mapping[str, Array]
_OPERATIONS = SimpleNamespace(
    pad=lambda a, widths: anp.pad(a, widths, "constant"),
    concatenate=anp.concatenate,
    take=lambda a, places, axis: a[(slice(None),) * axis + (places,)],
    sum=anp.sum,
    broadcast_to=anp.broadcast_to,
    neg=anp.negative,
    mul=anp.multiply,
    add=anp.add,
    sub=anp.subtract,
)
"""What rearrangements are made of."""


def slopes(
    plans: Sequence[LayerPlan], weights: Weights, images: Array, labels: NDArray[np.int64]
) -> tuple[float, Array, dict[str, Array]]:
    """Return the mean loss in nats (softmax cross entropy), logits, and its slope by every weight.

    Logits and labels are of images, or of every place of a map: (n, …, classes) and (n, …).
    """
    seen: list[Any] = []

    def loss(moving: dict[str, Any]) -> Any:
        found = _forward(plans, moving, images)
        seen.append(found)
        logits = anp.reshape(found, (-1, found.shape[-1]))
        shifted = logits - anp.max(logits, axis=1, keepdims=True)
        log_p = shifted - anp.log(anp.sum(anp.exp(shifted), axis=1, keepdims=True))
        return -anp.mean(log_p[anp.arange(labels.size), labels.reshape(-1)])

    value, found = value_and_grad(loss)(dict(weights))
    return float(value), np.asarray(getattr(seen[-1], "_value", seen[-1])), found


def _forward(plans: Sequence[LayerPlan], weights: Mapping[str, Any], images: Array) -> Any:
    for _, y in walk(plans, images, lambda plan, inputs: _layer(plan, weights, inputs)):
        found = y
    return found


def _layer(plan: LayerPlan, weights: Mapping[str, Any], inputs: list[Any]) -> Any:
    x = inputs[0]
    if plan.arrange is not None:
        return plan.arrange(_OPERATIONS, *inputs)
    if plan.kind == "function":
        return FUNCTIONS[plan.layer.function](plan, weights, x)
    if plan.kind == "offset":
        return x + plan.at_places(weights[f"{plan.weights}/bias"])
    if plan.kind == "weights":
        return anp.repeat(weights[f"{plan.weights}/bias"][None], len(x), axis=0)
    if plan.kind == "turned":
        cosines, sines = plan.angles()
        return x * cosines + arrangements.Turned()(_OPERATIONS, x) * sines
    if plan.kind == "blended":
        return through(plan.blends, _OPERATIONS, x)
    if plan.kind == "scaled":
        return x * plan.layer.factor
    if plan.kind == "add":
        y = x + inputs[1]
    elif plan.kind in ("max", "mean"):
        y = _pooled(plan, x)
    else:
        y = _sums(plan, weights, inputs)
    return anp.maximum(y, 0) if plan.relu else y


def _pooled(plan: LayerPlan, x: Any) -> Any:
    filler = -np.inf if plan.kind == "max" else 0.0
    padded = anp.pad(x, ((0, 0), *plan.pads, (0, 0)), "constant", constant_values=filler)
    views = anp.stack([padded[index] for _, _, index in windows.places(plan)])
    if plan.kind == "max":
        return anp.max(views, axis=0)
    return anp.sum(views, axis=0) / windows.counts(plan)


def _sums(plan: LayerPlan, weights: Mapping[str, Any], inputs: list[Any]) -> Any:
    assert plan.product is not None
    x, y = products.factors(plan, inputs, weights, _OPERATIONS)
    if plan.product.kind == "mul":
        z = x * y
    elif plan.product.kind == "matmul":
        z = anp.matmul(x, y)
    else:
        z = _convolved(plan, x, y)
    z = z * 2.0**-plan.shift
    return z if plan.bias is None else z + weights[f"{plan.weights}/bias"]


def _convolved(plan: LayerPlan, x: Any, y: Any) -> Any:
    product = plan.product
    assert product is not None
    (down, right), (rows, columns), groups = product.stride, plan.output[:2], x.shape[3] // y.shape[2]
    padded = anp.pad(x, ((0, 0), *product.pads, (0, 0)), "constant")
    z: Any = 0.0
    for i in range(y.shape[0]):
        for j in range(y.shape[1]):
            tap = padded[:, i : i + (rows - 1) * down + 1 : down, j : j + (columns - 1) * right + 1 : right]
            if groups == 1:  # one product of matrices, an order of magnitude faster
                z = z + anp.reshape(
                    anp.dot(anp.reshape(tap, (-1, y.shape[2])), y[i, j]), (*tap.shape[:3], y.shape[3])
                )
                continue
            apart = anp.reshape(tap, (*tap.shape[:3], groups, 1, y.shape[2]))
            kernel = anp.transpose(anp.reshape(y[i, j], (y.shape[2], groups, -1)), (1, 0, 2))
            z = z + anp.reshape(anp.matmul(apart, kernel), (*tap.shape[:3], y.shape[3]))
    return z


def _of_values(function: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda plan, weights, x: function(x)


def _softmax(plan: LayerPlan, weights: Mapping[str, Any], x: Any) -> Any:
    mask = dict(plan.arguments).get("mask")
    x = x if mask is None else x + np.where(mask.array, 0.0, -1e9)
    powers = anp.exp(x - anp.max(x, axis=-1, keepdims=True))
    return powers / anp.sum(powers, axis=-1, keepdims=True)


def _layer_norm(plan: LayerPlan, weights: Mapping[str, Any], x: Any) -> Any:
    centred = x - anp.mean(x, axis=-1, keepdims=True)
    return _rms_norm(plan, weights, centred) + weights[f"{plan.weights}/bias"]


def _rms_norm(plan: LayerPlan, weights: Mapping[str, Any], x: Any) -> Any:
    square = anp.mean(x * x, axis=-1, keepdims=True) + dict(plan.arguments)["epsilon"]
    return x / anp.sqrt(square) * weights[f"{plan.weights}/kernel"]


def _group_norm(plan: LayerPlan, weights: Mapping[str, Any], x: Any) -> Any:
    groups, shape = int(dict(plan.arguments)["groups"]), x.shape
    parts = anp.reshape(x, (shape[0], -1, groups, shape[-1] // groups))
    centred = parts - anp.mean(parts, axis=(1, 3), keepdims=True)
    square = anp.mean(centred * centred, axis=(1, 3), keepdims=True) + dict(plan.arguments)["epsilon"]
    unit = anp.reshape(centred / anp.sqrt(square), shape)
    return unit * weights[f"{plan.weights}/kernel"] + weights[f"{plan.weights}/bias"]


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "relu": _of_values(lambda x: anp.maximum(x, 0)),
    "sigmoid": _of_values(lambda x: 1 / (1 + anp.exp(-x))),
    "logistic": _of_values(lambda x: 1 / (1 + anp.exp(-x))),
    "silu": _of_values(lambda x: x / (1 + anp.exp(-x))),
    "tanh": _of_values(anp.tanh),
    "gelu": _of_values(lambda x: x * (1 + erf(x / np.sqrt(2.0))) / 2),
    "softmax": _softmax,
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "group_norm": _group_norm,
}
"""Functions with slopes."""
