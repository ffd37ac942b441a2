"""Networks that are graphs: residual connections in the clear and on shares, and the published networks."""

import tracemalloc

import numpy as np
import pytest
from typer.testing import CliRunner

import scenarios
from analysis.predict.measuring import SHIPPED
from mpcsim.cli.app import build
from mpcsim.errors import InputError, ScenarioError
from mpcsim.scenario import load_scenario, workload
from scenarios.clear import fixed, floating
from scenarios.networks import IMAGE, ModelSettings, blocks, shapes
from scenarios.networks import weights as weight_files


def conv(filters, kernel=3, **more):
    return {"type": "conv2d", "filters": filters, "kernel": kernel, **more}


def add(source, **more):
    return {"type": "add", "from": source, **more}


RELU = {"activation": "relu"}
# Every type of layer, and every way in which an `add` can get its summands.
LAYERS = [
    conv(4, padding="same", name="stem", **RELU),
    {"type": "maxpool2d", "size": 3, "stride": 2, "padding": 1, "name": "overlapping"},
    conv(4, 1, name="a", **RELU),
    conv(6, stride=2, padding=1, name="b"),
    {"type": "conv2d", "filters": 6, "kernel": 1, "stride": 2, "from": "overlapping", "name": "projection"},
    add("b", name="two_sums", **RELU),
    conv(6, padding="same", name="c", **RELU),
    conv(6, padding="same", name="d"),
    add("two_sums", name="sum_and_share", **RELU),
    conv(6, padding="same", name="e", **RELU),
    add("sum_and_share", name="two_shares", **RELU),
    conv(5, padding="same", name="f"),
    {
        "type": "conv2d",
        "filters": 5,
        "kernel": 3,
        "padding": "same",
        "from": "e",
        "name": "g",
        "bias": False,
    },
    add("f", name="pooled_sums"),
    {"type": "maxpool2d", "name": "joined", "size": 2},
    {"type": "avgpool2d", "name": "mean", "size": 3, "stride": 1, "padding": 1},
    {"type": "avgpool2d", "name": "global", "size": "global"},
    {"type": "flatten"},
    {"type": "dense", "units": 6, **RELU},
    {"type": "dense", "units": 6, "name": "last"},
    add("dense1", name="twice_dense"),
    {"type": "dense", "units": 3, "name": "logits"},
]


def model_of(layers, size=(14, 12, 3)):
    return ModelSettings.model_validate({"input": size, "layers": layers})


def setting(layers=LAYERS, count=3, seed=5):
    model, rng = model_of(layers), np.random.default_rng(seed)
    weights = {
        name: w + rng.normal(0, 0.05, w.shape) for name, w in weight_files.initial(model, seed).items()
    }
    return model, weights, rng.normal(size=(count, *model.input))


# In the clear


def test_an_add_is_the_sum_of_what_it_names():
    model, weights, images = setting()
    y = floating.forward_layers(model, weights, images)
    np.testing.assert_allclose(y["two_sums"], np.maximum(y["b"] + y["projection"], 0))
    np.testing.assert_allclose(y["two_shares"], y["e"] + y["sum_and_share"])
    np.testing.assert_allclose(y["pooled_sums"], y["f"] + y["g"])
    np.testing.assert_allclose(y["global"], y["mean"].mean(axis=(1, 2), keepdims=True))
    np.testing.assert_array_equal(floating.forward(model, weights, images), y["logits"])


def test_fixed_point_follows_the_graph_as_floating_point_does():
    model, weights, images = setting()
    exact, real = (run.forward_layers(model, weights, images) for run in (fixed, floating))
    assert list(exact) == list(real)
    for name in real:
        np.testing.assert_allclose(exact[name], real[name], atol=1e-2)
    np.testing.assert_array_equal(fixed.forward(model, weights, images), exact["logits"])


