"""What an operation of the microbench is: a protocol, its inputs, and what should come out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocols.domains import Ring
from protocols.family import Family
from scenarios.probes.operations.sizes import Shape, Values

Draw = Callable[[np.random.Generator, tuple[Shape, ...], float], list[Values]]
"""Takes a generator, the inputs' shapes and the ring's bound; returns the inputs, as real numbers."""


def vector(size: int) -> Shape:
    """Return the shape of so many values."""
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
        weights: shapes of the last inputs, where these are others, whatever the size.
        result: shape of the result, for a size; that of an input by default.
        plan: refuses a ring, and an accuracy, in which the operation of `replicated3` will not run.
        function: what the family is asked beforehand whether it will run, with further `arguments`.
        spans: whether the protocol opens the span itself, because more than the operation is in it.
        view: whether the protocol takes the family's view, and so runs on every family.
        columns: how many of the last inputs have a number for each column of the first.
        rows: whether it takes rows, whose length `[workload] row` may say.
        of_row: the operation for rows of so many values, where more than their shape follows from it.
        tournament: whether `[workload] few_rounds` may ask for the constructions of fewest rounds.
        asked: what `[workload]` said of these two, as formulas name it.
        further: arguments of the protocol that it asked for.
        sorting: how it sorts, as further arguments of the protocol: `digit`, and `payload` where it has it.
        units: what a result may be off by, in 2^−f and relative to max(1, |result|), where that is no
            function's alone.
        offered_by: the families (with those made from them) that it runs on; all by default.
    """

    protocol: Callable[..., Awaitable[Any]]
    draw: Draw
    want: Callable[..., NDArray[Any]]
    inputs: str
    integer_inputs: bool = False
    integer_output: bool = False
    arity: int = 1
    shape: Callable[[int], Shape] = vector
    weights: tuple[Shape, ...] = ()
    result: Callable[[int], Shape] | None = None
    spans: bool = False
    plan: Callable[[Ring, str], object] | None = None
    view: bool = False
    offered_by: tuple[type[Family], ...] | None = None
    function: str | None = None
    units: Callable[[Ring], float] | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    sorting: Mapping[str, Any] = field(default_factory=dict)
    columns: int = 0
    rows: bool = False
    tournament: bool = False
    of_row: Callable[[int], Operation] | None = None
    asked: Mapping[str, Any] = field(default_factory=dict)
    further: Mapping[str, Any] = field(default_factory=dict)

    def of_rows(self, row: int) -> Operation:
        """Return the operation, which takes rows, on rows of so many values."""
        if self.of_row is not None:
            return replace(self.of_row(row), view=self.view, asked={**self.asked, "row": row})
        told = {key: row for key in ("classes", "columns") if key in self.arguments}
        arguments = {**self.arguments, **told}
        asked = {**self.asked, "row": row}
        return replace(self, shape=lambda size: (size, row), arguments=arguments, asked=asked)

    def in_few_rounds(self) -> Operation:
        """Return the operation, a tournament, by the constructions of fewest rounds."""
        few = {"few_rounds": True}
        return replace(self, asked={**self.asked, **few}, further={**self.further, **few})

    def shapes(self, size: int) -> tuple[Shape, ...]:
        """Return the shape of every input."""
        shapes = [self.shape(size)] * self.arity
        if self.columns:
            shapes[-self.columns :] = [shapes[0][-1:]] * self.columns
        return (*shapes[: len(shapes) - len(self.weights)], *self.weights)
