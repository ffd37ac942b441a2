"""Decision trees on shares, of the family `replicated3`: grown level by level, and walked by secret rows.

In flow tables of shares; out flow trees of shares, and what leaf each row comes to. Nothing is revealed but
orders under a fresh shuffle, which are uniform. It may import `protocols.tables` and what a family offers.
docs/constructions.md#trees
"""

from protocols.trees import wide
from protocols.trees.grow import Stand, grow
from protocols.trees.local import repeated, turned
from protocols.trees.quotients import DIGIT as QUOTIENT_DIGIT
from protocols.trees.quotients import MEAN, means, quotients
from protocols.trees.shape import GAIN_BITS, HIGHEST, Shape, Statistics, check, within
from protocols.trees.tree import Level, Tree, at_root
from protocols.trees.walk import asked, descend, is_cut, leaves_of, walk

__all__ = [
    "GAIN_BITS",
    "HIGHEST",
    "MEAN",
    "QUOTIENT_DIGIT",
    "Level",
    "Shape",
    "Stand",
    "Statistics",
    "Tree",
    "asked",
    "at_root",
    "check",
    "descend",
    "grow",
    "is_cut",
    "leaves_of",
    "means",
    "quotients",
    "repeated",
    "turned",
    "walk",
    "wide",
    "within",
]
