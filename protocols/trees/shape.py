"""What is public of a tree: sizes, and the widths of numbers that follow from them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TypeVar

from mpcsim import InputError
from protocols.domains import Ring
from protocols.replicated3.sharings import Server
from protocols.tables import rank_bits

HIGHEST = 10
_WORD = 64
_Server = TypeVar("_Server", bound=Server)
FLAG_BITS = 3
"""Bits of a flag that is selected and lifted: 0 or 1, below 2^(3 − 2)."""
GAIN_BITS = 16
"""Fraction bits of the least gain."""


@dataclass(frozen=True)
class Statistics:
    """What a node adds up of its rows.

    Attributes:
        columns: one for each class, where it counts; one for targets, where it adds them.
        classes: whether the columns are the classes, of which every row has one.
        bits: of a target without its sign; 0 of classes.
    """

    columns: int
    classes: bool = True
    bits: int = 0

    @property
    def travelling(self) -> int:
        """How many are kept in an attribute's order: the last class has what the others leave."""
        return self.columns - 1 if self.classes else self.columns


@dataclass(frozen=True)
class Shape:
    """The public sizes of a tree that is grown.

    Attributes:
        rows, attributes: n and m, of the table.
        statistics: of a node.
        height: h, levels of nodes that test.
        value_bits: k, signed bits of a value.
        least_rows: rows that either side of a test must have.
        least_gain: what a test must lower the impurity by, over all rows (scikit-learn's
            `min_impurity_decrease`).
        digit: bits of a digit of the sort.
    """

    rows: int
    attributes: int
    statistics: Statistics
    height: int
    value_bits: int
    least_rows: int = 1
    least_gain: Fraction = Fraction(0)
    digit: int = 3

    @property
    def rank_bits(self) -> int:
        """The bits b of a row number."""
        return rank_bits(self.rows)

    @property
    def count_bits(self) -> int:
        """The bits of a count, n included."""
        return self.rows.bit_length()

    @property
    def score_bits(self) -> int:
        """The bits in which candidates at one position are compared: differences are below n³/4.

        Slot numbers, and where places and headers go among each other, fit them too.
        """
        return max(3 * self.count_bits + 2 * self.statistics.bits, self.list_bits)

    @property
    def list_bits(self) -> int:
        """The bits of a row number in the longest list of places and headers: the last level's."""
        return rank_bits(self.rows + (1 << (self.height - 1)))

    @property
    def sum_bits(self) -> int:
        """The bits of what some rows add up to, with the room that lifting takes; of a row number too."""
        return self.count_bits + self.statistics.bits + 2

    @property
    def cut_bits(self) -> int:
        """The bits of a difference of places, with room for lifting; headers are ordered in them too."""
        return max(self.count_bits + 2, self.list_bits)

    @property
    def slot_bits(self) -> int:
        """The bits in which numbers of candidates are selected and masked: those of the widest of them."""
        return max(bits for _, bits in self.candidate)

    @property
    def wide(self) -> bool:
        """Whether a word does not hold the cross products of N and D."""
        return self.cross_bits > _WORD

    @property
    def fraction_bits(self) -> tuple[int, int, int]:
        """The bits of N, of D, and of an attribute that competes with them.

        Those of cross products; where a word does not hold these, what each needs, and no more than a word
        below cross products, from where it is lifted.
        """
        if not self.wide:
            return self.cross_bits, self.cross_bits, self.cross_bits
        least = self.cross_bits - _WORD
        return self.score_bits, max(2 * self.count_bits, least), max(self.index_bits, least)

    @property
    def candidate(self) -> list[tuple[int, int]]:
        """How many rows each group of a candidate has, and of how many bits."""
        score, sides, name = self.fraction_bits
        fraction = [(1, score), (1, sides), (1, name)] if self.wide else [(3, score)]
        return [*fraction, (1, self.threshold_bits), (2, self.cut_bits)]

    @property
    def threshold_bits(self) -> int:
        """The bits of twice a threshold, with the room that lifting takes."""
        return self.value_bits + 2

    @property
    def index_bits(self) -> int:
        """The bits of an attribute's number, with the room that lifting takes."""
        return max(1, (self.attributes - 1).bit_length()) + 2

    @property
    def tie_bits(self) -> int:
        """By how many bits a difference of scores is raised, so that attributes decide only ties."""
        return max(1, (self.attributes - 1).bit_length())

    @property
    def cross_bits(self) -> int:
        """The bits of N·D′ − N′·D with its sign and the bits of ties, N ≤ n³/4 and D ≤ n²/4.

        At least those of a score.
        """
        product = 5 * self.count_bits - 4 + 2 * self.statistics.bits
        return max(product + 2 + self.tie_bits, self.score_bits)

    @property
    def gain_bits(self) -> int:
        """The bits of what decides whether a slot gains enough, with its sign; 0 where nothing asks."""
        if self.statistics.classes and not self.gain:
            return 0
        return 4 * self.count_bits + 2 * self.statistics.bits + (GAIN_BITS if self.gain else 0) + 2

    @property
    def gain(self) -> int:
        """The least gain as an integer: c of 2^16 (N·|G| − D·ΣT²) ≥ c · D · |G|."""
        return round(self.least_gain * self.rows * (1 << (GAIN_BITS + 2 * self.statistics.bits)))


def check(shape: Shape, ring: Ring) -> None:
    """Refuse what is no tree, or what the ring is too narrow for.

    Raises:
        InputError: the key, what it was, what is accepted.
    """
    least = min(shape.rows, shape.attributes, shape.statistics.columns)
    if least < 1:
        raise InputError(
            f"a table of {shape.rows} rows, {shape.attributes} attributes and {shape.statistics.columns} "
            "classes grows no tree; accepted: at least one of each"
        )
    if not 1 <= shape.height <= HIGHEST:
        raise InputError(f"trees.height = {shape.height}: accepted are 1 to {HIGHEST}")
    if not 1 <= shape.least_rows <= shape.rows:
        raise InputError(f"trees.least_rows = {shape.least_rows}: accepted are 1 to {shape.rows} rows")
    sizes = f"a tree of {shape.rows} rows and {shape.attributes} attributes"
    most = (1 << (_WORD - 2 * shape.statistics.bits) // 3) - 1
    if shape.rows > most:
        raise InputError(
            f"{sizes} adds up scores of {shape.score_bits} bits; accepted: at most {most} rows"
        )
    widest = max(shape.cross_bits, shape.gain_bits)
    if widest > (ring.bits if ring.bits < _WORD else 2 * _WORD):
        raise InputError(
            f"{sizes} compares scores of {widest} bits: the ring has {ring.bits}; accepted: ring.bits = 64"
        )
    if not 2 <= shape.value_bits <= ring.bits - 4:
        raise InputError(f"values of {shape.value_bits} bits: accepted are 2 to {ring.bits - 4}")


def within(server: _Server, bits: int) -> _Server:
    """Return the server with integers mod 2^bits in place of its ring."""
    return replace(server, ring=Ring(bits, 0, bits - 1))
