"""Batch normalisation in training, over the interface of a family.

Of N values a channel, d = x − μ; with r = 1/√(Σ d² / N + ε) and a = γ r, one number a channel each, the
output is a d + β: as a linear layer's sums, which pooling and ReLU take as they are. The gradient by the
input is

    a (g − ḡ) − d p,  p = a r m,  m = mean(g d r),

one sum of two products, that is cut once, like that by any linear layer's input (Ioffe, Szegedy 2015). So
all that costs by the number of values is what a linear layer's sums and gradients cost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mpcsim import InputError
from protocols.domains import Ring
from protocols.family import Family, Sum, Value
from protocols.functions import Norm, inverse_root
from protocols.training.schedule import Scales

AVERAGE_BITS = 16
"""Fraction bits of the part of a batch in running statistics."""
_FACTOR_BITS = 14


@dataclass(frozen=True)
class Channels:
    """How channels of so many values are normalised.

    Attributes:
        count: N.
        norm: of their squares; ε is in its offset.
        cut: fraction bits of 1 / N.
        quotient: fraction bits of p / a.
    """

    count: int
    norm: Norm
    cut: int
    quotient: int

    @classmethod
    def of(cls, scales: Scales, ring: Ring, count: int, epsilon: float) -> Channels:
        """Return the plan.

        Raises:
            InputError: one value a channel has no variance; or there is no room for the sums of so many.
        """
        if ring.bits != 64:
            raise InputError(f"ring.bits = {ring.bits}: batch normalisation trains with 64 bits alone")
        if count < 2:
            raise InputError("one value a channel of a batch has no variance; accepted: two or more")
        norm = Norm.of(ring, count, epsilon, True, spare=0)
        cut = ring.bits - 3 - (ring.value_bits - 1)
        return cls(count, norm, cut, max(norm.inverse, scales.gradient - scales.value))

    @property
    def share(self) -> int:
        """1 / N with `cut` fraction bits."""
        return round(2.0**self.cut / self.count)


def remembering(ring: Ring, epsilon: float) -> Norm:
    """Return the plan of an inverse root of a running variance, to which ε is already added."""
    return Norm.of(ring, 1, epsilon, True, spare=0)


@dataclass(frozen=True)
class Normed:
    """What a batch's normalisation keeps.

    Attributes:
        deviations: d, (N, channels), f fraction bits.
        inverse: r, with `Norm.inverse` fraction bits.
        scale: a, at the weights' scale.
        mean: μ.
        squares: N (variance + ε), as `Norm` cuts it.
    """

    deviations: Value
    inverse: Value
    scale: Value
    mean: Value
    squares: Value


@dataclass(frozen=True)
class Slopes:
    """Gradients at the gradients' scale: by γ, by β, and what makes that by the input.

    Attributes:
        centred: g − ḡ.
        across: p, at the scale by which d p is at that of a g.
    """

    scale: Value
    shift: Value
    centred: Value
    across: Value


def _times(me: Family, x: Value, factor: int) -> Value:
    return me.scale(x, me.ring.encode_integers(np.asarray(factor)))


async def _cut(me: Family, x: Value, shift: int) -> Value:
    return await me.close(me.as_sum(x), shift)


async def _product(me: Family, x: Value, y: Value, shift: int) -> Value:
    return await me.close(await me.product("mul", x, y), shift)


def _centred(me: Family, x: Value, mean: Value) -> Value:
    return me.local(me.kernels.sub, x, mean)


async def _dot(me: Family, x: Value, y: Value) -> Sum:
    """Return Σ x y of each channel of (N, channels), not cut."""
    return await me.product("dot", *(me.local(lambda part: part.T, each) for each in (x, y)))


async def normed(me: Family, x: Value, scale: Value, plan: Channels) -> Normed:
    """Return the normalisation of (N, channels) by their own mean and variance.

    Args:
        scale: γ, at the weights' scale.

    Rounds and bits: of each channel, those of a mean, a sum of squares, comparisons with limits as numbers,
    and four products.
    """
    me = me.safely()
    mean = await _cut(me, _times(me, me.total(x, 0), plan.share), plan.cut)
    deviations = _centred(me, x, mean)
    z = await _dot(me, deviations, deviations)
    offset = me.kernels.full(z.shape, plan.norm.offset, me.ring.dtype)
    squares = await me.close(me.plus(z, me.as_sum(me.public(offset))), plan.norm.cut)
    inverse = await inverse_root(me, squares, plan.norm)
    return Normed(deviations, inverse, await _product(me, scale, inverse, plan.norm.inverse), mean, squares)


async def recalled(
    me: Family, x: Value, scale: Value, mean: Value, variance: Value, scales: Scales, norm: Norm
) -> tuple[Value, Value]:
    """Return (d, a) of (N, channels) by running statistics, which are at the weights' scale.

    Rounds and bits: of each channel, those of two cuts side by side, comparisons with limits as numbers,
    and four products.
    """
    me = me.safely()
    lost = scales.weight + norm.cut - 2 * scales.value

    async def squares() -> Value:
        return await _cut(me, variance, lost) if lost > 0 else _times(me, variance, 1 << -lost)

    coarse, found = await me.party.gather(_cut(me, mean, scales.weight - scales.value), squares())
    inverse = await inverse_root(me, found, norm)
    return _centred(me, x, coarse), await _product(me, scale, inverse, norm.inverse)


async def slopes(me: Family, kept: Normed, g: Value, plan: Channels, scales: Scales) -> Slopes:
    """Return what a gradient (N, channels) by the output gives.

    Requires: |Σ g d| of a channel, and |a p|, within what the ring holds beside their fraction bits.

    Rounds and bits: of each channel, those of two cuts side by side, and of four more.
    """
    me = me.safely()
    total = me.total(g, 0)
    along, mean = await me.party.gather(
        _closed(me, kept.deviations, g, scales.value), _cut(me, _times(me, total, plan.share), plan.cut)
    )
    by_scale = await _product(me, kept.inverse, along, plan.norm.inverse)
    share = await _cut(me, _times(me, by_scale, plan.share), plan.cut)
    lost = plan.norm.inverse + scales.gradient - plan.quotient
    quotient = await _product(me, kept.inverse, share, lost)
    across = await _product(me, kept.scale, quotient, plan.quotient + scales.value - scales.gradient)
    return Slopes(by_scale, total, _centred(me, g, mean), across)


async def _closed(me: Family, x: Value, y: Value, shift: int) -> Value:
    return await me.close(await _dot(me, x, y), shift)


async def by_input(me: Family, kept: Normed, found: Slopes) -> Sum:
    """Return the gradient by the input, (N, channels), at the weights' scale times that of gradients."""
    first = await me.product("mul", found.centred, kept.scale)
    return me.plus(first, await me.product("mul", kept.deviations, me.negate(found.across)))


