"""No operation, nor the flagship, takes more than what is published of MP-SPDZ's dealer protocol."""

import pytest

import scenarios
from analysis.predict import SHIPPED
from mpcsim.scenario import load_scenario, workload

PEER = {  # bytes of all parties a value, ÷ 3; rounds (MP-SPDZ 3a0a7b1, best options, 64-bit ring)
    "mul": (13.4, 6),
    "mul_fixed": (28.9, 20),
    "compare": (26.8, 24),
    "relu": (39.8, 32),
    "maxpool": (119, 67),
    "div": (556, 150),
}


def _run(name, *overrides):
    loaded = load_scenario(name, ["protocol.family=dealer2", *overrides], None, SHIPPED)
    program = workload.build_program(loaded, scenarios.WORKLOADS)
    run = workload.run_program(program, loaded)
    return program.summarize(run), run


@pytest.mark.parametrize("op", PEER)
def test_an_operation_takes_no_more_bytes_nor_rounds(op):
    size, rounds = PEER[op]
    found, _ = _run("microbench", f"workload.op={op}", "workload.size=1000", "dry_run=true")
    assert found["payload_bytes"] / 3 / 1000 <= size
    assert found["rounds"] <= rounds


def test_the_flagship_takes_a_fraction():
    found, run = _run("pomic_inference")
    assert run.payload_bytes <= 35e6
    assert run.rounds <= 100
    assert found["max_logit_error_float"] <= 2.0**-8
    assert found["predictions"] == found["clear_predictions"]
