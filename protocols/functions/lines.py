"""Lines near the inverse of a divisor, and the shifts of Goldschmidt's iterations from there.

Source: Goldschmidt 1964; shifts as Chebyshev polynomials give them (Pan, Schreiber 1991), ours in form.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True)
class Start:
    """The line w = offset − slope · x near 1/x on a range, and the greatest |1 − x w| there."""

    offset: float
    slope: int
    error: float


@cache
def best_line(low: float, high: float = 1.0) -> Start:
    """Return the line of an integer slope whose greatest error on [low, high] is least.

    1 − xw = 1 − ox + sx² is least, 1 − o²/4s, at o/2s, and greatest at an end; the offset balances the two.
    The best slope of all is 8 / (4 low high + (low + high)²).
    """
    best = 8 / (4 * low * high + (low + high) ** 2)

    def line(slope: int) -> Start:
        offset = max(2 * slope * (math.sqrt(2 * x * x + 2 / slope) - x) for x in (low, high))
        return Start(offset, slope, offset**2 / (4 * slope) - 1)

    lines = [line(slope) for slope in (max(1, math.floor(best)), math.ceil(best))]
    return min(lines, key=lambda start: start.error)


@dataclass(frozen=True)
class Iterations:
    """The shifts κ of Goldschmidt's iterations, and the error that they leave."""

    shifts: tuple[float, ...]
    error: float

    @property
    def count(self) -> int:
        """K."""
        return len(self.shifts)


@cache
def iterations(error: float, bits: int) -> Iterations:
    """Return the iterations that bring |1 − xw| from `error` to 2^−bits.

    w (1 + κ + e) leaves e' = e² + κe − κ of e = 1 − xw. Squaring alone wastes the sign; κ balances
    the two ends: e' goes from −(κ + κ²/4), at e = −κ/2, to ρ² − κ(1 − ρ), at e = ρ, which are
    opposite at κ = 2 (√((2 − ρ)² + ρ²) − (2 − ρ)). So ρ becomes about ρ²/2, and 1 − ρ grows by 2.83 where
    squaring doubles it.
    """
    shifts: list[float] = []
    while not shifts or error > 2.0**-bits:
        shift = 2 * error**2 / (math.hypot(2 - error, error) + (2 - error))
        shifts.append(shift)
        error = shift + shift**2 / 4
    return Iterations(tuple(shifts), error)
