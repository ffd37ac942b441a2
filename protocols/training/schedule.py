"""The public integers of every step of a training, as precise as the ring has room for.

A step is v ← momentum · v + G / batch + decay · w, w ← w − rate · v for the batch's summed gradient G. On
shares it takes five integers, a factor each of what is there already, and one truncation. Kept is not v
but ṽ = σ v, with a public σ of each step's own in (1/2, 1] (below 1/2 only where the rate is below half a
unit of 2^(velocity − weight bits)): that makes every factor as good as exact.

| integer | stands for | precision |
|---|---|---|
| `rate` | r / σ, times 2^(weight − velocity bits) | exact: rounded up, and σ is what that leaves |
| `lift` · `batch` | σ / images, times 2^(lift + batch bits) | see below |
| `momentum` | μ σ / σ' (σ' of the step before), times 2^update | 2^−update |
| `decay` | σ λ, times 2^(velocity + update − weight bits) | half a unit in the *sum* over all steps |

`batch` multiplies the gradient of weights, which leaves only `batch_bits` for it; `lift` multiplies the
gradient of the logits, where p − y is to be lifted by 2^(gradient − value bits) anyway: any integer from
half of that to all of it costs at most a bit of the gradients' precision. Of the pairs, the first within
2^−12 is taken, else the nearest. N = σ 2^(lift + batch bits) / images is the number to hit: the error is
at most half a unit of it, so at most 2^−8 for N ≥ 2^7, and 2^−12 where N is above about 2^14 (l = 64, f =
16, V = 31: batches up to 64). Where all are powers of two nothing is rounded and σ = 1.

A rate is refused where N rounds to 0 or is off by more than 2^−7 of itself, and where rate · velocity
could wrap the ring. In a schedule that falls to zero (a cosine) the last steps need less than there is:
there what rounding leaves of a step is carried to the next, so that their sum is right to half a unit,
and a step may be off by 2^−8 of the greatest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from mpcsim import InputError
from protocols.domains import Ring

_RATE_BITS = 12
VELOCITY_ROOM = 10
"""A velocity is below 2^10."""
_GRADIENT_ROOM = 6
_GOOD = 2.0**-12
_TOLERANCE = 2.0**-7
_OF_GREATEST = 2.0**-8
_CANDIDATES = 512


@dataclass(frozen=True)
class Scales:
    """Fraction bits of what training keeps, and the shift of an update.

    Attributes:
        value: f, of images and outputs of layers.
        gradient: of gradients by the outputs of layers.
        weight: of weights and biases.
        velocity: of velocities.
        update: fraction bits of an update's sum below the velocity's.
    """

    value: int
    gradient: int
    weight: int
    velocity: int
    update: int

    @classmethod
    def of(cls, ring: Ring) -> Scales:
        """Return what a ring leaves room for.

        Raises:
            InputError: the ring is too small to train in.
        """
        weight = ring.bits - ring.value_bits - 3
        velocity = weight - _RATE_BITS
        scales = cls(
            value=ring.fraction_bits,
            gradient=ring.value_bits - 1 - _GRADIENT_ROOM,
            weight=weight,
            velocity=velocity,
            update=ring.bits - 2 - velocity - VELOCITY_ROOM,
        )
        if min(scales.batch_bits - 8, velocity - 12, scales.lift_bits - 4) < 0:
            raise InputError(
                f"ring: training needs room for gradients and weights beside values, which bits = "
                f"{ring.bits}, fraction_bits = {ring.fraction_bits}, value_bits = {ring.value_bits} do "
                "not leave; 64, 16 and 31 do"
            )
        return scales

    @property
    def batch_bits(self) -> int:
        """Fraction bits of the factor `batch` in an update."""
        return self.velocity + self.update - self.value - self.gradient

    @property
    def lift_bits(self) -> int:
        """Fraction bits of the factor `lift`: those that a gradient has more than a value."""
        return self.gradient - self.value

    @property
    def rate_bits(self) -> int:
        """Fraction bits of the factor `rate`."""
        return self.weight - self.velocity

    @property
    def unit(self) -> float:
        """Least rate that is not zero, of a batch of one image."""
        return 2.0 ** -(self.lift_bits + self.batch_bits + self.rate_bits)

    @property
    def decay_bits(self) -> int:
        """Fraction bits of the factor `decay`."""
        return self.velocity + self.update - self.weight


@dataclass(frozen=True)
class Descent:
    """One step in public integers, as the table above has them.

    Attributes:
        scale: σ; a velocity of `s` on shares stands for s / σ.
    """

    rate: int
    momentum: int
    decay: int
    batch: int
    lift: int
    scale: float = 1.0

    @classmethod
    def of(cls, scales: Scales, rate: float, momentum: float, decay: float, images: int) -> Descent:
        """Return a single step, or the first of many."""
        return descents(scales, [rate], [images], momentum, decay)[0]

    def share(self, scales: Scales) -> float:
        """Return what the summed gradient is multiplied by on its way to the velocity: about σ / images."""
        return self.lift * self.batch / 2.0 ** (scales.lift_bits + scales.batch_bits)

    def applied(self, scales: Scales) -> float:
        """Return by how much the summed gradient moves a weight in this step: about rate / images."""
        return self.share(scales) * self.rate / 2.0**scales.rate_bits


def descents(
    scales: Scales,
    rates: Sequence[float],
    images: Sequence[int],
    momentum: float,
    decay: float,
    falls: bool = False,
) -> list[Descent]:
    """Return every step of a schedule.

    Args:
        rates: of each step, as real numbers.
        images: of each step's batch.
        falls: the rate falls to zero, so that the last ones may be coarser.

    Raises:
        InputError: a rate, the momentum or the decay vanishes, cannot be told from its neighbours, or
            overflows; names the step.
    """
    if momentum and round(momentum * 2.0**scales.update) == 0:
        raise InputError(
            f"training.momentum = {momentum:g}: rounds to 0; accepted: 0, or at least "
            f"{2.0**-scales.update:g}"
        )
    steps: list[Descent] = []
    greatest = max((rate / size for rate, size in zip(rates, images, strict=True)), default=0.0)
    before, owed, paid, carried = 1.0, 0.0, 0, 0.0
    for number, (rate, size) in enumerate(zip(rates, images, strict=True)):
        whole, scale = _rate(scales, rate, number)
        wanted = scale * 2.0 ** (scales.lift_bits + scales.batch_bits) / size
        if falls and wanted < 2 ** (scales.lift_bits - 1):
            lift, batch = round(carried + wanted), 1
            carried += wanted - lift
        else:
            lift, batch = _factors(wanted, scales.lift_bits)
        owed += scale * decay * 2.0**scales.decay_bits
        step = Descent(
            rate=whole,
            momentum=round(momentum * scale / before * 2.0**scales.update),
            decay=round(owed) - paid,
            batch=batch,
            lift=lift,
            scale=scale,
        )
        paid, before = round(owed), scale
        _check(scales, step, number, rate, size, _OF_GREATEST * greatest if falls else 0.0)
        steps.append(step)
    if decay and steps and paid == 0:
        raise InputError(
            f"training.decay = {decay:g}: rounds to 0 over all {len(steps)} steps; accepted: 0, or at "
            f"least about {2.0**-scales.decay_bits / len(steps):.2g}"
        )
    return steps


def _rate(scales: Scales, rate: float, number: int) -> tuple[int, float]:
    """Return a rate's integer, rounded up, and σ: the rate over what the integer stands for."""
    room = 1 + scales.update - scales.rate_bits
    if not 0 <= rate < 2.0**room:
        raise InputError(
            f"training.rate: step {number + 1} has the rate {rate:g}; accepted in this ring: below "
            f"2^{room} = {2.0**room:g}, above which rate · velocity does not fit"
        )
    words = rate * 2.0**scales.rate_bits
    whole = max(1, math.ceil(words))
    return whole, words / whole


