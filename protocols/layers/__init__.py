"""Layers of networks written once over the interface of a family: pooling, and blocks of linear layers.

In flow values of images (n, h, w, c); out flow values. A family that has a method of a layer's name
does it its own way. It may import `protocols.functions` and `protocols.family`.
"""

from protocols.layers.block import block
from protocols.layers.pooling import (
    average_pool,
    max_pool,
    mean_factors,
    pooled_shape,
    pooling_entries,
    positions,
    windows,
)

__all__ = [
    "average_pool",
    "block",
    "max_pool",
    "mean_factors",
    "pooled_shape",
    "pooling_entries",
    "positions",
    "windows",
]
