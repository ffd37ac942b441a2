"""Pooling over windows of images (n, h, w, c): the maximum (POMIC algorithm 4), and the mean."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpcsim import InputError
from protocols.domains import Ring, Words
from protocols.replicated3.constructions import Taken, tournament_with_levels, truncate_product
from protocols.replicated3.functions import WIDEST, Bound, accept, masked, working
from protocols.replicated3.sharings import (
    Server,
    Share,
    concatenate,
    elementwise,
    halves_to_share,
    in_thirds,
    narrow_share,
    share_to_halves,
    widen_share,
)

Window = tuple[int, int]
Padding = tuple[tuple[int, int], tuple[int, int]]
NO_PADDING: Padding = ((0, 0), (0, 0))


def window_positions(size: int, window: int, stride: int, before: int, after: int) -> int:
    """Return how many windows fit along an axis."""
    return (size + before + after - window) // stride + 1


def windows(server: Server, x: Words, window: Window, stride: Window) -> Words:
    """Return (entries of a window, windows) of an array (n, h, w, c): strided views, stacked."""
    _, height, width, _ = x.shape
    rows = window_positions(height, window[0], stride[0], 0, 0)
    columns = window_positions(width, window[1], stride[1], 0, 0)
    if rows < 1 or columns < 1:
        raise InputError(f"a window of {window} does not fit in an input of {x.shape[1:3]}")
    entries = [
        x[
            :,
            i : i + stride[0] * (rows - 1) + 1 : stride[0],
            j : j + stride[1] * (columns - 1) + 1 : stride[1],
        ].reshape(-1)
        for i in range(window[0])
        for j in range(window[1])
    ]
    stacked: Words = server.kernels.stack(entries, 0)
    return stacked


def pooled_shape(shape: Sequence[int], window: Window, stride: Window) -> tuple[int, ...]:
    """Return (n, rows of windows, columns of windows, channels)."""
    n, height, width, channels = shape
    return (
        n,
        window_positions(height, window[0], stride[0], 0, 0),
        window_positions(width, window[1], stride[1], 0, 0),
        channels,
    )


async def max_pool2d(
    server: Server,
    x: Share,
    window: Window,
    stride: Window | None = None,
    padding: Padding = NO_PADDING,
) -> Share:
    """Return the maxima over windows of (n, h, w, c) (POMIC algorithm 4); padding never wins.

    Rounds: ⌈log2 of the window's entries⌉ times those of a comparison and a selection, whatever the
    number of windows. Bits: entries − 1 comparisons and selections a window, and l.

    Raises:
        InputError: the window does not fit, or the padding reaches over the window.
    """
    y, _ = await max_pool2d_with_choices(server, x, window, stride, padding)
    return y


async def max_pool2d_with_choices(
    server: Server,
    x: Share,
    window: Window,
    stride: Window | None = None,
    padding: Padding = NO_PADDING,
) -> tuple[Share, list[Taken]]:
    """Return what `max_pool2d` does, and the choices that lead a gradient back."""
    stride = stride or window
    if any(max(pad) >= size for pad, size in zip(padding, window, strict=True)):
        raise InputError(f"padding {padding} reaches over a window of {window}")
    x = _pad_with_least(server, x, padding)
    shape = pooled_shape(x.shape, window, stride)
    a, b = (windows(server, words, window, stride) for words in (x.a, x.b))

    async def third(server: Server, x: Share) -> tuple[Share, Taken]:
        value = share_to_halves(server, x, server.ring.bits)
        winner, levels = await tournament_with_levels(server, value)
        return await halves_to_share(server, winner), Taken(server, x.shape[1], levels)

    thirds = await in_thirds(server, third, a.shape[1], lambda part: (Share(a, b)[:, part],))
    y = concatenate(server, [y for y, _ in thirds]).reshape(*shape)
    return y, [taken for _, taken in thirds]


def _pad_with_least(server: Server, x: Share, padding: Padding) -> Share:
    """Return x with a border of the least value, −2^(value_bits − 1); no message."""
    if not any(any(pad) for pad in padding):
        return x
    k, ring = server.kernels, server.ring
    widths = ((0, 0), *padding, (0, 0))
    inside = k.pad(k.full(x.shape, 1, ring.dtype), widths)
    border = k.sub(k.full((), 1, ring.dtype), inside)
    least = k.neg(k.shift_left(border, ring.value_bits - 1))
    a, b = k.pad(x.a, widths), k.pad(x.b, widths)
    if server.role == 0:
        return Share(k.add(a, least), b)
    return Share(a, k.add(b, least) if server.role == 2 else b)


@dataclass(frozen=True)
class Mean:
    """Sums over windows times public factors, round(2^shift / count), cut by `shift` bits in all.

    Attributes:
        bits: L.
        first: bits that are cut off the sums before they are multiplied.
        factors: of the counts' shape.
    """

    bits: int
    first: int
    shift: int
    factors: NDArray[np.int64]
    bound: Bound

    @classmethod
    def of(cls, ring: Ring, counts: NDArray[np.int64]) -> Mean:
        """Return the plan: the least shift with which 1 / count is within 2^(1−f), relatively.

        A mean of V bits times 2^shift is below 2^(L − 2), which a power of two may just reach. What does
        not fit 64 bits is cut off the sums first: less than a unit where 2^first is below every count.
        """
        value = ring.value_bits
        enough = 2.0 ** (1 - max(ring.fraction_bits, 4))
        for shift in range(WIDEST - 2):
            factors = np.rint(2.0**shift / counts).astype(np.int64)
            error = float(np.abs(factors * (counts / 2.0**shift) - 1).max(initial=0.0))
            if error <= enough:
                break
        needed = value + shift + (2 if error else 1)
        first = max(0, needed - WIDEST)
        units = 1.0 + (2.0**first / counts.min(initial=WIDEST) if first else 0.0)
        return cls(min(WIDEST, max(ring.bits, needed)), first, shift, factors, Bound(units, error))


async def average_pool2d(
    server: Server,
    x: Share,
    window: Window,
    stride: Window | None = None,
    padding: Padding = NO_PADDING,
    counts: NDArray[np.int64] | None = None,
) -> Share:
    """Return the means over windows of (n, h, w, c), as sums times 1/count. Error: `Mean.bound`.

    Args:
        counts: how many places of each window count, broadcast to (oh, ow, c); all by default.

    Rounds and bits: one truncation of the output, by log2 of the window's places where these are a power
    of two; and a lift of the sums, or a cut of them first, where a ring has too few bits for the factor.

    Raises:
        InputError: the ring leaves too little precision for the factor, or sums do not fit.
    """
    stride = stride or window
    k, ring = server.kernels, server.ring
    widths = ((0, 0), *padding, (0, 0))
    padded = Share(k.pad(x.a, widths), k.pad(x.b, widths))
    shape = pooled_shape(padded.shape, window, stride)
    places = window[0] * window[1]
    plan = Mean.of(ring, np.full((1, 1, 1), places) if counts is None else np.asarray(counts))
    accept("average pooling", ring, plan, server.choices.accuracy)
    total = Share(*(k.sum(windows(server, part, window, stride), 0) for part in (padded.a, padded.b)))
    wide = working(server, plan.bits)
    if (plan.bits > ring.bits or plan.first) and (places - 1).bit_length() + ring.value_bits >= ring.bits:
        raise InputError(
            f"ring: average pooling over windows of {places} sums values of {ring.value_bits} bits, "
            f"and bits = {ring.bits} leaves no room: accepted are smaller windows or fewer value_bits"
        )
    if plan.bits > ring.bits:
        total = await elementwise(server, _widened(plan.bits), total)
    if plan.first:
        total = await truncate_product(wide, masked(wide, total), plan.first)
    factors = wide.ring.encode_integers(plan.factors)
    z = k.add(k.mul(total.a.reshape(shape), factors), wide.zero_share("mean", shape))
    return narrow_share(server, await truncate_product(wide, z, plan.shift - plan.first))


def _widened(bits: int) -> Callable[[Server, Share], Coroutine[Any, Any, Share]]:
    async def widened(server: Server, x: Share) -> Share:
        return await widen_share(server, x, working(server, bits))

    return widened
