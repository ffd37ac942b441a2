"""The plaintext twins of private training: the same steps in the clear, in fixed point and in float64.

Both start from the same weights and take the same batches, in the same order, with the same public numbers
(`Step`), rounded as the secure training rounds them. The fixed twin keeps every number at the scale at
which the secure training keeps it, and rounds to nearest where that truncates: what is left between the
two is the error of the truncations alone, each at most 1.5 units and without bias, and of the softmax.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from scenarios.clear import channels, fixed, floating, windows
from scenarios.clear.channels import nearest
from scenarios.clear.graph import walk
from scenarios.networks import IMAGE, STATISTICS, AveragePooling2D, LayerPlan, MaxPooling2D, led

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Step:
    """The public numbers of one step, as real numbers; a gradient is multiplied by lift and share."""

    indices: NDArray[np.int64]
    rate: float
    momentum: float
    decay: float
    share: float
    """Of the gradient of weights: lift · share is about 1 / images of the batch."""
    lift: float = 1.0
    """Of the gradient of logits."""


class Twin(Protocol):
    """A network that trains in the clear."""

    def step(self, images: Reals, targets: Reals, step: Step) -> tuple[float, int]:
        """Take a step on a batch; return its summed loss and right answers before the step."""
        ...

    def measure(self, images: Reals, targets: Reals) -> tuple[float, int]:
        """Return summed loss and right answers."""
        ...

    def weights(self) -> dict[str, Reals]:
        """Return the present weights as real numbers."""
        ...


@dataclass(frozen=True)
class Bits:
    """Fraction bits of values, gradients, weights and velocities; and those that an update cuts off."""

    value: int
    gradient: int
    weight: int
    velocity: int
    update: int


def probabilities(loss: str, logits: Reals) -> Reals:
    """Return softmax of each row, or sigmoid of each number."""
    if loss == "softmax":
        e = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(e / e.sum(axis=1, keepdims=True))
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * logits)))


def metrics(loss: str, logits: Reals, p: Reals, targets: Reals, unit: float) -> tuple[float, int]:
    """Return the summed loss in nats (of a probability plus a unit, as on shares) and right answers."""
    q = (p * targets).sum(axis=1) if loss == "softmax" else 1 - p + (2 * p - 1) * targets
    wanted = targets[:, 0] if targets.shape[1] == 1 else targets.argmax(axis=1)
    found = logits[:, 0] >= 0 if logits.shape[1] == 1 else logits.argmax(axis=1)
    return float(-np.log(q + unit).sum()), int((found == wanted).sum())


@dataclass
class FloatTwin:
    """Training in float64."""

    plans: Sequence[LayerPlan]
    loss: str
    state: dict[str, Reals]
    velocity: dict[str, Reals]
    unit: float = 2.0**-16
    """What a probability is raised by in a loss: 2^−f on shares."""

    def weights(self) -> dict[str, Reals]:
        """Return the present weights."""
        return dict(self.state)

    def measure(self, images: Reals, targets: Reals) -> tuple[float, int]:
        """Return summed loss and right answers."""
        logits = floating.forward_cached(self.plans, self.state, images)[-1].y
        return metrics(self.loss, logits, probabilities(self.loss, logits), targets, self.unit)

    def step(self, images: Reals, targets: Reals, step: Step) -> tuple[float, int]:
        """Take a step; return the batch's summed loss and right answers before it."""
        caches = floating.forward_cached(self.plans, self.state, images, learns=True)
        logits = caches[-1].y
        p = probabilities(self.loss, logits)
        slopes = floating.backward(self.plans, self.state, caches, (p - targets) * step.lift)
        for name, slope in slopes.items():
            decay = 0.0 if name.endswith("/bias") else step.decay
            change = slope * step.share + decay * self.state[name]
            self.velocity[name] = step.momentum * self.velocity[name] + change
            self.state[name] = self.state[name] - step.rate * self.velocity[name]
        for plan, cache in zip(self.plans, caches, strict=True):
            if plan.kind == "batch":
                self.state |= channels.remembered(plan, self.state, cache.x)
        return metrics(self.loss, logits, p, targets, self.unit)


@dataclass
class _Kept:
    """What a layer keeps: its input laid out, its sums, its output; what normalised its channels."""

    x: Integers
    sums: Integers
    y: Integers
    normed: channels.Fixed | None = None


