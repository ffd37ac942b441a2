"""Every function, family and ring: within 2^(2 − f) of max(1, |result|), or refused before it runs."""

import os
from pathlib import Path

import pytest

import scenarios
from mpcsim import InputError, plugins
from mpcsim.scenario import build_program, load_scenario, run_program

SHIPPED = [Path(scenarios.__file__).parent]
FUNCTIONS = ("div", "reciprocal", "exp", "log", "sqrt", "rsqrt", "sigmoid", "softmax")
RINGS = [
    (32, 8, 20), (32, 13, 18), (32, 1, 30), (64, 16, 31), (64, 20, 40), (64, 24, 32), (64, 16, 47),
    (64, 8, 54), (64, 1, 62), (64, 0, 31), (64, 10, 43), (64, 27, 32), (64, 27, 29), (64, 28, 33),
    (64, 30, 33), (64, 31, 32),
]  # fmt: skip
USUAL = {(32, 8, 20), (32, 13, 18), (64, 16, 31), (64, 24, 32)}


FAMILIES = ("plain", "replicated3", "dealer2", "replicated4")
LONG = bool(os.environ.get("MPCSIM_LONG"))
CASES = [  # without MPCSIM_LONG=1 families take turns with the rings that are not usual
    (family, ring)
    for place, ring in enumerate(RINGS)
    for turn, family in enumerate(FAMILIES)
    if LONG or ring in USUAL or (place + turn) % 2
]


@pytest.mark.parametrize(("family", "ring"), CASES, ids=str)
def test_a_function_is_accurate_or_refused(family, ring):
    bits, fraction_bits, value_bits = ring
    ran, refused = [], []
    for op in FUNCTIONS:
        overrides = [
            f"protocol.family={family}", f"workload.op={op}", "workload.size=300", "engine.trace=false",
            f"ring.bits={bits}", f"ring.fraction_bits={fraction_bits}", f"ring.value_bits={value_bits}",
        ]  # fmt: skip
        scenario = load_scenario("microbench", overrides, None, SHIPPED)
        try:
            program = build_program(scenario, plugins.workloads())
        except InputError as refusal:
            refused.append(str(refusal))
            continue
        error = program.summarize(run_program(program, scenario))["max_error"]
        assert error * 2**fraction_bits <= 4, (op, error * 2**fraction_bits)
        ran.append(op)
    assert ring not in USUAL or set(ran) >= set(FUNCTIONS)
    assert all("accepted" in one for one in refused), refused
