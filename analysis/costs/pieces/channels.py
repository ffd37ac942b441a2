"""Channels normalised over a batch, forward, back and remembered, by the number of channels.

The steps are those of a normalisation of rows; what is done to every value is priced as a linear layer's
sums. Sizes of numbers follow from the ring: docs/training.md, "Batch normalisation".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from analysis.costs.algebra import LOCAL, Cost, sequence, together
from analysis.costs.numbers import Number
from analysis.costs.pieces.norms import Norm, Rows, inverse_root, norm
from analysis.costs.pieces.table import Sizes

AVERAGE = 16
"""Fraction bits of the part of a batch in running statistics."""
_SPREAD = 14
"""A factor has fifteen bits."""


@dataclass(frozen=True)
class Channels:
    """Prices by the number of channels.

    Attributes:
        steps: of a family in its widest ring.
        sizes: of the ring.
        weight: fraction bits of weights.
        count: values of a channel in a batch.
        epsilon: added to variances.
    """

    steps: Rows
    sizes: Sizes
    weight: int
    count: int
    epsilon: float

    @property
    def gradient(self) -> int:
        """Fraction bits of gradients: six are left before a value's sign."""
        return int(self.sizes.V) - 7

    def _norm(self, count: int) -> Norm:
        return norm(self.sizes, count, self.epsilon, 0)

    @property
    def _mean(self) -> int:
        """Cut of a mean: sums of N values of V bits times 2^s / N are below 2^(l − 3)."""
        return int(self.sizes.l) - 3 - (int(self.sizes.V) - 1)

    def statistics(self, n: Number) -> Cost:
        """Price mean, sum of squares, its inverse root, and that times γ."""
        found = self._norm(self.count)
        return sequence(
            self.steps.cut(n, self._mean),
            self.steps.dot(n, self.count, found.squares),
            inverse_root(found, n, self.steps),
            self.steps.dot(n, 1, found.inverse),
        )

    def recalled(self, n: Number) -> Cost:
        """Price the running mean as a value, beside it the variance where bits are lost; the same root."""
        found = self._norm(1)
        lost = self.weight + found.squares - 2 * int(self.sizes.f)
        spread = self.steps.cut(n, lost) if lost > 0 else LOCAL
        return sequence(
            together(self.steps.cut(n, self.weight - int(self.sizes.f)), spread),
            inverse_root(found, n, self.steps),
            self.steps.dot(n, 1, found.inverse),
        )

    def slopes(self, n: Number) -> Cost:
        """Price gradients times deviations beside the mean gradient; then four numbers in turn."""
        found, f = self._norm(self.count), int(self.sizes.f)
        kept = max(found.inverse, self.gradient - f)
        return sequence(
            together(self.steps.dot(n, self.count, f), self.steps.cut(n, self._mean)),
            self.steps.dot(n, 1, found.inverse),
            self.steps.cut(n, self._mean),
            self.steps.dot(n, 1, found.inverse + self.gradient - kept),
            self.steps.dot(n, 1, kept + f - self.gradient),
        )

    def remembered(self, n: Number) -> Cost:
        """Price the mean's move; the variance of the batch as weights are kept, then its move."""
        found = self._norm(self.count)
        ratio = 2.0 ** (found.squares + self.weight - 2 * int(self.sizes.f)) / self.count
        bits = max(0, _SPREAD - math.floor(math.log2(ratio)))
        move = self.steps.cut(n, AVERAGE)
        return together(move, sequence(self.steps.cut(n, bits), move))
