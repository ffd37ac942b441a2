"""Comparisons, bits, and functions of real numbers on two servers and a dealer.

The functions are those written for every family (docs/constructions.md, "Accuracy"): their widths, degrees
and iterations are `analysis.costs.replicated3.precision`'s; places come from comparisons with all limits.
"""

from __future__ import annotations

import math

from analysis.costs.algebra import Cost, sequence, together
from analysis.costs.dealer2.steps import (
    NOTHING,
    fixed,
    lift,
    numbers,
    opening,
    select,
    sign,
    triple,
    truncation,
    wider,
)
from analysis.costs.families import FamilySetting
from analysis.costs.numbers import Number, packed, planes, staircase
from analysis.costs.replicated3 import Setting, precision

_WORD, _NEAR = 64, 28
"""Bits of the widest ring; most fraction bits of numbers near one."""


def exact_truncation(setting: FamilySetting, n: Number) -> Cost:
    """Price a truncation, and two signs side by side of what is left, which lies in f + 3 bits."""
    f = setting.f
    if f == 0:
        return NOTHING
    one, number = sign(setting, n, f + 3), numbers(setting, n)
    return sequence(truncation(setting, n, f), together(one, one), together(number, number))


def compare(setting: FamilySetting, n: Number) -> Cost:
    """Price the sign of a difference, as a number."""
    return sequence(sign(setting, n, setting.V + 1), numbers(setting, n))


def equal(setting: FamilySetting, n: Number) -> Cost:
    """Neither is less."""
    one = sign(setting, n, setting.V + 1)
    return sequence(together(one, one), numbers(setting, n))


def to_bits(setting: FamilySetting, n: Number) -> Cost:
    """R's bits are dealt; all borrows of c − r by Sklansky's network over l − 1 places.

    At distance s a block of places from an odd multiple of s on takes (g, p) of the place below it: p only
    where something is below that. Sources: Escudero et al. 2020; Sklansky 1960.
    """
    costs, places, distance = (
        [opening(setting, packed(n, setting.l), planes(setting.l, n))],
        setting.l - 1,
        1,
    )
    while distance < places:
        opened = dealt = 0
        for block in range(distance, places, 2 * distance):
            outputs = 1 if block == distance else 2
            width = min(distance, places - block)
            opened += outputs + width
            dealt += outputs * width
        costs.append(opening(setting, planes(opened, n), planes(dealt, n)))
        distance *= 2
    return sequence(*costs)


def from_bits(setting: FamilySetting, n: Number) -> Cost:
    """Price a dealt bit for each bit j, as a number mod 2^(l − j)."""
    return opening(setting, planes(setting.l, n), staircase(n, setting.l + 1))


def relu(setting: FamilySetting, n: Number) -> Cost:
    """Price a sign, then a selection of the same number, whose lower V bits are open."""
    return sequence(sign(setting, n, setting.V), select(setting, n, setting.V))


def largest(setting: FamilySetting, n: Number, entries: int) -> Cost:
    """Pairs compete; the winner is the second and, where it is not less, the difference."""
    levels, known = [], setting.V + 1
    while entries > 1:
        pairs = entries // 2 * n
        levels += [sign(setting, pairs, known), select(setting, pairs, known)]
        entries -= entries // 2
    return sequence(*levels)


def argmax(setting: FamilySetting, n: Number, entries: int) -> Cost:
    """Price the same; beside the difference the gap of places is chosen, and in the end that alone."""
    levels, known = [], setting.V + 1
    while entries > 1:
        pairs = entries // 2 * n
        gap = select(setting, pairs)
        chosen = together(gap, select(setting, pairs, known)) if entries > 2 else gap
        levels += [sign(setting, pairs, known), chosen]
        entries -= entries // 2
    return sequence(*levels)


# Functions of real numbers


def _plans(setting: FamilySetting) -> Setting:
    return Setting(l=setting.l, f=setting.f, V=setting.V)


def _size(setting: FamilySetting, n: Number) -> Cost:
    """Price the sign as a number, and what is added to make |x|."""
    parts = together(numbers(setting, n), select(setting, n, setting.V))
    return sequence(sign(setting, n, setting.V), parts)


def _places(setting: FamilySetting, n: Number, limits: int, bits: int) -> Cost:
    """Comparisons with public limits, as numbers."""
    return sequence(sign(setting, n, bits, limits), numbers(setting, n, limits))


def _powers(setting: FamilySetting, n: Number) -> Cost:
    """Comparisons with every power of two below 2^(V − 1)."""
    return _places(setting, n, setting.V - 1, setting.V)


def goldschmidt(
    setting: FamilySetting, n: Number, near: int, steps: int, kept: int, out: int, numerator: bool
) -> Cost:
    """Price result and error side by side; without a numerator the first error is alone."""
    first = fixed(setting, n, near)
    costs, scale = [together(first, first) if numerator else first], kept if numerator else near
    for _ in range(steps - 1):
        costs.append(together(fixed(setting, n, near + scale - kept), first))
        scale = kept
    return sequence(*costs, fixed(setting, n, near + scale - out))


def _quotient(wide: FamilySetting, n: Number, found: precision.Quotient) -> Cost:
    near = found.near
    if found.apart is None:
        return goldschmidt(wide, n, near.g, near.steps, near.kept, wide.f, True)
    inverse = goldschmidt(wide, n, near.g, near.steps, near.g, found.apart, False)
    return sequence(inverse, fixed(wide, n, found.apart + found.guard))


