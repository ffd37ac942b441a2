"""Comparisons by keys give what NumPy gives, in every ring, shape, width and form, at their cost."""

import numpy as np
import pytest
from compared import FORMS, RINGS, label, numbers, run
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.predict import measure
from analysis.predict import run as predict
from protocols.functions import argmax, equal, less_than, maximum, relu, steps
from protocols.functions.comparison import where_positive
from protocols.layers import max_pool

SHAPES = [(0,), (1,), (8,), (9,), (2, 3, 5)]


async def _bit(me, x):
    return await me.to_value(await me.negative(x))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("ring", RINGS, ids=label)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_signs_relu_and_equality(ring, shape, form):
    x, y = numbers(ring.value_bits, shape), numbers(ring.value_bits, shape, 1)
    y.reshape(-1)[::2] = x.reshape(-1)[::2]
    np.testing.assert_array_equal(run(_bit, ring, x, form=form)[0], x < 0)
    np.testing.assert_array_equal(run(relu, ring, x, form=form)[0], np.maximum(x, 0))
    np.testing.assert_array_equal(run(less_than, ring, x, y, form=form)[0], x < y)
    np.testing.assert_array_equal(run(equal, ring, x, y, form=form)[0], x == y)


@settings(max_examples=30, deadline=None)
@given(
    bits=st.integers(1, 31), n=st.integers(1, 20), form=st.sampled_from(FORMS),
    dealing=st.sampled_from(["ahead", "on_demand"]), ring=st.sampled_from(RINGS[1:]),
    others=st.integers(0, 2),
)  # fmt: skip
def test_what_is_chosen_by_a_sign_of_any_width(bits, n, form, dealing, ring, others):
    x = numbers(bits, (n,), n) if bits > 1 else -np.arange(n) % 2 - 1
    more = [numbers(ring.bits, (n,), seed) for seed in range(others)]

    async def program(me, x, *more):
        return me.stack(await where_positive(me, x, bits, [x, *more]))

    if bits > ring.bits - 1:
        return
    found, _ = run(program, ring, x, *more, form=form, dealing=dealing)
    np.testing.assert_array_equal(found, np.where(x >= 0, np.stack([x, *more]), 0))


@pytest.mark.parametrize("form", FORMS)
def test_one_key_serves_every_limit(form):
    x, limits = numbers(20, (3, 5)), [-70, 0, 1, 500]

    def program(many):
        async def places(me, x):
            return await steps(me, x, limits[:many], 22)

        return places

    found, done = run(program(4), RINGS[2], x, form=form)
    np.testing.assert_array_equal(found, np.stack([x >= limit for limit in limits]))
    _, other = run(program(1), RINGS[2], x, form=form)
    if form == "spline":
        assert done.span("operation").payload_bytes == other.span("operation").payload_bytes
    assert done.span("operation").rounds == other.span("operation").rounds == (1 if form == "spline" else 2)


@pytest.mark.parametrize("ring", RINGS, ids=label)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("entries", [1, 2, 3, 5])
def test_the_largest_and_its_place(ring, form, entries):
    x = numbers(ring.value_bits, (7, entries), entries)
    x[3] = 0
    for program, want in ((maximum, x.max(-1)), (argmax, x.argmax(-1))):
        found, done = run(program, ring, x, form=form)
        np.testing.assert_array_equal(found, want)
        levels = (entries - 1).bit_length()
        assert done.span("operation").rounds == levels * (1 if form == "spline" else 2)


@pytest.mark.parametrize("form", FORMS)
def test_windows_of_a_pooling(form):
    x = numbers(24, (2, 5, 4, 3))

    async def pool(me, x):
        return await max_pool(me, x, (2, 2), (2, 2))

    want = x[:, :4].reshape(2, 2, 2, 2, 2, 3).max(axis=(2, 4))
    np.testing.assert_array_equal(run(pool, RINGS[2], x, form=form)[0], want)


OPERATIONS = [
    "relu",
    "compare",
    "equal",
    "trunc_exact",
    "maxpool",
    "argmax",
    "div",
    "exp",
    "sqrt",
    "softmax",
]


@pytest.mark.parametrize("dealing", ["ahead", "on_demand"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("op", OPERATIONS)
def test_each_form_and_each_dealing_costs_what_its_formula_says(op, form, dealing):
    chosen = ["family=fss2", f"form={form}", f"dealing={dealing}"]
    for ring in (["bits=64"], ["bits=32", "fraction_bits=8", "value_bits=20"]):
        size = 9 if len(ring) > 1 else 16
        overrides = [f"protocol.{one}" for one in chosen] + [f"ring.{one}" for one in ring]
        found = measure("microbench", [*overrides, f"workload.op={op}", f"workload.size={size}"])
        (row,) = predict.rows(found)
        assert row.equal, row.difference() if row.equal is False else "no formula"
