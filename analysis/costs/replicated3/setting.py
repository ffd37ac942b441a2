"""What a formula depends on besides the shape: the ring and the chosen constructions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from analysis.costs.numbers import Number
from mpcsim import InputError

FIELDS = ("l", "f", "V", "comparison", "radix", "truncation", "select", "rotate", "layers")
"""What the rows of a network name."""

RADIX = {"table": 4, "masked": 2}
"""Default radix of the comparisons that have digits."""


_RING = ("bits", "fraction_bits", "value_bits")
_PROTOCOL = ("comparison", "truncation", "select", "rotate")


class NoFormula(InputError):
    """A scenario chose a construction that no formula knows."""


Step = TypeVar("Step")


def chosen(constructions: Mapping[str, Step], name: str, what: str) -> Step:
    """Return a construction by name.

    Raises:
        NoFormula: there is none of that name.
    """
    if name not in constructions:
        raise NoFormula(f"{what} {name!r}; there are formulas for {', '.join(sorted(constructions))}")
    return constructions[name]


@dataclass(frozen=True)
class Setting:
    """Ring sizes and choices of construction.

    Attributes:
        l: ring bits.
        f: fraction bits.
        V: signed bits of a value; a difference of two has one more.
        comparison: how a sign is taken.
        radix: bits of a digit, where the comparison has digits.
        digit: bits of a digit of an equality's tables, whatever the comparison.
        truncation: how a product loses its f bits.
        select: whether bit × value takes one or two rounds.
        rotate: whether the dealer's role rotates over thirds.
        sort_digit: bits of a digit of a sort.
        payload: whether a sort's columns move after it, or are carried through its passes.
        row: values of a row, where an operation takes rows.
        few_rounds: whether an operation takes the constructions of fewest rounds.
        layers: whether pooling and ReLU run on a layer's sums, pooling first, or as declared.
    """

    l: Number = 64  # noqa: E741  # the literature's name
    f: Number = 16
    V: Number = 31
    comparison: str = "table"
    radix: Number = 4
    digit: Number = 4
    truncation: str = "safe"
    select: str = "two_rounds"
    rotate: bool = True
    layers: str = "blocks"
    sort_digit: int = 4
    payload: str = "after"
    row: int = 10
    few_rounds: bool = False

    @classmethod
    def read(cls, ring: Mapping[str, Any], protocol: Mapping[str, Any]) -> Setting:
        """Return the setting of a scenario's tables `ring` and `protocol`, defaults filled in.

        Raises:
            InputError: the tables are not those that formulas here know.
        """
        for table, found, keys in (("ring", ring, _RING), ("protocol", protocol, _PROTOCOL)):
            missing = [key for key in keys if key not in found]
            if missing:
                raise InputError(
                    f"no formulas for this [{table}]: it does not say {', '.join(map(repr, missing))} "
                    f"(found: {', '.join(found) or 'no keys'}); accepted: a workload whose `describe` "
                    "gives what `scenarios.settings.SecureSettings.describe` does"
                )
        comparison = protocol["comparison"]
        radix = protocol.get("radix")
        return cls(
            l=ring["bits"],
            f=ring["fraction_bits"],
            V=ring["value_bits"],
            comparison=comparison,
            radix=RADIX.get(comparison, 1) if radix is None else radix,
            digit=RADIX["table"] if radix is None else radix,
            truncation=protocol["truncation"],
            select=protocol["select"],
            rotate=protocol["rotate"],
            layers=protocol.get("layers", "blocks"),
        )

    def hastened(self) -> Setting:
        """Return the choices of fewest rounds a level of a tournament: masked digits, one-round selects."""
        return replace(self, comparison="masked", radix=RADIX["masked"], select="one_round")

    def symbolic(self) -> Setting:
        """Return the same choices with symbols for the numbers.

        What a formula then says holds in general: at least three digits, f and l − V − 1 not zero.
        """
        from analysis.costs import symbolic

        return replace(self, l=symbolic.l, f=symbolic.f, V=symbolic.V, radix=symbolic.m, digit=symbolic.d)

    def params(self, keys: Sequence[str]) -> dict[str, Any]:
        """Return those parts as parameters of a row; the radix, where the comparison has digits."""
        digits = self.comparison in RADIX
        return {key: getattr(self, key) for key in keys if digits or key != "radix"}

    def numbers(self, n: int) -> tuple[Number, ...]:
        """Return what `symbolic.compiled` formulas take, for n values."""
        return n, self.l, self.f, self.V, self.radix, self.digit
