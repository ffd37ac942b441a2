"""Functions of rows of any length, on every family: against the clear, at the cost of their formulas."""

import numpy as np
import pytest
from served import reals

from analysis.predict import measure
from analysis.predict import run as predict
from mpcsim import InputError
from protocols.domains import Ring
from protocols.functions import absolute, counting, larger, minimum, power, smaller, softmax
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


MASKS = {
    "causal": lambda n: np.tri(n, dtype=bool),
    "padding": lambda n: np.arange(n) < max(1, n - 2),
    "one each": lambda n: np.eye(n, dtype=bool),
    "all": lambda n: np.ones((1, 1), bool),
}


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("family", ["plain", "replicated3", "replicated4"])
def test_a_softmax_counts_what_the_mask_says(family, mask):
    for n in (1, 5, 40):
        counts = MASKS[mask](n)
        rng = np.random.default_rng(n)
        x = np.rint(rng.uniform(-9, 9, (2, n, n)) * 2**16) / 2**16
        x[1] = -(2.0**13) - x[1]  # a row far below what a mask puts in its place
        x = np.where(np.broadcast_to(counts, x.shape), x, 2.0**14 - 1)  # what does not count is the largest
        powers = np.exp(np.where(counts, x, -np.inf) - np.where(counts, x, -np.inf).max(-1, keepdims=True))
        want = powers / powers.sum(-1, keepdims=True)

        async def program(me, v, counts=counts):
            return await softmax(me, v, counts)

        got = reals(family, Ring(), program, x)
        assert np.abs(got - want).max() <= 4 * 2.0**-16
        assert (got[np.broadcast_to(~counts, x.shape)] == 0).all()


def test_a_mask_that_means_nothing_is_refused():
    for mask, said in (
        (np.zeros((3, 3), bool), "nothing counts in row"),
        (np.ones(4, bool), "does not broadcast"),
    ):
        with pytest.raises(InputError, match=said):
            counting(mask, (2, 3, 3))


def test_softmax_of_a_head_of_bert_takes_less_than_150_bytes_a_value_and_45_rounds():
    found = held_to_formulas(measured("softmax", 128, "workload.row=128", "dry_run=true")).output
    assert found["rounds"] <= 45
    assert found["bytes_per_party_and_value"] / 128 <= 150


@pytest.mark.parametrize("family", FAMILIES)
def test_larger_smaller_least_and_size_are_exact(family):
    x, y = (np.rint(np.random.default_rng(s).uniform(-99, 99, (3, 4)) * 2**16) / 2**16 for s in (1, 2))
    ring = Ring()

    async def several(me, v, w):
        parts = [await larger(me, v, w), await smaller(me, v, w), await absolute(me, v)]
        least = await minimum(me, v)
        return me.concatenate([*parts, me.local(lambda part: me.kernels.stack([part] * 4, 1), least)])

    got = reals(family, ring, several, x, y, shape=(12, 4))
    least = np.repeat(x.min(1, keepdims=True), 4, 1)
    assert (got == np.concatenate([np.maximum(x, y), np.minimum(x, y), np.abs(x), least])).all()


@pytest.mark.parametrize("exponent", [1, 2, 3, 4, 5, 7, 8])
def test_powers_of_whole_exponents(exponent):
    x = np.rint(np.linspace(-2, 2, 41) * 2**16) / 2**16
    for family in ("plain", "replicated3"):
        got = reals(family, Ring(), lambda me, v: power(me, v, exponent), x)
        assert np.abs(got - x**exponent).max() <= 2.0**-16 * exponent * 2.0**exponent
    with pytest.raises(Exception, match="exponent = 0: accepted are whole numbers from 1"):
        reals("plain", Ring(), lambda me, v: power(me, v, 0), x)
