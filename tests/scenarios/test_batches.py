import tomllib
import tracemalloc
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from analysis.predict.measuring import measure
from analysis.predict.run import rows
from mpcsim import InputError
from mpcsim.scenario import load_scenario
from mpcsim.scenario.workload import build_program, run_program
from protocols.domains.ring import Ring
from protocols.family import Terms
from protocols.replicated3 import Replicated3
from protocols.replicated3.sharings.sharing import Share
from scenarios import WORKLOADS
from scenarios.inference.batches import BatchSettings
from scenarios.inference.report import LayerValues
from scenarios.networks import ModelSettings, shapes

SHIPPED = [Path(str(files("scenarios")))]


def flagship(*overrides):
    scenario = load_scenario("pomic_inference", overrides, None, SHIPPED)
    program = build_program(scenario, WORKLOADS)
    run = run_program(program, scenario)
    return run, program.summarize(run)


def plans():
    scenario = tomllib.loads((SHIPPED[0] / "pomic_inference.toml").read_text())
    return shapes(ModelSettings(**scenario["model"]))


def test_batches_cost_rounds_and_give_the_same_classes():
    run, output = flagship("data.count=3")
    batched, same = flagship("data.count=3", "inference.batch=2")
    assert same["predictions"] == output["predictions"]
    assert len(same["logits"]) == 3
    stages = [1 + 10 + 6] * 3 + [1 + 6, 2, 5]  # conv, pool, ReLU; conv, ReLU; dense; argmax
    assert run.span("inference").rounds == sum(stages)
    assert batched.span("inference").rounds == sum(stages) + max(stages)
    assert batched.span("waiting").rounds == max(stages)


@pytest.mark.parametrize(
    "overrides",
    [
        ("data.count=5", "inference.batch=2"),
        ("data.count=4", "inference.batch=1", "output.reveal=logits"),
        ("data.count=3", "inference.batch=2", "protocol.comparison=masked", "protocol.select=one_round"),
        ("data.count=4", "inference.batch=1", "protocol.layers=separate", "protocol.comparison=ripple"),
        ("data.count=3", "inference.batch=1", "protocol.comparison=tree", "ring.value_bits=20"),
    ],
)
def test_the_cost_of_batches_is_the_formula(overrides):
    found = rows(measure("pomic_inference", overrides))
    assert {"waiting", "conv1", "inference", "run"} <= {row.op for row in found}
    assert [row.op for row in found if not row.equal] == []


def test_batches_of_a_network_with_branches_cost_the_formula():
    found = rows(measure("resnet50", ("data.count=3", "inference.batch=2")))
    assert [row.op for row in found if not row.equal] == []


def test_values_of_layers_take_32_bits_where_they_fit():
    ring = Ring(64, 16, 31)
    for top, dtype in ((1 << 30, np.int32), (1 << 40, np.int64)):
        values = LayerValues(Replicated3, Terms(ring))
        words = ring.encode_integers(np.array([top, -top]))
        parts = np.array([5, 6], ring.dtype), np.array([7, 2**63], ring.dtype)
        values.take("layer/a", 1, Share(parts[1], words - parts[0] - parts[1]))
        values.take("layer/a", 2, Share(words, words))
        values.take("model/b", 0, Share(words, words))
        values.take("layer/a", 0, Share(parts[0], parts[1]))
        (found,) = values.values().values()
        assert found.dtype == dtype
        assert found.tolist() == [top, -top]


def test_memory_grows_little_with_batches():
    """Of numpy's arrays: the emulator's events and Python's objects are small beside them."""

    def peak(count):
        scenario = load_scenario(
            "pomic_inference", (f"data.count={count}", "inference.batch=1"), None, SHIPPED
        )
        program = build_program(scenario, WORKLOADS)
        tracemalloc.start()
        run_program(program, scenario)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(1)
    few, many = peak(2), peak(5)
    assert many - few < 10_000_000  # without batches an image takes 7 MB


def test_more_memory_takes_more_images_at_once():
    few, many = (BatchSettings(memory=memory).sizes(plans(), 64) for memory in ("300 MB", "0.5 GB"))
    assert sum(few) == sum(many) == 64
    assert len(few) > len(many)


def test_without_a_limit_all_images_go_at_once():
    assert BatchSettings().sizes(plans(), 64) == [64]
    assert BatchSettings(memory="2 GB").sizes(plans(), 64) == [64]
    assert BatchSettings(memory="2 GB", batch=40).sizes(plans(), 64) == [40, 24]
    assert BatchSettings(batch=100).sizes(plans(), 64) == [64]


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"memory": "1 MB"}, r"8 images, \d in a batch, take about \d+ MB"),
        ({"memory": "much"}, "accepted is a size"),
    ],
)
def test_unusable_limits_are_refused(settings, text):
    with pytest.raises(InputError, match=text):
        BatchSettings(**settings).sizes(plans(), 8)
