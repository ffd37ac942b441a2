"""Tokens that a client keeps secret: whole numbers that choose rows of a table of weights.

Servers have one-hot rows of them on shares, and a row of the table is a product with the table. What else a
file does with tokens is carried through to the rows, or refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from scenarios.onnx import products, rearranging
from scenarios.onnx.context import Graph
from scenarios.onnx.file import Contents
from scenarios.onnx.node import HANDLERS, Node, axis_of
from scenarios.onnx.tensors import Known, Tensor, Tokens, Value

_SAME = frozenset(("Identity", "Cast"))
"""What leaves the numbers of tokens, and of a table, as they are."""


def words_of(file: Contents, nodes: Sequence[Any], names: Sequence[str]) -> dict[str, int]:
    """Return of each input that chooses rows of tables how many there are: those that all its tables have.

    Args:
        file: whose inputs and tables.
        nodes: those that are computed, in order.
        names: inputs that clients give.
    """
    origin = {name: name for name in names if file.kinds[name].kind in "iu"}
    sizes = {name: one.shape for name, one in file.initialisers.items()}
    found: dict[str, int] = {}
    for node in nodes:
        read, given = list(node.input), node.output[0] if node.output else ""
        if node.op_type == "Constant":
            sizes[given] = next((tuple(one.t.dims) for one in node.attribute if one.name == "value"), ())
        if not read:
            continue
        if read[0] in origin and node.op_type in _SAME.union(_CHANGES):
            origin[given] = origin[read[0]]
        elif read[0] in sizes and node.op_type in _SAME:
            sizes[given] = sizes[read[0]]
        elif node.op_type == "Gather" and read[1] in origin and sizes.get(read[0]):
            name, rows = origin[read[1]], int(sizes[read[0]][0])
            found[name] = min(found.get(name, rows), rows)
    return found


def of_tokens(graph: Graph, node: Node, secret: Mapping[int, Tokens]) -> Tensor | Tokens:
    """Return what a node gives that reads tokens; a ValueError where it is none that may.

    Args:
        graph: to add to.
        node: its inputs, None where tokens are.
        secret: its tokens, by place.
    """
    if node.type not in READERS:
        raise ValueError(
            "reads tokens, which choose rows of a table and are a client's secret; accepted of these: "
            f"{', '.join(sorted(READERS))}, or model.public_inputs"
        )
    if node.type == "Gather" and 1 in secret:
        return _chosen(graph, node, secret[1])
    if list(secret) != [0]:
        raise ValueError(f"reads tokens, a client's secret, as its inputs {[*secret]}; accepted: the first")
    return READERS[node.type](graph, node, secret[0])


def _as_they_are(graph: Graph, node: Node, tokens: Tokens) -> Tokens:
    """Return the tokens; a ValueError where they become other than whole numbers."""
    kind = node.get("to")
    if node.type == "Cast" and (kind in rearranging.FLOATS or kind == rearranging.TRUTH):
        raise ValueError(f"to = {kind} of tokens; accepted: a kind of whole numbers")
    return tokens


def _sizes(graph: Graph, node: Node, tokens: Tokens) -> Known:
    """Return the sizes of the tensor, or how many numbers it has."""
    shape = tokens.shape
    if node.type == "Size":
        return Known(np.array(math.prod(shape), np.int64))
    return Known(np.array(shape[node.get("start", 0) : node.get("end")], np.int64))


def _chosen(graph: Graph, node: Node, tokens: Tokens) -> Value:
    """Add the product of one-hot rows with a table."""
    table = node.maybe(0)
    if not isinstance(table, Known):
        raise ValueError("tokens choose among what depends on an input; accepted: a table of weights")
    array = np.asarray(table.array, np.float64)
    axis = axis_of(node.get("axis", 0), array.ndim)
    if axis:
        raise ValueError(f"axis {axis} of a table, by tokens; accepted: 0, its rows")
    kernel = array[: tokens.words].reshape(tokens.words, -1)
    found = products.rows(graph, tokens.rows, kernel)
    return graph.reshaped(found, (*tokens.shape, *array.shape[1:]))


def _moved(graph: Graph, node: Node, tokens: Tokens) -> Tokens:
    """Rearrange tokens: their rows, with the axis of words behind."""
    kind, more, attributes = _CHANGES[node.type](node, len(tokens.shape), tokens)
    left = {name: value for name, value in node.attributes.items() if name != "axes"}
    inputs = (tokens.rows, *more)
    found = HANDLERS[kind](
        graph, replace(node, type=kind, attributes=left | dict(attributes), inputs=inputs)
    )
    assert isinstance(found, Value)
    return Tokens(found)


Changed = tuple[str, Sequence[Tensor | None], Mapping[str, Any]]
"""The operator, its inputs after the first, and attributes."""


def _axes(axes: Sequence[int], rank: int) -> Known:
    return Known(np.array([axis_of(axis, rank) for axis in axes], np.int64))


def _reshape(node: Node, rank: int, tokens: Tokens) -> Changed:
    return "Reshape", [Known(np.array([*node.whole(1), tokens.words], np.int64))], {}


def _flatten(node: Node, rank: int, tokens: Tokens) -> Changed:
    axis = int(node.get("axis", 1))
    first = math.prod(tokens.shape[: axis_of(axis, rank) if axis != rank else rank])
    return "Reshape", [Known(np.array([first, math.prod(tokens.shape) // first, tokens.words]))], {}


def _squeeze(node: Node, rank: int, tokens: Tokens) -> Changed:
    said = node.values("axes", 1)
    axes = [axis for axis, size in enumerate(tokens.shape) if size == 1] if said is None else said
    return "Squeeze", [_axes(axes, rank)], {}


def _unsqueeze(node: Node, rank: int, tokens: Tokens) -> Changed:
    axes = node.values("axes", 1) or []
    return "Unsqueeze", [_axes(axes, rank + len(axes))], {}


def _transpose(node: Node, rank: int, tokens: Tokens) -> Changed:
    order = list(node.get("perm") or range(rank - 1, -1, -1))
    return "Transpose", [], {"perm": [*order, rank]}


def _slice(node: Node, rank: int, tokens: Tokens) -> Changed:
    starts, ends, _, steps = (node.maybe(place) for place in (1, 2, 3, 4))
    said = node.values("axes", 3)
    axes = list(range(len(node.values("starts", 1) or []))) if said is None else said
    return "Slice", [starts, ends, _axes(axes, rank), steps], {}


def _gather(node: Node, rank: int, tokens: Tokens) -> Changed:
    return "Gather", [node.maybe(1)], {"axis": axis_of(node.get("axis", 0), rank)}


def _expand(node: Node, rank: int, tokens: Tokens) -> Changed:
    return "Expand", [Known(np.array([*node.whole(1), tokens.words], np.int64))], {}


_CHANGES: dict[str, Callable[[Node, int, Tokens], Changed]] = {
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Transpose": _transpose,
    "Slice": _slice,
    "Gather": _gather,
    "Expand": _expand,
}
READERS: dict[str, Callable[[Graph, Node, Tokens], Known | Tokens]] = {
    **dict.fromkeys(_CHANGES, _moved),
    **dict.fromkeys(_SAME, _as_they_are),
    "Shape": _sizes,
    "Size": _sizes,
}
"""What may read tokens."""
