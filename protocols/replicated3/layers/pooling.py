"""Pooling over windows of images (n, h, w, c): the maximum (POMIC algorithm 4), and the mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mpcsim import InputError
from protocols.domains import Ring, Words, word_type
from protocols.functions import WIDEST, Bound, accept
from protocols.layers import pooled_shape, windows
from protocols.replicated3.constructions import Taken, tournament_with_levels, truncate_halves
from protocols.replicated3.functions import working
from protocols.replicated3.sharings import (
    Halves,
    Server,
    Share,
    concatenate,
    halves_to_share,
    in_thirds,
    lift,
    narrow,
    share_to_halves,
)

Window = tuple[int, int]
Padding = tuple[tuple[int, int], tuple[int, int]]
NO_PADDING: Padding = ((0, 0), (0, 0))


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
    a, b = (windows(server.kernels, words, window, stride) for words in (x.a, x.b))

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


def mean_plan(ring: Ring, accuracy: str, counts: NDArray[np.int64], places: int) -> Mean:
    """Return how a ring averages windows of so many places, of which some count.

    Raises:
        InputError: the ring leaves too little precision for the factor, or sums do not fit.
    """
    plan = Mean.of(ring, counts)
    accept("average pooling", ring, plan, accuracy)
    if (plan.bits > ring.bits or plan.first) and (places - 1).bit_length() + ring.value_bits >= ring.bits:
        raise InputError(
            f"ring: average pooling over windows of {places} sums values of {ring.value_bits} bits, "
            f"and bits = {ring.bits} leaves no room: accepted are smaller windows or fewer value_bits"
        )
    return plan


async def average_pool2d(
    server: Server,
    x: Share,
    window: Window,
    stride: Window | None = None,
    padding: Padding = NO_PADDING,
    counts: NDArray[np.int64] | None = None,
) -> Share:
    """Return the means over windows of (n, h, w, c), as sums times 1/count. Error: `Mean.bound`.

    A sum times a public factor is a sharing, which lies in halves: nothing is sent but what the truncation
    takes, `safe` whatever the server's choice.

    Args:
        counts: how many places of each window count, broadcast to (oh, ow, c); all by default.

    Rounds: 1, and 1 for a lift of the sums, or a cut of them first, where a ring has too few bits for the
    factor. Bits: l and 4 · `Mean.shift` an output, 4(L − l) for the lift; none for windows of one place.

    Raises:
        InputError: the ring leaves too little precision for the factor, or sums do not fit.
    """
    stride = stride or window
    k, ring = server.kernels, server.ring
    widths = ((0, 0), *padding, (0, 0))
    padded = Share(k.pad(x.a, widths), k.pad(x.b, widths))
    shape = pooled_shape(padded.shape, window, stride)
    places = window[0] * window[1]
    counts = np.full((1, 1, 1), places) if counts is None else np.asarray(counts)
    plan = mean_plan(ring, server.choices.accuracy, counts, places)
    total = Share(
        *(k.sum(windows(server.kernels, part, window, stride), 0) for part in (padded.a, padded.b))
    )
    if plan.shift == 0:
        return total.reshape(*shape)
    dtype, encoded = word_type(plan.bits), working(server, plan.bits).ring.encode_integers(plan.factors)
    factors = k.mul(k.full(shape, 1, dtype), encoded).reshape(-1)

    async def third(server: Server, total: Share, factors: Words) -> Share:
        k, wide = server.kernels, working(server, plan.bits)
        sums = await lift(wide, share_to_halves(server, total, ring.bits))
        sums = await truncate_halves(wide, sums, plan.first, at_once=True)
        scaled = Halves(k.mul(sums.half, factors), plan.bits)
        means = await truncate_halves(wide, scaled, plan.shift - plan.first, at_once=True)
        return await halves_to_share(server, narrow(server, means, ring.bits))

    thirds = await in_thirds(server, third, total.size, lambda part: (total[part], factors[part]))
    return concatenate(server, thirds).reshape(*shape)
