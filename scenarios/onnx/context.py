"""The graph while it is made: nodes that are added, tensors by name, and what they may be turned into."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenarios.graph import IMAGE, Arrangement, LayerPlan, Product, arrangements
from scenarios.onnx.tensors import Known, Operator, Shape, Tensor, Value

CHANNELS_LAST = {1: (0,), 2: (1, 0), 3: (2, 0, 1), 4: (3, 0, 1, 2)}
"""Where an output with channels last has the axes of a tensor with channels first, by their number."""


@dataclass
class Graph:
    """Nodes so far.

    Attributes:
        input: shape of what the client gives, without the axis of images.
        images: what the file says of the axis of images: a number, or 1 where it says a name.
        plans: the nodes.
        weights: arrays by NODE/kernel and NODE/bias.
        readers: how many nodes of the file read each tensor.
        name: of the node that is being added.
    """

    input: Shape
    images: int
    plans: list[LayerPlan] = field(default_factory=list)
    weights: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    readers: Counter[str] = field(default_factory=Counter)
    name: str = ""

    def shape(self, source: int) -> Shape:
        """Return the shape of an output."""
        return self.input if source == IMAGE else self.plans[source].output

    # Adding nodes

    def add(self, operator: Operator, sources: Sequence[int], output: Shape, **more: Any) -> Value:
        """Add a node, and return its output."""
        index, read = len(self.plans), self.shape(sources[0])
        said = f"{self.name}_{operator.type}" if operator.kind == "local" else self.name
        name = self._free(said, operator)
        self.plans.append(LayerPlan(index, name, operator, read, output, sources=tuple(sources), **more))
        return self.value(index)

    def value(self, source: int) -> Value:
        """Return an output as it is."""
        shape = self.shape(source)
        return Value(source, shape, tuple(range(len(shape))))

    def _free(self, wanted: str, operator: Operator) -> str:
        """Return a name of letters, digits, _ and -, that no node has."""
        clean = re.sub(r"[^A-Za-z0-9_-]+", "_", wanted).strip("_") or operator.type.lower()
        clean = clean if clean[0].isalpha() and clean != "input" else f"n_{clean}"
        taken = {plan.name for plan in self.plans}
        found, number = clean, 1
        while found in taken:
            number += 1
            found = f"{clean}_{number}"
        return found

    def arrange(self, arrangement: Arrangement, *values: Value, kind: str = "arrange") -> Value:
        """Add a rearrangement of outputs as they are; a ValueError where shapes do not fit."""
        output = arrangement.shape(*(self.shape(one.source) for one in values))
        operator = Operator(type(arrangement).__name__.lower() if kind == "arrange" else kind, "local")
        return self.add(operator, [one.source for one in values], output, arrange=arrangement)

    def sums(
        self,
        kind: str,
        x: int,
        product: Product,
        output: Shape,
        kernel: NDArray[Any] | None = None,
        bias: NDArray[Any] | None = None,
        other: int | None = None,
        **more: Any,
    ) -> Value:
        """Add a layer of sums, with weights or with another output."""
        found = self.add(
            Operator(kind, "sums"), [x] if other is None else [x, other], output, product=product, **more
        )
        name = self.plans[-1].name
        for part, array in (("kernel", kernel), ("bias", bias)):
            if array is not None:
                self.weights[f"{name}/{part}"] = np.asarray(array, np.float64)
        name_of = {"kernel": kernel, "bias": bias}
        shapes = {part: None if a is None else a.shape for part, a in name_of.items()}
        self.plans[-1] = replace(self.plans[-1], kernel=shapes["kernel"], bias=shapes["bias"])
        return found

    # Axes

    def in_order(self, value: Value, order: tuple[int, ...]) -> int:
        """Return a node whose output has a tensor's axes in an order: its axis i is axis order[i].

        Adds a transposition where it must.
        """
        if value.order == order:
            return value.source
        inverse = [0] * len(order)
        for axis, place in enumerate(order):
            inverse[place] = axis
        turned = tuple(value.order[axis] for axis in inverse)  # axis of the new output → of the old one
        return self.arrange(arrangements.Transpose(turned), self.value(value.source)).source

    def plain(self, value: Value) -> int:
        """Return the node whose output has the tensor's axes as they are."""
        return self.in_order(value, tuple(range(len(value.shape))))

    def channels_last(self, value: Value) -> int:
        """Return the node whose output has channels, the tensor's first axis, at the end."""
        return self.in_order(value, CHANNELS_LAST[len(value.shape)])

    def channels_first(self, source: int) -> Value:
        """Return an output whose channels are its last axis as a tensor that has them first."""
        shape, order = self.shape(source), CHANNELS_LAST[len(self.shape(source))]
        return Value(source, tuple(shape[axis] for axis in order), order)

    def like(self, source: int, order: tuple[int, ...]) -> Value:
        """Return an output as a tensor with that order of axes."""
        shape = self.shape(source)
        return Value(source, tuple(shape[axis] for axis in order), order)

    def known_in(self, known: Known, value: Value) -> NDArray[np.float64]:
        """Return known numbers that broadcast to a tensor as they broadcast to the output behind it.

        A ValueError where they do not, or where they differ by image.
        """
        array = np.asarray(known.array, np.float64)
        rank = len(value.shape)
        if array.ndim > rank:
            extra = array.shape[: array.ndim - rank]
            if math.prod(extra) != 1:
                raise ValueError(
                    f"numbers of {array.shape} for images of {value.shape}; accepted: one for all images"
                )
            array = array.reshape(array.shape[array.ndim - rank :])
        array = array.reshape((1,) * (rank - array.ndim) + array.shape)
        np.broadcast_shapes(array.shape, value.shape)
        if np.broadcast_shapes(array.shape, value.shape) != value.shape:
            raise ValueError(
                f"numbers of {array.shape} for a tensor of {value.shape}; accepted: no larger ones"
            )
        inverse = [0] * rank
        for axis, place in enumerate(value.order):
            inverse[place] = axis
        return array.transpose(inverse)

    def as_value(self, known: Known) -> Value:
        """Return known numbers, of one image or for all, as an output of a node that reads nothing."""
        array = np.asarray(known.array, np.float64)
        if array.ndim < 1 or array.shape[0] not in (1, self.images):
            raise ValueError(
                f"numbers of {array.shape}; accepted: an axis of images in front, of one place"
            )
        if (array != array[:1]).any():
            raise ValueError("numbers that differ by image; accepted: the same for all")
        found = self.add(Operator("weights", "weights"), [IMAGE], array.shape[1:], bias=array.shape[1:])
        self.weights[f"{self.plans[-1].name}/bias"] = array[0]
        return found

    # What a node may take in

    def open_sums(self, tensor: Tensor, name: str) -> LayerPlan | None:
        """Return the layer of sums behind a tensor that its node alone reads and that nothing ends yet."""
        if not isinstance(tensor, Value) or tensor.source == IMAGE or self.readers[name] != 1:
            return None
        plan = self.plans[tensor.source]
        return plan if plan.kind in ("sums", "add") and not plan.relu else None

    def change(self, plan: LayerPlan, **more: Any) -> None:
        """Put another node in the place of one."""
        self.plans[plan.index] = replace(plan, **more)
