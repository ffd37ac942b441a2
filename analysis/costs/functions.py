"""Division, roots, logarithm, exponential, sigmoid, softmax: from their numerical analysis.

How many iterations, how wide a table, how long a shift: these follow from the ring's sizes, so the
formulas hold for a ring in numbers, and are symbolic in n alone. Functions with `setting, n` and no
other argument are whole operations, by server; the others are steps of one third, by role.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from analysis.costs import halves, truncations
from analysis.costs.algebra import Cost, exchange, messages, repeated, rotated, sequence, together
from analysis.costs.boolean import prefix_ands
from analysis.costs.conversions import sum_bits
from analysis.costs.numbers import Number, packed
from analysis.costs.setting import Setting
from analysis.costs.signs import sign

MARGIN = 3
"""|z| < 2^(l−2) is what a truncation takes, and a factor near one may reach 4: l − 3 bits are left."""

CATRINA_SAXENA_ERROR = 0.0858
"""Greatest |1 − x w| of their line w = 2.9142 − 2x on [1/2, 1]."""


@dataclass(frozen=True)
class Precision:
    """How the bits that values leave free in the ring are spent.

    Attributes:
        bits: g, fraction bits of numbers near one; more than 24 gain nothing.
        guard: fraction bits below a value's own; 3 where the ring has room for them.
    """

    bits: int
    guard: int

    @classmethod
    def of(cls, setting: Setting) -> Precision:
        """Return what the ring leaves: at least 8 bits for numbers near one come first."""
        room = setting.l - MARGIN - setting.V
        guard = min(3, max(room - 8, 0))
        return cls(min(24, room - guard), guard)


def product(setting: Setting, n: Number, shift: int) -> Cost:
    """Product over 2^shift, always by `safe`: here products fill the ring, and `fused` would go wrong."""
    return truncations.product(replace(setting, truncation="safe"), n, shift)


# Finding the magnitude


def leading_bit(n: Number, k: int) -> Cost:
    """One-hot place of the leading bit of numbers mod 2^k, as halves.

    All bits (the top one is the sign), then of each of the others whether all above it equal the sign:
    a prefix AND. Source: Catrina, Saxena 2010, §5 (normalisation).
    """
    return sequence(sum_bits(n, k), prefix_ands(n, k - 1))


def deal_one_hot(setting: Setting, n: Number, entries: int) -> Cost:
    """Role 0 shares a one-hot vector of ring elements, as it deals in a select."""
    size = packed(entries * n, setting.l)
    if setting.select == "two_rounds":
        return messages((0, 2, size))
    return messages((0, 1, size), (0, 2, size))


def look_up(setting: Setting, n: Number, entries: int, tables: int) -> Cost:
    """Read public tables at a shared place: linear in the one-hot vector, its sums are reshared.

    Role 0 knows its part v of the place, so the vector of v is dealt; roles 1 and 2 shift the tables by
    theirs, once they have all of the vector, and exchange one ring element a table.
    """
    return sequence(
        deal_one_hot(setting, n, entries),
        exchange(packed(tables * n, setting.l)),
    )


def look_up_place(setting: Setting, n: Number, k: int, tables: int) -> Cost:
    """Functions of the leading bit's place, as sharings: 2^⌈log2 k⌉ entries count its k − 1 places."""
    shared = together(*[halves.to_share(setting, n)] * tables)
    return sequence(look_up(setting, n, 2 ** (k - 1).bit_length(), tables), shared)


def magnitude(setting: Setting, n: Number, tables: int) -> Cost:
    """Functions of the magnitude of values: the leading bit of V bits, then the tables."""
    return sequence(leading_bit(n, setting.V), look_up_place(setting, n, setting.V, tables))


# Division


def iterations(error: float, bits: int) -> int:
    """Return how often a relative error is squared until it is below 2^−bits."""
    return max(1, math.ceil(math.log2(bits / -math.log2(error))))


