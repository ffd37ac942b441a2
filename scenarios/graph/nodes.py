"""The graph of a network: nodes in the order in which they are computed, and which of them run as one.

Declared layers and files of other formats become such nodes. Twins in the clear, protocols and formulas
walk them and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from scenarios.graph.arrangements import Arrangement, Blend, Part

Kind = Literal[
    "sums",
    "add",
    "max",
    "mean",
    "local",
    "offset",
    "weights",
    "scaled",
    "turned",
    "blended",
    "function",
    "batch",
]
"""What a layer is to a protocol: sums of products with weights or of two outputs; the sum of two outputs;
the largest or the mean of windows; a rearrangement; the sum of an output and weights, or weights alone; a
public number times an output; pairs of each row turned by public angles; values between neighbours, by
public parts; a function of values or rows; channels normalised over a batch, in training alone."""
MAPS = frozenset(("mean", "scaled", "turned", "blended"))
"""Linear maps of one output that all know: what they send is a truncation."""
NORMS = frozenset(("layer_norm", "rms_norm", "group_norm"))
"""Functions of rows with learned numbers; a row of `group_norm` is a group of channels at all places."""
ROWS = NORMS | {"softmax", "log_softmax", "one_hot"}
"""Functions of rows, of channels mostly; the others are of every value."""
TRUTHS = frozenset(("less_than", "equal", "both", "either", "unequal", "opposite"))
"""Functions whose values are the integers 0 and 1."""
FREE = frozenset(("opposite", "number"))
"""Functions that send nothing."""
CHOICES = TRUTHS | {"argmax", "one_hot", "number", "choose"}
"""Functions that give or take integers: the place of a row's largest, and truth values."""
Shape = tuple[int, ...]
Pair = tuple[int, int]
Pads = tuple[Pair, Pair]

STATISTICS = ("mean", "variance")
"""What batch normalisation keeps running: means, and variances to which ε is added."""
INPUT = "input"
"""What `from` calls the image."""
IMAGE = -1
"""The image's place among a node's sources."""
NO_PADS: Pads = ((0, 0), (0, 0))


@dataclass(frozen=True)
class Operator:
    """What stands in the `layer` of a node that no declared layer is.

    Attributes:
        type: what it is called in errors and profiles.
        kind: what it is to a protocol.
        activation: "relu" where max(x, 0) ends it.
        function: of a function of values or rows.
        factor: what a public number scales by.
        source: as of a declared layer; none.
        told: whether the client, who is shown what it reads, gives its output.
    """

    type: str
    kind: Kind
    activation: str = "none"
    function: str = ""
    factor: float = 1.0
    source: None = None
    told: bool = False


@dataclass(frozen=True)
class Mask:
    """Which places of rows count, as it broadcasts to them: public."""

    shape: Shape
    bits: bytes

    @classmethod
    def of(cls, array: NDArray[np.bool_]) -> Mask:
        """Return the mask of an array of truth values."""
        return cls(array.shape, np.packbits(array).tobytes())

    @classmethod
    def causal(cls, rows: int) -> Mask:
        """Return the mask that lets every row see itself and those before."""
        return cls.of(np.tril(np.ones((rows, rows), np.bool_)))

    @property
    def array(self) -> NDArray[np.bool_]:
        """The truth values."""
        count = math.prod(self.shape)
        bits = np.unpackbits(np.frombuffer(self.bits, np.uint8), count=count)
        return bits.astype(np.bool_).reshape(self.shape)


@dataclass(frozen=True)
class Product:
    """The bilinear map that a layer of sums is, of its input and of weights or of a second input.

    Attributes:
        kind: "conv2d" of (n, h, w, c) with (kh, kw, c / groups, filters); "matmul" of (…, m, k) with (k, p)
            or (…, k, p); "mul", elementwise with broadcasting.
        x, y: shapes of the factors as they are multiplied, without the axis of images.
        prepare, weights: what is done before to the input, and to the weights (as if of one image).
    """

    kind: Literal["conv2d", "matmul", "mul"]
    x: Shape
    y: Shape
    stride: Pair = (1, 1)
    pads: Pads = NO_PADS
    prepare: tuple[Arrangement, ...] = ()
    weights: tuple[Arrangement, ...] = ()


