"""What the accuracy of functions is tested on: rings, inputs dense where it may break, exact results."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from protocols.domains.ring import Ring
from protocols.functions import (
    INVERSE_SQUARE_ROOT,
    LOGARITHM,
    SQUARE_ROOT,
    Bound,
    Division,
    Exponential,
    Polynomial,
    Sigmoid,
    Softmax,
)
from protocols.replicated3.functions.division import divide, numerator_bits, reciprocal
from protocols.replicated3.functions.exponentials import exponential, sigmoid, softmax
from protocols.replicated3.functions.roots import inverse_square_root, logarithm, square_root

Exact = np.longdouble  # float64 has no bits to spare where results have 40

NAMED = [Ring(32, 8, 20), Ring(32, 13, 18), Ring(64, 16, 31), Ring(64, 20, 40), Ring(64, 24, 32)]
"""Rings in which every function is within 2^(2−f)."""

RINGS = [
    *NAMED,
    Ring(64, 16, 47),  # that of `pomic_paper`
    Ring(64, 20, 31),
    Ring(64, 24, 39),
    Ring(64, 16, 20),
    Ring(64, 12, 28),
    Ring(64, 26, 37),
    Ring(64, 31, 32),  # hardly any room for numbers near one
    Ring(64, 28, 30),
    Ring(64, 8, 50),
    Ring(64, 20, 43),
    Ring(64, 1, 62),
    Ring(32, 1, 30),
    Ring(32, 15, 16),
    Ring(33, 4, 5),
    Ring(37, 5, 24),
    Ring(12, 2, 7),
]


def exact(ring: Ring, words: Any) -> Any:
    """Return the numbers that signed ring elements stand for."""
    return np.asarray(words).astype(Exact) * Exact(2) ** -ring.fraction_bits


def words_of(ring: Ring, x: Any) -> Any:
    """Return values below real numbers, cut to the ring's range."""
    top = 2 ** (ring.value_bits - 1)
    scaled = np.floor(np.asarray(x, dtype=Exact) * Exact(2) ** ring.fraction_bits)
    return np.clip(scaled, -top, top - 1).astype(np.int64)


def magnitudes(ring: Ring, count: int, seed: int) -> Any:
    """Return positive values over all magnitudes: the ends, and one unit around the powers of two."""
    rng = np.random.default_rng(seed)
    top = 2 ** (ring.value_bits - 1) - 1
    spread = np.exp(rng.uniform(0, math.log(top), count)).astype(np.int64)
    near_ends = np.concatenate([np.arange(1, 40), top - np.arange(40)])
    powers = [(1 << i) + d for i in range(ring.value_bits - 1) for d in (-1, 0, 1)]
    found = np.unique(np.concatenate([spread, near_ends, powers]))
    return found[(found >= 1) & (found <= top)]


def _positive(ring: Ring, count: int, seed: int) -> list[Any]:
    return [magnitudes(ring, count, seed)]


def _with_zero(ring: Ring, count: int, seed: int) -> list[Any]:
    return [np.concatenate([[0, 0], magnitudes(ring, count, seed)])]


def _below(ring: Ring, x: Any, result: Any) -> Any:
    """Return the x whose result is a value, with a unit to spare."""
    return x[np.abs(result) < ring.bound * (1 - 2.0**-40) - 4 * 2.0**-ring.fraction_bits]


def _with_inverse_root(ring: Ring, count: int, seed: int) -> list[Any]:
    x = magnitudes(ring, count, seed)
    return [_below(ring, x, 1 / np.sqrt(exact(ring, x)))]


def _with_inverse(ring: Ring, count: int, seed: int) -> list[Any]:
    x = magnitudes(ring, count, seed)
    x = _below(ring, x, 1 / exact(ring, x))
    return [np.concatenate([x, -x])]


def _quotients(ring: Ring, count: int, seed: int) -> list[Any]:
    """Return pairs with quotients of all sizes, every seventh the greatest."""
    rng = np.random.default_rng(seed)
    size = magnitudes(ring, count, seed)
    b = np.concatenate([size, -size])
    bound, unit = Exact(ring.bound), Exact(2) ** -ring.fraction_bits
    most = np.minimum(np.abs(exact(ring, b)) * (bound - 4 * unit), bound - unit) / unit
    share = rng.uniform(-1, 1, b.size) * 2.0 ** -rng.integers(0, 20, b.size)
    share[::7] = np.sign(share[::7])
    return [np.trunc(most * share).astype(np.int64), b]


