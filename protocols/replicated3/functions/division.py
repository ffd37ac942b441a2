"""Division (POMIC §4.3): the divisor brought near one, then Goldschmidt's iterations."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from mpcsim import InputError
from protocols.domains import Ring
from protocols.functions import WIDEST, Division, accept
from protocols.replicated3.constructions import multiply_fixed, multiply_locally, truncate_product
from protocols.replicated3.functions.goldschmidt import goldschmidt
from protocols.replicated3.functions.normalise import leading_bit, look_up_place
from protocols.replicated3.functions.precision import working
from protocols.replicated3.sharings import (
    Server,
    Share,
    elementwise,
    narrow_share,
    share_to_halves,
    widen_share,
)


def numerator_bits(ring: Ring) -> int:
    """Return the bits of |a · u|: |a / b| < 2^(V − 1 − f) and |b · u| ≤ 2^(V − 1)."""
    return 2 * ring.value_bits - 2 - ring.fraction_bits


async def divide(server: Server, a: Share, b: Share) -> Share:
    """Return a / b for fixed-point values of any sign, b ≠ 0 and the quotient a value; any shape.

    |b| is brought to x ∈ [1/2, 1] by a power of two u, taken with b's sign; a · u is the numerator
    (Catrina, Saxena 2010, §5). The result for b = 0 means nothing. Truncation is `safe`, whatever the
    server's choice. Error: `Division.bound`.

    Raises:
        InputError: |a · u|, below 2^(2 value_bits − 2 − f), would not fit in 2^62; or the ring leaves too
            little precision.
    """
    ring = server.ring
    plan = division_plan(ring, server.choices.accuracy)
    return await elementwise(server.safely(), partial(_divide, plan=plan), a, b)


def division_plan(ring: Ring, accuracy: str) -> Division:
    """Return how a ring divides.

    Raises:
        InputError: it cannot, or not accurately enough; the rule is named.
    """
    if numerator_bits(ring) + 2 > WIDEST:
        raise InputError(
            f"ring: division needs 2 · value_bits − fraction_bits ≤ {WIDEST}, found "
            f"2 · {ring.value_bits} − {ring.fraction_bits} = {numerator_bits(ring) + 2}: accepted are "
            "fewer value_bits"
        )
    plan = Division.of(ring, numerator_bits(ring))
    accept("division", ring, plan, accuracy)
    return plan


def reciprocal_plan(ring: Ring, accuracy: str) -> Division:
    """Return how a ring inverts.

    Raises:
        InputError: not accurately enough; the rule is named.
    """
    plan = Division.of(ring)
    accept("reciprocal", ring, plan, accuracy)
    return plan


async def reciprocal(server: Server, b: Share) -> Share:
    """Return 1 / b for fixed-point values b of any sign, |b| > 1 / bound; any shape.

    The numerator u, a power of two, comes from the table that brings |b| to x. Error: `Division.bound`.

    Raises:
        InputError: the ring leaves too little precision.
    """
    plan = reciprocal_plan(server.ring, server.choices.accuracy)
    return await elementwise(server.safely(), partial(_invert, plan=plan), b)


async def _divide(server: Server, a: Share, b: Share, plan: Division) -> Share:
    ring, wide = server.ring, working(server, plan.bits)
    power, wide_b, wide_a = await server.party.gather(
        _powers(wide, b, []), widen_share(server, b, wide), widen_share(server, a, wide)
    )
    down = ring.value_bits - 1 - ring.fraction_bits - plan.guard
    x, numerator = await server.party.gather(
        _rescaled(wide, power[0], wide_b, ring.value_bits - 1 - plan.near),
        _rescaled(wide, power[0], wide_a, down),
    )
    return narrow_share(server, await _quotient(wide, numerator, x, plan))


async def _invert(server: Server, b: Share, plan: Division) -> Share:
    ring, wide = server.ring, working(server, plan.bits)

    def scaled(zeros: int) -> float:
        """Return u at scale 2^(f + guard): 1/b = u / x; quotients that are no values are left out."""
        exponent = 2 * ring.fraction_bits + zeros - (ring.value_bits - 1)
        return 2.0 ** (exponent + plan.guard) if exponent < ring.value_bits else 0.0

    (power, numerator), wide_b = await server.party.gather(
        _powers(wide, b, [scaled]), widen_share(server, b, wide)
    )
    x = await _rescaled(wide, power, wide_b, ring.value_bits - 1 - plan.near)
    return narrow_share(server, await _quotient(wide, numerator, x, plan))


async def _powers(server: Server, b: Share, functions: list[Callable[[int], float]]) -> list[Share]:
    """Return u with |b| · u ∈ [2^(V−2), 2^(V−1)], and functions of u's exponent, with b's sign."""
    leading = await leading_bit(server, share_to_halves(server, b, server.ring.value_bits))
    return await look_up_place(server, leading, [_power, *functions], signed=True)


def _power(zeros: int) -> float:
    return 2.0**zeros


async def _quotient(server: Server, numerator: Share, x: Share, plan: Division) -> Share:
    """Return numerator / x at scale 2^f."""
    fraction = server.ring.fraction_bits
    if plan.factor is None:
        kept = fraction + plan.guard
        return await goldschmidt(
            server, x, plan.near, plan.start, plan.iterations, kept, fraction, numerator
        )
    y = await goldschmidt(server, x, plan.near, plan.start, plan.iterations, plan.near, plan.factor)
    return await multiply_fixed(server, numerator, y, plan.factor + plan.guard)


async def _rescaled(server: Server, power: Share, y: Share, down: int) -> Share:
    """Return power · y / 2^down, where `down` may be negative."""
    z = multiply_locally(server, power, y)
    if down < 0:
        z = server.kernels.shift_left(z, -down)
    return await truncate_product(server, z, max(down, 0))
