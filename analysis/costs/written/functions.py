"""Functions that are written once for all families, priced once: over the steps of a family.

From docs/constructions.md, "Accuracy": their widths, degrees and iterations are
`analysis.costs.replicated3.precision`'s; places come from comparisons with all limits.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from analysis.costs.algebra import LOCAL, Cost, sequence, together
from analysis.costs.families import FamilySetting
from analysis.costs.numbers import Number
from analysis.costs.pieces import Rows, Sizes, Steps, evaluated, norm, normalised, one_hot, table
from analysis.costs.replicated3 import Setting, precision

_WORD, _NEAR = 64, 28
"""Bits of the widest ring; most fraction bits of numbers near one."""


def wider(setting: FamilySetting, bits: int) -> FamilySetting:
    """Return the setting of a working ring."""
    return replace(setting, l=max(setting.l, bits))


def _plans(setting: FamilySetting) -> Setting:
    return Setting(l=setting.l, f=setting.f, V=setting.V)


class Written(ABC):
    """The functions, priced over what a family's steps cost.

    Attributes:
        void: whether products that mean nothing may be cut.
    """

    void: ClassVar[bool] = True

    # Steps of the family

    @abstractmethod
    def told(self, setting: FamilySetting, rows: Number, width: int) -> Cost:
        """Price places that a client, the party after all, is shown, and the one-hot rows it shares."""

    @abstractmethod
    def product(self, setting: FamilySetting, n: Number) -> Cost:
        """Price n products, not yet rescaled; with what makes values of them where nothing is cut."""

    @abstractmethod
    def truncation(self, setting: FamilySetting, n: Number, shift: Number) -> Cost:
        """Price x / 2^shift; no message for nothing."""

    @abstractmethod
    def lift(self, setting: FamilySetting, n: Number, bits: int) -> Cost:
        """Price the same number in a ring of more bits; no message where it has no more."""

    @abstractmethod
    def sign(self, setting: FamilySetting, n: Number, bits: Number) -> Cost:
        """Price the sign of numbers of so many bits."""

    @abstractmethod
    def numbers(self, setting: FamilySetting, n: Number, rows: int = 1) -> Cost:
        """Price rows of n bits as numbers."""

    @abstractmethod
    def select(self, setting: FamilySetting, n: Number, known: int = 0) -> Cost:
        """Price a bit times a number, whose lower `known` bits its comparison may have shown masked."""

    @abstractmethod
    def largest(self, setting: FamilySetting, n: Number, entries: int) -> Cost:
        """Price the largest of so many, n times."""

    @abstractmethod
    def argmax(self, setting: FamilySetting, n: Number, entries: int) -> Cost:
        """Price the place of the largest of so many, n times."""

    def places(self, setting: FamilySetting, n: Number, limits: int, bits: int) -> Cost:
        """Price comparisons with public limits, as numbers."""
        many = self.sign(setting, limits * n, bits)
        return sequence(many, self.numbers(setting, limits * n))

    def fixed(self, setting: FamilySetting, n: Number, shift: Number) -> Cost:
        """Price an elementwise product, rescaled."""
        return sequence(self.product(setting, n), self.truncation(setting, n, shift))

    def dot(self, setting: FamilySetting, n: Number, terms: int) -> Cost:
        """Price n sums of so many products each, not yet rescaled."""
        return self.product(setting, n)

    def cut(self, setting: FamilySetting, n: Number, terms: int, shift: Number) -> Cost:
        """Price such sums, rescaled."""
        if terms == 1:
            return self.fixed(setting, n, shift)
        return sequence(self.dot(setting, n, terms), self.truncation(setting, n, shift))

    def bilinear(
        self, setting: FamilySetting, kind: str, x: Number, y: Number, out: Number, inner: int
    ) -> Cost:
        """Price an exact product of integers: x by y elements, to so many sums of `inner` products each.

        Args:
            setting: of the family.
            kind: "mul", "dot" or "matmul".
            x, y, out: elements of the factors and of the result.
            inner: products that a sum has.
        """
        return self.fixed(setting, out, 0)

    def inside(self, setting: FamilySetting, n: Number, limits: int, marks: int, bits: int) -> Cost:
        """Price intervals between limits, as numbers: from comparisons that are numbers."""
        return self.places(setting, n, limits, bits)

    def pairs(self, setting: FamilySetting, n: Number, first: int, second: int) -> Cost:
        """Price integer products of each of so many numbers with each of so many others, n times."""
        return self.fixed(setting, first * second * n, 0)

    def one_hot(self, setting: FamilySetting, n: Number, classes: int) -> Cost:
        """Price two digits, each told by comparisons with its values, and their product."""
        return one_hot(
            classes,
            lambda limits, bits: self.inside(setting, n, limits, limits, bits),
            lambda first, second: self.pairs(setting, n, first, second),
        )

    def exact_truncation(self, setting: FamilySetting, n: Number) -> Cost:
        """Price a truncation, and two signs side by side of what is left, which lies in f + 3 bits."""
        f = setting.f
        if f == 0:
            return LOCAL
        one, number = self.sign(setting, n, f + 3), self.numbers(setting, n)
        return sequence(self.truncation(setting, n, f), together(one, one), together(number, number))

    def compare(self, setting: FamilySetting, n: Number) -> Cost:
        """Price the sign of a difference, as a number."""
        return sequence(self.sign(setting, n, setting.V + 1), self.numbers(setting, n))

    def equal(self, setting: FamilySetting, n: Number) -> Cost:
        """Neither is less."""
        one = self.sign(setting, n, setting.V + 1)
        return sequence(together(one, one), self.numbers(setting, n))

    def _size(self, setting: FamilySetting, n: Number) -> Cost:
        """Price the sign as a number, and what is added to make |x|."""
        parts = together(self.numbers(setting, n), self.select(setting, n, setting.V))
        return sequence(self.sign(setting, n, setting.V), parts)

    def _powers(self, setting: FamilySetting, n: Number) -> Cost:
        """Comparisons with every power of two below 2^(V − 1)."""
        return self.places(setting, n, setting.V - 1, setting.V)

    def goldschmidt(
        self, setting: FamilySetting, n: Number, near: int, steps: int, kept: int, out: int, numerator: bool
    ) -> Cost:
        """Price result and error side by side; without a numerator the first error is alone."""
        first = self.fixed(setting, n, near)
        costs, scale = [together(first, first) if numerator else first], kept if numerator else near
        for _ in range(steps - 1):
            costs.append(together(self.fixed(setting, n, near + scale - kept), first))
            scale = kept
        return sequence(*costs, self.fixed(setting, n, near + scale - out))

    def _quotient(self, wide: FamilySetting, n: Number, found: precision.Quotient) -> Cost:
        near = found.near
        if found.apart is None:
            return self.goldschmidt(wide, n, near.g, near.steps, near.kept, wide.f, True)
        inverse = self.goldschmidt(wide, n, near.g, near.steps, near.g, found.apart, False)
        return sequence(inverse, self.fixed(wide, n, found.apart + found.guard))

    def divide(self, setting: FamilySetting, n: Number) -> Cost:
        """|b| and a times the power of two that brings |b| to [1/2, 1], with b's sign; then Goldschmidt."""
        found = precision.quotient(_plans(setting), 2 * setting.V - 2 - setting.f)
        wide, top = wider(setting, found.L), setting.V - 1
        return sequence(
            self._size(setting, n),
            self._powers(setting, n),
            self.fixed(setting, n, 0),
            together(*[self.lift(setting, n, found.L)] * 4),
            together(
                self.fixed(wide, n, max(top - found.near.g, 0)),
                self.fixed(wide, n, max(top - setting.f - found.guard, 0)),
            ),
            self._quotient(wide, n, found),
        )

    def reciprocal(self, setting: FamilySetting, n: Number) -> Cost:
        """Price it for the number 1, whose multiple comes from the places, in the wider ring."""
        found = precision.quotient(_plans(setting))
        wide, top = wider(setting, found.L), setting.V - 1
        lifted = [self.lift(setting, top * n, found.L), *[self.lift(setting, n, found.L)] * 3]
        return sequence(
            self._size(setting, n),
            self._powers(setting, n),
            together(*lifted),
            together(self.fixed(wide, n, 0), self.fixed(wide, n, max(top - found.near.g, 0))),
            self._quotient(wide, n, found),
        )

    def polynomial(self, setting: FamilySetting, n: Number, degree: int, bits: int, shift: int) -> Cost:
        """Blocks of three coefficients; Horner's rule in the cube. Paterson, Stockmeyer 1973."""
        square, blocks = self.fixed(setting, n, bits), (degree + 1) // 3
        if blocks == 1:
            return sequence(square, self.truncation(setting, n, bits + shift))
        costs = [square, together(self.fixed(setting, n, bits), self.truncation(setting, n, bits))]
        for block in range(blocks - 2, -1, -1):
            costs += [self.product(setting, n), self.truncation(setting, n, bits + (0 if block else shift))]
        return sequence(*costs)

    def _normalised(self, setting: FamilySetting, n: Number, found: precision.Curve) -> Cost:
        wide, top = wider(setting, found.L), setting.V - 1
        lifted = together(self.lift(setting, top * n, found.L), self.lift(setting, n, found.L))
        return sequence(self._powers(setting, n), lifted, self.fixed(wide, n, max(top - found.g - 2, 0)))

    def logarithm(self, setting: FamilySetting, n: Number) -> Cost:
        """Ln c + e ln 2."""
        found = precision.curve(_plans(setting), "log")
        rest = self.polynomial(wider(setting, found.L), n, found.degree, found.g, found.g - setting.f)
        return sequence(self._normalised(setting, n, found), rest)

    def root(self, setting: FamilySetting, n: Number, name: str) -> Cost:
        """Price a power of c times one of 2."""
        found = precision.curve(_plans(setting), name)
        wide = wider(setting, found.L)
        power = self.polynomial(wide, n, found.degree, found.g, 0)
        return sequence(self._normalised(setting, n, found), power, self.fixed(wide, n, found.g))

    def _power_of_e(
        self, setting: FamilySetting, n: Number, bits: int, least: int, most: int, kept: int
    ) -> tuple[FamilySetting, Cost]:
        """e^x, x = k ln 2 + r, with `kept` fraction bits, in the ring that holds it.

        Compared are x and k ln 2 for least ≤ k < most. r is cut where x is below all, scaled to 2r / ln 2
        with `near` fraction bits, and e^r, of degree 8, is multiplied by 2^k.
        """
        f, near = setting.f, min(kept, _NEAR)
        spare = max(near - f, 0)
        ends = [abs(math.ceil(k * math.log(2) * 2.0**f)).bit_length() for k in (least, most - 1)]
        compared = 1 + max(bits, 1 + max(ends))
        needed = max(most + kept + near + 4, 2 * near + 5, bits + spare + 2, compared + 1)
        wide = wider(setting, min(needed, _WORD))
        return wide, sequence(
            self.lift(setting, n, wide.l),
            self.places(wide, n, most - least, compared),
            self.fixed(wide, n, 0),
            self.truncation(wide, n, f + spare - 2),
            self.polynomial(wide, n, 8, near, 0),
            self.fixed(wide, n, near),
        )

    def activate(
        self, setting: FamilySetting, n: Number, name: str, parameters: Sequence[float] = (),
        within: float | None = None,
    ) -> Cost:  # fmt: skip
        """Price an activation by its table of pieces."""
        found = table(Sizes(setting.l, setting.f, setting.V), name, parameters, within)
        wide = wider(setting, found.L)
        steps = Steps(
            lambda limits, marks, bits: self.inside(wide, n, limits, marks, bits),
            lambda terms, shift: self.cut(wide, n, terms, shift),
            self.void,
        )
        return sequence(self.lift(setting, n, found.L), evaluated(found, int(setting.f), steps))

    def normalised(
        self, setting: FamilySetting, rows: Number, columns: int, epsilon: float, factors: Number = 0,
        shifts: Number = 0, centred: bool = True,
    ) -> Cost:  # fmt: skip
        """Price rows brought to mean 0 and square mean 1, with so many learned scales and shifts."""
        found = norm(Sizes(setting.l, setting.f, setting.V), columns, epsilon)
        steps = self.rows(setting)
        return normalised(found, int(setting.f), rows, columns, steps, factors, shifts, centred)

    def rows(self, setting: FamilySetting) -> Rows:
        """Return the steps of a normalisation."""
        wide = wider(setting, _WORD)
        return Rows(
            lambda n: self.lift(setting, n, _WORD),
            lambda n, shift: self.truncation(wide, n, shift),
            lambda n, terms, shift: self.cut(wide, n, terms, shift),
            lambda n, others, shift: self.scaled(wide, n, others, shift),
            lambda n, limits, bits: self.inside(wide, n, limits, limits, bits),
        )

    def scaled(self, setting: FamilySetting, n: Number, others: Number, shift: Number) -> Cost:
        """Price n products with fewer numbers, each with several, rescaled."""
        return self.fixed(setting, n, shift)

    def exponential(self, setting: FamilySetting, n: Number) -> Cost:
        """From half a unit to the bound of a value, with two fraction bits more at first."""
        kept = setting.f + 2
        wide, power = self._power_of_e(setting, n, setting.V, -kept, setting.V - 1 - setting.f, kept)
        return sequence(power, self.truncation(wide, n, 2))

    def sigmoid(self, setting: FamilySetting, n: Number) -> Cost:
        """1 / (1 + e^−|x|), or 1 less that."""
        bits = min(setting.f + 4, _NEAR)
        steps = precision.iterations(precision.line_error(0.5), setting.f + 1)
        wide, power = self._power_of_e(setting, n, setting.V, -bits, 1, bits - 1)
        return sequence(
            self._size(setting, n),
            power,
            self.goldschmidt(wide, n, bits, steps, bits, setting.f - 1, False),
            self.fixed(setting, n, 0),
        )

    def softmax(self, setting: FamilySetting, rows: Number, classes: int) -> Cost:
        """Powers of what is below the maximum, times the reciprocal of their sum, brought to [1/2, 1)."""
        doublings = max(1, math.ceil(math.log2(classes)))
        kept = min(setting.f + 4, _NEAR)
        steps = precision.iterations(precision.line_error(0.5), setting.f + 1)
        wide, powers = self._power_of_e(setting, rows * classes, setting.V + 1, -kept - doublings, 1, kept)
        return sequence(
            self.largest(setting, rows, classes),
            powers,
            self.places(wide, rows, doublings, kept + doublings + 3),
            self.fixed(wide, rows, doublings + 1),
            self.goldschmidt(wide, rows, kept, steps, kept, kept, False),
            self.fixed(wide, rows, doublings + 1),
            self.fixed(wide, rows * classes, 2 * kept - setting.f),
        )
