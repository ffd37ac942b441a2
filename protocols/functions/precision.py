"""Working precision: for each function, what the ring leaves it, and the error that follows.

With l, f, V the ring's bits, fraction bits and value bits, a *plan* fixes how many bits L ≥ l the function
computes in (a ring of fewer than 64 bits is lifted where it needs more), the fraction bits of its numbers,
its degrees and iterations, and a bound |got − exact| ≤ units · 2^−f + relative · |exact|. Products are at
most 2^(L−2), which is what `safe` truncation takes. Derivations: docs/constructions.md, "Accuracy".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from mpcsim import InputError
from protocols.domains import Ring
from protocols.functions.lines import Iterations, Start, best_line, iterations

WIDEST = 64
TARGET = 4.0
"""Units 2^−f that an error may have, relative to max(1, |exact|): 2^(2−f)."""
SPARE = 4
"""Fraction bits of numbers near one beyond a value's: a unit of theirs is a sixteenth of one."""
GUARD = 3
"""Fraction bits of a numerator beyond a value's."""


@dataclass(frozen=True)
class Bound:
    """|got − exact| ≤ units · 2^−f + relative · |exact|."""

    units: float
    relative: float = 0.0

    def target_units(self, ring: Ring) -> float:
        """Return the bound relative to max(1, |exact|), in units of 2^−f."""
        return self.units + self.relative * 2.0**ring.fraction_bits


class Plan(Protocol):
    """How a function computes in a ring."""

    @property
    def bits(self) -> int:
        """L, bits of the ring in which the function computes."""

    @property
    def bound(self) -> Bound:
        """What its result is off by, at most."""


def accept(name: str, ring: Ring, plan: Plan, accuracy: str) -> None:
    """Check that a function is as accurate in a ring as functions are, unless the best will do.

    Raises:
        InputError: it is not; the function, the ring and the bound are named.
    """
    units = plan.bound.target_units(ring)
    if accuracy != "best" and units > TARGET:
        raise InputError(
            f"ring: {name} is within 2^(2 − fraction_bits) of max(1, |result|) where the ring leaves it "
            f"room; bits = {ring.bits}, fraction_bits = {ring.fraction_bits}, value_bits = "
            f"{ring.value_bits} leave {units:.3g} · 2^−{ring.fraction_bits}: accepted are fewer "
            'fraction_bits, fewer value_bits, or [protocol] accuracy = "best"'
        )


def _clamped(bits: int, ring: Ring) -> int:
    return min(WIDEST, max(bits, ring.bits))


HALF = 0.5


