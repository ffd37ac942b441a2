"""The graph of a network: nodes, rearrangements, and which nodes run as one.

In flow shapes; out flow nodes and blocks of them, which twins, protocols and formulas walk. It computes
nothing, and imports nothing of the scenarios' rooms.
"""

from scenarios.graph import arrangements
from scenarios.graph.arrangements import Arrangement, through
from scenarios.graph.blocks import Block, blocks, joins, led, refuse_batches, trained_blocks
from scenarios.graph.nodes import (
    CHOICES,
    FREE,
    IMAGE,
    INPUT,
    MAPS,
    NO_PADS,
    NORMS,
    ROWS,
    STATISTICS,
    TRUTHS,
    Kind,
    LayerPlan,
    Mask,
    Operator,
    Pads,
    Pair,
    Product,
    Shape,
    given,
    readers,
    shape_text,
    where,
)
from scenarios.graph.recurrent import GATES, Cell, Direction, Recurrent, Wanted, unrolled

__all__ = [
    "CHOICES",
    "FREE",
    "GATES",
    "IMAGE",
    "INPUT",
    "MAPS",
    "NORMS",
    "NO_PADS",
    "ROWS",
    "STATISTICS",
    "TRUTHS",
    "Arrangement",
    "Block",
    "Cell",
    "Direction",
    "Kind",
    "LayerPlan",
    "Mask",
    "Operator",
    "Pads",
    "Pair",
    "Product",
    "Recurrent",
    "Shape",
    "Wanted",
    "arrangements",
    "blocks",
    "given",
    "joins",
    "led",
    "readers",
    "refuse_batches",
    "shape_text",
    "through",
    "trained_blocks",
    "unrolled",
    "where",
]
