"""The product that a layer of sums is, in the clear, for any number type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenarios.clear import windows
from scenarios.networks import LayerPlan, through

Array = NDArray[Any]
Matmul = Callable[[Array, Array], Array]


def factors(
    plan: LayerPlan, inputs: list[Array], weights: Mapping[str, Array], operations: Any = np
) -> tuple[Array, Array]:
    """Return what is multiplied: the input, and weights or a second input, rearranged."""
    assert plan.product is not None
    x = through(plan.product.prepare, operations, inputs[0])
    if plan.kernel is None:
        return x, inputs[1]
    return x, through(plan.product.weights, operations, weights[f"{plan.weights}/kernel"][None])[0]


def product(plan: LayerPlan, x: Array, y: Array, matmul: Matmul) -> tuple[Array, Array]:
    """Return what is multiplied by columns of y, row by row, and the products (n, …).

    Args:
        plan: a layer of sums.
        x, y: `factors`.
        matmul: of (m, k) and (k, p).
    """
    found = plan.product
    assert found is not None
    if found.kind == "mul":
        return x, x * y
    if found.kind == "matmul":
        if y.ndim == 2:
            rows = x.reshape(-1, x.shape[-1])
            return rows, matmul(rows, y).reshape(*x.shape[:-1], y.shape[-1])
        every = [matmul(x[place], y[place]) for place in np.ndindex(x.shape[:-2])]
        return x, np.array(every).reshape(len(x), *plan.output)
    taps, groups = y.shape[:2], x.shape[3] // y.shape[2]
    read, filters = y.shape[2], y.shape[3] // groups
    parts = []
    for place in range(groups):
        rows = windows.patches(x[..., place * read : (place + 1) * read], taps, found.stride, found.pads)
        columns = y[..., place * filters : (place + 1) * filters].reshape(-1, filters)
        parts.append(matmul(rows, columns))
    whole = parts[0] if groups == 1 else np.concatenate(parts, 1)
    return rows, whole.reshape(len(x), *plan.output)
