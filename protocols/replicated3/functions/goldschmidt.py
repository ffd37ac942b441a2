"""Goldschmidt's iterations to a quotient from a line near the inverse of the divisor.

With w_0 ≈ 1/x and e_0 = 1 − x w_0, each iteration multiplies the result by 1 + κ + e and takes e to
e (e + κ) − κ, side by side: the error is squared and halved. κ is public; see `iterations`.
Source: Goldschmidt 1964; shifts as Chebyshev polynomials give them (Pan, Schreiber 1991), ours in form.
"""

from __future__ import annotations

from protocols.functions import Iterations, Start
from protocols.replicated3.constructions import multiply_fixed
from protocols.replicated3.functions.polynomial import constant
from protocols.replicated3.sharings import (
    Server,
    Share,
    add_public,
    multiply_public,
    negate,
    public,
    subtract,
)


async def goldschmidt(
    server: Server,
    x: Share,
    bits: int,
    start: Start,
    steps: Iterations,
    kept: int,
    out: int,
    numerator: Share | None = None,
) -> Share:
    """Return numerator / x, elementwise, for x at scale 2^bits in the range of the line `start`.

    Args:
        kept: fraction bits of the results between iterations.
        out: fraction bits of the last result.
        numerator: with `kept` fraction bits; None for the number 1.

    Rounds and bits: 1 + `steps.count` products one after the other, two side by side but for the last and,
    without a numerator, for the first.
    """
    line = public(server, constant(server, start.offset, bits))
    w = subtract(server, line, multiply_public(server, x, server.ring.encode_integers(start.slope)))
    if numerator is None:
        result, scale, product = w, bits, await multiply_fixed(server, x, w, bits)
    else:
        scale = kept
        result, product = await server.party.gather(
            multiply_fixed(server, numerator, w, bits), multiply_fixed(server, x, w, bits)
        )
    error = add_public(server, negate(server, product), constant(server, 1, bits))
    *shifts, last = steps.shifts
    for shift in shifts:
        raised, lifted = (constant(server, value, bits) for value in (1 + shift, shift))
        result, squared = await server.party.gather(
            multiply_fixed(server, result, add_public(server, error, raised), bits + scale - kept),
            multiply_fixed(server, error, add_public(server, error, lifted), bits),
        )
        error, scale = add_public(server, squared, server.kernels.neg(lifted)), kept
    raised = constant(server, 1 + last, bits)
    return await multiply_fixed(server, result, add_public(server, error, raised), bits + scale - out)
