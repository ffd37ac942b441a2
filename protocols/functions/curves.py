"""The polynomials that follow curves on an interval: public numbers."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray

from protocols.functions.precision import Curve

DEGREES = (2, 5, 8, 11)
"""Those that `polynomial` evaluates: blocks of three coefficients."""
Reals = NDArray[np.float64]


def chebyshev(function: Callable[[Reals], Reals], low: float, high: float, degree: int) -> list[float]:
    """Return the coefficients of Σ a_i m^i ≈ function(low + (high − low)(m + 1)/2), m ∈ [−1, 1].

    The polynomial interpolates at the Chebyshev points.
    """
    fitted = np.polynomial.Chebyshev.interpolate(function, degree, domain=[low, high])
    coefficients: list[float] = np.polynomial.chebyshev.cheb2poly(fitted.coef).tolist()
    return coefficients


@cache
def coefficients(curve: Curve, degree: int) -> list[float]:
    """Return the polynomial of a curve on [1/2, 1], in m = 4c − 3."""
    power = curve.exponent
    function = np.log if power is None else partial(_power, power=power)
    return chebyshev(function, 0.5, 1, degree)


def _power(c: Reals, power: float) -> Reals:
    return np.power(c, power)