def _exponents(ring: Ring, count: int, seed: int) -> list[Any]:
    """Return exponents around where the result is half a unit, up to the bound, and far below."""
    rng = np.random.default_rng(seed)
    f, unit, top = ring.fraction_bits, 2.0**-ring.fraction_bits, math.log(ring.bound)
    parts = [
        rng.uniform(-0.7 * (f + 4), top, count),
        np.linspace(top - 100 * unit, top, 60),
        -math.log(2) * (f + 1) + np.arange(-20, 20) * unit,
        -np.geomspace(1, ring.bound, 60),
        np.arange(-25, 3),
        np.arange(-9, 9) * unit,
    ]
    x = np.concatenate([words_of(ring, part) for part in parts])
    return [_below(ring, x, np.exp(np.minimum(exact(ring, x), 60)))]


def _anything(ring: Ring, count: int, seed: int) -> list[Any]:
    """Return values of either sign, most of them near zero."""
    rng = np.random.default_rng(seed)
    f, unit = ring.fraction_bits, 2.0**-ring.fraction_bits
    parts = [
        rng.uniform(-1, 1, count) * 0.7 * (f + 4),
        rng.uniform(-1, 1, count // 4) * ring.bound,
        np.arange(-25, 26),
        np.arange(-9, 9) * unit,
        math.log(2) * (f + 1) + np.arange(-20, 20) * unit,
        [ring.bound, -ring.bound],
    ]
    return [np.concatenate([words_of(ring, part) for part in parts])]


def rows(ring: Ring, classes: int, count: int, seed: int) -> Any:
    """Return rows of logits: alike, one far above, others just where powers become zero, far apart."""
    rng = np.random.default_rng([seed, classes])
    x = rng.normal(size=(max(8, count // classes), classes)) * 3
    vanishing = -math.log(2) * (ring.fraction_bits + math.ceil(math.log2(classes)) + 2)
    x[0] = 1.5
    x[1] = -math.log(2) * (ring.fraction_bits + 1)
    x[2] = vanishing + 2.0**-ring.fraction_bits
    x[3] = vanishing - 2.0 ** (1 - ring.fraction_bits)
    x[1:4, classes // 2] = 0
    x[4:7] *= 100
    return words_of(ring, np.clip(x, -ring.bound, ring.bound))


def softmax_of(x: Any) -> Any:
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def _sigmoid_of(x: Any) -> Any:
    small = np.exp(-np.abs(x))
    return np.where(x < 0, small, 1) / (1 + small)


@dataclass(frozen=True)
class Case:
    """A function: its protocol, what it is tried on, what should come out, and what it may be off by."""

    protocol: Callable[..., Any]
    draw: Callable[[Ring, int, int], list[Any]]
    want: Callable[..., Any]
    bound: Callable[[Ring], Bound]


CASES = {
    "reciprocal": Case(reciprocal, _with_inverse, lambda b: 1 / b, lambda ring: Division.of(ring).bound),
    "division": Case(
        divide, _quotients, lambda a, b: a / b, lambda ring: Division.of(ring, numerator_bits(ring)).bound
    ),
    "square root": Case(
        square_root, _with_zero, np.sqrt, lambda ring: Polynomial.of(ring, SQUARE_ROOT).bound
    ),
    "inverse square root": Case(
        inverse_square_root,
        _with_inverse_root,
        lambda x: 1 / np.sqrt(x),
        lambda ring: Polynomial.of(ring, INVERSE_SQUARE_ROOT).bound,
    ),
    "logarithm": Case(logarithm, _positive, np.log, lambda ring: Polynomial.of(ring, LOGARITHM).bound),
    "exponential": Case(exponential, _exponents, np.exp, lambda ring: Exponential.of(ring).bound),
    "sigmoid": Case(sigmoid, _anything, _sigmoid_of, lambda ring: Sigmoid.of(ring).bound),
}


def softmax_bound(ring: Ring, classes: int) -> Bound:
    return Softmax.of(ring, classes).bound


__all__ = ["CASES", "NAMED", "RINGS", "Case", "exact", "rows", "softmax", "softmax_bound", "softmax_of"]
