"""The microbench on tables: what is run on one table's columns, and what should come out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from protocols import proven_tables, tables
from protocols.family import Family, Value
from protocols.replicated3 import Replicated3
from protocols.replicated3_malicious import ReplicatedMalicious
from protocols.tables import DIGIT
from scenarios.probes.sizes import CLASSES, SPAN, Shape, Values

FAMILIES: tuple[type[Family], ...] = (Replicated3, ReplicatedMalicious)
"""Those that have tables."""


def _tables(me: Family) -> tuple[Any, Any]:
    """Return a family's tables, and what their functions take first."""
    return (proven_tables, me) if isinstance(me, ReplicatedMalicious) else (tables, me.native)


async def shuffle_rows(me: Family, x: Value) -> Value:
    """Shuffle; outside the span, un-shuffle, so that the client can check the rows."""
    (of, server), bits = _tables(me), me.ring.bits
    with me.party.span(SPAN, SPAN):
        [moved], by = await of.shuffle(server, [of.Column(x, bits)])
    await me.meet()
    [back] = await of.unshuffle(server, by, [of.Column(moved, bits)])
    return back


async def sort_rows(me: Family, x: Value, digit: int = DIGIT, payload: str = "after") -> Value:
    """Sort values, ascending."""
    of, server = _tables(me)
    return await of.sort(server, x, None, digit, payload == "carried")


async def top_rows(me: Family, x: Value, digit: int = DIGIT) -> Value:
    """Take the greatest values."""
    of, server = _tables(me)
    values, _ = await of.top(server, x, best(x.shape[-1])[0], digit=digit)
    return values


async def sum_groups(me: Family, keys: Value, x: Value, digit: int = DIGIT) -> Value:
    """Sum by key; zeros after the last group."""
    of, server = _tables(me)
    _, [sums], _ = await of.group_sums(server, keys, [x], digit=digit)
    return sums


async def greatest_of_groups(me: Family, keys: Value, x: Value, digit: int = DIGIT) -> Value:
    """Take the maximum of each key; zeros after the last group."""
    of, server = _tables(me)
    _, found, _, _ = await of.group_maxima(server, keys, x, digit=digit)
    return found


async def join_tables(me: Family, left: Value, right: Value, x: Value, digit: int = DIGIT) -> Value:
    """Take x of the right table under the left one's keys."""
    of, server = _tables(me)
    _, [found] = await of.join(server, left, right, [x], digit=digit)
    return found


def greatest(x: Values) -> Values:
    """Return what `top_rows` should give."""
    ordered: Values = np.sort(x)[::-1]
    return ordered[: best(x.size)[0]]


def by_group(of: Callable[[Values], Any]) -> Callable[[Values, Values], Values]:
    """Return what gives `of` the values of each key, keys ascending, then zeros."""

    def wanted(keys: Values, x: Values) -> Values:
        found = [of(x[keys == one]) for one in np.unique(keys)]
        padded: Values = np.pad(np.array(found, np.float64), (0, x.size - len(found)))
        return padded

    return wanted


def joined(left: Values, right: Values, x: Values) -> Values:
    """Return what `join_tables` should give: of equal keys the first, 0 where there is none."""
    first = dict(zip(right[::-1].tolist(), x[::-1].tolist(), strict=True))
    return np.array([first.get(key, 0.0) for key in left.tolist()])


def best(size: int) -> Shape:
    """Return the shape of the greatest of so many values."""
    return (min(size, CLASSES),)
