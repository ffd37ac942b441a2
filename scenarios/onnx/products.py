"""Matrix products, with weights and of two outputs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenarios.graph import Product
from scenarios.onnx.context import Graph
from scenarios.onnx.elementwise import by_number
from scenarios.onnx.node import Node, handles
from scenarios.onnx.rearranging import turned
from scenarios.onnx.tensors import Known, Tensor, Value


@handles("Gemm")
def general(graph: Graph, node: Node) -> Tensor:
    """Add alpha · A B + beta · C, with known B and C."""
    value, kernel = node.value(), np.asarray(node.known(1).array, np.float64)
    value = turned(value, (1, 0)) if node.get("transA", 0) else value
    kernel = (kernel.T if node.get("transB", 0) else kernel) * node.get("alpha", 1.0)
    bias = None
    if node.maybe(2) is not None:
        given = np.asarray(node.known(2).array, np.float64) * node.get("beta", 1.0)
        if given.size not in (1, kernel.shape[-1]):
            raise ValueError(f"C of {given.shape}; accepted: one number, or one for each column")
        bias = np.broadcast_to(given.reshape(-1), (kernel.shape[-1],))
    if len(value.shape) != 2 or kernel.ndim != 2:
        raise ValueError(f"A of {value.shape}, B of {kernel.shape}; accepted: matrices")
    return rows(graph, value, kernel, bias)


def rows(graph: Graph, value: Value, kernel: NDArray[Any], bias: NDArray[Any] | None = None) -> Value:
    """Add a product of rows, along the last axis of a tensor, with weights."""
    last = len(value.shape) - 1
    if value.shape[-1] != kernel.shape[0]:
        raise ValueError(f"{value.shape} times {kernel.shape}")
    axes = graph.axes(value, (last,))
    source = graph.of_axes(value, axes)
    shape = graph.shape(source)
    product = Product("matmul", shape, kernel.shape)
    found = graph.sums("dense", source, product, (*shape[:-1], kernel.shape[1]), kernel, bias)
    return graph.output(found, axes, (*value.shape[:-1], kernel.shape[1]))


@handles("MatMul")
def matmul(graph: Graph, node: Node) -> Tensor:
    """Add a product with weights over the last axis, or of matrices of two outputs."""
    left, right = node.maybe(0), node.maybe(1)
    if isinstance(left, Value) and isinstance(right, Known):
        return rows(graph, left, _matrix(right))
    if isinstance(left, Known) and isinstance(right, Value):
        return _swapped(rows(graph, _swapped(right), _matrix(left).T))
    if not isinstance(left, Value) or not isinstance(right, Value):
        raise ValueError("two known matrices, or one is missing")
    if min(len(left.shape), len(right.shape)) < 2 or left.shape[-1] != right.shape[-2]:
        raise ValueError(f"{left.shape} times {right.shape}; accepted: matrices that fit")
    leading = tuple(np.broadcast_shapes(left.shape[:-2], right.shape[:-2]))
    rank = len(leading)
    x = graph.repeated(left, (*leading, *left.shape[-2:]))
    y = graph.repeated(right, (*leading, *right.shape[-2:]))
    axes = [*(axis for axis in range(rank) if leading[axis] != 1), rank, rank + 1]
    first, second = graph.of_axes(x, axes), graph.of_axes(y, axes)
    factor = graph.unscaled(first) * graph.unscaled(second) if first != second else 1.0
    shift = round(-math.log2(factor)) if factor > 0 else 0
    exact = shift >= 0 and abs(factor * 2.0**shift - 1) < 1e-6
    product = Product("matmul", graph.shape(first), graph.shape(second))
    output = (*graph.shape(first)[:-1], right.shape[-1])
    found = graph.sums("matmul", first, product, output, other=second, shift=shift if exact else 0)
    result = graph.output(found, axes, (*leading, left.shape[-2], right.shape[-1]))
    return result if exact else by_number(graph, result, factor)


def _matrix(known: Known) -> NDArray[np.float64]:
    array = np.asarray(known.array, np.float64)
    if array.ndim != 2:
        raise ValueError(f"weights of {array.shape}; accepted: a matrix")
    return array


def _swapped(value: Value) -> Value:
    rank = len(value.shape)
    if rank < 2:
        raise ValueError(f"weights on the left of {value.shape}; accepted: matrices")
    return turned(value, (*range(rank - 2), rank - 1, rank - 2))
