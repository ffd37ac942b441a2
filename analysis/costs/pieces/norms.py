"""What normalising rows takes, over the steps of any family: docs/constructions.md, "Normalisation"."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from analysis.costs.algebra import LOCAL, Cost, sequence, together
from analysis.costs.numbers import Number
from analysis.costs.pieces.table import MARGIN, WORD, Sizes
from scenarios.networks import LayerPlan

SPARE, KEPT, LEAST, OCTAVE, LAST = 2, 46, 6, 8, 12
"""Further fraction bits of deviations; bits of squares; of the least of them; limits a doubling; fraction
bits of a polynomial's last coefficient."""


@dataclass(frozen=True)
class Rows:
    """Steps of a family in the widest ring.

    Attributes:
        lift: so many values, from the ring of the setting.
        cut: so many values, by so many bits.
        dot: so many sums of so many products, cut by so many bits.
        scaled: so many products with so many other factors, cut by so many bits.
        inside: so many values, compared with so many limits, of so many bits, as numbers.
    """

    lift: Callable[[Number], Cost]
    cut: Callable[[Number, int], Cost]
    dot: Callable[[Number, int, int], Cost]
    scaled: Callable[[Number, Number, int], Cost]
    inside: Callable[[Number, int, int], Cost]


@dataclass(frozen=True)
class Norm:
    """How rows are normalised: limits, bits of a comparison, and of each cut."""

    limits: int
    compared: int
    mean: int
    squares: int
    near: int
    raised: int
    inverse: int


def norm(sizes: Sizes, columns: int, epsilon: float, spare: int = SPARE) -> Norm:
    """Return the widths of a normalisation of rows of so many columns.

    Sums of squares of deviations with f + 2 fraction bits are below 2^62; 46 bits of them are kept. From
    n ε, or 6 bits, each doubling has eight limits. A factor of 60 bits brings them near one.

    Args:
        spare: further fraction bits of deviations; with none, a square alone loses no bits.
    """
    f, top = sizes.f, sizes.V - 1
    many = max(0, math.ceil(math.log2(columns)))
    range_bits = min(top - f, (WORD - MARGIN - many) // 2 - f - spare)
    if spare == 0:
        range_bits = min(range_bits, KEPT // 2 - f)
    highest = many + 2 * (range_bits + f + spare)
    squares = max(0, highest - KEPT)
    offset = max(1, round(columns * epsilon * 4.0 ** (f + spare)))
    lowest = max(LEAST, math.log2(offset) - squares)
    places = max(1, math.ceil(OCTAVE * (highest - squares - lowest)))
    near = min(f + 6, 25)
    inverse = min(f + 6, WORD - MARGIN - top - spare)
    mean = WORD - MARGIN - 1 - top - spare
    return Norm(places - 1, highest - squares + 2, mean, squares, near, WORD - 4 - near, inverse)


def normalised(
    found: Norm,
    f: int,
    rows: Number,
    columns: int,
    steps: Rows,
    factors: Number,
    shifts: Number,
    centred: bool,
) -> Cost:
    """Price rows: a mean, squares, their places, an inverse root, and what it multiplies.

    Args:
        factors, shifts: how many learned scales and shifts there are; 0 for none.
    """
    n = rows * columns
    lifted = [steps.lift(count) for count in (n, factors, shifts) if count != 0]
    inverse = sequence(steps.dot(rows, columns, found.squares), inverse_root(found, rows, steps))
    beside = [steps.scaled(n, factors, f)] if factors != 0 else []
    return sequence(
        together(*lifted),
        steps.cut(rows, found.mean) if centred else LOCAL,
        together(inverse, *beside),
        steps.scaled(n, rows, SPARE + found.inverse),
    )


def inverse_root(found: Norm, rows: Number, steps: Rows) -> Cost:
    """Price an inverse root of sums of squares: their places, and three products."""
    return sequence(
        steps.inside(rows, found.limits, found.compared),
        steps.dot(rows, 1, found.raised),
        steps.dot(rows, 1, found.near + LAST),
        steps.dot(rows, 1, found.near),
    )


def learned(plan: LayerPlan, rows: Number) -> tuple[Number, Number]:
    """Return how many learned scales and shifts a layer of normalised rows has, as they are multiplied.

    One of each for a place of a row; rows that are groups of channels have their own, at every place.
    """
    each: Number = rows * plan.row if plan.layer.function == "group_norm" else plan.output[-1]
    return each if plan.kernel else 0, each if plan.bias else 0


EPSILON = 2.0**-16
"""That of the microbench."""


def norms(priced: Callable[..., Cost]) -> dict[str, Callable[[Any, Number], Cost]]:
    """Return what normalisations of the microbench cost, from what prices rows in a setting.

    Groups are two of a row's channels where these are even, each with its own scales and shifts.
    """

    def layer(setting: Any, n: Number) -> Cost:
        return priced(setting, n, setting.row, EPSILON, setting.row, setting.row)

    def square(setting: Any, n: Number) -> Cost:
        return priced(setting, n, setting.row, EPSILON, setting.row, 0, False)

    def group(setting: Any, n: Number) -> Cost:
        groups = 1 if setting.row % 2 else 2
        every = n * setting.row
        return priced(setting, groups * n, setting.row // groups, EPSILON, every, every)

    return {"layer_norm": layer, "rms_norm": square, "group_norm": group}
