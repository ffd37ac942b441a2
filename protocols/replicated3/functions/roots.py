"""Roots and logarithm: normalise, then a polynomial, and a table for the magnitude.

Truncation is `safe`, whatever the server's choice: the products fill the ring. Errors: `Polynomial.bound`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from protocols.domains import Ring
from protocols.functions import (
    INVERSE_SQUARE_ROOT,
    LOGARITHM,
    SQUARE_ROOT,
    Curve,
    Polynomial,
    accept,
    coefficients,
)
from protocols.replicated3.constructions import multiply_fixed, multiply_locally, truncate_product
from protocols.replicated3.functions.normalise import leading_bit, look_up_place
from protocols.replicated3.functions.polynomial import constant, polynomial
from protocols.replicated3.functions.precision import working
from protocols.replicated3.sharings import (
    Server,
    Share,
    add,
    add_public,
    elementwise,
    narrow_share,
    share_to_halves,
    widen_share,
)


async def logarithm(server: Server, x: Share) -> Share:
    """Return ln x for fixed-point values x > 0, any shape.

    x = c · 2^e with c ∈ [1/2, 1): ln x = ln c + e ln 2, the second from the table, the first by a
    polynomial. The result for x ≤ 0 means nothing.

    Raises:
        InputError: the ring leaves too little precision.
    """
    return await _evaluated(server, x, LOGARITHM)


async def square_root(server: Server, x: Share) -> Share:
    """Return √x for fixed-point values x ≥ 0, any shape: √x = √c · √2^e. For x < 0 it means nothing.

    Raises:
        InputError: the ring leaves too little precision.
    """
    return await _evaluated(server, x, SQUARE_ROOT)


async def inverse_square_root(server: Server, x: Share) -> Share:
    """Return 1 / √x for fixed-point values x > 0 whose root is a value, any shape.

    The result for x ≤ 0 means nothing.

    Raises:
        InputError: the ring leaves too little precision.
    """
    return await _evaluated(server, x, INVERSE_SQUARE_ROOT)


def curve_plan(ring: Ring, accuracy: str, curve: Curve) -> Polynomial:
    """Return how a ring computes a logarithm or root.

    Raises:
        InputError: not accurately enough; the rule is named.
    """
    plan = Polynomial.of(ring, curve)
    accept(curve.name, ring, plan, accuracy)
    return plan


async def _evaluated(server: Server, x: Share, curve: Curve) -> Share:
    plan = curve_plan(server.ring, server.choices.accuracy, curve)
    protocol = _logarithm if curve.exponent is None else _root
    return await elementwise(server.safely(), partial(protocol, curve=curve, plan=plan), x)


async def _normalised(
    server: Server, wide: Server, x: Share, function: Callable[[int], float], bits: int
) -> tuple[Share, Share]:
    """Return (m = 4c − 3 at scale 2^bits, the function of the place), x = c · 2^e with c ∈ [1/2, 1)."""

    async def places() -> list[Share]:
        leading = await leading_bit(wide, share_to_halves(server, x, server.ring.value_bits))
        return await look_up_place(wide, leading, [lambda zeros: 2.0**zeros, function])

    (power, found), wider = await server.party.gather(places(), widen_share(server, x, wide))
    down = server.ring.value_bits - 1 - bits - 2  # c has V − 1 fraction bits, 4c two less
    z = wide.kernels.shift_left(multiply_locally(wide, power, wider), max(-down, 0))
    four = await truncate_product(wide, z, max(down, 0))
    return add_public(wide, four, constant(wide, -3, bits)), found


async def _logarithm(server: Server, x: Share, curve: Curve, plan: Polynomial) -> Share:
    ring, wide, bits = server.ring, working(server, plan.bits), plan.near
    top = ring.value_bits - 1 - ring.fraction_bits

    def magnitude(zeros: int) -> float:
        return (top - zeros) * math.log(2) * 2.0**ring.fraction_bits

    m, found = await _normalised(server, wide, x, magnitude, bits)
    rest = await polynomial(wide, m, coefficients(curve, plan.degree), bits, bits - ring.fraction_bits)
    return narrow_share(server, add(wide, rest, found))


async def _root(server: Server, x: Share, curve: Curve, plan: Polynomial) -> Share:
    """Return x^exponent as c^exponent, by its polynomial, times 2^(e · exponent), by table; 0 for x = 0."""
    ring, wide, bits = server.ring, working(server, plan.bits), plan.near
    top = ring.value_bits - 1 - ring.fraction_bits

    def magnitude(zeros: int) -> float:
        power = 2.0 ** ((top - zeros) * (curve.exponent or 0) + ring.fraction_bits)
        return power if zeros < ring.value_bits - 1 and power <= 2.0 ** (ring.value_bits - 1) else 0.0

    m, factor = await _normalised(server, wide, x, magnitude, bits)
    root = await polynomial(wide, m, coefficients(curve, plan.degree), bits)
    return narrow_share(server, await multiply_fixed(wide, root, factor, bits))
