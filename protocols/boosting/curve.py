"""The logistic curve and its slope as straight pieces, in whole numbers: what boosted trees learn by.

A public table. The pieces are those of the curve between its knots; beyond the last ones it is flat.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from protocols.boosting.shape import FINE, STEP

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Curve:
    """Pieces base + slope · x, of the curve and of its derivative, at scale 2^22 for x at scale 2^12.

    Attributes:
        knots: ascending; piece i holds from knot i − 1 on, and piece 0 below all.
        probability, curvature: (pieces, 2): base and slope.
    """

    knots: Integers
    probability: Integers
    curvature: Integers


@cache
def logistic_curve() -> Curve:
    """Return the curve: knots a quarter apart to 3, then wider to 8; off by less than 0.0021 anywhere."""
    half = np.concatenate([np.arange(0, 3, 0.25), [3, 3.5, 4, 4.5, 5, 6, 8]])
    knots = np.concatenate([-half[:0:-1], half])
    values = 1 / (1 + np.exp(-knots))
    at = np.rint(knots * 2**STEP).astype(np.int64)
    return Curve(at, _pieces(at, values), _pieces(at, values * (1 - values)))


def _pieces(knots: Integers, values: NDArray[np.float64]) -> Integers:
    heights = np.rint(values * 2**FINE).astype(np.int64)
    slopes = np.rint(np.diff(heights) / np.diff(knots)).astype(np.int64)
    slopes = np.concatenate([[0], slopes, [0]])
    bases = np.concatenate([heights[:1], heights - slopes[1:] * knots])
    return np.stack([bases, slopes], 1)
