"""What a formula depends on besides the shape: the ring and the chosen constructions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from analysis.costs.numbers import Number

_RADIX = {"table": 4, "masked": 2}


@dataclass(frozen=True)
class Setting:
    """Ring sizes and choices of construction.

    Attributes:
        l: ring bits.
        f: fraction bits.
        V: signed bits of a value; a difference of two has one more.
        comparison: how a sign is taken.
        radix: bits of a digit, where the comparison has digits.
        truncation: how a product loses its f bits.
        select: whether bit × value takes one or two rounds.
        rotate: whether the dealer's role rotates over thirds.
    """

    l: Number = 64  # noqa: E741  # the literature's name
    f: Number = 16
    V: Number = 31
    comparison: str = "table"
    radix: Number = 4
    truncation: str = "safe"
    select: str = "two_rounds"
    rotate: bool = True

    @classmethod
    def read(cls, ring: Mapping[str, Any], protocol: Mapping[str, Any]) -> Setting:
        """Return the setting of a scenario's tables `ring` and `protocol`, defaults filled in."""
        comparison = protocol["comparison"]
        radix = protocol.get("radix")
        return cls(
            l=ring["bits"],
            f=ring["fraction_bits"],
            V=ring["value_bits"],
            comparison=comparison,
            radix=_RADIX.get(comparison, 1) if radix is None else radix,
            truncation=protocol["truncation"],
            select=protocol["select"],
            rotate=protocol["rotate"],
        )

    def symbolic(self) -> Setting:
        """Return the same choices with symbols for the numbers.

        What a formula then says holds in general: at least three digits, f and l − V − 1 not zero.
        """
        from analysis.costs import symbolic

        return replace(self, l=symbolic.l, f=symbolic.f, V=symbolic.V, radix=symbolic.m)

    def symbols(self) -> dict[Any, int]:
        """Return what stands for each symbol."""
        from analysis.costs import symbolic

        return {symbolic.l: self.l, symbolic.f: self.f, symbolic.V: self.V, symbolic.m: self.radix}
