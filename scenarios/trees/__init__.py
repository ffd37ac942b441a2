"""Decision trees: hospitals share tables, servers grow and ask a tree that they cannot see.

In flow the tables of a scenario; out flow programs of actors, and the report beside the tree of the clear.
"""

from scenarios.trees.settings import PrivateTreesSettings, TreeSettings
from scenarios.trees.shapes import boosting_of, scaled_bits, shape_of, target_bits
from scenarios.trees.workload import private_trees

__all__ = [
    "PrivateTreesSettings",
    "TreeSettings",
    "boosting_of",
    "private_trees",
    "scaled_bits",
    "shape_of",
    "target_bits",
]
