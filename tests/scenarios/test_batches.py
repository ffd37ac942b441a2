import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from mpcsim import InputError
from mpcsim.scenario import load_scenario
from mpcsim.workload import build_program, run_program
from scenarios import WORKLOADS
from scenarios.batches import BatchSettings
from scenarios.model import ModelSettings, shapes

SHIPPED = Path(str(files("scenarios")))


def flagship(*overrides):
    scenario = load_scenario("pomic_inference", overrides, None, SHIPPED)
    program = build_program(scenario, WORKLOADS)
    run = run_program(program, scenario)
    return run, program.summarize(run)


def plans():
    scenario = tomllib.loads((SHIPPED / "pomic_inference.toml").read_text())
    return shapes(ModelSettings(**scenario["model"]))


def test_batches_cost_rounds_and_give_the_same_classes():
    run, output = flagship("data.count=3")
    batched, same = flagship("data.count=3", "inference.batch=2")
    assert same["predictions"] == output["predictions"]
    assert len(same["logits"]) == 3
    assert batched.span("inference").rounds == 2 * run.span("inference").rounds


def test_more_memory_takes_more_images_at_once():
    few, many = (BatchSettings(memory=memory).sizes(plans(), 64) for memory in ("300 MB", "0.6 GB"))
    assert sum(few) == sum(many) == 64
    assert len(few) > len(many)


def test_without_a_limit_all_images_go_at_once():
    assert BatchSettings().sizes(plans(), 64) == [64]


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"memory": "1 MB"}, "one image at a time takes about"),
        ({"memory": "much"}, "accepted is a size"),
        ({"memory": "1 GB", "batch": 2}, "accepted is one of them"),
    ],
)
def test_unusable_limits_are_refused(settings, text):
    with pytest.raises(InputError, match=text):
        BatchSettings(**settings).sizes(plans(), 8)
