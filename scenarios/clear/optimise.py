"""Training in the clear: stochastic gradient descent with momentum and weight decay."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenarios.clear.floating import backward, forward, forward_cached, has_slopes, softmax_cross_entropy
from scenarios.data import Dataset
from scenarios.networks import LayerPlan, ModelSettings, Weights, shapes


@dataclass
class SGD:
    """v ← momentum·v − rate·(slope + decay·w), w ← w + v, in place; biases do not decay."""

    rate: float = 0.01
    momentum: float = 0.9
    decay: float = 0.0
    _velocity: dict[str, NDArray[Any]] = field(default_factory=dict, repr=False)

    def step(self, weights: dict[str, NDArray[Any]], slopes: dict[str, NDArray[Any]]) -> None:
        """Move every weight that has a slope."""
        for name, slope in slopes.items():
            weight = weights[name]
            decay = 0.0 if name.endswith("/bias") else self.decay
            velocity = self._velocity.setdefault(name, np.zeros_like(weight))
            velocity *= self.momentum
            velocity -= self.rate * (slope + decay * weight)
            weight += velocity


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training images gave: mean loss in nats, shares of right answers."""

    number: int
    loss: float
    train_accuracy: float
    weights: Weights


def classes(model: ModelSettings, weights: Weights, data: Dataset) -> NDArray[np.int64]:
    """Return the class of each image, or of each place of its map: the largest logit's, in float32."""
    found: NDArray[np.int64] = forward(model, weights, data.images.astype(np.float32)).argmax(axis=-1)
    return found


def accuracy(model: ModelSettings, weights: Weights, data: Dataset) -> float:
    """Share of the images (or pixels) whose largest logit is their label's, computed in float32."""
    return float((classes(model, weights, data) == data.labels).mean())


def overlap(found: NDArray[Any], truth: NDArray[Any]) -> float:
    """Return intersection over union of two sets of places, as truth values; of two empty ones, 1."""
    union = (found | truth).sum()
    return float((found & truth).sum() / union) if union else 1.0


def fit(
    model: ModelSettings,
    weights: Weights,
    data: Dataset,
    optimiser: SGD,
    *,
    epochs: int,
    batch: int,
    seed: int,
    flips: bool = True,
    max_steps: int = 0,
) -> Iterator[Epoch]:
    """Train in float32 and yield after each epoch; `weights` themselves are left alone.

    `seed` decides the order of the images and which of them are mirrored (each axis with
    probability one half, when `flips`). The rate falls to zero along half a cosine. `max_steps`
    ends training early; 0 sets no limit. The accuracy is that of the batches as they were
    answered during the epoch.
    """
    plans = shapes(model)
    differentiate = _by_hand if has_slopes(plans) else _automatically()
    rng = np.random.default_rng(seed)
    moving: dict[str, NDArray[Any]] = {k: v.astype(np.float32) for k, v in weights.items()}
    images = data.images.astype(np.float32)
    steps = epochs * -(-len(data) // batch)
    steps = min(steps, max_steps) if max_steps else steps
    peak, step = optimiser.rate, 0
    for number in range(1, epochs + 1):
        order = rng.permutation(len(data))
        losses, right, seen = 0.0, 0.0, 0
        for start in range(0, len(data), batch):
            if step == steps:
                break
            chosen = order[start : start + batch]
            x, labels = images[chosen], data.labels[chosen]
            x, labels = mirrored(x, labels, rng) if flips else (x, labels)
            optimiser.rate = peak * 0.5 * (1 + float(np.cos(np.pi * step / steps)))
            loss, logits, slopes = differentiate(plans, moving, x, labels)
            optimiser.step(moving, slopes)
            losses += loss * len(chosen)
            right += float((logits.argmax(axis=-1) == labels).mean()) * len(chosen)
            seen += len(chosen)
            step += 1
        if seen:
            result = {k: v.astype(np.float64) for k, v in moving.items()}
            yield Epoch(number, losses / seen, right / seen, result)
    optimiser.rate = peak


Slopes = tuple[float, NDArray[Any], dict[str, NDArray[Any]]]


def _by_hand(
    plans: Sequence[LayerPlan], weights: Weights, images: NDArray[Any], labels: NDArray[np.int64]
) -> Slopes:
    """Return mean loss, logits, and the loss's slope by every weight."""
    caches = forward_cached(plans, weights, images)
    loss, slope = softmax_cross_entropy(caches[-1].y, labels)
    return loss, caches[-1].y, backward(plans, weights, caches, slope)


def _automatically() -> Callable[..., Slopes]:
    from scenarios.clear.gradients import slopes  # of a package that most networks do without

    return slopes


def mirrored(
    images: NDArray[Any], labels: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Turn a random half of the images upside down, and another left to right; masks go with them."""
    result, masks = images.copy(), labels.copy()
    for axis in (1, 2):
        turned = rng.random(len(images)) < 0.5
        result[turned] = np.flip(result[turned], axis=axis)
        if masks.ndim > 1:
            masks[turned] = np.flip(masks[turned], axis=axis)
    return result, masks
