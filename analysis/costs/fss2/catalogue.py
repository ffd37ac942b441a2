"""Formulas by the names of the microbench, each with its source."""

from __future__ import annotations

from analysis.costs.dealer2 import SHARED, comparing
from analysis.costs.families import composed
from analysis.costs.fss2.keys import priced

_KEYS = "Boyle et al. 2021; constructions.md#comparison-keys"
_PLACES = "Catrina, Saxena 2010, §5; constructions.md#comparison-keys"

OPERATIONS = SHARED | comparing(priced, ("form", "dealing"), _KEYS, _PLACES)
OPERATIONS |= composed(OPERATIONS)
