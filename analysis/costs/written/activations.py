"""Formulas of activations and rows by the names of the microbench, of families that run them as written."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from analysis.costs.algebra import Cost
from analysis.costs.families import FamilySetting
from analysis.costs.numbers import Number
from analysis.costs.replicated3 import ACTIVATIONS
from analysis.costs.written.functions import Written


def activations(
    priced: Callable[[FamilySetting], Written],
) -> dict[str, Callable[[FamilySetting, Number], Cost]]:
    """Return what each activation of the microbench costs, with its usual parameters."""

    def cost(setting: FamilySetting, n: Number, name: str, parameters: tuple[float, ...]) -> Cost:
        return priced(setting).activate(setting, n, name, parameters)

    return {name: partial(cost, name=name, parameters=usual) for name, usual in ACTIVATIONS.items()}


def of_rows(
    priced: Callable[[FamilySetting], Written],
) -> dict[str, Callable[[FamilySetting, Number], Cost]]:
    """Return what one-hot rows of so many places cost, and rows turned by public angles."""
    return {
        "one_hot": lambda s, n: priced(s).one_hot(s, n, s.row),
        "rotary": lambda s, n: priced(s).truncation(s, s.row * n, s.f),
    }
