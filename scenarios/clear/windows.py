"""Windows over images: the gather that convolution and pooling share, for any number type."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenarios.networks import LayerPlan

Place = tuple[int, int, tuple[slice, ...]]
Pads = tuple[tuple[int, int], tuple[int, int]]


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
    """Lay every window of a layer out as a row: (n·oh·ow, kh·kw·c), zeros for padding (im2col)."""
    return patches(images, plan.window, plan.stride, plan.pads)


def patches(
    images: NDArray[Any], window: tuple[int, int], stride: tuple[int, int], pads: Pads
) -> NDArray[Any]:
    """Lay every window of (n, h, w, c) out as a row: (n·oh·ow, kh·kw·c), zeros for padding."""
    padded = np.pad(images, ((0, 0), *pads, (0, 0))) if any(map(any, pads)) else images
    views = np.lib.stride_tricks.sliding_window_view(padded, window, (1, 2))[:, :: stride[0], :: stride[1]]
    rows = views.transpose(0, 1, 2, 4, 5, 3)
    return rows.reshape(math.prod(rows.shape[:3]), -1)


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
    """How many places of each window count, (oh, ow, 1): on the image, and what else the layer counts."""
    ones = np.ones((1, *plan.input[:2], 1), dtype=np.int64)
    ones = np.pad(ones, ((0, 0), *plan.counted, (0, 0)), constant_values=1)
    rest = [
        tuple(whole - part for whole, part in zip(pad, own, strict=True))
        for pad, own in zip(plan.pads, plan.counted, strict=True)
    ]
    ones = np.pad(ones, ((0, 0), *rest, (0, 0)))
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
        if plan.kind == "mean":
            yield counts(plan), math.prod(plan.window)
