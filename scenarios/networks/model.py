"""Networks as a scenario declares them: a list of layers, and the shapes that follow.

A layer reads the one before it, or the earlier one that its `from` names ("input" is the image); `add`
reads both, which makes residual connections. There is no layer of batch normalisation: at inference it is
an affine map of each channel, to be folded into kernel and bias of the convolution before it.

Images are (n, height, width, channels); convolution kernels are (kh, kw, Cin, Cout); dense kernels
are (inputs, units). Flattening is row-major over (height, width, channels) and happens by itself
before a dense layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
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

_PADS = "valid: none; same: as much as keeps the size at stride 1; a number: pixels on every side"
_AFTER = "what its outputs go through"
_BIAS = "add a number to each channel of the output"

INPUT = "input"
"""What `from` calls the image."""
IMAGE = -1
"""The image's place among a plan's sources."""


class _Layer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name | None = Field(default=None, description="of its spans; kind and number if absent")
    source: Name | None = Field(
        default=None,
        alias="from",
        description='an earlier layer to read instead of the one before, or "input"',
    )


class Conv2D(_Layer):
    """A convolution (cross-correlation, as deep-learning libraries have it) with optional ReLU."""

    type: Literal["conv2d"] = "conv2d"
    filters: Positive = Field(description="channels of its output")
    kernel: Side = Field(description="side, or height and width, in pixels")
    stride: Side = Field(default=1, description="steps of the window in pixels, both ways or each")
    padding: Padding = Field(default="valid", description=_PADS)
    activation: Activation = Field(default="none", description=_AFTER)
    bias: bool = Field(default=True, description=_BIAS)


class _Pooling2D(_Layer):
    size: Side | Literal["global"] = Field(default=2, description='"global": one window, the whole input')
    stride: Side | None = Field(default=None, description="steps of the window; its size if absent")
    padding: Padding = Field(default="valid", description=_PADS)


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
    units: Positive = Field(description="numbers of its output")
    activation: Activation = Field(default="none", description=_AFTER)
    bias: bool = Field(default=True, description=_BIAS)


class Add(_Layer):
    """The layer before plus the one that `from` names, of the same shape, with optional ReLU."""

    type: Literal["add"] = "add"
    source: Name = Field(alias="from", description='the earlier layer to add, or "input"')
    activation: Activation = Field(default="none", description=_AFTER)


AnyLayer = Conv2D | MaxPooling2D | AveragePooling2D | Flatten | Dense | Add
Layer = Annotated[AnyLayer, Field(discriminator="type")]
_STEMS = {
    "conv2d": "conv",
    "maxpool2d": "pool",
    "avgpool2d": "pool",
    "flatten": "flatten",
    "dense": "dense",
    "add": "add",
}


class ModelSettings(BaseModel):
    """The `[model]` table: image shape, layers, and where the weights are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: tuple[Positive, Positive, Positive] = Field(description="height, width, channels")
    layers: tuple[Layer, ...] = Field(min_length=1, description="in order")
    weights: str | None = Field(
        default=None, description="a path from the scenario's folder, or the name of a shipped file"
    )


@dataclass(frozen=True)
class LayerPlan:
    """One layer with everything that its position in the network decides.

    `input` and `output` are shapes without the image axis; `kernel` and `bias` are the shapes of
    its weights, None where it has none. `window`, `stride` and `pads` ((top, bottom), (left,
    right)) are set for convolution and pooling. `sources` are the indices of the layers that it reads,
    `IMAGE` for the image: one, or two for `add`.
    """

    index: int
    name: str
    layer: AnyLayer
    input: Shape
    output: Shape
    kernel: Shape | None = None
    bias: Shape | None = None
    window: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    pads: Pads = ((0, 0), (0, 0))
    sources: tuple[int, ...] = (IMAGE,)

    @property
    def relu(self) -> bool:
        """Whether max(x, 0) ends the layer."""
        return getattr(self.layer, "activation", "none") == "relu"

    def __str__(self) -> str:
        return _where(self.index, self.name, self.layer)


