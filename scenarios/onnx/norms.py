"""Normalisations of channels over places, by groups or each by itself, and of vectors to length one."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from scenarios.onnx.context import Graph
from scenarios.onnx.elementwise import by_number, function, of_rows
from scenarios.onnx.node import Node, axis_of, handles
from scenarios.onnx.tensors import Tensor, Value
from scenarios.onnx.windows import back, images

Reals = NDArray[np.float64]
LEAST = 2.0**-40
"""What is added to a mean square where the operator adds nothing."""


@handles("InstanceNormalization")
def of_instances(graph: Graph, node: Node) -> Tensor:
    """Add a normalisation of every channel over all places, with a known scale and shift."""
    value = node.value()
    return _grouped(graph, node, value, value.shape[1] if len(value.shape) > 1 else 0)


@handles("GroupNormalization")
def of_groups(graph: Graph, node: Node) -> Tensor:
    """Add a normalisation of groups of channels; until opset 20 a scale and a shift are a group's."""
    value, groups = node.value(), int(node.get("num_groups", 0))
    return _grouped(graph, node, value, groups, groups if node.opset < 21 else 0)


def _grouped(graph: Graph, node: Node, value: Value, groups: int, of_group: int = 0) -> Value:
    channels = value.shape[1] if len(value.shape) > 1 else 0
    if groups < 1 or channels % groups:
        raise ValueError(
            f"{groups} groups of a tensor of {value.shape}; accepted: what divides its channels"
        )
    scale, shift = (np.asarray(node.known(place).array, np.float64).reshape(-1) for place in (1, 2))
    wanted = of_group or channels
    if not len(scale) == len(shift) == wanted:
        raise ValueError(f"{len(scale)} scales and {len(shift)} shifts; accepted: {wanted} of each")
    if of_group:
        scale, shift = (np.repeat(one, channels // groups) for one in (scale, shift))
    source, rank = images(graph, value)
    said = {"epsilon": float(node.get("epsilon", 1e-5)), "groups": groups}
    found = function(graph, back(graph, source, rank), "group_norm", **said)
    plan = graph.plans[found.source]
    kept: dict[str, Reals] = {}
    if (scale != 1).any():  # as exporters write it who scale and shift afterwards
        kept["kernel"] = scale
    if shift.any():
        kept["bias"] = shift
    graph.weights.update({f"{plan.name}/{part}": array for part, array in kept.items()})
    shapes = {part: array.shape for part, array in kept.items()}
    graph.change(plan, kernel=shapes.get("kernel"), bias=shapes.get("bias"))
    return found


@handles("LpNormalization")
def to_length(graph: Graph, node: Node) -> Tensor:
    """Add rows over their lengths: over the root of their mean square, and of how many values they have."""
    value = node.value()
    axis = axis_of(node.get("axis", -1), len(value.shape))
    if node.get("p", 2) != 2:
        raise ValueError(f"p = {node.get('p')}; accepted: 2")
    found = of_rows(graph, value, "rms_norm", axis, epsilon=LEAST)
    return by_number(graph, found, 1 / math.sqrt(value.shape[axis]))
