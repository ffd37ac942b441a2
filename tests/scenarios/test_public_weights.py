"""Public weights: nobody shares them, products with them are local, results and formulas stay right."""

import os
from importlib.resources import files
from pathlib import Path

import numpy as np
import onnx
import pytest
import tomli_w
from onnx import TensorProto, helper, numpy_helper

from analysis.predict import measure
from analysis.predict import run as predict
from mpcsim.errors import InputError
from mpcsim.scenario import load_scenario, workload
from scenarios import WORKLOADS
from scenarios.networks import ModelSettings, weights

SHIPPED = [Path(str(files("scenarios")))]
FAMILIES = ["replicated3", "replicated4", "dealer2", "fss2", "shamir", "plain", "replicated3_malicious"]
# Sums that wait for an add beside a product of two outputs, a pooling before a ReLU, learned rows, a gate.
MIXED = [
    {"type": "conv2d", "filters": 4, "kernel": 1, "name": "mixed"},
    {"type": "multiply", "from": "sum", "name": "squares"},
    {"type": "conv2d", "filters": 4, "kernel": 1, "name": "third", "from": "sum"},
    {"type": "add", "from": "squares", "name": "both"},
]
LAYERS = [
    {
        "type": "conv2d",
        "filters": 4,
        "kernel": 3,
        "dilation": [2, 1],
        "activation": "relu",
        "name": "first",
    },
    {"type": "maxpool2d", "size": 2, "name": "joined"},
    {"type": "scale", "name": "normal"},
    {"type": "conv2d_transpose", "filters": 4, "kernel": 2, "name": "ahead", "from": "joined"},
    {"type": "conv2d", "filters": 4, "kernel": 2, "padding": 1, "name": "beside", "from": "normal"},
    {"type": "add", "from": "ahead", "name": "sum", "activation": "relu"},
    *MIXED,
    {"type": "reshape", "shape": [12, 4]},
    {"type": "token"},
    {"type": "positions"},
    {"type": "normalisation"},
    {"type": "row"},
    {"type": "dense", "units": 3, "name": "last"},
]


def _scenario(folder, family, public=True, layers=LAYERS, **more):
    tables = {"input": [8, 8, 3], "layers": layers}
    model = ModelSettings.model_validate(tables)
    rng = np.random.default_rng(3)
    values = {name: w + rng.normal(0, 0.1, w.shape) for name, w in weights.initial(model, 3).items()}
    weights.save(folder / "weights.npz", model, values)
    file = folder / "scenario.toml"
    said = {
        "workload": "private_inference",
        "seed": 1,
        "protocol": {"family": family},
        "data": {"source": "random", "size": 8, "channels": 3, "count": 2},
        "model": tables | {"weights": "weights.npz", "public_weights": public},
        "output": {"reveal": "logits"},
    }
    file.write_text(tomli_w.dumps(said | more))
    return str(file)


def _run(file):
    loaded = load_scenario(file, [], None, ())
    program = workload.build_program(loaded, WORKLOADS)
    run = workload.run_program(program, loaded)
    return run, program.summarize(run)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_network_with_public_weights_is_as_in_the_clear_and_cheaper(family, tmp_path):
    _, output = _run(_scenario(tmp_path, family))
    assert max(output["max_layer_error"].values()) < 2.0**-9

    layers = [layer for layer in LAYERS if layer not in MIXED]  # a sum that not every family offers
    run, _ = _run(_scenario(tmp_path, family, layers=layers, dry_run=True))
    secret, _ = _run(_scenario(tmp_path, family, public=False, layers=layers, dry_run=True))
    assert [party.sent.payload_bytes for party in run.per_party if party.role == "owner"] == [0]
    assert run.payload_bytes < secret.payload_bytes
    assert run.rounds <= secret.rounds


@pytest.mark.parametrize("dry", [True, False] if os.environ.get("MPCSIM_LONG") else [True])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_node_with_public_weights_costs_what_its_formula_says(family, dry, tmp_path):
    found = predict.rows(measure(_scenario(tmp_path, family, dry_run=dry), []))
    assert len(found) > 10
    assert [row.op for row in found if not row.equal] == []


@pytest.mark.parametrize(
    "protocol",
    [
        {"family": "replicated3", "layers": "separate", "truncation": "fused"},
        {"family": "replicated3", "select": "one_round", "rotate": False},
        {"family": "dealer2", "truncation": "local"},
        {"family": "shamir", "truncation": "exact"},
        {"family": "replicated3_malicious"},
    ],
    ids=lambda one: "-".join(map(str, one.values())),
)
def test_batches_and_choices_with_public_weights_cost_what_their_formulas_say(protocol, tmp_path):
    more = {"protocol": protocol, "inference": {"batch": 1}, "dry_run": True}
    layers = [*LAYERS[:6], {"type": "dense", "units": 3}]
    found = predict.rows(measure(_scenario(tmp_path, "", layers=layers, **more), []))
    assert [row.op for row in found if not row.equal] == []


@pytest.mark.parametrize("family", ["replicated3", "dealer2"])
def test_a_file_runs_with_public_weights(family, tmp_path):
    rng = np.random.default_rng(4)
    arrays = {
        "w": rng.normal(size=(4, 3, 2, 2)),
        "s": rng.normal(size=(4, 1, 1)),
        "b": rng.normal(size=(4, 3, 3)),
        "m": rng.normal(size=(36, 3)),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], strides=[2, 2], pads=[0, 0, 0, 0], dilations=[2, 2]),
        helper.make_node("Mul", ["a", "s"], ["c"]),
        helper.make_node("Sigmoid", ["c"], ["d"]),
        helper.make_node("Add", ["d", "b"], ["e"]),
        helper.make_node("Flatten", ["e"], ["f"]),
        helper.make_node("MatMul", ["f", "m"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes, "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(one.astype(np.float32), name) for name, one in arrays.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "net.onnx")
    file = _scenario(tmp_path, family, model={"onnx": "net.onnx", "public_weights": True})
    _, output = _run(file)
    assert max(output["max_layer_error"].values()) < 2.0**-9
    assert [row.op for row in predict.rows(measure(file, [])) if not row.equal] == []


def test_training_refuses_public_weights():
    loaded = load_scenario("training_step", ["model.public_weights=true"], None, SHIPPED)
    with pytest.raises(InputError, match="public_weights = true: training accepts"):
        workload.build_program(loaded, WORKLOADS)
