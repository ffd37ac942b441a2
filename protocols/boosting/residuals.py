"""What a row has yet to learn: the negative gradient of its loss, and the loss's curvature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from protocols.boosting.curve import logistic_curve
from protocols.boosting.shape import FINE, STEP, Boosting
from protocols.replicated3.constructions import is_negative, multiply_locally, truncate_exact
from protocols.replicated3.sharings import (
    Server,
    Share,
    add_public,
    multiply_public,
    public,
    reshare,
    subtract,
)
from protocols.tables import opposite
from protocols.trees import repeated


@dataclass(frozen=True)
class Residuals:
    """Of each row, (n,).

    Attributes:
        coarse: the residual as scores take it, ⌊r · 2^a⌋.
        fine, curvature: the residual and the loss's curvature as leaves add them up, at scale 2^22.
    """

    coarse: Share
    fine: Share
    curvature: Share


async def residuals(server: Server, targets: Share, raw: Share, shape: Boosting) -> Residuals:
    """Return what is left to learn at raw scores (scale 2^12), for targets at scale 2^22.

    Of squares y − F, whose curvature is 1; of the logistic loss y − p and p(1 − p). Rounds: the curve's,
    and those of an exact truncation.
    """
    k, dtype = server.kernels, server.ring.dtype
    if shape.classes:
        predicted, curvature = await _on_curve(server, raw, shape)
    else:
        predicted = multiply_public(server, raw, k.full((), 1 << (FINE - STEP), dtype))
        curvature = public(server, k.add(k.zeros(raw.shape, dtype), k.full((), 1 << FINE, dtype)))
    fine = subtract(server, targets, predicted)
    coarse = await truncate_exact(server, fine, FINE - shape.residual_bits(server.ring))
    return Residuals(coarse, fine, curvature)


async def _on_curve(server: Server, raw: Share, shape: Boosting) -> tuple[Share, Share]:
    """Return p and p(1 − p): a sign for each knot says which piece holds; its base and slope are sums.

    Rounds: a sign's, a bit's as a number, and 1. Bits: those of a sign for each knot and row, and 6l a row.
    """
    k, ring, curve = server.kernels, server.ring, logistic_curve()
    many = repeated(server, raw, len(curve.knots))
    gaps = add_public(server, many, ring.encode_integers(-curve.knots).reshape(-1, 1))
    beyond = opposite(server, await is_negative(server, gaps, shape.raw_bits))

    def summed(column: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Share:
        steps = ring.encode_integers(np.diff(column)).reshape(-1, 1)
        parts = multiply_public(server, beyond, steps)
        total = Share(k.sum(parts.a, 0), k.sum(parts.b, 0))
        return add_public(server, total, ring.encode_integers(np.full(raw.shape, column[0])))

    pieces = (curve.probability, curve.curvature)
    slopes = [multiply_locally(server, summed(one[:, 1]), raw) for one in pieces]
    risen = await reshare(server, k.stack(slopes, 0))
    bases = [summed(one[:, 0]) for one in pieces]
    return _plus(server, risen[0], bases[0]), _plus(server, risen[1], bases[1])


def _plus(server: Server, x: Share, y: Share) -> Share:
    return Share(server.kernels.add(x.a, y.a), server.kernels.add(x.b, y.b))