@dataclass
class FixedTwin:
    """Training in exact fixed point, integers at the scales of `Bits`."""

    plans: Sequence[LayerPlan]
    loss: str
    bits: Bits
    state: dict[str, Integers]
    velocity: dict[str, Integers]

    def weights(self) -> dict[str, Reals]:
        """Return the present weights as real numbers."""
        return {name: words / 2.0**self.bits.weight for name, words in self.state.items()}

    def measure(self, images: Reals, targets: Reals) -> tuple[float, int]:
        """Return summed loss and right answers."""
        logits, p = self._probabilities(self._forward(images, learns=False)[-1].y)
        return metrics(self.loss, logits, p / 2.0**self.bits.value, targets, 2.0**-self.bits.value)

    def step(self, images: Reals, targets: Reals, step: Step) -> tuple[float, int]:
        """Take a step; return the batch's summed loss and right answers before it."""
        kept = self._forward(images, learns=True)
        logits, p = self._probabilities(kept[-1].y)
        lift = round(step.lift * 2.0 ** (self.bits.gradient - self.bits.value))
        g = (p - fixed.encode(targets, self.bits.value)) * lift
        for name, slope in list(self._backward(kept, g)):
            self._descend(name, slope, step)
        for plan, cache in zip(self.plans, kept, strict=True):
            if cache.normed is not None:
                names = [f"{plan.name}/{part}" for part in STATISTICS]
                held = (self.state[name] for name in names)
                self.state |= zip(names, self._scale.remembered(plan, cache.normed, *held), strict=True)
        return metrics(self.loss, logits, p / 2.0**self.bits.value, targets, 2.0**-self.bits.value)

    def _probabilities(self, x: Integers) -> tuple[Reals, Integers]:
        logits = fixed.decode(x, self.bits.value)
        return logits, fixed.encode(probabilities(self.loss, logits), self.bits.value)

    @property
    def _scale(self) -> channels.Scale:
        return channels.Scale(self.bits.value, self.bits.gradient, self.bits.weight)

    def _forward(self, images: Reals, learns: bool) -> list[_Kept]:
        """Return what every layer keeps."""
        kept: list[_Kept] = []

        def compute(plan: LayerPlan, inputs: list[Integers]) -> Integers:
            make = partial(self._normalised, learns) if plan.kind == "batch" else self._layer
            kept.append(make(plan, *inputs))
            return kept[-1].y

        for _ in walk(self.plans, fixed.encode(images, self.bits.value), compute):
            pass
        return kept

    def _normalised(self, learns: bool, plan: LayerPlan, x: Integers) -> _Kept:
        kernel, bias, mean, spread = (self.state[f"{plan.name}/{part}"] for part in plan.parts)
        scale = self._scale
        found = scale.of_batch(plan, kernel, x) if learns else scale.recalled(kernel, mean, spread, x)
        sums = scale.sums(found, bias)
        return _Kept(x, sums, np.maximum(sums, 0) if plan.relu else sums, found)

    def _layer(self, plan: LayerPlan, x: Integers, *others: Integers) -> _Kept:
        if plan.kind == "add":
            sums = x + others[0]
            return _Kept(x, sums, np.maximum(sums, 0) if plan.relu else sums)
        if isinstance(plan.layer, MaxPooling2D):
            y = windows.largest(x, plan, np.iinfo(np.int64).min)
            return _Kept(x, y, y)
        if isinstance(plan.layer, AveragePooling2D):
            share, shift = windows.inverse_counts(plan, self.bits.value)
            y = nearest(windows.total(x, plan) * share, shift)
            return _Kept(x, y, y)
        if plan.kernel is None:
            y = x.reshape(len(x), -1)
            return _Kept(x, y, y)
        rows = windows.gather(x, plan) if len(plan.kernel) == 4 else x.reshape(len(x), -1)
        sums = fixed.matmul(rows, self.state[f"{plan.name}/kernel"].reshape(-1, plan.kernel[-1]))
        if plan.bias is not None:
            sums = sums + (self.state[f"{plan.name}/bias"] << self.bits.value)
        sums = nearest(sums, self.bits.weight).reshape(len(x), *plan.output)
        return _Kept(rows, sums, np.maximum(sums, 0) if plan.relu else sums)

    def _backward(self, kept: Sequence[_Kept], g: Integers) -> Iterator[tuple[str, Integers]]:
        """Yield (name, gradient at 2^(value + gradient bits)) of every weight, the last layer's first."""
        slopes = {len(self.plans) - 1: g}
        for plan, cache in zip(reversed(self.plans), reversed(kept), strict=True):
            if plan.kernel is None and not led(plan):
                continue
            g = slopes.pop(plan.index).reshape(cache.y.shape)
            if plan.relu:
                g = np.where(cache.sums >= 0, g, 0)
            if cache.normed is not None:
                by_scale, by_shift, g = self._scale.slopes(cache.normed, g)
                yield f"{plan.name}/kernel", by_scale << self.bits.value
                yield f"{plan.name}/bias", by_shift << self.bits.value
            elif plan.kernel is not None:
                rows = g.reshape(-1, plan.kernel[-1])
                yield f"{plan.name}/kernel", fixed.matmul(cache.x.T, rows).reshape(plan.kernel)
                if plan.bias is not None:
                    yield f"{plan.name}/bias", rows.sum(axis=0) << self.bits.value
            if led(plan):
                g = self._by_input(plan, cache, g).reshape(len(g), *plan.input)
            for source in plan.sources:
                if source != IMAGE:
                    slopes[source] = slopes[source] + g if source in slopes else g

    def _by_input(self, plan: LayerPlan, cache: _Kept, g: Integers) -> Integers:
        """Return the gradient by a layer's input (by each, of two), given that by its sums or outputs."""
        if plan.kernel is not None and cache.normed is None:
            kernel = self.state[f"{plan.name}/kernel"].reshape(-1, plan.kernel[-1])
            sums = fixed.matmul(g.reshape(-1, plan.kernel[-1]), kernel.T)
            if len(plan.kernel) == 4:
                sums = windows.scatter(sums, len(cache.y), plan)
            return nearest(sums, self.bits.weight)
        if isinstance(plan.layer, MaxPooling2D):
            return _to_first_maximum(plan, cache, g)
        if isinstance(plan.layer, AveragePooling2D):
            share, shift = windows.inverse_counts(plan, self.bits.value)
            each = (g * share)[:, :, :, None, None]
            every = np.broadcast_to(each, (*g.shape[:3], *plan.window, g.shape[3]))
            return nearest(windows.scatter(every, len(g), plan), shift)
        return g

    def _descend(self, name: str, slope: Integers, step: Step) -> None:
        bits, below = self.bits, self.bits.update
        batch = round(step.share * 2.0 ** (bits.velocity + below - bits.value - bits.gradient))
        total = slope * batch + self.velocity[name] * round(step.momentum * 2.0**below)
        if not name.endswith("/bias"):
            total += self.state[name] * round(step.decay * 2.0 ** (bits.velocity + below - bits.weight))
        self.velocity[name] = nearest(total, below)
        rate = round(step.rate * 2.0 ** (bits.weight - bits.velocity))
        self.state[name] = self.state[name] - rate * self.velocity[name]


