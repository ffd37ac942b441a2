"""Activations by name: what each is in the clear, its symmetry, the lines that it ends in.

A smooth one is a line plus a core, even, odd, or zero for x ≥ 0, that ends in a line on either side; what
follows the core in between are polynomials (`pieces`). Others are lines alone.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mpcsim import InputError

Reals = NDArray[np.float64]
Symmetry = Literal["even", "odd", "left"]


@dataclass(frozen=True)
class Smooth:
    """middle + core: where |x| is large, `ends` in place of both.

    Attributes:
        core: of x; even or odd, or "left": of x < 0 alone.
        middle: slope and constant of the line that is added to the core.
        ends: slope and constant below and above; of "left" the second holds from 0 on.
        widest: an edge beyond which the core is its line exactly; None where it only comes close.
    """

    core: Callable[[Reals], Reals]
    symmetry: Symmetry
    middle: tuple[float, float]
    ends: tuple[tuple[float, float], tuple[float, float]]
    widest: float | None = None


@dataclass(frozen=True)
class Lines:
    """Slope and constant of each piece, between limits: each limit belongs to the piece above it."""

    limits: tuple[float, ...]
    lines: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Activation:
    """An elementwise function of a network, to follow within an error.

    Attributes:
        name: of `ACTIVATIONS`.
        parameters: its own.
        within: greatest error of its pieces, at least four units of the ring; None for the finest of
            `FINEST` that the ring holds. Of no account where they are lines.
    """

    name: str
    parameters: tuple[float, ...]
    within: float | None

    @property
    def form(self) -> Smooth | Lines:
        """What it is made of."""
        return ACTIVATIONS[self.name](*self.parameters)

    def __call__(self, x: Any) -> Reals:
        """Return the function in the clear."""
        array, form = np.asarray(x, dtype=np.float64), self.form
        if isinstance(form, Lines):
            place = np.searchsorted(np.asarray(form.limits), array, side="right")
            slope, constant = (np.asarray(column)[place] for column in zip(*form.lines, strict=True))
            found: Reals = slope * array + constant
            return found
        if form.symmetry == "left":
            rise, offset = form.ends[1]
            low = np.minimum(array, 0.0)
            whole: Reals = np.where(array < 0, form.core(low), rise * array + offset)
            return whole
        rise, offset = form.middle
        total: Reals = rise * array + offset + form.core(array)
        return total


FINEST = (2.0**-12, 2.0**-11, 2.0**-10)
"""What errors are tried where none is asked for."""


def activation(name: str, *parameters: float, within: float | None = None) -> Activation:
    """Return an activation by its name, with its parameters or the usual ones.

    Args:
        name: "gelu", "gelu_tanh", "silu", "tanh", "erf", "softplus", "logistic", "elu", "relu6", "clip",
            "hard_sigmoid", "hard_swish", "leaky_relu".
        parameters: "elu": alpha (1); "clip": low, high; "hard_sigmoid": slope (0.2), constant (0.5);
            "leaky_relu": slope below 0 (0.01).
        within: greatest error; see `Activation`.

    Raises:
        InputError: there is none, or it takes others; what is accepted is said.
    """
    if name not in ACTIVATIONS:
        raise InputError(f"activation {name!r}: accepted are {', '.join(ACTIVATIONS)}")
    if not 0 < (FINEST[0] if within is None else within) < 1 or not all(map(math.isfinite, parameters)):
        raise InputError(f"activation {name!r}: accepted are finite parameters, and within between 0 and 1")
    signature = inspect.signature(ACTIVATIONS[name])
    try:
        bound = signature.bind(*parameters)
    except TypeError:  # of the arguments, by their number alone
        takes = ", ".join(signature.parameters) or "none"
        raise InputError(
            f"activation {name!r}: found {len(parameters)} parameters; accepted: {takes}"
        ) from None
    bound.apply_defaults()
    found = Activation(name, tuple(map(float, bound.args)), within)
    _ = found.form  # refuses parameters that mean nothing
    return found


_erf = np.vectorize(math.erf, otypes=[np.float64])
_HALVES = ((0.0, 0.0), (1.0, 0.0))
"""The ends of x/2 + an even core that ends in |x|/2."""


def _half(core: Callable[[Reals], Reals], widest: float | None = None) -> Smooth:
    return Smooth(core, "even", (0.5, 0.0), _HALVES, widest)


def _odd(core: Callable[[Reals], Reals], end: float, middle: float) -> Smooth:
    return Smooth(core, "odd", (0.0, middle), ((0.0, middle - end), (0.0, middle + end)))


def _gelu() -> Smooth:
    return _half(lambda x: x * _erf(x / math.sqrt(2)) / 2)


def _gelu_tanh() -> Smooth:
    return _half(lambda x: x * np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)) / 2)


def _silu() -> Smooth:
    return _half(lambda x: x * np.tanh(x / 2) / 2)


def _softplus() -> Smooth:
    return _half(lambda x: np.abs(x) / 2 + np.log1p(np.exp(-np.abs(x))))


def _hard_swish() -> Smooth:
    return _half(lambda x: np.where(np.abs(x) < 3, x**2 / 6, np.abs(x) / 2), 3.0)


def _tanh() -> Smooth:
    return _odd(np.tanh, 1.0, 0.0)


def _error_function() -> Smooth:
    return _odd(_erf, 1.0, 0.0)


def _logistic() -> Smooth:
    return _odd(lambda x: np.tanh(x / 2) / 2, 0.5, 0.5)


def _elu(alpha: float = 1.0) -> Smooth:
    return Smooth(lambda x: alpha * np.expm1(x), "left", (0.0, 0.0), ((0.0, -alpha), (1.0, 0.0)))


def _clip(low: float, high: float) -> Lines:
    if low >= high:
        raise InputError(f"activation 'clip': low = {low:g}, high = {high:g}: accepted is low < high")
    return Lines((low, high), ((0.0, low), (1.0, 0.0), (0.0, high)))


def _relu6() -> Lines:
    return _clip(0.0, 6.0)


def _hard_sigmoid(slope: float = 0.2, constant: float = 0.5) -> Lines:
    if slope <= 0:
        raise InputError(f"activation 'hard_sigmoid': slope = {slope:g}: accepted is more than 0")
    ends = (-constant / slope, (1 - constant) / slope)
    return Lines(ends, ((0.0, 0.0), (slope, constant), (0.0, 1.0)))


def _leaky_relu(slope: float = 0.01) -> Lines:
    return Lines((0.0,), ((slope, 0.0), (1.0, 0.0)))


ACTIVATIONS: dict[str, Callable[..., Smooth | Lines]] = {
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "silu": _silu,
    "tanh": _tanh,
    "erf": _error_function,
    "softplus": _softplus,
    "logistic": _logistic,
    "elu": _elu,
    "relu6": _relu6,
    "clip": _clip,
    "hard_sigmoid": _hard_sigmoid,
    "hard_swish": _hard_swish,
    "leaky_relu": _leaky_relu,
}
