"""The network in floating point: forward, and backward for training in the clear.

The number type is that of the images: float64 for reference values, float32 for training.
Weights are a flat mapping: "conv1/kernel", "conv1/bias", … (see `scenarios.networks.weights`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpcsim.errors import InputError
from scenarios.clear import channels, functions, products, windows
from scenarios.clear.graph import walk
from scenarios.graph import CHOICES, arrangements, through
from scenarios.networks import (
    IMAGE,
    Add,
    AveragePooling2D,
    Conv2D,
    Dense,
    Flatten,
    LayerPlan,
    MaxPooling2D,
    ModelSettings,
    shapes,
)

Array = NDArray[Any]
Weights = Mapping[str, Array]
BLOCK = 32
"""Images that are in flight at a time: bounds memory, changes no result."""


@dataclass(frozen=True)
class Cache:
    """What a layer keeps for its backward pass: its input laid out, and its output."""

    x: Array
    y: Array


def forward(model: ModelSettings, weights: Weights, images: Array) -> Array:
    """Return the logits: (n, h, w, c) images to (n, classes)."""
    plans = shapes(model)
    check_images(plans, images)
    blocks = []
    for start in range(0, len(images), BLOCK):
        for _, y in walked(plans, weights, images[start : start + BLOCK]):
            logits = y
        blocks.append(logits)
    return np.concatenate(blocks)


def forward_layers(model: ModelSettings, weights: Weights, images: Array) -> dict[str, Array]:
    """Return each layer's output (after its activation), by name, in order: (n, …)."""
    plans = shapes(model)
    check_images(plans, images)
    return {plan.name: y for plan, y in walked(plans, weights, images)}


def walked(
    plans: Sequence[LayerPlan], weights: Weights, images: Array
) -> Iterator[tuple[LayerPlan, Array]]:
    """Yield every node of a graph with its output (n, …)."""
    return walk(plans, images, lambda plan, inputs: _layer(plan, weights, inputs).y)


def forward_cached(
    plans: Sequence[LayerPlan], weights: Weights, images: Array, learns: bool = False
) -> list[Cache]:
    """Return what `backward` needs of each layer; the last one's `y` are the logits.

    Args:
        learns: whether channels are normalised by the batch, not by running statistics.
    """
    caches: list[Cache] = []

    def compute(plan: LayerPlan, inputs: list[Array]) -> Array:
        caches.append(_layer(plan, weights, inputs, learns))
        return caches[-1].y

    for _ in walk(plans, images, compute):
        pass
    return caches


def has_slopes(plans: Sequence[LayerPlan]) -> bool:
    """Return whether `backward` knows every layer."""
    plain = (Conv2D, Dense, MaxPooling2D, AveragePooling2D, Flatten, Add)
    return all(
        isinstance(plan.layer, plain)
        and not (isinstance(plan.layer, Dense) and plan.layer.rows)
        and not (isinstance(plan.layer, Conv2D) and (plan.layer.groups > 1 or plan.product.weights))  # type: ignore[union-attr]  # a convolution has one
        for plan in plans
    )


def backward(
    plans: Sequence[LayerPlan], weights: Weights, caches: Sequence[Cache], slope: Array
) -> dict[str, Array]:
    """Return the loss's slope by every weight, given that by the logits (n, classes)."""
    slopes: dict[str, Array] = {}
    by_output = {len(plans) - 1: slope}
    for plan, cache in zip(reversed(plans), reversed(caches), strict=True):
        slope = by_output.pop(plan.index).reshape(cache.y.shape)
        if plan.relu:
            slope = np.where(cache.y > 0, slope, slope.dtype.type(0))
        if plan.kind == "batch":
            by_scale, by_shift, slope = channels.slopes(plan, weights, cache.x, slope)
            slopes |= {f"{plan.name}/kernel": by_scale, f"{plan.name}/bias": by_shift}
        elif plan.kernel is not None:
            rows = slope.reshape(-1, plan.kernel[-1])
            slopes[f"{plan.weights}/kernel"] = (cache.x.T @ rows).reshape(plan.kernel)
            if plan.bias is not None:
                slopes[f"{plan.weights}/bias"] = rows.sum(axis=0)
        if plan.sources == (IMAGE,):
            continue  # nobody asks for the slope by the pixels
        slope = _by_input(plan, weights, cache, slope)
        for source in plan.sources:
            by_output[source] = by_output[source] + slope if source in by_output else slope
    return slopes