def test_slopes_of_a_graph_agree_with_finite_differences():
    model, weights, images = setting()
    plans, labels = shapes(model), np.array([0, 2, 1])
    caches = floating.forward_cached(plans, weights, images)
    _, slope = floating.softmax_cross_entropy(caches[-1].y, labels)
    slopes = floating.backward(plans, weights, caches, slope)
    assert set(slopes) == set(weights)
    rng, step = np.random.default_rng(1), 1e-6
    for name, w in weights.items():
        direction = rng.normal(size=w.shape)
        ends = [
            floating.softmax_cross_entropy(
                floating.forward(model, {**weights, name: w + sign * step * direction}, images), labels
            )[0]
            for sign in (1, -1)
        ]
        want = (ends[0] - ends[1]) / (2 * step)
        assert float((slopes[name] * direction).sum()) == pytest.approx(want, rel=1e-4, abs=1e-7)


# On shares


def _scenario(folder, model, weights, images, *overrides):
    """Write a scenario with its weights and images; return it with the overrides."""
    weight_files.save(folder / "weights.npz", model, weights)
    pixels = np.clip(images * 40 + 128, 0, 255).astype(np.uint8)
    labels = np.arange(len(images)) % 2
    np.savez(folder / "images.npz", test_images=pixels, test_labels=labels)
    layers = ",\n".join(
        "{" + ", ".join(f"{key} = {_toml(value)}" for key, value in layer.items()) + "}" for layer in LAYERS
    )
    (folder / "graph.toml").write_text(
        'name = "graph"\nworkload = "private_inference"\nseed = 3\n'
        '[network]\nlatency = "20 ms"\nbandwidth = "100 Mbit/s"\n'
        f'[data]\nsource = "npz"\npath = "images.npz"\ncount = {len(images)}\n'
        f'[model]\nweights = "weights.npz"\ninput = {list(model.input)}\nlayers = [\n{layers}\n]\n'
    )
    return load_scenario(str(folder / "graph.toml"), [*overrides], None, SHIPPED)


def _toml(value):
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _run(scenario):
    program = workload.build_program(scenario, scenarios.WORKLOADS)
    run = workload.run_program(program, scenario)
    return run, program.summarize(run), program


FORMS = [
    (),
    ("protocol.select=one_round", "protocol.comparison=masked", "protocol.truncation=fused"),
    ("protocol.layers=separate", "output.reveal=logits"),
    ("protocol.rotate=false",),
]


@pytest.mark.parametrize("overrides", FORMS)
def test_a_residual_network_on_shares_gives_what_its_fixed_point_twin_does(tmp_path, overrides):
    _, output, _ = _run(_scenario(tmp_path, *setting(), *overrides))
    errors = output["max_layer_error"]
    assert {"two_sums", "sum_and_share", "two_shares", "joined", "global", "logits"} <= set(errors)
    assert max(errors.values()) < 40 / 2**16, errors
    assert output["fixed_agreement"] == 1


@pytest.mark.parametrize("overrides", FORMS)
def test_a_dry_run_of_a_network_costs_what_a_real_one_does(tmp_path, overrides):
    (real, _, _), (dry, output, _) = (
        _run(_scenario(tmp_path, *setting(), *overrides, f"dry_run={way}")) for way in ("false", "true")
    )
    assert (dry.rounds, dry.makespan_ns, dry.messages) == (real.rounds, real.makespan_ns, real.messages)
    assert [party.describe() for party in dry.per_party] == [party.describe() for party in real.per_party]
    assert [span.describe() for span in dry.spans] == [span.describe() for span in real.spans]
    assert dry.links == real.links
    assert dry.events == real.events
    assert dry.outputs["hospital"] is None
    assert output["predictions"] is None


def test_the_sums_of_an_add_are_truncated_once():
    plans = shapes(model_of(LAYERS))
    joined = {block.last.name: block for block in blocks(plans, join=True)}
    named = {name: ([plan.name for plan in b.linear], b.shares) for name, b in joined.items()}
    index = {plan.name: plan.index for plan in plans}
    assert named["two_sums"] == (["b", "projection"], ())
    assert named["sum_and_share"] == (["d"], (index["two_sums"],))
    assert named["two_shares"] == ([], (index["e"], index["sum_and_share"]))
    assert named["joined"] == (["f", "g"], ())
    assert named["stem"] == (["stem"], ())
    assert named["overlapping"] == ([], (index["stem"],))
    assert not {"b", "projection", "d", "f", "g", "pooled_sums", "last"} & set(named)
    apart = blocks(plans, join=False)
    assert [block.last.name for block in apart] == [plan.name for plan in plans]


