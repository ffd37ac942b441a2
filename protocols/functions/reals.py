"""Functions of real numbers: division, roots, logarithm, exponential, sigmoid, softmax.

A function works in a ring that holds its products (`Family.widened`), as its plan says (`precision`): it is
off by a few units 2^−f, relative to max(1, |result|).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from mpcsim import InputError
from protocols.domains import Ring
from protocols.family import Family, Shape, Value, composite
from protocols.functions.comparison import LONG, maximum
from protocols.functions.curves import chebyshev, coefficients
from protocols.functions.goldschmidt import goldschmidt
from protocols.functions.lines import best_line, iterations
from protocols.functions.normalise import powers, sign_and_size, steps, weighted
from protocols.functions.polynomial import polynomial
from protocols.functions.precision import (
    INVERSE_SQUARE_ROOT,
    LOGARITHM,
    SPARE,
    SQUARE_ROOT,
    Curve,
    Division,
    Polynomial,
)
from protocols.functions.products import multiply_fixed

_DEGREE = 8
"""Of the polynomial of e^r, r ∈ [0, ln 2]: its error is below 2^−38."""


@composite
async def divide(me: Family, a: Value, b: Value) -> Value:
    """Return a / b for values of any sign, b ≠ 0 and the quotient a value; any shape.

    |b| is brought to x ∈ [1/2, 1] by a power of two u, taken with b's sign; a · u is the numerator.
    Source: Catrina, Saxena 2010, §5; Goldschmidt 1964.
    """
    ring = me.ring
    plan = Division.of(ring, 2 * ring.value_bits - 2 - ring.fraction_bits)
    sign, size = await sign_and_size(me, b)
    found, zeros = await powers(me, size, ring.value_bits)
    unsigned = weighted(me, found, [1 << n if n < ring.value_bits - 1 else 0 for n in zeros])
    power = await _signed(me, unsigned, sign)
    wide = me.widened(plan.bits)
    u, v, size, a = await me.party.gather(*(me.widen(one, wide) for one in (power, unsigned, size, a)))
    x, numerator = await me.party.gather(
        _rescaled(wide, v, size, ring.value_bits - 1 - plan.near),
        _rescaled(wide, u, a, ring.value_bits - 1 - ring.fraction_bits - plan.guard),
    )
    return me.narrow(await _quotient(wide, numerator, x, plan), wide)


@composite
async def reciprocal(me: Family, b: Value) -> Value:
    """Return 1 / b for values of any sign, |b| > 1 / bound; any shape."""
    ring = me.ring
    plan = Division.of(ring)
    sign, size = await sign_and_size(me, b)
    found, zeros = await powers(me, size, ring.value_bits)
    unsigned = weighted(me, found, [1 << n if n < ring.value_bits - 1 else 0 for n in zeros])

    def scaled(n: int) -> int:
        exponent = 2 * ring.fraction_bits + n - (ring.value_bits - 1)
        return round(2.0 ** (exponent + plan.guard)) if exponent < ring.value_bits else 0

    wide = me.widened(plan.bits)
    parts, v, size, sign = await me.party.gather(
        *(me.widen(one, wide) for one in (found, unsigned, size, sign))
    )
    numerator, x = await me.party.gather(
        _signed(wide, weighted(wide, parts, [scaled(n) for n in zeros]), sign),
        _rescaled(wide, v, size, ring.value_bits - 1 - plan.near),
    )
    return me.narrow(await _quotient(wide, numerator, x, plan), wide)


async def _signed(me: Family, x: Value, sign: Value) -> Value:
    """Return x (1 − 2 sign)."""
    part = await multiply_fixed(me, x, sign, 0)
    return me.subtract(x, me.add(part, part))


async def _rescaled(me: Family, power: Value, y: Value, down: int) -> Value:
    """Return power · y / 2^down, where `down` may be negative."""
    raised = me.scale(power, me.constant(1, -down)) if down < 0 else power
    return await multiply_fixed(me, raised, y, max(down, 0))


async def _quotient(me: Family, numerator: Value, x: Value, plan: Division) -> Value:
    """Return numerator / x at scale 2^f."""
    fraction = me.ring.fraction_bits
    if plan.factor is None:
        kept = fraction + plan.guard
        return await goldschmidt(me, x, plan.near, plan.start, plan.iterations, kept, fraction, numerator)
    y = await goldschmidt(me, x, plan.near, plan.start, plan.iterations, plan.near, plan.factor)
    return await multiply_fixed(me, numerator, y, plan.factor + plan.guard)


# Curves


@composite
async def logarithm(me: Family, x: Value) -> Value:
    """Return ln x for values x > 0, any shape: x = c · 2^e, ln x = ln c + e ln 2."""
    ring, plan = me.ring, Polynomial.of(me.ring, LOGARITHM)
    top = ring.value_bits - 1 - ring.fraction_bits

    def magnitude(zeros: int) -> float:
        return (top - zeros) * math.log(2) * 2.0**ring.fraction_bits

    wide, m, found = await _normalised(me, x, plan, magnitude)
    down = plan.near - ring.fraction_bits
    rest = await polynomial(wide, m, coefficients(LOGARITHM, plan.degree), plan.near, down)
    return me.narrow(wide.add(rest, found), wide)


@composite
async def square_root(me: Family, x: Value) -> Value:
    """Return √x for values x ≥ 0, any shape."""
    return await _root(me, x, SQUARE_ROOT)


@composite
async def inverse_square_root(me: Family, x: Value) -> Value:
    """Return 1 / √x for values x > 0 whose root is a value, any shape."""
    return await _root(me, x, INVERSE_SQUARE_ROOT)


async def _root(me: Family, x: Value, curve: Curve) -> Value:
    """Return x^exponent as c^exponent, by its polynomial, times 2^(e · exponent); 0 for x = 0."""
    ring, plan = me.ring, Polynomial.of(me.ring, curve)
    top = ring.value_bits - 1 - ring.fraction_bits

    def magnitude(zeros: int) -> float:
        power = 2.0 ** ((top - zeros) * (curve.exponent or 0) + ring.fraction_bits)
        return power if zeros < ring.value_bits - 1 and power <= 2.0 ** (ring.value_bits - 1) else 0.0

    wide, m, factor = await _normalised(me, x, plan, magnitude)
    root = await polynomial(wide, m, coefficients(curve, plan.degree), plan.near)
    return me.narrow(await multiply_fixed(wide, root, factor, plan.near), wide)


async def _normalised(
    me: Family, x: Value, plan: Polynomial, function: Callable[[int], float]
) -> tuple[Family, Value, Value]:
    """Return a wide view, m = 4c − 3 with x = c · 2^e, c ∈ [1/2, 1), and a function of the zeros above."""
    ring = me.ring
    found, zeros = await powers(me, x, ring.value_bits)
    wide = me.widened(plan.bits)
    found, x = await me.party.gather(me.widen(found, wide), me.widen(x, wide))
    power = weighted(wide, found, [1 << min(n, ring.value_bits - 1) for n in zeros])
    value = weighted(wide, found, [round(function(n)) for n in zeros])
    four = await _rescaled(wide, power, x, ring.value_bits - 1 - plan.near - 2)
    return wide, wide.add_public(four, wide.constant(-3, plan.near)), value


# Exponentials


@cache
def _exponential() -> list[float]:
    """Return the polynomial of e^r, r ∈ [0, ln 2], in m = 2r / ln 2 − 1."""
    return chebyshev(np.exp, 0.0, math.log(2), _DEGREE)


def powers_of_e(ring: Ring, bits: int, least: int, most: int, kept: int) -> tuple[list[int], int, int]:
    """Return the limits n ln 2 of e^x, n from `least` to `most`, bits compared, and bits needed in all."""
    near = min(kept, 28)
    limits = [math.ceil(n * math.log(2) * 2.0**ring.fraction_bits) for n in range(least, most)]
    compared = max(bits, max(abs(limits[0]), abs(limits[-1])).bit_length() + 1) + 1
    spare = max(near - ring.fraction_bits, 0)
    return limits, compared, max(most + kept + near + 4, 2 * near + 5, bits + spare + 2, compared + 1)


def range_of(function: str, ring: Ring, classes: int = 2) -> tuple[int, int, int, int]:
    """Return (bits, least, most, kept) of the powers of e in a function: see `_power_of_e`."""
    fraction, value = ring.fraction_bits, ring.value_bits
    fine = min(fraction + SPARE, 28)
    if function == "exponential":
        return value, -fraction - 2, value - 1 - fraction, fraction + 2
    if function == "sigmoid":
        return value, -fine, 1, fine - 1
    return value + 1, -fine - doublings_of(classes), 1, fine


def doublings_of(classes: int) -> int:
    """Return d, with classes ≤ 2^d: a sum of powers up to 1 is in [1, 2^d]."""
    return max(1, (classes - 1).bit_length())


async def _power_of_e(
    me: Family, x: Value, bits: int, least: int, most: int, kept: int
) -> tuple[Family, Value]:
    """Return (a wide view, e^x at scale 2^kept), for signed x of `bits` bits, x < most · ln 2.

    x = n ln 2 + r: comparisons with all n ln 2 at once, from `least` on, give n, hence 2^n and r, without a
    product; e^r is a polynomial. Below least · ln 2 the result is 0.
    """
    f = me.ring.fraction_bits
    near = min(kept, 28)
    spare = max(near - f, 0)
    limits, compared, needed = powers_of_e(me.ring, bits, least, most, kept)
    wide = me.widened(needed)
    y = await me.widen(x, wide)
    found = await steps(wide, y, limits, compared)
    unit, steps_of_n = math.log(2) * 2.0 ** (f + spare), range(least, most)
    power = weighted(wide, found, [0, *(round(2.0 ** (n + kept)) for n in steps_of_n)])
    place = weighted(wide, found, [0, *(round(n * unit) for n in steps_of_n)])
    rest = wide.subtract(wide.scale(y, wide.constant(1, spare)), place)  # r, where x is in range
    inside = wide.cut(found, 0)
    bounded = await multiply_fixed(wide, rest, inside, 0)  # below the range it may be of any size
    z = wide.scale(bounded, wide.constant(2 / math.log(2), near - 2))
    m = await wide.close(wide.as_sum(z), f + spare - 2)  # 2r / ln 2
    m = wide.add_public(m, wide.constant(-1, near))
    e = await polynomial(wide, m, _exponential(), near)
    return wide, await multiply_fixed(wide, e, power, near)


@composite
async def exponential(me: Family, x: Value) -> Value:
    """Return e^x for values x < ln(bound); any shape. What is below half a unit is 0."""
    wide, e = await _power_of_e(me, x, *range_of("exponential", me.ring))
    return me.narrow(await wide.close(wide.as_sum(e), 2), wide)


@composite
async def sigmoid(me: Family, x: Value) -> Value:
    """Return 1 / (1 + e^−x) for values of any size; any shape: of −|x|, then 1 − y where x > 0."""
    ring = me.ring
    fraction = ring.fraction_bits
    bits = min(fraction + SPARE, 28)
    sign, size = await sign_and_size(me, x)
    wide, e = await _power_of_e(me, me.negate(size), *range_of("sigmoid", ring))
    denominator = wide.add_public(e, wide.constant(1, bits - 1))  # (1 + e^−|x|) / 2 at 2^bits
    start = best_line(0.5)
    shifts = iterations(start.error, fraction + 1)
    y = me.narrow(await goldschmidt(wide, denominator, bits, start, shifts, bits, fraction - 1), wide)
    turned = me.add_public(me.negate(me.add(y, y)), me.constant(1, fraction))  # (1 − y) − y
    return me.add(y, await multiply_fixed(me, turned, sign, 0))


@composite
async def softmax(me: Family, x: Value, mask: NDArray[np.bool_] | None = None) -> Value:
    """Return e^x_i / Σ_j e^x_j along the last axis; any shape.

    Where the public mask, which broadcasts to x, is False a value does not count, and its share is 0; each
    row has one that counts (`counting`).

    The largest is subtracted first; the sum T ∈ [1, classes] is brought to [1/2, 1) by comparisons with the
    powers of two, one reciprocal a row.
    """
    ring, classes = me.ring, x.shape[-1]
    rows = me.reshape(x, (-1, classes))
    counted = None if mask is None else counting(mask, x.shape).reshape(-1, classes)
    if counted is not None:
        least = ring.encode_integers((counted - 1) << (ring.value_bits - 1))
        rows = me.add_public(me.scale(rows, ring.encode_integers(counted)), least)
    top = await maximum(me, rows)
    below = me.subtract(rows, me.local(lambda part: me.kernels.stack([part] * classes, 1), top))
    doublings = doublings_of(classes)
    kept = min(ring.fraction_bits + SPARE, 28)
    wide, e = await _power_of_e(me, below, *range_of("softmax", ring, classes))
    if counted is not None:
        e = wide.scale(e, wide.ring.encode_integers(counted))
    total = wide.total(e, 1)
    limits = [1 << (kept + j) for j in range(1, doublings + 1)]
    found = await steps(wide, total, limits, kept + doublings + 3)
    power = weighted(wide, found, [1 << (doublings - j) for j in range(doublings + 1)])
    u = await multiply_fixed(wide, power, total, doublings + 1)  # T in [1/2, 1) at 2^kept
    start = best_line(0.5)
    shifts = iterations(start.error, ring.fraction_bits + 1)
    inverse = await goldschmidt(wide, u, kept, start, shifts, kept, kept)
    scaled = await multiply_fixed(wide, inverse, power, doublings + 1)  # 1 / T
    many = wide.local(lambda part: wide.kernels.stack([part] * classes, 1), scaled)
    found = me.narrow(await multiply_fixed(wide, e, many, 2 * kept - ring.fraction_bits), wide)
    if counted is not None:
        found = me.scale(found, ring.encode_integers(counted))
    return me.reshape(found, x.shape)


def counting(mask: NDArray[np.bool_], shape: Shape) -> NDArray[np.int64]:
    """Return a mask as 0 and 1, of a shape.

    Raises:
        InputError: it does not broadcast to the shape, or a row has nothing that counts.
    """
    try:
        found = np.broadcast_to(np.asarray(mask, dtype=np.bool_), shape)
    except ValueError:
        raise InputError(f"softmax: a mask of {np.shape(mask)} does not broadcast to {shape}") from None
    if not found.any(axis=-1).all():
        row = tuple(int(place) for place in np.argwhere(~found.any(axis=-1))[0])
        raise InputError(f"softmax: nothing counts in row {row} of the mask; accepted is a value or more")
    return found.astype(np.int64)


@composite
async def log_softmax(me: Family, x: Value) -> Value:
    """Return x_i − max − ln Σ_j e^(x_j − max) along the last axis, for rows whose differences are values.

    Error: that of a logarithm, and of exponentials, added up over a row.
    """
    classes = x.shape[-1]
    rows = me.reshape(x, (-1, classes))
    top = await maximum(me, rows, few_rounds=classes > LONG)
    below = me.local(lambda part, most: me.kernels.sub(part, most.reshape(-1, 1)), rows, top)
    logarithms = await logarithm(me, me.total(await exponential(me, below), 1))
    found = me.local(lambda part, one: me.kernels.sub(part, one.reshape(-1, 1)), below, logarithms)
    return me.reshape(found, x.shape)


@composite
async def power(me: Family, x: Value, exponent: int) -> Value:
    """Return x^exponent, a whole number of at least 1: each power the product of its halves.

    Raises:
        InputError: another exponent.
    """
    if exponent < 1:
        raise InputError(f"power: exponent = {exponent}: accepted are whole numbers from 1")
    needed = {exponent}
    for one in range(exponent, 1, -1):
        needed |= {(one + 1) // 2, one // 2} if one in needed else set()
    found = {1: x}
    for level in range(1, (exponent - 1).bit_length() + 1):
        powers = sorted(one for one in needed if (one - 1).bit_length() == level)
        products = await me.party.gather(
            *(multiply_fixed(me, found[(one + 1) // 2], found[one // 2]) for one in powers)
        )
        found |= dict(zip(powers, products, strict=True))
    return found[exponent]
