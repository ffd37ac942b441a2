"""The microbench on tables: what is run on one table's columns, and what should come out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from protocols import tables
from protocols.family import Family, Value
from protocols.proven_tables import proven
from protocols.replicated3 import Replicated3
from protocols.replicated3_malicious import ReplicatedMalicious
from protocols.tables import DIGIT
from scenarios.probes.operations.drawn import keyed, spread
from scenarios.probes.operations.operation import Operation
from scenarios.probes.operations.sizes import CLASSES, SPAN, Shape, Values

_FAMILIES: tuple[type[Family], ...] = (Replicated3, ReplicatedMalicious)
"""Those that have tables."""


def _steps(me: Family) -> tables.Steps:
    return proven(me) if isinstance(me, ReplicatedMalicious) else tables.by_halves(me.native)


async def _shuffled(me: Family, x: Value) -> Value:
    """Shuffle; outside the span, un-shuffle, so that the client can check the rows."""
    steps, bits = _steps(me), me.ring.bits
    with me.party.span(SPAN, SPAN):
        [moved], by = await steps.shuffle([tables.Column(x, bits)])
    await me.meet()
    [back] = await steps.unshuffle(by, [tables.Column(moved, bits)])
    return back


async def _sorted(me: Family, x: Value, digit: int = DIGIT, payload: str = "after") -> Value:
    """Sort values, ascending."""
    return await tables.sort(_steps(me), x, None, digit, payload == "carried")


async def _top(me: Family, x: Value, digit: int = DIGIT) -> Value:
    """Take the greatest values."""
    values, _ = await tables.top(_steps(me), x, _best(x.shape[-1])[0], digit=digit)
    return values


async def _sums(me: Family, keys: Value, x: Value, digit: int = DIGIT) -> Value:
    """Sum by key; zeros after the last group."""
    _, [sums], _ = await tables.group_sums(_steps(me), keys, [x], digit=digit)
    return sums


async def _maxima(me: Family, keys: Value, x: Value, digit: int = DIGIT) -> Value:
    """Take the maximum of each key; zeros after the last group."""
    _, found, _, _ = await tables.group_maxima(_steps(me), keys, x, digit=digit)
    return found


async def _joined(me: Family, left: Value, right: Value, x: Value, digit: int = DIGIT) -> Value:
    """Take x of the right table under the left one's keys."""
    _, [found] = await tables.join(_steps(me), left, right, [x], digit=digit)
    return found


def _greatest(x: Values) -> Values:
    """Return what `_top` should give."""
    ordered: Values = np.sort(x)[::-1]
    return ordered[: _best(x.size)[0]]


def _by_group(of: Callable[[Values], Any]) -> Callable[[Values, Values], Values]:
    """Return what gives `of` the values of each key, keys ascending, then zeros."""

    def wanted(keys: Values, x: Values) -> Values:
        found = [of(x[keys == one]) for one in np.unique(keys)]
        padded: Values = np.pad(np.array(found, np.float64), (0, x.size - len(found)))
        return padded

    return wanted


def _found(left: Values, right: Values, x: Values) -> Values:
    """Return what `_joined` should give: of equal keys the first, 0 where there is none."""
    first = dict(zip(right[::-1].tolist(), x[::-1].tolist(), strict=True))
    return np.array([first.get(key, 0.0) for key in left.tolist()])


def _best(size: int) -> Shape:
    """Return the shape of the greatest of so many values."""
    return (min(size, CLASSES),)


_KEYS = "seventeen keys, and values whose sum is one"
_DIGIT = {"digit": DIGIT}
ON_TABLES = {
    "shuffle": Operation(
        _shuffled, spread, lambda x: x, "all values; un-shuffled for the client", spans=True,
        offered_by=_FAMILIES,
    ),
    "sort": Operation(
        _sorted, spread, np.sort, "all values", offered_by=_FAMILIES, sorting={**_DIGIT, "payload": "after"}
    ),
    "topk": Operation(
        _top, spread, _greatest, f"all values; the {CLASSES} largest", result=_best,
        offered_by=_FAMILIES, sorting=_DIGIT,
    ),
    "group_sums": Operation(
        _sums, keyed(1), _by_group(np.sum), _KEYS, arity=2, offered_by=_FAMILIES, sorting=_DIGIT
    ),
    "group_max": Operation(
        _maxima, keyed(1), _by_group(np.max), _KEYS, arity=2, offered_by=_FAMILIES,
        sorting=_DIGIT,
    ),
    "join": Operation(
        _joined, keyed(2), _found, _KEYS, arity=3, offered_by=_FAMILIES, sorting=_DIGIT
    ),
}  # fmt: skip