def goldschmidt(setting: Setting, n: Number, error: float, bits: int, last: int) -> Cost:
    """Quotient a·w·(1 + ε)(1 + ε²)(1 + ε⁴)…: result and error side by side; the last result alone.

    Source: Goldschmidt 1964; POMIC §4.3.
    """
    step = product(setting, n, bits)
    squarings = repeated(together(step, step), iterations(error, bits) - 1)
    return sequence(squarings, product(setting, n, last))


def divide(setting: Setting, n: Number) -> Cost:
    """a/b of any sign: |b| · 2^e in [1/2, 1], a · 2^e beside it, then Goldschmidt from a line.

    x goes from V − 1 to g fraction bits, the numerator to f + guard. The first products with the
    line are side by side as well. Source: Catrina, Saxena 2010, §5.
    """
    near = Precision.of(setting)
    g, guard, top = near.bits, near.guard, setting.V - 1

    def step(size: Number) -> Cost:
        x = product(setting, size, max(top - g, 0))
        numerator = product(setting, size, max(top - setting.f - guard, 0))
        first = product(setting, size, g)
        return sequence(
            magnitude(setting, size, 1),
            together(x, numerator),
            together(first, first),
            goldschmidt(setting, size, CATRINA_SAXENA_ERROR, g, g + guard),
        )

    return rotated(step, n, setting.rotate)


SLOPE_BITS = 4
"""Fraction bits of the slope of a line near 1/x; they become further bits of its product with x."""


def line_error(low: float) -> float:
    """Return the greatest |1 − x w(x)| on [low, 1] of the line w = s(1 + low − x), s rounded.

    1 − x w is 1 − s·low at both ends and 1 − s(1 + low)²/4 in the middle; they are opposite at
    s = 8/(4·low + (1 + low)²). An error below 2^−20 is no better than that.
    """
    best = 8 / (4 * low + (1 + low) ** 2)
    s = round(best * 2**SLOPE_BITS) / 2**SLOPE_BITS
    return float(max(abs(1 - s * low), abs(1 - s * (1 + low) ** 2 / 4), 2.0**-20))


def reciprocal_between(setting: Setting, n: Number, bits: int, low: float, shift: int) -> Cost:
    """1/x for x in [low, 1]: no normalisation; the first result is the line itself."""
    first = product(setting, n, bits + SLOPE_BITS)
    last = bits + shift + SLOPE_BITS
    return sequence(first, goldschmidt(setting, n, line_error(low), bits, last))


