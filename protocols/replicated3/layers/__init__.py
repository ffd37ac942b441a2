"""Layers of networks on shares: ReLU, pooling, and a linear layer's sums through both.

In flow shares of images; out flow shares of images. It may import functions and constructions.
"""

from protocols.replicated3.layers.activation import relu, relu_with_choices
from protocols.replicated3.layers.block import pool_and_relu_of_sum, pool_and_relu_with_choices
from protocols.replicated3.layers.pooling import (
    Mean,
    Window,
    average_pool2d,
    max_pool2d,
    max_pool2d_with_choices,
    mean_plan,
)

__all__ = [
    "Mean",
    "Window",
    "average_pool2d",
    "max_pool2d",
    "max_pool2d_with_choices",
    "mean_plan",
    "pool_and_relu_of_sum",
    "pool_and_relu_with_choices",
    "relu",
    "relu_with_choices",
]
