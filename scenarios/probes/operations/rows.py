"""Functions of rows as operations of the microbench: normalisations, one-hot rows, rotary places."""

from __future__ import annotations

import numpy as np

from mpcsim import InputError
from protocols.family import Family, Value
from protocols.functions import group_norm, layer_norm, one_hot, rms_norm, rotary
from scenarios.probes.operations.drawn import spread
from scenarios.probes.operations.operation import Operation
from scenarios.probes.operations.sizes import CLASSES, Shape, Values

EPSILON = 2.0**-16


def _spread_rows(rng: np.random.Generator, shapes: tuple[Shape, ...], bound: float) -> list[Values]:
    """Return rows with deviations of any size from 1/4 to 32 about means of that size; then columns."""
    rows, columns = shapes[0]
    size = 2.0 ** rng.uniform(-2, min(5.0, np.log2(bound) - 3), (rows, 1))
    x = (np.clip(rng.normal(size=(rows, columns)), -4, 4) + rng.uniform(-1, 1, (rows, 1))) * size
    x[:, : columns // 2] += size  # so that none of few columns is without deviations
    return [x, *(rng.uniform(-2, 2, shape) for shape in shapes[1:])]


def _rows(size: int) -> Shape:
    return (size, CLASSES)


def _over(x: Values, mean: bool) -> Values:
    centred = x - x.mean(axis=-1, keepdims=True) if mean else x
    found: Values = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + EPSILON)
    return found


def groups_of(channels: int) -> int:
    """Return how many groups of channels the microbench normalises: two where it can."""
    return 1 if channels % 2 else 2


def _grouped(x: Values, scale: Values, shift: Values) -> Values:
    split = x.reshape(x.shape[0], groups_of(x.shape[1]), -1)
    return _over(split, True).reshape(x.shape) * scale + shift


async def _layer(me: Family, x: Value, scale: Value, shift: Value) -> Value:
    return await layer_norm(me, x, scale, shift, EPSILON)


async def _square(me: Family, x: Value, scale: Value) -> Value:
    return await rms_norm(me, x, scale, EPSILON)


async def _group(me: Family, x: Value, scale: Value, shift: Value) -> Value:
    return await group_norm(me, x, groups_of(x.shape[-1]), scale, shift, EPSILON)


_RANGE = f"rows of {CLASSES} with deviations from 1/4 to 32"
_ASKED = {"columns": CLASSES, "epsilon": EPSILON}


def _chosen(row: int) -> Operation:
    """Return the operation that makes rows of so many numbers, 1 at a place below and 0 elsewhere."""
    if row < 2:
        raise InputError(f"workload.row = {row}: one_hot chooses among values; accepted: two or more")

    def places(rng: np.random.Generator, shapes: tuple[Shape, ...], bound: float) -> list[Values]:
        drawn = rng.integers(0, row, shapes[0])
        return [np.where(rng.random(shapes[0]) < 0.25, row - 1, drawn).astype(np.float64)]

    async def protocol(me: Family, x: Value) -> Value:
        return await one_hot(me, x, row)

    return Operation(
        protocol, places, lambda x: np.eye(row)[x.astype(np.int64)], f"places below {row}",
        integer_inputs=True, result=lambda size: (size, row), rows=True, of_row=_chosen,
    )  # fmt: skip


def _angles(rows: int, width: int) -> Values:
    if width % 2:
        raise InputError(f"workload.row = {width}: rotary turns pairs of values; accepted: an even number")
    rates = 10_000.0 ** (-np.arange(width // 2) * 2 / width)
    found: Values = np.arange(rows)[:, None] * np.concatenate([rates, rates])
    return found


async def _turned(me: Family, x: Value) -> Value:
    angle = _angles(*x.shape)
    return await rotary(
        me, x, *(me.ring.encode(part, "an angle") for part in (np.cos(angle), np.sin(angle)))
    )


def _turn(x: Values) -> Values:
    angle, half = _angles(*x.shape), x.shape[1] // 2
    found: Values = x * np.cos(angle) + np.concatenate([-x[:, half:], x[:, :half]], 1) * np.sin(angle)
    return found


def _within_turns(rng: np.random.Generator, shapes: tuple[Shape, ...], bound: float) -> list[Values]:
    """Return values of a size at which angles count as much as the cut."""
    return spread(rng, shapes, min(bound / 2, 2.0))


ON_ROWS = {
    "one_hot": _chosen(CLASSES),
    "rotary": Operation(
        _turned, _within_turns, _turn, f"rows of {CLASSES} within ±2; errors grow as values do",
        shape=_rows, rows=True,
    ),
    "layer_norm": Operation(
        _layer, _spread_rows, lambda x, scale, shift: _over(x, True) * scale + shift, _RANGE, arity=3,
        shape=_rows, columns=2, rows=True, function="layer_norm", arguments=_ASKED,
    ),
    "rms_norm": Operation(
        _square, _spread_rows, lambda x, scale: _over(x, False) * scale, _RANGE, arity=2,
        shape=_rows, columns=1, rows=True, function="rms_norm", arguments=_ASKED,
    ),
    "group_norm": Operation(
        _group, _spread_rows, _grouped, _RANGE, arity=3,
        shape=_rows, columns=2, rows=True, function="group_norm", arguments=_ASKED,
    ),
}  # fmt: skip
