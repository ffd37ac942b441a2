"""Published networks for vision: as many parameters as published, and thin ones run for real."""

import os

import numpy as np
import pytest
import tomli_w

import scenarios
from analysis.predict import measure
from analysis.predict import run as predict
from analysis.predict.measuring import SHIPPED
from mpcsim.errors import ScenarioError
from mpcsim.scenario import load_scenario, workload
from scenarios.networks import ModelSettings, shapes, weights

# Parameters as published, channels whose scale is folded into a kernel, and images for thin networks.
PUBLISHED = {
    "resnet18": (11_689_512, 4_800, 32),
    "squeezenet": (1_235_496, 0, 35),
    "densenet121": (7_978_856, 7_488, 32),
    "unet": (31_030_658, 0, 188),
    "mobilenet_v2": (3_504_872, 17_056, 32),
    "efficientnet_b0": (5_288_548, 21_008, 32),
}
LONG = "MPCSIM_LONG" in os.environ
THINNER = 16
"""What numbers of channels are divided by in thin networks."""


def _tables(name):
    return load_scenario(name, [], None, SHIPPED).tables


def _model(name):
    return ModelSettings.model_validate(_tables(name)["model"])


def _thin(layer, by):
    """Return a layer with fewer channels; groups of one channel stay such."""
    few = {key: max(2, layer[key] // by) for key in ("filters", "units", "groups") if layer.get(key, 1) > 1}
    return layer | few


def _thin_scenario(folder, name, **tables):
    size = PUBLISHED[name][2]
    document = _tables(name)
    by = {"mobilenet_v2": 8, "efficientnet_b0": 8}.get(name, THINNER)
    layers = [_thin(layer, by) for layer in document["model"]["layers"]]
    channels = document["model"]["input"][2]
    model = {"input": [size, size, channels], "layers": layers, "weights": "weights.npz"}
    declared = ModelSettings.model_validate(model)
    rng = np.random.default_rng(1)
    values = {
        key: value + rng.normal(0, 0.05, value.shape) for key, value in weights.initial(declared, 1).items()
    }
    weights.save(folder / "weights.npz", declared, values)
    data = {"source": "random", "size": size, "channels": channels}
    whole = {"workload": "private_inference", "seed": 1, "data": data, "model": model} | tables
    (folder / "thin.toml").write_text(tomli_w.dumps(whole))
    return str(folder / "thin.toml")


def _run(scenario):
    program = workload.build_program(scenario, scenarios.WORKLOADS)
    run = workload.run_program(program, scenario)
    return run, program.summarize(run)


def _all_but(*slow):
    """Return the names, those that take long for long runs alone."""
    long = pytest.mark.skipif(not LONG, reason="many seconds; set MPCSIM_LONG=1")
    return [pytest.param(name, marks=long) if name in slow else name for name in PUBLISHED]


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_are_as_many_as_published(name):
    model, (published, folded, _) = _model(name), PUBLISHED[name]
    ours = sum(int(np.prod(shape)) for shape in weights.expected(model).values())
    convolutions = [plan for plan in shapes(model) if plan.layer.type == "conv2d" and plan.bias]
    biases = sum(plan.bias[0] for plan in convolutions if plan.input[:2] != (1, 1))  # gates have their own
    assert ours + folded == published
    assert folded in (0, biases)


@pytest.mark.parametrize("name", _all_but("efficientnet_b0"))
def test_a_thin_network_runs_on_shares_as_in_the_clear_and_costs_what_its_dry_run_does(name, tmp_path):
    file = _thin_scenario(tmp_path, name)
    real, dry = (_run(load_scenario(file, [f"dry_run={way}"], None, ())) for way in ("false", "true"))
    errors = real[1]["max_layer_error"]
    assert len(errors) > 15
    assert max(errors.values()) < 2.0**-7, max(errors.items(), key=lambda one: one[1])
    assert real[1]["fixed_agreement"] > 0.99
    assert [span.describe() for span in dry[0].spans] == [span.describe() for span in real[0].spans]
    assert dry[0].links == real[0].links
    assert (dry[0].rounds, dry[0].makespan_ns) == (real[0].rounds, real[0].makespan_ns)


@pytest.mark.parametrize("name", _all_but("densenet121", "efficientnet_b0"))
def test_every_node_of_a_published_network_costs_what_its_formula_says(name):
    found = predict.rows(measure(name, []))
    assert [row.op for row in found if not row.equal] == []
    assert len(found) > 40


def test_shapes_are_as_published():
    resnet, squeezenet, densenet, unet, mobilenet, efficientnet = (
        [plan.output for plan in shapes(_model(name))] for name in PUBLISHED
    )
    assert [s for s in resnet if s in ((56, 56, 64), (28, 28, 128), (14, 14, 256), (7, 7, 512))]
    assert {(55, 55, 128), (27, 27, 256), (13, 13, 512), (13, 13, 1000)} <= set(squeezenet)
    assert {(56, 56, 256), (28, 28, 512), (14, 14, 1024), (7, 7, 1024)} <= set(densenet)
    assert {(112, 112, 16), (56, 56, 24), (28, 28, 32), (14, 14, 96), (7, 7, 320)} <= set(mobilenet)
    assert {(112, 112, 16), (56, 56, 24), (28, 28, 40), (14, 14, 112), (7, 7, 320)} <= set(efficientnet)
    assert {(28, 28, 1024), (52, 52, 512), (100, 100, 256), (196, 196, 128)} <= set(unet)
    assert unet[-1] == (388, 388, 2)


# What ends a network


@pytest.mark.parametrize("family", ["replicated3", "replicated4", "dealer2", "shamir", "plain",
                                    "replicated3_malicious", "fss2"])  # fmt: skip
@pytest.mark.parametrize("reveal", ["class", "logits"])
def test_a_network_that_ends_in_a_map_reveals_it_at_the_cost_of_its_formula(family, reveal, tmp_path):
    file = _map_scenario(tmp_path, family, reveal)
    run, output = _run(load_scenario(file, [], None, ()))
    shown = np.asarray(run.outputs["hospital"])
    assert shown.shape == (2, 5, 4) if reveal == "class" else (2, 5, 4, 3)
    assert np.asarray(output["predictions"]).shape == (2, 5, 4)
    assert output["fixed_agreement"] == 1
    assert output["accuracy"] is None  # images have labels, and pixels none
    assert [row.op for row in predict.rows(measure(file, [])) if not row.equal] == []


def _map_scenario(folder, family, reveal, **output):
    layers = [{"type": "conv2d", "filters": 3, "kernel": [2, 3]}]
    model = ModelSettings.model_validate({"input": [6, 6, 1], "layers": layers})
    weights.save(folder / "weights.npz", model, weights.initial(model, 2))
    document = {
        "workload": "private_inference",
        "seed": 1,
        "protocol": {"family": family},
        "data": {"source": "random", "size": 6, "count": 2},
        "model": {"input": [6, 6, 1], "layers": layers, "weights": "weights.npz"},
        "output": {"reveal": reveal} | output,
    }
    (folder / "map.toml").write_text(tomli_w.dumps(document))
    return str(folder / "map.toml")


def test_the_argmax_of_an_inference_takes_few_rounds_where_asked():
    usual, few = (
        _run(load_scenario("resnet18", [f"output.few_rounds={way}"], None, SHIPPED))[0].span("argmax")
        for way in ("false", "true")
    )
    assert (usual.rounds, few.rounds) == (50, 21)
    assert few.payload_bytes < 2 * usual.payload_bytes
    rows = predict.rows(measure("resnet18", ["output.few_rounds=true"]))
    assert [row.op for row in rows if not row.equal] == []


def test_few_rounds_are_refused_where_there_is_no_argmax(tmp_path):
    file = _map_scenario(tmp_path, "replicated3", "logits", few_rounds=True)
    with pytest.raises(ScenarioError, match="accepted with reveal = 'class'"):
        _run(load_scenario(file, [], None, ()))
