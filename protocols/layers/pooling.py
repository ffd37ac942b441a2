"""Pooling over windows of images (n, h, w, c): the maximum (POMIC algorithm 4), and the mean."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from mpcsim import InputError
from protocols.domains import Words
from protocols.family import NO_PADDING, Family, Padding, Shape, Value, composite
from protocols.functions import largest

Window = tuple[int, int]


def positions(size: int, window: int, stride: int) -> int:
    """Return how many windows fit along an axis."""
    return (size - window) // stride + 1


def windows(kernels: ModuleType, x: Words, window: Window, stride: Window) -> Words:
    """Return (entries of a window, windows) of an array (n, h, w, c): strided views, stacked.

    Raises:
        InputError: the window does not fit.
    """
    _, height, width, _ = x.shape
    rows, columns = positions(height, window[0], stride[0]), positions(width, window[1], stride[1])
    if rows < 1 or columns < 1:
        raise InputError(f"a window of {window} does not fit in an input of {x.shape[1:3]}")
    views: Sequence[Words] = [
        x[
            :,
            i : i + stride[0] * (rows - 1) + 1 : stride[0],
            j : j + stride[1] * (columns - 1) + 1 : stride[1],
        ].reshape(-1)
        for i in range(window[0])
        for j in range(window[1])
    ]
    stacked: Words = kernels.stack(views, 0)
    return stacked


def pooled_shape(shape: Sequence[int], window: Window, stride: Window) -> Shape:
    """Return (n, rows of windows, columns of windows, channels)."""
    n, height, width, channels = shape
    return (
        n,
        positions(height, window[0], stride[0]),
        positions(width, window[1], stride[1]),
        channels,
    )


def entries(me: Family, x: Value, window: Window, stride: Window) -> tuple[Value, Shape]:
    """Return (entries of a window, windows) of (n, h, w, c), and the shape of the pooled images.

    Raises:
        InputError: the window does not fit.
    """
    shape = pooled_shape(x.shape, window, stride)
    return me.local(lambda part: windows(me.kernels, part, window, stride), x), shape


def padded(me: Family, x: Value, padding: Padding) -> Value:
    """Return x with a border of zeros."""
    if not any(any(pad) for pad in padding):
        return x
    return me.local(lambda part: me.kernels.pad(part, ((0, 0), *padding, (0, 0))), x)


@composite
async def max_pool(
    me: Family, x: Value, window: Window, stride: Window | None = None, padding: Padding = NO_PADDING
) -> Value:
    """Return the maxima over windows of (n, h, w, c); padding never wins.

    Rounds: ⌈log2 of the window's entries⌉ times those of a sign and a selection.

    Raises:
        InputError: the window does not fit, or the padding reaches over the window.
    """
    found, pooled = pooling_entries(me, x, window, stride, padding)
    return me.reshape(await largest(me, found), pooled)


def pooling_entries(
    me: Family, x: Value, window: Window, stride: Window | None = None, padding: Padding = NO_PADDING
) -> tuple[Value, Shape]:
    """Return (entries of a window, windows), where padding never wins, and the pooled shape; local.

    Raises:
        InputError: the window does not fit, or the padding reaches over the window.
    """
    if any(max(pad) >= size for pad, size in zip(padding, window, strict=True)):
        raise InputError(f"padding {padding} reaches over a window of {window}")
    k, shape = me.kernels, x.shape
    x = padded(me, x, padding)
    if x.shape != shape:  # a border of the least value
        inside = k.pad(k.full(shape, 1, me.ring.dtype), ((0, 0), *padding, (0, 0)))
        border = k.sub(k.full((), 1, me.ring.dtype), inside)
        least = me.ring.encode_integers(np.asarray(-(1 << (me.ring.value_bits - 1))))
        x = me.add(x, me.public(k.mul(border, least)))
    return entries(me, x, window, stride or window)


@composite
async def average_pool(
    me: Family,
    x: Value,
    window: Window,
    stride: Window | None = None,
    padding: Padding = NO_PADDING,
    counts: NDArray[np.int64] | None = None,
) -> Value:
    """Return the means over windows of (n, h, w, c), as sums times round(2^s / count) over 2^s.

    Args:
        counts: how many places of each window count, broadcast to (oh, ow, c); all by default.

    Raises:
        InputError: the domain leaves too few bits for the factor.
    """
    found, shape = entries(me, padded(me, x, padding), window, stride or window)
    total = me.reshape(me.total(found, 0), shape)
    places = np.full((1, 1, 1), window[0] * window[1]) if counts is None else np.asarray(counts)
    factors, shift = mean_factors(me, places)
    wide_factors = np.broadcast_to(factors, (*np.broadcast_shapes(factors.shape, (1, 1, 1)),))
    scaled = me.scale(total, me.ring.encode_integers(wide_factors))
    return await me.close(me.as_sum(scaled), shift)


def mean_factors(me: Family, counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Return (round(2^s / count), s): what a sum is multiplied by, and cut by, to make it a mean.

    Raises:
        InputError: the domain leaves too few bits for the factor.
    """
    shift = _shift(counts, me.ring.fraction_bits, me.ring.bits - 2 - me.ring.value_bits)
    return np.rint(2.0**shift / counts).astype(np.int64), shift


def _shift(places: NDArray[np.int64], fraction_bits: int, room: int) -> int:
    """Return the least shift with which 1 / count is within 2^(1−f), relatively.

    Raises:
        InputError: a value times 2^shift would not fit.
    """
    enough = 2.0 ** (1 - max(fraction_bits, 4))
    for shift in range(max(room, 0) + 1):
        factors = np.rint(2.0**shift / places)
        if float(np.abs(factors * places / 2.0**shift - 1).max(initial=0.0)) <= enough:
            return shift
    raise InputError(
        f"ring: means over windows of {sorted(set(places.flat))} places need a factor of more than {room} "
        "bits, which value_bits leaves; accepted are fewer value_bits or fraction_bits"
    )
