"""Activations as operations of the microbench: each with its usual parameters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import numpy as np

from protocols.family import Family, Value
from protocols.functions import Activation, activate, activation
from scenarios.probes.operations.drawn import anywhere
from scenarios.probes.operations.operation import Operation
from scenarios.probes.operations.sizes import Shape, Values

NAMED = {
    "gelu": activation("gelu"),
    "gelu_tanh": activation("gelu_tanh"),
    "silu": activation("silu"),
    "tanh": activation("tanh"),
    "erf": activation("erf"),
    "softplus": activation("softplus"),
    "logistic": activation("logistic"),
    "elu": activation("elu"),
    "relu6": activation("relu6"),
    "clip": activation("clip", -1.0, 1.0),
    "hard_sigmoid": activation("hard_sigmoid"),
    "hard_swish": activation("hard_swish"),
    "leaky_relu": activation("leaky_relu"),
}
"""By the names of the microbench."""


def _curved(rng: np.random.Generator, shapes: tuple[Shape, ...], bound: float) -> list[Values]:
    """Return values of any size, most where activations are curved."""
    (shape,) = shapes
    near = rng.uniform(-1, 1, shape) * min(bound, 12.0)
    return [np.where(rng.random(shape) < 0.75, near, anywhere(rng, shape, bound))]


def _protocol(of: Activation) -> Callable[[Family, Value], Awaitable[Value]]:
    return lambda me, x: activate(me, x, of)


ON_ACTIVATIONS = {
    name: Operation(
        _protocol(of), _curved, of, "all values, most within ±12", function="activate",
        arguments={"activation": of},
    )
    for name, of in NAMED.items()
}  # fmt: skip
