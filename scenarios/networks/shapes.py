"""Declared layers as nodes of a graph: their names, what they read, and the shapes that follow.

All kinds of layers in one file, a few lines each; those that are several nodes have their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mpcsim.errors import InputError
from scenarios.graph import (
    IMAGE,
    INPUT,
    LayerPlan,
    Pads,
    Pair,
    Product,
    Shape,
    arrangements,
    readers,
    shape_text,
)
from scenarios.graph import where as said
from scenarios.networks.layers import (
    GRU,
    LSTM,
    Add,
    AveragePooling2D,
    BatchNormalisation,
    Concatenate,
    Conv2D,
    ConvTranspose2D,
    Crop2D,
    Declared,
    Dense,
    Flatten,
    Function,
    GroupNormalisation,
    InstanceNormalisation,
    MaxPooling2D,
    ModelSettings,
    Multiply,
    Normalisation,
    Positions,
    Reshape,
    Row,
    Scale,
    Token,
    Transformer,
    UpSampling2D,
)
from scenarios.networks.recurrent import recurrent
from scenarios.networks.rows import dense_of_rows, normalisation, of_groups, positions, reshape, row, token
from scenarios.networks.transformer import Past, transformer

if TYPE_CHECKING:
    from scenarios.onnx import Imported

_STEMS = {
    "conv2d": "conv",
    "conv2d_transpose": "conv_transpose",
    "maxpool2d": "pool",
    "avgpool2d": "pool",
    "upsample2d": "upsample",
    "batch_norm": "norm",
}
_TWO = Add | Multiply | Concatenate


def shapes(model: ModelSettings) -> tuple[LayerPlan, ...]:
    """Name every layer and infer its shapes, or raise `InputError` at the first that does not fit.

    Unnamed layers are called by kind and count: conv1, pool1, conv2, dense1.
    """
    found = imported(model).plans if model.onnx is not None else _declared(model)
    return tuple(replace(plan, public=True) for plan in found) if model.public_weights else found


def _declared(model: ModelSettings) -> tuple[LayerPlan, ...]:
    """Return the nodes of declared layers."""
    plans: list[LayerPlan] = []
    extend(plans, model, IMAGE, {})
    _refuse_unread(plans)
    return tuple(plans)


def extend(plans: list[LayerPlan], model: ModelSettings, source: int, past: Past) -> None:
    """Add the nodes of a model's layers that read an output, or the image.

    Args:
        plans: the nodes so far.
        model: whose layers.
        source: what the first of them reads.
        past: the keys and values that attention finds, and leaves with those of its own rows.

    Raises:
        InputError: a layer does not fit what it reads.
    """
    names = _names(model.layers)
    last = {IMAGE: source}  # of a declared layer: its node, of several the last
    for index, (name, layer) in enumerate(zip(names, model.layers, strict=True)):
        sources = tuple(last[source] for source in _sources(index, layer, names))
        read = [model.input if source == IMAGE else plans[source].output for source in sources]
        place = len(plans)
        try:
            if isinstance(layer, Transformer):
                known = {plan.index: plan.output for plan in plans} | {sources[0]: read[0]}
                plans += transformer(layer, name, place, sources[0], known, past)
            elif isinstance(layer, LSTM | GRU):
                plans += recurrent(layer, name, place, sources[0], read[0])
            elif isinstance(layer, Token):
                plans += token(name, place, sources[0], read[0])
            else:
                plan = LayerPlan(place, name, layer, read[0], read[0])
                plans.append(replace(_PLANS[type(layer)](plan, layer, *read), sources=sources))
                plans += _activated(plans[-1])
        except ValueError as error:
            raise InputError(f"{said(index, name, layer.type)}: {error}") from None
        last[index] = len(plans) - 1


def _activated(plan: LayerPlan) -> list[LayerPlan]:
    """Return the node of an activation that is no ReLU, which follows its layer."""
    function = getattr(plan.layer, "activation", "none")
    if function in ("relu", "none"):
        return []
    place, output = plan.index + 1, plan.output
    layer = Function.model_validate({"function": function})
    return [LayerPlan(place, f"{plan.name}.{function}", layer, output, output, sources=(plan.index,))]


def imported(model: ModelSettings) -> Imported:
    """Return the network of a model's ONNX file.

    Raises:
        InputError: it cannot be read.
    """
    from scenarios.onnx import read  # of a package that declared layers do without

    assert model.onnx is not None
    public = tuple(
        (name, said if isinstance(said, tuple) else (said,))
        for name, said in sorted(model.public_inputs.items())
    )
    sizes = tuple(sorted(model.shapes.items()))
    return read(Path(model.onnx), sizes, model.layout, model.output, public)


def located(model: ModelSettings, folder: Path) -> ModelSettings:
    """Return a model whose file is found from anywhere, with the input that it says.

    Raises:
        InputError: the file cannot be read.
    """
    if model.onnx is None:
        return model
    found = model.model_copy(update={"onnx": str((folder / Path(model.onnx).expanduser()).resolve())})
    return found.model_copy(update={"input": imported(found).input})


def _sources(index: int, layer: Declared, names: Sequence[str]) -> tuple[int, ...]:
    """Return what a layer reads; the layer before it is `index` − 1, and the image `IMAGE`."""
    if layer.source is None:
        return (index - 1,)
    earlier = [INPUT, *names[:index]]
    if layer.source not in earlier:
        late = " (which is not an earlier one)" if layer.source in names else ""
        raise InputError(
            f"{said(index, names[index], layer.type)}: from = {layer.source!r}{late}; accepted: an earlier "
            f"layer: {', '.join(earlier)}"
        )
    source = earlier.index(layer.source) - 1
    return (index - 1, source) if isinstance(layer, _TWO) else (source,)


def _refuse_unread(plans: Sequence[LayerPlan]) -> None:
    read = readers(plans)
    for plan in plans[:-1]:
        if not read[plan.index]:
            raise InputError(
                f"{plan}: no later layer reads its output; accepted: a name in the `from` of one that does"
            )


def _names(layers: Sequence[Declared]) -> list[str]:
    taken = {layer.name for layer in layers if layer.name is not None}
    counts: dict[str, int] = {}
    names: list[str] = []
    for index, layer in enumerate(layers):
        stem = layer.function if isinstance(layer, Function) else _STEMS.get(layer.type, layer.type)
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


# Each kind of layer: what its plan is, given one without weights whose output is its input


def _dense(plan: LayerPlan, layer: Dense, shape: Shape) -> LayerPlan:
    if layer.rows:
        return dense_of_rows(plan, layer, shape)
    kernel = (math.prod(shape), layer.units)
    product = Product("matmul", kernel[:1], kernel, prepare=(arrangements.Reshape(kernel[:1]),))
    bias = (layer.units,) if layer.bias else None
    return replace(plan, output=(layer.units,), kernel=kernel, bias=bias, product=product)


def _scale(plan: LayerPlan, layer: Scale, shape: Shape) -> LayerPlan:
    kernel = shape[-1:]
    return replace(
        plan, kernel=kernel, bias=kernel if layer.bias else None, product=Product("mul", shape, kernel)
    )


def _batch_norm(plan: LayerPlan, layer: BatchNormalisation, shape: Shape) -> LayerPlan:
    return replace(plan, kernel=shape[-1:], bias=shape[-1:])


def _multiply(plan: LayerPlan, layer: Multiply, shape: Shape, other: Shape) -> LayerPlan:
    if len(shape) != len(other) or any(
        a != b and 1 not in (a, b) for a, b in zip(shape, other, strict=True)
    ):
        raise ValueError(
            f"multiplies the layer before of {shape_text(shape)} and {layer.source!r} of "
            f"{shape_text(other)}; accepted: two of the same shape, or with one place where the other has "
            "several"
        )
    output = tuple(map(max, zip(shape, other, strict=True)))
    return replace(plan, output=output, product=Product("mul", shape, other))


def _add(plan: LayerPlan, layer: Add, shape: Shape, other: Shape) -> LayerPlan:
    if shape != other:
        raise ValueError(
            f"adds the layer before of {shape_text(shape)} and {layer.source!r} of {shape_text(other)}; "
            "accepted: two of the same shape"
        )
    return plan


def _concatenate(plan: LayerPlan, layer: Concatenate, shape: Shape, other: Shape) -> LayerPlan:
    arrange = arrangements.Concatenate(len(shape) - 1)
    if len(shape) != len(other) or shape[:-1] != other[:-1]:
        raise ValueError(
            f"joins the layer before of {shape_text(shape)} and {layer.source!r} of {shape_text(other)}; "
            "accepted: two that differ in their channels alone"
        )
    return replace(plan, output=arrange.shape(shape, other), arrange=arrange)


def _flatten(plan: LayerPlan, layer: Flatten, shape: Shape) -> LayerPlan:
    arrange = arrangements.Reshape((math.prod(shape),))
    return replace(plan, output=arrange.to, arrange=arrange)


def _function(plan: LayerPlan, layer: Function, shape: Shape) -> LayerPlan:
    if layer.function == "power" and (
        len(layer.parameters) != 1 or layer.parameters[0] not in range(1, 65)
    ):
        raise ValueError(
            f"parameters = {layer.parameters}; accepted: the exponent, a whole number from 1 to 64"
        )
    return replace(plan, arguments=(("parameters", layer.parameters),)) if layer.parameters else plan


def _crop(plan: LayerPlan, layer: Crop2D, shape: Shape) -> LayerPlan:
    height, width, _ = _images(plan, shape)
    down, right = _pair(layer.size)
    if 2 * down >= height or 2 * right >= width:
        raise ValueError(
            f"nothing is left of {shape_text(shape)} without {shape_text((down, right))} places at every "
            "side"
        )
    arrange = arrangements.Crop(((down, down), (right, right), (0, 0)))
    return replace(plan, output=arrange.shape(shape), arrange=arrange)


def _upsample(plan: LayerPlan, layer: UpSampling2D, shape: Shape) -> LayerPlan:
    _images(plan, shape)
    down, right = _pair(layer.size)
    arrange = arrangements.Repeat((down, right, 1))
    return replace(plan, output=arrange.shape(shape), arrange=arrange)


def _conv2d(plan: LayerPlan, layer: Conv2D, shape: Shape) -> LayerPlan:
    *_, channels = _images(plan, shape)
    if channels % layer.groups or layer.filters % layer.groups:
        raise ValueError(
            f"groups = {layer.groups} with {channels} channels and {layer.filters} filters; accepted: a "
            "number that divides both"
        )
    taps, spread = _pair(layer.kernel), _pair(layer.dilation)
    window = ((taps[0] - 1) * spread[0] + 1, (taps[1] - 1) * spread[1] + 1)
    stride = _pair(layer.stride)
    found = _windows(plan, shape, window, stride, layer.padding)
    kernel = (*taps, channels // layer.groups, layer.filters)
    prepare = (arrangements.Spread(spread),) if spread != (1, 1) else ()
    product = Product("conv2d", shape, (*window, *kernel[2:]), stride, found.pads, weights=prepare)
    return replace(
        found,
        output=(*found.output[:2], layer.filters),
        kernel=kernel,
        bias=(layer.filters,) if layer.bias else None,
        product=product,
    )


def _transposed(plan: LayerPlan, layer: ConvTranspose2D, shape: Shape) -> LayerPlan:
    *_, channels = _images(plan, shape)
    window, stride = _pair(layer.kernel), _pair(layer.stride)
    if any(layer.padding >= size for size in window) or any(layer.output_padding >= s for s in stride):
        raise ValueError(
            f"padding {layer.padding} and output_padding {layer.output_padding} with a kernel of "
            f"{shape_text(window)} and stride {shape_text(stride)}; accepted: a padding below the kernel's "
            "size, and an output_padding below the stride"
        )
    spread = arrangements.Spread(stride)
    before = (window[0] - 1 - layer.padding, window[1] - 1 - layer.padding)
    pads = tuple((side, side + layer.output_padding) for side in before)
    kernel = (*window, channels, layer.filters)
    x = spread.shape(shape)
    product = Product("conv2d", x, kernel, (1, 1), (pads[0], pads[1]), prepare=(spread,))
    sides = [side + sum(pad) - size + 1 for side, pad, size in zip(x, pads, window, strict=False)]
    if min(sides) < 1:
        raise ValueError(f"nothing is left of {shape_text(shape)} with padding {layer.padding}")
    bias = (layer.filters,) if layer.bias else None
    output = (sides[0], sides[1], layer.filters)
    return replace(plan, output=output, kernel=kernel, bias=bias, window=window, product=product)


def _pool(plan: LayerPlan, layer: MaxPooling2D | AveragePooling2D, shape: Shape) -> LayerPlan:
    height, width, _ = _images(plan, shape)
    if layer.size == "global":
        if layer.stride is not None or layer.padding != "valid":
            raise ValueError("size = 'global' goes with neither stride nor padding")
        window = (height, width)
    else:
        window = _pair(layer.size)
    stride = window if layer.stride is None else _pair(layer.stride)
    if isinstance(layer.padding, int) and layer.padding >= min(window):
        raise ValueError(
            f"padding {layer.padding} leaves windows of {shape_text(window)} without a "
            f"value; the padding must be smaller than the window"
        )
    return _windows(plan, shape, window, stride, layer.padding)


_PLANS: dict[type, Callable[..., LayerPlan]] = {
    Conv2D: _conv2d,
    ConvTranspose2D: _transposed,
    Scale: _scale,
    BatchNormalisation: _batch_norm,
    MaxPooling2D: _pool,
    AveragePooling2D: _pool,
    Concatenate: _concatenate,
    Crop2D: _crop,
    UpSampling2D: _upsample,
    Function: _function,
    Multiply: _multiply,
    Flatten: _flatten,
    Positions: positions,
    Normalisation: normalisation,
    GroupNormalisation: of_groups,
    InstanceNormalisation: of_groups,
    Row: row,
    Reshape: reshape,
    Dense: _dense,
    Add: _add,
}


def _images(plan: LayerPlan, shape: Shape) -> Shape:
    if len(shape) != 3:
        before = "the layer before" if plan.layer.source is None else repr(plan.layer.source)
        raise ValueError(f"needs height×width×channels, but {before} gives {shape_text(shape)}")
    return shape


def _windows(plan: LayerPlan, shape: Shape, window: Pair, stride: Pair, padding: str | int) -> LayerPlan:
    rows = _axis(shape[0], window[0], stride[0], padding)
    columns = _axis(shape[1], window[1], stride[1], padding)
    if rows[0] < 1 or columns[0] < 1:
        raise ValueError(
            f"a window of {shape_text(window)} with padding {padding!r} does not "
            f"fit its input of {shape_text(shape)}"
        )
    pads: Pads = (rows[1], columns[1])
    output = (rows[0], columns[0], shape[2])
    return replace(plan, output=output, window=window, stride=stride, pads=pads)


def _pair(side: int | tuple[int, int]) -> Pair:
    return (side, side) if isinstance(side, int) else side


def _axis(size: int, window: int, stride: int, padding: str | int) -> tuple[int, Pair]:
    """Length of the output along one axis, and the padding before and after.

    'same' gives ceil(size / stride) and puts the odd place of padding after, as Keras does.
    """
    if padding == "same":
        length = -(-size // stride)
        total = max((length - 1) * stride + window - size, 0)
        return length, (total // 2, total - total // 2)
    pad = padding if isinstance(padding, int) else 0
    return (size + 2 * pad - window) // stride + 1, (pad, pad)
