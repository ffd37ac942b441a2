"""Comparisons and bits on two servers and a dealer, and what `written` needs to price the rest.

The functions are those written for every family (`analysis.costs.written`).
"""

from __future__ import annotations

from analysis.costs.algebra import Cost, messages, sequence, together
from analysis.costs.dealer2 import steps
from analysis.costs.dealer2.steps import opening
from analysis.costs.families import FamilySetting
from analysis.costs.numbers import Number, packed, planes, staircase
from analysis.costs.written import Written

_CLIENT, _KEY = 3, 16


class Dealt(Written):
    """The functions over the steps of this family; comparisons with limits share an opening."""

    def told(self, setting: FamilySetting, rows: Number, width: int) -> Cost:
        """Price both parts, then a key and the other part; the dealer goes on."""
        shown, given = packed(rows, setting.l), packed(rows * width, setting.l)
        there = messages((0, _CLIENT, shown), (1, _CLIENT, shown))
        return sequence(there, messages((_CLIENT, 0, _KEY), (_CLIENT, 1, given)))

    def product(self, setting: FamilySetting, n: Number) -> Cost:
        """Price a triple."""
        return steps.triple(setting, n, n, n)

    def dot(self, setting: FamilySetting, n: Number, terms: int) -> Cost:
        """Price a triple whose factors are all opened."""
        return steps.triple(setting, terms * n, terms * n, n)

    def scaled(self, setting: FamilySetting, n: Number, others: Number, shift: Number) -> Cost:
        """Price a triple, of which the fewer numbers are opened once."""
        return sequence(steps.triple(setting, n, others, n), self.truncation(setting, n, shift))

    def pairs(self, setting: FamilySetting, n: Number, first: int, second: int) -> Cost:
        """Price a triple whose factors are opened once, however many products each is in."""
        return steps.triple(setting, first * n, second * n, first * second * n)

    def bilinear(
        self, setting: FamilySetting, kind: str, x: Number, y: Number, out: Number, inner: int
    ) -> Cost:
        """Price a triple whose factors are opened whole."""
        return steps.triple(setting, x, y, out)

    def truncation(self, setting: FamilySetting, n: Number, shift: Number) -> Cost:
        """Price what the choice says."""
        return steps.truncation(setting, n, shift)

    def lift(self, setting: FamilySetting, n: Number, bits: int) -> Cost:
        """Price a shift by nothing."""
        return steps.lift(setting, n, bits)

    def sign(self, setting: FamilySetting, n: Number, bits: Number, limits: int = 1) -> Cost:
        """Price comparisons with so many public limits, after one opening."""
        return steps.sign(setting, n, bits, limits)

    def numbers(self, setting: FamilySetting, n: Number, rows: int = 1) -> Cost:
        """Price dealt bits."""
        return steps.numbers(setting, n, rows)

    def select(self, setting: FamilySetting, n: Number, known: int = 0) -> Cost:
        """Price a selection of what the comparison has opened."""
        return steps.select(setting, n, known)

    def places(self, setting: FamilySetting, n: Number, limits: int, bits: int) -> Cost:
        """Price comparisons with public limits, as numbers."""
        return sequence(self.sign(setting, n, bits, limits), self.numbers(setting, n, limits))

    def where_positive(self, setting: FamilySetting, n: Number, bits: int, own: int, others: int) -> Cost:
        """Price a sign, then selections: of the same number (0 or 1), `bits` of it open; of others."""
        chosen = [self.select(setting, n)] * others + [self.select(setting, n, bits)] * own
        return sequence(self.sign(setting, n, bits), together(*chosen))

    def relu(self, setting: FamilySetting, n: Number) -> Cost:
        """Price a number where it is not negative."""
        return self.where_positive(setting, n, setting.V, 1, 0)

    def largest(self, setting: FamilySetting, n: Number, entries: int) -> Cost:
        """Pairs compete; the winner is the second and, where it is not less, the difference."""
        levels = []
        while entries > 1:
            levels.append(self.where_positive(setting, entries // 2 * n, setting.V + 1, 1, 0))
            entries -= entries // 2
        return sequence(steps.NOTHING, *levels)

    def argmax(self, setting: FamilySetting, n: Number, entries: int) -> Cost:
        """Price the same; beside the difference the gap of places is chosen, and in the end that alone."""
        levels = []
        while entries > 1:
            own = int(entries > 2)
            levels.append(self.where_positive(setting, entries // 2 * n, setting.V + 1, own, 1))
            entries -= entries // 2
        return sequence(steps.NOTHING, *levels)


DIGITS = Dealt()
"""Comparisons by dealt digits."""


def to_bits(setting: FamilySetting, n: Number) -> Cost:
    """R's bits are dealt; all borrows of c − r by Sklansky's network over l − 1 places.

    At distance s a block of places from an odd multiple of s on takes (g, p) of the place below it: p only
    where something is below that. Sources: Escudero et al. 2020; Sklansky 1960.
    """
    costs, places, distance = (
        [opening(setting, packed(n, setting.l), planes(setting.l, n))],
        setting.l - 1,
        1,
    )
    while distance < places:
        opened = dealt = 0
        for block in range(distance, places, 2 * distance):
            outputs = 1 if block == distance else 2
            width = min(distance, places - block)
            opened += outputs + width
            dealt += outputs * width
        costs.append(opening(setting, planes(opened, n), planes(dealt, n)))
        distance *= 2
    return sequence(*costs)


def from_bits(setting: FamilySetting, n: Number) -> Cost:
    """Price a dealt bit for each bit j, as a number mod 2^(l − j)."""
    return opening(setting, planes(setting.l, n), staircase(n, setting.l + 1))
