"""Functions of real numbers, which share their steps, in one file: from their numerical analysis.

How many iterations, how wide a table, how long a shift: these follow from the ring's sizes (`precision`),
so the formulas hold for a ring in numbers, and are symbolic in n alone. Functions with `setting, n` and no
other argument are whole operations, by server; the others are steps of one third, by role.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from analysis.costs.algebra import LOCAL, Cost, exchange, messages, rotated, sequence, together
from analysis.costs.families import LONG
from analysis.costs.numbers import Number, packed
from analysis.costs.pieces import Rows, Sizes, Steps, evaluated, norm, table
from analysis.costs.pieces import normalised as priced_norm
from analysis.costs.replicated3 import halves, precision, truncations
from analysis.costs.replicated3.boolean import prefix_ands
from analysis.costs.replicated3.conversions import sum_bits
from analysis.costs.replicated3.precision import (
    Convergence,
    Curve,
    Mean,
    Quotient,
    Softmax,
    Window,
    curve,
    quotient,
)
from analysis.costs.replicated3.setting import Setting
from analysis.costs.replicated3.signs import below, sign


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


def wider(setting: Setting, bits: int) -> Setting:
    """Return the setting in a ring of so many bits."""
    return replace(setting, l=bits)


def widened(setting: Setting, n: Number, bits: int) -> Cost:
    """Sharings mod 2^l to mod 2^bits: lifted halves, then a sharing; nothing where the rings are equal."""
    if bits == setting.l:
        return LOCAL
    wide = wider(setting, bits)
    return sequence(halves.lift(wide, n, setting.l), halves.to_share(wide, n))


# Means


def average(setting: Setting, n: Number, counts: Collection[int]) -> Cost:
    """Means of n windows.

    Args:
        counts: how many places the windows have.
    """
    return mean(setting, n, precision.mean(setting, counts))


def mean(setting: Setting, n: Number, found: Mean) -> Cost:
    """Means: local sums in halves, lifted where the ring is too narrow, times 1/count and cut.

    A window of one place is its own mean. With the widths found for a ring in numbers the rest may be
    symbols.
    """
    if found.before + found.after == 0:
        return LOCAL

    def step(size: Number) -> Cost:
        wide = setting if found.L is None else wider(setting, found.L)
        return sequence(
            halves.lift(wide, size, setting.l),
            truncations.of_halves_at_once(size, found.before),
            truncations.of_halves_at_once(size, found.after),
            halves.to_share(setting, size),
        )

    return rotated(step, n, setting.rotate)


# Division


def goldschmidt(setting: Setting, n: Number, near: Convergence, out: int, numerator: bool) -> Cost:
    """Goldschmidt: result and error side by side; without a numerator the first error is alone.

    The first result without a numerator is the line itself, with g fraction bits, then `kept`.
    Source: Goldschmidt 1964; POMIC §4.3.
    """
    g = near.g
    scale = near.kept if numerator else g
    costs = [together(*[product(setting, n, g)] * (2 if numerator else 1))]
    for _ in range(near.steps - 1):
        costs.append(together(product(setting, n, g + scale - near.kept), product(setting, n, g)))
        scale = near.kept
    return sequence(*costs, product(setting, n, g + scale - out))


def divide(setting: Setting, n: Number) -> Cost:
    """a/b of any sign: |b| · 2^e in [1/2, 1], a · 2^e beside it, then Goldschmidt from a line.

    x goes from V − 1 to g fraction bits, the numerator to f + guard. Source: Catrina, Saxena 2010, §5.
    """
    found = quotient(setting, 2 * setting.V - 2 - setting.f)
    wide, top = wider(setting, found.L), setting.V - 1

    def step(size: Number) -> Cost:
        lifted = widened(setting, size, found.L)
        return sequence(
            together(magnitude(wide, size, 1), lifted, lifted),
            together(
                product(wide, size, max(top - found.near.g, 0)),
                product(wide, size, max(top - setting.f - found.guard, 0)),
            ),
            _divided(wide, size, found),
        )

    return rotated(step, n, setting.rotate)


def reciprocal(setting: Setting, n: Number) -> Cost:
    """1/b of any sign: as a division, but the numerator is a power of two, from a second table."""
    found = quotient(setting)
    wide = wider(setting, found.L)

    def step(size: Number) -> Cost:
        return sequence(
            together(magnitude(wide, size, 2), widened(setting, size, found.L)),
            product(wide, size, max(setting.V - 1 - found.near.g, 0)),
            _divided(wide, size, found),
        )

    return rotated(step, n, setting.rotate)


def _divided(wide: Setting, n: Number, found: Quotient) -> Cost:
    """Goldschmidt with the numerator, or 1/x and then a product."""
    if found.apart is None:
        return goldschmidt(wide, n, found.near, wide.f, True)
    inverse = goldschmidt(wide, n, found.near, found.apart, False)
    return sequence(inverse, product(wide, n, found.apart + found.guard))


# Polynomials on [1/2, 1]


def polynomial(setting: Setting, n: Number, degree: int, bits: int, shift: int) -> Cost:
    """Polynomial of degree 2, 5, 8 or 11 in blocks of three coefficients.

    The square, the cube beside combinations of x and x², then m³ by m³ (Horner), or of four blocks two and
    two with m⁶ (Estrin). A combination is a sharing, which its truncation takes in halves. Source:
    Paterson, Stockmeyer 1973.
    """
    one = product(setting, n, bits)
    linear = sequence(truncations.of_halves(n, bits), halves.to_share(setting, n))
    last = product(setting, n, bits + shift)
    if degree == 2:
        return sequence(one, truncations.of_sharing_at_once(setting, n, bits + shift))
    between = {
        5: [together(one, linear)],
        8: [together(one, linear), one],
        11: [together(one, linear, linear), together(one, one)],
    }[degree]
    return sequence(one, *between, last)


def normalised(setting: Setting, n: Number, found: Curve) -> Cost:
    """4c at g fraction bits, c in [1/2, 1] of x = c · 2^e, and a function of e, in the wider ring."""
    wide = wider(setting, found.L)
    down = max(setting.V - 1 - 2 - found.g, 0)
    places = together(magnitude(wide, n, 2), widened(setting, n, found.L))
    return sequence(places, product(wide, n, down))


def logarithm(setting: Setting, n: Number) -> Cost:
    """Ln x = ln c + e ln 2: a polynomial and a table."""
    found = curve(setting, "log")
    wide = wider(setting, found.L)

    def step(size: Number) -> Cost:
        shift = found.g - setting.f
        return sequence(
            normalised(setting, size, found), polynomial(wide, size, found.degree, found.g, shift)
        )

    return rotated(step, n, setting.rotate)


def square_root(setting: Setting, n: Number) -> Cost:
    """√x = √c · 2^(e/2): a polynomial times a table."""
    return _root(setting, n, "sqrt")


def inverse_square_root(setting: Setting, n: Number) -> Cost:
    """1/√x = (1/√c) · 2^(−e/2): a polynomial times a table."""
    return _root(setting, n, "rsqrt")


def _root(setting: Setting, n: Number, name: str) -> Cost:
    found = curve(setting, name)
    wide = wider(setting, found.L)

    def step(size: Number) -> Cost:
        return sequence(
            normalised(setting, size, found),
            polynomial(wide, size, found.degree, found.g, 0),
            product(wide, size, found.g),
        )

    return rotated(step, n, setting.rotate)


# Activations


def inside(setting: Setting, n: Number, limits: int, marks: int, bits: int) -> Cost:
    """Whether numbers of so many bits are in intervals between limits, as numbers."""

    def step(size: Number) -> Cost:
        compared = below(setting, size, bits, limits)
        return sequence(compared, halves.bit_to_share(setting, marks * size))

    return rotated(step, n, setting.rotate)


def activate(
    setting: Setting, n: Number, name: str, parameters: Sequence[float] = (), within: float | None = None
) -> Cost:
    """Price an activation by its table of pieces: constructions.md#pieces."""
    found = table(Sizes(setting.l, setting.f, setting.V), name, parameters, within)
    wide = wider(setting, found.L)

    def dot(terms: int, shift: int) -> Cost:
        if shift == 0:
            return product(wide, n, 0)
        return rotated(lambda size: product(wide, size, shift), n, setting.rotate)

    lifted = rotated(lambda size: widened(setting, size, found.L), n, setting.rotate)
    steps = Steps(lambda limits, marks, bits: inside(wide, n, limits, marks, bits), dot)
    return sequence(lifted, evaluated(found, setting.f, steps))


