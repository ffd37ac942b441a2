"""Every family through every operation: values against the clear, costs against formulas, edges."""

import functools
import json
import os

import numpy as np
import pytest
from served import served

import scenarios
from analysis.predict import SHIPPED, measure
from analysis.predict import run as predict
from mpcsim import InputError
from mpcsim.scenario import load_scenario, workload
from protocols.domains import Ring
from protocols.family import NotOffered
from protocols.functions import (
    NORMS,
    argmax,
    equal,
    less_than,
    maximum,
    multiply_fixed,
    pieces,
    relu,
    truncate_exact,
)
from protocols.layers import average_pool, max_pool
from scenarios.families import families
from scenarios.probes.microbench import OPERATIONS
from scenarios.probes.operations import NAMED

RINGS = {
    64: ["ring.bits=64", "ring.fraction_bits=16", "ring.value_bits=31"],
    32: ["ring.bits=32", "ring.fraction_bits=8", "ring.value_bits=20"],
}
FAMILIES = list(families())
LONG = bool(os.environ.get("MPCSIM_LONG"))
SIZES_RUN = (1, 7)
EXACT = {
    "reveal", "mul", "compare", "equal", "a2b", "b2a", "inject", "select", "relu", "maxpool", "max",
    "argmax", "trunc_exact", "shuffle", "sort", "topk",
    "group_sums", "group_max", "join", "abs", "min",
}  # fmt: skip
ON_TABLES = ("shuffle", "sort", "topk", "group_sums", "group_max", "join")
LACKS = {
    "plain": ON_TABLES,
    "dealer2": ON_TABLES,
    "fss2": ON_TABLES,
    "replicated3": (),
    "replicated3_malicious": (),
    "replicated4": ON_TABLES,
    "shamir": ON_TABLES,
}
"""What families do not offer, by name: no more, and no less."""
TARGET = 4.0  # units 2^−f, relative to max(1, |result|)


def _measured(op, size, family, ring):
    chosen = [f"workload.op={op}", f"workload.size={size}", f"protocol.family={family}", *RINGS[ring]]
    return measure("microbench", chosen)


def _rings(family, op):
    """Return the rings of a case: all with MPCSIM_LONG=1, else one, in turns."""
    return list(RINGS) if LONG else [list(RINGS)[_turn(family, op) % len(RINGS)]]


