"""Layers as operations of the microbench: attention, embeddings of one-hot rows, recurrent layers.

They run as a network runs them, node by node, with weights that are shared too.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from protocols.domains import Ring
from protocols.family import Family, Value
from protocols.functions import Softmax, activation, pieces
from scenarios.clear import floating
from scenarios.inference import forward
from scenarios.networks import ALONE
from scenarios.probes.operations.operation import Draw, Operation
from scenarios.probes.operations.sizes import CLASSES, Shape, Values


def _within(rng: np.random.Generator, shapes: tuple[Shape, ...], bound: float) -> list[Values]:
    """Return values within ±2, and weights whose sums are of their size: errors grow as both do."""
    most = min(2.0, bound / 16)
    first, *weights = shapes
    return [rng.uniform(-most, most, first), *(rng.uniform(-0.25, 0.25, shape) for shape in weights)]


def _chosen(rng: np.random.Generator, shapes: tuple[Shape, ...], bound: float) -> list[Values]:
    """Return one-hot rows, and a table of values of any size."""
    size, *one = shapes[0]
    places = rng.integers(0, one[-1], size)
    return [np.eye(one[-1])[places].reshape(shapes[0]), rng.uniform(-1, 1, shapes[1]) * bound / 2]


def _attended(ring: Ring, row: int) -> float:
    """Return what all places of a softmax are off by, and scores that are cut, times values within 2."""
    return 2 * (row * Softmax.of(ring, row).bound.target_units(ring) + 1) + 1


def _gated(ring: Ring, row: int) -> float:
    """Return what the four tables behind a state are; its weights pass on little of what is before."""
    return 4 * pieces(ring, activation("logistic")).bound.units


_UNITS = {"attention": _attended, "lstm": _gated, "gru": _gated}


def _of_row(row: int, name: str, draw: Draw, inputs: str, function: str | None) -> Operation:
    """Return the operation for rows of so many values; a size counts images of the layer."""
    plans = ALONE[name](row)
    held = {part: shape for plan in plans for part, shape in plan.learned.items()}
    image = (3, row, plans[-1].output[-1]) if name == "attention" else plans[0].input

    async def protocol(me: Family, x: Value, *weights: Value) -> Value:
        return await forward(me, plans, dict(zip(held, weights, strict=True)), x)

    def want(x: Values, *weights: Values) -> Values:
        *_, (_, found) = floating.walked(plans, dict(zip(held, weights, strict=True)), x)
        return found

    arguments: Mapping[str, Any] = {}
    if function is not None:
        arguments = {"classes": row} if function == "softmax" else {"activation": activation("logistic")}
    return Operation(
        protocol, draw, want, inputs, arity=1 + len(held), shape=lambda size: (size, *image),
        weights=tuple(held.values()), result=lambda size: (size, *plans[-1].output), rows=True,
        function=function, arguments=arguments,
        units=partial(_UNITS[name], row=row) if name in _UNITS else None,
        of_row=partial(_of_row, name=name, draw=draw, inputs=inputs, function=function),
    )  # fmt: skip


_WEIGHTED = "values within ±2, weights within ±1/4"
ON_LAYERS = {
    "attention": _of_row(CLASSES, "attention", _within, "queries, keys and values within ±2", "softmax"),
    "embedding": _of_row(CLASSES, "embedding", _chosen, "one-hot rows; a table of values", None),
    "lstm": _of_row(CLASSES, "lstm", _within, _WEIGHTED, "activate"),
    "gru": _of_row(CLASSES, "gru", _within, _WEIGHTED, "activate"),
}
