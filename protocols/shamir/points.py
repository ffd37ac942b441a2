"""Interpolation: server i stands at the point i + 1, the secret at 0."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from protocols.domains import Field

Row = tuple[int, ...]


@cache
def interpolation(field: Field, known: Row, wanted: Row) -> tuple[Row, ...]:
    """Return, for each wanted point, the weights of values at the known points.

    The polynomial is the one of least degree. Between as many points as there are others the matrix is
    hyper-invertible: every square part of it is (Beerliová-Trubíniová, Hirt 2008, §3.2).
    """
    weights = []
    for one in known:
        below = 1
        for other in known:
            if other != one:
                below = field.times(below, field.difference(one, other))
        weights.append(field.inverse(below))
    return tuple(_basis(field, known, weights, at) for at in wanted)


def _basis(field: Field, known: Row, weights: Sequence[int], at: int) -> Row:
    """Return the weights of one point: those given, times the differences to all other points."""
    before = [1]
    for one in known:
        before.append(field.times(before[-1], field.difference(at, one)))
    row, after = [], 1
    for one, weight, lower in zip(known[::-1], weights[::-1], before[-2::-1], strict=True):
        row.append(field.times(weight, field.times(lower, after)))
        after = field.times(after, field.difference(at, one))
    return tuple(row[::-1])


def points(places: Sequence[int]) -> Row:
    """Return the points of servers."""
    return tuple(place + 1 for place in places)


def at_zero(field: Field, servers: int) -> Row:
    """Return the weights of the first servers' shares in a secret of a degree below their number."""
    return interpolation(field, points(range(servers)), (0,))[0]
