"""What a tensor of a file is while the graph is made: an output of a node, or known numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Operator:
    """What stands in a node's `layer`: the operator of a file.

    Attributes:
        type: what it is called in errors and profiles.
        kind: what it is to a protocol.
        activation: "relu" where max(x, 0) ends it.
        function: of a function of values or rows.
        factor: what a public number scales by.
        source: as of a declared layer; none.
    """

    type: str
    kind: str
    activation: str = "none"
    function: str = ""
    factor: float = 1.0
    source: None = None


@dataclass(frozen=True)
class Value:
    """An output of the graph. Its axis i, images' axis left out, is the output's axis `order[i]`."""

    source: int
    shape: Shape
    order: tuple[int, ...]

    @property
    def plain(self) -> bool:
        """Whether axes stand as the output has them."""
        return self.order == tuple(range(len(self.order)))

    @property
    def of_source(self) -> Shape:
        """The output's own shape."""
        sizes = [0] * len(self.shape)
        for axis, size in zip(self.order, self.shape, strict=True):
            sizes[axis] = size
        return tuple(sizes)


@dataclass(frozen=True)
class Known:
    """Numbers that no input reaches: weights, or what the file itself says.

    Attributes:
        weight: whether they are the owner's secret.
    """

    array: NDArray[Any]
    weight: bool = False

    @property
    def scalar(self) -> bool:
        """Whether it is one number: those are the architecture's, and public."""
        return self.array.size == 1

    @property
    def number(self) -> float:
        """The one number."""
        return float(np.asarray(self.array).reshape(-1)[0])


Tensor = Value | Known
