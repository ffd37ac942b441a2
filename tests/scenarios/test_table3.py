"""The items of the paper's table 3 are named in the results."""

import json
from pathlib import Path

import pytest

import scenarios
from mpcsim import InputError
from mpcsim.record import to_json
from mpcsim.scenario import load_scenario
from mpcsim.scenario.running import execute

LAYERS = ["convolution", "dense", "ReLU", "max pooling"]


def summary(name, tmp_path, *overrides):
    scenario = load_scenario(name, overrides, None, Path(scenarios.__file__).parent)
    done = execute(scenario, scenarios.WORKLOADS, tmp_path / "record")
    return json.loads(to_json(done.summary))


@pytest.mark.parametrize(
    ("name", "whole"), [("pomic_paper", "inference"), ("pomic_paper_training", "training")]
)
def test_the_paper_s_choices_give_its_items(name, whole, tmp_path):
    found = summary(name, tmp_path)
    rows = {row["item"]: row for row in found["output"]["table3"]}
    assert list(rows) == [whole, *LAYERS]
    assert all(row["rounds"] > 0 and row["payload_bytes"] > 0 for row in rows.values())
    layers = [span for span in found["spans"] if span["op"] == "relu"]
    assert rows["ReLU"]["payload_bytes"] == sum(span["payload_bytes"] for span in layers)
    assert sum(rows[item]["payload_bytes"] for item in LAYERS) <= rows[whole]["payload_bytes"]


@pytest.mark.parametrize(("name", "said"), [("pomic_inference", True), ("lenet", False)])
def test_the_items_are_printed_for_the_papers_scenarios_alone(name, said, tmp_path):
    scenario = load_scenario(name, ["dry_run=true"], None, Path(scenarios.__file__).parent)
    done = execute(scenario, scenarios.WORKLOADS, tmp_path / "record")
    assert done.summary["output"]["table3"]
    printed = "\n".join(map(str, done.program.render(done.summary["output"])))
    assert ("table 3" in printed) is said


def test_ripple_and_separate_layers_cost_many_times_the_rounds_of_ours(tmp_path):
    paper = summary("pomic_paper", tmp_path / "paper")
    ours = summary("pomic_inference", tmp_path / "ours", "protocol.comparison=masked")
    assert paper["rounds"] > 10 * ours["rounds"]
    assert paper["output"]["predictions"] == ours["output"]["predictions"]


def test_training_refuses_separate_layers(tmp_path):
    with pytest.raises(InputError, match=r"protocol\.layers: found 'separate'"):
        summary("training_step", tmp_path, "protocol.layers=separate")
