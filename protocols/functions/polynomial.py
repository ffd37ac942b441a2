"""Public polynomials of a number on [−1, 1]."""

from __future__ import annotations

from collections.abc import Sequence

from protocols.family import Family, Value
from protocols.functions.products import multiply_fixed


async def polynomial(
    me: Family, m: Value, coefficients: Sequence[float], bits: int, shift: int = 0
) -> Value:
    """Return Σ a_i m^i, elementwise: m at scale 2^bits, the result at scale 2^(bits − shift).

    Of three coefficients each, Q_j = a_3j + a_{3j+1} m + a_{3j+2} m²; then Horner's rule in m³, each step
    one product and one rescaling. Source: Paterson, Stockmeyer 1973.
    """
    square = await multiply_fixed(me, m, m, bits)

    def quadratic(block: int) -> Value:
        """Q_block at scale 2^(2 bits), local."""
        a = coefficients[3 * block : 3 * block + 3]
        total = me.add(me.scale(m, me.constant(a[1], bits)), me.scale(square, me.constant(a[2], bits)))
        return me.add_public(total, me.constant(a[0], 2 * bits))

    blocks = len(coefficients) // 3
    if blocks == 1:
        return await me.close(me.as_sum(quadratic(0)), bits + shift)
    cube, upper = await me.party.gather(
        multiply_fixed(me, square, m, bits), me.close(me.as_sum(quadratic(blocks - 1)), bits)
    )
    for block in range(blocks - 2, -1, -1):
        z = me.plus(await me.product("mul", cube, upper), me.as_sum(quadratic(block)))
        upper = await me.close(z, bits + (0 if block else shift))
    return upper
