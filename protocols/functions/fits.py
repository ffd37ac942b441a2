"""Rings of a smooth activation, and the polynomials that follow its core on them, to an error.

Points 1 to 3 of the rule that `pieces` states.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

import numpy as np

from mpcsim import InputError
from protocols.functions.activations import Activation, Reals, Smooth

if TYPE_CHECKING:
    from numpy.polynomial import Chebyshev

GRID = 8
RINGS = 6
FARTHEST = 64
POINTS = 257
"""Edges are multiples of 1/GRID below FARTHEST, rings at most RINGS; errors are looked for at POINTS."""


@dataclass(frozen=True)
class Shape:
    """How a polynomial of degree height · blocks is evaluated: Horner's rule in y^height.

    Each block is one sum of products of secret coefficients and powers below y^height; the innermost has
    y^height too.
    """

    height: int
    blocks: int

    @property
    def degree(self) -> int:
        """Q."""
        return self.height * self.blocks

    @property
    def products(self) -> int:
        """Products of numbers: powers, blocks, and y^height kept in range where it is a factor."""
        return self.height + self.blocks + (self.blocks > 1)

    @property
    def levels(self) -> int:
        """Products one after the other."""
        return 1 + (self.height - 1).bit_length() + self.blocks


SHAPES = tuple(
    Shape(*shape)
    for shape in (
        (1, 1),
        (2, 1),
        (3, 1),
        (4, 1),
        (5, 1),
        (3, 2),
        (4, 2),
        (3, 3),
        (5, 2),
        (4, 3),
        (5, 3),
        (6, 3),
        (6, 4),
    )
)


@dataclass(frozen=True)
class Rings:
    """Edges of rings, from 0 outwards, and each ring's polynomial in y."""

    edges: tuple[float, ...]
    shape: Shape
    polynomials: tuple[tuple[float, ...], ...]
    error: float


@dataclass(frozen=True)
class Curve:
    """A core and the scale of its y."""

    form: Smooth
    far: float

    @cached_property
    def unit(self) -> tuple[int, int]:
        """κ and c: κ · far²/2^c, or κ · far/2^c, is at most 2; κ has 4 or 5 bits, or 2 or 3."""
        square = self.form.symmetry != "left"
        reach = self.far**2 if square else self.far
        cut = max(0, math.ceil(math.log2(reach)) + (3 if square else 0))
        return math.floor(2.0 ** (cut + 1) / reach), cut

    def x_of(self, y: Reals) -> Reals:
        """Return the x ≥ 0 (or ≤ 0, of a core below 0) of y."""
        kappa, cut = self.unit
        if self.form.symmetry == "left":
            return (y - 1.0) * (2.0**cut / kappa)
        found: Reals = np.sqrt(np.maximum(y + 1.0, 0.0) * (2.0**cut / kappa))
        return found

    def y_of(self, x: Reals) -> Reals:
        """Return y."""
        factor = self.unit[0] / 2.0 ** self.unit[1]
        found: Reals = x * factor + 1.0 if self.form.symmetry == "left" else x * x * factor - 1.0
        return found

    def followed(self, y: Reals) -> Reals:
        """Return what the polynomial is to follow: the core, or an odd one over x."""
        x = self.x_of(y)
        found: Reals = self.form.core(x) / x if self.form.symmetry == "odd" else self.form.core(x)
        return found

    def fit(self, low: float, high: float, degree: int) -> tuple[Chebyshev, float]:
        """Return the interpolation at Chebyshev points of a ring, and its error."""
        sign = -1.0 if self.form.symmetry == "left" else 1.0
        ends = sorted(float(one) for one in self.y_of(sign * np.array([low, high])))
        found = np.polynomial.Chebyshev.interpolate(self.followed, degree, domain=ends)
        x = sign * np.linspace(low, high, POINTS)
        got = found(self.y_of(x)) * (x if self.form.symmetry == "odd" else 1.0)
        return found, float(np.abs(got - self.form.core(x)).max())


def _by_powers(found: Chebyshev, degree: int) -> tuple[float, ...]:
    """Return the coefficients of an interpolation by powers of y: of those rings alone that are kept."""
    powers = found.convert(kind=np.polynomial.Polynomial).coef
    return (*(float(one) for one in powers), *[0.0] * (degree + 1 - len(powers)))


def _far(form: Smooth, error: float) -> float:
    """Return the least multiple of 1/GRID beyond which the core is within the error of its line.

    Raises:
        InputError: there is none.
    """
    if form.widest is not None:
        return form.widest
    x = np.arange(1, FARTHEST * GRID + 1) / GRID
    slope, constant = form.middle
    low_slope, low_constant = form.ends[0]
    line = (low_slope - slope) * -x + low_constant - constant
    wrong = np.flatnonzero(np.abs(form.core(-x) - line) > error)
    if wrong.size and wrong[-1] == x.size - 1:
        raise InputError(f"activation: no line is within {error:g} of it below {FARTHEST}")
    return float(x[wrong[-1] + 1]) if wrong.size else 1 / GRID


def _rings(curve: Curve, shape: Shape, error: float) -> Rings | None:
    """Return the rings of a degree, each as wide as the error allows; None where they are too many."""
    edges, worst = [curve.far], 0.0
    found: list[tuple[float, ...]] = []
    while edges[0] > 0 and len(found) < RINGS:
        high = edges[0]
        low, at = round(high * GRID), 0  # from `low` on a ring is narrow enough; bisection on the grid
        best = None
        while at < low:
            middle = (at + low) // 2
            fitted = curve.fit(middle / GRID, high, shape.degree)
            if fitted[1] <= error:
                low, best = middle, fitted
            else:
                at = middle + 1
        if best is None:
            return None
        edges.insert(0, low / GRID)
        found.insert(0, _by_powers(best[0], shape.degree))
        worst = max(worst, best[1])
    return Rings(tuple(edges), shape, tuple(found), worst) if edges[0] == 0 else None


@cache
def fitted(activation: Activation, error: float) -> tuple[Curve, tuple[Rings, ...]]:
    """Return rings of an activation whose lines and polynomials are within an error, for every shape.

    Raises:
        InputError: no shape reaches it.
    """
    form = activation.form
    assert isinstance(form, Smooth)
    curve = Curve(form, _far(form, error))
    if form.widest is not None:
        shape = Shape(1, 1)
        polynomial, _ = curve.fit(0.0, curve.far, 1)
        return curve, (Rings((0.0, curve.far), shape, (_by_powers(polynomial, 1),), 0.0),)
    fitting = [one for shape in SHAPES if (one := _rings(curve, shape, error)) is not None]
    if not fitting:
        raise InputError(f"activation {activation.name!r}: within = {2 * error:g}: accepted is more")
    return curve, tuple(fitting)
