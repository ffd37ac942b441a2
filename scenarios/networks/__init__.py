"""Networks: layers as declared, their shapes, and their weights.

In flows `[model]`; out flow plans of layers and arrays of weights. It computes nothing.
"""

from scenarios.networks import weights
from scenarios.networks.model import (
    IMAGE,
    Add,
    AveragePooling2D,
    Conv2D,
    Dense,
    Flatten,
    LayerPlan,
    MaxPooling2D,
    ModelSettings,
    readers,
    shapes,
)
from scenarios.networks.weights import Weights

__all__ = [
    "IMAGE",
    "Add",
    "AveragePooling2D",
    "Conv2D",
    "Dense",
    "Flatten",
    "LayerPlan",
    "MaxPooling2D",
    "ModelSettings",
    "Weights",
    "readers",
    "shapes",
    "weights",
]
