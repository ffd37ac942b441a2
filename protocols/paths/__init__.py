"""Secret rows find their leaves in secret trees, on any family that compares and multiplies.

In flow trees and rows as values of a family; out flow what the leaves hold. Written once over the
interface: it may import `protocols.family`. docs/constructions.md#asking-trees
"""

from protocols.paths.cut import products, top_of
from protocols.paths.leaves import MEAN_BITS, means
from protocols.paths.walk import GAP_BITS, Planted, answers

__all__ = ["GAP_BITS", "MEAN_BITS", "Planted", "answers", "means", "products", "top_of"]
