"""Normalisation of rows: layer, root mean square, groups; one inverse root a row, in few rounds.

A row's sum of squares is compared with many limits at once, a few a doubling, so that a public factor for
each place brings it near one, and a polynomial of degree two does the rest: bytes a row for rounds, where a
row has many values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from mpcsim import InputError
from protocols.domains import Ring, Words
from protocols.family import Family, Value, composite
from protocols.functions.curves import chebyshev
from protocols.functions.normalise import inside, weighted
from protocols.functions.precision import WIDEST
from protocols.functions.products import multiply_fixed

Reals = NDArray[np.float64]
NORMS = ("layer_norm", "rms_norm", "group_norm")
"""By name."""
SPARE = 2
"""Fraction bits of deviations from the mean beyond a value's."""
ROOM = 46
"""Bits of a sum of squares that are kept."""
LEAST = 6
"""Bits of the least sum of squares that is told apart."""
PLACES = 8
"""Limits a doubling: the polynomial of 1/√ is then within 2^−16.8."""
FINE = 12
"""Fraction bits of its last coefficient."""


@dataclass(frozen=True)
class Norm:
    """How rows of so many values are normalised in a ring.

    Attributes:
        bits: L.
        mean: what sums of a row are multiplied by, and cut by `mean_cut`; None without a mean.
        offset: ε, in units of a sum of squares of deviations with f + SPARE fraction bits.
        cut: bits cut off sums of squares.
        limits: of what is left, ascending.
        factors: for each place u, with 2^near < x u / 2^(raised − near) < 2^(near + 1/8) or so.
        raised: fraction bits of x u, before it is cut to `near`.
        near: g.
        coefficients: of the polynomial of 1/√m, m = middle + t.
        middle: m's middle.
        roots: of each place, √(n u) with `inverse` fraction bits.
        inverse: fraction bits of 1/σ.
        compared: signed bits of what is left less a limit.
        widest: the root mean square of deviations that the ring holds.
    """

    bits: int
    mean: int | None
    mean_cut: int
    offset: int
    cut: int
    limits: tuple[int, ...]
    factors: tuple[int, ...]
    raised: int
    near: int
    coefficients: tuple[float, ...]
    middle: float
    roots: tuple[int, ...]
    inverse: int
    compared: int
    widest: float

    @classmethod
    @cache
    def of(cls, ring: Ring, columns: int, epsilon: float, centred: bool, spare: int = SPARE) -> Norm:
        """Return the plan of a ring: sums of squares are below 2^62, deviations of V bits and `spare`.

        Without spare bits deviations of a value are kept that lose no bits of their squares.

        Raises:
            InputError: there is no room, or no row; the rule is named.
        """
        f, top = ring.fraction_bits, ring.value_bits - 1
        if columns < 1 or not epsilon > 0:
            raise InputError(
                f"a normalisation of rows of {columns} with epsilon = {epsilon:g}: accepted are rows of 1 "
                "value or more, and an epsilon above 0"
            )
        many = max(0, math.ceil(math.log2(columns)))
        room = (WIDEST - 2 - many) // 2 - f - spare
        wide = min(top - f, room)
        if spare == 0:
            wide = min(wide, ROOM // 2 - f)
        inverse = min(f + 6, WIDEST - 2 - top - spare)
        if wide < 1 or inverse < f // 2:
            raise InputError(
                f"ring: a normalisation of rows of {columns} has no room with fraction_bits = {f} and "
                f"value_bits = {ring.value_bits}: accepted are fewer"
            )
        highest = 2 * (wide + f + spare) + many
        cut = max(0, highest - ROOM)
        offset = max(1, round(columns * epsilon * 4.0 ** (f + spare)))
        low = max(float(1 << LEAST), offset / 2.0**cut)
        count = max(1, math.ceil(PLACES * (highest - cut - math.log2(low))))
        ends = [low * 2.0 ** (j / PLACES) for j in range(count + 1)]
        raised = WIDEST - 4
        factors = tuple(math.floor(2.0**raised / end) for end in ends[:-1])
        ratio = 2.0 ** (1 / PLACES)
        near = min(f + 6, (WIDEST - 2 - FINE) // 2)
        coefficients = chebyshev(lambda m: m**-0.5, 1.0, ratio, 2)
        half = (ratio - 1) / 2
        scaled = tuple(one / half**power for power, one in enumerate(coefficients))
        roots = tuple(
            round(math.sqrt(columns * 4.0 ** (f + spare) / 2.0**cut * factor / 2.0**raised) * 2.0**inverse)
            for factor in factors
        )
        mean_cut = WIDEST - 3 - top
        return cls(
            WIDEST, round(2.0**mean_cut / columns) if centred else None, mean_cut, offset, cut,
            tuple(math.ceil(end) for end in ends[1:-1]), factors, raised, near, scaled, 1 + half, roots,
            inverse, highest - cut + 2, 2.0**wide,
        )  # fmt: skip

    def bound(
        self, ring: Ring, columns: int, deviation: Reals, size: Reals, mean: Reals, scale: Reals
    ) -> Reals:
        """Return what (x − mean) / σ · scale + shift is off by, at most, by value.

        Args:
            deviation: x − mean, of which |scale · deviation| < bound of a value.
            size: σ = √(variance + ε), at most `widest`, and at least that of the least sum told apart.
            mean: of the row.
            scale: its factor.
        """
        f = ring.fraction_bits
        unit, fine = 2.0**-f, 2.0 ** -(f + SPARE)
        squares = size**2 * columns / fine**2 / 2.0**self.cut
        relative = 2.0**-16.8 + 4 * 2.0**-self.near + 1 / squares
        of_mean = fine + np.abs(mean) * columns * 2.0 ** -(self.mean_cut + 1)
        moved = np.abs(scale) * (of_mean + columns * of_mean**2 / size) + fine
        small = np.abs(deviation * scale) * 1.5 * 2.0**-self.inverse
        found: Reals = np.abs(deviation * scale) / size * relative + moved / size + small + unit
        return found


@composite
async def layer_norm(
    me: Family, x: Value, scale: Value | None, shift: Value | None, epsilon: float
) -> Value:
    """Return (x − mean) / √(variance + ε) · scale + shift over the last axis; see `normalised`.

    Args:
        scale, shift: values of the length of a row; None for 1, and for 0.
        epsilon: ε.
    """
    rows = me.reshape(x, (-1, x.shape[-1]))
    plan = Norm.of(me.ring, x.shape[-1], epsilon, True)
    return me.reshape(await normalised(me, rows, plan, scale, shift), x.shape)


@composite
async def rms_norm(me: Family, x: Value, scale: Value | None, epsilon: float) -> Value:
    """Return x / √(mean of squares + ε) · scale over the last axis; see `normalised`."""
    rows = me.reshape(x, (-1, x.shape[-1]))
    plan = Norm.of(me.ring, x.shape[-1], epsilon, False)
    return me.reshape(await normalised(me, rows, plan, scale, None), x.shape)


@composite
async def group_norm(
    me: Family, x: Value, groups: int, scale: Value | None, shift: Value | None, epsilon: float
) -> Value:
    """Return (images, …, channels) normalised over all places and the channels of each of the groups.

    Args:
        groups: how many, of neighbouring channels; as many as channels normalise each by itself.
        scale, shift: of each channel; None for 1, and for 0.

    Raises:
        InputError: groups do not divide the channels.
    """
    images, *places, channels = x.shape
    if groups < 1 or channels % groups:
        raise InputError(f"groups = {groups}: accepted is what divides the {channels} channels")
    together, count = channels // groups, math.prod(places)
    columns = count * together

    def rows(part: Words) -> Words:
        parts = part.reshape((images, count, groups, together))
        return parts.transpose((0, 2, 1, 3)).reshape((images * groups, columns))

    def every(part: Words) -> Words:
        wide = part.reshape((1, 1, channels))
        return rows(np.broadcast_to(wide, (images, count, channels)))

    def back(part: Words) -> Words:
        parts = part.reshape((images, groups, count, together))
        return parts.transpose((0, 2, 1, 3)).reshape(x.shape)

    plan = Norm.of(me.ring, columns, epsilon, True)
    of_channel = [None if one is None else me.local(every, one) for one in (scale, shift)]
    return me.local(back, await normalised(me, me.local(rows, x), plan, *of_channel))


async def normalised(
    me: Family, rows: Value, plan: Norm, scale: Value | None, shift: Value | None
) -> Value:
    """Return rows less their means (if the plan says so) over their root mean square, scaled and shifted.

    Deviations d keep SPARE bits more; Σ d² + n ε is cut to 46 bits at most, compared with limits eight a
    doubling, and 1/σ is a factor of its place times a polynomial of what is left; scale · d is computed
    beside that. Rounds: a mean, a dot product, a comparison as numbers, and four products.
    """
    wide = me.safely().widened(plan.bits)
    f, k = me.ring.fraction_bits, me.kernels
    given = [one for one in (rows, scale, shift) if one is not None]
    held = list(await me.party.gather(*(me.widen(one, wide) for one in given)))
    rows = held.pop(0)
    scale = held.pop(0) if scale is not None else None
    shift = held.pop(0) if shift is not None else None
    deviations = wide.scale(rows, wide.constant(1, SPARE))
    if plan.mean is not None:
        total = wide.scale(wide.total(rows, 1), wide.ring.encode_integers(np.int64(plan.mean)))
        mean = await wide.close(wide.as_sum(total), plan.mean_cut - SPARE)
        deviations = wide.local(lambda d, m: k.sub(d, m.reshape(-1, 1)), deviations, mean)

    async def inverse() -> Value:
        z = await wide.product("dot", deviations, deviations)
        z = wide.plus(z, wide.as_sum(_public(wide, z, plan.offset)))
        return await inverse_root(wide, await wide.close(z, plan.cut), plan)

    scaled = [] if scale is None else [multiply_fixed(wide, deviations, scale, f)]
    inverses, *others = await wide.party.gather(inverse(), *scaled)
    numerator = others[0] if others else deviations
    z = await wide.product("mul", numerator, wide.reshape(inverses, (-1, 1)))
    if shift is not None:
        z = wide.bias(z, shift, SPARE + plan.inverse)
    return me.narrow(await wide.close(z, SPARE + plan.inverse), wide)


async def inverse_root(wide: Family, squares: Value, plan: Norm) -> Value:
    """Return 1/σ with `plan.inverse` fraction bits from sums of squares, as `plan` cuts them.

    Rounds: a comparison as numbers, and three products.
    """
    near = plan.near
    marks = [(place, None) for place in range(len(plan.limits))]
    found = await inside(wide, squares, plan.limits, marks, plan.compared)
    factor, root = (weighted(wide, found, values) for values in (plan.factors, plan.roots))
    m = await multiply_fixed(wide, factor, squares, plan.raised - near)
    t = wide.add_public(m, wide.constant(-plan.middle, near))
    first, second, third = plan.coefficients
    line = wide.add_public(wide.scale(t, wide.constant(third, FINE)), wide.constant(second, near + FINE))
    z = await wide.product("mul", t, line)
    z = wide.plus(z, wide.as_sum(_public(wide, t, round(first * 2.0 ** (2 * near + FINE)))))
    power = await wide.close(z, near + FINE)
    return await multiply_fixed(wide, power, root, near)


def _public(wide: Family, value: Value, number: int) -> Value:
    words = wide.ring.encode_integers(np.int64(number))
    return wide.public(wide.kernels.add(wide.kernels.zeros(value.shape, wide.ring.dtype), words))