def divide(setting: FamilySetting, n: Number) -> Cost:
    """|b| and a times the power of two that brings |b| to [1/2, 1], with b's sign; then Goldschmidt."""
    found = precision.quotient(_plans(setting), 2 * setting.V - 2 - setting.f)
    wide, top = wider(setting, found.L), setting.V - 1
    return sequence(
        _size(setting, n),
        _powers(setting, n),
        fixed(setting, n, 0),
        together(*[lift(setting, n, found.L)] * 4),
        together(
            fixed(wide, n, max(top - found.near.g, 0)),
            fixed(wide, n, max(top - setting.f - found.guard, 0)),
        ),
        _quotient(wide, n, found),
    )


def reciprocal(setting: FamilySetting, n: Number) -> Cost:
    """Price it for the number 1, whose multiple comes from the places, in the wider ring."""
    found = precision.quotient(_plans(setting))
    wide, top = wider(setting, found.L), setting.V - 1
    lifted = [lift(setting, top * n, found.L), *[lift(setting, n, found.L)] * 3]
    return sequence(
        _size(setting, n),
        _powers(setting, n),
        together(*lifted),
        together(fixed(wide, n, 0), fixed(wide, n, max(top - found.near.g, 0))),
        _quotient(wide, n, found),
    )


def polynomial(setting: FamilySetting, n: Number, degree: int, bits: int, shift: int) -> Cost:
    """Blocks of three coefficients; Horner's rule in the cube. Paterson, Stockmeyer 1973."""
    square, blocks = fixed(setting, n, bits), (degree + 1) // 3
    if blocks == 1:
        return sequence(square, truncation(setting, n, bits + shift))
    costs = [square, together(fixed(setting, n, bits), truncation(setting, n, bits))]
    for block in range(blocks - 2, -1, -1):
        costs += [triple(setting, n, n, n), truncation(setting, n, bits + (0 if block else shift))]
    return sequence(*costs)


def _normalised(setting: FamilySetting, n: Number, found: precision.Curve) -> Cost:
    wide, top = wider(setting, found.L), setting.V - 1
    lifted = together(lift(setting, top * n, found.L), lift(setting, n, found.L))
    return sequence(_powers(setting, n), lifted, fixed(wide, n, max(top - found.g - 2, 0)))


def logarithm(setting: FamilySetting, n: Number) -> Cost:
    """Ln c + e ln 2."""
    found = precision.curve(_plans(setting), "log")
    rest = polynomial(wider(setting, found.L), n, found.degree, found.g, found.g - setting.f)
    return sequence(_normalised(setting, n, found), rest)


def root(setting: FamilySetting, n: Number, name: str) -> Cost:
    """Price a power of c times one of 2."""
    found = precision.curve(_plans(setting), name)
    wide = wider(setting, found.L)
    power = polynomial(wide, n, found.degree, found.g, 0)
    return sequence(_normalised(setting, n, found), power, fixed(wide, n, found.g))


def _power_of_e(
    setting: FamilySetting, n: Number, bits: int, least: int, most: int, kept: int
) -> tuple[FamilySetting, Cost]:
    """e^x, x = k ln 2 + r, with `kept` fraction bits, in the ring that holds it.

    Compared are x and k ln 2 for least ≤ k < most. r is cut where x is below all, scaled to 2r / ln 2 with
    `near` fraction bits, and e^r, of degree 8, is multiplied by 2^k.
    """
    f, near = setting.f, min(kept, _NEAR)
    spare = max(near - f, 0)
    ends = [abs(math.ceil(k * math.log(2) * 2.0**f)).bit_length() for k in (least, most - 1)]
    compared = 1 + max(bits, 1 + max(ends))
    needed = max(most + kept + near + 4, 2 * near + 5, bits + spare + 2, compared + 1)
    wide = wider(setting, min(needed, _WORD))
    return wide, sequence(
        lift(setting, n, wide.l),
        _places(wide, n, most - least, compared),
        fixed(wide, n, 0),
        truncation(wide, n, f + spare - 2),
        polynomial(wide, n, 8, near, 0),
        fixed(wide, n, near),
    )


def exponential(setting: FamilySetting, n: Number) -> Cost:
    """From half a unit to the bound of a value, with two fraction bits more at first."""
    kept = setting.f + 2
    wide, power = _power_of_e(setting, n, setting.V, -kept, setting.V - 1 - setting.f, kept)
    return sequence(power, truncation(wide, n, 2))


def sigmoid(setting: FamilySetting, n: Number) -> Cost:
    """1 / (1 + e^−|x|), or 1 less that."""
    bits = min(setting.f + 4, _NEAR)
    steps = precision.iterations(precision.line_error(0.5), setting.f + 1)
    wide, power = _power_of_e(setting, n, setting.V, -bits, 1, bits - 1)
    return sequence(
        _size(setting, n),
        power,
        goldschmidt(wide, n, bits, steps, bits, setting.f - 1, False),
        fixed(setting, n, 0),
    )


def softmax(setting: FamilySetting, rows: Number, classes: int) -> Cost:
    """Powers of what is below the maximum, times the reciprocal of their sum, brought to [1/2, 1)."""
    doublings = max(1, math.ceil(math.log2(classes)))
    kept = min(setting.f + 4, _NEAR)
    steps = precision.iterations(precision.line_error(0.5), setting.f + 1)
    wide, powers = _power_of_e(setting, rows * classes, setting.V + 1, -kept - doublings, 1, kept)
    return sequence(
        largest(setting, rows, classes),
        powers,
        _places(wide, rows, doublings, kept + doublings + 3),
        fixed(wide, rows, doublings + 1),
        goldschmidt(wide, rows, kept, steps, kept, kept, False),
        fixed(wide, rows, doublings + 1),
        fixed(wide, rows * classes, 2 * kept - setting.f),
    )
