"""Truth values of secrets: comparisons, what is made of them, and what they choose.

On shares a truth value is the integer 0 or 1, no number of fixed point: `Cast` makes it one. A comparison
is exact of the numbers that are there; these are within their own error bounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenarios.graph import IMAGE, Operator, arrangements
from scenarios.graph import TRUTHS as COMPARED
from scenarios.onnx.context import Graph
from scenarios.onnx.elementwise import function, offset, scaled
from scenarios.onnx.node import Node, handles
from scenarios.onnx.rearranging import FLOATS, nothing
from scenarios.onnx.tensors import Known, Shape, Tensor, Value

BOOL = 9
"""ONNX's number for truth values."""
INTEGERS = (2, 3, 4, 5, 6, 7, 12, 13)
"""ONNX's numbers for whole numbers, which truth values become as they become real ones."""
READERS = frozenset(
    ("And", "Or", "Xor", "Not", "Equal", "Where", "Cast", "CastLike", "Identity", "Shape", "Size",
     "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Concat", "Slice", "Split", "Gather",
     "Expand", "Tile", "DepthToSpace", "SpaceToDepth")
)  # fmt: skip
"""Operators that take truth values of secrets."""


def is_truth(graph: Graph, tensor: Tensor | None) -> bool:
    """Return whether a tensor is of truth values that depend on a client's input."""
    return isinstance(tensor, Value) and _of_truth(graph, tensor.source)


def _of_truth(graph: Graph, source: int) -> bool:
    if source == IMAGE:
        return False
    plan = graph.plans[source]
    if plan.arrange is not None:
        return all(_of_truth(graph, one) for one in plan.sources)
    return plan.kind == "function" and plan.layer.function in COMPARED


def refuse_as_numbers(graph: Graph, node: Node) -> None:
    """Refuse a node that would take truth values for numbers, or join them with others.

    Raises:
        ValueError: it is such a node.
    """
    found = [is_truth(graph, one) for one in node.inputs]
    several = node.type == "Concat" and not all(found)
    if any(found) and (node.type not in READERS or several):
        raise ValueError(
            f"its input {found.index(True)} is of truth values; accepted: what Cast makes numbers of them"
        )


def number(graph: Graph, value: Value) -> Value:
    """Return truth values as the numbers 0 and 1."""
    return function(graph, value, "number")


def _opposite(graph: Graph, value: Value) -> Value:
    return function(graph, value, "opposite")


# Comparisons


@handles("Less", "Greater", "LessOrEqual", "GreaterOrEqual")
def order(graph: Graph, node: Node) -> Tensor:
    """Add a comparison of two outputs, or of one with known numbers; of these, one alone is public."""
    left, right = node.maybe(0), node.maybe(1)
    if node.type in ("Greater", "LessOrEqual"):
        left, right = right, left
    found = _compared(graph, "less_than", left, right)
    return _opposite(graph, found) if node.type.endswith("Equal") else found


@handles("Equal")
def equal(graph: Graph, node: Node) -> Tensor:
    """Add an equality of numbers as they are in fixed point, or of truth values."""
    left, right = node.maybe(0), node.maybe(1)
    if is_truth(graph, left) or is_truth(graph, right):
        return _opposite(graph, _either_but_not_both(graph, node))
    return _compared(graph, "equal", left, right)


def _compared(graph: Graph, name: str, left: Tensor | None, right: Tensor | None) -> Value:
    if left is None or right is None:
        raise ValueError("an input is missing")
    shape = _common(left, right)
    for one, other, said in ((left, right, "limit"), (right, left, "least")):
        if isinstance(one, Value) and isinstance(other, Known) and other.scalar:
            value = graph.repeated(one, shape)
            return function(graph, value, name, **{said: _finite(other.number)})
    sources, axes = _together(graph, [left, right], shape)
    found = _add(graph, name, sources)
    return graph.output(found, axes, shape)


def _finite(limit: float) -> float:
    if not np.isfinite(limit):
        raise ValueError(f"compared with {limit}; accepted: a finite number")
    return limit


@handles("Sign")
def sign(graph: Graph, node: Node) -> Tensor:
    """Add 1, 0 or −1: whether −x is less than 0 less whether x is, both in one comparison."""
    value = node.value()
    shape = graph.shape(value.source)
    opposite = graph.arrange(arrangements.Combine((-1,)), value.source)
    rows = [graph.arrange(arrangements.Reshape((1, *shape)), one) for one in (opposite, value.source)]
    both = graph.arrange(arrangements.Concatenate(0), *rows)
    truth = graph.add(
        Operator("less_than", "function", function="less_than"),
        [both],
        (2, *shape),
        arguments=(("limit", 0.0),),
    )
    parts = [graph.arrange(arrangements.Place(place), truth) for place in (0, 1)]
    return number(graph, replace(value, source=graph.arrange(arrangements.Combine((1, -1)), *parts)))


# Of truth values


@handles("Not")
def negation(graph: Graph, node: Node) -> Tensor:
    """Add the opposite; local."""
    return _opposite(graph, _truth(graph, node, 0))


