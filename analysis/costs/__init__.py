"""Cost formulas, written from the constructions' mathematics and apart from the protocols.

- `numbers`: sizes of messages; every function takes ints or symbols.
- `algebra`: `messages`, `sequence`, `together`, `rotated`: costs compose as protocols do.
- `symbolic`: how formulas print.
- `families`: formulas by family and operation.
- `replicated3`: the formulas of three replicated servers; another family is a folder beside it.
- `boosting`: those of boosted trees, on those of `replicated3`.

In flow shapes and settings; out flow costs by party. It may import `mpcsim` and the plans of
`scenarios.networks`.
"""

from analysis.costs import symbolic
from analysis.costs.algebra import LOCAL, Cost, sequence, together
from analysis.costs.families import (
    FamilySetting,
    Formula,
    edges_of,
    growth_of,
    network_of,
    operations,
    phases_of,
    training_of,
    verification_of,
)
from analysis.costs.numbers import Number, packed
from analysis.costs.symbolic import LEGEND

__all__ = [
    "LEGEND",
    "LOCAL",
    "Cost",
    "FamilySetting",
    "Formula",
    "Number",
    "edges_of",
    "growth_of",
    "network_of",
    "operations",
    "packed",
    "phases_of",
    "sequence",
    "symbolic",
    "together",
    "training_of",
    "verification_of",
]
