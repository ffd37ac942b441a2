"""The operations of the microbench: what is run, on what inputs, and what should come out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpcsim import InputError
from protocols.domains import Ring
from protocols.family import Family, Kind, Value
from protocols.functions import (
    argmax,
    divide,
    equal,
    exponential,
    inverse_square_root,
    less_than,
    logarithm,
    maximum,
    multiply,
    multiply_fixed,
    reciprocal,
    relu,
    sigmoid,
    softmax,
    square_root,
    truncate_exact,
)
from protocols.layers import average_pool, max_pool
from protocols.replicated3 import Replicated3
from protocols.tables import DIGIT
from scenarios.probes.on_tables import (
    best,
    by_group,
    greatest,
    greatest_of_groups,
    join_tables,
    joined,
    shuffle_rows,
    sort_rows,
    sum_groups,
    top_rows,
)
from scenarios.probes.sizes import CLASSES, SPAN, Shape, Values

CHANNELS, FILTERS = 4, 8

Draw = Callable[[np.random.Generator, tuple[Shape, ...], float], list[Values]]
"""Takes a generator, the inputs' shapes and the ring's bound; returns the inputs, as real numbers."""


def _vector(size: int) -> Shape:
    return (size,)


@dataclass(frozen=True)
class Opened:
    """What an operation revealed to all servers."""

    words: Any


@dataclass(frozen=True)
class Operation:
    """An operation to measure.

    Attributes:
        protocol: takes what the family's own protocols take (`Family.native`: of `replicated3` the server),
            or its view, and the shared inputs; returns a value (or words that the servers know).
        draw: draws the inputs, as real numbers.
        want: the result in float64 of those inputs.
        inputs: what the inputs are drawn from.
        integer_inputs, integer_output: these are integers, not fixed-point numbers.
        arity: how many inputs there are.
        shape: of each input, for a size.
        weights: shape of the last input, where it is another.
        result: shape of the result, for a size; that of an input by default.
        plan: refuses a ring, and an accuracy, in which the operation of `replicated3` will not run.
        function: what the family is asked beforehand whether it will run, with further `arguments`.
        spans: whether the protocol opens the span itself, because more than the operation is in it.
        view: whether the protocol takes the family's view, and so runs on every family.
        rows: whether it takes rows, whose length `[workload] row` may say.
        tournament: whether `[workload] few_rounds` may ask for the constructions of fewest rounds.
        asked: what `[workload]` said of these two, as formulas name it.
        further: arguments of the protocol that it asked for.
        sorting: how it sorts, as further arguments of the protocol: `digit`, and `payload` where it has it.
        offered_by: the one family (with those made from it) that it runs on; all by default.
    """

    protocol: Callable[..., Awaitable[Any]]
    draw: Draw
    want: Callable[..., NDArray[Any]]
    inputs: str
    integer_inputs: bool = False
    integer_output: bool = False
    arity: int = 1
    shape: Callable[[int], Shape] = _vector
    weights: Shape | None = None
    result: Callable[[int], Shape] | None = None
    spans: bool = False
    plan: Callable[[Ring, str], object] | None = None
    view: bool = False
    offered_by: type[Family] | None = None
    function: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    sorting: Mapping[str, Any] = field(default_factory=dict)
    rows: bool = False
    tournament: bool = False
    asked: Mapping[str, Any] = field(default_factory=dict)
    further: Mapping[str, Any] = field(default_factory=dict)

    def of_rows(self, row: int) -> Operation:
        """Return the operation on rows of so many values.

        Raises:
            InputError: it does not take rows.
        """
        if not self.rows:
            raise InputError(f"workload.row = {row}: accepted with {_names(lambda one: one.rows)}")
        arguments = {**self.arguments, "classes": row} if "classes" in self.arguments else self.arguments
        asked = {**self.asked, "row": row}
        return replace(self, shape=lambda size: (size, row), arguments=arguments, asked=asked)

    def in_few_rounds(self) -> Operation:
        """Return the operation by the constructions of fewest rounds.

        Raises:
            InputError: it has one form alone.
        """
        if not self.tournament:
            accepted = _names(lambda one: one.tournament)
            raise InputError(f"workload.few_rounds = true: accepted with {accepted}")
        few = {"few_rounds": True}
        return replace(self, asked={**self.asked, **few}, further={**self.further, **few})

    def shapes(self, size: int) -> tuple[Shape, ...]:
        """Return the shape of every input."""
        shapes = [self.shape(size)] * self.arity
        return tuple(shapes if self.weights is None else [*shapes[:-1], self.weights])


# Inputs


def _anywhere(rng: np.random.Generator, shape: Shape, bound: float) -> Values:
    """Return values over the whole range, a half of them spread over all magnitudes."""
    uniform = rng.uniform(-1, 1, shape) * bound
    small = uniform * 2.0 ** -rng.integers(0, 20, shape)
    return np.where(rng.random(shape) < 0.5, uniform, small)


def _all(rng: np.random.Generator, shapes: tuple[Shape, ...], bound: float) -> list[Values]:
    return [_anywhere(rng, shape, bound) for shape in shapes]


def _factors(terms: int | None = None) -> Draw:
    """Draw arrays whose sums of so many products (a row's, by default) stay within the bound."""

    def draw(rng: np.random.Generator, shapes: tuple[Shape, ...], bound: float) -> list[Values]:
        return _all(rng, shapes, np.sqrt(bound / (terms or shapes[0][-1])))

    return draw


def _integer_factors(rng: np.random.Generator, shapes: tuple[Shape, ...], bound: float) -> list[Values]:
    return [np.rint(x) for x in _factors(1)(rng, shapes, bound)]


def _often_equal(rng: np.random.Generator, shapes: tuple[Shape, ...], bound: float) -> list[Values]:
    """Return pairs of which a half are equal, and some of the others one unit apart or nearly so."""
    x, other = _all(rng, shapes, bound)
    near = x - np.sign(x) * 2.0 ** -rng.integers(0, 20, x.shape)
    chance = rng.random(x.shape)
    return [x, np.where(chance < 0.5, x, np.where(chance < 0.75, near, other))]


def _quotients(rng: np.random.Generator, shapes: tuple[Shape, ...], bound: float) -> list[Values]:
    """Return pairs with a divisor of any magnitude, away from zero, and a quotient within the bound."""
    divisor = _divisors(rng, shapes[1:], bound)[0]
    limit = np.minimum(bound, 0.99 * bound * np.abs(divisor))
    return [rng.uniform(-1, 1, shapes[0]) * limit, divisor]


def _divisors(rng: np.random.Generator, shapes: tuple[Shape, ...], bound: float) -> list[Values]:
    """Return values of any magnitude, away from zero; the inverse of each is a value."""
    (divisor,) = _all(rng, shapes, bound)
    return [np.where(np.abs(divisor) < max(2.0**-6, 1 / (0.99 * bound)), 1.0, divisor)]


def _positive(rng: np.random.Generator, shapes: tuple[Shape, ...], bound: float) -> list[Values]:
    """Return values above zero, spread over all magnitudes."""
    return [np.minimum(np.abs(x) + 2.0**-8, bound) for x in _all(rng, shapes, bound)]


def _invertible_roots(rng: np.random.Generator, shapes: tuple[Shape, ...], bound: float) -> list[Values]:
    """Return values above zero; the inverse of the root of each is a value."""
    return [np.maximum(x, 1 / (0.99 * bound) ** 2) for x in _positive(rng, shapes, bound)]


def _exponents(rng: np.random.Generator, shapes: tuple[Shape, ...], bound: float) -> list[Values]:
    """Return values whose exponential is a value: most near zero, the rest down to the least value."""
    (shape,) = shapes
    near = rng.uniform(-min(16, bound), np.log(bound) - 2.0**-4, shape)
    return [np.where(rng.random(shape) < 0.75, near, -np.abs(_anywhere(rng, shape, bound)))]


def _keyed(keys: int) -> Draw:
    """Draw so many inputs of keys, few of them different, and one of values whose sum is a value."""

    def draw(rng: np.random.Generator, shapes: tuple[Shape, ...], bound: float) -> list[Values]:
        few = [np.rint(rng.uniform(-min(8, bound), min(8, bound), shape)) for shape in shapes[:keys]]
        return [*few, *(_anywhere(rng, shape, bound / max(1, shape[0])) for shape in shapes[keys:])]

    return draw


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
_KEYS = "seventeen keys, and values whose sum is one"
_ROOTS = "all values from 2^−8"

_DIGIT = {"digit": DIGIT}
_OPERATIONS = {
    "reveal": Operation(_open, _all, lambda x: x, _ALL),
    "mul": Operation(
        multiply, _integer_factors, lambda x, y: x * y, "integers whose product is a value",
        integer_inputs=True, integer_output=True, arity=2,
    ),
    "mul_fixed": Operation(_fixed("mul"), _factors(1), lambda x, y: x * y, "products in range", arity=2),
    "dot": Operation(
        _fixed("dot"), _factors(), lambda x, y: (x * y).sum(axis=1), f"sums of {CLASSES} products in range",
        arity=2, shape=_rows, result=_vector,
    ),
    "matmul": Operation(
        _fixed("matmul"), _factors(), lambda x, y: x @ y, "sums in range",
        arity=2, shape=lambda size: (size, size),
    ),
    "conv2d": Operation(
        _fixed("conv2d"), _factors(9 * CHANNELS), _convolution,
        f"sums in range; 3×3, same padding, from {CHANNELS} to {FILTERS} channels",
        arity=2, shape=lambda size: (1, size, size, CHANNELS), weights=(3, 3, CHANNELS, FILTERS),
        result=lambda size: (1, size, size, FILTERS),
    ),
    "avgpool": Operation(
        _mean, _all, lambda x: _windows(x).mean(axis=(0, 2)), _ALL, shape=_blocks, result=_vector,
        function="average_pool", arguments={"counts": np.full((1, 1, 1), 4), "places": 4},
    ),
    "trunc_exact": Operation(
        truncate_exact, _all, np.floor, "all values; the result is ⌊x⌋", integer_output=True
    ),
    "compare": Operation(
        less_than, _all, lambda x, y: x < y, "all pairs of values; the result is 1 where x < y",
        integer_output=True, arity=2,
    ),
    "equal": Operation(
        equal, _often_equal, lambda x, y: x == y, "all values, half of the pairs equal",
        integer_output=True, arity=2,
    ),
    "a2b": Operation(_a2b, _all, lambda x: x, "all values; to all bits of the ring", spans=True),
    "b2a": Operation(_b2a, _all, lambda x: x, "all values; from all bits of the ring", spans=True),
    "inject": Operation(
        _inject, _all, lambda x, chooser: _chosen(x, np.zeros_like(x), chooser), _CHOICE,
        arity=2, spans=True,
    ),
    "select": Operation(
        _select, _all, _chosen, _CHOICE, arity=3, spans=True
    ),
    "relu": Operation(relu, _all, lambda x: np.maximum(x, 0), _ALL),
    "maxpool": Operation(
        _pool, _all, lambda x: _windows(x).max(axis=(0, 2)), _ALL, shape=_blocks, result=_vector
    ),
    "max": Operation(
        maximum, _all, lambda x: x.max(axis=1), _ROWS, shape=_rows, result=_vector, rows=True,
        tournament=True,
    ),
    "argmax": Operation(
        argmax, _all, lambda x: np.argmax(x, axis=1), f"all values; the largest of {CLASSES}",
        integer_output=True, shape=_rows, result=_vector, rows=True, tournament=True,
    ),
    "div": Operation(
        divide, _quotients, lambda a, b: a / b, "|divisor| ≥ 2^−6, quotient a value",
        arity=2, function="divide",
    ),
    "reciprocal": Operation(
        reciprocal, _divisors, lambda b: 1 / b, "|divisor| ≥ 2^−6, its inverse a value",
        function="reciprocal",
    ),
    "exp": Operation(exponential, _exponents, np.exp, "all values below ln(bound)", function="exponential"),
    "log": Operation(logarithm, _positive, np.log, _ROOTS, function="logarithm"),
    "sqrt": Operation(square_root, _positive, np.sqrt, _ROOTS, function="square_root"),
    "rsqrt": Operation(
        inverse_square_root, _invertible_roots, lambda x: 1 / np.sqrt(x), _ROOTS,
        function="inverse_square_root",
    ),
    "sigmoid": Operation(sigmoid, _all, lambda x: (1 + np.tanh(x / 2)) / 2, _ALL, function="sigmoid"),
    "softmax": Operation(
        softmax, _all, _softmax, _ROWS, shape=_rows, function="softmax", arguments={"classes": CLASSES},
        rows=True,
    ),
    "shuffle": Operation(
        shuffle_rows, _all, lambda x: x, "all values; un-shuffled for the client", spans=True,
        offered_by=Replicated3,
    ),
    "sort": Operation(
        sort_rows, _all, np.sort, _ALL, offered_by=Replicated3, sorting={**_DIGIT, "payload": "after"}
    ),
    "topk": Operation(
        top_rows, _all, greatest, f"all values; the {CLASSES} largest", result=best, offered_by=Replicated3,
        sorting=_DIGIT,
    ),
    "group_sums": Operation(
        sum_groups, _keyed(1), by_group(np.sum), _KEYS, arity=2, offered_by=Replicated3, sorting=_DIGIT
    ),
    "group_max": Operation(
        greatest_of_groups, _keyed(1), by_group(np.max), _KEYS, arity=2, offered_by=Replicated3,
        sorting=_DIGIT,
    ),
    "join": Operation(
        join_tables, _keyed(2), joined, _KEYS, arity=3, offered_by=Replicated3, sorting=_DIGIT
    ),
}  # fmt: skip


def _names(has: Callable[[Operation], bool]) -> str:
    return ", ".join(name for name, one in _OPERATIONS.items() if has(one))


OPERATIONS = {name: replace(one, view=True) for name, one in _OPERATIONS.items()}
"""Size is elements; the side for matmul and conv2d; 2×2 windows for pooling; rows of 10."""
