"""What is public of boosted trees, and the widths of numbers that follow from it."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.costs.replicated3 import Setting, trees

KNOTS = 37
"""Of the logistic curve: from −3 to 3 a quarter apart, then ±3.5, 4, 4.5, 5, 6 and 8."""
RAW, FINE = 12, 22
"""Fraction bits of raw scores and steps, and of residuals and curvatures."""
DIGITS = 3
"""Of a leaf's step."""


@dataclass(frozen=True)
class Boosting:
    """What is public of boosted trees.

    Attributes:
        n, m: rows and attributes.
        height, count: levels of each tree, and how many there are.
        value_bits: k, signed bits of a value.
        bins: B, of each attribute.
        penalty: λ.
        classes: two, by logistic loss; else targets, by squares.
        least_rows: of either side of a test.
        digit: bits of a digit of the sort.
    """

    n: int
    m: int
    height: int
    count: int
    value_bits: int
    bins: int
    penalty: int
    classes: bool = True
    least_rows: int = 1
    digit: int = 3

    @property
    def edges(self) -> int:
        """Edges of an attribute."""
        return self.bins - 1

    @property
    def candidates(self) -> int:
        """Candidates of a slot."""
        return self.m * self.edges

    @property
    def bin_bits(self) -> int:
        """Bits of a bin less another, 0 … E, with a sign."""
        return self.edges.bit_length() + 1

    @property
    def row_bits(self) -> int:
        """Bits of a number of rows less another, with a sign."""
        return max(self.n, self.least_rows).bit_length() + 1

    @property
    def largest(self) -> int:
        """N·D′ at most for residuals of 1: n M⁴/16, M = n + 2λ, as N ≤ n D and D ≤ M²/4."""
        return max(1, self.n * (self.n + 2 * self.penalty) ** 4 // 16)

    def residual(self, setting: Setting) -> int:
        """Fraction bits a of a residual in scores, at most 12: 2a bits are what cross products leave.

        Where the ring of 64 leaves less than 8, products are compared mod 2^128 and N is below 2^62.
        """
        bits = int(setting.l)
        left = (bits - 1 - self.largest.bit_length()) // 2
        if left < 8 and bits == 64:
            score = max(1, self.n * (self.n + 2 * self.penalty) ** 2 // 4)
            left = min(62 - score.bit_length(), 127 - self.largest.bit_length()) // 2
        return min(12, left)

    def cross(self, setting: Setting) -> int:
        """Bits of N·D′ − N′·D with a sign."""
        return 2 * self.residual(setting) + self.largest.bit_length() + 1

    @property
    def raw(self) -> int:
        """Bits of a raw score less a knot: T + 1 steps below 4 and a knot of 8 at most, and a sign."""
        return RAW + (4 * (self.count + 1) + 8).bit_length() + 1

    @property
    def quotient(self) -> int:
        """Bits of a step's rest less a multiple: 2^15 times n + λ curvatures of at most 1, sign and one."""
        return DIGITS * trees.QUOTIENT + FINE + (self.n + self.penalty).bit_length() + 2
