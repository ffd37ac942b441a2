"""The exponential, and what follows from it: sigmoid and softmax.

With x = v + w, e^x = e^v · e^w: server 0 computes one factor in the clear, servers 1 and 2 the other. What
the ring wraps is taken care of by an oblivious lookup: v and w are cut in steps of S and the rest; server 0
deals e^(rest of v) in the one-hot vector of v's steps mod W, servers 1 and 2 know w and hence, for each
place, the exponent that the steps have together in a window of W steps that holds every x of interest.
Widths, steps and errors: `precision`.
"""

from __future__ import annotations

import decimal
import functools
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mpcsim import InputError
from protocols.domains import Ring
from protocols.functions import LONG, Exponential, Sigmoid, Softmax, Window, accept, counting
from protocols.replicated3.constructions import (
    deal_one_hot,
    look_up,
    multiply_fixed,
    multiply_locally,
    select,
    sign,
    tournament,
    truncate_halves,
    truncate_product,
    truncate_share,
)
from protocols.replicated3.functions.goldschmidt import goldschmidt
from protocols.replicated3.functions.normalise import leading_bit, look_up_place
from protocols.replicated3.functions.polynomial import constant
from protocols.replicated3.functions.precision import working
from protocols.replicated3.sharings import (
    Halves,
    Server,
    Share,
    add,
    add_public,
    complement,
    concatenate,
    elementwise,
    halves_to_share,
    in_thirds,
    multiply_public,
    narrow,
    narrow_share,
    public,
    share_to_halves,
    subtract,
)


def exponential_plan(ring: Ring, accuracy: str) -> Exponential:
    """Return how a ring computes an exponential.

    Raises:
        InputError: it cannot, or not accurately enough; the rule is named.
    """
    plan = Exponential.of(ring)
    accept("exponential", ring, plan, accuracy)
    _check_compared(ring, plan.window, ring.value_bits)
    return plan


def _check_compared(ring: Ring, window: Window, bits: int) -> None:
    """Refuse a window whose least is compared with more bits than the ring has."""
    compared = window.compared_bits(bits)
    if compared > ring.bits:
        raise InputError(
            f"ring: an exponential compares {compared} bits, which bits = {ring.bits} does not hold: "
            "accepted are fewer value_bits"
        )


async def exponential(server: Server, x: Share) -> Share:
    """Return e^x for fixed-point values, x < ln(bound); any shape.

    Where e^x is less than half a unit the result is 0, by a comparison beside the lookup. Rounds: those of
    a comparison and a selection. Error: `Exponential.bound`.

    Raises:
        InputError: the ring leaves too little precision.
    """
    ring = server.ring
    plan = exponential_plan(ring, server.choices.accuracy)

    async def third(server: Server, x: Share) -> Share:
        wide = working(server, plan.bits)
        halves = share_to_halves(server, x, ring.bits)
        value = await exponential_of_halves(
            wide, halves, plan.window, ring.value_bits, ring.fraction_bits, ring.bits
        )
        return await halves_to_share(server, value)

    return await elementwise(server, third, x)


async def exponential_of_halves(
    server: Server, x: Halves, window: Window, bits: int, out_bits: int, kept: int
) -> Halves:
    """Return e^x at scale 2^out_bits, mod 2^kept, for signed x of `bits` bits at scale 2^f.

    Below the window the result is 0. x must be given mod 2^`Window.compared_bits` at least.
    """
    k = server.kernels
    above = x
    if server.role == 0:
        least = server.ring.encode_integers(window.least)
        above = Halves(k.sub(x.half, k.astype(least, x.half.dtype)), x.bits)
    value, below = await server.party.gather(
        _in_window(server, above, window, out_bits),
        sign(server, narrow(server, above, window.compared_bits(bits))),
    )
    return await select(server, narrow(server, value, kept), complement(server, below))