def reciprocal_bits(setting: Setting, doublings: int) -> int:
    """Return the fraction bits of 1/x, x from 2^−doublings to 1: two factors of them fit the ring."""
    return int(min(27, (setting.l - 8 - doublings) // 2))


# Polynomials on [1/2, 1]


def quintic(setting: Setting, n: Number, bits: int, shift: int) -> Cost:
    """Polynomial of degree 5: the square; the cube beside a combination of x and x²; one product.

    p = (a + bx + cx²) + x³ (d + ex + fx²). Source: Paterson, Stockmeyer 1973.
    """
    step = product(setting, n, bits)
    return sequence(step, together(step, step), product(setting, n, bits + shift))


def normalised(setting: Setting, n: Number) -> Cost:
    """C in [1/2, 1] of x = c · 2^e at g fraction bits, and a function of e."""
    down = max(setting.V - 1 - Precision.of(setting).bits, 0)
    return sequence(magnitude(setting, n, 2), product(setting, n, down))


def logarithm(setting: Setting, n: Number) -> Cost:
    """Ln x = ln c + e ln 2: a polynomial and a table."""
    g = Precision.of(setting).bits

    def step(size: Number) -> Cost:
        return sequence(normalised(setting, size), quintic(setting, size, g, g - setting.f))

    return rotated(step, n, setting.rotate)


def root(setting: Setting, n: Number) -> Cost:
    """x^(±1/2) = c^(±1/2) · 2^(±e/2): a polynomial times a table; square root and its inverse."""
    g = Precision.of(setting).bits

    def step(size: Number) -> Cost:
        curve = quintic(setting, size, g, 0)
        return sequence(normalised(setting, size), curve, product(setting, size, g))

    return rotated(step, n, setting.rotate)


# Exponentials


def window(setting: Setting, doublings: int) -> int:
    """Return the entries of the table of e^(whole part), results below 2^doublings.

    Its whole numbers go from ln of the bound down to where e^x < 2^−(f+1), half a unit, and one below,
    for the fraction. The entries are the next power of two: a place wraps as the halves do.
    """
    high = max(1, math.ceil(doublings * math.log(2)))
    low = math.floor(-(setting.f + 1) * math.log(2)) - 1
    return int(2 ** (high - low + 1).bit_length())


def compared_bits(setting: Setting, entries: int, k: int) -> int:
    """Return the signed bits of the difference of k signed bits and a bound within `entries` units of 1."""
    return int(max(k - 1, setting.f + math.log2(entries)) + 2)


def exponential_of_halves(setting: Setting, n: Number, doublings: int, k: int, out_bits: int) -> Cost:
    """e^x < 2^doublings for k signed bits, at scale 2^out_bits, 0 below the window; halves mod 2^l.

    The halves' own e^v and e^w are local: role 0 puts e^(fraction of v) in the place of its whole part,
    roles 1 and 2 shift and scale. The product's low bits go; l − 4 − doublings bits are its fraction.
    Beside it the sign of the distance to the window's least tells what is below; then a select.
    """
    room = setting.l - 4 - doublings
    entries = window(setting, doublings)
    inside = sequence(
        look_up(setting, n, entries, 1),
        truncations.of_halves(n, room - out_bits),
    )
    below = compared_bits(setting, entries, k)
    return sequence(together(inside, sign(setting, n, below)), halves.select(setting, n, setting.l))


def exponential(setting: Setting, n: Number) -> Cost:
    """e^x below the bound 2^(V−1−f)."""
    doublings = setting.V - 1 - setting.f

    def step(size: Number) -> Cost:
        found = exponential_of_halves(setting, size, doublings, setting.V, setting.f)
        return sequence(found, halves.to_share(setting, size))

    return rotated(step, n, setting.rotate)


def sigmoid(setting: Setting, n: Number) -> Cost:
    """1/(1 + e^−|x|), or one less that: |x| by sign and select, and the same sign at the end.

    (1 + e^−|x|)/2 is in [1/2, 1].
    """
    bits = reciprocal_bits(setting, 1)

    def step(size: Number) -> Cost:
        share = halves.to_share(setting, size)
        return sequence(
            sign(setting, size, setting.V),
            halves.select(setting, size, compared_bits(setting, window(setting, 0), setting.V)),
            exponential_of_halves(setting, size, 0, setting.V, bits - 1),
            share,
            reciprocal_between(setting, size, bits, 0.5, bits + 1 - setting.f),
            halves.select(setting, size, setting.l),
            share,
        )

    return rotated(step, n, setting.rotate)


def softmax(setting: Setting, rows: Number, classes: int) -> Cost:
    """e^x_i / Σ e^x_j of each row: less its maximum every power is in [0, 1], their sum in [1, classes].

    The sum over 2^d, d = ⌈log2 classes⌉, is in [2^−d, 1].
    """
    d = (classes - 1).bit_length()
    bits = reciprocal_bits(setting, d)
    scale = bits - d

    def step(size: Number) -> Cost:
        values = size * classes
        return sequence(
            halves.tournament(setting, size, classes, setting.l),
            halves.to_share(setting, size),
            exponential_of_halves(setting, values, 0, setting.V + 1, scale),
            halves.to_share(setting, values),
            reciprocal_between(setting, size, bits, 2.0**-d, d),
            product(setting, values, scale + bits - setting.f),
        )

    return rotated(step, rows, setting.rotate)
