"""Networks: layers as declared or files, the graph of nodes that they are, and their weights.

In flows `[model]`; out flow nodes, blocks of them that run as one, and arrays of weights. It computes
nothing.
"""

from scenarios.graph import (
    FREE,
    IMAGE,
    MAPS,
    NORMS,
    ROWS,
    STATISTICS,
    Arrangement,
    Block,
    LayerPlan,
    Product,
    blocks,
    given,
    joins,
    led,
    readers,
    refuse_batches,
    shape_text,
    through,
    trained_blocks,
)
from scenarios.networks import weights
from scenarios.networks.alone import ALONE
from scenarios.networks.generation import generation
from scenarios.networks.keeping import to_file
from scenarios.networks.layers import (
    Add,
    AveragePooling2D,
    BatchNormalisation,
    Conv2D,
    Dense,
    Flatten,
    MaxPooling2D,
    ModelSettings,
)
from scenarios.networks.shapes import imported, located, shapes
from scenarios.networks.weights import Weights

__all__ = [
    "ALONE",
    "FREE",
    "IMAGE",
    "MAPS",
    "NORMS",
    "ROWS",
    "STATISTICS",
    "Add",
    "Arrangement",
    "AveragePooling2D",
    "BatchNormalisation",
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
    "generation",
    "given",
    "imported",
    "joins",
    "led",
    "located",
    "readers",
    "refuse_batches",
    "shape_text",
    "shapes",
    "through",
    "to_file",
    "trained_blocks",
    "weights",
]
