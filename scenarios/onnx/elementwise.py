"""Sums, products and functions of values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scenarios.graph import Product, arrangements
from scenarios.onnx.context import Graph
from scenarios.onnx.node import Node, axis_of, handles
from scenarios.onnx.rearranging import broadcast, totals
from scenarios.onnx.tensors import Known, Operator, Tensor, Value


@handles("Relu")
def relu(graph: Graph, node: Node) -> Tensor:
    """End the layer of sums before, or add a function."""
    value = node.value()
    before = graph.open_sums(value, node.names[0])
    if before is None:
        return function(graph, value, "relu")
    graph.change(before, layer=replace(before.layer, activation="relu"))
    return value


def function(graph: Graph, value: Value, name: str, **arguments: object) -> Value:
    """Add a function of every value, axes as they are."""
    found = graph.add(
        Operator(name, "function", function=name),
        [value.source],
        graph.shape(value.source),
        arguments=tuple(sorted(arguments.items())),
    )
    return graph.like(found.source, value.order)


FUNCTIONS = {"Sigmoid": "sigmoid", "Exp": "exponential", "Log": "logarithm", "Sqrt": "square_root"}


@handles(*FUNCTIONS)
def of_values(graph: Graph, node: Node) -> Tensor:
    """Add a function of every value."""
    return function(graph, node.value(), FUNCTIONS[node.type])


@handles("Softmax")
def softmax(graph: Graph, node: Node) -> Tensor:
    """Add a softmax of rows along an axis."""
    return of_rows(graph, node.value(), "softmax", node.get("axis", -1))


def of_rows(graph: Graph, value: Value, name: str, axis: int, **arguments: object) -> Value:
    """Add a function of rows along an axis, which is brought to the end."""
    rank = len(value.shape)
    place = axis_of(axis, rank)
    if value.order[place] != rank - 1:
        order = tuple(rank - 1 if i == place else i - (i > place) for i in range(rank))
        value = graph.like(graph.in_order(value, order), order)
    return function(graph, value, name, **arguments)


@handles("Add", "Sum")
def add(graph: Graph, node: Node) -> Tensor:
    """Add outputs, and known numbers: into the bias of sums that nothing else reads, or as they are."""
    total, name = node.maybe(0), node.names[0]
    for place in range(1, len(node.inputs)):
        total = _added(graph, total, name, node.maybe(place), node.names[place])
        name = ""
    if total is None:
        raise ValueError("no input")
    return total


def _added(
    graph: Graph, left: Tensor | None, left_name: str, right: Tensor | None, right_name: str
) -> Tensor:
    if isinstance(left, Known):
        left, right, left_name, right_name = right, left, right_name, left_name
    if not isinstance(left, Value) or right is None:
        raise ValueError("known numbers alone, or an input is missing")
    if isinstance(right, Known):
        return offset(graph, left, left_name, right)
    shape = tuple(np.broadcast_shapes(left.shape, right.shape))
    x, y = broadcast(graph, left, shape), broadcast(graph, right, shape)
    sources = [x.source, graph.in_order(y, x.order)]
    found = graph.add(Operator("add", "add"), sources, graph.shape(x.source))
    return graph.like(found.source, x.order)


def offset(graph: Graph, value: Value, name: str, known: Known) -> Value:
    """Add known numbers to an output."""
    array = graph.known_in(known, value)
    before = graph.open_sums(value, name)
    size = graph.shape(value.source)[-1]
    if before is not None and before.kernel is not None and array.size in (1, array.shape[-1]):
        bias = np.broadcast_to(array.reshape(-1), (size,))
        key = f"{before.name}/bias"
        graph.weights[key] = graph.weights.get(key, np.zeros(size)) + bias
        graph.change(before, bias=(size,))
        return value
    found = graph.add(
        Operator("offset", "offset"), [value.source], graph.shape(value.source), bias=array.shape
    )
    graph.weights[f"{graph.plans[-1].name}/bias"] = array
    return graph.like(found.source, value.order)


@handles("Sub")
def subtract(graph: Graph, node: Node) -> Tensor:
    """Subtract outputs and known numbers."""
    left, right = node.maybe(0), node.maybe(1)
    if isinstance(left, Value) and isinstance(right, Known):
        return offset(graph, left, node.names[0], Known(-np.asarray(right.array, np.float64), right.weight))
    if isinstance(left, Known) and isinstance(right, Value):
        return offset(graph, _negated(graph, right), "", left)
    if not isinstance(left, Value) or not isinstance(right, Value):
        raise ValueError("known numbers alone")
    shape = tuple(np.broadcast_shapes(left.shape, right.shape))
    x, y = broadcast(graph, left, shape), broadcast(graph, right, shape)
    source = graph.in_order(y, x.order)
    found = graph.arrange(
        arrangements.Combine((1, -1)), graph.value(x.source), graph.value(source), kind="sub"
    )
    return graph.like(found.source, x.order)


def _negated(graph: Graph, value: Value) -> Value:
    found = graph.arrange(arrangements.Combine((-1,)), graph.value(value.source), kind="neg")
    return graph.like(found.source, value.order)


@handles("Neg")
def negate(graph: Graph, node: Node) -> Tensor:
    """Return −x."""
    return _negated(graph, node.value())


@handles("Mul")
def multiply(graph: Graph, node: Node) -> Tensor:
    """Multiply outputs, with weights, or with one public number."""
    left, right = node.maybe(0), node.maybe(1)
    if isinstance(left, Known):
        left, right = right, left
    if not isinstance(left, Value) or right is None:
        raise ValueError("known numbers alone")
    if isinstance(right, Known):
        return scaled(graph, left, right)
    rank = max(len(left.shape), len(right.shape))
    x, y = (_of_rank(graph, one, rank) for one in (left, right))
    source = graph.in_order(y, x.order)
    shapes = graph.shape(x.source), graph.shape(source)
    product = Product("mul", *shapes)
    output = tuple(np.broadcast_shapes(*shapes))
    found = graph.sums("multiply", x.source, product, output, other=source)
    return graph.like(found.source, x.order)


def _of_rank(graph: Graph, value: Value, rank: int) -> Value:
    if len(value.shape) == rank:
        return value
    to = (1,) * (rank - len(value.shape)) + value.shape
    return graph.arrange(arrangements.Reshape(to), graph.value(graph.plain(value)))


def scaled(graph: Graph, value: Value, known: Known) -> Value:
    """Multiply an output with weights, or with one number, which is public."""
    if known.scalar:
        return by_number(graph, value, known.number)
    array = graph.known_in(known, value)
    shape = graph.shape(value.source)
    kernel = array.reshape(array.shape[next(i for i, s in enumerate((*array.shape, 0)) if s != 1) :])
    found = graph.sums("scale", value.source, Product("mul", shape, kernel.shape), shape, kernel)
    return graph.like(found.source, value.order)


def by_number(graph: Graph, value: Value, factor: float) -> Value:
    """Multiply an output with one public number."""
    if not np.isfinite(factor):
        raise ValueError(f"times {factor}; accepted: a finite number")
    if factor == 1:
        return value
    if factor == -1:
        return _negated(graph, value)
    shape = graph.shape(value.source)
    found = graph.add(Operator("scaled", "scaled", factor=factor), [value.source], shape)
    return graph.like(found.source, value.order)


@handles("Div")
def divide(graph: Graph, node: Node) -> Tensor:
    """Divide by known numbers."""
    divisor = node.known(1)
    array = np.asarray(divisor.array, np.float64)
    if (array == 0).any():
        raise ValueError("a divisor of 0")
    return scaled(graph, node.value(), Known(1 / array, divisor.weight))


@handles("ReduceMean")
def mean(graph: Graph, node: Node) -> Tensor:
    """Add means along axes."""
    value = node.value()
    total = totals(graph, node)
    return by_number(graph, total, np.prod(total.shape) / np.prod(value.shape))