def shapes(model: ModelSettings) -> tuple[LayerPlan, ...]:
    """Name every layer and infer its shapes, or raise `InputError` at the first that does not fit.

    Unnamed layers are called by kind and count: conv1, pool1, conv2, dense1.
    """
    plans: list[LayerPlan] = []
    names = _names(model.layers)
    for index, (name, layer) in enumerate(zip(names, model.layers, strict=True)):
        sources = _sources(index, layer, names)
        read = [model.input if source == IMAGE else plans[source].output for source in sources]
        if isinstance(layer, Add) and read[0] != read[1]:
            before = f"layer {index - 1} {names[index - 1]!r}" if index else "the image"
            raise InputError(
                f"{_where(index, name, layer)}: adds {before} of {shape_text(read[0])} and "
                f"{layer.source!r} of {shape_text(read[1])}; accepted: two of the same shape"
            )
        plans.append(replace(_plan(index, name, layer, read[0]), sources=sources))
    _refuse_unread(plans)
    return tuple(plans)


def readers(plans: Sequence[LayerPlan]) -> dict[int, list[LayerPlan]]:
    """Return, for the image and every layer, the layers that read it (twice where one reads it twice)."""
    found: dict[int, list[LayerPlan]] = {index: [] for index in range(IMAGE, len(plans))}
    for plan in plans:
        for source in plan.sources:
            found[source].append(plan)
    return found


def shape_text(shape: Sequence[int]) -> str:
    """Write a shape as people do: 50×50×3."""
    return "×".join(map(str, shape))


def _where(index: int, name: str, layer: AnyLayer) -> str:
    return f"layer {index} {name!r} ({layer.type})"


def _sources(index: int, layer: AnyLayer, names: Sequence[str]) -> tuple[int, ...]:
    """Return what a layer reads; the layer before it is `index` − 1, and the image `IMAGE`."""
    if layer.source is None:
        return (index - 1,)
    earlier = [INPUT, *names[:index]]
    if layer.source not in earlier:
        late = " (which is not an earlier one)" if layer.source in names else ""
        raise InputError(
            f"{_where(index, names[index], layer)}: from = {layer.source!r}{late}; accepted: an earlier "
            f"layer: {', '.join(earlier)}"
        )
    source = earlier.index(layer.source) - 1
    return (index - 1, source) if isinstance(layer, Add) else (source,)


def _refuse_unread(plans: Sequence[LayerPlan]) -> None:
    read = readers(plans)
    for plan in plans[:-1]:
        if not read[plan.index]:
            raise InputError(
                f"{plan}: no later layer reads its output; accepted: a name in the `from` of one that does"
            )


def _names(layers: Sequence[AnyLayer]) -> list[str]:
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
        if names[-1] == INPUT:
            raise InputError(f"layer {index} ({layer.type}): the name {INPUT!r} is that of the image")
        if names[-1] in names[:-1]:
            raise InputError(
                f"layer {index} ({layer.type}): the name {names[-1]!r} is that of layer "
                f"{names.index(names[-1])}; names must differ"
            )
    return names


def _plan(index: int, name: str, layer: AnyLayer, shape: Shape) -> LayerPlan:
    if isinstance(layer, Dense):
        kernel = (math.prod(shape), layer.units)
        bias = (layer.units,) if layer.bias else None
        return LayerPlan(index, name, layer, shape, (layer.units,), kernel, bias)
    if isinstance(layer, Flatten):
        return LayerPlan(index, name, layer, shape, (math.prod(shape),))
    if isinstance(layer, Add):
        return LayerPlan(index, name, layer, shape, shape)
    where = _where(index, name, layer)
    if len(shape) != 3:
        before = "the layer before" if layer.source is None else repr(layer.source)
        raise InputError(f"{where}: needs height×width×channels, but {before} gives {shape_text(shape)}")
    height, width, channels = shape
    if isinstance(layer, Conv2D):
        window = _pair(layer.kernel)
    elif layer.size == "global":
        if layer.stride is not None or layer.padding != "valid":
            raise InputError(f"{where}: size = 'global' goes with neither stride nor padding")
        window = (height, width)
    else:
        window = _pair(layer.size)
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
