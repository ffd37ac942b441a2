"""Resize: places taken from the nearest ones, which sends nothing, or between two, a truncation a value.

Every axis is a public linear map by itself. Parts that are few bits behind the point (as of twice as many
places) go together: one truncation for all axes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scenarios.graph import Operator, arrangements
from scenarios.onnx.context import Graph
from scenarios.onnx.node import Node, axis_of, handles, text
from scenarios.onnx.rearranging import take
from scenarios.onnx.tensors import Tensor, Value

TOGETHER = 8
"""Bits behind the point that the parts of axes have in all, if they are blended by one node."""
NEAR = 2.0**-18
"""A place that is this near to an old one, or to the middle of two, is that one, or there."""
WHERE = ("half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners")
ROUNDED = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


@dataclass(frozen=True)
class Axis:
    """An axis that is resized, from `old` to `new` places."""

    old: int
    new: int
    scale: float

    def places(self, how: str) -> list[float]:
        """Return where each new place lies among the old ones, in single precision, as runtimes do."""
        at, scale = np.arange(self.new, dtype=np.float32), np.float32(self.scale)
        half = np.float32(0.5)
        if how == "asymmetric":
            found = at / scale
        elif how == "align_corners":
            found = at * np.float32(self.old - 1) / np.float32(max(self.new - 1, 1))
        elif how == "pytorch_half_pixel" and self.new == 1:
            found = at
        else:
            found = (at + half) / scale - half
        return [float(one) for one in found]

    def nearest(self, how: str, rounded: str) -> list[int]:
        """Return which old place each new one is taken from."""
        steps = {
            "floor": math.floor,
            "ceil": math.ceil,
            "round_prefer_floor": lambda at: math.ceil(at - 0.5),
            "round_prefer_ceil": lambda at: math.floor(at + 0.5 + NEAR),
        }
        return [min(max(steps[rounded](at), 0), self.old - 1) for at in self.places(how)]

    def between(self, how: str) -> tuple[list[int], list[int], list[float]]:
        """Return the two old places that each new one lies between, and the second one's part."""
        inside = [min(max(at, 0.0), self.old - 1.0) for at in self.places(how)]
        inside = [round(at) if abs(at - round(at)) < NEAR else at for at in inside]
        first = [math.floor(at) for at in inside]
        second = [min(place + 1, self.old - 1) for place in first]
        return first, second, [at - place for at, place in zip(inside, first, strict=True)]


@handles("Resize", "Upsample")
def resize(graph: Graph, node: Node) -> Tensor:
    """Return images with other sizes."""
    value, mode = node.value(), text(node.get("mode", "nearest"))
    upsample = node.type == "Upsample"
    how = "asymmetric" if upsample else text(node.get("coordinate_transformation_mode", "half_pixel"))
    rounded = text(node.get("nearest_mode", "floor" if upsample else "round_prefer_floor"))
    policy = text(node.get("keep_aspect_ratio_policy", "stretch"))
    for name, said, accepted in (
        ("mode", mode, ("nearest", "linear")),
        ("keep_aspect_ratio_policy", policy, ("stretch",)),
        ("antialias", str(node.get("antialias", 0)), ("0",)),
        ("coordinate_transformation_mode", how, WHERE),
        ("nearest_mode", rounded, ROUNDED),
    ):
        if said not in accepted:
            raise ValueError(f"{name} {said!r}; accepted: {', '.join(accepted)}")
    axes = _axes(node, value.shape)
    if mode == "nearest":
        for place, axis in enumerate(axes):
            value = take(graph, value, place, axis.nearest(how, rounded))
        return value
    return _between(graph, value, axes, how)


def _between(graph: Graph, value: Value, axes: Sequence[Axis], how: str) -> Value:
    """Add nodes that put values between two, or take them where none lies between."""
    blended: list[tuple[int, list[int], list[int], list[float]]] = []
    for place, axis in enumerate(axes):
        first, second, parts = axis.between(how)
        if any(parts):
            blended.append((place, first, second, parts))
        else:
            value = take(graph, value, place, first)
    few = [_bits(parts) for *_, parts in blended]
    groups = [blended] if sum(few) <= TOGETHER else [[one] for one in blended]
    for group in groups:
        if not group:
            continue
        held = graph.axes(value)
        held = [place for place, *_ in group if place not in held] + held
        source = graph.of_axes(value, held)
        blends = tuple(
            arrangements.Blend(held.index(place), tuple(first), tuple(second), tuple(parts))
            for place, first, second, parts in group
        )
        shape = graph.shape(source)
        for blend in blends:
            shape = blend.shape(shape)
        found = graph.add(Operator("resize", "blended"), [source], shape, blends=blends)
        sizes = {place: len(parts) for place, _, _, parts in group}
        value = graph.output(
            found, held, tuple(sizes.get(place, size) for place, size in enumerate(value.shape))
        )
    return value


def _bits(parts: Sequence[float]) -> int:
    """Return the bits that parts have behind the point, `TOGETHER` + 1 where they are more than that."""
    for bits in range(TOGETHER + 1):
        if all((part * 2.0**bits).is_integer() for part in parts):
            return bits
    return TOGETHER + 1


def _axes(node: Node, shape: Sequence[int]) -> list[Axis]:
    """Return each axis with its wanted size and its scale."""
    rank, said = len(shape), node.maybe(3)
    axes = [axis_of(axis, rank) for axis in node.get("axes") or range(rank)]
    found = [Axis(size, size, 1.0) for size in shape]
    if said is not None and node.known(3).array.size:
        for axis, size in zip(axes, node.whole(3), strict=True):
            found[axis] = Axis(shape[axis], size, size / shape[axis])
    else:
        given = np.asarray(node.known(1 if node.type == "Upsample" else 2).array, np.float64).reshape(-1)
        for axis, scale in zip(axes, map(float, given), strict=True):
            found[axis] = Axis(shape[axis], math.floor(np.float32(shape[axis]) * np.float32(scale)), scale)
    if any(axis.new < 1 or axis.scale <= 0 for axis in found):
        sizes, scales = ([getattr(axis, name) for axis in found] for name in ("new", "scale"))
        raise ValueError(f"sizes {sizes}, scales {scales}; accepted: at least one place")
    return found
