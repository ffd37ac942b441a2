"""Sums, products and functions of values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scenarios.graph import IMAGE, Mask, Operator, Product, arrangements
from scenarios.onnx.context import Graph
from scenarios.onnx.node import Node, axis_of, handles, text
from scenarios.onnx.rearranging import totals
from scenarios.onnx.tensors import Known, Tensor, Value

LEAST = 2.0**-32
"""The least public factor."""
FAR = -1e4
"""Numbers at most this that are added to a tensor say which places a softmax is to leave out."""


@handles("Relu")
def relu(graph: Graph, node: Node) -> Tensor:
    """End the layer of sums before, or add a function."""
    return rectified(graph, node.value())


def rectified(graph: Graph, value: Value) -> Value:
    """Return max(x, 0), as the end of the layer of sums before where nothing else reads that."""
    before = graph.open_sums(value)
    if before is None:
        return function(graph, value, "relu")
    graph.change(before, layer=replace(before.layer, activation="relu"))
    return value


def function(graph: Graph, value: Value, name: str, **arguments: object) -> Value:
    """Add a function of every value, axes as they are."""
    if value.mask is not None:
        raise ValueError("a mask of numbers far below zero that no softmax reads")
    said = tuple(sorted(arguments.items()))
    shape = graph.shape(value.source)
    return replace(
        value,
        source=graph.add(Operator(name, "function", function=name), [value.source], shape, arguments=said),
    )


FUNCTIONS = {
    "Sigmoid": "sigmoid",
    "Exp": "exponential",
    "Log": "logarithm",
    "Sqrt": "square_root",
    "Tanh": "tanh",
    "Erf": "erf",
    "Softplus": "softplus",
    "HardSwish": "hard_swish",
    "Abs": "absolute",
    "Reciprocal": "reciprocal",
}


@handles("Gelu", "Elu", "LeakyRelu", "HardSigmoid", "Swish")
def with_parameters(graph: Graph, node: Node) -> Tensor:
    """Add a function that attributes decide."""
    value = node.value()
    if node.type == "Gelu":
        exact = text(node.get("approximate", "none")) == "none"
        return function(graph, value, "gelu" if exact else "gelu_tanh")
    if node.type == "Swish" and node.get("alpha", 1.0) == 1.0:
        return function(graph, value, "silu")
    usual = {"Elu": (1.0,), "LeakyRelu": (0.01,), "HardSigmoid": (0.2, 0.5)}
    names = {"Elu": "elu", "LeakyRelu": "leaky_relu", "HardSigmoid": "hard_sigmoid"}
    if node.type not in names:
        raise ValueError(f"alpha = {node.get('alpha')}; accepted: 1")
    given = zip(("alpha", "beta"), usual[node.type], strict=False)
    parameters = tuple(round(float(node.get(name, default)), 9) for name, default in given)
    return function(graph, value, names[node.type], parameters=parameters)


@handles(*FUNCTIONS)
def of_values(graph: Graph, node: Node) -> Tensor:
    """Add a function of every value."""
    return function(graph, node.value(), FUNCTIONS[node.type])


@handles("LogSoftmax")
def log_softmax(graph: Graph, node: Node) -> Tensor:
    """Add a logarithm of shares of rows along an axis."""
    value = node.value()
    return of_rows(graph, value, "log_softmax", axis_of(node.get("axis", -1), len(value.shape)))


@handles("Pow")
def power(graph: Graph, node: Node) -> Tensor:
    """Add a power with a known whole exponent."""
    exponent = node.known(1).number if node.known(1).scalar else 0.0
    if exponent not in range(1, 65):
        raise ValueError(f"exponent {exponent}; accepted: a whole number from 1 to 64")
    value = node.value()
    return value if exponent == 1 else function(graph, value, "power", parameters=(exponent,))


@handles("LayerNormalization", "RMSNormalization")
def normalisation(graph: Graph, node: Node) -> Tensor:
    """Add a normalisation of rows along the last axis, with a known scale and shift."""
    value, last = node.value(), len(node.value().shape) - 1
    if axis_of(node.get("axis", -1), last + 1) != last or node.outputs > 1:
        raise ValueError("an axis before the last, or a second output; accepted: rows along the last axis")
    width = value.shape[last]
    known = [node.known(place) for place in (1, 2) if node.maybe(place) is not None]
    given = [np.asarray(one.array, np.float64).reshape(-1) for one in known]
    if any(one.size not in (1, width) for one in given):
        raise ValueError(f"{[one.size for one in given]} numbers for rows of {width}")
    scale, *shift = (np.broadcast_to(one, (width,)) for one in given)
    name = "layer_norm" if node.type == "LayerNormalization" else "rms_norm"
    if name == "layer_norm" and not shift:
        shift = [np.zeros(width)]
    found = of_rows(graph, value, name, last, epsilon=node.epsilon)
    plan = graph.plans[found.source]
    graph.weights[f"{plan.name}/kernel"] = scale
    if shift:
        graph.weights[f"{plan.name}/bias"] = shift[0]
    graph.change(plan, kernel=(width,), bias=(width,) if shift else None)
    return found


@handles("Softmax")
def softmax(graph: Graph, node: Node) -> Tensor:
    """Add a softmax of rows along an axis."""
    value = node.value()
    rank = len(value.shape)
    axis, mask = axis_of(node.get("axis", -1), rank), value.mask
    value = replace(value, mask=None)
    if mask is None:
        return of_rows(graph, value, "softmax", axis)
    axes = graph.axes(value, (axis,))
    wide = np.broadcast_to(mask, value.shape).transpose([*(i for i in range(rank) if i not in axes), *axes])
    said = wide.reshape([value.shape[i] for i in axes])
    if not said.any(-1).all():
        raise ValueError("a mask that leaves a row nothing; accepted: at least one place of each")
    return of_rows(graph, value, "softmax", axis, mask=Mask.of(said))


def of_rows(graph: Graph, value: Value, name: str, axis: int, **arguments: object) -> Value:
    """Add a function of rows along an axis, which is brought to the end."""
    axes = graph.axes(value, (axis,))
    source = graph.of_axes(value, axes)
    return function(graph, graph.output(source, axes, value.shape), name, **arguments)


@handles("Add", "Sum")
def add(graph: Graph, node: Node) -> Tensor:
    """Add outputs, and known numbers: into the bias of sums that nothing else reads, or as they are."""
    total = node.maybe(0)
    for place in range(1, len(node.inputs)):
        total = added(graph, total, node.maybe(place))
    if total is None:
        raise ValueError("no input")
    return total


def added(graph: Graph, left: Tensor | None, right: Tensor | None) -> Value:
    """Return the sum of two tensors."""
    if isinstance(left, Known):
        left, right = right, left
    if not isinstance(left, Value) or right is None:
        raise ValueError("known numbers alone, or an input is missing")
    if isinstance(right, Known):
        return offset(graph, left, right)
    shape = tuple(np.broadcast_shapes(left.shape, right.shape))
    sources, axes, _ = graph.side_by_side(graph.repeated(left, shape), graph.repeated(right, shape))
    found = graph.add(Operator("add", "add"), sources, graph.shape(sources[0]))
    return graph.output(found, axes, shape)


def offset(graph: Graph, value: Value, known: Known) -> Value:
    """Add known numbers to an output."""
    given = np.asarray(known.array, np.float64)
    value = graph.repeated(value, tuple(np.broadcast_shapes(given.shape, value.shape)))
    if given.size and ((given == 0) | (given <= FAR)).all() and (given <= FAR).any():
        return replace(value, mask=given == 0)
    if value.mask is not None:
        raise ValueError("a mask of numbers far below zero that no softmax reads")
    if not given.any():
        return value
    array, shape = graph.beside(known, value), graph.shape(value.source)
    before = graph.open_sums(value)
    if before is not None and before.kernel is not None and array.size in (1, array.shape[-1]):
        bias = np.broadcast_to(array.reshape(-1), shape[-1:])
        key = f"{before.name}/bias"
        graph.weights[key] = graph.weights.get(key, np.zeros(shape[-1])) + bias
        graph.change(before, bias=shape[-1:])
        return value
    found = graph.add(Operator("offset", "offset"), [value.source], shape, bias=array.shape)
    graph.weights[f"{graph.plans[-1].name}/bias"] = array
    return replace(value, source=found)


@handles("Sub")
def subtract(graph: Graph, node: Node) -> Tensor:
    """Subtract outputs and known numbers."""
    left, right = node.maybe(0), node.maybe(1)
    if isinstance(left, Value) and isinstance(right, Known):
        return offset(graph, left, Known(-np.asarray(right.array, np.float64), right.weight))
    if isinstance(left, Known) and isinstance(right, Value):
        return offset(graph, negated(graph, right), left)
    if not isinstance(left, Value) or not isinstance(right, Value):
        raise ValueError("known numbers alone")
    shape = tuple(np.broadcast_shapes(left.shape, right.shape))
    sources, axes, _ = graph.side_by_side(graph.repeated(left, shape), graph.repeated(right, shape))
    return graph.output(graph.arrange(arrangements.Combine((1, -1)), *sources), axes, shape)


def negated(graph: Graph, value: Value) -> Value:
    """Return −x."""
    return replace(value, source=graph.arrange(arrangements.Combine((-1,)), value.source))


@handles("Neg")
def negate(graph: Graph, node: Node) -> Tensor:
    """Return −x."""
    return negated(graph, node.value())


@handles("Mul")
def multiply(graph: Graph, node: Node) -> Tensor:
    """Multiply outputs, with weights, or with one public number."""
    left, right = node.maybe(0), node.maybe(1)
    if isinstance(left, Known):
        left, right = right, left
    if not isinstance(left, Value) or right is None:
        raise ValueError("known numbers alone, or an input is missing")
    if isinstance(right, Known):
        return scaled(graph, left, right)
    for one, other in ((left, right), (right, left)):
        known = _gate(graph, one, other) or _known_product(graph, one, other)
        if known is not None:
            return known
    sources, axes, shape = graph.side_by_side(left, right)
    shapes = graph.shape(sources[0]), graph.shape(sources[1])
    output = tuple(np.broadcast_shapes(*shapes))
    found = graph.sums("multiply", sources[0], Product("mul", *shapes), output, other=sources[1])
    return graph.output(found, axes, shape)


def _gate(graph: Graph, value: Value, gate: Value) -> Value | None:
    """Return values times a truth value, or a sign, that was made a number: exact, without a truncation."""
    plan = None if gate.source == IMAGE else graph.plans[gate.source]
    if plan is None or plan.kind != "function" or plan.layer.function != "number":
        return None
    shape = tuple(np.broadcast_shapes(value.shape, gate.shape))
    truth = replace(gate, source=plan.sources[0])
    both = [graph.repeated(one, shape) for one in (truth, value)]
    sources, axes, _ = graph.side_by_side(*both)
    operator, said = Operator("choose", "function", function="choose"), (("otherwise", 0.0),)
    return graph.output(graph.add(operator, sources, graph.shape(sources[0]), arguments=said), axes, shape)


def _known_product(graph: Graph, x: Value, gate: Value) -> Value | None:
    """Return x · sigmoid(x) as SiLU, x (1 + erf(x/√2)) as twice GELU, if nothing else reads the gate."""
    if not graph.read_once(gate.source) or (x.shape, x.order) != (gate.shape, gate.order):
        return None
    plan, factor, source = graph.plans[gate.source], 1.0, x.source
    if plan.layer.type == "sigmoid" and plan.sources == (source,):
        return function(graph, x, "silu")
    if source != IMAGE and graph.plans[source].kind == "scaled":
        factor, source = graph.plans[source].layer.factor, graph.plans[source].sources[0]
    below = [plan]
    while below[-1].sources[0] not in (IMAGE, source) and len(below) < 3:
        below.append(graph.plans[below[-1].sources[0]])
    if [one.layer.type for one in below] != ["offset", "erf", "scaled"] or below[-1].sources != (source,):
        return None
    one, turn = graph.weights[f"{plan.name}/bias"], below[-1].layer.factor
    if np.any(one != 1) or abs(turn * np.sqrt(2.0) - 1) > 1e-4:
        return None
    return by_number(graph, function(graph, replace(x, source=source), "gelu"), 2 * factor)


def scaled(graph: Graph, value: Value, known: Known) -> Value:
    """Multiply an output with weights, or with one number, which is public."""
    if known.scalar:
        return by_number(graph, graph.of_rank(value, max(known.array.ndim, len(value.shape))), known.number)
    value = graph.repeated(value, tuple(np.broadcast_shapes(np.shape(known.array), value.shape)))
    array, shape = graph.beside(known, value), graph.shape(value.source)
    large = [place for place, size in enumerate(array.shape) if size != 1]
    kernel = array.reshape(array.shape[large[0] :])
    return replace(
        value, source=graph.sums("scale", value.source, Product("mul", shape, kernel.shape), shape, kernel)
    )


def by_number(graph: Graph, value: Value, factor: float) -> Value:
    """Multiply an output with one public number."""
    if factor and not LEAST <= abs(factor) <= 1 / LEAST:
        far = "; a mask that all know may be one of model.public_inputs" if factor < 0 else ""
        raise ValueError(f"times {factor}; accepted: 0, or a size from 2^-32 to 2^32{far}")
    if factor == 1:
        return value
    if factor == -1:
        return negated(graph, value)
    before = None if value.source == IMAGE else graph.plans[value.source]
    if before is not None and before.kind == "scaled":
        return by_number(graph, replace(value, source=before.sources[0]), factor * before.layer.factor)
    operator, shape = Operator("scaled", "scaled", factor=factor), graph.shape(value.source)
    return replace(value, source=graph.add(operator, [value.source], shape))


@handles("Div")
def divide(graph: Graph, node: Node) -> Tensor:
    """Divide by known numbers, or by an output."""
    if isinstance(node.maybe(1), Value):
        return _quotient(graph, node.maybe(0), node.value(1))
    divisor = node.known(1)
    array = np.asarray(divisor.array, np.float64)
    if (array == 0).any():
        raise ValueError("a divisor of 0")
    return scaled(graph, node.value(), Known(1 / array, divisor.weight))


def _quotient(graph: Graph, left: Tensor | None, right: Value) -> Value:
    """Add a quotient; of one known number it is a reciprocal times that."""
    if isinstance(left, Known) and left.scalar:
        rank = max(left.array.ndim, len(right.shape))
        return by_number(graph, graph.of_rank(function(graph, right, "reciprocal"), rank), left.number)
    if left is None:
        raise ValueError("an input is missing")
    if isinstance(left, Known):
        left = graph.held(left)
    shape = tuple(np.broadcast_shapes(left.shape, right.shape))
    sources, axes, _ = graph.side_by_side(graph.repeated(left, shape), graph.repeated(right, shape))
    found = graph.add(Operator("divide", "function", function="divide"), sources, graph.shape(sources[0]))
    return graph.output(found, axes, shape)


@handles("ReduceMean")
def mean(graph: Graph, node: Node) -> Tensor:
    """Add means along axes."""
    total, count = totals(graph, node)
    return by_number(graph, total, 1 / count)
