"""How many bits functions work with, from the numerical analysis in docs/constructions.md, "Accuracy".

Written from that page, apart from the protocols: widths, steps and degrees decide what a function costs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from analysis.costs.replicated3.setting import Setting
from mpcsim import InputError
from scenarios.networks import LayerPlan

WORD = 64
"""Bits of the widest ring."""

MARGIN = 2
"""A truncation takes |z| < 2^(l − 2)."""

NEAR = 4
"""Fraction bits of numbers near one, beyond those of a value."""

NUMERATOR = 3
"""Fraction bits of a numerator, beyond those of a value."""


def widened(setting: Setting, *needed: int) -> int:
    """Return L: the ring's own bits, or what the products of a function need, up to a word."""
    return int(min(WORD, max(setting.l, *needed)))


# Means


@dataclass(frozen=True)
class Mean:
    """A mean over windows: L, the bits cut off sums, and off sums times round(2^shift / count).

    L is None where the ring's own bits are enough.
    """

    L: int | None
    before: int
    after: int


def mean(setting: Setting, counts: Iterable[int]) -> Mean:
    """Return the least shift with which every 1/count is within 2^(1 − f), relatively, f at least 4.

    A mean of V bits and the shift are below 2^(L − 2), unless every factor is exact, where they reach it.
    What is beyond a word is cut off before the factor.
    """
    enough = 2.0 ** (1 - max(setting.f, 4))
    missing = shift = 0
    for shift in range(WORD - MARGIN):
        missing = max(abs(1 - count * round(Fraction(2**shift, count)) / 2**shift) for count in counts)
        if missing <= enough:
            break
    needed = setting.V + shift + (MARGIN if missing else 1)
    before = max(0, needed - WORD)
    ring = widened(setting, needed)
    return Mean(None if ring == setting.l else ring, before, shift - before)


# Reciprocals by convergence


@dataclass(frozen=True)
class Convergence:
    """Goldschmidt on x in a range.

    Attributes:
        g: fraction bits of x and its errors.
        kept: fraction bits of results between iterations.
        steps: iterations.
    """

    g: int
    kept: int
    steps: int


def line_error(low: float, high: float = 1.0) -> float:
    """Return the greatest |1 − x w(x)| of the best line w of integer slope.

    1 − xw = 1 − s r² + s (x − r)², r the place of the least: opposite at the least and at an end where
    r = √(2 end² + 2/s) − end. The slope without rounding is 8 / (4 low high + (low + high)²).
    """
    exact = 8 / ((low + high) ** 2 + 4 * low * high)

    def error(s: int) -> float:
        return float(s * max(math.sqrt(2 * x**2 + 2 / s) - x for x in (low, high)) ** 2 - 1)

    return min(error(max(1, int(exact))), error(math.ceil(exact)))


def iterations(error: float, bits: int) -> int:
    """Return how many shifted squarings bring an error to 2^−bits.

    e² + κe − κ on [−ρ, ρ]: its least, −κ − κ²/4, and its value at ρ are opposite where
    κ²/4 + (2 − ρ) κ = ρ²; both are then ρ² − κ (1 − ρ).
    """
    count = 0
    while count == 0 or error > 2.0**-bits:
        free = 2 - error
        kappa = 2 * error**2 / (free + math.sqrt(free**2 + error**2))
        error = kappa + kappa**2 / 4
        count += 1
    return count


@dataclass(frozen=True)
class Quotient:
    """Division: L; Goldschmidt; guard bits of the numerator; fraction bits of 1/x where that is apart."""

    L: int
    near: Convergence
    guard: int
    apart: int | None


