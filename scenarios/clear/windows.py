"""Windows over images: the gather that convolution and pooling share, for any number type."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenarios.networks import AveragePooling2D, LayerPlan

Place = tuple[int, int, tuple[slice, ...]]


def pad(images: NDArray[Any], plan: LayerPlan, value: float = 0) -> NDArray[Any]:
    """Surround (n, h, w, c) images with the layer's padding."""
    if plan.pads == ((0, 0), (0, 0)):
        return images
    return np.pad(images, ((0, 0), *plan.pads, (0, 0)), constant_values=value)


def places(plan: LayerPlan) -> Iterator[Place]:
    """Yield (i, j, index): `padded[index]` is (n, oh, ow, c), place (i, j) of every window."""
    (height, width), (down, right) = plan.output[:2], plan.stride
    for i in range(plan.window[0]):
        for j in range(plan.window[1]):
            rows = slice(i, i + (height - 1) * down + 1, down)
            columns = slice(j, j + (width - 1) * right + 1, right)
            yield i, j, (slice(None), rows, columns)


def gather(images: NDArray[Any], plan: LayerPlan) -> NDArray[Any]:
    """Lay every window out as a row: (n·oh·ow, kh·kw·c), zeros for padding (im2col)."""
    padded = pad(images, plan)
    out = np.empty((len(images), *plan.output[:2], *plan.window, images.shape[-1]), dtype=images.dtype)
    for i, j, index in places(plan):
        out[:, :, :, i, j] = padded[index]
    return out.reshape(len(images) * plan.output[0] * plan.output[1], -1)


def scatter(rows: NDArray[Any], count: int, plan: LayerPlan) -> NDArray[Any]:
    """Sum the rows of `gather` back onto their images: its transpose."""
    height, width, channels = plan.input
    (top, bottom), (left, right) = plan.pads
    padded = np.zeros((count, top + height + bottom, left + width + right, channels), rows.dtype)
    windows = rows.reshape(count, *plan.output[:2], *plan.window, channels)
    for i, j, index in places(plan):
        padded[index] += windows[:, :, :, i, j]
    return padded[:, top : top + height, left : left + width]


def counts(plan: LayerPlan) -> NDArray[np.int64]:
    """How many places of each window lie on the image: (oh, ow, 1)."""
    ones = pad(np.ones((1, *plan.input[:2], 1), dtype=np.int64), plan)
    total = np.zeros((1, *plan.output[:2], 1), dtype=np.int64)
    for _, _, index in places(plan):
        total += ones[index]
    result: NDArray[np.int64] = total[0]
    return result


def inverse_counts(plan: LayerPlan, fraction_bits: int) -> tuple[NDArray[np.int64], int]:
    """Return (round(2^s / count), s) of `counts`: the least s with which all are within 2^(1 − f).

    Relatively; f counts as 4 at least.
    """
    found, shift = counts(plan), 0
    while True:
        factors = np.rint(2.0**shift / found).astype(np.int64)
        if (np.abs(factors * found - 2**shift) <= 2.0 ** (shift + 1 - max(fraction_bits, 4))).all():
            return factors, shift
        shift += 1


def largest(images: NDArray[Any], plan: LayerPlan, floor: float) -> NDArray[Any]:
    """Maximum of each window; `floor` is no larger than any value and stands for padding."""
    padded = pad(images, plan, floor)
    views = [padded[index] for _, _, index in places(plan)]
    best = views[0].copy()
    for view in views[1:]:
        np.maximum(best, view, out=best)
    return best


def total(images: NDArray[Any], plan: LayerPlan) -> NDArray[Any]:
    """Sum of each window, padding counted as zero."""
    padded = pad(images, plan)
    result = np.zeros((len(images), *plan.output), dtype=images.dtype)
    for _, _, index in places(plan):
        result += padded[index]
    return result


def means(plans: Iterable[LayerPlan]) -> Iterator[tuple[NDArray[np.int64], int]]:
    """Yield, for each layer of average pooling, the counts of its windows and their places."""
    for plan in plans:
        if isinstance(plan.layer, AveragePooling2D):
            yield counts(plan), math.prod(plan.window)
