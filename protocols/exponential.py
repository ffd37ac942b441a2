"""The exponential, and what follows from it: sigmoid and softmax.

With x = v + w, e^x = e^v · e^w: server 0 computes one factor in the clear, servers 1 and 2 the other. What
the ring wraps is taken care of by an oblivious lookup: server 0 deals e^(fraction of v) in the one-hot
vector of v's integer part mod W, servers 1 and 2 know w and hence, for each place, the exponent that the
two integer parts have together in a window of W numbers that holds every x of interest.
"""

from __future__ import annotations

import decimal
import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protocols.arithmetic import multiply_fixed
from protocols.boolean import complement
from protocols.comparison import sign
from protocols.division import reciprocal_between, reciprocal_bits
from protocols.lookup import deal_one_hot, look_up
from protocols.maximum import tournament
from protocols.polynomial import constant
from protocols.ring import Ring
from protocols.selection import select
from protocols.server import Server, in_thirds
from protocols.sharing import (
    Halves,
    Share,
    add,
    add_public,
    concatenate,
    elementwise,
    halves_to_share,
    narrow,
    public,
    share_to_halves,
    subtract,
)
from protocols.truncation import truncate_halves


@dataclass(frozen=True)
class Window:
    """The exponents that the lookup tells apart.

    Attributes:
        size: W, a power of two.
        high: least integer above every x; the window is [high − W, high).
        dealer_bits: fraction bits of server 0's factor.
        others_bits: fraction bits of the others' factor.
    """

    size: int
    high: int
    dealer_bits: int
    others_bits: int

    @classmethod
    def of(cls, ring: Ring, largest: float) -> Window:
        """Return the window for results up to `largest`, down to half a unit of the ring's fraction."""
        high = max(1, math.ceil(math.log(largest)))
        low = math.floor(-(ring.fraction_bits + 1) * math.log(2)) - 1
        room = ring.bits - 4 - math.ceil(math.log2(largest))
        return cls(1 << (high - low + 1).bit_length(), high, room // 2, room - room // 2)

    def compared_bits(self, ring: Ring, bits: int) -> int:
        """Return the signed bits of x − least, for signed x of `bits` bits."""
        return max(bits, ring.fraction_bits + self.size.bit_length()) + 1

    @property
    def least(self) -> int:
        """Below this the exponential is taken for zero."""
        return self.high - self.size + 2


async def exponential(server: Server, x: Share) -> Share:
    """Return e^x for fixed-point values, x < ln(bound); any shape.

    Where e^x is less than half a unit the result is 0, by a comparison beside the lookup. Rounds: those of
    a comparison and a selection. Error: below 2^(1−f) + e^x · 2^(2−h), h = `Window.dealer_bits`.
    """
    ring = server.ring
    window = Window.of(ring, ring.bound)

    async def third(server: Server, x: Share) -> Share:
        halves = share_to_halves(server, x, ring.bits)
        value = await exponential_of_halves(server, halves, window, ring.value_bits, ring.fraction_bits)
        return await halves_to_share(server, value)

    return await elementwise(server, third, x)


async def exponential_of_halves(
    server: Server, x: Halves, window: Window, bits: int, out_bits: int
) -> Halves:
    """Return e^x at scale 2^out_bits for signed x of `bits` bits at scale 2^f, 0 below the window.

    x must be given mod 2^`Window.compared_bits` at least.
    """
    k = server.kernels
    above = x
    if server.role == 0:
        least = server.ring.encode_integers(window.least << server.ring.fraction_bits)
        above = Halves(k.sub(x.half, k.astype(least, x.half.dtype)), x.bits)
    value, below = await server.party.gather(
        _in_window(server, x, window, out_bits),
        sign(server, narrow(server, above, window.compared_bits(server.ring, bits))),
    )
    return await select(server, value, complement(server, below))


async def _in_window(server: Server, x: Halves, window: Window, out_bits: int) -> Halves:
    """Return e^x at scale 2^out_bits for x in the window; elsewhere the result means nothing.

    Rounds: 2 and those of `truncate_halves` (server 0 may be ahead). Bits: W l and 2l, and those of the
    truncation of the product's fraction to `out_bits`.
    """
    k, ring = server.kernels, server.ring
    fraction = ring.fraction_bits
    own = k.astype(k.low_bits(x.half, fraction + window.size.bit_length() - 1), ring.dtype)
    place, factor = k.shift_right(own, fraction, ring.bits), k.product_of_tables(own, _tables(fraction))
    if server.role == 0:
        words = k.rounded(factor, window.dealer_bits, ring.dtype)
        await deal_one_hot(server, place, window.size, words)
        (found,) = await look_up(server, place.size, [[]])
    else:
        parts = await deal_one_hot(server, place, window.size)
        read = [k.exponential_dot(part, place, _exponents(window), factor) for part in parts]
        (found,) = await look_up(server, place.size, [read])
    return await truncate_halves(server, found, window.dealer_bits + window.others_bits - out_bits)


@functools.cache
def _tables(fraction_bits: int) -> list[NDArray[np.float64]]:
    """Return, for each byte of the fraction from the lowest, e^(byte · 2^(8j − f)), correctly rounded."""
    unit = decimal.Decimal(2) ** -fraction_bits
    return [
        np.array([float((byte * 2**low * unit).exp()) for byte in range(1 << min(8, fraction_bits - low))])
        for low in range(0, fraction_bits, 8)
    ]


@functools.cache
def _exponents(window: Window) -> NDArray[np.float64]:
    """Return 2^others_bits · e^n at place n mod W, for n in the window, correctly rounded."""
    table = np.empty(window.size)
    for n in range(window.high - window.size, window.high):
        table[n % window.size] = float(decimal.Decimal(n).exp() * 2**window.others_bits)
    return table


async def sigmoid(server: Server, x: Share) -> Share:
    """Return 1 / (1 + e^−x) for fixed-point values of any size; any shape.

    e^−|x| is in (0, 1], so 1 + e^−|x| needs no normalisation before its reciprocal y; the result is y where
    x ≥ 0 and 1 − y elsewhere. Error: below 2^(1−f).
    """
    return await elementwise(server.safely(), _sigmoid, x)


async def _sigmoid(server: Server, x: Share) -> Share:
    k, ring = server.kernels, server.ring
    bits = reciprocal_bits(ring, 1)
    window = Window.of(ring, 1)
    value = share_to_halves(server, x, window.compared_bits(ring, ring.value_bits))
    negative = await sign(server, narrow(server, value, ring.value_bits))
    twice = Halves(k.shift_left(value.half, 1), value.bits)
    folded = await select(server, twice, negative)
    minus = Halves(k.sub(folded.half, value.half), value.bits)  # −|x|
    e = await exponential_of_halves(server, minus, window, ring.value_bits, bits - 1)
    one = constant(server, 1, bits - 1)
    denominator = add_public(server, await halves_to_share(server, e), one)  # (1 + e^−|x|) / 2 at 2^bits
    y = await reciprocal_between(server, denominator, bits, 0.5, bits + 1 - ring.fraction_bits)
    unit = constant(server, 1, ring.fraction_bits)
    turned = subtract(server, public(server, unit), add(server, y, y))  # (1 − y) − y
    change = await select(server, share_to_halves(server, turned, ring.bits), negative)
    return add(server, y, await halves_to_share(server, change))


async def softmax(server: Server, x: Share) -> Share:
    """Return e^x_i / Σ_j e^x_j along the last axis, for fixed-point values; any shape.

    The largest is subtracted first, so every exponential is in [0, 1] and their sum in [1, classes]: its
    reciprocal needs no normalisation. Error: below 2^(1−f).
    """
    *leading, classes = x.shape
    rows = x.reshape(-1, classes)
    thirds = await in_thirds(server.safely(), _softmax, rows.shape[0], lambda part: (rows[part],))
    return concatenate(server, thirds).reshape(*leading, classes)


async def _softmax(server: Server, x: Share) -> Share:
    k, ring = server.kernels, server.ring
    count, classes = x.shape
    top = await halves_to_share(server, await tournament(server, _columns(server, x)))
    below = subtract(server, x, top.reshape(count, 1)).flat()
    window = Window.of(ring, 1)
    half = share_to_halves(server, below, window.compared_bits(ring, ring.value_bits + 1))
    doublings = (classes - 1).bit_length()
    bits = reciprocal_bits(ring, doublings)
    scale = bits - doublings  # so that the sum is in [1 / 2^doublings, 1] at scale 2^bits
    e_half = await exponential_of_halves(server, half, window, ring.value_bits + 1, scale)
    e = (await halves_to_share(server, e_half)).reshape(count, classes)
    total = Share(k.sum(e.a, 1), k.sum(e.b, 1))
    inverse = await reciprocal_between(server, total, bits, 1 / 2**doublings, doublings)
    return await multiply_fixed(server, e, inverse.reshape(count, 1), scale + bits - ring.fraction_bits)


def _columns(server: Server, x: Share) -> Halves:
    """Return the halves of rows, one column a row of the result."""
    return share_to_halves(server, Share(x.a.T, x.b.T), server.ring.bits)
