"""The graph of a network: nodes, rearrangements, and which nodes run as one.

In flow shapes; out flow nodes and blocks of them, which twins, protocols and formulas walk. It computes
nothing, and imports nothing of the scenarios' rooms.
"""

from scenarios.graph import arrangements
from scenarios.graph.arrangements import Arrangement, through
from scenarios.graph.nodes import (
    CHOICES,
    IMAGE,
    INPUT,
    MAPS,
    NO_PADS,
    NORMS,
    ROWS,
    Block,
    Kind,
    LayerPlan,
    Mask,
    Operator,
    Pads,
    Pair,
    Product,
    Shape,
    blocks,
    given,
    joins,
    led,
    readers,
    shape_text,
    trained_blocks,
    where,
)

__all__ = [
    "CHOICES",
    "IMAGE",
    "INPUT",
    "MAPS",
    "NORMS",
    "NO_PADS",
    "ROWS",
    "Arrangement",
    "Block",
    "Kind",
    "LayerPlan",
    "Mask",
    "Operator",
    "Pads",
    "Pair",
    "Product",
    "Shape",
    "arrangements",
    "blocks",
    "given",
    "joins",
    "led",
    "readers",
    "shape_text",
    "through",
    "trained_blocks",
    "where",
]