async def remembered(
    me: Family, kept: Normed, held: tuple[Value, Value], plan: Channels, scales: Scales, part: float
) -> tuple[Value, Value]:
    """Return running (mean, variance + ε), at the weights' scale, after a batch, of which they take `part`.

    Rounds and bits: of each channel, those of a cut, and beside it of two, one after the other.
    """
    me = me.safely()
    weight = round(part * 2.0**AVERAGE_BITS)

    async def towards(old: Value, new: Value) -> Value:
        change = _times(me, me.subtract(new, old), weight)
        return me.add(old, await _cut(me, change, AVERAGE_BITS))

    async def variance() -> Value:
        ratio = 2.0 ** (plan.norm.cut + scales.weight - 2 * scales.value) / plan.count
        bits = variance_bits(ratio)
        return await towards(
            held[1], await _cut(me, _times(me, kept.squares, round(ratio * 2.0**bits)), bits)
        )

    raised = _times(me, kept.mean, 1 << (scales.weight - scales.value))
    mean, spread = await me.party.gather(towards(held[0], raised), variance())
    return mean, spread


def variance_bits(ratio: float) -> int:
    """Return with how many fraction bits a ratio has fifteen bits in all, or more."""
    return max(0, _FACTOR_BITS - math.floor(math.log2(ratio)))