@dataclass(frozen=True)
class Division:
    """a / b: |b| brought to x ∈ [1/2, 1], the numerator along with it.

    Attributes:
        bits: L.
        near: g, fraction bits of x and of errors.
        guard: fraction bits of the numerator beyond f.
        factor: fraction bits of 1/x where that is computed first and multiplies the numerator in the
            end; None where the numerator takes part from the beginning.
    """

    bits: int
    near: int
    guard: int
    factor: int | None
    start: Start
    iterations: Iterations
    bound: Bound

    @classmethod
    @cache
    def of(cls, ring: Ring, numerator_bits: int = 0) -> Division:
        """Return the plan of a ring, where the numerator, brought along with b, has so many bits at most.

        The numerator has V + guard bits and factors near one g: V + guard + g ≤ L − 2. Where that leaves a
        guard of less than two bits, 1/x alone keeps all of g, and is cut to what fits the last product.
        """
        f, value = ring.fraction_bits, ring.value_bits
        bits = _clamped(max(value + f + SPARE + GUARD + 2, numerator_bits + 2), ring)
        near = min(f + SPARE, (bits - 4) // 2)
        start = best_line(HALF)
        steps = iterations(start.error, f + 1)
        count, unit = steps.count, 2.0**-near
        guard = min(GUARD, bits - 2 - value - near)
        if guard >= 2:
            bound = Bound(1 + (1.1 * count + 2) * 2.0**-guard, (count + 4) * unit + steps.error)
            return cls(bits, near, guard, None, start, steps, bound)
        room = bits - 2 - value
        guard = min(GUARD, max(0, (room - f + 1) // 2))
        factor = min(near, room - guard)
        relative = (2.1 * count + 4) * unit + 2.0**-factor + steps.error
        return cls(bits, near, guard, factor, start, steps, Bound(1 + 2 * 2.0**-guard, relative))


# Curves on [1/2, 1]


@dataclass(frozen=True)
class Curve:
    """A function that a polynomial follows on [1/2, 1].

    Attributes:
        name: what a message calls the function.
        errors: (degree, −log2 of the polynomial's greatest error); that of a root is relative.
        least, most: of |the function| there.
        exponent: of a root; None for the logarithm.
    """

    name: str
    errors: tuple[tuple[int, float], ...]
    least: float
    most: float
    exponent: float | None


LOGARITHM = Curve("logarithm", ((2, 7.84), (5, 16.40), (8, 24.60), (11, 32.63)), 0.0, 0.7, None)
SQUARE_ROOT = Curve("square root", ((2, 10.06), (5, 19.21), (8, 27.72), (11, 35.97)), 0.70, 1.0, 0.5)
INVERSE_SQUARE_ROOT = Curve(
    "inverse square root", ((2, 8.11), (5, 16.18), (8, 24.08), (11, 31.91)), 1.0, 1.42, -0.5
)


@dataclass(frozen=True)
class Polynomial:
    """A curve's polynomial at g fraction bits, and a table for the magnitude.

    Attributes:
        bits: L.
        near: g.
        degree: 2, 5, 8 or 11.
    """

    bits: int
    near: int
    degree: int
    bound: Bound

    @classmethod
    def of(cls, ring: Ring, curve: Curve) -> Polynomial:
        """Return the plan of a ring: products of two numbers near one fit, 2g + 3 ≤ L.

        A root is also multiplied by its magnitude, 2^e with f fraction bits: e + g + 3 ≤ L.
        """
        f, top = ring.fraction_bits, ring.value_bits - 1
        magnitude = {None: 0, 0.5: -(-(top + f) // 2), -0.5: min(-(-3 * f // 2), top)}[curve.exponent]
        bits = _clamped(max(2 * (f + SPARE), magnitude + f + SPARE) + 3, ring)
        near = min(f + SPARE, (bits - 3) // 2, bits - 3 - magnitude)
        degree, exact = next((pair for pair in curve.errors if pair[1] >= f), curve.errors[-1])
        error, rounding = 2.0**-exact, 2 * (degree + 1) // 3
        if curve.exponent is None:
            bound = Bound(1.5 + (error + rounding * 2.0**-near) * 2.0**f)
        else:
            bound = Bound(1 + curve.most / 2, error + (rounding + 1) * 2.0**-near / curve.least)
        return cls(bits, near, degree, bound)


# Exponentials


@dataclass(frozen=True)
class Window:
    """The places that an exponential's lookup tells apart: W steps of S, from `least` on.

    Attributes:
        bits: L.
        size: W, a power of two.
        step: log2 S.
        least: least x that is not taken for minus infinity, in units of 2^−f.
        dealer_bits, others_bits: fraction bits of server 0's factor, and of the others'.
        error: of the product of the factors, weighted, in units of 2^−f.
    """

    bits: int
    size: int
    step: int
    least: int
    dealer_bits: int
    others_bits: int
    error: float

    def compared_bits(self, bits: int) -> int:
        """Return the signed bits of x − least, for signed x of `bits` bits."""
        return max(bits, (-self.least).bit_length() + 1) + 1


@dataclass(frozen=True)
class Wish:
    """What an exponential should have.

    Attributes:
        doublings: results are below 2^doublings.
        halvings: where they are below 2^−halvings they are taken for zero.
        dealer, others: fraction bits of the two factors, were the steps small.
        weights: how much an error 2^−bits of either factor counts.
        budget: what the errors of the factors may come to, in units of 2^−f.
        bits: L at least.
    """

    doublings: int
    halvings: int
    dealer: int
    others: int
    weights: tuple[float, float]
    budget: float
    bits: int = 0


@cache
def window(ring: Ring, wish: Wish) -> Window:
    """Return the window whose exponential takes the fewest bits among those within the budget of error.

    A place is a step of S; what is left of either half is in [0, S), so that W − 1 steps are of use,
    (W − 1) S ≥ (doublings + halvings) ln 2. The others' factor, rounded, is multiplied by up to e^S:
    ⌈S log2 e⌉ bits more make up for it. All fraction bits: L − 3 − doublings at most. An exponential is W L
    bits to deal, 7 L to read, select and share, and 3 for each fraction bit to cut.
    """
    f = ring.fraction_bits
    span = (wish.doublings + wish.halvings) * math.log(2)
    least = -math.ceil(wish.halvings * math.log(2) * 2.0**f)
    found = []
    for places in range(1, 7):
        size = 1 << places
        step = max(0, math.ceil(math.log2(span / (size - 1))))
        lost = math.ceil((1 << step) * math.log2(math.e))
        wanted = wish.dealer + wish.others + lost
        bits = _clamped(max(wish.doublings + 3 + wanted, wish.bits), ring)
        room = min(wanted, bits - 3 - wish.doublings)
        dealer = max(0, wish.dealer - (wanted - room) // 2)
        others = max(0, room - dealer)
        if lost > others:
            continue
        first, second = (weight / 2 * 2.0**f for weight in wish.weights)
        error = first * 2.0**-dealer + second * math.exp(1 << step) * 2.0**-others
        found.append(Window(bits, size, step, least, dealer, others, error))
    if not found:
        raise InputError(
            f"ring: an exponential has no room with bits = {ring.bits}, fraction_bits = {f}, value_bits = "
            f"{ring.value_bits}: accepted are fewer value_bits"
        )
    fitting = [one for one in found if one.error <= wish.budget]
    return min(fitting, key=_bits_sent) if fitting else min(found, key=lambda one: one.error)


def _bits_sent(found: Window) -> int:
    return (found.size + 7) * found.bits + 3 * (found.dealer_bits + found.others_bits)


@dataclass(frozen=True)
class Exponential:
    """e^x below the ring's bound."""

    window: Window
    bound: Bound

    @property
    def bits(self) -> int:
        """L."""
        return self.window.bits

    @classmethod
    def of(cls, ring: Ring) -> Exponential:
        """Return the plan of a ring: what is below half a unit is zero."""
        f = ring.fraction_bits
        doublings = ring.value_bits - 1 - f
        found = window(ring, Wish(doublings, f + 1, f + 1, f + 1, (1.0, 1.0), 2.5))
        others = 2.0**f * math.exp(1 << found.step) * 2.0 ** -(found.others_bits + 1)
        return cls(found, Bound(1 + others, 2.0 ** -(found.dealer_bits + 1)))


@dataclass(frozen=True)
class Sigmoid:
    """1 / (1 + e^−|x|), from (1 + e^−|x|) / 2 ∈ [1/2, 1] at b fraction bits."""

    window: Window
    near: int
    start: Start
    iterations: Iterations
    bound: Bound

    @property
    def bits(self) -> int:
        """L."""
        return self.window.bits

    @classmethod
    @cache
    def of(cls, ring: Ring) -> Sigmoid:
        """Return the plan of a ring."""
        f = ring.fraction_bits
        near = min(f + SPARE, (WIDEST - 4) // 2)
        found = window(ring, Wish(0, f + 1, near, near, (1.0, 1.0), 0.5, 2 * near + 4))
        start = best_line(HALF)
        steps = iterations(start.error, f + 1)
        small = (2 + 2.2 * steps.count) * 2.0**-near + steps.error
        return cls(found, near, start, steps, Bound(1.5 + found.error + small * 2.0**f))


@dataclass(frozen=True)
class Softmax:
    """e^x_i / Σ e^x_j, every power in (0, 1], their sum T in [1, 2^d].

    Attributes:
        doublings: d.
        powers: fraction bits of the powers and of T.
        near: g, fraction bits of x and of errors; x = T / 2^d, or T brought to [1/2, 5/4].
        kept: fraction bits of 1/x.
        inverse: fraction bits of 1/T.
        normalised: whether T is brought to [1/2, 5/4] by the place of its leading bit.
    """

    window: Window
    doublings: int
    powers: int
    near: int
    kept: int
    inverse: int
    normalised: bool
    start: Start
    iterations: Iterations
    bound: Bound

    @property
    def bits(self) -> int:
        """L."""
        return self.window.bits

    @classmethod
    @cache
    def of(cls, ring: Ring, classes: int) -> Softmax:
        """Return the plan of a ring: without normalisation where 2g + 7 ≤ L, for g = f + d + 2 at least.

        x = T / 2^d has f + 2d + 2 fraction bits as it is, and is cut to f + d + 2 where those do not fit.
        """
        f, d = ring.fraction_bits, max(1, (classes - 1).bit_length())
        powers = f + d + 2
        near = powers + d if 2 * (powers + d) + 7 <= WIDEST else powers
        normalised = 2 * near + 7 > WIDEST
        if normalised:
            near, kept = min(f + SPARE, (WIDEST - 4) // 2), min(f + SPARE, (WIDEST - 4) // 2)
            start, least = best_line(HALF, 1.25), powers + d + 4
        else:
            kept, start, least = f + 3, best_line(2.0**-d), 2 * near + 7
        wish = Wish(0, f + d + 2, f + 2, f + d + 2, (2.0, 2.0**d + 1), 1.3, max(least, 2 * f + d + 7))
        found = window(ring, wish)
        steps = iterations(start.error, f + 1)
        inverse = min(f + 2, found.bits - 3 - powers)
        count, unit = steps.count, 2.0 ** (f - near)
        if normalised:
            reciprocal = (2.1 * count + 4) * unit
        else:
            reciprocal = (1.05 * 2**d + count + 2) * unit + (2.0 ** (d - 1) + count + 1) * 2.0 ** -(d + 3)
        powers_error = 0.5 + 2.0 ** -(d + 2) + found.error
        units = 1 + powers_error + reciprocal + 2.0 ** (f - inverse) + steps.error * 2.0**f
        return cls(found, d, powers, near, kept, inverse, normalised, start, steps, Bound(units))
