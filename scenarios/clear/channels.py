"""Channels normalised over a batch, in the clear: by its own mean and variance, back, and running ones.

In floating point, and in fixed point at the scales that training on shares keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenarios.networks import STATISTICS, LayerPlan

Array = NDArray[Any]
Integers = NDArray[np.int64]


def rows(x: Array) -> Array:
    """Return (…, channels) as (N, channels)."""
    return x.reshape(-1, x.shape[-1])


def normalised(plan: LayerPlan, weights: Mapping[str, Array], x: Array, learns: bool) -> Array:
    """Return γ (x − μ) / √(variance + ε) + β: of the batch, or of running statistics (with their ε)."""
    if learns:
        mean = rows(x).mean(axis=0)
        spread = rows(x).var(axis=0) + x.dtype.type(plan.layer.epsilon)
    else:
        mean, spread = (weights[f"{plan.name}/{part}"].astype(x.dtype, copy=False) for part in STATISTICS)
    scale, shift = (
        weights[f"{plan.name}/{part}"].astype(x.dtype, copy=False) for part in ("kernel", "bias")
    )
    found: Array = (x - mean) / np.sqrt(spread) * scale + shift
    return found


def slopes(plan: LayerPlan, weights: Mapping[str, Array], x: Array, g: Array) -> tuple[Array, Array, Array]:
    """Return the slopes by γ, by β and by x, given that by the output."""
    spread = np.sqrt(rows(x).var(axis=0) + plan.layer.epsilon)
    unit = (x - rows(x).mean(axis=0)) / spread
    by_scale, by_shift = rows(g * unit).sum(axis=0), rows(g).sum(axis=0)
    count = len(rows(x))
    by_input = weights[f"{plan.name}/kernel"] / spread * (g - by_shift / count - unit * (by_scale / count))
    return by_scale, by_shift, by_input


def remembered(plan: LayerPlan, weights: Mapping[str, Array], x: Array) -> dict[str, Array]:
    """Return running mean and variance (with ε) after a batch."""
    new = (rows(x).mean(axis=0), rows(x).var(axis=0) + plan.layer.epsilon)
    names = [f"{plan.name}/{part}" for part in STATISTICS]
    part = plan.layer.average
    return {
        name: weights[name] + part * (one - weights[name]) for name, one in zip(names, new, strict=True)
    }


@dataclass(frozen=True)
class Fixed:
    """A batch's normalisation: d (f bits), 1/σ (`inverse` bits), γ/σ (weights'), μ, variance + ε."""

    deviations: Integers
    root: Integers
    scale: Integers
    mean: Integers
    spread: NDArray[np.float64]


@dataclass(frozen=True)
class Scale:
    """Fraction bits of values, gradients and weights; of 1/σ six more than of values."""

    value: int
    gradient: int
    weight: int

    @property
    def inverse(self) -> int:
        """Fraction bits of 1/σ."""
        return self.value + 6

    def of_batch(self, plan: LayerPlan, kernel: Integers, x: Integers) -> Fixed:
        """Return the normalisation of a batch by itself."""
        mean = _whole(rows(x).mean(axis=0))
        deviations = x - mean
        squares = (rows(deviations).astype(np.float64) ** 2).mean(axis=0)
        return self._scaled(kernel, deviations, mean, squares / 4.0**self.value + plan.layer.epsilon)

    def recalled(self, kernel: Integers, mean: Integers, spread: Integers, x: Integers) -> Fixed:
        """Return the normalisation by running statistics."""
        coarse = nearest(mean, self.weight - self.value)
        return self._scaled(kernel, x - coarse, coarse, spread / 2.0**self.weight)

    def _scaled(
        self, kernel: Integers, deviations: Integers, mean: Integers, spread: NDArray[np.float64]
    ) -> Fixed:
        root = _whole(2.0**self.inverse / np.sqrt(spread))
        return Fixed(deviations, root, nearest(kernel * root, self.inverse), mean, spread)

    def sums(self, found: Fixed, bias: Integers) -> Integers:
        """Return the output."""
        return nearest(found.deviations * found.scale + (bias << self.value), self.weight)

    def slopes(self, found: Fixed, g: Integers) -> tuple[Integers, Integers, Integers]:
        """Return the gradients by γ, by β and by the input, at the gradients' scale."""
        count, total = len(rows(g)), rows(g).sum(axis=0)
        along = nearest(rows(g * found.deviations).sum(axis=0), self.value)
        by_scale = nearest(along * found.root, self.inverse)
        kept = max(self.inverse, self.gradient - self.value)
        quotient = nearest(found.root * _whole(by_scale / count), self.inverse + self.gradient - kept)
        across = nearest(found.scale * quotient, kept + self.value - self.gradient)
        centred = g - _whole(total / count)
        by_input = nearest(found.scale * centred - found.deviations * across, self.weight)
        return by_scale, total, by_input

    def remembered(
        self, plan: LayerPlan, found: Fixed, mean: Integers, spread: Integers
    ) -> tuple[Integers, Integers]:
        """Return running statistics, at the weights' scale, after a batch."""
        part = plan.layer.average
        raised = found.mean << (self.weight - self.value)
        return (
            mean + _whole(part * (raised - mean)),
            spread + _whole(part * (found.spread * 2.0**self.weight - spread)),
        )


def nearest(x: Integers, shift: int) -> Integers:
    """Return x / 2^shift, rounded to nearest, halves up."""
    if shift == 0:
        return x
    return np.asarray((x + (1 << (shift - 1))) >> shift)


def _whole(x: Array) -> Integers:
    return np.rint(x).astype(np.int64)
