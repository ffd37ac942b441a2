"""Functions of rows of any length, on every family: against the clear, at the cost of their formulas."""

import numpy as np
import pytest

from analysis.predict import measure
from analysis.predict import run as predict
from mpcsim import InputError
from scenarios.families import families

FAMILIES = list(families())


def measured(op, size, *more, family="replicated3"):
    chosen = [f"workload.op={op}", f"workload.size={size}", f"protocol.family={family}"]
    return measure("microbench", [*chosen, *more])


def held_to_formulas(found):
    for row in predict.rows(found):
        assert row.equal, row.difference() if row.equal is False else "no formula"
    return found


@pytest.mark.parametrize("row", [1, 2, 3, 17])
@pytest.mark.parametrize("op", ["max", "argmax"])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_largest_in_few_rounds_is_the_largest(family, op, row):
    more = ["workload.few_rounds=true", f"workload.row={row}"]
    assert held_to_formulas(measured(op, 7, *more, family=family)).output["max_error"] == 0


@pytest.mark.parametrize("op", ["max", "argmax"])
def test_the_largest_of_a_thousand_takes_less_than_half_the_rounds_at_less_than_twice_the_bytes(op):
    usual, fast = (
        held_to_formulas(measured(op, 8, "workload.row=1000", *more))
        for more in ([], ["workload.few_rounds=true"])
    )
    assert usual.output["rounds"] == 50
    assert fast.output["rounds"] <= 25
    assert fast.output["payload_bytes"] <= 1.5 * usual.output["payload_bytes"]
    assert fast.output["max_error"] == 0


def test_few_rounds_are_two_a_level_and_one_whatever_the_choices():
    for choice in ("comparison=ripple", "comparison=masked", "radix=1", "rotate=false"):
        found = measured("max", 3, "workload.row=64", "workload.few_rounds=true", f"protocol.{choice}")
        assert found.output["rounds"] == 2 * 6 + 1


def test_rows_and_few_rounds_are_refused_where_they_mean_nothing():
    with pytest.raises(InputError, match=r"workload\.row = 5: accepted with .*softmax"):
        measured("relu", 3, "workload.row=5")
    with pytest.raises(InputError, match=r"workload\.few_rounds = true: accepted with max, argmax"):
        measured("relu", 3, "workload.few_rounds=true")


@pytest.mark.parametrize("row", [1, 3, 40])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_softmax_of_rows_of_any_length(family, row):
    found = held_to_formulas(measured("softmax", 5, f"workload.row={row}", family=family))
    assert found.output["max_error"] <= 4 * 2.0**-16
    assert np.isfinite(found.output["max_error"])
