"""Resize: places taken from the nearest ones, which sends nothing, or put between two or four.

Every axis is a public linear map by itself. What is between costs a truncation a value; parts that are
few bits behind the point (as of twice as many places) go together: one truncation for all axes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from scenarios.graph import Operator, arrangements
from scenarios.onnx.context import Graph, check_size
from scenarios.onnx.elementwise import offset
from scenarios.onnx.node import Node, axis_of, handles, text
from scenarios.onnx.rearranging import take
from scenarios.onnx.tensors import Known, Tensor, Value

TOGETHER = 8
"""Bits behind the point that the parts of axes have in all, if they are blended by one node."""
NEAR = 2.0**-18
"""A place that is this near to an old one, or to the middle of two, is that one, or there."""
WHERE = (
    "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "asymmetric", "align_corners",
    "tf_crop_and_resize",
)  # fmt: skip
POLICIES = ("stretch", "not_larger", "not_smaller")
Taps = tuple[list[list[int]], list[list[float]]]
"""For each tap, the old place of every new one, and its part."""
ROUNDED = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


@dataclass(frozen=True)
class Axis:
    """An axis that is resized, from `old` to `new` places.

    Attributes:
        start, end: the part of it that is read, of one that is cropped.
    """

    old: int
    new: int
    scale: float
    start: float = 0.0
    end: float = 1.0

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
        elif how == "tf_crop_and_resize":
            start, end, last = (np.float32(one) for one in (self.start, self.end, self.old - 1))
            if self.new > 1:
                found = start * last + at * (end - start) * last / np.float32(self.new - 1)
            else:
                found = half * (start + end) * last + at
        elif how == "half_pixel_symmetric":
            adjusted = np.float32(self.new) / (scale * np.float32(self.old))
            offset = np.float32(self.old) * half * (np.float32(1) - adjusted)
            found = offset + (at + half) / scale - half
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

    def between(self, how: str) -> Taps:
        """Return the two old places that each new one lies between, and their parts."""
        inside = [min(max(at, 0.0), self.old - 1.0) for at in self.places(how)]
        inside = [round(at) if abs(at - round(at)) < NEAR else at for at in inside]
        first = [math.floor(at) for at in inside]
        second = [min(place + 1, self.old - 1) for place in first]
        parts = [at - place for at, place in zip(inside, first, strict=True)]
        return [first, second], [[1 - part for part in parts], parts]

    def cubic(self, how: str, a: float, exclude: bool) -> Taps:
        """Return the four old places about each new one, and their parts (Keys 1981).

        Args:
            a: the cubic's coefficient.
            exclude: places outside get no part, those inside all; else they are the last one inside.
        """
        places: list[list[int]] = [[] for _ in range(4)]
        parts: list[list[float]] = [[] for _ in range(4)]
        for at in self.places(how):
            at = round(at) if abs(at - round(at)) < NEAR else at
            first, rest = math.floor(at) - 1, at - math.floor(at)
            weights = [_cubic(abs(rest + 1 - tap), a) if rest else float(tap == 1) for tap in range(4)]
            if exclude:
                weights = [one * (0 <= first + tap < self.old) for tap, one in enumerate(weights)]
                weights = [one / (sum(weights) or 1.0) for one in weights]
            for tap, weight in enumerate(weights):
                places[tap].append(min(max(first + tap, 0), self.old - 1))
                parts[tap].append(weight)
        return places, parts

    def outside(self, how: str) -> list[bool]:
        """Return which new places lie outside the old ones, of an axis that is cropped."""
        cropped = how == "tf_crop_and_resize"
        return [cropped and not 0 <= at <= self.old - 1 for at in self.places(how)]


def _cubic(distance: float, a: float) -> float:
    """Return the cubic convolution's kernel at a distance below 2."""
    if distance <= 1:
        return ((a + 2) * distance - (a + 3)) * distance**2 + 1
    return ((distance - 5) * distance + 8) * distance * a - 4 * a


@handles("Resize", "Upsample")
def resize(graph: Graph, node: Node) -> Tensor:
    """Return images with other sizes."""
    value, mode = node.value(), text(node.get("mode", "nearest"))
    upsample = node.type == "Upsample"
    how = "asymmetric" if upsample else text(node.get("coordinate_transformation_mode", "half_pixel"))
    rounded = text(node.get("nearest_mode", "floor" if upsample else "round_prefer_floor"))
    policy = text(node.get("keep_aspect_ratio_policy", "stretch"))
    for name, said, accepted in (
        ("mode", mode, ("nearest", "linear", "cubic")),
        ("keep_aspect_ratio_policy", policy, POLICIES),
        ("antialias", str(node.get("antialias", 0)), ("0",)),
        ("coordinate_transformation_mode", how, WHERE),
        ("nearest_mode", rounded, ROUNDED),
    ):
        if said not in accepted:
            raise ValueError(f"{name} {said!r}; accepted: {', '.join(accepted)}")
    axes = _axes(node, value.shape, policy, how)
    if mode == "nearest":
        for place, axis in enumerate(axes):
            value = take(graph, value, place, axis.nearest(how, rounded))
    elif mode == "linear":
        value = _between(graph, value, [axis.between(how) for axis in axes])
    else:
        cubic = float(node.get("cubic_coeff_a", -0.75)), bool(node.get("exclude_outside", 0))
        changed = [axis.new != axis.old or axis.scale != 1 or how == "tf_crop_and_resize" for axis in axes]
        value = _between(
            graph,
            value,
            [
                axis.cubic(how, *cubic) if moves else axis.between(how)
                for axis, moves in zip(axes, changed, strict=True)
            ],
        )
    return _cropped(graph, value, axes, how, float(node.get("extrapolation_value", 0.0)))


