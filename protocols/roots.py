"""Roots and logarithm: normalise, then a polynomial, and a table for the magnitude.

Truncation is `safe`, whatever the server's choice: the products fill the ring.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from protocols.arithmetic import multiply_fixed, multiply_locally
from protocols.division import Precision
from protocols.normalise import leading_bit, look_up_place
from protocols.polynomial import chebyshev, constant, quintic
from protocols.server import Server
from protocols.sharing import Share, add, add_public, elementwise, share_to_halves
from protocols.truncation import truncate_product

_LOG = chebyshev(np.log, 0.5, 1)
_SQRT = chebyshev(np.sqrt, 0.5, 1)
_INVERSE_SQRT = chebyshev(lambda x: 1 / np.sqrt(x), 0.5, 1)


async def logarithm(server: Server, x: Share) -> Share:
    """Return ln x for fixed-point values x > 0, any shape.

    x = c · 2^e with c ∈ [1/2, 1): ln x = ln c + e ln 2, the second from the table, the first by a
    polynomial of degree 5 (within 2^−16.5). Error: below 2^(2−f). The result for x ≤ 0 means nothing.
    """
    return await elementwise(server.safely(), _logarithm, x)


async def square_root(server: Server, x: Share) -> Share:
    """Return √x for fixed-point values x ≥ 0, any shape.

    √x = √c · √2^e. Error: below 2^(1−f) + √x · 2^−16. The result for x < 0 means nothing.
    """
    return await elementwise(server.safely(), partial(_root, curve=_SQRT, exponent=0.5), x)


async def inverse_square_root(server: Server, x: Share) -> Share:
    """Return 1 / √x for fixed-point values x > 0, any shape.

    Error: below 2^(1−f) + 2^−15 / √x. The result for x ≤ 0 means nothing.
    """
    return await elementwise(server.safely(), partial(_root, curve=_INVERSE_SQRT, exponent=-0.5), x)


async def _normalised(
    server: Server, x: Share, functions: list[Callable[[int], float]], bits: int
) -> tuple[Share, list[Share]]:
    """Return (m = 4c − 3 at scale 2^bits, the functions of the place), x = c · 2^e with c ∈ [1/2, 1)."""
    width = server.ring.value_bits
    leading = await leading_bit(server, share_to_halves(server, x, width))
    power, *found = await look_up_place(server, leading, [lambda zeros: 2.0**zeros, *functions])
    down = width - 1 - bits
    z = server.kernels.shift_left(multiply_locally(server, power, x), 2 + max(-down, 0))
    four = await truncate_product(server, z, max(down, 0))
    return add_public(server, four, constant(server, -3, bits)), found


async def _logarithm(server: Server, x: Share) -> Share:
    ring, bits = server.ring, Precision.of(server.ring).bits
    top = ring.value_bits - 1 - ring.fraction_bits
    extra = bits - ring.fraction_bits
    m, (magnitude,) = await _normalised(
        server, x, [lambda zeros: (top - zeros) * math.log(2) * 2.0**ring.fraction_bits], bits
    )
    return add(server, await quintic(server, m, _LOG, bits, extra), magnitude)


async def _root(server: Server, x: Share, curve: list[float], exponent: float) -> Share:
    """Return x^exponent as c^exponent, by its polynomial, times 2^(e · exponent), by table; 0 for x = 0."""
    ring, bits = server.ring, Precision.of(server.ring).bits
    top = ring.value_bits - 1 - ring.fraction_bits

    def magnitude(zeros: int) -> float:
        power = 2.0 ** ((top - zeros) * exponent + ring.fraction_bits)
        return power if zeros < ring.value_bits - 1 else 0.0

    m, (factor,) = await _normalised(server, x, [magnitude], bits)
    return await multiply_fixed(server, await quintic(server, m, curve, bits), factor, bits)