def _sizes(family, op):
    """Return the sizes of a case: both with MPCSIM_LONG=1, else one, in turns: each ring has both."""
    return SIZES_RUN if LONG else [SIZES_RUN[_turn(family, op) // len(RINGS) % len(SIZES_RUN)]]


def _turn(family, op):
    return FAMILIES.index(family) + list(OPERATIONS).index(op)


@pytest.mark.parametrize(
    ("family", "op", "ring"),
    [(family, op, ring) for family in FAMILIES for op in OPERATIONS for ring in _rings(family, op)],
)
def test_an_operation_gives_what_the_clear_does_at_the_cost_of_its_formula(family, op, ring):
    for size in _sizes(family, op):
        try:
            found = _measured(op, size, family, ring)
        except (InputError, NotOffered) as error:
            reason = getattr(error, "reason", error)
            assert isinstance(reason, NotOffered)
            assert op in LACKS[family]
            return
        assert op not in LACKS[family]
        units = found.output["max_error"] * 2 ** RINGS_F[ring]
        most = TARGET
        if op in NAMED:
            most = pieces(Ring(*SIZES[ring]), NAMED[op]).bound.units
        if op == "log_softmax":  # a logarithm's, and ten exponentials'
            most = TARGET + 10 * 1.2
        if op in NORMS:  # deviations, off by a unit, over the least that is drawn, times the greatest scale
            most = 8.0
        if OPERATIONS[op].units is not None:
            most = OPERATIONS[op].units(Ring(*SIZES[ring]))
        assert units <= (0.0 if op in EXACT else most), units
        for row in predict.rows(found):
            assert row.equal, row.difference() if row.equal is False else "no formula"


RINGS_F = {64: 16, 32: 8}
SIZES = {64: (64, 16, 31), 32: (32, 8, 20)}


def _run(family, program, shape, *arrays):
    """Return the integers that the client learns of program(view, *values), of that shape."""
    ring = Ring()
    return ring.signed(served(family, ring, program, *map(ring.encode, arrays), shape=shape))


def _check(family, program, want, *arrays, units=0, scaled=True):
    """Compare with what is wanted, to so many units 2^−f, relative to max(1, |want|)."""
    want = np.asarray(want)
    found = _run(family, program, want.shape, *arrays)
    scale = 2.0**16 if scaled else 1.0
    assert (np.abs(found - want * scale) <= units * np.maximum(1, np.abs(want))).all()


def _values(*shape, seed=3):
    return np.rint(np.random.default_rng(seed).uniform(-90, 90, shape) * 2**16) / 2**16


@pytest.mark.parametrize("shape", [(0,), (1,), (3, 1, 5), (2, 0, 3)])
@pytest.mark.parametrize("family", FAMILIES)
def test_shapes_and_edges_of_elementwise_operations(family, shape):
    x, y = _values(*shape), _values(*shape, seed=4)
    _check(family, relu, np.maximum(x, 0), x)
    _check(family, less_than, x < y, x, y, scaled=False)
    _check(family, equal, x == x, x, x, scaled=False)
    _check(family, multiply_fixed, x * y, x, y, units=1.01)
    _check(family, truncate_exact, np.floor(x), x, scaled=False)


@pytest.mark.parametrize("entries", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_largest_of_any_number(family, entries):
    x = _values(4, entries)
    _check(family, maximum, x.max(axis=1), x)
    _check(family, argmax, x.argmax(axis=1), x, scaled=False)


@pytest.mark.parametrize(
    ("window", "stride", "padding"),
    [
        ((2, 2), (2, 2), ((0, 0), (0, 0))),
        ((3, 2), (1, 3), ((0, 0), (0, 0))),
        ((3, 3), (2, 2), ((1, 1), (1, 0))),
        ((1, 1), (1, 1), ((0, 0), (0, 0))),
    ],
)
@pytest.mark.parametrize("family", FAMILIES)
def test_windows_of_any_form(family, window, stride, padding):
    x = _values(2, 7, 6, 3)
    widths = ((0, 0), *padding, (0, 0))
    least = np.pad(x, widths, constant_values=-(2.0**14))
    view = np.lib.stride_tricks.sliding_window_view(least, window, (1, 2))[:, :: stride[0], :: stride[1]]
    _check(family, lambda me, v: max_pool(me, v, window, stride, padding), view.max(axis=(-2, -1)), x)
    zeros = np.lib.stride_tricks.sliding_window_view(np.pad(x, widths), window, (1, 2))
    means = zeros[:, :: stride[0], :: stride[1]].mean(axis=(-2, -1))
    _check(family, lambda me, v: average_pool(me, v, window, stride, padding), means, x, units=4)


@pytest.mark.parametrize("family", FAMILIES)
def test_bits_are_a_boolean_algebra(family):
    x, y = _values(9), _values(9, seed=5)
    x[0] = 0

    async def program(me, x, y):
        b, c = await me.negative(x), await me.negative(y)
        found = [me.xor(b, c), await me.both(b, c), me.opposite(b)]
        found.append(await me.from_value(await me.to_value(b)))
        numbers = [await me.to_value(one) for one in found]
        return me.stack([*numbers, await me.select(b, y)])

    b, c = x < 0, y < 0
    want = [b ^ c, b & c, ~b, b, np.where(b, y, 0) * 2.0**16]
    _check(family, program, np.stack([np.asarray(one, float) for one in want]), x, y, scaled=False)


@functools.cache
def _shipped(name, family, *overrides):
    """Return output, description and costs of a shipped scenario on a family; each is run once."""
    chosen = [f"protocol.family={family}", "engine.trace=false", *overrides]
    loaded = load_scenario(name, chosen, None, SHIPPED)
    program = workload.build_program(loaded, scenarios.WORKLOADS)
    run = workload.run_program(program, loaded)
    costs = [run.rounds, run.makespan_ns, run.payload_bytes, run.messages]
    return program.summarize(run), program.describe, costs


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "name",
    ["pomic_inference", "lenet", "microbench", *(["pomic_paper"] if LONG else [])],
)
def test_a_shipped_scenario_runs_on_any_family_with_no_other_flag(name, family):
    output, describe, _ = _shipped(name, family)
    json.dumps(describe)
    assert describe["family"] == family
    assert describe["security"]["apart"]
    if output.get("logits"):
        assert output["max_logit_error"] <= 2.0**-8
        assert output["predictions"] == output["clear_predictions"]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_dry_run_costs_what_a_run_does(family):
    _, _, dry = _shipped("pomic_inference", family, "dry_run=true")
    _, _, real = _shipped("pomic_inference", family)
    assert dry == real


@pytest.mark.parametrize("op", ON_TABLES)
def test_tables_are_refused_by_name_where_a_family_has_none(op):
    with pytest.raises(
        InputError, match=rf"{op}: not offered by plain \(replicated3 and replicated3_malicious have it\)"
    ):
        _measured(op, 5, "plain", 64)
