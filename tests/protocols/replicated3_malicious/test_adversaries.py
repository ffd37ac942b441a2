"""Whoever lies is caught: the right result, or an abort of all who are honest; never a wrong one."""

import os
from pathlib import Path

import numpy as np
import pytest
from claimed import PROGRAMS, RINGS, places, run

import scenarios
from analysis.predict import SHIPPED
from mpcsim.faults import Tamper
from mpcsim.scenario import load_scenario, workload
from protocols.replicated3_malicious import MaliciousChoices, ReplicatedMalicious

LONG = bool(os.environ.get("MPCSIM_LONG"))
SCENARIOS = sorted(path.stem for path in Path(scenarios.__file__).parent.glob("malicious_*.toml"))
WAYS = [
    {"how": "add", "value": 1},
    {"how": "replace", "value": 0},
    {"how": "replay"},
    {"how": "replace", "value": "no message at all"},
    {"how": "withhold"},
    {"how": "swap"},
]
CHOICES = MaliciousChoices(patience="5 s")


def _run(name, size=2, **more):
    program = PROGRAMS[name]
    inputs = program.inputs(np.random.default_rng(3), size)
    found, _ = run(
        program.run,
        inputs,
        program.shape(size),
        RINGS[3],
        family=ReplicatedMalicious,
        choices=CHOICES,
        **more,
    )
    return found


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_message_that_is_tampered_with_gives_the_right_result_or_an_abort(name):
    honest = _run(name)
    right = honest.outputs["client"]
    assert right is not None
    every = list(places(honest))
    chosen = every if LONG else every[len(name) % 7 :: max(1, len(every) // 6)]
    for turn, (source, to, number) in enumerate(chosen):
        for way in WAYS if LONG else [WAYS[turn % len(WAYS)]]:
            found = _run(name, faults=[Tamper(source=source, to=to, messages=number, **way)])
            others = [f"server{place}" for place in range(3) if place != source]
            if found.outputs["client"] is None:
                assert found.outcomes["client"] == "aborted"
                assert {found.outcomes[other] for other in others} == {"aborted"}, (source, to, number, way)
            else:
                assert np.array_equal(found.outputs["client"], right), (source, to, number, way)


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("way", [{"how": "add", "value": 1}, {"how": "withhold"}, {"how": "replay"}])
def test_a_client_does_not_learn_a_wrong_result_from_one_server(place, way):
    found = _run("multiply", faults=[Tamper(source=place, to="client", **way)])
    if way["how"] != "replay":  # of a first message there is nothing to say again
        assert found.outcomes["client"] == "aborted"


@pytest.mark.parametrize("place", range(3))
def test_what_a_client_shares_otherwise_with_one_server_is_noticed(place):
    found = _run("multiply", faults=[Tamper(source="client", to=place, how="add", value=1)])
    assert {found.outcomes[f"server{other}"] for other in range(3)} == {"aborted"}


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_of_an_adversary_ends_in_the_abort_of_those_who_are_honest(name):
    loaded = load_scenario(name, ["engine.trace=false"], None, SHIPPED)
    assert loaded.expect == "abort"
    program = workload.build_program(loaded, scenarios.WORKLOADS)
    ran = workload.run_program(program, loaded)
    honest = set(ran.outcomes) - set(ran.adversaries) - {"owner"}
    reader = next((one for one in ("hospital", "hospital0") if one in honest), "client")
    if name in ("malicious_reveal", "malicious_verdict"):  # the servers are done
        assert ran.outcomes["client"] == "aborted"
        assert {ran.outcomes[one] for one in honest if one.startswith("server")} == {"finished"}
    else:
        assert {ran.outcomes[one] for one in honest} == {"aborted"}
    assert reader in ran.adversaries or ran.outcomes[reader] == "aborted"
    try:
        output = program.summarize(ran)
    except (TypeError, KeyError):  # there is nothing to summarise
        output = {}
    assert not output or list(program.render(output))  # what there is can be printed


@pytest.mark.parametrize("name", [name for name in SCENARIOS if "last_layer" not in name])
def test_without_its_adversary_a_scenario_finishes(name):
    loaded = load_scenario(name, ["engine.trace=false", "expect=finish", "adversaries=[]"], None, SHIPPED)
    ran = workload.run_program(workload.build_program(loaded, scenarios.WORKLOADS), loaded)
    assert set(ran.outcomes.values()) == {"finished"}
