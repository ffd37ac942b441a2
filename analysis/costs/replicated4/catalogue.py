"""Formulas by the names of the microbench, each with its source."""

from __future__ import annotations

from collections.abc import Callable

from analysis.costs.algebra import Cost, sequence
from analysis.costs.families import FamilySetting, Formula
from analysis.costs.numbers import Number
from analysis.costs.replicated4 import steps

_FILTERS = 8

_FOUR = "Dalskov, Escudero, Keller 2021, §3"
_CUTTING = "Dalskov et al. 2021; constructions.md#four-servers"


def truncation(setting: FamilySetting, n: Number, shift: Number) -> Cost:
    """Price a value over 2^shift; nothing for nothing."""
    return steps.shifted(setting, n, shift, setting.l) if shift else steps.NOTHING


def rescaled(setting: FamilySetting, n: Number, shift: Number) -> Cost:
    """Price n outputs of a bilinear product, over 2^shift."""
    if shift == 0:
        return steps.product(setting, n)
    return sequence(steps.halved(setting, n), truncation(setting, n, shift))


def _fixed(outputs: Callable[[Number], Number]) -> Formula:
    def cost(setting: FamilySetting, n: Number) -> Cost:
        return rescaled(setting, outputs(n), setting.f)

    return Formula(cost, _CUTTING, ("l", "f"), general=False)


OPERATIONS = {
    "reveal": Formula(steps.opened, "constructions.md#four-servers; Lamport et al. 1982", ("l",)),
    "mul": Formula(steps.product, _FOUR, ("l",)),
    "mul_fixed": _fixed(lambda n: n),
    "dot": _fixed(lambda n: n),
    "matmul": _fixed(lambda n: n**2),
    "conv2d": _fixed(lambda n: n**2 * _FILTERS),
    "avgpool": Formula(lambda s, n: steps.shifted(s, n, 2, s.l), _CUTTING, ("l",), general=False),
}
