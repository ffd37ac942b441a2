"""Transformers: published ones costed, each at a small width on shares as in the clear, at its formulas."""

import math
import os
import tomllib

import numpy as np
import pytest
import tomli_w
from differences import hold_slopes

from analysis.predict import SHIPPED, measure
from analysis.predict import run as predict
from mpcsim.errors import InputError
from mpcsim.scenario import load_scenario, workload
from scenarios import WORKLOADS
from scenarios.clear import fixed, floating
from scenarios.networks import ModelSettings, shapes, weights

LONG = bool(os.environ.get("MPCSIM_LONG"))
# Of each published network: what makes it small, and how many numbers it learns at its own size.
SMALL = {
    "bert_base": {"input": [1, 6, 3], "width": 8, "heads": 2, "inner": 12, "repeat": 2},
    "bert_large": {"input": [1, 6, 3], "width": 8, "heads": 4, "inner": 12, "repeat": 2},
    "gpt2": {"input": [1, 5, 3], "width": 8, "heads": 2, "inner": 12, "repeat": 2, "classes": 3},
    "vit_b16": {
        "input": [8, 8, 3],
        "width": 8,
        "heads": 2,
        "inner": 12,
        "repeat": 2,
        "patch": 4,
        "classes": 5,
    },
    "llama_block": {"input": [5, 8, 1], "width": 8, "heads": 2, "inner": 12, "repeat": 1},
}
PLACES, SEGMENTS = 512 - 128, 2  # of BERT: rows of places that 128 tokens do not reach, and of segments
PUBLISHED = {
    "bert_base": 109_482_240 - 768 * (PLACES + SEGMENTS) + 2 * 768 + 2,
    "bert_large": 335_141_888 - 1024 * (PLACES + SEGMENTS) + 2 * 1024 + 2,
    "gpt2": 124_439_808 - 768 * (1024 - 64) + 768 * 50257,  # the last layer has weights of its own here
    "vit_b16": 86_567_656,
}


def tables_of(name):
    return tomllib.loads((SHIPPED[0] / f"{name}.toml").read_text())