def _to_first_maximum(plan: LayerPlan, cache: _Kept, g: Integers) -> Integers:
    """Hand each window's gradient to its first largest place, in row-major order."""
    (top, bottom), (left, right) = plan.pads
    height, width, channels = plan.input
    padded = windows.pad(cache.x, plan, np.iinfo(np.int64).min)
    result = np.zeros((len(g), top + height + bottom, left + width + right, channels), np.int64)
    free = np.ones(g.shape, dtype=np.bool_)
    for _, _, index in windows.places(plan):
        here = free & (padded[index] == cache.y)
        result[index] += np.where(here, g, 0)
        free &= ~here
    return result[:, top : top + height, left : left + width]


def train(
    twin: Twin,
    images: Reals,
    targets: Reals,
    steps: Sequence[Step],
    ends: Sequence[bool],
    test: tuple[Reals, Reals] | None,
    follow: int,
) -> tuple[list[dict[str, Any]], dict[int, dict[str, Reals]]]:
    """Train a twin; return its history, a row an epoch, and weights by the number of steps done.

    Args:
        ends: which steps end an epoch.
        test: images and targets to measure at the end of every epoch.
        follow: weights are kept after so many first steps, and at the end of every epoch.
    """
    history: list[dict[str, Any]] = []
    followed: dict[int, dict[str, Reals]] = {}
    loss, right, seen = 0.0, 0, 0
    for number, (step, last) in enumerate(zip(steps, ends, strict=True)):
        found = twin.step(images[step.indices], targets[step.indices], step)
        loss, right, seen = loss + found[0], right + found[1], seen + len(step.indices)
        if number < follow or last:
            followed[number + 1] = twin.weights()
        if last:
            row: dict[str, Any] = {"loss": loss / seen, "accuracy": right / seen}
            if test is not None:
                total, hits = twin.measure(*test)
                row |= {"test_loss": total / len(test[0]), "test_accuracy": hits / len(test[0])}
            history.append(row)
            loss, right, seen = 0.0, 0, 0
    return history, followed
