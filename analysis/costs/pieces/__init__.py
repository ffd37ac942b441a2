"""Tables of pieces, priced for any family: how activations are cut, and what evaluating one takes.

In flow a ring's sizes and a family's steps; out flow tables and costs. It may import the algebra of costs.
"""

from analysis.costs.pieces.evaluation import Steps, evaluated
from analysis.costs.pieces.table import Sizes, Table, table

__all__ = ["Sizes", "Steps", "Table", "evaluated", "table"]
