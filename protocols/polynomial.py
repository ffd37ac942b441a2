"""Public polynomials of a shared number on [−1, 1]."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from protocols.arithmetic import multiply_fixed, multiply_locally
from protocols.ring import Words
from protocols.server import Server
from protocols.sharing import Share, add, add_public, multiply_public
from protocols.truncation import truncate_product

DEGREE = 5
Reals = NDArray[np.float64]


def chebyshev(function: Callable[[Reals], Reals], low: float, high: float) -> list[float]:
    """Return a_0 … a_5 of Σ a_i m^i ≈ function(low + (high − low)(m + 1)/2), m ∈ [−1, 1].

    The polynomial interpolates at the Chebyshev points.
    """
    fitted = np.polynomial.Chebyshev.interpolate(function, DEGREE, domain=[low, high])
    coefficients: list[float] = np.polynomial.chebyshev.cheb2poly(fitted.coef).tolist()
    return coefficients


def constant(server: Server, value: float, bits: int) -> Words:
    """Return round(value · 2^bits) as a ring element."""
    ring = server.ring
    return ring.encode_integers(np.asarray(round(value * 2.0**bits)))


async def quintic(
    server: Server, m: Share, coefficients: Sequence[float], bits: int, shift: int = 0
) -> Share:
    """Return Σ a_i m^i for i ≤ 5, elementwise: m at scale 2^bits, the result at scale 2^(bits − shift).

    (a_0 + a_1 m + a_2 m²) + m³ (a_3 + a_4 m + a_5 m²): three levels of products, four truncations.
    """
    square = await multiply_fixed(server, m, m, bits)

    def quadratic(a: Sequence[float]) -> Share:
        """a_0 + a_1 m + a_2 m² at scale 2^(2 bits), local."""
        total = add(
            server,
            multiply_public(server, m, constant(server, a[1], bits)),
            multiply_public(server, square, constant(server, a[2], bits)),
        )
        return add_public(server, total, constant(server, a[0], 2 * bits))

    upper = quadratic(coefficients[3:])
    cube, factor = await server.party.gather(
        multiply_fixed(server, square, m, bits),
        truncate_product(server, masked(server, upper), bits),
    )
    z = multiply_locally(server, cube, factor)
    return await truncate_product(
        server, server.kernels.add(z, quadratic(coefficients[:3]).a), bits + shift
    )


def masked(server: Server, x: Share) -> Words:
    """Return this server's component of shares plus a zero share: additive shares that may be sent."""
    total: Words = server.kernels.add(x.a, server.zero_share("masked", x.shape))
    return total
