"""Operators that rearrange: none sends anything."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from scenarios.graph import arrangements
from scenarios.onnx.context import Graph, check_size
from scenarios.onnx.node import Node, axis_of, handles, text
from scenarios.onnx.tensors import Known, Shape, Tensor, Value

FLOATS = (1, 10, 11, 16)
"""ONNX's numbers for the kinds of real numbers: float, float16, double, bfloat16."""
TRUTH = 9
"""ONNX's number for truth values."""


@handles("Identity", "Dropout")
def nothing(graph: Graph, node: Node) -> Tensor:
    """Return what is given: at inference these do nothing to numbers of fixed point."""
    if node.outputs > 1:
        raise ValueError("a second output; accepted: the first alone")
    if node.type == "Cast" and node.get("to") not in FLOATS:
        raise ValueError(
            f"to = {node.get('to')}; accepted: a kind of real numbers, of {FLOATS}, or what "
            "depends on model.public_inputs alone"
        )
    if node.type == "CastLike" and not np.issubdtype(np.asarray(node.known(1).array).dtype, np.floating):
        raise ValueError("like whole numbers; accepted: like real ones")
    if node.type == "Dropout" and node.maybe(2) is not None and node.known(2).number:
        raise ValueError("training_mode; accepted: dropout at inference, which does nothing")
    return node.value()


@handles("Shape")
def shape(graph: Graph, node: Node) -> Tensor:
    """Return the sizes."""
    return Known(np.array(node.value().shape[node.get("start", 0) : node.get("end")], np.int64))


@handles("Size")
def size(graph: Graph, node: Node) -> Tensor:
    """Return how many numbers there are."""
    return Known(np.array(math.prod(node.value().shape), np.int64))


@handles("Flatten")
def flatten(graph: Graph, node: Node) -> Tensor:
    """Return a matrix: axes before one, and from it on."""
    value = node.value()
    axis = int(node.get("axis", 1)) % (len(value.shape) + 1)
    return graph.reshaped(value, (math.prod(value.shape[:axis]), math.prod(value.shape[axis:])))