@dataclass(frozen=True)
class LayerPlan:
    """One layer with everything that its position in the network decides.

    Attributes:
        index: its place; outputs of earlier places are what it may read.
        name: as spans and rows call it.
        layer: what was declared, or stands for it.
        input, output: shapes without the image axis; the input is the first source's.
        kernel, bias: the shapes of its weights, None where it has none.
        window, stride, pads: of convolution and pooling; pads are ((top, bottom), (left, right)).
        sources: the indices of the layers that it reads, `IMAGE` for the image.
        product: what a layer of sums multiplies.
        arrange: what a layer that sends nothing does.
        counted: the padding that a mean counts as places.
        arguments: of a function.
        shift: bits that the sums are cut by besides: a power of two that they are divided by.
        blends: what puts values between neighbours, an axis each.
        public: whether all servers know its weights.
        held: the node whose weights it has; "": they are its own.
        within: the span that its own is part of, if any.
        first: the place of its first row among all rows of the text.
    """

    index: int
    name: str
    layer: Any
    input: Shape
    output: Shape
    kernel: Shape | None = None
    bias: Shape | None = None
    window: Pair = (1, 1)
    stride: Pair = (1, 1)
    pads: Pads = NO_PADS
    sources: tuple[int, ...] = (IMAGE,)
    product: Product | None = None
    arrange: Arrangement | None = None
    counted: Pads = NO_PADS
    arguments: tuple[tuple[str, Any], ...] = field(default=())
    shift: int = 0
    blends: tuple[Blend, ...] = ()
    public: bool = False
    held: str = ""
    within: str = ""
    first: int = 0

    @property
    def weights(self) -> str:
        """Whose weights it has: WEIGHTS/kernel and WEIGHTS/bias."""
        return self.held or self.name

    @property
    def learned(self) -> dict[str, Shape]:
        """The weights that are its own, by name."""
        parts = {} if self.held else self.parts
        return {f"{self.name}/{part}": shape for part, shape in parts.items()}

    @property
    def secrets(self) -> tuple[Shape, ...]:
        """The shapes of what the owner shares of it: its own weights, unless they are public."""
        return () if self.public else tuple(self.learned.values())

    @property
    def by_public(self) -> bool:
        """Whether it multiplies by numbers that all servers know."""
        return self.public and self.product is not None and self.kernel is not None

    @property
    def kind(self) -> Kind:
        """What it is to a protocol."""
        found: Kind = self.layer.kind
        return found

    @property
    def parts(self) -> dict[str, Shape]:
        """Shapes of its weights by what their names say after the layer's; running statistics last."""
        found = {"kernel": self.kernel, "bias": self.bias}
        if self.kind == "batch":
            found |= dict.fromkeys(STATISTICS, self.kernel)
        return {part: shape for part, shape in found.items() if shape is not None}

    @property
    def relu(self) -> bool:
        """Whether max(x, 0) ends the layer."""
        return getattr(self.layer, "activation", "none") == "relu"

    @property
    def told(self) -> bool:
        """Whether a client, who is shown what it reads, gives its output."""
        return getattr(self.layer, "told", False)

    @property
    def channels(self) -> int:
        """How long the last axis of its output is: classes, where it ends a classifier."""
        return self.output[-1]

    @property
    def row(self) -> int:
        """How many values its function takes together: a row, or one."""
        name = self.layer.function
        if name == "group_norm":
            return math.prod(self.output) // int(dict(self.arguments)["groups"])
        return self.output[-1] if name in ROWS else 1

    @property
    def places(self) -> int:
        """How many rows of channels it gives an image: one of a vector, one a pixel of a map."""
        return math.prod(self.output[:-1])

    def revealed(self, in_class: bool) -> int:
        """Return how many numbers an inference tells of an image, if this layer is the last."""
        return self.places * (1 if in_class else self.channels)

    @property
    def where(self) -> str:
        """Which layer an error is about."""
        return where(self.index, self.name, self.layer.type)

    def __str__(self) -> str:
        return self.where

    def at_places(self, table: Any) -> Any:
        """Return of a table of places the rows that it adds to its own."""
        if self.bias == self.output:
            return table
        return table[self.first : self.first + self.output[0]]

    def angles(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return cosines and sines (rows, width) by which rows are turned: place · 10000^(−2j / width).

        Column j is turned with column j + width/2.
        """
        rows, width = self.output[-2:]
        rates = 10_000.0 ** (-np.arange(width // 2) * 2 / width)
        angle = (self.first + np.arange(rows))[:, None] * np.concatenate([rates, rates])
        return np.cos(angle), np.sin(angle)

    def scaling(self, fraction_bits: int) -> tuple[int, int]:
        """Return (m, s) of a public factor, m/2^s: the least s with which it is within 2^(1 − f) of it."""
        factor: float = self.layer.factor
        for shift in range(64):
            found = round(factor * 2.0**shift)
            if abs(found - factor * 2.0**shift) <= 2.0 ** (1 - max(fraction_bits, 4)) * abs(found):
                return found, shift
        return 0, 0

    def multiplied(self, images: int) -> tuple[int, int]:
        """Return how many values each factor of its product has, for so many images."""
        assert self.product is not None
        second = 1 if self.kernel is not None else images
        return images * math.prod(self.product.x), second * math.prod(self.product.y)


def where(index: int, name: str, kind: str) -> str:
    """Say which layer an error is about."""
    return f"layer {index} {name!r} ({kind})"


def shape_text(shape: Sequence[int]) -> str:
    """Write a shape as people do: 50×50×3."""
    return "×".join(map(str, shape))


def given(plans: Sequence[LayerPlan]) -> dict[str, Shape]:
    """Return the shapes of what clients give, without the axis of images, by name: of one client, "input".

    Several come one after the other; the nodes that read them are their parts.
    """
    parts = {plan.arrange.first: plan.arrange for plan in plans if isinstance(plan.arrange, Part)}
    return {parts[first].name: parts[first].to for first in sorted(parts)} or {INPUT: plans[0].input}


def readers(plans: Sequence[LayerPlan]) -> dict[int, list[LayerPlan]]:
    """Return, for the image and every layer, the layers that read it (twice where one reads it twice)."""
    found: dict[int, list[LayerPlan]] = {index: [] for index in range(IMAGE, len(plans))}
    for plan in plans:
        for source in plan.sources:
            found[source].append(plan)
    return found
