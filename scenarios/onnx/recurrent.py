"""LSTM and GRU of files: their weights as the graph has them, and their outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenarios.graph import (
    GATES,
    Cell,
    Direction,
    Operator,
    Recurrent,
    Shape,
    Wanted,
    arrangements,
    unrolled,
)
from scenarios.onnx.context import Graph
from scenarios.onnx.node import Node, handles, text
from scenarios.onnx.tensors import Known, Tensor, Value

Numbers = NDArray[np.float64]
DIRECTIONS: dict[str, Direction] = {"forward": "forward", "reverse": "reverse", "bidirectional": "both"}
USUAL = {"LSTM": ("sigmoid", "tanh", "tanh"), "GRU": ("sigmoid", "tanh")}
_INITIAL, _INITIAL_CELL, _PEEPHOLES = 5, 6, 7


@handles("LSTM", "GRU")
def recurrent(graph: Graph, node: Node) -> Sequence[Tensor]:
    """Add the steps of a recurrent layer; its outputs are the states of all rows and the last ones."""
    cell: Cell = "lstm" if node.type == "LSTM" else "gru"
    value, batchwise = node.value(), bool(node.get("layout", 0))
    if len(value.shape) != 3:
        raise ValueError(f"a tensor of {value.shape}; accepted: rows, images and their numbers")
    way = text(node.get("direction", "forward"))
    if way not in DIRECTIONS:
        raise ValueError(f"direction = {way!r}; accepted: {', '.join(DIRECTIONS)}")
    axes = (1, 0, 2) if batchwise else (0, 1, 2)
    length, batch, width = (value.shape[axis] for axis in axes)
    kernel, state = (np.asarray(node.known(place).array, np.float64) for place in (1, 2))
    units = state.shape[-1]
    before = cell == "gru" and not node.get("linear_before_reset", 0)
    layer = Recurrent(cell, units, DIRECTIONS[way], before, node.maybe(3) is not None)
    _refuse(node, layer, length, batch)
    gates = GATES[cell] * units
    for name, found, wanted in (
        ("W", kernel.shape, (layer.ways, gates, width)),
        ("R", state.shape, (layer.ways, gates, units)),
        ("B", _biases(node, layer).shape, (layer.ways, 2 * gates)),
    ):
        if found != wanted:
            raise ValueError(f"{name} of {found}; accepted: {wanted}, for rows of {width} numbers")
    nodes = _Nodes(graph)
    source = graph.of_axes(value, axes)
    places = [_INITIAL, _INITIAL_CELL] if cell == "lstm" else [_INITIAL]
    states = [_initial(graph, node.maybe(place), layer, batch, batchwise) for place in places]
    wanted_of: list[Wanted] = ["rows", "last", "cell"] if cell == "lstm" else ["rows", "last"]
    rows, *last = unrolled(nodes, layer, source, wanted_of, *states)
    nodes.learn(_weights(kernel, state, _biases(node, layer), layer))
    graph.name = f"{graph.name}_sides"
    apart = graph.arrange(arrangements.Reshape((length, batch, layer.ways, units)), rows)
    ways = layer.ways
    if batchwise:
        ends = [graph.output(one, (0, 1, 2), (batch, ways, units)) for one in last]
        return [graph.output(apart, (1, 0, 2, 3), (batch, length, ways, units)), *ends]
    ends = [graph.output(one, (1, 0, 2), (ways, batch, units)) for one in last]
    return [graph.output(apart, (0, 2, 1, 3), (length, ways, batch, units)), *ends]


def _refuse(node: Node, layer: Recurrent, length: int, batch: int) -> None:
    """Refuse what is not offered."""
    said = [text(one).lower() for one in node.get("activations") or USUAL[node.type] * layer.ways]
    if said != list(USUAL[node.type] * layer.ways):
        raise ValueError(f"activations {said}; accepted: {', '.join(USUAL[node.type])} of each direction")
    if node.get("clip") is not None or node.get("input_forget", 0):
        raise ValueError("clip or input_forget; accepted: neither")
    if node.get("hidden_size", layer.units) != layer.units:
        raise ValueError(f"hidden_size = {node.get('hidden_size')} with weights for {layer.units} units")
    lengths = node.maybe(4)
    if lengths is not None and node.whole(4) != [length] * batch:
        raise ValueError(f"sequence_lens; accepted: none, or {length} of each image")
    if node.maybe(_PEEPHOLES) is not None and np.any(node.known(_PEEPHOLES).array):
        raise ValueError("peepholes; accepted: none, or zeros")


def _biases(node: Node, layer: Recurrent) -> Numbers:
    """Return the numbers of each direction, of rows and then of states; zeros where there are none."""
    if node.maybe(3) is None:
        return np.zeros((layer.ways, 2 * GATES[layer.cell] * layer.units))
    return np.asarray(node.known(3).array, np.float64)


def _initial(
    graph: Graph, tensor: Tensor | None, layer: Recurrent, batch: int, batchwise: bool
) -> int | None:
    """Return the node of states before the first step; None where they are zeros."""
    if tensor is None or (isinstance(tensor, Known) and not np.any(tensor.array)):
        return None
    size = (layer.ways, batch, layer.units)
    order = (0, 1, 2) if batchwise else (1, 0, 2)
    found = tensor.shape if isinstance(tensor, Value) else np.shape(tensor.array)
    wanted = (batch, layer.ways, layer.units) if batchwise else size
    if tuple(found) != wanted:
        raise ValueError(f"initial states of {tuple(found)}; accepted: {wanted}")
    if isinstance(tensor, Value):
        return graph.of_axes(tensor, order)
    return graph.weight(np.asarray(tensor.array, np.float64).transpose(order))


def _weights(kernel: Numbers, state: Numbers, biases: Numbers, layer: Recurrent) -> dict[str, Numbers]:
    """Return the weights of rows, states and candidates: columns are directions, blocks, units."""
    gates, units = GATES[layer.cell] * layer.units, layer.units
    of_rows, of_states = biases[:, :gates], biases[:, gates:]
    after = layer.cell == "gru" and not layer.before

    def columns(array: Numbers) -> Numbers:
        return array.transpose(2, 0, 1).reshape(array.shape[2], -1)

    def grouped(array: Numbers) -> Numbers:
        return columns(array) if layer.ways == 1 else columns(array)[None, None]

    return {
        "rows/kernel": columns(kernel),
        "rows/bias": (of_rows if after else of_rows + of_states).reshape(-1),
        "state/kernel": grouped(state[:, : 2 * units] if layer.before else state),
        "constant/bias": of_states.reshape(-1),
        "candidate/kernel": grouped(state[:, 2 * units :]),
    }


class _Nodes:
    """Nodes of one layer of the file."""

    def __init__(self, graph: Graph) -> None:
        self._graph, self._layer = graph, graph.name
        self._first: dict[str, int] = {}

    def add(self, name: str, layer: Operator, sources: tuple[int, ...], output: Shape, **more: Any) -> int:
        """Add a node, and return its place."""
        self._graph.name = f"{self._layer}_{name}"
        found = self._graph.add(layer, sources, output, **more)
        self._first.setdefault(name.rpartition(".")[2], found)
        self._graph.name = self._layer
        return found

    def shape(self, source: int) -> Shape:
        """Return the shape of an output."""
        return self._graph.shape(source)

    def called(self, source: int) -> str:
        """Return what a node is called."""
        return self._graph.plans[source].name

    def learn(self, weights: Mapping[str, Numbers]) -> None:
        """Give the first node of each name its weights."""
        for name, array in weights.items():
            kind, part = name.split("/")
            if kind in self._first:
                self._graph.weights[f"{self.called(self._first[kind])}/{part}"] = array
