"""What a tensor of a file is while the graph is made: an output of a node, or known numbers.

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


Tensor = Value | Known