@lru_cache(maxsize=4096)
def _factors(wanted: float, lift_bits: int) -> tuple[int, int]:
    """Return (lift, batch), whole numbers whose product is near `wanted`; 2^(bits − 1) ≤ lift ≤ 2^bits."""
    most = 1 << lift_bits
    if wanted < most / 2:
        return round(wanted), 1
    least = max(1, math.ceil(wanted / most))
    last = max(least, min(math.floor(2 * wanted / most), least + _CANDIDATES))
    batches = np.arange(least, last + 1)
    lifts = np.minimum(np.rint(wanted / batches), most).astype(np.int64)
    errors = np.abs(lifts * batches / wanted - 1)
    good = np.flatnonzero(errors <= _GOOD)
    place = good[0] if good.size else errors.argmin()
    return int(lifts[place]), int(batches[place])


def _check(scales: Scales, step: Descent, number: int, rate: float, size: int, slack: float) -> None:
    found, slack = step.applied(scales) * size, slack * size
    where = f"training.rate: step {number + 1} has the rate {rate:.6g}, its batch {size} images"
    unit = size * scales.unit
    error = abs(found - rate)
    if found == 0 and error > slack:
        raise InputError(
            f"{where}: it rounds to 0 (a step moves a weight by multiples of {unit:.3g} times the mean "
            "gradient); accepted: a greater rate, smaller batches, or a schedule that ends before"
        )
    if error > max(_TOLERANCE * rate, slack):
        raise InputError(
            f"{where}: it would be {found:.4g}, {error / rate:.1%} off (near multiples of "
            f"{unit:.3g}); accepted: at most {_TOLERANCE:.1%} off: smaller batches, or a greater rate"
        )
