"""Activations by tables of pieces: within their bounds over all values, in many rings, on every family.

Few values here, and with MPCSIM_LONG=1 a hundred times as many.
"""

import os

import numpy as np
import pytest
from harness import over
from hypothesis import given, settings
from hypothesis import strategies as st
from served import served

from analysis.costs.pieces import Sizes, table
from analysis.costs.replicated3 import ACTIVATIONS as PRICED
from analysis.costs.replicated3 import OPERATIONS, Setting
from mpcsim import InputError
from protocols.domains import Ring
from protocols.family import Terms
from protocols.functions import ACTIVATIONS, activate, activation, inside, pieces
from scenarios.families import families

COUNT = 200_000 if "MPCSIM_LONG" in os.environ else 600
RINGS = [
    Ring(64, 16, 31), Ring(64, 10, 43), Ring(64, 20, 40), Ring(64, 16, 47), Ring(64, 8, 50),
    Ring(64, 20, 31),
    Ring(32, 8, 20), Ring(32, 13, 18), Ring(37, 5, 24), Ring(48, 12, 30), Ring(33, 3, 6),
]  # fmt: skip
USUAL = [activation(name, *parameters) for name, parameters in PRICED.items()]
MORE = [
    activation("gelu", within=2.0**-10),
    activation("silu", within=2.0**-9),
    activation("elu", 2.5),
    activation("elu", -0.5),
    activation("clip", -3.3, 0.1),
    activation("hard_sigmoid", 1 / 6, 0.5),
    activation("leaky_relu", 0.25),
    activation("leaky_relu", -3.0),
]
EXACT = [activation("relu6"), activation("clip", -1.5, 2.0), activation("leaky_relu", 2.0)]
FAMILIES = list(families())


def _refused(ring, act):
    """Return whether the ring is too narrow; that these are few is held by a test."""
    try:
        pieces(ring, act)
    except InputError:
        return True
    return False


def spread(ring, act, seed=1):
    """Return values dense where pieces meet, near zero, and at the ends of the range."""
    rng = np.random.default_rng(seed)
    top = 1 << (ring.value_bits - 1)
    limits = pieces(ring, act).limits
    parts = [
        rng.integers(-top, top, COUNT // 4),
        rng.uniform(-1, 1, COUNT) * min(top, 16 << ring.fraction_bits),
        np.array([limit + step for limit in limits for step in (-2, -1, 0, 1, 2)], float),
        np.array([-top, 1 - top, -1, 0, 1, top - 2, top - 1], float),
    ]
    return np.clip(np.rint(np.concatenate(parts)), -top, top - 1).astype(np.int64)


def off(ring, act, family="plain", seed=1, **choices):
    """Return the greatest error in units, of values that are results of the ring."""
    x = spread(ring, act, seed)
    unit = 2.0**-ring.fraction_bits
    want = act(x * unit) / unit
    fits = np.abs(want) < 2.0 ** (ring.value_bits - 1) - 1
    words = x.astype(ring.dtype)
    got = ring.signed(served(family, ring, lambda me, v: activate(me, v, act), words, **choices))
    return float(np.abs(got - want)[fits].max())


def _names(value):
    if isinstance(value, Ring):
        return f"l{value.bits}f{value.fraction_bits}v{value.value_bits}"
    return f"{value.name}{value.parameters or ''}{value.within or ''}"


@pytest.mark.parametrize("ring", RINGS, ids=_names)
@pytest.mark.parametrize("act", [*USUAL, *MORE], ids=_names)
def test_an_activation_is_within_its_bound_over_all_values(act, ring):
    if _refused(ring, act):
        with pytest.raises(InputError, match=r"^ring: "):
            pieces(ring, act)
        return
    assert off(ring, act) <= pieces(ring, act).bound.units


@pytest.mark.parametrize("act", [*USUAL, *MORE], ids=_names)
def test_on_shares_it_is_what_its_bound_says(act):
    for ring in (Ring(64, 16, 31), Ring(32, 8, 20)):
        assert off(ring, act, "replicated3") <= pieces(ring, act).bound.units


@pytest.mark.parametrize("choices", [
    {"truncation": "fused"}, {"comparison": "masked"}, {"comparison": "ripple", "rotate": False},
    {"select": "one_round", "radix": 3}, {"radix": 1},
], ids=str)  # fmt: skip
def test_no_choice_of_constructions_makes_it_worse(choices):
    for act in (activation("gelu"), activation("tanh"), activation("elu"), activation("relu6")):
        assert off(Ring(), act, "replicated3", **choices) <= pieces(Ring(), act).bound.units


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_them(family):
    for act in (activation("gelu"), activation("erf"), activation("elu")):
        assert off(Ring(), act, family) <= pieces(Ring(), act).bound.units


@pytest.mark.parametrize("act", EXACT, ids=_names)
@pytest.mark.parametrize("family", FAMILIES)
def test_lines_of_whole_slopes_are_exact(family, act):
    assert off(Ring(), act, family) == 0


@pytest.mark.parametrize("act", USUAL, ids=_names)
def test_in_the_default_ring_each_is_within_a_thousandth(act):
    assert pieces(Ring(), act).bound.units <= 2.0**-10 * 2**16


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32), st.sampled_from(["gelu", "silu", "softplus", "logistic", "tanh", "erf"]))
def test_any_error_that_is_asked_for_is_kept(seed, name):
    rng = np.random.default_rng(seed)
    act = activation(name, within=2.0 ** -rng.uniform(3, 11))
    ring = [Ring(64, 16, 31), Ring(64, 13, 24), Ring(48, 12, 30)][rng.integers(3)]
    units = max(4.0, act.within * 2.0**ring.fraction_bits)
    if pieces(ring, act).bound.units <= units:
        assert off(ring, act, seed=seed) <= units