def quotient(setting: Setting, brought: int = 0) -> Quotient:
    """Return the widths of a division whose numerator has up to `brought` bits once it is scaled.

    The last product is a quotient of V bits, its guard bits and g: at most 2^(L − 2). With fewer than two
    guard bits 1/x comes first, and what fits the last product is shared out between it and the guard.
    """
    f, value = setting.f, setting.V
    ring = widened(setting, value + f + NEAR + NUMERATOR + MARGIN, brought + MARGIN)
    g = min(f + NEAR, (ring - 4) // 2)
    steps = iterations(line_error(0.5), f + 1)
    left = ring - MARGIN - value
    if left - g >= 2:
        guard = min(NUMERATOR, left - g)
        return Quotient(ring, Convergence(g, f + guard, steps), guard, None)
    guard = max(0, min(NUMERATOR, (left - f + 1) // 2))
    return Quotient(ring, Convergence(g, g, steps), guard, min(g, left - guard))


# Polynomials


@dataclass(frozen=True)
class Curve:
    """A polynomial's L, g, degree."""

    L: int
    g: int
    degree: int


EXACT_BITS = {
    "log": {2: 7.84, 5: 16.40, 8: 24.60, 11: 32.63},
    "sqrt": {2: 10.06, 5: 19.21, 8: 27.72, 11: 35.97},
    "rsqrt": {2: 8.11, 5: 16.18, 8: 24.08, 11: 31.91},
}
"""−log2 of the errors of interpolations at Chebyshev points, by degree; relative for roots."""


def curve(setting: Setting, name: str) -> Curve:
    """Return the widths of a polynomial: two factors near one fit, and one of them times the magnitude.

    The magnitude of a root, with f fraction bits, is below 2^((V − 1 + f)/2), of an inverse root below
    2^(3f/2) and the bound of a value.
    """
    f, top = setting.f, setting.V - 1
    magnitude = {"log": 0, "sqrt": math.ceil((top + f) / 2), "rsqrt": min(math.ceil(1.5 * f), top)}[name]
    ring = widened(setting, 2 * f + 2 * NEAR + 3, magnitude + f + NEAR + 3)
    g = min(f + NEAR, (ring - 3) // 2, ring - 3 - magnitude)
    enough = [degree for degree, bits in EXACT_BITS[name].items() if bits >= f]
    return Curve(ring, g, min(enough, default=11))


# Exponentials


@dataclass(frozen=True)
class Window:
    """An exponential's L, places W, step 2^j, fraction bits of the product, bits of the least x."""

    L: int
    places: int
    step: int
    fraction: int
    least: int

    def compared(self, k: int) -> int:
        """Return the signed bits of the difference of k signed bits and the least x."""
        return max(k, self.least + 1) + 1


def window(
    setting: Setting,
    doublings: int,
    halvings: int,
    factors: tuple[int, int],
    weights: tuple[float, float],
    budget: float,
    least: int = 0,
) -> Window:
    """Return the cheapest window whose factors err by at most `budget` units, results below 2^doublings.

    W − 1 steps of S = 2^j reach from 2^−halvings to 2^doublings. The second factor gets ⌈S log2 e⌉ bits
    more than asked for, since the first is up to e^S. A factor of b bits errs by 2^−(b + 1), weighted.
    """
    f = setting.f
    reach = (doublings + halvings) * math.log(2)
    bits_of_least = math.ceil(halvings * math.log(2) * 2**f).bit_length()
    known = []
    for places in (2, 4, 8, 16, 32, 64):
        j = max(0, math.ceil(math.log2(reach / (places - 1))))
        extra = math.ceil(2**j / math.log(2))
        asked = sum(factors) + extra
        ring = widened(setting, doublings + MARGIN + 1 + asked, least)
        fraction = min(asked, ring - MARGIN - 1 - doublings)
        first = max(0, factors[0] - (asked - fraction) // 2)
        second = max(0, fraction - first)
        if second < extra:
            continue
        errors = (weights[0] * 2.0**-first, weights[1] * math.exp(2**j) * 2.0**-second)
        units = sum(errors) * 2.0 ** (f - 1)
        sent = places * ring + 7 * ring + 3 * (first + second)
        known.append(
            (
                units > budget,
                sent if units <= budget else units,
                Window(ring, places, j, first + second, bits_of_least),
            )
        )
    if not known:
        raise InputError("ring: an exponential has no room")
    return min(known, key=lambda entry: entry[:2])[2]


def exponential(setting: Setting) -> Window:
    """Return the window of e^x below the bound of a value, down to half a unit."""
    f = setting.f
    return window(setting, setting.V - 1 - f, f + 1, (f + 1, f + 1), (1, 1), 2.5)


def sigmoid(setting: Setting) -> tuple[Window, Convergence]:
    """Return the window of e^−|x|, and the convergence to its reciprocal from [1/2, 1]."""
    f = setting.f
    g = min(f + NEAR, WORD // 2 - 2)
    found = window(setting, 0, f + 1, (g, g), (1, 1), 0.5, 2 * g + 4)
    return found, Convergence(g, g, iterations(line_error(0.5), f + 1))


@dataclass(frozen=True)
class Softmax:
    """Softmax: d; the window; fraction bits of powers and of 1/T; Goldschmidt; whether T is normalised."""

    d: int
    window: Window
    powers: int
    inverse: int
    near: Convergence
    normalised: bool


def softmax(setting: Setting, classes: int) -> Softmax:
    """Return the widths of a softmax.

    T / 2^d has f + 2d + 2 fraction bits; it is cut by d where two such factors and 7 bits more are not
    in a word, and normalised where the cut ones are not either.
    """
    f, d = setting.f, max(1, math.ceil(math.log2(classes)))
    powers = f + d + 2
    whole, cut = (2 * bits + 7 <= WORD for bits in (powers + d, powers))
    if whole or cut:
        g = powers + d if whole else powers
        near = Convergence(g, f + 3, iterations(line_error(2.0**-d), f + 1))
        least = 2 * g + 7
    else:
        g = min(f + NEAR, WORD // 2 - 2)
        near = Convergence(g, g, iterations(line_error(0.5, 1.25), f + 1))
        least = powers + d + 4
    least = max(least, 2 * f + d + 7)
    found = window(setting, 0, powers, (f + 2, powers), (2, 2**d + 1), 1.3, least)
    return Softmax(d, found, powers, min(f + 2, found.L - 3 - powers), near, not (whole or cut))


def mapping(f: int, plan: LayerPlan) -> int:
    """Return the bits behind the point of a public map: of angles, of a factor, of parts between places."""
    if plan.kind == "turned":
        return f
    if plan.kind == "scaled":
        return scaling(f, plan.layer.factor)
    found = 0
    for blend in plan.blends:
        rest = (len(blend.parts) - 1) // 2  # the tap that takes what the others leave
        found += blending(f, [part for tap, each in enumerate(blend.parts) if tap != rest for part in each])
    return found


def blending(f: int, parts: Sequence[float]) -> int:
    """Return the bits behind the point of parts between places: the fewest that hold all within 2^−f."""
    shift = 0
    while any(abs(round(part * 2**shift) / 2**shift - part) > 2.0 ** -max(f, 4) for part in parts):
        shift += 1
    return shift


def scaling(f: int, factor: float) -> int:
    """Return the bits behind the point of a public factor: the fewest that hold it within 2^(1 − f)."""
    near = 2.0 ** (1 - max(f, 4))
    shift = 0
    while abs(round(factor * 2**shift) - factor * 2**shift) > near * abs(round(factor * 2**shift)):
        shift += 1
    return shift