def test_a_residual_connection_costs_nothing():
    def costs(*layers):
        model = {"input": [8, 8, 2], "layers": [*layers, {"type": "dense", "units": 2}]}
        document = {
            "name": "x",
            "workload": "private_inference",
            "dry_run": True,
            "seed": 1,
            "model": model,
        }
        run, _, _ = _run(_from(document))
        inference = run.span("inference")
        return inference.rounds, inference.payload_bytes, inference.makespan_ns

    def _from(document):
        settings = {key: document[key] for key in ("dry_run", "model")}
        base = load_scenario("lenet", [], None, SHIPPED)
        return type(base)(**{**vars(base), "tables": settings})

    straight = costs(conv(4, padding=1, **RELU), conv(4, padding=1, **RELU))
    skipping = costs(
        conv(4, padding=1, **RELU),
        conv(4, padding=1),
        add("conv1", activation="relu"),
    )
    projected = costs(
        conv(4, padding=1, **RELU),
        conv(4, padding=1),
        {**conv(4, 1), "from": "input"},
        add("conv2", activation="relu"),
    )
    assert straight == skipping == projected


# Graphs that do not fit


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([conv(3), add("conv9")], r"layer 1 'add1' \(add\): from = 'conv9'; accepted: .*: input, conv1$"),
        ([conv(3), add("conv2"), conv(3)], r"'conv2' \(which is not an earlier one\)"),
        ([conv(3), add("add1")], r"'add1' \(which is not an earlier one\)"),
        ([conv(3), add("input")], r"adds the layer before of 5×5×3 and 'input' of 7×7×3; .* same shape"),
        ([add("input", name="x"), conv(2), add("x")], r"layer 2 'add2' .*5×5×2 and 'x' of 7×7×3"),
        ([conv(3), {**conv(3), "from": "input"}], r"layer 0 'conv1' \(conv2d\): no later layer reads"),
        ([conv(3, name="input")], "the name 'input' is that of the image"),
        (
            [
                {"type": "dense", "units": 4},
                {"type": "flatten", "from": "input"},
                {**conv(3), "from": "dense1"},
            ],
            r"needs height×width×channels, but 'dense1' gives 4",
        ),
        ([{"type": "avgpool2d", "size": "global", "stride": 2}], "neither stride nor padding"),
    ],
)
def test_graphs_that_do_not_fit_are_refused_with_the_layer_and_what_is_accepted(layers, message):
    with pytest.raises(InputError, match=message):
        shapes(model_of(layers, (7, 7, 3)))


def test_an_add_needs_its_second_summand():
    with pytest.raises(ValueError, match="from"):
        model_of([conv(3), {"type": "add"}])


def test_unknown_keys_of_a_layer_are_answered_with_the_names_in_the_file():
    layers = '[{type="dense",units=4},{type="add",form="input"}]'
    scenario = load_scenario("lenet", [f"model.layers={layers}"], None, SHIPPED)
    with pytest.raises(
        ScenarioError, match=r"'form' \(did you mean 'from'\?\); accepted: name, from, type"
    ):
        workload.build_program(scenario, scenarios.WORKLOADS)


def test_sources_are_the_layer_before_unless_named():
    plans = shapes(
        model_of([conv(3, padding="same"), {**conv(3, padding="same"), "from": "input"}, add("conv1")])
    )
    assert [plan.sources for plan in plans] == [(IMAGE,), (IMAGE,), (1, 0)]


def test_weights_of_another_graph_are_refused(tmp_path):
    layers = [conv(3, padding="same", name=name) for name in "abc"]
    one, other = (model_of([*layers, add(source)], (6, 6, 3)) for source in ("a", "b"))
    weight_files.save(tmp_path / "w.npz", one, weight_files.initial(one))
    weight_files.load(tmp_path / "w.npz", one)
    with pytest.raises(InputError, match=r"layer 3 .* from 'a'.* in the file, but .* from 'b'"):
        weight_files.load(tmp_path / "w.npz", other)


