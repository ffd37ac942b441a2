"""Formulas of layers alone, by the names of the microbench, of any family that prices networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

from analysis.costs.algebra import Cost
from analysis.costs.numbers import Number
from scenarios.networks import ALONE, LayerPlan

Chained = Callable[[Any, Sequence[LayerPlan], Number], Cost]
"""Takes a setting, layers and how many images; returns what they cost, one after the other."""


def of_layers(chained: Chained) -> dict[str, Callable[[Any, Number], Cost]]:
    """Return what each costs, by the setting, whose row it is of, and the number of images.

    A head of attention: two products of shared matrices and a softmax. An embedding: a product with a
    table. A step of a recurrent layer: products with weights, logistic gates, products of states.
    """

    def cost(setting: Any, n: Number, name: str) -> Cost:
        return chained(setting, _plans(name, setting.row), n)

    return {name: partial(cost, name=name) for name in ALONE}


@cache
def _plans(name: str, row: int) -> list[LayerPlan]:
    return ALONE[name](row)