def softmax_cross_entropy(logits: Array, labels: NDArray[np.int64]) -> tuple[float, Array]:
    """Return the mean loss in nats and its slope by the logits, for (n, …, classes) and (n, …)."""
    shape = logits.shape
    logits, labels = logits.reshape(-1, shape[-1]), labels.reshape(-1)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    log_p = shifted - log_sum
    rows = np.arange(len(labels))
    slope = np.exp(log_p)
    slope[rows, labels] -= 1
    return -float(log_p[rows, labels].mean()), (slope / len(labels)).reshape(shape)


def check_images(plans: Sequence[LayerPlan], images: Array) -> None:
    """Refuse images of another shape than the model's input."""
    if images.ndim != 4 or images.shape[1:] != plans[0].input:
        raise InputError(
            f"images of shape {images.shape} do not fit the model's input {plans[0].input}; "
            "accepted is (n, height, width, channels)"
        )


def _by_input(plan: LayerPlan, weights: Weights, cache: Cache, slope: Array) -> Array:
    """Return the slope by the layer's input (each input, for `add`), given that by its sums or outputs."""
    count = len(cache.y)
    if plan.kind == "batch":
        return slope
    if plan.kernel is not None:
        rows = (
            slope.reshape(-1, plan.kernel[-1])
            @ weights[f"{plan.weights}/kernel"].reshape(-1, plan.kernel[-1]).T
        )
        slope = windows.scatter(rows, count, plan) if len(plan.kernel) == 4 else rows
    elif isinstance(plan.layer, MaxPooling2D):
        slope = _to_first_maximum(plan, cache, slope)
    elif isinstance(plan.layer, AveragePooling2D):
        share = slope / windows.counts(plan).astype(slope.dtype)
        every = np.broadcast_to(
            share[:, :, :, None, None], (*share.shape[:3], *plan.window, plan.output[2])
        )
        slope = windows.scatter(every, count, plan)
    return slope.reshape(count, *plan.input)


def _layer(plan: LayerPlan, weights: Weights, inputs: list[Array], learns: bool = False) -> Cache:
    x = inputs[0]
    if plan.kind == "batch":
        y = channels.normalised(plan, weights, x, learns)
        return Cache(x, np.maximum(y, 0, out=y) if plan.relu else y)
    if plan.kind == "add":
        y = x + inputs[1]
        return Cache(x, np.maximum(y, 0, out=y) if plan.relu else y)
    if plan.kind == "max":
        return Cache(x, windows.largest(x, plan, -np.inf))
    if plan.kind == "mean":
        share = windows.counts(plan).astype(x.dtype)
        return Cache(x, windows.total(x, plan) / share)
    if plan.arrange is not None:
        return Cache(x, plan.arrange(np, *inputs))
    if plan.kind in ("offset", "weights"):
        known = weights[f"{plan.weights}/bias"].astype(x.dtype, copy=False)
        alone = plan.kind == "weights"
        return Cache(x, np.repeat(known[None], len(x), 0) if alone else x + plan.at_places(known))
    if plan.kind == "turned":
        cosines, sines = (part.astype(x.dtype) for part in plan.angles())
        return Cache(x, x * cosines + arrangements.Turned()(np, x) * sines)
    if plan.kind == "blended":
        return Cache(x, through(plan.blends, np, x))
    if plan.kind == "scaled":
        return Cache(x, x * x.dtype.type(plan.layer.factor))
    if plan.kind == "function" and plan.layer.function in CHOICES:
        return Cache(x, functions.chosen(plan, inputs, 1.0))
    if plan.kind == "function":
        return Cache(x, functions.value(plan, weights, *inputs))
    x, factor = products.factors(plan, inputs, weights)
    rows, y = products.product(plan, x, factor.astype(x.dtype, copy=False), np.matmul)
    if plan.bias is not None:
        y += weights[f"{plan.weights}/bias"].astype(x.dtype, copy=False)
    if plan.shift:
        y = y * x.dtype.type(2.0**-plan.shift)
    if plan.relu:
        np.maximum(y, 0, out=y)
    return Cache(rows, y)


def _to_first_maximum(plan: LayerPlan, cache: Cache, slope: Array) -> Array:
    """Hand each window's slope to its first largest place, in row-major order."""
    (top, bottom), (left, right) = plan.pads
    height, width, channels = plan.input
    padded = windows.pad(cache.x, plan, -np.inf)
    result = np.zeros((len(slope), top + height + bottom, left + width + right, channels), slope.dtype)
    free = np.ones(slope.shape, dtype=np.bool_)
    for _, _, index in windows.places(plan):
        here = free & (padded[index] == cache.y)
        result[index] += np.where(here, slope, slope.dtype.type(0))
        free &= ~here
    return result[:, top : top + height, left : left + width]
