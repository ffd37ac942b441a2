"""Convolutions, pooling, normalised channels: images, channels last; those with one axis have one row."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scenarios.graph import NO_PADS, Operator, Pads, Pair, Product, arrangements
from scenarios.onnx.context import Graph
from scenarios.onnx.elementwise import by_number, function, of_rows
from scenarios.onnx.node import Node, axis_of, handles, pairs, text
from scenarios.onnx.tensors import Tensor, Value

Reals = NDArray[np.float64]
LEAST = 2.0**-40
"""What is added to a mean square where the operator adds nothing."""


def images(graph: Graph, value: Value) -> tuple[int, int]:
    """Return the node of images (h, w, c) that a tensor (1, c, h, w) or (1, c, w) is; and how many axes."""
    rank = len(value.shape) - 2
    if rank not in (1, 2):
        raise ValueError(f"a tensor of {value.shape}; accepted: images, channels and one or two axes")
    return graph.of_axes(value, (2, 3, 1) if rank == 2 else (None, 2, 1)), rank


def back(graph: Graph, source: int, rank: int) -> Value:
    """Return images as a tensor (1, c, h, w), or (1, c, w)."""
    height, width, channels = graph.shape(source)
    if rank == 2:
        return graph.output(source, (2, 3, 1), (1, channels, height, width))
    return graph.output(source, (None, 2, 1), (1, channels, width))


def padding(node: Node, rank: int, size: Pair, window: Pair, stride: Pair) -> Pads:
    """Return the padding of both axes."""
    auto = text(node.get("auto_pad", "NOTSET"))
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        found = []
        for length, wide, step in zip(size, window, stride, strict=True):
            total = max((-(-length // step) - 1) * step + wide - length, 0)
            less, more = total // 2, total - total // 2
            found.append((less, more) if auto == "SAME_UPPER" else (more, less))
        return found[0], found[1]
    if auto not in ("NOTSET", "VALID"):
        raise ValueError(f"auto_pad = {auto!r}; accepted: NOTSET, VALID, SAME_UPPER, SAME_LOWER")
    pads = list(node.get("pads") or [0] * 2 * rank) if auto == "NOTSET" else [0] * 2 * rank
    if len(pads) != 2 * rank or min(pads) < 0:
        raise ValueError(f"pads = {pads}; accepted: {2 * rank} numbers, none below 0")
    if rank == 1:
        return (0, 0), (pads[0], pads[1])
    return (pads[0], pads[2]), (pads[1], pads[3])


def _positions(size: Sequence[int], window: Pair, stride: Pair, pads: Pads) -> Pair:
    rows, columns = (
        (length + sum(pad) - wide) // step + 1
        for length, wide, step, pad in zip(size, window, stride, pads, strict=False)
    )
    if min(rows, columns) < 1:
        raise ValueError(f"a window of {window} with padding {pads} does not fit {tuple(size[:2])} places")
    return rows, columns


@handles("Conv")
def convolution(graph: Graph, node: Node) -> Tensor:
    """Add a convolution; kernels (filters, c / groups, h, w) become (h, w, c / groups, filters)."""
    value, weights = node.value(), node.known(1)
    source, rank = images(graph, value)
    kernel = np.asarray(weights.array)
    if kernel.ndim != rank + 2:
        raise ValueError(f"weights of {kernel.shape} for images of {value.shape}")
    if rank == 1:
        kernel = kernel[:, :, None]
    size, groups = graph.shape(source), int(node.get("group", 1))
    if size[2] != groups * kernel.shape[1] or kernel.shape[0] % groups:
        raise ValueError(f"weights of {kernel.shape} for {size[2]} channels in {groups} groups")
    taps = kernel.shape[2], kernel.shape[3]
    said = node.get("kernel_shape")
    if said is not None and tuple(said) != np.asarray(weights.array).shape[2:]:
        raise ValueError(f"kernel_shape = {said} with weights of {np.asarray(weights.array).shape}")
    stride, spread = pairs(node.get("strides"), 1, rank), pairs(node.get("dilations"), 1, rank)
    window = ((taps[0] - 1) * spread[0] + 1, (taps[1] - 1) * spread[1] + 1)
    pads = padding(node, rank, (size[0], size[1]), window, stride)
    rows, columns = _positions(size, window, stride, pads)
    kernel = kernel.transpose(2, 3, 1, 0)
    prepare = (arrangements.Spread(spread),) if spread != (1, 1) else ()
    product = Product("conv2d", size, (*window, *kernel.shape[2:]), stride, pads, weights=prepare)
    bias = None if node.maybe(2) is None else np.asarray(node.known(2).array).reshape(-1)
    found = graph.sums(
        "conv2d", source, product, (rows, columns, kernel.shape[3]), kernel, bias,
        window=window, stride=stride, pads=pads,
    )  # fmt: skip
    return back(graph, found, rank)


@handles("ConvTranspose")
def transposed(graph: Graph, node: Node) -> Tensor:
    """Add a transposed convolution; kernels (c, filters / groups, h, w) are turned around."""
    value = node.value()
    source, rank = images(graph, value)
    kernel = np.asarray(node.known(1).array)
    kernel = kernel[:, :, None] if rank == 1 else kernel
    size, groups = graph.shape(source), int(node.get("group", 1))
    if kernel.ndim != 4 or kernel.shape[0] != size[2] or size[2] % groups:
        raise ValueError(f"weights of {kernel.shape} for {size[2]} channels in {groups} groups")
    if node.get("output_shape") is not None:
        raise ValueError("output_shape; accepted: pads and output_padding")
    stride, spread = pairs(node.get("strides"), 1, rank), pairs(node.get("dilations"), 1, rank)
    taps = kernel.shape[2], kernel.shape[3]
    window = ((taps[0] - 1) * spread[0] + 1, (taps[1] - 1) * spread[1] + 1)
    more = pairs(node.get("output_padding"), 0, rank)
    if text(node.get("auto_pad", "NOTSET")) not in ("NOTSET", "VALID"):
        raise ValueError("auto_pad; accepted: pads")
    cut = padding(node, rank, (size[0], size[1]), window, stride)
    if any(max(pad) >= wide for pad, wide in zip(cut, window, strict=True)):
        raise ValueError(f"pads = {cut} with a kernel of {window}; accepted: pads below it")
    wide = [(w - 1 - pad[0], w - 1 - pad[1] + end) for w, pad, end in zip(window, cut, more, strict=True)]
    apart = arrangements.Spread(stride)
    x = apart.shape(size)
    rows, columns = _positions(x, window, (1, 1), (wide[0], wide[1]))
    read, filters = size[2] // groups, kernel.shape[1]
    whole = kernel[:, :, ::-1, ::-1].reshape(groups, read, filters, *taps).transpose(3, 4, 1, 0, 2)
    whole = whole.reshape(*taps, read, groups * filters)
    prepare = (arrangements.Spread(spread),) if spread != (1, 1) else ()
    product = Product(
        "conv2d", x, (*window, *whole.shape[2:]), (1, 1), (wide[0], wide[1]), (apart,), prepare
    )
    bias = None if node.maybe(2) is None else np.asarray(node.known(2).array).reshape(-1)
    output = (rows, columns, groups * filters)
    return back(
        graph, graph.sums("conv2d_transpose", source, product, output, whole, bias, window=window), rank
    )


@handles("MaxPool", "AveragePool")
def pooling(graph: Graph, node: Node) -> Tensor:
    """Add a pooling; `ceil_mode` lets the last windows reach over the end, which counts nowhere."""
    value = node.value()
    source, rank = images(graph, value)
    if pairs(node.get("dilations"), 1, rank) != (1, 1):
        raise ValueError("dilations; accepted: pooling of neighbours")
    if node.outputs > 1:
        raise ValueError("a second output, the places of maxima; accepted: the maxima alone")
    window = pairs(node.get("kernel_shape"), 1, rank)
    stride = pairs(node.get("strides"), 1, rank)
    size = graph.shape(source)
    pads = own = padding(node, rank, (size[0], size[1]), window, stride)
    if any(max(pad) >= wide for pad, wide in zip(pads, window, strict=True)):
        raise ValueError(f"pads = {pads} with a window of {window}; accepted: pads below it")
    if node.get("ceil_mode", 0):
        longer = []
        for length, wide, step, pad in zip(size, window, stride, pads, strict=False):
            count = -(-(length + sum(pad) - wide) // step) + 1
            count -= (count - 1) * step >= length + pad[0]  # a window that would begin in the padding
            longer.append((pad[0], max(pad[1], (count - 1) * step + wide - length - pad[0])))
        pads = (longer[0], longer[1])
    rows, columns = _positions(size, window, stride, pads)
    average = node.type == "AveragePool"
    counted = own if average and node.get("count_include_pad", 0) else NO_PADS
    operator = Operator("avgpool2d", "mean") if average else Operator("maxpool2d", "max")
    found = graph.add(
        operator,
        [source],
        (rows, columns, size[2]),
        window=window,
        stride=stride,
        pads=pads,
        counted=counted,
    )
    return back(graph, found, rank)


@handles("GlobalAveragePool", "GlobalMaxPool")
def pooling_of_all(graph: Graph, node: Node) -> Tensor:
    """Add a pooling over whole images."""
    source, rank = images(graph, node.value())
    height, width, channels = graph.shape(source)
    operator = (
        Operator("avgpool2d", "mean") if node.type == "GlobalAveragePool" else Operator("maxpool2d", "max")
    )
    window = (height, width)
    found = graph.add(operator, [source], (1, 1, channels), window=window, stride=window)
    return back(graph, found, rank)


@handles("BatchNormalization")
def batch_normalisation(graph: Graph, node: Node) -> Tensor:
    """Fold an affine map of channels into the layer of sums before, or add it as one."""
    if node.get("training_mode", 0):
        raise ValueError("training_mode; accepted: batch normalisation at inference")
    value = node.value()
    scale, shift, mean, variance = (
        np.asarray(node.known(place).array, np.float64).reshape(-1) for place in (1, 2, 3, 4)
    )
    channels = value.shape[1] if len(value.shape) > 1 else 0
    if not len(scale) == len(shift) == len(mean) == len(variance) == channels:
        raise ValueError(f"{len(scale)} channels for a tensor of {value.shape}")
    if (variance + node.get("epsilon", 1e-5) <= 0).any():
        raise ValueError("a variance that is not positive")
    factor = scale / np.sqrt(variance + node.get("epsilon", 1e-5))
    offset = shift - mean * factor
    before = graph.open_sums(value)
    if before is not None and before.kernel is not None and value.order[1] == len(before.output) - 1:
        name = before.name
        graph.weights[f"{name}/kernel"] = graph.weights[f"{name}/kernel"] * factor
        bias = graph.weights.get(f"{name}/bias", np.zeros(len(factor)))
        graph.weights[f"{name}/bias"] = bias * factor + offset
        graph.change(before, bias=offset.shape)
        return value
    axes = graph.axes(value, (1,))
    source = graph.of_axes(value, axes)
    product = Product("mul", graph.shape(source), factor.shape)
    found = graph.sums("scale", source, product, graph.shape(source), factor, offset)
    return graph.output(found, axes, value.shape)


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
    said = {"epsilon": node.epsilon, "groups": groups}
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
