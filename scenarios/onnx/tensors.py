"""What a tensor of a file is while the graph is made: an output of a node, known numbers, or tokens.

A file is a function of one image: the axis of images is an axis of one place like any other, and nodes
compute it for every image by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int, ...]
Order = tuple[int | None, ...]


@dataclass(frozen=True)
class Value:
    """An output of the graph, its axes turned; no node stands for the turning yet.

    Attributes:
        source: the node.
        shape: the tensor's.
        order: for each axis of the tensor, which of the output's axes it is; None where it has one place
            that the output does not have. Axes of the output that none is have one place.
        mask: places that a softmax is to leave out (False), as it broadcasts to the tensor.
    """

    source: int
    shape: Shape
    order: Order
    mask: NDArray[np.bool_] | None = None


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


@dataclass(frozen=True)
class Tokens:
    """Whole numbers that a client keeps secret, as the one-hot rows that servers have of them.

    Attributes:
        rows: of the tensor's shape, and of words along one axis more, the last.
    """

    rows: Value

    @property
    def shape(self) -> Shape:
        """The tensor's, without the axis of words."""
        return self.rows.shape[:-1]

    @property
    def source(self) -> int:
        """The node that has the rows."""
        return self.rows.source

    @property
    def words(self) -> int:
        """How many words there are: tokens lie below."""
        return self.rows.shape[-1]


Tensor = Value | Known
"""What operators read and give; but for those that may read tokens."""
