"""Tables of pieces: lines and polynomials between public limits, fitted once for a ring and an error.

A smooth activation is followed on rings a ≤ |x| < b by polynomials in y = κx²/2^c − 1 ∈ [−1, 1] (one that
is curved below 0 alone: in y = κx/2^c + 1). The rule, which cost formulas restate (docs/constructions.md,
"Pieces"): ε is the error asked for, at least four units.

1. The outermost edge is the least multiple of 1/8 beyond which the line is within ε/2.
2. For a degree q, from the outside inwards, a ring begins at the least multiple of 1/8 for which the
   interpolation at q + 1 Chebyshev points of y is within ε/2.
3. Of the shapes of `SHAPES` whose sums fit 64 bits that one with the least products + 2 rings, then with
   the fewest levels.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from functools import cache

from mpcsim import InputError
from protocols.domains import Ring
from protocols.functions.activations import FINEST, Activation, Lines
from protocols.functions.fits import Curve, Rings, Shape, fitted
from protocols.functions.precision import TARGET, WIDEST, Bound


@dataclass(frozen=True)
class Jumps:
    """A public integer that depends on the piece: `base`, and what each mark that is 1 adds."""

    base: int
    jumps: tuple[int, ...]

    @property
    def constant(self) -> bool:
        """Whether it is the same on all pieces."""
        return not any(self.jumps)


@dataclass(frozen=True)
class Pieces:
    """A table for a ring.

    Attributes:
        bits: L, of the ring in which it is evaluated.
        limits: public integers, ascending.
        marks: intervals [limits[i], limits[j]); j is None for no end. Each is a secret 0 or 1.
        compared: signed bits of x less a limit.
        scale: fraction bits of the last sum, before it is cut to f.
        slope, constant: what x is multiplied by, with scale − f fraction bits; what is added.
        core: the polynomials; None of lines.
        bound: what the result is off by, at most.
    """

    bits: int
    limits: tuple[int, ...]
    marks: tuple[tuple[int, int | None], ...]
    compared: int
    scale: int
    slope: Jumps
    constant: Jumps
    core: Core | None
    bound: Bound


@dataclass(frozen=True)
class Core:
    """Polynomials between marks, zero elsewhere.

    Attributes:
        square: whether y is κx²/2^cut − 1, else κx/2^cut + 1.
        odd: whether the polynomial is multiplied by x.
        near: g, fraction bits of powers of y, but for y itself where it is no product.
        kappa, cut: κ and c.
        inside: of each mark, its sign in the sum that is 1 where a polynomial is.
        coefficients: of y^0 (in `constant` of the table besides, unless odd) to y^q, each with the fraction
            bits that its power lacks of 2g.
    """

    square: bool
    odd: bool
    near: int
    kappa: int
    cut: int
    shape: Shape
    inside: tuple[int, ...]
    coefficients: tuple[Jumps, ...]


def enough(ring: Ring, activation: Activation) -> float:
    """Return the units 2^−f that an activation may be off by: what was asked for, or four."""
    return max(TARGET, (activation.within or FINEST[-1]) * 2.0**ring.fraction_bits)


def accepted(ring: Ring, activation: Activation) -> Pieces:
    """Return the table of an activation in a ring that leaves it the error asked for.

    Raises:
        InputError: it does not; the rule is named.
    """
    table, most = pieces(ring, activation), enough(ring, activation)
    if table.bound.units > most:
        raise InputError(
            f"ring: {activation.name} by pieces is within {most:.3g} · 2^−fraction_bits where the ring "
            f"leaves it room; bits = {ring.bits}, fraction_bits = {ring.fraction_bits}, value_bits = "
            f"{ring.value_bits} leave {table.bound.units:.3g}: accepted are fewer fraction_bits, fewer "
            "value_bits, or a greater error asked for"
        )
    return table


def pieces(ring: Ring, activation: Activation) -> Pieces:
    """Return the table of an activation in a ring.

    Raises:
        InputError: the ring leaves it too little room; the rule is named.
    """
    form = activation.form
    if isinstance(form, Lines):
        return _of_lines(ring, activation.name, form)
    if ring.fraction_bits < 3:
        raise InputError(
            f"ring: {activation.name} by pieces needs fraction_bits ≥ 3, found {ring.fraction_bits}: "
            "accepted are more"
        )
    if activation.within is not None:
        return _of_curve(ring, activation)
    enough = FINEST[-1] * 2.0**ring.fraction_bits
    for within in FINEST:
        table = _of_curve(ring, replace(activation, within=within))
        if table.bound.units <= enough:
            break
    return table


# Lines


@cache
def _of_lines(ring: Ring, name: str, form: Lines) -> Pieces:
    """Return lines: x times a slope, whose rounding counts a quarter unit where the ring has room.

    Sums are below 2^(V − 1 + s) times the greatest slope, s being the fraction bits of slopes.
    """
    f, top = ring.fraction_bits, ring.value_bits - 1
    limits = tuple(_reached(ring, limit) for limit in form.limits)
    ends = [-ring.bound, *form.limits, ring.bound]
    reach = [min(max(abs(a), abs(b)), ring.bound) for a, b in itertools.pairwise(ends)]
    most = max([1.0, *(abs(slope) for slope, _ in form.lines)])
    offset = max(abs(constant) for _, constant in form.lines)
    tall = max(math.ceil(math.log2(most)) + top, math.ceil(math.log2(max(offset, 2.0**-f))) + f) + 1

    def missing(bits: int) -> float:
        """Return what the rounding of slopes with so many fraction bits counts, in units."""
        pairs = zip(form.lines, reach, strict=True)
        return max(abs(_rounded(slope, bits) - slope) * far * 2.0**f for (slope, _), far in pairs)

    scaled = next((bits for bits in range(WIDEST - 2 - tall) if missing(bits) <= 0.25), None)
    if scaled is None:
        scaled = max(0, WIDEST - 2 - tall)
    compared = _compared(ring, limits)
    bits = min(WIDEST, max(ring.bits, tall + scaled + 2, compared))
    if tall + scaled + 2 > WIDEST or compared > WIDEST:
        raise InputError(
            f"ring: {name} needs more than {WIDEST} bits with value_bits = {ring.value_bits}: accepted "
            "are fewer value_bits, smaller slopes and limits within the range of values"
        )
    slopes = [round(slope * 2.0**scaled) for slope, _ in form.lines]
    constants = [round(constant * 2.0 ** (f + scaled)) for _, constant in form.lines]
    exact = missing(scaled) == 0
    units = missing(scaled) + (0.5 if scaled == 0 else 1.0 + 2.0**-scaled) + most
    whole = exact and all(constant * 2.0**f % 1 == 0 for _, constant in form.lines)
    if whole and all(limit * 2.0**f % 1 == 0 for limit in form.limits):
        units = 0.0 if scaled == 0 else 1.0
    marks = tuple((j, None) for j in range(len(limits)))
    return Pieces(
        bits, limits, marks, compared, f + scaled, _thermometer(slopes), _thermometer(constants), None,
        Bound(units),
    )  # fmt: skip


def _rounded(value: float, bits: int) -> float:
    return round(value * 2.0**bits) / 2.0**bits


def _thermometer(values: list[int]) -> Jumps:
    return Jumps(values[0], tuple(b - a for a, b in itertools.pairwise(values)))


def _reached(ring: Ring, limit: float) -> int:
    """Return the least integer that reaches a limit."""
    return math.ceil(limit * 2.0**ring.fraction_bits)


def _compared(ring: Ring, limits: tuple[int, ...]) -> int:
    """Return the signed bits of the difference of a value and any of the limits."""
    return max(ring.value_bits, *(abs(limit).bit_length() + 1 for limit in limits)) + 1


# Curves


@dataclass(frozen=True)
class Widths:
    """What rings need in a ring of so many value bits.

    Attributes:
        noise: units 2^−g that the rounding of powers, coefficients and cuts counts.
        wanted: g, for which that is a quarter of the error.
        tall: signed bits of the whole part of all sums.
    """

    noise: float
    wanted: int
    tall: int

    @property
    def needed(self) -> int:
        """Bits of the sums."""
        return 2 * self.wanted + self.tall + 2

    @classmethod
    def of(cls, ring: Ring, curve: Curve, found: Rings, error: float) -> Widths:
        """Return them.

        A power y^i is off by at most 2i − 1 units 2^−g, so that the sum over a polynomial is off by
        N = Σ 2i |e_i| + blocks + (q + 1)/2 units, coefficients and cuts of blocks among them; of an odd one
        R times that. g is the least with N 2^−g ≤ ε/4, and f + 1 at least. Where y is
        no square it keeps its f + c bits, so that its coefficients have 2g − f − c: as many as the others
        would need.
        """
        shape, odd = found.shape, curve.form.symmetry == "odd"
        weight = max(sum(2 * i * abs(e) for i, e in enumerate(one)) for one in found.polynomials)
        noise = (weight + shape.blocks + (shape.degree + 1) / 2) * (curve.far if odd else 1.0)
        wanted = max(ring.fraction_bits + 1, math.ceil(math.log2(4 * noise / error)))
        if curve.form.symmetry == "left":
            wanted = max(wanted, (wanted + ring.fraction_bits + curve.unit[1] + 1) // 2)
        most = max(sum(map(abs, one)) for one in found.polynomials) + 1
        sloped = 0 if odd else ring.value_bits - ring.fraction_bits
        return cls(noise, wanted, max(sloped, math.ceil(math.log2(most)) + 1))


def _chosen(ring: Ring, curve: Curve, several: tuple[Rings, ...], error: float) -> tuple[Rings, Widths]:
    """Return the rings that cost least of those whose sums fit; if none do, those of the least bits."""
    widths = {one: Widths.of(ring, curve, one, error) for one in several}

    def order(one: Rings) -> tuple[int, int, int]:
        over = max(0, widths[one].needed - WIDEST)
        return over, one.shape.products + 2 * len(one.polynomials), one.shape.levels

    best = min(several, key=order)
    return best, widths[best]


@cache
def _of_curve(ring: Ring, activation: Activation) -> Pieces:
    """Return the table of a smooth activation; g is less than wanted where 64 bits do not hold the sums."""
    f = ring.fraction_bits
    error = max(activation.within or FINEST[-1], TARGET * 2.0**-f)
    curve, several = fitted(activation, error / 2)
    found, widths = _chosen(ring, curve, several, error)
    form, shape = curve.form, found.shape
    square, odd = form.symmetry != "left", form.symmetry == "odd"
    kappa, cut = curve.unit
    limits, marks, inside = _marks(ring, found.edges, square)
    compared = _compared(ring, limits)
    powers = 2 * f + cut + 3 if square else 2 * (f + cut) + 2
    needed = max(widths.needed, powers, compared)
    bits = min(WIDEST, max(ring.bits, needed))
    near = min(widths.wanted, (bits - 2 - widths.tall) // 2)
    least = near if square else min(near, 2 * near - f - cut)
    if least < f - 2 or max(compared, powers) > WIDEST:
        raise InputError(
            f"ring: {activation.name} by pieces works on {needed} bits with fraction_bits = {f} and "
            f"value_bits = {ring.value_bits}: accepted are fewer, for {WIDEST} bits at most"
        )
    units = 1.0 + (found.error if form.widest else error / 2) * 2.0**f + widths.noise * 2.0 ** (f - least)
    scale = near + f if odd else 2 * near
    table = _tables(curve, found, near, scale, f)
    core = Core(square, odd, near, kappa, cut, shape, inside, table[2])
    return Pieces(bits, limits, marks, compared, scale, table[0], table[1], core, Bound(units))


def _marks(
    ring: Ring, edges: tuple[float, ...], square: bool
) -> tuple[tuple[int, ...], tuple[tuple[int, int | None], ...], tuple[int, ...]]:
    """Return limits, marks (of each ring, then of what is above all), and what adds up to `inside`.

    Of rings on both sides a mark is |x| < edge, so that one contains the next; below 0 they are disjoint.
    """
    outer = edges[1:]
    count = len(outer)
    if square:
        limits = (*(_reached(ring, -edge) for edge in reversed(outer)), *(_reached(ring, e) for e in outer))
        nested = tuple((count - 1 - i, count + i) for i in range(count))
        return limits, (*nested, (2 * count - 1, None)), (*[0] * (count - 1), 1, 0)
    limits = tuple(_reached(ring, -edge) for edge in reversed(edges))
    apart = tuple((count - 1 - i, count - i) for i in range(count))
    return limits, (*apart, (count, None)), (*[1] * count, 0)


def _tables(
    curve: Curve, found: Rings, near: int, scale: int, f: int
) -> tuple[Jumps, Jumps, tuple[Jumps, ...]]:
    """Return slope, constant and coefficients, by marks."""
    form, count = curve.form, len(found.polynomials)
    square, odd = form.symmetry != "left", form.symmetry == "odd"
    tau = f + curve.unit[1]

    def by_marks(below: int, pieces: list[int], above: int) -> Jumps:
        """Return jumps of what is said for the left end, each ring from 0 outwards, and the right end."""
        if square:  # rings are nested: the outermost is left for the end below
            steps = [a - b for a, b in itertools.pairwise([*pieces, below])]
        else:
            steps = [one - below for one in pieces]
        return Jumps(below, (*steps, above - below))

    def rounded(value: float, bits: int) -> int:
        return round(value * 2.0**bits)

    slope = by_marks(
        rounded(form.ends[0][0], scale - f),
        [rounded(form.middle[0], scale - f)] * count,
        rounded(form.ends[1][0], scale - f),
    )
    first = [0 if odd else rounded(one[0], scale) for one in found.polynomials]
    constant = by_marks(
        rounded(form.ends[0][1], scale),
        [rounded(form.middle[1], scale) + one for one in first],
        rounded(form.ends[1][1], scale),
    )
    coefficients = []
    for power in range(found.shape.degree + 1):
        inner = found.shape.height if power == found.shape.degree else power % found.shape.height
        own = {0: 0, 1: near if square else tau}.get(inner, near)  # fraction bits of y^inner
        values = [rounded(one[power], 2 * near - own) for one in found.polynomials]
        coefficients.append(by_marks(0, values, 0))
    return slope, constant, tuple(coefficients)
