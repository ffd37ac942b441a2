"""Operators that choose between values: the largest of several, limits, what a known condition says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from scenarios.graph import Operator, arrangements
from scenarios.onnx import truth
from scenarios.onnx.context import Graph
from scenarios.onnx.elementwise import FAR, added, function, negated, offset, rectified, scaled
from scenarios.onnx.node import Node, handles
from scenarios.onnx.rearranging import reduced
from scenarios.onnx.tensors import Known, Tensor, Value


@handles("Max", "Min")
def largest(graph: Graph, node: Node) -> Tensor:
    """Add a tournament of outputs, with known numbers among them; one known number is a ReLU."""
    least = node.type == "Min"
    given = [one for one in node.inputs if one is not None]
    limits = [one.number for one in given if isinstance(one, Known) and one.scalar]
    values: list[Tensor] = [one for one in given if not (isinstance(one, Known) and one.scalar)]
    shape = tuple(np.broadcast_shapes(*(_shape(one) for one in given)))
    found = _tournament(graph, values, shape, least) if len(values) > 1 else values[0]
    if not isinstance(found, Value):
        raise ValueError("known numbers alone")
    for limit in limits:
        found = at_most(graph, found, limit) if least else at_least(graph, found, limit)
    return found


def _shape(tensor: Tensor) -> tuple[int, ...]:
    return tensor.shape if isinstance(tensor, Value) else np.shape(tensor.array)


def _tournament(graph: Graph, given: Sequence[Tensor], shape: Sequence[int], least: bool) -> Value:
    """Return the largest, or the least, of tensors that are repeated to one shape."""
    values = []
    for one in given:
        one = graph.repeated(graph.held(one) if isinstance(one, Known) else one, tuple(shape))
        values.append(negated(graph, one) if least else one)
    sources, axes, _ = graph.side_by_side(*values)
    to = graph.shape(sources[0])
    rows = [graph.arrange(arrangements.Reshape((1, 1, math.prod(to))), source) for source in sources]
    together = graph.arrange(arrangements.Concatenate(0), *rows)
    best = _of_window(graph, together, "min" if least else "max")
    found = graph.output(graph.arrange(arrangements.Reshape(to), best), axes, tuple(shape))
    return negated(graph, found) if least else found


def _of_window(graph: Graph, source: int, name: str) -> int:
    """Add the largest of the rows of an output (rows, 1, n)."""
    rows, _, width = graph.shape(source)
    window = (rows, 1)
    return graph.add(Operator(name, "max"), [source], (1, 1, width), window=window, stride=window)


@handles("ReduceMax", "ReduceMin")
def largest_along(graph: Graph, node: Node) -> Tensor:
    """Add a tournament along axes, all by default."""
    value, least = node.value(), node.type == "ReduceMin"
    chosen, kept, to = reduced(node, value.shape)
    value = negated(graph, value) if least else value
    held = graph.axes(value)
    among = [axis for axis in held if axis in chosen]
    if among:
        rest = [axis for axis in held if axis not in chosen]
        source = graph.of_axes(value, [*among, *rest])
        rows, width = (math.prod(value.shape[axis] for axis in axes) for axes in (among, rest))
        source = graph.arrange(arrangements.Reshape((rows, 1, width)), source)
        best = _of_window(graph, source, "min" if least else "max")
        sizes = tuple(value.shape[axis] for axis in rest) or (1,)
        value = graph.output(graph.arrange(arrangements.Reshape(sizes), best), rest or [chosen[0]], kept)
    value = negated(graph, value) if least else value
    return graph.reshaped(value, to)


@handles("Clip")
def clip(graph: Graph, node: Node) -> Tensor:
    """Add a function of three lines; a ReLU where there is one limit."""
    low, high = (None if node.maybe(place) is None else node.known(place).number for place in (1, 2))
    low = None if low is None or low < -3e38 else low
    high = None if high is None or high > 3e38 else high
    value = node.value()
    if low is None and high is None:
        return value
    if high is None:
        return at_least(graph, value, low or 0.0)
    if low is None:
        return at_most(graph, value, high)
    if not low < high:
        raise ValueError(f"limits {low} and {high}; accepted: the first the lower, or one of them")
    if (low, high) == (0, 6):
        return function(graph, value, "relu6")
    return function(graph, value, "clip", parameters=(low, high))


def at_least(graph: Graph, value: Value, limit: float) -> Value:
    """Return max(x, limit), a ReLU."""
    if limit == 0:
        return rectified(graph, value)
    above = rectified(graph, offset(graph, value, Known(np.array(-limit))))
    return offset(graph, above, Known(np.array(limit)))


def at_most(graph: Graph, value: Value, limit: float) -> Value:
    """Return min(x, limit), a ReLU of what is left up to it."""
    below = offset(graph, negated(graph, value), Known(np.array(limit)))
    left = negated(graph, function(graph, below, "relu"))
    return offset(graph, left, Known(np.array(limit)))


@handles("PRelu")
def with_slopes(graph: Graph, node: Node) -> Tensor:
    """Add x where it is positive, known slopes times x elsewhere: s x + (1 − s) max(x, 0)."""
    value, slopes = node.value(), node.known(1)
    if slopes.scalar and 0 <= slopes.number < 1:
        return function(graph, value, "leaky_relu", parameters=(round(slopes.number, 9),))
    positive = function(graph, value, "relu")
    array = np.asarray(slopes.array, np.float64)
    rest = scaled(graph, value, Known(array, slopes.weight))
    return added(graph, rest, scaled(graph, positive, Known(1 - array, slopes.weight)))


@handles("IsNaN", "IsInf")
def never(graph: Graph, node: Node) -> Tensor:
    """Return that none is: values are numbers of fixed point."""
    return Known(np.zeros(node.value().shape, np.bool_))


@handles("Where")
def where(graph: Graph, node: Node) -> Tensor:
    """Return one tensor where a condition holds, and another elsewhere; local where it is known."""
    given = [one for one in (node.maybe(1), node.maybe(2)) if one is not None]
    if len(given) < 2:
        raise ValueError("an input is missing")
    secret = node.maybe(0)
    if isinstance(secret, Value):
        return truth.chosen(graph, secret, given)
    condition = np.asarray(node.known(0).array, np.bool_)
    shape = tuple(np.broadcast_shapes(condition.shape, *(_shape(one) for one in given)))
    holds = np.broadcast_to(condition, shape)
    parts: list[Value] = []
    numbers = np.zeros(shape)
    for one, counts in zip(given, (holds, ~holds), strict=True):
        if isinstance(one, Value):
            parts.append(_kept(graph, graph.repeated(one, shape), counts))
            continue
        array = np.broadcast_to(np.asarray(one.array, np.float64), shape)
        if (array[counts] <= FAR).all() and counts.any():
            (value,) = (each for each in given if isinstance(each, Value))
            return replace(graph.repeated(value, shape), mask=~counts)
        numbers = numbers + np.where(counts, array, 0.0)
    found = parts[0] if len(parts) == 1 else added(graph, *parts)
    weight = any(isinstance(one, Known) and one.weight for one in given)
    return offset(graph, found, Known(numbers, weight))


def _kept(graph: Graph, value: Value, counts: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Value:
    """Return a tensor with zeros where it does not count."""
    if value.mask is not None:
        raise ValueError("a mask of numbers far below zero that no softmax reads")
    if counts.all():
        return value
    known = graph.beside(Known(counts.astype(np.float64)), value) != 0
    return replace(value, source=graph.arrange(arrangements.Keep.of(known), value.source))
