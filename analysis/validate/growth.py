"""Growth: how rounds and bits grow with the bits compared and with the number of values.

Points are measured, not predicted. A step such as ⌈log2 k⌉ is fitted as log2 k: the shape that
leaves the least square error wins, and a constant only if every point is the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from analysis.costs.replicated3 import FILTERS
from analysis.predict import measure
from analysis.validate.grid import RINGS, SIGNED, family_overrides, options, override
from mpcsim import InputError
from scenarios.families import DEFAULT, NotOffered, find

SHAPES: dict[str, Callable[[float], float]] = {"log": math.log2, "linear": float}
SHAPES_OF_PARTIES = SHAPES | {"quadratic": lambda x: x * x}
"""All to all is a message for each pair."""
SHAPES_OF_TREES = {
    "height": SHAPES | {"exponential": lambda x: 2.0**x},
    "attributes": SHAPES_OF_PARTIES,
    "rows": SHAPES_OF_PARTIES | {"n log n": lambda x: x * math.log2(x)},
}
TREES: dict[str, tuple[str, tuple[int, ...]]] = {
    "height": ("trees.height", (1, 3, 5, 7)),
    "attributes": ("data.attributes", (2, 8, 32)),
    "rows": ("data.train", (64, 256, 1024, 2048)),
}
"""Axes of trees: the key, and where they are grown; on each other axis one place in the middle."""
VALUE_BITS = (3, 4, 6, 8, 11, 16, 20, 24, 32, 40, 48, 60)
PARTIES = (3, 4, 5, 7, 10)
PARTIES_SIZE = 24
PARTIES_OPERATIONS = ("reveal", "mul", "mul_fixed")
COUNTS = (24, 48, 96, 192, 384)  # multiples of 24: no message has a broken byte
_RING = ("ring.bits=64", "ring.fraction_bits=2")
_FUNCTION_BITS = 16  # below it the ranges of functions such as division are empty
_SLOPE_FLOOR = 1e-12


@dataclass(frozen=True)
class Fit:
    """y ≈ intercept + slope · g(x), with the largest error over the points."""

    order: str
    intercept: float
    slope: float
    worst: float

    def text(self, x: str) -> str:
        """Write the fit for people."""
        term = {
            "1": "",
            "log": f"{self.slope:+.3g}·log2 {x}",
            "linear": f"{self.slope:+.3g}·{x}",
            "quadratic": f"{self.slope:+.3g}·{x}²",
            "n log n": f"{self.slope:+.3g}·{x}·log2 {x}",
            "exponential": f"{self.slope:+.3g}·2^{x}",
        }
        return f"{self.intercept:.3g} {term[self.order]}".strip()


@dataclass(frozen=True)
class Growth:
    """A quantity measured at several places, and the shape of its growth."""

    op: str
    params: Mapping[str, Any]
    quantity: str
    against: str
    points: tuple[tuple[int, int], ...]
    fit: Fit
    family: str = DEFAULT

    def describe(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            "op": self.op,
            "family": self.family,
            "params": dict(self.params),
            "quantity": self.quantity,
            "against": self.against,
            "points": [list(point) for point in self.points],
            "order": self.fit.order,
            "fit": self.fit.text(self.against),
            "worst": self.fit.worst,
        }


def fit(
    points: Sequence[tuple[float, float]], shapes: Mapping[str, Callable[[float], float]] = SHAPES
) -> Fit:
    """Return the best of constant growth and some shapes, logarithmic and linear ones, by least squares."""
    values = [y for _, y in points]
    if max(values) == min(values):
        return Fit("1", values[0], 0.0, 0.0)
    fits = [_line(order, [(g(x), y) for x, y in points]) for order, g in shapes.items()]
    return min(fits, key=lambda found: found[0])[1]


def _line(order: str, points: Sequence[tuple[float, float]]) -> tuple[float, Fit]:
    n = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / max(spread, _SLOPE_FLOOR)
    intercept = mean_y - slope * mean_x
    errors = [abs(y - intercept - slope * x) for x, y in points]
    return sum(error**2 for error in errors), Fit(order, intercept, slope, max(errors))


def rounds_against_bits(
    op: str, choice: Mapping[str, Any], family: str = DEFAULT, parties: int | None = None
) -> Growth:
    """Measure the rounds of an operation against the bits of the number whose sign is taken."""
    more = compared_bits(op, 0)
    of = family_overrides(family, parties)
    places = [*_RING, *of, *(override(key, value) for key, value in choice.items())]
    points = []
    for bits in VALUE_BITS:
        if op in SIGNED or bits >= _FUNCTION_BITS:
            rounds, _ = _cost(op, 8, [*places, f"ring.value_bits={bits}"])
            points.append((bits + more, rounds))
    return Growth(op, {"l": 64} | dict(choice), "rounds", "k", tuple(points), fit(points), family)


def against_count(
    op: str,
    choice: Mapping[str, Any],
    bits: int = 64,
    family: str = DEFAULT,
    parties: int | None = None,
) -> tuple[Growth, Growth]:
    """Measure rounds, and bits summed over the parties, against the number n of values."""
    of = family_overrides(family, parties)
    places = [*RINGS[bits], *of, *(override(key, value) for key, value in choice.items())]
    costs = [(outputs(op, count), *_cost(op, count, places)) for count in COUNTS]
    rounds = tuple((count, found) for count, found, _ in costs)
    size = tuple((count, 8 * found) for count, _, found in costs)
    params = {"l": bits} | dict(choice)
    return (
        Growth(op, params, "rounds", "n", rounds, fit(rounds), family),
        Growth(op, params, "bits, sum over parties", "n", size, fit(size), family),
    )


def against_parties(op: str, choice: Mapping[str, Any], family: str) -> tuple[Growth, Growth]:
    """Measure rounds, and bits summed over the parties, against the number of servers.

    Raises:
        InputError: the family runs on one number of servers alone.
    """
    least, _, most = find(family).counts
    if least == most:
        raise InputError(f"parties: {family} runs on {least} servers; accepted: another axis")
    chosen = [override(key, value) for key, value in choice.items()]
    counts = sorted({count for count in (least, *PARTIES) if least <= count <= most})
    costs = [(n, *_cost(op, PARTIES_SIZE, [*family_overrides(family, n), *chosen])) for n in counts]
    rounds = tuple((n, found) for n, found, _ in costs)
    size = tuple((n, 8 * found) for n, _, found in costs)
    params = {"l": 64} | dict(choice)
    return (
        Growth(op, params, "rounds", "parties", rounds, fit(rounds, SHAPES_OF_PARTIES), family),
        Growth(op, params, "bits, sum over parties", "parties", size, fit(size, SHAPES_OF_PARTIES), family),
    )


def of_trees(axis: str) -> tuple[Growth, Growth]:
    """Measure rounds, and bits summed over the servers, of growing a tree, against one of its sizes."""
    key, places = TREES[axis]
    points = [(place, *_grown(key, place)) for place in places]
    rounds = tuple((place, found) for place, found, _ in points)
    size = tuple((place, 8 * found) for place, _, found in points)
    params = {key: "varies"} | {other: value for other, value in _TREE.items() if other != key}
    return (
        Growth("trees", params, "rounds", axis, rounds, fit(rounds, SHAPES_OF_TREES[axis])),
        Growth("trees", params, "bits, sum over parties", axis, size, fit(size, SHAPES_OF_TREES[axis])),
    )


_TREE = {"data.train": 256, "data.attributes": 8, "trees.height": 3}


def _grown(key: str, place: int) -> tuple[int, int]:
    sizes = _TREE | {key: place}
    fixed = [
        "data.source=random",
        f"data.rows={sizes['data.train'] + 1}",
        "output.queries=0",
        "dry_run=true",
    ]
    run = measure("tree_training", [*fixed, *(f"{name}={value}" for name, value in sizes.items())])
    found = run.span("growth")
    return found["rounds"], found["payload_bytes"]


def outputs(op: str, size: int) -> int:
    """Return the values that an operation of the microbench gives: rows, windows, the area of a side."""
    return {"matmul": size**2, "conv2d": FILTERS * size**2}.get(op, size)


def compared_bits(op: str, value_bits: int) -> int:
    """Return k: the bits of a value for ReLU, one more where two values are compared."""
    return value_bits if op == "relu" else value_bits + 1


def survey(family: str = DEFAULT) -> Iterator[Growth]:
    """Yield what `mpcsim validate` states about growth."""
    if family != DEFAULT:
        least, _, most = find(family).counts
        for op in PARTIES_OPERATIONS if least < most else ():
            with suppress(NotOffered):
                yield from against_parties(op, {}, family)
        return
    for op in ("compare", "relu"):
        for comparison in options("comparison"):
            for radix in (1, 2, 4) if comparison == "table" else (None,):
                choice = {"comparison": comparison} | ({"radix": radix} if radix else {})
                yield rounds_against_bits(op, choice)
    for op in ("reveal", "mul", "mul_fixed", "compare", "relu", "maxpool", "argmax"):
        yield from against_count(op, {})
    for axis in TREES:
        yield from of_trees(axis)


def _cost(op: str, size: int, overrides: Sequence[str]) -> tuple[int, int]:
    run = measure("microbench", [f"workload.op={op}", f"workload.size={size}", *overrides])
    found = run.span("operation")
    return found["rounds"], found["payload_bytes"]
