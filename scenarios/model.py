"""Networks as a scenario declares them: a list of layers, and the shapes that follow.

Images are (n, height, width, channels); convolution kernels are (kh, kw, Cin, Cout); dense kernels
are (inputs, units). Flattening is row-major over (height, width, channels) and happens by itself
before a dense layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from mpcsim.errors import InputError

Positive = Annotated[int, Field(strict=True, ge=1)]
Natural = Annotated[int, Field(strict=True, ge=0)]
Side = Positive | tuple[Positive, Positive]
Padding = Literal["same", "valid"] | Natural
Activation = Literal["relu", "none"]
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
Shape = tuple[int, ...]
Pads = tuple[tuple[int, int], tuple[int, int]]


class _Layer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name | None = None


class Conv2D(_Layer):
    """A convolution (cross-correlation, as deep-learning libraries have it) with optional ReLU."""

    type: Literal["conv2d"] = "conv2d"
    filters: Positive
    kernel: Side
    stride: Side = 1
    padding: Padding = "valid"
    activation: Activation = "none"
    bias: bool = True


class _Pooling2D(_Layer):
    size: Side = 2
    stride: Side | None = Field(default=None, description="steps of the window; its size if absent")
    padding: Padding = "valid"


class MaxPooling2D(_Pooling2D):
    """The largest value of each window and channel; padding never wins."""

    type: Literal["maxpool2d"] = "maxpool2d"


class AveragePooling2D(_Pooling2D):
    """The mean of each window and channel; padded places are not counted."""

    type: Literal["avgpool2d"] = "avgpool2d"


class Flatten(_Layer):
    """Height, width and channels as one axis, row-major."""

    type: Literal["flatten"] = "flatten"


class Dense(_Layer):
    """A fully connected layer with optional ReLU."""

    type: Literal["dense"] = "dense"
    units: Positive
    activation: Activation = "none"
    bias: bool = True


Layer = Annotated[Conv2D | MaxPooling2D | AveragePooling2D | Flatten | Dense, Field(discriminator="type")]
_STEMS = {
    "conv2d": "conv",
    "maxpool2d": "pool",
    "avgpool2d": "pool",
    "flatten": "flatten",
    "dense": "dense",
}


class ModelSettings(BaseModel):
    """The `[model]` table: image shape, layers, and where the weights are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: tuple[Positive, Positive, Positive] = Field(description="height, width, channels")
    layers: tuple[Layer, ...] = Field(min_length=1)
    weights: str | None = Field(
        default=None, description="a path from the scenario's folder, or the name of a shipped file"
    )


@dataclass(frozen=True)
class LayerPlan:
    """One layer with everything that its position in the network decides.

    `input` and `output` are shapes without the image axis; `kernel` and `bias` are the shapes of
    its weights, None where it has none. `window`, `stride` and `pads` ((top, bottom), (left,
    right)) are set for convolution and pooling.
    """

    index: int
    name: str
    layer: Conv2D | MaxPooling2D | AveragePooling2D | Flatten | Dense
    input: Shape
    output: Shape
    kernel: Shape | None = None
    bias: Shape | None = None
    window: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    pads: Pads = ((0, 0), (0, 0))

    @property
    def relu(self) -> bool:
        """Whether max(x, 0) ends the layer."""
        return getattr(self.layer, "activation", "none") == "relu"

    def __str__(self) -> str:
        return f"layer {self.index} {self.name!r} ({self.layer.type})"


def shapes(model: ModelSettings) -> tuple[LayerPlan, ...]:
    """Name every layer and infer its shapes, or raise `InputError` at the first that does not fit.

    Unnamed layers are called by kind and count: conv1, pool1, conv2, dense1.
    """
    plans: list[LayerPlan] = []
    shape: Shape = model.input
    for index, (name, layer) in enumerate(zip(_names(model.layers), model.layers, strict=True)):
        plan = _plan(index, name, layer, shape)
        plans.append(plan)
        shape = plan.output
    return tuple(plans)


def shape_text(shape: Sequence[int]) -> str:
    """Write a shape as people do: 50×50×3."""
    return "×".join(map(str, shape))


def _names(layers: Sequence[Layer]) -> list[str]:
    taken = {layer.name for layer in layers if layer.name is not None}
    counts: dict[str, int] = {}
    names: list[str] = []
    for index, layer in enumerate(layers):
        stem = _STEMS[layer.type]
        counts[stem] = counts.get(stem, 0) + 1
        if layer.name is None and f"{stem}{counts[stem]}" in taken:
            raise InputError(
                f"layer {index} ({layer.type}): another layer is named as this one would be, "
                f"{f'{stem}{counts[stem]}'!r}; name this one too"
            )
        names.append(layer.name or f"{stem}{counts[stem]}")
        if names[-1] in names[:-1]:
            raise InputError(
                f"layer {index} ({layer.type}): the name {names[-1]!r} is that of layer "
                f"{names.index(names[-1])}; names must differ"
            )
    return names


def _plan(
    index: int,
    name: str,
    layer: Conv2D | MaxPooling2D | AveragePooling2D | Flatten | Dense,
    shape: Shape,
) -> LayerPlan:
    if isinstance(layer, Dense):
        kernel = (math.prod(shape), layer.units)
        bias = (layer.units,) if layer.bias else None
        return LayerPlan(index, name, layer, shape, (layer.units,), kernel, bias)
    if isinstance(layer, Flatten):
        return LayerPlan(index, name, layer, shape, (math.prod(shape),))
    where = f"layer {index} {name!r} ({layer.type})"
    if len(shape) != 3:
        raise InputError(
            f"{where}: needs height×width×channels, but the layer before gives {shape_text(shape)}"
        )
    height, width, channels = shape
    window = _pair(layer.kernel if isinstance(layer, Conv2D) else layer.size)
    stride = window if layer.stride is None else _pair(layer.stride)
    rows = _axis(height, window[0], stride[0], layer.padding)
    columns = _axis(width, window[1], stride[1], layer.padding)
    pooling = not isinstance(layer, Conv2D)
    if pooling and isinstance(layer.padding, int) and layer.padding >= min(window):
        raise InputError(
            f"{where}: padding {layer.padding} leaves windows of {shape_text(window)} without a "
            f"value; the padding must be smaller than the window"
        )
    if rows[0] < 1 or columns[0] < 1:
        raise InputError(
            f"{where}: a window of {shape_text(window)} with padding {layer.padding!r} does not "
            f"fit its input of {shape_text(shape)}"
        )
    pads = (rows[1], columns[1])
    if not isinstance(layer, Conv2D):
        output = (rows[0], columns[0], channels)
        return LayerPlan(index, name, layer, shape, output, None, None, window, stride, pads)
    output = (rows[0], columns[0], layer.filters)
    kernel4 = (*window, channels, layer.filters)
    bias = (layer.filters,) if layer.bias else None
    return LayerPlan(index, name, layer, shape, output, kernel4, bias, window, stride, pads)


def _pair(side: int | tuple[int, int]) -> tuple[int, int]:
    return (side, side) if isinstance(side, int) else side


def _axis(size: int, window: int, stride: int, padding: str | int) -> tuple[int, tuple[int, int]]:
    """Length of the output along one axis, and the padding before and after.

    'same' gives ceil(size / stride) and puts the odd place of padding after, as Keras does.
    """
    if padding == "same":
        length = -(-size // stride)
        total = max((length - 1) * stride + window - size, 0)
        return length, (total // 2, total - total // 2)
    pad = padding if isinstance(padding, int) else 0
    return (size + 2 * pad - window) // stride + 1, (pad, pad)
