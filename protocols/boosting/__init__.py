"""Gradient-boosted trees on shares, of the family `replicated3`: histograms of shared residuals.

In flow tables of shares; out flow trees whose leaves hold steps, and the sums of steps of secret rows. All
of it is whole numbers, so that the same computation in the clear gives the same trees. Nothing is revealed
but orders under a fresh shuffle, which are uniform. It may import `protocols.trees`, `protocols.tables` and
what a family offers. docs/constructions.md#boosting
"""

from protocols.boosting.curve import Curve, logistic_curve
from protocols.boosting.grow import Boosted, Ground, Grown, boost, raw_scores
from protocols.boosting.shape import FINE, SHRINKAGE, STEP, Boosting, check

__all__ = [
    "FINE",
    "SHRINKAGE",
    "STEP",
    "Boosted",
    "Boosting",
    "Curve",
    "Ground",
    "Grown",
    "boost",
    "check",
    "logistic_curve",
    "raw_scores",
]
