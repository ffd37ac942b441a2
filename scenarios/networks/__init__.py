"""Networks: layers as declared, the graph of nodes that they make, and their weights.

In flows `[model]`; out flow nodes, blocks of them that run as one, and arrays of weights. It computes
nothing.
"""

from scenarios.networks import weights
from scenarios.networks.arrangements import Arrangement, through
from scenarios.networks.graph import IMAGE, Block, LayerPlan, Product, blocks, joins, readers, shape_text
from scenarios.networks.layers import AveragePooling2D, Conv2D, Dense, Flatten, MaxPooling2D, ModelSettings
from scenarios.networks.shapes import shapes
from scenarios.networks.weights import Weights

__all__ = [
    "IMAGE",
    "Arrangement",
    "AveragePooling2D",
    "Block",
    "Conv2D",
    "Dense",
    "Flatten",
    "LayerPlan",
    "MaxPooling2D",
    "ModelSettings",
    "Product",
    "Weights",
    "blocks",
    "joins",
    "readers",
    "shape_text",
    "shapes",
    "through",
    "weights",
]
