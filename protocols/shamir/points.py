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
    rows = []
    for at in wanted:
        row = []
        for one in known:
            above, below = 1, 1
            for other in known:
                if other != one:
                    above = field.times(above, field.difference(at, other))
                    below = field.times(below, field.difference(one, other))
            row.append(field.times(above, field.inverse(below)))
        rows.append(tuple(row))
    return tuple(rows)


def points(places: Sequence[int]) -> Row:
    """Return the points of servers."""
    return tuple(place + 1 for place in places)


def at_zero(field: Field, servers: int) -> Row:
    """Return the weights of the first servers' shares in a secret of a degree below their number."""
    return interpolation(field, points(range(servers)), (0,))[0]
