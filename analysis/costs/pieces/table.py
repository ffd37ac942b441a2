"""How activations are cut in pieces, from docs/constructions.md, "Pieces"; apart from the protocols.

Which limits, how many products and how many bits: these decide what an activation costs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.polynomial import chebyshev
from numpy.polynomial.polynomial import polyval
from numpy.typing import NDArray

from mpcsim import InputError

WORD, MARGIN = 64, 2
"""Bits of the widest ring; a truncation takes |z| < 2^(L − MARGIN)."""
EIGHTHS, FAR, MOST = 8, 64, 6
ERRORS = (2.0**-12, 2.0**-11, 2.0**-10)
SHAPES = (
    (1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (3, 2), (4, 2), (3, 3), (5, 2), (4, 3), (5, 3), (6, 3), (6, 4),
)  # fmt: skip
"""Powers that are kept, and blocks of so many coefficients."""
Reals = NDArray[np.float64]
Function = Callable[[Reals], Reals]


class Sizes(NamedTuple):
    """Of a ring: bits, fraction bits, value bits."""

    l: int  # noqa: E741  # the literature's name
    f: int
    V: int


@dataclass(frozen=True)
class Table:
    """What a table of pieces costs by.

    Attributes:
        L: bits of the ring in which it is evaluated.
        limits: how many.
        marks: pairs of comparisons, or single ones, that become numbers.
        compared: bits of a comparison.
        scale: fraction bits of the last sum.
        lines: whether there is no polynomial.
        square: whether y has a square in it.
        odd: whether the polynomial is multiplied by x.
        g: fraction bits of powers.
        first: fraction bits of y, before the cut to g.
        height, blocks: of the polynomial.
    """

    L: int
    limits: int
    marks: int
    compared: int
    scale: int
    lines: bool = False
    square: bool = True
    odd: bool = False
    g: int = 0
    first: int = 0
    height: int = 0
    blocks: int = 0


class Curve(NamedTuple):
    """x/2 or a constant, plus an even or odd core that ends in a line; or what is curved below 0 alone."""

    kind: str
    core: Function
    end: Function
    edge: float | None = None


def _erf(x: Reals) -> Reals:
    return np.array([math.erf(one) for one in x])


def _gelu(x: Reals) -> Reals:
    return x * _erf(x * math.sqrt(0.5)) / 2


def _gelu_tanh(x: Reals) -> Reals:
    return x / 2 * np.tanh((x + 0.044715 * x**3) * math.sqrt(2 / math.pi))


def _silu(x: Reals) -> Reals:
    found: Reals = x / (1 + np.exp(-x)) - x / 2
    return found


def _softplus(x: Reals) -> Reals:
    return np.logaddexp(x / 2, -x / 2)


def _logistic(x: Reals) -> Reals:
    return 1 / (1 + np.exp(-x)) - 0.5


def _half(x: Reals) -> Reals:
    return x / 2


def _level(value: float) -> Function:
    return lambda x: np.full(x.shape, value)


CURVES: dict[str, Callable[..., Curve]] = {
    "gelu": lambda: Curve("even", _gelu, _half),
    "gelu_tanh": lambda: Curve("even", _gelu_tanh, _half),
    "silu": lambda: Curve("even", _silu, _half),
    "softplus": lambda: Curve("even", _softplus, _half),
    "hard_swish": lambda: Curve("even", lambda x: x**2 / 6, _half, 3.0),
    "tanh": lambda: Curve("odd", np.tanh, _level(1)),
    "erf": lambda: Curve("odd", _erf, _level(1)),
    "logistic": lambda: Curve("odd", _logistic, _level(0.5)),
    "elu": lambda alpha=1.0: Curve("left", lambda x: alpha * np.expm1(-x), _level(-alpha)),
}
"""Cores for x ≥ 0; of what is curved below 0, of −x."""

LINES: dict[str, Callable[..., tuple[tuple[float, ...], tuple[tuple[float, float], ...]]]] = {
    "clip": lambda low, high: ((low, high), ((0, low), (1, 0), (0, high))),
    "relu6": lambda: ((0.0, 6.0), ((0, 0), (1, 0), (0, 6.0))),
    "hard_sigmoid": lambda a=0.2, b=0.5: ((-b / a, (1 - b) / a), ((0, 0), (a, b), (0, 1))),
    "leaky_relu": lambda a=0.01: ((0.0,), ((a, 0), (1, 0))),
}
"""Limits, then slope and constant of every piece."""


def table(
    setting: Sizes, name: str, parameters: Sequence[float] = (), within: float | None = None
) -> Table:
    """Return the table of an activation.

    Raises:
        InputError: the ring has no room for it.
    """
    if name in LINES:
        return _lines(setting, *LINES[name](*parameters))
    enough = ERRORS[-1] * 2.0**setting.f
    for error in [within] if within else ERRORS:
        units, found = _curved(setting, name, tuple(parameters), error)
        if units <= enough:
            break
    return found


def _compared(setting: Sizes, limits: Sequence[float]) -> int:
    bits = (1 + abs(math.ceil(limit * 2.0**setting.f)).bit_length() for limit in limits)
    return 1 + max(setting.V, *bits)


def _lines(setting: Sizes, limits: tuple[float, ...], lines: tuple[tuple[float, float], ...]) -> Table:
    """Slopes get the fewest fraction bits with which their rounding, times |x|, is a quarter unit at most.

    Sums of V − 1 bits and those of slopes and constants need two bits more.
    """
    f, bound = setting.f, 2.0 ** (setting.V - 1 - setting.f)
    whole = setting.V - 1 + math.ceil(math.log2(max(1.0, *(abs(a) for a, _ in lines))))
    highest = max(abs(b) for _, b in lines)
    tall = 1 + max(whole, f + math.ceil(math.log2(max(highest, 2.0**-f))))
    ends = (-bound, *limits, bound)
    far = [min(bound, max(abs(a), abs(b))) for a, b in pairwise(ends)]

    def off(bits: int) -> float:
        units = [
            abs(round(a * 2.0**bits) / 2.0**bits - a) * x * 2.0**f
            for (a, _), x in zip(lines, far, strict=True)
        ]
        return float(max(units))

    room = WORD - MARGIN - tall
    bits = next((bits for bits in range(room) if off(bits) <= 0.25), max(0, room))
    compared = _compared(setting, limits)
    ring = min(WORD, max(setting.l, tall + bits + MARGIN, compared))
    return Table(ring, len(limits), len(limits), compared, f + bits, lines=True)


class Fit(NamedTuple):
    """Edges from 0 outwards; of each ring Σ 2i |e_i| and Σ |e_i| of its coefficients, the greatest."""

    edges: tuple[float, ...]
    height: int
    blocks: int
    weight: float
    size: float


class Axis(NamedTuple):
    """y of x ≥ 0 up to the outermost edge: κx²/2^c − 1, or 1 − κx/2^c."""

    square: bool
    far: float

    @property
    def scale(self) -> tuple[float, int]:
        """κ and c: κ the greatest whole number with κ far² ≤ 2^(c + 1), of 4 or 5 bits; of far, 2 or 3."""
        most, more = (self.far**2, 3) if self.square else (self.far, 0)
        c = max(0, math.ceil(math.log2(most)) + more)
        return 2.0 ** (c + 1) // most, c

    def y(self, x: Reals) -> Reals:
        """Return y."""
        kappa, c = self.scale
        return kappa * x**2 / 2.0**c - 1 if self.square else 1 - kappa * x / 2.0**c

    def x(self, y: Reals) -> Reals:
        """Return x."""
        kappa, c = self.scale
        found: Reals = np.sqrt((y + 1) * 2.0**c / kappa) if self.square else (1 - y) * 2.0**c / kappa
        return found


class Local(NamedTuple):
    """A polynomial by powers of m = (y − middle) / half."""

    polynomial: Reals
    middle: float
    half: float

    def by_powers(self) -> Reals:
        """Return its coefficients by powers of y: Horner's rule in m."""
        shifted = np.zeros(1)
        for one in self.polynomial[::-1]:
            shifted = np.convolve(shifted, np.array([-self.middle, 1.0]) / self.half)
            shifted[0] += one
        return shifted[: self.polynomial.size]


