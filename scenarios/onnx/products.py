"""Matrix products, with weights and of two outputs."""

from __future__ import annotations

import numpy as np

from scenarios.graph import Product
from scenarios.onnx.context import Graph
from scenarios.onnx.node import Node, handles
from scenarios.onnx.rearranging import broadcast
from scenarios.onnx.tensors import Known, Tensor, Value


@handles("Gemm")
def general(graph: Graph, node: Node) -> Tensor:
    """Add alpha · A B + beta · C, with known B and C."""
    if node.get("transA", 0):
        raise ValueError("transA; accepted: rows that are images")
    value = node.value()
    kernel = np.asarray(node.known(1).array, np.float64)
    kernel = (kernel.T if node.get("transB", 0) else kernel) * node.get("alpha", 1.0)
    bias = None
    if node.maybe(2) is not None:
        bias = np.asarray(node.known(2).array, np.float64) * node.get("beta", 1.0)
        if bias.size not in (1, kernel.shape[-1]):
            raise ValueError(f"C of {bias.shape}; accepted: one number, or one for each column")
        bias = np.broadcast_to(bias.reshape(-1), (kernel.shape[-1],))
    if len(value.shape) != 1 or kernel.ndim != 2:
        raise ValueError(
            f"A of {value.shape} behind the axis of images, B of {kernel.shape}; accepted: matrices"
        )
    return _dense(graph, value, kernel, bias)


def _dense(graph: Graph, value: Value, kernel: np.ndarray, bias: np.ndarray | None = None) -> Value:
    if value.shape[-1] != kernel.shape[0]:
        raise ValueError(f"{value.shape} times {kernel.shape}")
    product = Product("matmul", value.shape, kernel.shape)
    output = (*value.shape[:-1], kernel.shape[1])
    return graph.sums("dense", graph.plain(value), product, output, kernel, bias)


@handles("MatMul")
def matmul(graph: Graph, node: Node) -> Tensor:
    """Add a product with weights over the last axis, or of matrices of two outputs."""
    left, right = node.maybe(0), node.maybe(1)
    if isinstance(left, Value) and isinstance(right, Known):
        kernel = np.asarray(right.array, np.float64)
        if kernel.ndim != 2:
            raise ValueError(f"weights of {kernel.shape}; accepted: a matrix")
        return _dense(graph, left, kernel)
    if isinstance(left, Known) and isinstance(right, Value):
        kernel = np.asarray(left.array, np.float64)
        if kernel.ndim != 2 or len(right.shape) < 2:
            raise ValueError(
                f"weights of {kernel.shape} on the left of {right.shape}; accepted: a matrix of matrices"
            )
        turned = Value(right.source, _swapped(right.shape), _swapped(right.order))
        found = _dense(graph, turned, kernel.T)
        return Value(found.source, _swapped(found.shape), _swapped(found.order))
    if not isinstance(left, Value) or not isinstance(right, Value):
        raise ValueError("two known matrices")
    if min(len(left.shape), len(right.shape)) < 2 or left.shape[-1] != right.shape[-2]:
        raise ValueError(f"{left.shape} times {right.shape}; accepted: matrices that fit")
    leading = tuple(np.broadcast_shapes(left.shape[:-2], right.shape[:-2]))
    x = broadcast(graph, left, (*leading, *left.shape[-2:]))
    y = broadcast(graph, right, (*leading, *right.shape[-2:]))
    product = Product("matmul", x.shape, y.shape)
    output = (*leading, x.shape[-2], y.shape[-1])
    return graph.sums("matmul", graph.plain(x), product, output, other=graph.plain(y))


def _swapped(axes: tuple[int, ...]) -> tuple[int, ...]:
    return (*axes[:-2], axes[-1], axes[-2])
