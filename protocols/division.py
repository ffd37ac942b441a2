"""Division by convergence (POMIC §4.3): Goldschmidt's iterations from an approximation of 1/b.

With w_0 ≈ 1/b and relative error ε_0 = 1 − b w_0, the quotient is a w_0 (1 + ε_0)(1 + ε_0²)(1 + ε_0⁴) …:
each iteration multiplies numerator and error in parallel, and squares the error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mpcsim import InputError
from protocols.arithmetic import multiply_fixed, multiply_locally
from protocols.normalise import leading_bit, look_up_place
from protocols.polynomial import constant
from protocols.ring import Ring
from protocols.server import Server
from protocols.sharing import (
    Share,
    add_public,
    elementwise,
    multiply_public,
    negate,
    public,
    share_to_halves,
    subtract,
)
from protocols.truncation import truncate_product

GUARD = 3  # bits kept below the unit of the result
LEAST = 6  # bits of precision that numbers near one must have


@dataclass(frozen=True)
class Precision:
    """Working precision of a ring: what is left of it after values and guard bits.

    Attributes:
        bits: fraction bits of numbers near one.
        guard: fraction bits of the numerator below those of a value.
    """

    bits: int
    guard: int

    @classmethod
    def of(cls, ring: Ring) -> Precision:
        """Return a ring's: a numerator with its guard bits, times a factor below 4, fits in 2^(l−2).

        Raises:
            InputError: values leave too few bits; the rule is named.
        """
        room = ring.bits - 3 - ring.value_bits
        if room < LEAST:
            raise InputError(
                f"ring: value_bits = {ring.value_bits} leaves {max(room, 0)} bits for numbers near one; "
                "division, roots and logarithm need value_bits ≤ bits − "
                f"{3 + LEAST} = {ring.bits - 3 - LEAST}"
            )
        guard = min(GUARD, max(room - 8, 0))
        return cls(min(24, room - guard), guard)


def reciprocal_bits(ring: Ring, doublings: int) -> int:
    """Return the working precision of 1 / x alone, x in [2^−doublings, 1]: what products leave room for."""
    return min(27, (ring.bits - 8 - doublings) // 2)


def iterations(error: float, bits: int) -> int:
    """Return how often an error must be squared to be below 2^−bits."""
    return max(1, math.ceil(math.log2(bits / -math.log2(error))))


@dataclass(frozen=True)
class Start:
    """The line w_0 = offset − slope · x near 1/x, and the greatest |1 − x w_0| over x's range.

    `slope_bits` fraction bits of the slope become further fraction bits of w_0.
    """

    offset: float
    slope: float
    error: float
    slope_bits: int = 0


CATRINA_SAXENA = Start(2.9142, 2.0, 0.0858)  # for x in [1/2, 1]


def best_line(low: float) -> Start:
    """Return the line whose relative error on [low, 1] is least.

    1 − x w_0 = 1 − αx + βx² takes its extremes with equal sizes at low, 1 and α/2β where
    α = β(1 + low), β = 8 / (4 low + (1 + low)²); the slope is rounded to four bits below its unit.
    """
    slope_bits = 4
    slope = round(8 / (4 * low + (1 + low) ** 2) * 2**slope_bits) / 2**slope_bits
    offset = slope * (1 + low)
    ends, middle = abs(1 - slope * low), abs(1 - slope * (1 + low) ** 2 / 4)
    return Start(offset, slope, max(ends, middle, 2.0**-20), slope_bits)


async def goldschmidt(
    server: Server, numerator: Share | None, x: Share, bits: int, start: Start, shift: int
) -> Share:
    """Return numerator / x, x at scale 2^bits in (0, 1], elementwise.

    Args:
        numerator: at any scale; None for the number 1, at scale 2^bits.
        start: the approximation of 1/x.
        shift: the result's scale is the numerator's, less this many bits.

    Rounds and bits: 1 + `iterations` products one after the other, two side by side but for the last.
    """
    finer = bits + start.slope_bits
    slope = server.ring.encode_integers(round(start.slope * 2**start.slope_bits))
    line = public(server, constant(server, start.offset, finer))
    w = subtract(server, line, multiply_public(server, x, slope))
    one = constant(server, 1, bits)
    if numerator is None:
        result, product = w, await multiply_fixed(server, x, w, finer)
        shift += start.slope_bits
    else:
        result, product = await server.party.gather(
            multiply_fixed(server, numerator, w, finer), multiply_fixed(server, x, w, finer)
        )
    error = add_public(server, negate(server, product), one)
    for _ in range(iterations(start.error, bits) - 1):
        result, error = await server.party.gather(
            multiply_fixed(server, result, add_public(server, error, one), bits),
            multiply_fixed(server, error, error, bits),
        )
    return await multiply_fixed(server, result, add_public(server, error, one), bits + shift)


async def divide(server: Server, a: Share, b: Share) -> Share:
    """Return a / b for fixed-point values of any sign, b ≠ 0 and the quotient a value; any shape.

    |b| is brought to x ∈ [1/2, 1] by a power of two u, taken with b's sign; a · u is the numerator. w_0 =
    2.9142 − 2x, with |ε_0| < 0.0858 (Catrina, Saxena 2010, §5). The result for b = 0 means nothing.

    Truncation is `safe`, whatever the server's choice. Error: below 2^(1−f) + |a / b| · 2^(4−g), g =
    `Precision.bits`.

    Raises:
        InputError: |a · u|, below 2^(2 value_bits − 2 − f), would not fit in 2^(l−2).
    """
    ring = server.ring
    if 2 * ring.value_bits - ring.fraction_bits > ring.bits:
        raise InputError(
            f"ring: division needs 2 · value_bits − fraction_bits ≤ bits, found 2 · {ring.value_bits} − "
            f"{ring.fraction_bits} = {2 * ring.value_bits - ring.fraction_bits} > {ring.bits}"
        )
    return await elementwise(server.safely(), _divide, a, b)


async def reciprocal(server: Server, b: Share) -> Share:
    """Return 1 / b for fixed-point values b of any sign, |b| > 1 / bound; any shape."""
    one = public(server, server.kernels.full(b.shape, 1 << server.ring.fraction_bits, server.ring.dtype))
    return await divide(server, one, b)


async def _divide(server: Server, a: Share, b: Share) -> Share:
    ring, precision = server.ring, Precision.of(server.ring)
    width = ring.value_bits
    leading = await leading_bit(server, share_to_halves(server, b, width))
    (power,) = await look_up_place(server, leading, [_power], signed=True)
    # |b| · power ∈ [2^(width−2), 2^(width−1)], that is x at scale 2^(width−1)
    down = width - 1 - ring.fraction_bits - precision.guard
    x, numerator = await server.party.gather(
        _rescaled(server, power, b, width - 1 - precision.bits),
        _rescaled(server, power, a, down),
    )
    return await goldschmidt(server, numerator, x, precision.bits, CATRINA_SAXENA, precision.guard)


def _power(zeros: int) -> float:
    return 2.0**zeros


async def _rescaled(server: Server, power: Share, y: Share, down: int) -> Share:
    """Return power · y / 2^down, where `down` may be negative."""
    z = multiply_locally(server, power, y)
    if down < 0:
        z = server.kernels.shift_left(z, -down)
    return await truncate_product(server, z, max(down, 0))


async def reciprocal_between(server: Server, x: Share, bits: int, low: float, shift: int) -> Share:
    """Return 1 / x at scale 2^(bits − shift), for x at scale 2^bits known to lie in [low, 1]; a vector.

    The cheap form: the range is known, so nothing is normalised.
    """
    return await goldschmidt(server, None, x, bits, best_line(low), shift)
