"""Tables of pieces and norms, priced for any family: how functions are cut, and what evaluating takes.

In flow a ring's sizes and a family's steps; out flow tables and costs. It may import the algebra of costs.
"""

from analysis.costs.pieces.alone import Chained, of_layers
from analysis.costs.pieces.channels import Channels
from analysis.costs.pieces.evaluation import Steps, evaluated
from analysis.costs.pieces.norms import Norm, Rows, inverse_root, learned, norm, normalised, norms
from analysis.costs.pieces.one_hot import one_hot
from analysis.costs.pieces.table import Sizes, Table, table

__all__ = [
    "Chained",
    "Channels",
    "Norm",
    "Rows",
    "Sizes",
    "Steps",
    "Table",
    "evaluated",
    "inverse_root",
    "learned",
    "norm",
    "normalised",
    "norms",
    "of_layers",
    "one_hot",
    "table",
]
