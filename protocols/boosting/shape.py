"""What is public of boosted trees: sizes, and the widths of numbers that follow from them."""

from __future__ import annotations

from dataclasses import dataclass

from mpcsim import InputError
from protocols.domains import Ring
from protocols.tables import rank_bits
from protocols.trees import HIGHEST, QUOTIENT_DIGIT

STEP = 12
"""Fraction bits of a raw score and of a leaf's step."""
FINE = 22
"""Fraction bits of residuals and curvatures as leaves add them up, and of a target."""
SHRINKAGE = 10
"""Fraction bits of the shrinkage."""
DIGITS = 3
"""Digits of 5 bits of a leaf's step, which is cut to [−4, 4)."""
_MOST, _ENOUGH, _LEAST = 12, 8, 4
_WORD = 64


@dataclass(frozen=True)
class Boosting:
    """The public sizes of a sum of boosted trees.

    Attributes:
        rows, attributes: n and m, of the table.
        height: levels of nodes that test, of each tree.
        value_bits: k, signed bits of a value.
        trees: T.
        bins: B, of each attribute, of about n/B rows each.
        shrinkage: what a leaf's step is multiplied by, in 2^−10.
        penalty: λ, a whole number: added to rows in a score and to curvatures in a step.
        classes: two, by logistic loss; else targets, by squares.
        least_rows: rows that either side of a test must have.
        digit: bits of a digit of the sort.
    """

    rows: int
    attributes: int
    height: int
    value_bits: int
    trees: int
    bins: int = 16
    shrinkage: int = 307
    penalty: int = 1
    classes: bool = True
    least_rows: int = 1
    digit: int = 3

    @property
    def edges(self) -> int:
        """Borders between bins, of an attribute."""
        return self.bins - 1

    @property
    def firsts(self) -> list[int]:
        """The first place of each bin but the lowest, in ascending order of an attribute."""
        return [number * self.rows // self.bins for number in range(1, self.bins)]

    @property
    def rank_bits(self) -> int:
        """The bits of a row number."""
        return rank_bits(self.rows)

    @property
    def bin_bits(self) -> int:
        """The bits of a bin's number less another one, with its sign."""
        return self.edges.bit_length() + 1

    @property
    def count_bits(self) -> int:
        """The bits of a number of rows less another one, with its sign."""
        return max(self.rows, self.least_rows).bit_length() + 1

    @property
    def _largest(self) -> int:
        """N·D′ at most, for residuals of at most 1, with M = n + 2λ: N ≤ n·D and D ≤ M²/4."""
        return max(1, self.rows * (self.rows + 2 * self.penalty) ** 4 // 16)

    def residual_bits(self, ring: Ring) -> int:
        """Return the fraction bits of a residual in scores, at most 12.

        As many as cross products leave of the ring; where these are few and the ring is of 64 bits, as many
        as N leaves of a word, as two words compare.
        """
        narrow = (ring.bits - 1 - self._largest.bit_length()) // 2
        if narrow >= _ENOUGH or ring.bits != _WORD:
            return min(_MOST, narrow)
        above = max(1, self.rows * (self.rows + 2 * self.penalty) ** 2 // 4)
        room = min(_WORD - 2 - above.bit_length(), 2 * _WORD - 1 - self._largest.bit_length())
        return min(_MOST, room // 2)

    def cross_bits(self, ring: Ring) -> int:
        """Return the bits of N·D′ − N′·D with its sign."""
        return self._largest.bit_length() + 2 * self.residual_bits(ring) + 1

    @property
    def raw_bits(self) -> int:
        """The bits of a raw score less a knot of the curve: each of T + 1 steps is below 4."""
        return STEP + (4 * (self.trees + 1) + 8).bit_length() + 1

    @property
    def quotient_bits(self) -> int:
        """The bits of what is compared for a step's digits, 2^15 curvatures at most, with its sign."""
        return QUOTIENT_DIGIT * DIGITS + FINE + (self.rows + self.penalty).bit_length() + 2


def check(shape: Boosting, ring: Ring) -> None:
    """Refuse what is no sum of trees, or what the ring is too narrow for.

    Raises:
        InputError: the key, what it was, what is accepted.
    """
    if min(shape.rows, shape.attributes, shape.trees) < 1:
        raise InputError(
            f"{shape.trees} boosted trees of {shape.rows} rows and {shape.attributes} attributes; "
            "accepted: at least one of each"
        )
    if not 1 <= shape.height <= HIGHEST:
        raise InputError(f"trees.height = {shape.height}: accepted are 1 to {HIGHEST}")
    if shape.rows < 2:
        raise InputError("a single row has no two bins; accepted: at least 2 rows")
    if not 2 <= shape.bins <= shape.rows:
        raise InputError(f"trees.bins = {shape.bins}: accepted are 2 to the {shape.rows} rows")
    if not 1 <= shape.least_rows <= shape.rows:
        raise InputError(f"trees.least_rows = {shape.least_rows}: accepted are 1 to {shape.rows} rows")
    if not 1 <= shape.shrinkage <= 1 << SHRINKAGE:
        raise InputError(f"trees.shrinkage = {shape.shrinkage / 2**SHRINKAGE:g}: accepted are 0.001 to 1")
    if shape.penalty < 1:
        raise InputError(f"trees.penalty = {shape.penalty}: accepted are whole numbers from 1")
    if shape.residual_bits(ring) < _LEAST:
        raise InputError(
            f"boosted trees of {shape.rows} rows with penalty {shape.penalty} leave residuals "
            f"{max(0, shape.residual_bits(ring))} bits: the ring's {ring.bits} must leave {_LEAST} or more"
        )
    widest = max(shape.quotient_bits, shape.raw_bits + FINE - STEP + 1, shape.value_bits + 4, FINE + 5)
    if widest > ring.bits:
        raise InputError(f"boosted trees need numbers of {widest} bits: the ring has {ring.bits}")
    if shape.value_bits < 2:
        raise InputError(f"values of {shape.value_bits} bits: accepted are 2 or more")
