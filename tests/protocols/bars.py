"""What a family may take at most: runs of shipped scenarios on it, and what they reported."""

import scenarios
from analysis.predict import SHIPPED
from mpcsim.scenario import load_scenario, workload


def run_on(family, name, *overrides):
    """Return the output and the run of a shipped scenario on a family."""
    loaded = load_scenario(name, [f"protocol.family={family}", *overrides], None, SHIPPED)
    program = workload.build_program(loaded, scenarios.WORKLOADS)
    run = workload.run_program(program, loaded)
    return program.summarize(run), run


def takes_no_more(family, op, most, parties):
    """Hold an operation to (bytes of all parties a value, ÷ parties, and rounds)."""
    chosen = [f"workload.op={op}", "workload.size=1000", "dry_run=true"]
    found, _ = run_on(family, "microbench", *chosen)
    assert found["payload_bytes"] / parties / 1000 <= most[0]
    assert found["rounds"] <= most[1]
