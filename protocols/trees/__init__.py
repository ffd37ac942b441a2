"""Decision trees on shares, of the family `replicated3`: grown level by level, and walked by secret rows.

In flow tables of shares; out flow trees of shares, and what leaf each row comes to. Nothing is revealed but
orders under a fresh shuffle, which are uniform. It may import `protocols.tables` and what a family offers.
docs/constructions.md#trees
"""

from protocols.trees.grow import grow
from protocols.trees.shape import GAIN_BITS, Shape, Statistics, check
from protocols.trees.tree import Level, Tree
from protocols.trees.walk import leaves_of, walk

__all__ = [
    "GAIN_BITS",
    "Level",
    "Shape",
    "Statistics",
    "Tree",
    "check",
    "grow",
    "leaves_of",
    "walk",
]
