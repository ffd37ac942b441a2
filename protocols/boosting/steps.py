"""A leaf's step: shrunk residuals over curvatures, exactly."""

from __future__ import annotations

from protocols.boosting.shape import DIGITS, FINE, SHRINKAGE, STEP, Boosting
from protocols.replicated3.sharings import Server, Share, add, add_public, multiply_public
from protocols.trees import QUOTIENT_DIGIT, quotients


async def steps(server: Server, sums: Share, curvatures: Share, shrinkage: int, shape: Boosting) -> Share:
    """Return ⌊ν Σr / (Σh + λ)⌋ at scale 2^12, cut to [−4, 4), of each leaf.

    Args:
        server: with its choices.
        sums, curvatures: Σ r and Σ h of its rows, at scale 2^22.
        shrinkage: ν, in 2^−10.
        shape: public sizes.

    The quotient of Σr·ν + 4 (Σh + λ), which is positive where nothing is cut, less 4. Rounds and bits:
    those of `quotients` of three digits.
    """
    k, dtype = server.kernels, server.ring.dtype
    divisor = add_public(server, curvatures, k.full((), shape.penalty << FINE, dtype))
    cut = k.full((), 1 << (QUOTIENT_DIGIT * DIGITS - 1), dtype)
    shrunk = multiply_public(server, sums, k.full((), shrinkage << (STEP - SHRINKAGE), dtype))
    raised = add(server, shrunk, multiply_public(server, divisor, cut))
    found = await quotients(server, raised, divisor, DIGITS, shape.quotient_bits)
    return add_public(server, found, k.sub(k.zeros((), dtype), cut))