@handles("And", "Or", "Xor")
def connective(graph: Graph, node: Node) -> Tensor:
    """Add a product of truth values; with known ones, which are public, nothing is sent."""
    if node.type == "Xor":
        return _either_but_not_both(graph, node)
    left, right = node.maybe(0), node.maybe(1)
    if isinstance(left, Known) or isinstance(right, Known):
        value, known, _ = _with_known(graph, node)
        if node.type == "And":
            return _kept(graph, value, known)
        return _opposite(graph, _kept(graph, _opposite(graph, value), ~known))
    return _pair(graph, node, "both" if node.type == "And" else "either")


def _either_but_not_both(graph: Graph, node: Node) -> Value:
    if not any(isinstance(node.maybe(place), Known) for place in (0, 1)):
        return _pair(graph, node, "unequal")
    value, known, _ = _with_known(graph, node)
    if known.all() or not known.any():
        return _opposite(graph, value) if known.all() else value
    parts = _kept(graph, value, ~known), _kept(graph, _opposite(graph, value), known)
    sources, axes, shape = graph.side_by_side(*parts)
    return graph.output(graph.arrange(arrangements.Combine((1, 1)), *sources), axes, shape)


def _truth(graph: Graph, node: Node, place: int) -> Value:
    """Return an input of truth values; a ValueError where it is none."""
    value = node.value(place)
    if not is_truth(graph, value):
        raise ValueError(
            f"its input {place} is of numbers; accepted: truth values, as comparisons give them"
        )
    return value


def _with_known(graph: Graph, node: Node) -> tuple[Value, NDArray[np.bool_], Shape]:
    """Return the truth values of secrets, and the known ones, of one shape."""
    place = 0 if isinstance(node.maybe(1), Known) else 1
    value, known = _truth(graph, node, place), np.asarray(node.known(1 - place).array, np.bool_)
    shape = tuple(np.broadcast_shapes(value.shape, known.shape))
    return graph.repeated(value, shape), np.broadcast_to(known, shape), shape


def _kept(graph: Graph, value: Value, counts: NDArray[np.bool_]) -> Value:
    known = graph.beside(Known(counts.astype(np.float64)), value) != 0
    return replace(value, source=graph.arrange(arrangements.Keep.of(known), value.source))


def _pair(graph: Graph, node: Node, name: str) -> Value:
    values: list[Tensor] = [_truth(graph, node, place) for place in (0, 1)]
    shape = _common(*values)
    sources, axes = _together(graph, values, shape)
    return graph.output(_add(graph, name, sources), axes, shape)


# What they become, and choose


@handles("Cast", "CastLike")
def cast(graph: Graph, node: Node) -> Tensor:
    """Return truth values as numbers, numbers as whether they are not 0, and real ones as they are."""
    value, kind = node.value(), node.get("to")
    if node.type == "CastLike":
        like = np.asarray(node.known(1).array).dtype
        kind = BOOL if like == np.bool_ else INTEGERS[0] if np.issubdtype(like, np.integer) else FLOATS[0]
    if is_truth(graph, value):
        if kind not in (BOOL, *FLOATS, *INTEGERS):
            raise ValueError(f"to = {kind}; accepted: numbers, or truth values")
        return value if kind == BOOL else number(graph, value)
    if kind == BOOL:
        return _opposite(graph, function(graph, value, "equal", limit=0.0))
    nothing(graph, node)
    return value


def chosen(graph: Graph, condition: Value, given: Sequence[Tensor]) -> Value:
    """Return one tensor where a secret condition holds, and another elsewhere: a product a value."""
    if not is_truth(graph, condition):
        raise ValueError("its input 0 is of numbers; accepted: truth values, as of comparisons")
    if any(is_truth(graph, one) for one in given):
        raise ValueError("a choice between truth values; accepted: And, Or and Not of them")
    shape = _common(condition, *given)
    if all(isinstance(one, Known) for one in given):
        first, second = (np.asarray(one.array, np.float64) for one in given if isinstance(one, Known))
        weight = any(isinstance(one, Known) and one.weight for one in given)
        gap = scaled(graph, number(graph, condition), Known(first - second, weight))
        return offset(graph, gap, Known(second, weight))
    public = [one.number if isinstance(one, Known) and one.scalar else None for one in given]
    read = [condition, *(one for one, said in zip(given, public, strict=True) if said is None)]
    sources, axes = _together(graph, read, shape)
    said = {name: one for name, one in zip(("then", "otherwise"), public, strict=True) if one is not None}
    return graph.output(_add(graph, "choose", sources, **said), axes, shape)


def _add(graph: Graph, name: str, sources: Sequence[int], **said: Any) -> int:
    operator = Operator(name, "function", function=name)
    shape = graph.shape(sources[0])
    return graph.add(operator, sources, shape, arguments=tuple(sorted(said.items())))


def _common(*given: Tensor) -> Shape:
    shapes = (one.shape if isinstance(one, Value) else np.shape(one.array) for one in given)
    return tuple(np.broadcast_shapes(*shapes))


def _together(graph: Graph, given: Sequence[Tensor], shape: Shape) -> tuple[list[int], list[int]]:
    """Return nodes of one shape, repeated to it, known numbers as weights; and the axes that they have."""
    values = (graph.held(one) if isinstance(one, Known) else one for one in given)
    sources, axes, _ = graph.side_by_side(*(graph.repeated(one, shape) for one in values))
    return sources, axes
