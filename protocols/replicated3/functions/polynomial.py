"""Public polynomials of a shared number on [−1, 1]."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any

import numpy as np

from protocols.domains import Words
from protocols.replicated3.constructions import (
    multiply_fixed,
    multiply_locally,
    truncate_product,
    truncate_share,
)
from protocols.replicated3.sharings import Server, Share, add, add_public, multiply_public


def constant(server: Server, value: float, bits: int) -> Words:
    """Return round(value · 2^bits) as a ring element."""
    ring = server.ring
    return ring.encode_integers(np.asarray(round(value * 2.0**bits)))


async def polynomial(
    server: Server, m: Share, coefficients: Sequence[float], bits: int, shift: int = 0
) -> Share:
    """Return Σ a_i m^i, elementwise: m at scale 2^bits, the result at scale 2^(bits − shift).

    Of three coefficients each, Q_j = a_3j + a_{3j+1} m + a_{3j+2} m²: Q_0 + m³ (Q_1 + m³ Q_2), and with a
    fourth (Q_0 + m³ Q_1) + m⁶ (Q_2 + m³ Q_3). Levels of truncated products, and truncations: 2, 2 for
    degree 2; 3, 4 for 5; 4, 5 for 8; 4, 7 for 11. Source: Paterson, Stockmeyer 1973; Estrin 1960.
    """
    k, gather = server.kernels, server.party.gather
    square = await multiply_fixed(server, m, m, bits)

    def quadratic(block: int) -> Share:
        """Q_block at scale 2^(2 bits), local."""
        a = coefficients[3 * block : 3 * block + 3]
        total = add(
            server,
            multiply_public(server, m, constant(server, a[1], bits)),
            multiply_public(server, square, constant(server, a[2], bits)),
        )
        return add_public(server, total, constant(server, a[0], 2 * bits))

    def truncated(block: int) -> Coroutine[Any, Any, Share]:
        return truncate_share(server, quadratic(block), bits, at_once=False)  # a product is beside it

    def combined(block: int, *products: tuple[Share, Share]) -> Words:
        """z_i of Q_block and of products."""
        total: Words = quadratic(block).a
        for x, y in products:
            total = k.add(total, multiply_locally(server, x, y))
        return total

    blocks = len(coefficients) // 3
    if blocks == 1:
        return await truncate_share(server, quadratic(0), bits + shift)
    cubed = multiply_fixed(server, square, m, bits)
    if blocks < 4:
        cube, upper = await gather(cubed, truncated(blocks - 1))
        if blocks == 3:
            upper = await truncate_product(server, combined(1, (cube, upper)), bits)
        return await truncate_product(server, combined(0, (cube, upper)), bits + shift)
    cube, middle, upper = await gather(cubed, truncated(1), truncated(3))
    sixth, upper = await gather(
        multiply_fixed(server, cube, cube, bits),
        truncate_product(server, combined(2, (cube, upper)), bits),
    )
    return await truncate_product(server, combined(0, (cube, middle), (sixth, upper)), bits + shift)
