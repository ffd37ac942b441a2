"""A node of the file, and what its operator's handler gets and gives."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from scenarios.onnx.context import Graph
from scenarios.onnx.tensors import Known, Tensor, Value


@dataclass(frozen=True)
class Node:
    """A node: its operator, its attributes, and what it reads, None where an input is left out."""

    type: str
    attributes: Mapping[str, Any]
    inputs: Sequence[Tensor | None]
    outputs: int
    opset: int

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute; a ValueError where it is no finite number."""
        found = self.attributes.get(name, default)
        if isinstance(found, float) and not math.isfinite(found):
            raise ValueError(f"{name} = {found}; accepted: a finite number")
        return found

    @property
    def epsilon(self) -> float:
        """What is added to a variance; a ValueError where that is not above 0."""
        found = float(self.get("epsilon", 1e-5))
        if not found > 0:
            raise ValueError(f"epsilon = {found:g}; accepted: a number above 0")
        return found

    def values(self, name: str, place: int) -> list[int] | None:
        """Return whole numbers that older opsets have in an attribute and newer ones in an input."""
        if name in self.attributes:
            found = self.attributes[name]
            return [int(one) for one in (found if isinstance(found, list | tuple) else [found])]
        one = self.maybe(place)
        return (
            None if one is None else [int(each) for each in np.asarray(self.known(place).array).reshape(-1)]
        )

    def maybe(self, place: int) -> Tensor | None:
        """Return an input, or None."""
        return self.inputs[place] if place < len(self.inputs) else None

    def whole(self, place: int) -> list[int]:
        """Return the whole numbers of a known input."""
        return [int(one) for one in np.asarray(self.known(place).array).reshape(-1)]

    def value(self, place: int = 0) -> Value:
        """Return an input that depends on the client's; a ValueError where it does not."""
        found = self.maybe(place)
        if not isinstance(found, Value):
            raise ValueError(f"its input {place} does not depend on the network's input, or is missing")
        return found

    def known(self, place: int) -> Known:
        """Return an input that no client's depends on; a ValueError where one does."""
        found = self.maybe(place)
        if not isinstance(found, Known):
            raise ValueError(
                f"its input {place} depends on the network's input, or is missing; accepted: known numbers"
            )
        return found


Handler = Callable[[Graph, Node], Sequence[Tensor] | Tensor]
HANDLERS: dict[str, Handler] = {}
"""What adds a node of each operator."""


def handles(*operators: str) -> Callable[[Handler], Handler]:
    """Mark what adds nodes of these operators."""

    def mark(handler: Handler) -> Handler:
        for operator in operators:
            HANDLERS[operator] = handler
        return handler

    return mark


def text(value: Any) -> str:
    """Return an attribute of letters."""
    return value.decode() if isinstance(value, bytes) else str(value)


def axis_of(axis: int, rank: int) -> int:
    """Return an axis counted from 0; a ValueError where there is none."""
    if not -rank <= axis < rank:
        raise ValueError(f"axis {axis} of {rank}")
    return axis % rank


def pairs(numbers: Sequence[int] | None, default: int, rank: int) -> tuple[int, int]:
    """Return numbers for two axes; of one axis, it is the second."""
    found = list(numbers) if numbers else [default] * rank
    if len(found) != rank or rank not in (1, 2) or min(found) < default:
        raise ValueError(f"{found} for {rank} axes; accepted: one or two axes, each at least {default}")
    return cast("tuple[int, int]", (default, found[0]) if rank == 1 else tuple(found))
