"""Normalisations of rows: within their bound for rows of any length and spread, in several rings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from served import reals
from test_rows import held_to_formulas, measured

from analysis.costs.pieces import Sizes, norm
from mpcsim import InputError
from protocols.domains import Ring
from protocols.functions import Norm, group_norm, layer_norm, rms_norm
from scenarios.families import families

RINGS = [Ring(64, 16, 31), Ring(64, 10, 43), Ring(64, 21, 30), Ring(32, 8, 20), Ring(40, 12, 24)]
OPS = ["layer_norm", "rms_norm", "group_norm"]


def drawn(ring, rows, columns, seed, sizes):
    rng = np.random.default_rng(seed)
    size = 2.0 ** rng.uniform(*sizes, (rows, 1))
    x = np.clip(rng.normal(size=(rows, columns)) + rng.uniform(-1, 1, (rows, 1)), -5, 5) * size
    x[:, : columns // 2] += size
    arrays = (x, rng.uniform(-2, 2, columns), rng.uniform(-2, 2, columns))
    return [ring.decode(ring.encode(one)) for one in arrays]


def exact(x, scale, shift, epsilon, centred=True):
    mean = x.mean(axis=-1, keepdims=True) if centred else np.zeros((len(x), 1))
    size = np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + epsilon)
    return (x - mean) / size * scale + shift, x - mean, size, mean


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32), st.sampled_from(RINGS), st.sampled_from([2, 3, 8, 65, 300]), st.booleans())
def test_rows_are_normalised_within_the_bound(seed, ring, columns, centred):
    epsilon = 2.0 ** -np.random.default_rng(seed).integers(4, 18)
    plan = Norm.of(ring, columns, epsilon, centred)
    most = min(5.0, np.log2(plan.widest) - 2, np.log2(ring.bound) - 4)
    x, scale, shift = drawn(ring, 6, columns, seed, (-3, most))
    want, deviation, size, mean = exact(x, scale, shift if centred else 0.0, epsilon, centred)
    if centred:
        got = reals("plain", ring, lambda me, v, a, b: layer_norm(me, v, a, b, epsilon), x, scale, shift)
    else:
        got = reals("plain", ring, lambda me, v, a: rms_norm(me, v, a, epsilon), x, scale)
    told = size**2 * columns * 4.0 ** (ring.fraction_bits + 2) >= 2.0 ** (plan.cut + 6)
    most = plan.bound(ring, columns, deviation, size, mean, scale)
    assert (np.abs(got - want) <= most)[told[:, 0]].all()


CHOICES = [{}, {"truncation": "fused"}, {"comparison": "masked", "rotate": False}]


@pytest.mark.parametrize("choices", CHOICES, ids=str)
def test_on_shares_too_whatever_the_choices(choices):
    ring = Ring()
    x, scale, shift = drawn(ring, 5, 48, 3, (-4, 6))
    plan = Norm.of(ring, 48, 1e-5, True)
    want, deviation, size, mean = exact(x, scale, shift, 1e-5)

    async def program(me, v, a, b):
        return await layer_norm(me, v, a, b, 1e-5)

    got = reals("replicated3", ring, program, x, scale, shift, **choices)
    assert (np.abs(got - want) <= plan.bound(ring, 48, deviation, size, mean, scale)).all()


def test_a_layer_of_bert_is_within_a_thousandth_and_cheaper_than_asked():
    ring, columns = Ring(), 768
    x, _, _ = drawn(ring, 8, columns, 4, (-4, 5))
    plan = Norm.of(ring, columns, 1e-12, True)
    want, deviation, size, mean = exact(x, 1.0, 0.0, 1e-12)
    assert plan.bound(ring, columns, deviation, size, mean, np.ones(columns)).max() <= 2.0**-10
    got = reals("replicated3", ring, lambda me, v: layer_norm(me, v, None, None, 1e-12), x)
    assert np.abs(got - want).max() <= 2.0**-11
    found = measured("layer_norm", 128, "workload.row=768", "dry_run=true").output
    assert found["rounds"] <= 28
    assert found["bytes_per_party_and_value"] / 768 <= 30


@pytest.mark.parametrize("row", [1, 6, 21])
@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("family", list(families()))
def test_every_family_normalises_at_the_cost_of_its_formula(family, op, row):
    found = held_to_formulas(measured(op, 5, f"workload.row={row}", family=family))
    assert found.output["max_error"] <= 2.0**-10


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_groups_of_channels_of_images(groups):
    ring, rng = Ring(), np.random.default_rng(1)
    shapes = ((2, 3, 2, 6), (6,), (6,))
    x, scale, shift = (ring.decode(ring.encode(rng.normal(size=shape))) for shape in shapes)
    split = x.reshape(2, 6, groups, -1)
    mean = split.mean(axis=(1, 3), keepdims=True)
    whole = (split - mean) / np.sqrt(((split - mean) ** 2).mean(axis=(1, 3), keepdims=True) + 1e-3)
    want = whole.reshape(x.shape) * scale + shift

    async def program(me, v, a, b):
        return await group_norm(me, v, groups, a, b, 1e-3)

    for family in ("plain", "replicated3"):
        assert np.abs(reals(family, ring, program, x, scale, shift) - want).max() <= 2.0**-10


@pytest.mark.parametrize("ring", RINGS, ids=lambda ring: f"l{ring.bits}f{ring.fraction_bits}")
def test_the_widths_that_formulas_restate_are_those_of_the_plans(ring):
    for columns in (1, 2, 3, 48, 768, 4096):
        for epsilon in (1e-12, 1e-5, 0.5):
            plan = Norm.of(ring, columns, epsilon, True)
            priced = norm(Sizes(ring.bits, ring.fraction_bits, ring.value_bits), columns, epsilon)
            assert (priced.limits, priced.compared) == (len(plan.limits), plan.compared)
            assert (priced.mean, priced.squares) == (plan.mean_cut - 2, plan.cut)
            assert (priced.near, priced.raised) == (plan.near, plan.raised - plan.near)
            assert priced.inverse == plan.inverse


def test_what_means_nothing_is_refused_by_name():
    for columns, epsilon in ((0, 1e-5), (4, 0.0), (4, -1.0)):
        with pytest.raises(InputError, match="accepted are rows of 1 value or more"):
            Norm.of(Ring(), columns, epsilon, True)
    with pytest.raises(InputError, match="ring: a normalisation of rows of 768 has no room"):
        Norm.of(Ring(64, 30, 32), 768, 1e-5, True)
    with pytest.raises(Exception, match="groups = 4: accepted is what divides the 6 channels"):
        reals("plain", Ring(), lambda me, v: group_norm(me, v, 4, None, None, 1e-5), np.ones((1, 2, 6)))