def norm_of_rows(
    setting: Setting, rows: Number, columns: int, epsilon: float, factors: Number = 0, shifts: Number = 0,
    centred: bool = True,
) -> Cost:  # fmt: skip
    """Price rows brought to mean 0 and square mean 1: constructions.md#normalisation."""
    found = norm(Sizes(setting.l, setting.f, setting.V), columns, epsilon)
    steps = rows_of(setting)
    return priced_norm(found, int(setting.f), rows, columns, steps, factors, shifts, centred)


def rows_of(setting: Setting) -> Rows:
    """Return the steps of a normalisation."""
    wide = wider(setting, precision.WORD)

    def lift(n: Number) -> Cost:
        return rotated(lambda size: widened(setting, size, precision.WORD), n, setting.rotate)

    def cut(n: Number, shift: int) -> Cost:
        safe = replace(wide, truncation="safe")
        return truncations.product(safe, n, 0) if shift == 0 else _rotated_product(safe, n, shift)

    return Rows(
        lift, cut,
        lambda n, terms, shift: cut(n, shift),
        lambda n, others, shift: cut(n, shift),
        lambda n, limits, bits: inside(wide, n, limits, limits, bits),
    )  # fmt: skip


def _rotated_product(setting: Setting, n: Number, shift: int) -> Cost:
    return rotated(lambda size: product(setting, size, shift), n, setting.rotate)


