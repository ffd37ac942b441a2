"""Formulas of the family `fss2`: what `dealer2` costs, but for comparisons, whose keys are dealt.

In flow the ring and the family's choices; out flow costs of the three parties. It may import
`analysis.costs.dealer2`.
"""

from analysis.costs.dealer2 import PHASES, edges, networks
from analysis.costs.fss2.catalogue import OPERATIONS
from analysis.costs.fss2.keys import priced

__all__ = ["EDGES", "OPERATIONS", "PHASES", "network"]

network, EDGES = networks(priced), edges(priced)
