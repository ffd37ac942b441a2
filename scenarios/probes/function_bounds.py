"""What functions may be off by in a ring, by the names of the microbench and of training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from mpcsim import InputError
from protocols.domains import Ring
from protocols.functions import (
    INVERSE_SQUARE_ROOT,
    LOGARITHM,
    SQUARE_ROOT,
    TARGET,
    Division,
    Exponential,
    Plan,
    Polynomial,
    Sigmoid,
    Softmax,
    enough,
)
from protocols.replicated3.functions import activation_plan, division_plan
from protocols.replicated3.layers import Mean
from scenarios.probes.operations import NAMED as ACTIVATIONS


@dataclass(frozen=True)
class FunctionBound:
    """|got − exact| ≤ units · 2^−f + relative · |exact|; or why there is none.

    Attributes:
        accepted: whether the function runs in the ring without `accuracy = "best"`.
        bits: of the ring in which it computes.
        total: the bound relative to max(1, |exact|), in units of 2^−f.
        refused: why no accuracy is accepted; None where one is.
    """

    accepted: bool
    bits: int = 0
    units: float = 0.0
    relative: float = 0.0
    total: float = 0.0
    refused: str | None = None


def bounds(sizes: tuple[int, int, int], classes: int, window: int) -> dict[str, FunctionBound]:
    """Return the bound of every function; of a loss by image or output, of its gradient by logit.

    Args:
        sizes: bits, fraction bits and value bits of the ring.
        classes: of softmax.
        window: places of a window of average pooling.

    Raises:
        InputError: the sizes do not fit together.
    """
    ring = Ring(*sizes)
    plans: dict[str, Callable[[], Plan]] = {
        "div": lambda: division_plan(ring, "best"),
        "reciprocal": lambda: Division.of(ring),
        "sqrt": lambda: Polynomial.of(ring, SQUARE_ROOT),
        "rsqrt": lambda: Polynomial.of(ring, INVERSE_SQUARE_ROOT),
        "log": lambda: Polynomial.of(ring, LOGARITHM),
        "exp": lambda: Exponential.of(ring),
        "sigmoid": lambda: Sigmoid.of(ring),
        "softmax": lambda: Softmax.of(ring, classes),
        "avgpool": lambda: Mean.of(ring, np.full((1, 1, 1), window)),
        "loss": lambda: Polynomial.of(ring, LOGARITHM),
        "gradient": lambda: Softmax.of(ring, classes),
    }
    found = {name: _bound(ring, plan, TARGET) for name, plan in plans.items()}
    for name, one in ACTIVATIONS.items():
        found[name] = _bound(ring, partial(activation_plan, ring, "best", one), enough(ring, one))
    return found


def _bound(ring: Ring, plan: Callable[[], Plan], accepted: float) -> FunctionBound:
    """Return a bound, and whether it is at most what is accepted, in units."""
    try:
        found = plan()
    except InputError as error:
        return FunctionBound(False, refused=str(error))
    total = found.bound.target_units(ring)
    return FunctionBound(total <= accepted, found.bits, found.bound.units, found.bound.relative, total)
