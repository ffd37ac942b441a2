"""Operators that rearrange: none sends anything."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from scenarios.graph import arrangements
from scenarios.onnx.context import Graph
from scenarios.onnx.node import Node, axis_of, handles
from scenarios.onnx.tensors import Known, Tensor, Value


@handles("Identity", "Dropout", "Cast", "CastLike")
def nothing(graph: Graph, node: Node) -> Tensor:
    """Return what is given: at inference these do nothing to numbers of fixed point."""
    if node.outputs > 1:
        raise ValueError("a second output; accepted: the first alone")
    return node.value()


@handles("Shape")
def shape(graph: Graph, node: Node) -> Tensor:
    """Return the sizes, that of images as the file or `shapes` says it."""
    sizes = (graph.images, *node.value().shape)
    return Known(np.array(sizes[node.get("start", 0) : node.get("end")], np.int64))


@handles("Flatten")
def flatten(graph: Graph, node: Node) -> Tensor:
    """Return all axes as one, row-major."""
    if node.get("axis", 1) not in (1, -len(node.value().shape)):
        raise ValueError(f"axis = {node.get('axis')}; accepted: 1, behind that of images")
    return _reshaped(graph, node.value(), (math.prod(node.value().shape),))


@handles("Reshape")
def reshape(graph: Graph, node: Node) -> Tensor:
    """Return the numbers in another shape, which keeps the axis of images."""
    value, wanted = node.value(), [int(one) for one in np.asarray(node.known(1).array).reshape(-1)]
    if not node.get("allowzero", 0):
        sizes = (graph.images, *value.shape)
        wanted = [
            sizes[place] if one == 0 and place < len(sizes) else one for place, one in enumerate(wanted)
        ]
    inner, size = wanted[1:], math.prod(value.shape)
    known = math.prod(one for one in inner if one != -1)
    if inner.count(-1) == 1 and known and size % known == 0:
        inner = [size // known if one == -1 else one for one in inner]
    if (
        not wanted
        or wanted[0] not in (-1, graph.images)
        or math.prod(inner) != size
        or min(inner, default=1) < 0
    ):
        raise ValueError(
            f"shape {wanted} of a tensor of {(graph.images, *value.shape)}; accepted: one that keeps the "
            "first axis, of images"
        )
    return _reshaped(graph, value, tuple(inner))


def _reshaped(graph: Graph, value: Value, to: tuple[int, ...]) -> Value:
    if to == value.shape:
        return value
    return graph.arrange(arrangements.Reshape(to), graph.value(graph.plain(value)))


@handles("Squeeze")
def squeeze(graph: Graph, node: Node) -> Tensor:
    """Return a tensor without axes of one place."""
    value = node.value()
    axes = node.values("axes", 1)
    chosen = (
        {place for place, size in enumerate(value.shape) if size == 1}
        if axes is None
        else {axis_of(axis, len(value.shape)) for axis in axes}
    )
    if any(value.shape[place] != 1 for place in chosen):
        raise ValueError(f"axes {axes} of a tensor of {value.shape}; accepted: axes of one place")
    return _reshaped(graph, value, tuple(s for place, s in enumerate(value.shape) if place not in chosen))


@handles("Unsqueeze")
def unsqueeze(graph: Graph, node: Node) -> Tensor:
    """Return a tensor with further axes of one place."""
    value, axes = node.value(), node.values("axes", 1) or []
    rank = len(value.shape) + len(axes)
    chosen = {axis_of(axis, rank) for axis in axes}
    sizes = iter(value.shape)
    return _reshaped(graph, value, tuple(1 if place in chosen else next(sizes) for place in range(rank)))


@handles("Transpose")
def transpose(graph: Graph, node: Node) -> Tensor:
    """Return axes in another order: a note on the tensor, no node."""
    value = node.value()
    rank = len(value.shape)
    order = list(node.get("perm") or range(rank, -1, -1))
    if sorted(order) != list(range(rank + 1)) or order[0] != 0:
        raise ValueError(
            f"perm = {order}; accepted: an order of {rank + 1} axes that begins with 0, that of images"
        )
    inner = [axis - 1 for axis in order[1:]]
    return Value(value.source, tuple(value.shape[i] for i in inner), tuple(value.order[i] for i in inner))


@handles("Concat")
def concat(graph: Graph, node: Node) -> Tensor:
    """Return tensors one after the other."""
    values = [
        one if isinstance(one, Value) else graph.as_value(one) for one in node.inputs if one is not None
    ]
    if len({len(one.shape) for one in values}) > 1:
        raise ValueError(f"tensors of {' and '.join(str(one.shape) for one in values)}")
    axis, order = axis_of(node.get("axis", 1), len(values[0].shape)), values[0].order
    sources = [graph.in_order(one, order) for one in values]
    if len(sources) == 1:
        return values[0]
    found = graph.arrange(arrangements.Concatenate(order[axis]), *map(graph.value, sources), kind="concat")
    return graph.like(found.source, order)


def take(graph: Graph, value: Value, axis: int, places: Sequence[int]) -> Value:
    """Return some places of an axis of a tensor."""
    if tuple(places) == tuple(range(value.shape[axis])):
        return value
    found = graph.arrange(
        arrangements.Take(value.order[axis], tuple(map(int, places))), graph.value(value.source)
    )
    return graph.like(found.source, value.order)


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
        rank = len(value.shape)
        if axis in (0, -rank - 1):
            if start != 0 or end < graph.images or step != 1:
                raise ValueError("a part of the axis of images; accepted: the whole of it")
            continue
        place = axis_of(axis, rank)
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
    value, indices = node.value(), np.asarray(node.known(1).array)
    axis = axis_of(node.get("axis", 0), len(value.shape))
    size = value.shape[axis]
    if indices.ndim > 1 or (indices.size and not -size <= indices.min() <= indices.max() < size):
        raise ValueError(
            f"indices of {indices.shape} on an axis of {size}; accepted: a number or a list on it"
        )
    found = take(graph, value, axis, [int(one) % size for one in indices.reshape(-1)])
    if indices.ndim == 0:
        return _reshaped(graph, found, (*found.shape[:axis], *found.shape[axis + 1 :]))
    return found


@handles("Pad")
def pad(graph: Graph, node: Node) -> Tensor:
    """Return a tensor with zeros around it."""
    value = node.value()
    mode, rank = node.get("mode", b"constant"), len(value.shape)
    pads = node.values("pads", 1) or []
    constant = node.maybe(2)
    axes = node.values("axes", 3)
    filled = 0.0 if constant is None else node.known(2).number
    if mode not in (b"constant", "constant") or filled != 0:
        raise ValueError(f"mode {mode!r} with {filled}; accepted: constant zeros")
    if axes is None:
        axes = list(range(rank + 1))
    if len(pads) != 2 * len(axes) or min(pads, default=0) < 0:
        raise ValueError(f"pads {pads}; accepted: {2 * len(axes)} numbers, none below 0")
    widths = [(0, 0)] * rank
    for place, axis in enumerate(axes):
        before, after = pads[place], pads[place + len(axes)]
        if before or after:
            widths[value.order[axis_of(axis, rank)]] = (before, after)
    if not any(map(any, widths)):
        return value
    found = graph.arrange(arrangements.Pad(tuple(widths)), graph.value(value.source))
    return graph.like(found.source, value.order)


@handles("Expand")
def expand(graph: Graph, node: Node) -> Tensor:
    """Return a tensor repeated along axes of one place."""
    value, wanted = node.value(), [int(one) for one in np.asarray(node.known(1).array).reshape(-1)]
    sizes = np.broadcast_shapes(
        (1, *value.shape), tuple([1, *wanted[1:]] if len(wanted) > len(value.shape) else wanted)
    )
    return broadcast(graph, value, tuple(sizes[1:]))


def broadcast(graph: Graph, value: Value, to: tuple[int, ...]) -> Value:
    """Return a tensor repeated to a shape."""
    if value.shape == to:
        return value
    source = graph.plain(value)
    return graph.arrange(arrangements.Broadcast(to), graph.value(source))


@handles("Resize", "Upsample")
def resize(graph: Graph, node: Node) -> Tensor:
    """Return images whose places are taken from the nearest ones."""
    value = node.value()
    rank = len(value.shape)
    mode = _text(node.get("mode", "nearest"))
    sizes, scales = _sizes(node, rank, value.shape)
    if mode != "nearest":
        raise ValueError(f"mode {mode!r}; accepted: nearest")
    how = _text(node.get("coordinate_transformation_mode", "half_pixel"))
    how = "asymmetric" if node.type == "Upsample" else how
    nearest = _text(node.get("nearest_mode", "floor" if node.type == "Upsample" else "round_prefer_floor"))
    for axis in range(rank):
        places = _nearest(value.shape[axis], sizes[axis], scales[axis], how, nearest)
        value = take(graph, value, axis, places)
    return value


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _sizes(node: Node, rank: int, shape: Sequence[int]) -> tuple[list[int], list[float]]:
    """Return the wanted size of each axis, and its scale."""
    place = {"Upsample": 1}.get(node.type, 2)
    said = node.maybe(3)
    if said is not None and node.known(3).array.size:
        sizes = [int(one) for one in np.asarray(node.known(3).array).reshape(-1)]
        if node.get("axes"):
            wanted = list(shape)
            for axis, size in zip(node.get("axes"), sizes, strict=True):
                wanted[axis_of(axis, rank)] = size
            sizes = [1, *wanted]
        if len(sizes) != rank + 1 or min(sizes) < 1:
            raise ValueError(f"sizes {sizes}; accepted: {rank + 1}, at least 1")
        return sizes[1:], [new / old for new, old in zip(sizes[1:], shape, strict=True)]
    scales = [float(one) for one in np.asarray(node.known(place).array).reshape(-1)]
    if node.get("axes"):
        wide = [1.0] * rank
        for axis, scale in zip(node.get("axes"), scales, strict=True):
            wide[axis_of(axis, rank)] = scale
        scales = [1.0, *wide]
    if len(scales) != rank + 1 or min(scales) <= 0 or scales[0] != 1:
        raise ValueError(f"scales {scales}; accepted: {rank + 1} above 0, that of images 1")
    return [math.floor(old * scale) for old, scale in zip(shape, scales[1:], strict=True)], scales[1:]


def _nearest(old: int, new: int, scale: float, how: str, nearest: str) -> list[int]:
    """Return which place of an axis each new place is taken from."""
    found = []
    for place in range(new):
        if how == "asymmetric":
            at = place / scale
        elif how == "align_corners":
            at = place * (old - 1) / (new - 1) if new > 1 else 0.0
        elif how in ("half_pixel", "pytorch_half_pixel"):
            at = (place + 0.5) / scale - 0.5 if how == "half_pixel" or new > 1 else 0.0
        else:
            raise ValueError(
                f"coordinate_transformation_mode {how!r}; accepted: asymmetric, align_corners, half_pixel, "
                "pytorch_half_pixel"
            )
        rounded = {
            "floor": math.floor(at),
            "ceil": math.ceil(at),
            "round_prefer_floor": math.ceil(at - 0.5),
            "round_prefer_ceil": math.floor(at + 0.5),
        }
        if nearest not in rounded:
            raise ValueError(f"nearest_mode {nearest!r}; accepted: {', '.join(rounded)}")
        found.append(min(max(rounded[nearest], 0), old - 1))
    return found


@handles("DepthToSpace", "SpaceToDepth")
def blocks_of_places(graph: Graph, node: Node) -> Tensor:
    """Return channels as blocks of places, or blocks of places as channels."""
    value, block = node.value(), int(node.get("blocksize", 0))
    if len(value.shape) != 3 or block < 1:
        raise ValueError(f"blocksize {block} of a tensor of {value.shape}; accepted: channels and two axes")
    channels, height, width = value.shape
    if node.type == "DepthToSpace":
        depth_first = _text(node.get("mode", "DCR")) == "DCR"
        if channels % block**2:
            raise ValueError(f"blocksize {block} of {channels} channels")
        inner = (
            (block, block, channels // block**2) if depth_first else (channels // block**2, block, block)
        )
        order = (2, 3, 0, 4, 1) if depth_first else (0, 3, 1, 4, 2)
        parts, to = (*inner, height, width), (channels // block**2, height * block, width * block)
    else:
        if height % block or width % block:
            raise ValueError(f"blocksize {block} of {height} by {width} places")
        parts, order = (channels, height // block, block, width // block, block), (2, 4, 0, 1, 3)
        to = (channels * block**2, height // block, width // block)
    apart = _reshaped(graph, value, parts)
    turned = Value(apart.source, tuple(parts[i] for i in order), tuple(apart.order[i] for i in order))
    return _reshaped(graph, turned, to)


@handles("ReduceSum")
def total(graph: Graph, node: Node) -> Tensor:
    """Return sums along axes."""
    return totals(graph, node)


def totals(graph: Graph, node: Node) -> Value:
    """Return the sums along the axes that a node names, all by default."""
    value = node.value()
    rank = len(value.shape)
    axes = node.values("axes", 1)
    chosen = tuple(range(rank)) if axes is None else tuple(axis_of(axis, rank) for axis in axes)
    keep = bool(node.get("keepdims", 1))
    if axes is None and not keep:
        raise ValueError("all axes, that of images among them; accepted: axes behind that of images")
    turned = tuple(value.order[axis] for axis in chosen)
    found = graph.arrange(arrangements.Total(turned), graph.value(value.source))
    kept = graph.like(found.source, value.order)
    left = tuple(size for axis, size in enumerate(kept.shape) if axis not in chosen)
    return kept if keep else _reshaped(graph, kept, left)
