"""Decision trees on shares, of the family `replicated3`: grown level by level, and walked by secret rows.

In flow tables of shares; out flow trees of shares, and what leaf each row comes to. Nothing is revealed but
orders under a fresh shuffle, which are uniform. It may import `protocols.tables` and what a family offers.
docs/constructions.md#trees
"""

from protocols.trees import wide
from protocols.trees.best import Borders, as_borders, border_pairs
from protocols.trees.grow import Stand, grow
from protocols.trees.local import repeated, turned
from protocols.trees.places import Places, at_sides, before, sides, stacked, stages
from protocols.trees.quotients import DIGIT as QUOTIENT_DIGIT
from protocols.trees.quotients import MEAN, means, quotients
from protocols.trees.shape import FLAG_BITS, GAIN_BITS, HIGHEST, Shape, Statistics, check, within
from protocols.trees.tree import Level, Tree, at_root
from protocols.trees.walk import asked, descend, is_cut, leaves_of, walk

__all__ = [
    "FLAG_BITS",
    "GAIN_BITS",
    "HIGHEST",
    "MEAN",
    "QUOTIENT_DIGIT",
    "Borders",
    "Level",
    "Places",
    "Shape",
    "Stand",
    "Statistics",
    "Tree",
    "as_borders",
    "asked",
    "at_root",
    "at_sides",
    "before",
    "border_pairs",
    "check",
    "descend",
    "grow",
    "is_cut",
    "leaves_of",
    "means",
    "quotients",
    "repeated",
    "sides",
    "stacked",
    "stages",
    "turned",
    "walk",
    "wide",
    "within",
]
