"""What an operation costs is split between its phases, of data and of shapes alike."""

import pytest

import scenarios
from analysis.predict import SHIPPED
from mpcsim.scenario import load_scenario, workload


def _output(op, *overrides):
    chosen = ["protocol.family=dealer2", f"workload.op={op}", "workload.size=9", *overrides]
    loaded = load_scenario("microbench", chosen, None, SHIPPED)
    program = workload.build_program(loaded, scenarios.WORKLOADS)
    return program.summarize(workload.run_program(program, loaded))


@pytest.mark.parametrize("op", ["mul", "mul_fixed", "matmul", "relu", "a2b", "b2a", "select", "div"])
def test_phases_split_the_bytes_of_an_operation_and_shapes_cost_what_data_do(op):
    found, dry = _output(op), _output(op, "dry_run=true")
    phases = {name: row["payload_bytes"] for name, row in found["phases"].items()}
    assert phases["offline"] == found["payload_bytes_per_party"][2]
    assert phases["online"] == sum(found["payload_bytes_per_party"][:2])
    assert sum(phases.values()) == found["payload_bytes"] > 0
    assert {key: dry[key] for key in ("rounds", "payload_bytes", "phases")} == {
        key: found[key] for key in ("rounds", "payload_bytes", "phases")
    }


def test_a_multiplication_costs_four_words_online_and_one_offline():
    phases = _output("mul")["phases"]
    assert (phases["online"]["payload_bytes"], phases["offline"]["payload_bytes"]) == (9 * 4 * 8, 9 * 8)
    assert phases["online"]["rounds"] == 1
