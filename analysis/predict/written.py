"""Formulas as a reader sees them, and what the rows of every workload need."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from analysis.costs import Number, symbolic
from analysis.costs.replicated3 import FIELDS, Setting, layers
from analysis.predict.measuring import Measured
from analysis.predict.rows import Formula
from mpcsim import InputError

NONE_YET = "no formula yet"


def settings_params(setting: Any, keys: Sequence[str] = FIELDS) -> dict[str, Any]:
    """Return those parts of a setting as parameters of a row."""
    params: dict[str, Any] = setting.params(keys)
    return params


Symbolic = tuple[Any, Any]
"""Rounds and bytes, with symbols."""


def formula(
    build: Callable[[Any, Number], Symbolic],
    setting: Any,
    size: int,
    predicted: Mapping[str, Any],
    general: Symbolic,
) -> Formula:
    """Return the general formula, or the one for this ring and radix where the general does not apply.

    The general formula assumes at least three digits of a comparison, and that all servers end a tree
    of reshares together: where one that ends early goes on alone, its rounds are a bound. Whether it
    gives the predicted numbers is checked here.
    """
    wanted = (predicted["rounds"], predicted["payload_bytes"])
    found = tuple(symbolic.compiled(part)(*setting.numbers(size)) for part in general)
    if found == wanted:
        return as_formula(general)
    special = build(setting, symbolic.n)
    total = general[1] if found[1] == wanted[1] else special[1]
    exact = as_formula((special[0], total))
    if found[0] <= wanted[0]:
        return exact
    bound = as_formula((general[0], total))
    return replace(
        exact,
        rounds=f"{exact.rounds} ≤ {bound.rounds}",
        rounds_latex=rf"{exact.rounds_latex} \leq {bound.rounds_latex}",
    )


@cache
def as_formula(expressions: Symbolic) -> Formula:
    """Return rounds and bytes as text and as LaTeX."""
    rounds, size = expressions
    return Formula(
        symbolic.text(rounds),
        symbolic.total_text(size),
        symbolic.latex(rounds),
        symbolic.total_latex(size),
    )


def block_formulas(
    block: layers.Block,
) -> Callable[[str], Callable[[Setting, Number], tuple[Number, Number]]]:
    """Return what gives (rounds, bytes) of a span of a block, by its name, for a setting."""

    @cache
    def spans(setting: Setting) -> dict[str, tuple[Number, Number]]:
        return layers.formulas(setting, block, symbolic.n)

    def of_span(name: str) -> Callable[[Setting, Number], tuple[Number, Number]]:
        return lambda setting, _: spans(setting)[name]

    return of_span


def setting_of(measured: Measured) -> Setting:
    """Return the setting of a run on shares.

    Raises:
        InputError: the run says none.
    """
    if not isinstance(measured.setting, Setting):
        raise InputError(f"the workload {measured.scenario.workload!r} says no ring or no protocol")
    return measured.setting
