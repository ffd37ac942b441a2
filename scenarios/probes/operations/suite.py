"""The operations of the microbench: what is run, on what inputs, and what should come out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from protocols.family import Family, Kind, Value
from protocols.functions import (
    absolute,
    argmax,
    divide,
    equal,
    exponential,
    inverse_square_root,
    less_than,
    log_softmax,
    logarithm,
    maximum,
    minimum,
    multiply,
    multiply_fixed,
    power,
    reciprocal,
    relu,
    sigmoid,
    softmax,
    square_root,
    truncate_exact,
)
from protocols.layers import average_pool, max_pool
from scenarios.probes.operations.activations import ON_ACTIVATIONS
from scenarios.probes.operations.drawn import (
    divisors,
    exponents,
    factors,
    integer_factors,
    invertible_roots,
    often_equal,
    positive,
    quotients,
    spread,
)
from scenarios.probes.operations.operation import Opened, Operation, vector
from scenarios.probes.operations.rows import ON_ROWS
from scenarios.probes.operations.sizes import CLASSES, SPAN, Shape, Values
from scenarios.probes.operations.tables import ON_TABLES

CHANNELS, FILTERS = 4, 8

# Protocols that are not a function of the suite by themselves


def _fixed(kind: Kind) -> Callable[[Family, Value, Value], Awaitable[Value]]:
    async def product(me: Family, x: Value, y: Value) -> Value:
        padding = ((1, 1), (1, 1)) if kind == "conv2d" else ((0, 0), (0, 0))
        return await multiply_fixed(me, x, y, kind=kind, padding=padding)

    return product


async def _open(me: Family, x: Value) -> Opened:
    return Opened(await me.open(x))


async def _pool(me: Family, x: Value) -> Value:
    return _flat(me, await max_pool(me, me.reshape(x, (1, 2, -1, 1)), (2, 2)))


async def _mean(me: Family, x: Value) -> Value:
    return _flat(me, await average_pool(me, me.reshape(x, (1, 2, -1, 1)), (2, 2)))


async def _cube(me: Family, x: Value) -> Value:
    return await power(me, x, 3)


def _flat(me: Family, x: Value) -> Value:
    return me.reshape(x, (-1,))


async def _a2b(me: Family, x: Value) -> Value:
    """Convert to bits; outside the span, back, so that the client can check them."""
    with me.party.span(SPAN, SPAN):
        bits = await me.decompose(x)
    return await me.compose(bits)


async def _b2a(me: Family, x: Value) -> Value:
    bits = await me.decompose(x)
    await me.meet()
    with me.party.span(SPAN, SPAN):
        return await me.compose(bits)


async def _inject(me: Family, x: Value, chooser: Value) -> Value:
    """Return x where the chooser is negative, else 0; its bits are shared before the span."""
    bit = me.pick(await me.decompose(chooser), -1)
    await me.meet()
    with me.party.span(SPAN, SPAN):
        return await me.select(bit, x)


async def _select(me: Family, x: Value, y: Value, chooser: Value) -> Value:
    """Return x where the chooser is negative, else y, as `_inject` does."""
    bit = me.pick(await me.decompose(chooser), -1)
    await me.meet()
    with me.party.span(SPAN, SPAN):
        return me.add(y, await me.select(bit, me.subtract(x, y)))


# Results


def _softmax(x: Values) -> Values:
    powers = np.exp(x - x.max(axis=1, keepdims=True))
    shares: Values = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _log_softmax(x: Values) -> Values:
    below = x - x.max(axis=1, keepdims=True)
    logarithms: Values = below - np.log(np.exp(below).sum(axis=1, keepdims=True))
    return logarithms


def _convolution(x: Values, w: Values) -> Values:
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    rows, columns = x.shape[1:3]
    terms = [padded[:, i : i + rows, j : j + columns] @ w[i, j] for i in range(3) for j in range(3)]
    total: Values = np.sum(terms, axis=0)
    return total


def _chosen(x: Values, y: Values, chooser: Values) -> Values:
    chosen: Values = np.where(chooser < 0, x, y)
    return chosen


def _windows(x: Values) -> Values:
    return x.reshape(2, -1, 2)


# By name


def _rows(size: int) -> Shape:
    return (size, CLASSES)


def _blocks(size: int) -> Shape:
    return (4 * size,)


_ALL = "all values"
_ROWS = f"all values; of {CLASSES}"
_CHOICE = "all values; the last input chooses by its sign"
_ROOTS = "all values from 2^−8"

_OPERATIONS = {
    "reveal": Operation(_open, spread, lambda x: x, _ALL),
    "mul": Operation(
        multiply, integer_factors, lambda x, y: x * y, "integers whose product is a value",
        integer_inputs=True, integer_output=True, arity=2,
    ),
    "mul_fixed": Operation(_fixed("mul"), factors(1), lambda x, y: x * y, "products in range", arity=2),
    "dot": Operation(
        _fixed("dot"), factors(), lambda x, y: (x * y).sum(axis=1), f"sums of {CLASSES} products in range",
        arity=2, shape=_rows, result=vector,
    ),
    "matmul": Operation(
        _fixed("matmul"), factors(), lambda x, y: x @ y, "sums in range",
        arity=2, shape=lambda size: (size, size),
    ),
    "conv2d": Operation(
        _fixed("conv2d"), factors(9 * CHANNELS), _convolution,
        f"sums in range; 3×3, same padding, from {CHANNELS} to {FILTERS} channels",
        arity=2, shape=lambda size: (1, size, size, CHANNELS), weights=((3, 3, CHANNELS, FILTERS),),
        result=lambda size: (1, size, size, FILTERS),
    ),
    "avgpool": Operation(
        _mean, spread, lambda x: _windows(x).mean(axis=(0, 2)), _ALL, shape=_blocks, result=vector,
        function="average_pool", arguments={"counts": np.full((1, 1, 1), 4), "places": 4},
    ),
    "trunc_exact": Operation(
        truncate_exact, spread, np.floor, "all values; the result is ⌊x⌋", integer_output=True
    ),
    "compare": Operation(
        less_than, spread, lambda x, y: x < y, "all pairs of values; the result is 1 where x < y",
        integer_output=True, arity=2,
    ),
    "equal": Operation(
        equal, often_equal, lambda x, y: x == y, "all values, half of the pairs equal",
        integer_output=True, arity=2,
    ),
    "a2b": Operation(_a2b, spread, lambda x: x, "all values; to all bits of the ring", spans=True),
    "b2a": Operation(_b2a, spread, lambda x: x, "all values; from all bits of the ring", spans=True),
    "inject": Operation(
        _inject, spread, lambda x, chooser: _chosen(x, np.zeros_like(x), chooser), _CHOICE,
        arity=2, spans=True,
    ),
    "select": Operation(
        _select, spread, _chosen, _CHOICE, arity=3, spans=True
    ),
    "relu": Operation(relu, spread, lambda x: np.maximum(x, 0), _ALL),
    "maxpool": Operation(
        _pool, spread, lambda x: _windows(x).max(axis=(0, 2)), _ALL, shape=_blocks, result=vector
    ),
    "max": Operation(
        maximum, spread, lambda x: x.max(axis=1), _ROWS, shape=_rows, result=vector, rows=True,
        tournament=True,
    ),
    "argmax": Operation(
        argmax, spread, lambda x: np.argmax(x, axis=1), f"all values; the largest of {CLASSES}",
        integer_output=True, shape=_rows, result=vector, rows=True, tournament=True,
    ),
    "div": Operation(
        divide, quotients, lambda a, b: a / b, "|divisor| ≥ 2^−6, quotient a value",
        arity=2, function="divide",
    ),
    "reciprocal": Operation(
        reciprocal, divisors, lambda b: 1 / b, "|divisor| ≥ 2^−6, its inverse a value",
        function="reciprocal",
    ),
    "exp": Operation(exponential, exponents, np.exp, "all values below ln(bound)", function="exponential"),
    "log": Operation(logarithm, positive, np.log, _ROOTS, function="logarithm"),
    "sqrt": Operation(square_root, positive, np.sqrt, _ROOTS, function="square_root"),
    "rsqrt": Operation(
        inverse_square_root, invertible_roots, lambda x: 1 / np.sqrt(x), _ROOTS,
        function="inverse_square_root",
    ),
    "sigmoid": Operation(sigmoid, spread, lambda x: (1 + np.tanh(x / 2)) / 2, _ALL, function="sigmoid"),
    "softmax": Operation(
        softmax, spread, _softmax, _ROWS, shape=_rows, function="softmax", arguments={"classes": CLASSES},
        rows=True,
    ),
    "abs": Operation(absolute, spread, np.abs, _ALL),
    "min": Operation(
        minimum, spread, lambda x: x.min(axis=1), _ROWS, shape=_rows, result=vector, rows=True,
        tournament=True,
    ),
    "power": Operation(
        _cube, lambda rng, shapes, bound: spread(rng, shapes, np.cbrt(bound)), lambda x: x**3,
        "values whose cube is one",
    ),
    "log_softmax": Operation(
        log_softmax, lambda rng, shapes, bound: spread(rng, shapes, bound / 4),
        _log_softmax, _ROWS, shape=_rows, rows=True, function="exponential",
    ),
}  # fmt: skip
_READY = _OPERATIONS | ON_TABLES | ON_ACTIVATIONS | ON_ROWS
_LAYERS = ("attention", "embedding", "lstm", "gru")


class _Operations(Mapping[str, Operation]):
    """All operations by name; those of layers import networks when they are asked for."""

    def __getitem__(self, name: str) -> Operation:
        if name not in _LAYERS:
            return replace(_READY[name], view=True)
        from scenarios.probes.operations.layers import ON_LAYERS

        return replace(ON_LAYERS[name], view=True)

    def __iter__(self) -> Iterator[str]:
        return iter((*_READY, *_LAYERS))

    def __len__(self) -> int:
        return len(_READY) + len(_LAYERS)


OPERATIONS: Mapping[str, Operation] = _Operations()
"""Size is elements; the side for matmul and conv2d; 2×2 windows; rows of 10; heads; sequences of steps."""
