"""Layers as a scenario declares them.

A layer reads the one before it, or the earlier one that its `from` names ("input" is the image); `add`,
`multiply` and `concat` read both, which makes residual, gated and dense connections. Batch normalisation is
at inference an affine map of each channel: `scale`, or folded into the convolution before it.

Images are (n, height, width, channels); convolution kernels are (kh, kw, Cin / groups, Cout); dense kernels
are (inputs, units). Flattening is row-major over (height, width, channels) and happens by itself
before a dense layer. All kinds in one file: each is a few lines that a reader looks up.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mpcsim.schema import ChosenBy
from scenarios.graph import Direction, Kind

Positive = Annotated[int, Field(strict=True, ge=1)]
Natural = Annotated[int, Field(strict=True, ge=0)]
Side = Positive | tuple[Positive, Positive]
Padding = Literal["same", "valid"] | Natural
_PADS = "valid: none; same: as much as keeps the size at stride 1; a number: pixels on every side"
_AFTER = "a function that its outputs go through"
_BIAS = "add a number to each channel of the output"
FunctionName = Literal[
    "relu", "sigmoid", "exponential", "logarithm", "square_root", "absolute", "power",
    "softmax", "log_softmax",
    "gelu", "gelu_tanh", "silu", "tanh", "erf", "softplus", "logistic", "elu",
    "relu6", "clip", "hard_sigmoid", "hard_swish", "leaky_relu",
]  # fmt: skip
Activation = Literal["none"] | FunctionName
Fraction = Annotated[float, Field(gt=0, lt=1)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]


class _Layer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)  # built inside the model's
    kind: ClassVar[Kind]

    name: Name | None = Field(default=None, description="of its spans; kind and number if absent")
    source: Name | None = Field(
        default=None,
        alias="from",
        description='an earlier layer to read instead of the one before, or "input"',
    )


class Conv2D(_Layer):
    """A convolution (cross-correlation, as deep-learning libraries have it) and its activation.

    With `groups` each group of filters reads its own group of channels, in order; as many groups as
    channels make it depthwise.
    """

    kind: ClassVar[Kind] = "sums"

    type: Literal["conv2d"] = "conv2d"
    filters: Positive = Field(description="channels of its output")
    kernel: Side = Field(description="side, or height and width, in pixels")
    stride: Side = Field(default=1, description="steps of the window in pixels, both ways or each")
    padding: Padding = Field(default="valid", description=_PADS)
    dilation: Side = Field(default=1, description="places between those that the kernel reads, plus one")
    groups: Positive = Field(default=1, description="groups of channels with filters of their own")
    activation: Activation = Field(default="none", description=_AFTER)
    bias: bool = Field(default=True, description=_BIAS)


class ConvTranspose2D(_Layer):
    """A transposed convolution and its activation: each value spreads its kernel, `stride` places apart.

    An axis of n places becomes one of (n − 1)·stride + kernel − 2·padding + output_padding.
    """

    kind: ClassVar[Kind] = "sums"

    type: Literal["conv2d_transpose"] = "conv2d_transpose"
    filters: Positive = Field(description="channels of its output")
    kernel: Side = Field(description="side, or height and width, in pixels")
    stride: Side = Field(default=1, description="steps of the window in pixels, both ways or each")
    padding: Natural = Field(default=0, description="places cut off at every side")
    output_padding: Natural = Field(default=0, description="places added at the end of both axes")
    activation: Activation = Field(default="none", description=_AFTER)
    bias: bool = Field(default=True, description=_BIAS)


class Scale(_Layer):
    """Every channel times a weight, plus a bias: batch normalisation at inference, and its activation."""

    kind: ClassVar[Kind] = "sums"

    type: Literal["scale"] = "scale"
    activation: Activation = Field(default="none", description=_AFTER)
    bias: bool = Field(default=True, description=_BIAS)


class BatchNormalisation(_Layer):
    """Every channel less its mean over the batch, over its deviation, times a weight, plus a bias.

    In training alone. Beside them it keeps running means and variances, with which it evaluates; an
    inference takes the same as `scale`.
    """

    kind: ClassVar[Kind] = "batch"

    type: Literal["batch_norm"] = "batch_norm"
    epsilon: Fraction = Field(default=1e-5, description="added to the variance")
    average: Fraction = Field(default=0.1, description="part of a batch in running mean and variance")
    activation: Literal["none", "relu"] = Field(default="none", description=_AFTER)


class _Pooling2D(_Layer):
    size: Side | Literal["global"] = Field(default=2, description='"global": one window, the whole input')
    stride: Side | None = Field(default=None, description="steps of the window; its size if absent")
    padding: Padding = Field(default="valid", description=_PADS)


class MaxPooling2D(_Pooling2D):
    """The largest value of each window and channel; padding never wins."""

    kind: ClassVar[Kind] = "max"

    type: Literal["maxpool2d"] = "maxpool2d"


class AveragePooling2D(_Pooling2D):
    """The mean of each window and channel; padded places are not counted."""

    kind: ClassVar[Kind] = "mean"

    type: Literal["avgpool2d"] = "avgpool2d"


class Concatenate(_Layer):
    """The channels of the layer before, then those of the layer that `from` names."""

    kind: ClassVar[Kind] = "local"

    type: Literal["concat"] = "concat"
    source: Name = Field(alias="from", description='the earlier layer that comes after, or "input"')


class Crop2D(_Layer):
    """The middle of an image: `size` places are cut off at every side."""

    kind: ClassVar[Kind] = "local"

    type: Literal["crop2d"] = "crop2d"
    size: Natural | tuple[Natural, Natural] = Field(
        description="places cut off above and below, left and right"
    )


class UpSampling2D(_Layer):
    """Every place repeated `size` times down and right (nearest neighbour)."""

    kind: ClassVar[Kind] = "local"

    type: Literal["upsample2d"] = "upsample2d"
    size: Side = Field(default=2, description="times that a place is repeated, both ways or each")


class Function(_Layer):
    """A function of every value, or of every row of channels: see `mpcsim list functions`."""

    kind: ClassVar[Kind] = "function"

    type: Literal["activation"] = "activation"
    function: FunctionName = Field(description="by name")
    parameters: tuple[float, ...] = Field(
        default=(), description="of the function; the usual ones if absent"
    )


class Multiply(_Layer):
    """The layer before times the one that `from` names, elementwise; axes of one place are repeated."""

    kind: ClassVar[Kind] = "sums"

    type: Literal["multiply"] = "multiply"
    source: Name = Field(alias="from", description='the earlier layer to multiply with, or "input"')
    activation: Activation = Field(default="none", description=_AFTER)


class Reshape(_Layer):
    """The same numbers, row-major, in another shape: a grid of places as rows, for one."""

    kind: ClassVar[Kind] = "local"

    type: Literal["reshape"] = "reshape"
    shape: Annotated[tuple[Positive, ...], Field(min_length=1)] = Field(description="its sizes")


class Token(_Layer):
    """A learned row before all rows, for what is to be said of all of them."""

    kind: ClassVar[Kind] = "local"

    type: Literal["token"] = "token"


class Positions(_Layer):
    """A learned number added to every place: positions of rows."""

    kind: ClassVar[Kind] = "offset"

    type: Literal["positions"] = "positions"
    places: Positive | None = Field(
        default=None, description="rows that have numbers of their own; as many as the input has if absent"
    )


class Normalisation(_Layer):
    """Every row (the last axis) less its mean, over its deviation, times a weight, plus a bias.

    `of = "squares"` leaves the mean and the bias out (RMS normalisation).
    """

    kind: ClassVar[Kind] = "function"

    type: Literal["normalisation"] = "normalisation"
    of: Literal["deviations", "squares"] = Field(
        default="deviations", description="what a row is divided by"
    )
    epsilon: Fraction = Field(default=1e-5, description="added to the mean square")

    @property
    def function(self) -> str:
        """Its name."""
        return "layer_norm" if self.of == "deviations" else "rms_norm"


class _OfGroups(_Layer):
    kind: ClassVar[Kind] = "function"

    epsilon: Fraction = Field(default=1e-5, description="added to the variance")

    @property
    def function(self) -> str:
        """Its name."""
        return "group_norm"


class GroupNormalisation(_OfGroups):
    """Groups of neighbouring channels of an image less their mean over all places, over their deviation.

    Then every channel times a weight, plus a bias. Every image is normalised by itself.
    """

    type: Literal["group_norm"] = "group_norm"
    groups: Positive = Field(description="of channels; they divide their number")


class InstanceNormalisation(_OfGroups):
    """Every channel of an image less its mean over all places, over its deviation; a weight and a bias."""

    type: Literal["instance_norm"] = "instance_norm"


class Row(_Layer):
    """One of the rows (the first axis)."""

    kind: ClassVar[Kind] = "local"

    type: Literal["row"] = "row"
    place: int = Field(default=0, description="which one; −1 is the last")


class Transformer(_Layer):
    """Layers of attention over rows, each with a block of two dense layers and two normalisations."""

    kind: ClassVar[Kind] = "local"

    type: Literal["transformer"] = "transformer"
    repeat: Positive = Field(default=1, description="layers, one after the other")
    heads: Positive = Field(description="of the attention; they divide the width")
    inner: Positive = Field(description="width of the block's first dense layer")
    norm: Literal["after", "before"] = Field(
        default="after", description="normalise what was added up, or what attention and block read"
    )
    of: Literal["deviations", "squares"] = Field(default="deviations", description="as of normalisation")
    function: FunctionName = Field(default="gelu", description="of the block")
    gated: bool = Field(default=False, description="the function's values times a second dense layer's")
    rotary: bool = Field(default=False, description="turn queries and keys by their places")
    causal: bool = Field(default=False, description="rows attend to themselves and those before alone")
    bias: bool = Field(default=True, description="add a number to each unit of dense layers")
    epsilon: Fraction = Field(default=1e-5, description="of normalisations")


class _Recurrent(_Layer):
    kind: ClassVar[Kind] = "local"

    units: Positive = Field(description="of the state of each direction")
    direction: Direction = Field(
        default="forward", description="of the steps; both: a state each, side by side"
    )
    returns: Literal["rows", "last"] = Field(
        default="last", description="the states of all rows, or those after the last step"
    )
    bias: bool = Field(default=True, description="add a number to each sum")


class LSTM(_Recurrent):
    """Long short-term memory over rows; gates in the order input, output, forget, candidate."""

    type: Literal["lstm"] = "lstm"


class GRU(_Recurrent):
    """Gated recurrent units over rows; blocks in the order update, reset, candidate."""

    type: Literal["gru"] = "gru"
    reset: Literal["after", "before"] = Field(
        default="after", description="reset the product of the state with weights, or the state before it"
    )


class Flatten(_Layer):
    """Height, width and channels as one axis, row-major."""

    kind: ClassVar[Kind] = "local"

    type: Literal["flatten"] = "flatten"


class Dense(_Layer):
    """A fully connected layer and its activation."""

    kind: ClassVar[Kind] = "sums"

    type: Literal["dense"] = "dense"
    units: Positive = Field(description="numbers of its output")
    rows: bool = Field(default=False, description="of every row by itself, not of all numbers")
    activation: Activation = Field(default="none", description=_AFTER)
    bias: bool = Field(default=True, description=_BIAS)


class Add(_Layer):
    """The layer before plus the one that `from` names, of the same shape, and its activation."""

    kind: ClassVar[Kind] = "add"

    type: Literal["add"] = "add"
    source: Name = Field(alias="from", description='the earlier layer to add, or "input"')
    activation: Activation = Field(default="none", description=_AFTER)


Declared = (
    Conv2D
    | ConvTranspose2D
    | Scale
    | BatchNormalisation
    | MaxPooling2D
    | AveragePooling2D
    | Flatten
    | Concatenate
    | Crop2D
    | UpSampling2D
    | Dense
    | Add
    | Multiply
    | Function
    | Positions
    | Reshape
    | Token
    | Normalisation
    | GroupNormalisation
    | InstanceNormalisation
    | Row
    | Transformer
    | LSTM
    | GRU
)
Layer = Annotated[Declared, ChosenBy("type")]


class ModelSettings(BaseModel):
    """The `[model]` table: image shape, layers, and where the weights are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: tuple[Positive, Positive, Positive] = Field(
        default=(1, 1, 1), description="height, width, channels; an ONNX file says them itself"
    )
    layers: tuple[Layer, ...] = Field(default=(), description="in order")
    onnx: str | None = Field(
        default=None, description="an ONNX file in place of layers, a path from the scenario's folder"
    )
    shapes: dict[str, Positive] = Field(
        default={}, description="onnx: sizes of symbolic dimensions, by name"
    )
    output: str | None = Field(default=None, description="onnx: which output, of several")
    layout: Literal["NCHW", "NHWC"] = Field(
        default="NCHW", description="onnx: whether the channels of its input come first or last"
    )
    public_inputs: dict[str, float | tuple[float, ...]] = Field(
        default={},
        description="onnx: inputs that all know, the same for every image, such as a mask of a text's "
        "length: by name, one number or a list of all of them",
    )
    public_weights: bool = Field(
        default=False,
        description="all servers know the weights: nobody shares them, and products with them are local",
    )
    weights: str | None = Field(
        default=None, description="a path from the scenario's folder, or the name of a shipped file"
    )

    @model_validator(mode="after")
    def _one_or_the_other(self) -> ModelSettings:
        if (self.onnx is None) == (not self.layers):
            raise ValueError("accepted: layers, or onnx, one of them")
        if self.onnx is not None and self.weights is not None:
            raise ValueError("weights beside onnx; accepted: the weights that the file has")
        if self.onnx is None and self.public_inputs:
            raise ValueError("public_inputs; accepted: with onnx")
        if self.onnx is None and "input" not in self.model_fields_set:
            raise ValueError("input is missing; accepted: height, width, channels")
        return self