def narrowed(name):
    """Return the tables of a scenario at a small width."""
    tables, small = tables_of(name), SMALL[name]
    tables["model"]["input"] = small["input"]
    for layer in tables["model"]["layers"]:
        if layer["type"] == "transformer":
            layer |= {key: small[key] for key in ("heads", "inner", "repeat")}
        elif layer["type"] == "dense" and layer["units"] > 2:
            layer["units"] = (
                small["classes"] if layer["units"] > 768 and "classes" in small else small["width"]
            )
        elif layer["type"] == "conv2d":
            layer |= {"filters": small["width"], "kernel": small["patch"], "stride": small["patch"]}
        elif layer["type"] == "reshape":
            rows = (8 // small["patch"]) ** 2 if "patch" in small else small["input"][0]
            layer["shape"] = [rows, small["width"]]
    return tables


def written(folder, tables):
    model = ModelSettings.model_validate(tables["model"])
    rng = np.random.default_rng(3)
    held = {key: w + rng.normal(0, 0.1, w.shape) for key, w in weights.initial(model, 3).items()}
    weights.save(folder / "w.npz", model, held)
    height, width, channels = model.input
    images = rng.uniform(0, 1, (4, height, width, channels)).astype(np.float32)
    np.savez(folder / "images.npz", test_images=images, test_labels=np.array([0, 1, 0, 1]),
             train_images=images, train_labels=np.array([0, 1, 0, 1]))  # fmt: skip
    tables["model"]["weights"] = "w.npz"
    tables["data"] = {"source": "npz", "path": "images.npz", "count": 2}
    file = folder / "s.toml"
    file.write_text(tomli_w.dumps(tables))
    return str(file)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_network_has_as_many_weights_as_published(name):
    model = ModelSettings.model_validate(tables_of(name)["model"])
    assert sum(map(math.prod, weights.expected(model).values())) == PUBLISHED[name]


@pytest.mark.parametrize("name", SMALL)
def test_a_small_one_runs_as_in_the_clear_and_at_the_cost_of_its_dry_run(name, tmp_path):
    tables = narrowed(name) | {"dry_run": False}
    tables["output"]["reveal"] = "logits"
    file = written(tmp_path, tables)
    found = []
    for dry in ("false", "true"):
        loaded = load_scenario(file, [f"dry_run={dry}"], None, ())
        program = workload.build_program(loaded, WORKLOADS)
        run = workload.run_program(program, loaded)
        found.append((run.rounds, run.payload_bytes))
        if dry == "false":
            output = program.summarize(run)
    assert found[0] == found[1]
    assert max(output["max_layer_error"].values()) < 2.0**-7
    assert output["max_logit_error_float"] < 2.0**-6


NAMES, FAMILIES = ("gpt2", "llama_block"), ("replicated3", "replicated4", "dealer2", "shamir")
TURNS = [(family, NAMES[place % 2]) for place, family in enumerate(FAMILIES)]  # LONG: every pair


@pytest.mark.parametrize(
    ("family", "name"), [(family, name) for family in FAMILIES for name in NAMES] if LONG else TURNS
)
def test_every_node_of_a_small_one_costs_what_its_formula_says(family, name, tmp_path):
    tables = narrowed(name)
    tables["protocol"] = {"family": family}
    rows = predict.rows(measure(written(tmp_path, tables), []))
    assert [row.op for row in rows if not row.equal] == []


def test_every_node_of_bert_costs_what_its_formula_says():
    rows = predict.rows(measure("bert_base", []))
    assert len(rows) > 150
    assert [row.op for row in rows if not row.equal] == []
    (whole,) = (row for row in rows if row.op.endswith("inference"))
    assert whole.predicted["payload_bytes"] < 3.6e9
    assert whole.predicted["rounds"] < 1450


def test_slopes_of_attention_are_those_of_finite_differences():
    layers = [
        {"type": "reshape", "shape": [5, 4]},
        {"type": "transformer", "heads": 2, "inner": 6, "causal": True, "norm": "before", "rotary": True,
         "of": "squares", "gated": True, "function": "silu"},
        {"type": "transformer", "heads": 1, "inner": 6},
        {"type": "normalisation"},
        {"type": "row", "place": -1},
        {"type": "dense", "units": 3},
    ]  # fmt: skip
    hold_slopes(layers, (1, 5, 4), 1)


def test_rows_that_attend_to_those_before_do_not_see_what_follows():
    layers = [
        {"type": "reshape", "shape": [4, 4]},
        {"type": "transformer", "heads": 2, "inner": 6, "causal": True, "rotary": True},
    ]
    model = ModelSettings.model_validate({"input": (1, 4, 4), "layers": layers})
    rng = np.random.default_rng(0)
    held, x = weights.initial(model), rng.normal(size=(1, 1, 4, 4))
    other = x.copy()
    other[:, :, 3] += 1
    for twin in (floating.forward, fixed.forward):
        before, after = twin(model, held, x), twin(model, held, other)
        assert np.array_equal(before[:, :3], after[:, :3])
        assert not np.array_equal(before[:, 3], after[:, 3])


def test_the_digits_are_told_as_in_the_clear():
    loaded = load_scenario("digits_transformer", ["data.count=3"], None, SHIPPED)
    program = workload.build_program(loaded, WORKLOADS)
    output = program.summarize(workload.run_program(program, loaded))
    assert output["predictions"] == output["clear_predictions"]
    assert output["max_logit_error_float"] < 2.0**-6


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ({"type": "transformer", "heads": 3, "inner": 4}, "3 heads over an input of 5×4"),
        (
            {"type": "transformer", "heads": 4, "inner": 4, "rotary": True},
            "over heads of 1; accepted: an even",
        ),
        ({"type": "row", "place": 5}, "place = 5 of 5×4"),
        ({"type": "reshape", "shape": [3, 7]}, "does not have as many values"),
    ],
)
def test_what_does_not_fit_is_refused(layer, message):
    layers = [{"type": "reshape", "shape": [5, 4]}, layer]
    with pytest.raises(InputError, match=message):
        shapes(ModelSettings.model_validate({"input": (1, 5, 4), "layers": layers}))