def _cropped(graph: Graph, value: Value, axes: Sequence[Axis], how: str, filled: float) -> Value:
    """Return images with one number at the places that lie outside of what was read."""
    outside = np.zeros(value.shape, np.bool_)
    for place, axis in enumerate(axes):
        wide = [-1 if other == place else 1 for other in range(len(axes))]
        outside = outside | np.reshape(axis.outside(how), wide)
    if not outside.any():
        return value
    known = graph.beside(Known((~outside).astype(np.float64)), value) != 0
    kept = replace(value, source=graph.arrange(arrangements.Keep.of(known), value.source))
    return offset(graph, kept, Known(outside * filled))


def _between(graph: Graph, value: Value, taps: Sequence[Taps]) -> Value:
    """Add nodes that put values between several, or take them where none lies between."""
    blended: list[tuple[int, Taps]] = []
    for place, (places, parts) in enumerate(taps):
        only = (len(parts) - 1) // 2
        if any(any(each) for tap, each in enumerate(parts) if tap != only):
            blended.append((place, (places, parts)))
        else:
            value = take(graph, value, place, places[only])
    few = [_bits([part for each in parts for part in each]) for _, (_, parts) in blended]
    groups = [blended] if sum(few) <= TOGETHER else [[one] for one in blended]
    for group in groups:
        if not group:
            continue
        held = graph.axes(value)
        held = [place for place, _ in group if place not in held] + held
        source = graph.of_axes(value, held)
        blends = tuple(
            arrangements.Blend(held.index(place), tuple(map(tuple, places)), tuple(map(tuple, parts)))
            for place, (places, parts) in group
        )
        shape = graph.shape(source)
        for blend in blends:
            shape = blend.shape(shape)
        found = graph.add(Operator("resize", "blended"), [source], shape, blends=blends)
        sizes = {place: len(parts[0]) for place, (_, parts) in group}
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


def _axes(node: Node, shape: Sequence[int], policy: str, how: str) -> list[Axis]:
    """Return each axis with its wanted size, its scale, and what is read of it."""
    rank, said = len(shape), node.maybe(3)
    axes = [axis_of(axis, rank) for axis in node.get("axes") or range(rank)]
    found = [Axis(size, size, 1.0) for size in shape]
    if said is not None and node.known(3).array.size:
        sizes = dict(zip(axes, node.whole(3), strict=True))
        scales = {axis: size / shape[axis] for axis, size in sizes.items()}
        if policy != "stretch":
            scale = min(scales.values()) if policy == "not_larger" else max(scales.values())
            scales = dict.fromkeys(scales, scale)
            sizes = {axis: math.floor(scale * shape[axis] + 0.5) for axis in sizes}
        for axis, size in sizes.items():
            found[axis] = Axis(shape[axis], size, scales[axis])
    else:
        given = np.asarray(node.known(1 if node.type == "Upsample" else 2).array, np.float64).reshape(-1)
        for axis, scale in zip(axes, map(float, given), strict=True):
            found[axis] = Axis(shape[axis], math.floor(np.float32(shape[axis]) * np.float32(scale)), scale)
    if how == "tf_crop_and_resize":
        if said is None:
            raise ValueError("scales of what is cropped; accepted: sizes")
        ends = np.asarray(node.known(1).array, np.float64).reshape(2, -1)
        for axis, start, end in zip(axes, *ends, strict=True):
            if found[axis].scale == 1 and (start, end) != (0, 1):
                raise ValueError(
                    f"roi {start:g} to {end:g} of axis {axis}, which keeps its size: runtimes read it in "
                    "two ways; accepted: 0 to 1 there"
                )
            found[axis] = replace(found[axis], start=float(start), end=float(end))
    if any(axis.new < 1 or axis.scale <= 0 for axis in found):
        shown, scaled = ([getattr(axis, name) for axis in found] for name in ("new", "scale"))
        raise ValueError(f"sizes {shown}, scales {scaled}; accepted: at least one place")
    check_size([axis.new for axis in found])
    return found