def test_a_finer_error_takes_more_products():
    shapes = [
        pieces(Ring(64, 20, 32), activation("gelu", within=2.0**-bits)).core.shape for bits in (4, 8, 13)
    ]
    assert shapes[0].products < shapes[1].products < shapes[2].products


@pytest.mark.parametrize("ring", RINGS, ids=_names)
def test_the_widths_that_formulas_restate_are_those_of_the_tables(ring):
    setting = Sizes(ring.bits, ring.fraction_bits, ring.value_bits)
    for act in [*USUAL, *MORE]:
        try:
            plan = pieces(ring, act)
        except InputError:
            continue
        priced = table(setting, act.name, act.parameters, act.within)
        assert (priced.L, priced.limits, priced.marks) == (plan.bits, len(plan.limits), len(plan.marks))
        assert (priced.compared, priced.scale, priced.lines) == (
            plan.compared,
            plan.scale,
            plan.core is None,
        )
        if plan.core is not None:
            core = plan.core
            assert (priced.square, priced.odd, priced.g) == (core.square, core.odd, core.near)
            assert (priced.height, priced.blocks) == (core.shape.height, core.shape.blocks)


def test_gelu_of_a_layer_of_bert_takes_less_than_130_bytes_a_value_and_12_rounds():
    found = OPERATIONS["gelu"].cost(Setting(), 128 * 3072)
    assert found.bytes / 3 / (128 * 3072) <= 130
    assert found.rounds <= 12


def test_the_twin_in_the_clear_is_the_function():
    x = np.linspace(-8, 8, 101)
    assert np.abs(activation("silu")(x) - x / (1 + np.exp(-x))).max() < 1e-12
    assert np.abs(activation("logistic")(x) - 1 / (1 + np.exp(-x))).max() < 1e-12
    assert np.abs(activation("elu", 2.0)(x) - np.where(x < 0, 2 * np.expm1(x), x)).max() < 1e-12
    assert (activation("relu6")(x) == np.clip(x, 0, 6)).all()
    assert np.abs(activation("hard_swish")(x) - x * np.clip(x / 6 + 0.5, 0, 1)).max() < 1e-12
    assert (activation("leaky_relu", 0.5)(x) == np.where(x < 0, x / 2, x)).all()
    assert activation("gelu")(np.array([1.0]))[0] == pytest.approx(0.8413447460685429)
    assert activation("softplus")(np.array([700.0, -700.0])) == pytest.approx([700.0, 0.0])


@over("family", FAMILIES)
def test_intervals_are_where_they_say(family):
    x = np.array([-300, -3, -2, 0, 1, 4, 5, 200], np.int64)
    limits, marks = [-2, 1, 5], [(0, 1), (1, None), (0, 2), (2, None)]

    async def program(me, v):
        return me.total(me.scale(await inside(me, v, limits, marks, 16), me.ring.encode_integers(
            np.array([1, 10, 100, 1000]).reshape(-1, 1))), 0)  # fmt: skip

    want = ((x >= -2) & (x < 1)) + 10 * (x >= 1) + 100 * ((x >= -2) & (x < 5)) + 1000 * (x >= 5)
    assert list(Ring().signed(served(family, Ring(), program, x.astype(np.uint64)))) == list(want)


@pytest.mark.parametrize(("name", "parameters", "within", "said"), [
    ("swish", (), None, "accepted are gelu"),
    ("clip", (1.0,), None, "found 1 parameters; accepted: low, high"),
    ("clip", (2.0, 1.0), None, "low < high"),
    ("hard_sigmoid", (0.0,), None, "more than 0"),
    ("gelu", (), 0.0, "between 0 and 1"),
    ("leaky_relu", (float("nan"),), None, "finite"),
])  # fmt: skip
def test_what_means_nothing_is_refused_by_name(name, parameters, within, said):
    with pytest.raises(InputError, match=said):
        activation(name, *parameters, within=within)


def test_a_ring_without_room_is_refused_by_name():
    with pytest.raises(InputError, match="gelu by pieces needs fraction_bits ≥ 3"):
        pieces(Ring(12, 2, 7), activation("gelu"))
    with pytest.raises(InputError, match=r"gelu by pieces works on \d+ bits"):
        pieces(Ring(64, 30, 31), activation("gelu", within=2.0**-20))
    chosen = families()["replicated3"]
    terms = Terms(Ring(64, 16, 47), chosen.Choices(), chosen.roster())
    with pytest.raises(InputError, match="silu by pieces is within"):
        chosen.check(terms, "activate", activation=activation("silu", within=2.0**-12))


def test_few_rings_leave_no_room():
    refused = [(ring, act) for ring in RINGS for act in [*USUAL, *MORE] if _refused(ring, act)]
    assert len(refused) <= 0.1 * len(RINGS) * len([*USUAL, *MORE])
    assert not [ring for ring, _ in refused if ring in RINGS[:3]]


def test_all_names_are_priced():
    assert set(PRICED) == set(ACTIVATIONS)