async def _in_window(server: Server, above: Halves, window: Window, out_bits: int) -> Halves:
    """Return e^x at scale 2^out_bits, given x − least, for x in the window; elsewhere it means nothing.

    Rounds: 2 and those of `truncate_halves` (server 0 may be ahead). Bits: W L and 2L, and those of the
    truncation of the product's fraction to `out_bits`.
    """
    k, ring = server.kernels, server.ring
    rest = ring.fraction_bits + window.step
    places = window.size.bit_length() - 1
    own = k.astype(k.low_bits(above.half, rest + places), ring.dtype)
    place, factor = (
        k.shift_right(own, rest, ring.bits),
        k.product_of_tables(own, _tables(ring, window.step)),
    )
    if server.role == 0:
        words = k.rounded(factor, window.dealer_bits, ring.dtype)
        await deal_one_hot(server, place, window.size, words)
        (found,) = await look_up(server, place.size, [[]])
    else:
        parts = await deal_one_hot(server, place, window.size)
        exponents = _exponents(window, ring.fraction_bits)
        read = [k.exponential_dot(part, place, exponents, factor) for part in parts]
        (found,) = await look_up(server, place.size, [read])
    return await truncate_halves(server, found, window.dealer_bits + window.others_bits - out_bits)


@functools.cache
def _tables(ring: Ring, step: int) -> list[NDArray[np.float64]]:
    """Return, for each byte of the rest from the lowest, e^(byte · 2^(8j − f)), correctly rounded."""
    unit = decimal.Decimal(2) ** -ring.fraction_bits
    bits = ring.fraction_bits + step
    return [
        np.array([float((byte * 2**low * unit).exp()) for byte in range(1 << min(8, bits - low))])
        for low in range(0, bits, 8)
    ]


@functools.cache
def _exponents(window: Window, fraction_bits: int) -> NDArray[np.float64]:
    """Return 2^others_bits · e^(least + n S) at place n mod W, for n from −1 on, correctly rounded."""
    table = np.empty(window.size)
    least = decimal.Decimal(window.least) / 2**fraction_bits
    for n in range(-1, window.size - 1):
        table[n % window.size] = float((least + (n << window.step)).exp() * 2**window.others_bits)
    return table


def sigmoid_plan(ring: Ring, accuracy: str) -> Sigmoid:
    """Return how a ring computes a sigmoid.

    Raises:
        InputError: it cannot, or not accurately enough; the rule is named.
    """
    plan = Sigmoid.of(ring)
    accept("sigmoid", ring, plan, accuracy)
    _check_compared(ring, plan.window, ring.value_bits)
    return plan


async def sigmoid(server: Server, x: Share) -> Share:
    """Return 1 / (1 + e^−x) for fixed-point values of any size; any shape.

    e^−|x| is in (0, 1], so 1 + e^−|x| needs no normalisation before its reciprocal y; the result is y where
    x ≥ 0 and 1 − y elsewhere. Error: `Sigmoid.bound`.

    Raises:
        InputError: the ring leaves too little precision.
    """
    plan = sigmoid_plan(server.ring, server.choices.accuracy)
    return await elementwise(server.safely(), partial(_sigmoid, plan=plan), x)


async def _sigmoid(server: Server, x: Share, plan: Sigmoid) -> Share:
    k, ring, wide = server.kernels, server.ring, working(server, plan.bits)
    bits, fraction = plan.near, ring.fraction_bits
    value = share_to_halves(server, x, min(plan.window.compared_bits(ring.value_bits), ring.bits))
    negative = await sign(server, narrow(server, value, ring.value_bits))
    twice = Halves(k.shift_left(value.half, 1), value.bits)
    folded = await select(server, twice, negative)
    minus = Halves(k.sub(folded.half, value.half), value.bits)  # −|x|
    e = await exponential_of_halves(wide, minus, plan.window, ring.value_bits, bits - 1, plan.bits)
    one = constant(wide, 1, bits - 1)
    denominator = add_public(wide, await halves_to_share(wide, e), one)  # (1 + e^−|x|) / 2 at 2^bits
    # y / 2 with f fraction bits is 1 / (1 + e^−|x|): one fraction bit less, read as f
    wider = await goldschmidt(wide, denominator, bits, plan.start, plan.iterations, bits, fraction - 1)
    y = narrow_share(server, wider)
    unit = constant(server, 1, fraction)
    turned = subtract(server, public(server, unit), add(server, y, y))  # (1 − y) − y
    change = await select(server, share_to_halves(server, turned, ring.bits), negative)
    return add(server, y, await halves_to_share(server, change))


def softmax_plan(ring: Ring, accuracy: str, classes: int) -> Softmax:
    """Return how a ring computes a softmax.

    Raises:
        InputError: it cannot, or not accurately enough; the rule is named.
    """
    plan = Softmax.of(ring, classes)
    accept(f"softmax of {classes}", ring, plan, accuracy)
    _check_compared(ring, plan.window, ring.value_bits + 1)
    return plan


