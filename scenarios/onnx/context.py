"""The graph while it is made: nodes that are added, and tensors as the axes that a node needs."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenarios.graph import IMAGE, Arrangement, LayerPlan, Operator, Product, arrangements
from scenarios.onnx.tensors import Known, Shape, Value

MOST_VALUES = 2**31
"""Values that a tensor of an image has at most: what says more is a mistake, or a trap."""


def check_size(shape: Sequence[int]) -> None:
    """Refuse a tensor that no machine would hold, before anything is as long.

    Raises:
        ValueError: it is one.
    """
    if math.prod(shape) > MOST_VALUES:
        raise ValueError(f"a tensor of {tuple(shape)}; accepted: at most 2^31 values")


@dataclass
class Graph:
    """Nodes so far.

    Attributes:
        input: shape of what the client gives, without the axis of images.
        plans: the nodes.
        weights: arrays by NODE/kernel and NODE/bias.
        readers: how many nodes of the file read each tensor.
        names: the tensors that each output stands for: one more for each node that does nothing.
        name: of the node that is being added.
    """

    input: Shape
    plans: list[LayerPlan] = field(default_factory=list)
    weights: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    readers: Counter[str] = field(default_factory=Counter)
    names: defaultdict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    name: str = ""

    def shape(self, source: int) -> Shape:
        """Return the shape of an output."""
        return self.input if source == IMAGE else self.plans[source].output

    # Adding nodes

    def add(self, operator: Operator, sources: Sequence[int], output: Shape, **more: Any) -> int:
        """Add a node, and return its place."""
        check_size(output)
        index, read = len(self.plans), self.shape(sources[0])
        said = f"{self.name}_{operator.type}" if operator.kind == "local" else self.name
        name = self._free(said, operator)
        self.plans.append(LayerPlan(index, name, operator, read, output, sources=tuple(sources), **more))
        return index

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

    def arrange(self, arrangement: Arrangement, *sources: int) -> int:
        """Add a rearrangement of outputs; a ValueError where shapes do not fit."""
        output = arrangement.shape(*map(self.shape, sources))
        return self.add(
            Operator(type(arrangement).__name__.lower(), "local"), sources, output, arrange=arrangement
        )

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
    ) -> int:
        """Add a layer of sums, with weights or with another output."""
        check_size(product.x)
        check_size(product.y)
        sources = [x] if other is None else [x, other]
        found = self.add(Operator(kind, "sums"), sources, output, product=product, **more)
        name = self.plans[-1].name
        for part, array in (("kernel", kernel), ("bias", bias)):
            if array is not None:
                self.weights[f"{name}/{part}"] = np.asarray(array, np.float64)
        shapes = [None if array is None else np.shape(array) for array in (kernel, bias)]
        self.plans[-1] = replace(self.plans[-1], kernel=shapes[0], bias=shapes[1])
        return found

    def weight(self, array: NDArray[Any]) -> int:
        """Add a node whose output is the same weights for every image."""
        found = self.add(Operator("weights", "weights"), [IMAGE], array.shape, bias=array.shape)
        self.weights[f"{self.plans[-1].name}/bias"] = np.asarray(array, np.float64)
        return found

    def held(self, known: Known) -> Value:
        """Return known numbers as a tensor of weights."""
        array = np.asarray(known.array, np.float64)
        source = self.weight(array if array.ndim else array.reshape(1))
        return self.output(source, range(array.ndim), array.shape)

    # Axes

    def output(self, source: int, axes: Sequence[int | None], shape: Shape) -> Value:
        """Return an output as a tensor of that shape, whose axes[i] is the output's axis i."""
        order: list[int | None] = [None] * len(shape)
        for place, axis in enumerate(axes):
            if axis is not None:
                order[axis] = place
        return Value(source, shape, tuple(order))

    def axes(self, value: Value, last: Sequence[int] = (), *, whole: bool = False) -> list[int]:
        """Return the axes of a tensor as its output has them, some of them at the end.

        Those of one place are left out, unless the output has them or the `whole` is wanted.
        """
        held = [axis for axis, place in enumerate(value.order) if place is not None]
        held.sort(key=lambda axis: value.order[axis] or 0)
        if whole:
            held = [axis for axis, place in enumerate(value.order) if place is None] + held
        return [axis for axis in held if axis not in last] + list(last)

    def of_axes(self, value: Value, axes: Sequence[int | None]) -> int:
        """Return a node whose output has just these axes of a tensor, in order; None is one of one place.

        Without axes the output has one of one place, which is none of the tensor's.

        Adds a transposition or a change of shape where it must. A ValueError where an axis that is left
        out has several places, or a mask is on the tensor that a softmax was to read.
        """
        if value.mask is not None:
            raise ValueError("a mask of numbers far below zero that no softmax reads")
        rest = [size for axis, size in enumerate(value.shape) if axis not in axes]
        if any(size != 1 for size in rest):
            raise ValueError(f"a tensor of {value.shape}; accepted: one whose other axes have one place")
        wanted = tuple(1 if axis is None else value.shape[axis] for axis in axes) or (1,)
        source = value.source
        held = [value.order[axis] for axis in axes if axis is not None]
        places = [place for place in held if place is not None]
        large = [place for place in places if self.shape(source)[place] != 1]
        if large != sorted(large):
            others = [place for place in range(len(self.shape(source))) if place not in places]
            source = self.arrange(arrangements.Transpose((*places, *others)), source)
        if self.shape(source) != wanted:
            source = self.arrange(arrangements.Reshape(wanted), source)
        return source

    def plain(self, value: Value) -> int:
        """Return the node whose output is the tensor."""
        return self.of_axes(value, range(len(value.shape)))

    def reshaped(self, value: Value, to: Shape) -> Value:
        """Return a tensor's numbers in another shape; no node where only axes of one place come and go."""
        large = [axis for axis, size in enumerate(value.shape) if size != 1]
        if value.mask is None and [size for size in to if size != 1] == [
            value.shape[axis] for axis in large
        ]:
            rest = iter(large)
            return Value(
                value.source, to, tuple(None if size == 1 else value.order[next(rest)] for size in to)
            )
        kept = tuple(size for size in to if size != 1) or (1,)
        source = self.plain(value)
        source = source if self.shape(source) == kept else self.arrange(arrangements.Reshape(kept), source)
        return self.output(source, [axis for axis, size in enumerate(to) if size != 1], to)

    def of_rank(self, value: Value, rank: int) -> Value:
        """Return a tensor with axes of one place in front."""
        missing = rank - len(value.shape)
        return replace(value, shape=(1,) * missing + value.shape, order=(None,) * missing + value.order)

    def repeated(self, value: Value, to: Shape) -> Value:
        """Return a tensor repeated along axes of one place."""
        value = self.of_rank(value, len(to))
        if value.shape == to:
            return value
        if np.broadcast_shapes(value.shape, to) != to:
            raise ValueError(f"a tensor of {value.shape} cannot be repeated to {to}")
        new = [axis for axis, size in enumerate(to) if size != value.shape[axis]]
        axes = [
            axis for axis in self.axes(value, whole=True) if axis in new or value.order[axis] is not None
        ]
        source = self.of_axes(value, axes)
        source = self.arrange(arrangements.Broadcast(tuple(to[axis] for axis in axes)), source)
        return self.output(source, axes, to)

    def side_by_side(self, *values: Value) -> tuple[list[int], list[int], Shape]:
        """Return nodes that broadcast together, the axes that they have, and the tensors' common shape."""
        rank = max(len(value.shape) for value in values)
        values = tuple(self.of_rank(value, rank) for value in values)
        shape = tuple(np.broadcast_shapes(*(value.shape for value in values)))
        lead = max(values, key=lambda value: (np.prod(value.shape), -value.source))
        held = self.axes(lead)
        axes = [axis for axis in range(rank) if axis not in held and shape[axis] != 1] + held
        return [self.of_axes(value, axes) for value in values], axes, shape

    def beside(self, known: Known, value: Value) -> NDArray[np.float64]:
        """Return known numbers that broadcast to a tensor as they broadcast to the output behind it."""
        array = np.asarray(known.array, np.float64)
        rank, output = len(value.shape), self.shape(value.source)
        if array.ndim > rank or np.broadcast_shapes(array.shape, value.shape) != value.shape:
            raise ValueError(
                f"numbers of {array.shape} for a tensor of {value.shape}; accepted: no larger ones"
            )
        array = array.reshape((1,) * (rank - array.ndim) + array.shape)
        held = self.axes(value)
        others = [axis for axis in range(rank) if axis not in held]
        sizes = [1] * len(output)
        for axis in held:
            sizes[value.order[axis] or 0] = array.shape[axis]
        return array.transpose([*others, *held]).reshape(sizes)

    def unscaled(self, source: int) -> float:
        """Take a public factor out of what an output is rearranged from, and return it; 1 without one.

        Only where nothing else reads any of them, now or later in the file.
        """
        while self.read_once(source):
            plan = self.plans[source]
            if plan.kind == "scaled":
                arrange = arrangements.Reshape(plan.output)
                self.change(plan, layer=Operator("unscaled", "local"), arrange=arrange)
                return float(plan.layer.factor)
            if plan.kind != "local" or len(plan.sources) > 1:
                break
            (source,) = plan.sources
        return 1.0

    # What a node may take in

    def read_once(self, source: int) -> bool:
        """Return whether an output has no reader but one, now or later, by whatever name."""
        here = sum(source in plan.sources for plan in self.plans)
        return source != IMAGE and here <= 1 and all(self.readers[name] == 1 for name in self.names[source])

    def open_sums(self, value: Value) -> LayerPlan | None:
        """Return the layer of sums behind a tensor that its node alone reads and that nothing ends yet."""
        if not self.read_once(value.source):
            return None
        plan = self.plans[value.source]
        return plan if plan.kind in ("sums", "add") and not plan.relu else None

    def change(self, plan: LayerPlan, **more: Any) -> None:
        """Put another node in the place of one."""
        self.plans[plan.index] = replace(plan, **more)