@handles("Reshape")
def reshape(graph: Graph, node: Node) -> Tensor:
    """Return the numbers in another shape."""
    value, wanted = node.value(), node.whole(1)
    if not node.get("allowzero", 0):
        wanted = [
            value.shape[i] if one == 0 and i < len(value.shape) else one for i, one in enumerate(wanted)
        ]
    whole, known = math.prod(value.shape), math.prod(one for one in wanted if one != -1)
    if wanted.count(-1) == 1 and known and whole % known == 0:
        wanted = [whole // known if one == -1 else one for one in wanted]
    if math.prod(wanted) != whole or min(wanted, default=1) < 0:
        raise ValueError(f"shape {wanted} of a tensor of {value.shape}; accepted: one of as many numbers")
    return graph.reshaped(value, tuple(wanted))


@handles("Squeeze")
def squeeze(graph: Graph, node: Node) -> Tensor:
    """Return a tensor without axes of one place."""
    value = node.value()
    rank, axes = len(value.shape), node.values("axes", 1)
    gone = (
        {i for i, s in enumerate(value.shape) if s == 1}
        if axes is None
        else {axis_of(a, rank) for a in axes}
    )
    if any(value.shape[axis] != 1 for axis in gone):
        raise ValueError(f"axes {axes} of a tensor of {value.shape}; accepted: axes of one place")
    return graph.reshaped(value, tuple(s for axis, s in enumerate(value.shape) if axis not in gone))


@handles("Unsqueeze")
def unsqueeze(graph: Graph, node: Node) -> Tensor:
    """Return a tensor with further axes of one place."""
    value, axes = node.value(), node.values("axes", 1) or []
    rank = len(value.shape) + len(axes)
    chosen = {axis_of(axis, rank) for axis in axes}
    sizes = iter(value.shape)
    return graph.reshaped(value, tuple(1 if axis in chosen else next(sizes) for axis in range(rank)))


@handles("Transpose")
def transpose(graph: Graph, node: Node) -> Tensor:
    """Return axes in another order: a note on the tensor, no node."""
    value = node.value()
    order = list(node.get("perm") or range(len(value.shape) - 1, -1, -1))
    if sorted(order) != list(range(len(value.shape))):
        raise ValueError(f"perm = {order}; accepted: an order of {len(value.shape)} axes")
    return turned(value, order)


def turned(value: Value, order: Sequence[int]) -> Value:
    """Return a tensor's axes in another order."""
    if value.mask is not None:
        raise ValueError("a mask of numbers far below zero that no softmax reads")
    return Value(value.source, tuple(value.shape[i] for i in order), tuple(value.order[i] for i in order))


@handles("Concat")
def concat(graph: Graph, node: Node) -> Tensor:
    """Return tensors one after the other; known numbers among them are weights."""
    values = [one for one in node.inputs if isinstance(one, Value)]
    rank = len(values[0].shape)
    axis = axis_of(node.get("axis", 0), rank)
    held = graph.axes(values[0])
    sizes = [
        one.shape if isinstance(one, Value) else np.shape(one.array)
        for one in node.inputs
        if one is not None
    ]
    if len({(len(each), *each[:axis], *each[axis + 1 :]) for each in sizes}) != 1:
        raise ValueError(f"tensors of {' and '.join(map(str, sizes))} along axis {axis}")
    axes = held if axis in held else [axis, *held]
    sources = []
    for one in node.inputs:
        if isinstance(one, Value):
            sources.append(graph.of_axes(one, axes))
        elif one is not None:
            rest = [i for i in range(rank) if i not in axes]
            array = np.asarray(one.array).transpose([*rest, *axes])
            sources.append(graph.weight(array.reshape(array.shape[len(rest) :])))
    found = graph.arrange(arrangements.Concatenate(axes.index(axis)), *sources)
    total = tuple(sum(s[axis] for s in sizes) if i == axis else s for i, s in enumerate(sizes[0]))
    return graph.output(found, axes, total)


def take(graph: Graph, value: Value, axis: int, places: Sequence[int]) -> Value:
    """Return some places of an axis of a tensor."""
    if tuple(places) == tuple(range(value.shape[axis])):
        return value
    if not places:
        raise ValueError(f"no place of axis {axis} of a tensor of {value.shape}; accepted: at least one")
    held = graph.axes(value)
    axes = held if axis in held else [axis, *held]
    source = graph.of_axes(value, axes)
    found = graph.arrange(arrangements.Take(axes.index(axis), tuple(map(int, places))), source)
    return graph.output(
        found, axes, tuple(len(places) if i == axis else s for i, s in enumerate(value.shape))
    )


@handles("Slice")
def slices(graph: Graph, node: Node) -> Tensor:
    """Return parts of axes."""
    value = node.value()
    starts, ends = node.values("starts", 1) or [], node.values("ends", 2) or []
    axes = node.values("axes", 3) or list(range(len(starts)))
    steps = node.values("steps", 4) or [1] * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise ValueError(
            f"starts {starts}, ends {ends}, axes {axes}, steps {steps}; accepted: as many of each"
        )
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        place = axis_of(axis, len(value.shape))
        size = value.shape[place]
        stop = None if step < 0 and end < -size else end
        value = take(graph, value, place, range(size)[start:stop:step])
    return value


@handles("Split")
def split(graph: Graph, node: Node) -> Sequence[Tensor]:
    """Return the parts of an axis."""
    value = node.value()
    axis = axis_of(node.get("axis", 0), len(value.shape))
    size = value.shape[axis]
    even = -(-size // node.outputs)
    sizes = node.values("split", 1) or [min(even, size - even * i) for i in range(node.outputs)]
    if sum(sizes) != size or len(sizes) != node.outputs or min(sizes) < 1:
        raise ValueError(f"split {sizes} of an axis of {size} in {node.outputs}")
    found, first = [], 0
    for each in sizes:
        found.append(take(graph, value, axis, range(first, first + each)))
        first += each
    return found


@handles("Gather")
def gather(graph: Graph, node: Node) -> Tensor:
    """Return places of an axis by known indices."""
    if isinstance(node.maybe(0), Known):
        raise ValueError(
            "rows of a table by indices that are computed from an input; accepted: an input of whole "
            "numbers, rearranged at most, known ones, or model.public_inputs"
        )
    value, indices = node.value(), np.asarray(node.known(1).array)
    axis = axis_of(node.get("axis", 0), len(value.shape))
    size = value.shape[axis]
    if indices.ndim > 1 or (indices.size and not -size <= indices.min() <= indices.max() < size):
        raise ValueError(
            f"indices of {indices.shape} on an axis of {size}; accepted: a number or a list on it"
        )
    found = take(graph, value, axis, [int(one) % size for one in indices.reshape(-1)])
    if indices.ndim == 0:
        return graph.reshaped(found, (*found.shape[:axis], *found.shape[axis + 1 :]))
    return found


@handles("Pad")
def pad(graph: Graph, node: Node) -> Tensor:
    """Return a tensor with zeros around it."""
    value, mode = node.value(), text(node.get("mode", "constant"))
    rank, pads, axes = len(value.shape), node.values("pads", 1) or [], node.values("axes", 3)
    filled = 0.0 if node.maybe(2) is None else node.known(2).number
    if mode != "constant" or filled != 0:
        raise ValueError(f"mode {mode!r} with {filled}; accepted: constant zeros")
    axes = list(range(rank)) if axes is None else [axis_of(axis, rank) for axis in axes]
    if len(pads) != 2 * len(axes) or min(pads, default=0) < 0:
        raise ValueError(f"pads {pads}; accepted: {2 * len(axes)} numbers, none below 0")
    wide = {
        axis: (pads[i], pads[i + len(axes)])
        for i, axis in enumerate(axes)
        if pads[i] or pads[i + len(axes)]
    }
    if not wide:
        return value
    held = graph.axes(value)
    held = [axis for axis in wide if axis not in held] + held
    widths = tuple(wide.get(axis, (0, 0)) for axis in held)
    found = graph.arrange(arrangements.Pad(widths), graph.of_axes(value, held))
    return graph.output(
        found, held, tuple(s + sum(wide.get(axis, (0, 0))) for axis, s in enumerate(value.shape))
    )


@handles("Expand")
def expand(graph: Graph, node: Node) -> Tensor:
    """Return a tensor repeated along axes of one place."""
    value = node.value()
    return graph.repeated(value, tuple(np.broadcast_shapes(value.shape, tuple(node.whole(1)))))


@handles("Tile")
def tile(graph: Graph, node: Node) -> Tensor:
    """Return a tensor several times along its axes."""
    value, times = node.value(), node.whole(1)
    if len(times) != len(value.shape) or min(times) < 1:
        raise ValueError(f"repeats {times} of a tensor of {value.shape}")
    check_size([size * count for size, count in zip(value.shape, times, strict=True)])
    for axis, count in enumerate(times):
        value = take(graph, value, axis, [*range(value.shape[axis])] * count)
    return value


@handles("DepthToSpace", "SpaceToDepth")
def blocks_of_places(graph: Graph, node: Node) -> Tensor:
    """Return channels as blocks of places, or blocks of places as channels."""
    value, block = node.value(), int(node.get("blocksize", 0))
    if len(value.shape) != 4 or block < 1:
        raise ValueError(
            f"blocksize {block} of a tensor of {value.shape}; accepted: images, channels, two axes"
        )
    images, channels, height, width = value.shape
    if node.type == "DepthToSpace":
        if channels % block**2:
            raise ValueError(f"blocksize {block} of {channels} channels")
        depth = channels // block**2
        first = text(node.get("mode", "DCR")) == "DCR"
        parts = (images, *((block, block, depth) if first else (depth, block, block)), height, width)
        order = (0, 3, 4, 1, 5, 2) if first else (0, 1, 4, 2, 5, 3)
        to = (images, depth, height * block, width * block)
    else:
        if height % block or width % block:
            raise ValueError(f"blocksize {block} of {height} by {width} places")
        parts = (images, channels, height // block, block, width // block, block)
        order, to = (0, 3, 5, 1, 2, 4), (images, channels * block**2, height // block, width // block)
    return graph.reshaped(turned(graph.reshaped(value, parts), order), to)


@handles("ReduceSum")
def total(graph: Graph, node: Node) -> Tensor:
    """Return sums along axes."""
    return totals(graph, node)[0]


def reduced(node: Node, shape: Sequence[int]) -> tuple[list[int], Shape, Shape]:
    """Return the axes that a node reduces, the sizes with one place there, and those that it gives."""
    rank, axes = len(shape), node.values("axes", 1)
    if not axes:
        axes = [] if node.get("noop_with_empty_axes", 0) else list(range(rank))
    chosen = [axis_of(axis, rank) for axis in axes]
    kept = tuple(1 if axis in chosen else size for axis, size in enumerate(shape))
    if node.get("keepdims", 1):
        return chosen, kept, kept
    return chosen, kept, tuple(size for axis, size in enumerate(kept) if axis not in chosen)


def totals(graph: Graph, node: Node) -> tuple[Value, int]:
    """Return the sums along the axes that a node names, and of how many numbers each is."""
    value = node.value()
    chosen, kept, to = reduced(node, value.shape)
    count = math.prod(value.shape[axis] for axis in chosen)
    held = graph.axes(value)
    places = tuple(held.index(axis) for axis in chosen if axis in held and value.shape[axis] != 1)
    if places:
        source = graph.arrange(arrangements.Total(places), graph.of_axes(value, held))
        value = graph.output(source, held, kept)
    return graph.reshaped(value, to), count