# The published networks


PUBLISHED = {
    "lenet": 61_706,
    "alexnet": 61_100_840,
    "vgg16": 138_357_544,
    "resnet50": 25_557_032,
}


def _published(name):
    scenario = load_scenario(name, [], None, SHIPPED)
    return scenario, ModelSettings.model_validate(scenario.tables["model"])


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_are_as_many_as_published(name):
    wanted = weight_files.expected(_published(name)[1])
    normalised = sum(
        shape[-1] for key, shape in wanted.items() if key.endswith("/bias") and "dense" not in key
    )
    folded = normalised if name == "resnet50" else 0  # a scale for each channel, beside the shift
    assert sum(int(np.prod(shape)) for shape in wanted.values()) + folded == PUBLISHED[name]


def test_resnet50_has_its_published_shapes():
    plans = {plan.name: plan for plan in shapes(_published("resnet50")[1])}
    ends = [plans[f"add{stage}"].output for stage in ("2_3", "3_4", "4_6", "5_3")]
    assert ends == [(56, 56, 256), (28, 28, 512), (14, 14, 1024), (7, 7, 2048)]
    assert sum(plan.kernel is not None for plan in plans.values()) == 50 + 4
    names = list(plans)
    added = {name: {names[source] for source in plans[name].sources} for name in ("add4_1", "add4_2")}
    assert added == {"add4_1": {"conv4_1c", "proj4_1"}, "add4_2": {"conv4_2c", "add4_1"}}
    assert names[plans["proj4_1"].sources[0]] == "add3_4"


def test_alexnet_and_vgg16_narrow_as_published():
    alexnet, vgg16 = (shapes(_published(name)[1]) for name in ("alexnet", "vgg16"))
    assert [p.output[0] for p in alexnet if p.layer.type == "maxpool2d"] == [27, 13, 6]
    assert [p.output for p in vgg16 if p.layer.type == "maxpool2d"] == [
        *((112, 112, 64), (56, 56, 128), (28, 28, 256), (14, 14, 512), (7, 7, 512))
    ]


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_dry_run_of_a_published_network_takes_little_time_and_memory(name):
    tracemalloc.start()
    try:
        run, output, program = _run(_published(name)[0])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 50e6
    assert run.wall_s < 20
    assert output["parameters"] > 60_000
    assert any("dry run" in line for line in program.render(output))


@pytest.mark.parametrize("images", [64])
def test_more_images_cost_no_more_rounds(images):
    scenario = load_scenario("resnet50", [f"data.count={images}"], None, SHIPPED)
    one, many = (_run(each)[0] for each in (_published("resnet50")[0], scenario))
    assert many.rounds == one.rounds
    assert many.span("inference").payload_bytes >= 0.99 * images * one.span("inference").payload_bytes


def test_without_weights_only_a_dry_run_is_possible():
    scenario = load_scenario("alexnet", ["dry_run=false"], None, SHIPPED)
    with pytest.raises(ScenarioError, match=r"model\.weights: missing; .* dry_run = true"):
        workload.build_program(scenario, scenarios.WORKLOADS)


def test_a_dry_run_measures_no_compute():
    scenario = load_scenario("lenet", ["engine.compute=measured"], None, SHIPPED)
    with pytest.raises(ScenarioError, match="a dry run computes nothing"):
        workload.build_program(scenario, scenarios.WORKLOADS)


def test_the_command_line_has_an_option_for_it(tmp_path):
    result = CliRunner().invoke(
        build(),
        ["run", "pomic_inference", "--dry-run", "--out", str(tmp_path / "record")],
        env={"COLUMNS": "120"},
    )
    assert result.exit_code == 0, result.output
    assert "dry run: costs of 1 image and 250,050 parameters" in result.output
    assert "dry_run = true" in (tmp_path / "record" / "scenario.toml").read_text()