def _interpolated(curve: Curve, axis: Axis, low: float, high: float, degree: int) -> tuple[Local, float]:
    """Interpolate at Chebyshev's points of y; return the polynomial, and the error on x."""
    start, end = sorted(axis.y(np.array([low, high])))
    middle, half = (start + end) / 2, (end - start) / 2
    points = chebyshev.chebpts1(degree + 1)
    x = axis.x(middle + half * points)
    values = curve.core(x) / x if curve.kind == "odd" else curve.core(x)
    local = np.asarray(chebyshev.cheb2poly(chebyshev.chebfit(points, values, degree)), np.float64)
    x = np.linspace(low, high, 257)
    got = polyval((axis.y(x) - middle) / half, local)
    error = np.abs((got * x if curve.kind == "odd" else got) - curve.core(x)).max()
    return Local(local, middle, half), float(error)


def _fit(curve: Curve, axis: Axis, height: int, blocks: int, error: float) -> Fit | None:
    """From the outside inwards, each ring as wide as the error allows, on a grid of eighths."""
    degree, edges = height * blocks, [axis.far]
    rings: list[Reals] = []
    while edges[0] > 0:
        if len(rings) == MOST:
            return None
        narrow, wide = round(edges[0] * EIGHTHS), 0
        best = None
        while wide < narrow:
            tried = (wide + narrow) // 2
            found, off = _interpolated(curve, axis, tried / EIGHTHS, edges[0], degree)
            if off <= error:
                narrow, best = tried, found
            else:
                wide = tried + 1
        if best is None:
            return None
        edges.insert(0, narrow / EIGHTHS)
        rings.append(np.abs(best.by_powers()))
    weight = max(float((2 * np.arange(one.size) * one).sum()) for one in rings)
    return Fit(tuple(edges), height, blocks, weight, max(float(one.sum()) for one in rings))