async def softmax(server: Server, x: Share, mask: NDArray[np.bool_] | None = None) -> Share:
    """Return e^x_i / Σ_j e^x_j along the last axis, for fixed-point values; any shape.

    Where the public mask is False a value does not count, and its share is 0; each row has one that counts.
    The largest of long rows is found in few rounds, whatever the choices.

    The largest is subtracted first, so every exponential is in [0, 1] and their sum in [1, classes]: its
    reciprocal, one a row, needs no normalisation unless classes and fraction bits are many. Error:
    `Softmax.bound`.

    Raises:
        InputError: the ring leaves too little precision.
    """
    *leading, classes = x.shape
    plan = softmax_plan(server.ring, server.choices.accuracy, classes)
    rows, protocol = x.reshape(-1, classes), partial(_softmax, plan=plan)
    counted = None if mask is None else counting(mask, x.shape).reshape(-1, classes)

    def cut(part: slice) -> tuple[Share, NDArray[np.int64] | None]:
        return rows[part], None if counted is None else counted[part]

    thirds = await in_thirds(server.safely(), protocol, rows.shape[0], cut)
    return concatenate(server, thirds).reshape(*leading, classes)


async def _softmax(server: Server, x: Share, counted: NDArray[np.int64] | None, plan: Softmax) -> Share:
    k, ring, wide = server.kernels, server.ring, working(server, plan.bits)
    count, classes = x.shape
    if counted is not None:
        least = ring.encode_integers((counted - 1) << (ring.value_bits - 1))
        x = add_public(server, multiply_public(server, x, ring.encode_integers(counted)), least)
    hasty = server.in_few_rounds() if classes > LONG else server
    top = await halves_to_share(server, await tournament(hasty, _columns(server, x)))
    below = subtract(server, x, top.reshape(count, 1)).flat()
    half = share_to_halves(server, below, min(plan.window.compared_bits(ring.value_bits + 1), ring.bits))
    powers = await exponential_of_halves(
        wide, half, plan.window, ring.value_bits + 1, plan.powers, plan.bits
    )
    e = (await halves_to_share(wide, powers)).reshape(count, classes)
    if counted is not None:
        e = multiply_public(wide, e, wide.ring.encode_integers(counted))
    total = Share(k.sum(e.a, 1), k.sum(e.b, 1))
    inverse = await (_inverse_by_place if plan.normalised else _inverse)(wide, total, plan)
    shift = plan.powers + plan.inverse - ring.fraction_bits
    found = narrow_share(server, await multiply_fixed(wide, e, inverse.reshape(count, 1), shift))
    return found if counted is None else multiply_public(server, found, ring.encode_integers(counted))


async def _inverse(server: Server, total: Share, plan: Softmax) -> Share:
    """Return 1/T at scale 2^inverse for T in [1, 2^d] at scale 2^powers: x = T / 2^d."""
    cut = plan.powers + plan.doublings - plan.near
    x = await truncate_share(server, total, cut)
    return await goldschmidt(
        server, x, plan.near, plan.start, plan.iterations, plan.kept, plan.inverse - plan.doublings
    )


async def _inverse_by_place(server: Server, total: Share, plan: Softmax) -> Share:
    """Return 1/T at scale 2^inverse for T in [1, 2^d] at scale 2^powers: x = T u / 2^(d + 1) in [1/2, 5/4].

    The power of two u comes from the leading bit of 4T, cut apart in its halves: it may be one too small,
    which takes x over 1.
    """
    k, d = server.kernels, plan.doublings
    width = plan.powers + d + 2
    half = k.low_bits(share_to_halves(server, total, width).half, width)
    quarters = Halves(k.shift_right(half, plan.powers - 2, width), d + 4)
    (power,) = await look_up_place(server, await leading_bit(server, quarters), [lambda zeros: 2.0**zeros])
    x = await multiply_fixed(server, power, total, plan.powers + d + 1 - plan.near)
    y = await goldschmidt(server, x, plan.near, plan.start, plan.iterations, plan.kept, plan.near)
    return await truncate_product(
        server, multiply_locally(server, y, power), plan.near + d + 1 - plan.inverse
    )


def _columns(server: Server, x: Share) -> Halves:
    """Return the halves of rows, one column a row of the result."""
    return share_to_halves(server, Share(x.a.T, x.b.T), server.ring.bits)
