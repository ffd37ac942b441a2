"""Formulas of three replicated servers, from the constructions' mathematics, apart from the protocols.

- `setting`: the ring and the chosen constructions.
- `boolean`, `signs`, `halves`, `truncations`: steps of one third, by role.
- `operations`, `conversions`, `functions`: whole operations, by server.
- `layers`, `training`, `training_run`: networks and trainings as blocks of spans.
- `tables`: shuffles, shared orders, the radix sort, groups and joins.
- `trees`: decision trees, step by step, level by level and whole.
- `precision`: widths, degrees and iterations of functions of real numbers, for other families too.
- `catalogue`: the operations by name.

A new operation is a function of a setting and a shape that returns a `Cost`, and an entry of
`catalogue.OPERATIONS` under the name that the microbench gives it (`docs/protocols.md` adds one in a
file of its own). A new comparison is an entry of `signs.SIGNS`, a new truncation one of
`truncations.TRUNCATIONS`.
"""

from analysis.costs.replicated3 import (
    catalogue,
    conversions,
    functions,
    halves,
    layers,
    operations,
    precision,
    signs,
    tables,
    trees,
)
from analysis.costs.replicated3.catalogue import ACTIVATIONS, FILTERS, OPERATIONS, Formula
from analysis.costs.replicated3.layers import Block
from analysis.costs.replicated3.setting import FIELDS, RADIX, NoFormula, Setting
from analysis.costs.replicated3.training import (
    Depths,
    Meter,
    Pass,
    Piece,
    Stage,
    update_bits,
    weight_bits,
)
from analysis.costs.replicated3.training_run import Training

__all__ = [
    "ACTIVATIONS",
    "FIELDS",
    "FILTERS",
    "OPERATIONS",
    "RADIX",
    "Block",
    "Depths",
    "Formula",
    "Meter",
    "NoFormula",
    "Pass",
    "Piece",
    "Setting",
    "Stage",
    "Training",
    "catalogue",
    "conversions",
    "functions",
    "halves",
    "layers",
    "operations",
    "precision",
    "signs",
    "tables",
    "trees",
    "update_bits",
    "weight_bits",
]