@cache
def _fits(name: str, parameters: tuple[float, ...], error: float) -> tuple[Curve, Axis, tuple[Fit, ...]]:
    curve = CURVES[name](*parameters)
    square = curve.kind != "left"
    if curve.edge is not None:
        axis = Axis(square, curve.edge)
        size = np.abs(_interpolated(curve, axis, 0.0, curve.edge, 1)[0].by_powers())
        return curve, axis, (Fit((0.0, curve.edge), 1, 1, float(2 * size[1]), float(size.sum())),)
    x = np.arange(1, FAR * EIGHTHS + 1) / EIGHTHS
    wrong = np.abs(curve.core(x) - curve.end(x)) > error
    far = float(x[int(np.flatnonzero(wrong)[-1]) + 1]) if wrong.any() else 1 / EIGHTHS
    axis = Axis(square, far)
    fits = [one for shape in SHAPES if (one := _fit(curve, axis, *shape, error)) is not None]
    return curve, axis, tuple(fits)


def _curved(setting: Sizes, name: str, parameters: tuple[float, ...], within: float) -> tuple[float, Table]:
    """Return the units that a table is off by, at most, and the table.

    Rounding counts N = Σ 2i |e_i| + blocks + (q + 1)/2 units 2^−g (of an odd curve, times its farthest x):
    g is the least that makes this a quarter of the error.
    """
    f = setting.f
    error = max(within, 4 * 2.0**-f)
    curve, axis, fits = _fits(name, parameters, error / 2)
    odd = curve.kind == "odd"

    def widths(fit: Fit) -> tuple[float, int, int]:
        noise = fit.weight + fit.blocks + (fit.height * fit.blocks + 1) / 2
        noise *= axis.far if odd else 1.0
        g = max(f + 1, math.ceil(math.log2(noise / (error / 4))))
        if not axis.square:  # y keeps f + c bits, and its coefficients get 2g − f − c
            g = max(g, math.ceil((g + f + axis.scale[1]) / 2))
        whole = 1 + math.ceil(math.log2(fit.size + 1))
        return noise, g, whole if odd else max(whole, setting.V - f)

    def price(fit: Fit) -> tuple[int, int, int]:
        _, g, whole = widths(fit)
        products = fit.height + fit.blocks + int(fit.blocks > 1)
        levels = 1 + math.ceil(math.log2(fit.height)) + fit.blocks
        return max(0, 2 * g + whole + MARGIN - WORD), products + 2 * (len(fit.edges) - 1), levels

    if not fits:
        raise InputError(f"activation {name}: within = {within:g}")
    fit = min(fits, key=price)
    noise, g, whole = widths(fit)
    c = axis.scale[1]
    rings = len(fit.edges) - 1
    limits = [*(-edge for edge in fit.edges[1:]), *(fit.edges[1:] if axis.square else [0.0])]
    compared = _compared(setting, limits)
    powers = 2 * f + c + 3 if axis.square else 2 * (f + c) + 2
    ring = min(WORD, max(setting.l, 2 * g + whole + MARGIN, powers, compared))
    near = min(g, (ring - MARGIN - whole) // 2)
    fitted = 0.0 if curve.edge is not None else error / 2
    least = near if axis.square else min(near, 2 * near - f - c)
    units = 1 + fitted * 2.0**f + noise * 2.0 ** (f - least)
    return units, Table(
        ring, len(limits), rings + 1, compared, near + f if odd else 2 * near, False, axis.square, odd,
        near, max(2 * f + c, near) if axis.square else f + c, fit.height, fit.blocks,
    )  # fmt: skip