# Exponentials


def exponential_of_halves(
    setting: Setting, n: Number, found: Window, k: int, out_bits: int, kept: int
) -> Cost:
    """e^x for k signed bits, at scale 2^out_bits, 0 below the window; halves mod 2^kept.

    The halves' own e^v and e^w are local: role 0 puts e^(rest of v) in the place of its steps, roles 1 and
    2 shift and scale. The product's low bits go. Beside it the sign of the distance to the window's least
    tells what is below; then a select.
    """
    wide = wider(setting, found.L)
    inside = sequence(
        look_up(wide, n, found.places, 1),
        truncations.of_halves(n, found.fraction - out_bits),
    )
    below = sign(setting, n, found.compared(k))
    return sequence(together(inside, below), halves.select(setting, n, kept))


def exponential(setting: Setting, n: Number) -> Cost:
    """e^x below the bound 2^(V−1−f)."""
    found = precision.exponential(setting)

    def step(size: Number) -> Cost:
        powers = exponential_of_halves(setting, size, found, setting.V, setting.f, setting.l)
        return sequence(powers, halves.to_share(setting, size))

    return rotated(step, n, setting.rotate)


def sigmoid(setting: Setting, n: Number) -> Cost:
    """1/(1 + e^−|x|), or one less that: |x| by sign and select, and the same sign at the end.

    (1 + e^−|x|)/2 is in [1/2, 1]; its reciprocal is twice the result.
    """
    found, near = precision.sigmoid(setting)
    wide = wider(setting, found.L)
    compared = min(found.compared(setting.V), setting.l)

    def step(size: Number) -> Cost:
        return sequence(
            sign(setting, size, setting.V),
            halves.select(setting, size, compared),
            exponential_of_halves(setting, size, found, setting.V, near.g - 1, found.L),
            halves.to_share(wide, size),
            goldschmidt(wide, size, near, setting.f - 1, False),
            halves.select(setting, size, setting.l),
            halves.to_share(setting, size),
        )

    return rotated(step, n, setting.rotate)


def softmax(setting: Setting, rows: Number, classes: int) -> Cost:
    """e^x_i / Σ e^x_j of each row: less its maximum every power is in [0, 1], their sum T in [1, classes].

    The maximum of long rows is found in few rounds; a public mask costs nothing.

    1/T, once a row, from x = T/2^d as it is, or cut to fewer bits, or brought to [1/2, 5/4] by the leading
    bit of 4T, of d + 4 signed bits; then the powers are multiplied by it.
    """
    found = precision.softmax(setting, classes)
    hasty = setting.hastened() if classes > LONG else setting
    wide = wider(setting, found.window.L)

    def step(size: Number) -> Cost:
        values = size * classes
        return sequence(
            halves.tournament(hasty, size, classes, setting.l),
            halves.to_share(setting, size),
            exponential_of_halves(
                setting, values, found.window, setting.V + 1, found.powers, found.window.L
            ),
            halves.to_share(wide, values),
            inverse_of_sum(wide, size, found),
            product(wide, values, found.powers + found.inverse - setting.f),
        )

    return rotated(step, rows, setting.rotate)


def inverse_of_sum(wide: Setting, n: Number, found: Softmax) -> Cost:
    """1/T with `inverse` fraction bits."""
    near, d = found.near, found.d
    if not found.normalised:
        cut = found.powers + d - near.g
        first = truncations.of_sharing_at_once(wide, n, cut) if cut else LOCAL
        return sequence(first, goldschmidt(wide, n, near, found.inverse - d, False))
    return sequence(
        leading_bit(n, d + 4),
        look_up_place(wide, n, d + 4, 1),
        product(wide, n, found.powers + d + 1 - near.g),
        goldschmidt(wide, n, near, near.g, False),
        product(wide, n, near.g + d + 1 - found.inverse),
    )
