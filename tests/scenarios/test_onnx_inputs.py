"""Files with several inputs: each is given by a client of its own, and only what an output needs."""

import numpy as np
import onnxruntime
import pytest
import tomli_w
from onnx import TensorProto, helper, numpy_helper, save
from onnx_files import node, numbers

from analysis.predict import measure
from analysis.predict import run as predict
from mpcsim.errors import InputError
from mpcsim.scenario import load_scenario, workload
from scenarios import WORKLOADS
from scenarios.clear import floating
from scenarios.networks import ModelSettings, given, imported, located, shapes

FAMILIES = ["replicated3", "replicated4", "dealer2", "fss2", "shamir", "plain", "replicated3_malicious"]
SIZES = {"slide": (3, 6, 6), "scan": (1, 4, 4), "lab": (4,)}


@pytest.fixture
def net(tmp_path):
    nodes = [
        node("Conv", ["slide", "w"], ["a"], strides=[2, 2]),
        node("Flatten", ["a"], ["b"]),
        node("Flatten", ["scan"], ["c"]),
        node("Concat", ["b", "lab", "c"], ["d"], axis=1),
        node("MatMul", ["d", "m"], ["y"]),
        node("Relu", ["a"], ["alone"]),
    ]
    arrays = {"w": numbers(2, 3, 2, 2), "m": numbers(18 + 4 + 16, 3)}
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *size]) for name, size in SIZES.items()
    ]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("y", "alone")]
    held = [numpy_helper.from_array(value, name) for name, value in arrays.items()]
    graph = helper.make_graph(nodes, "g", inputs, outputs, held)
    path = tmp_path / "net.onnx"
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def _scenario(path, family="replicated3", others=("scan", "lab"), **more):
    random = {"source": "random", "count": 3}
    table = {"source": "table", "table": {"source": "iris", "train": 100}}
    tables = {
        "workload": "private_inference",
        "seed": 1,
        "protocol": {"family": family},
        "data": random | {"size": 6, "channels": 3},
        "inputs": {
            name: one
            for name, one in {"scan": random | {"size": 4, "channels": 1}, "lab": table}.items()
            if name in others
        },
        "model": {"onnx": "net.onnx", "output": "y"},
        "output": {"reveal": "logits"},
    } | more
    file = path.parent / "scenario.toml"
    file.write_text(tomli_w.dumps(tables))
    return str(file)


def _program(file):
    loaded = load_scenario(file, [], None, ())
    return workload.build_program(loaded, WORKLOADS), loaded


def test_a_file_of_several_inputs_computes_what_onnxruntime_does(net):
    model = located(ModelSettings(onnx=str(net), output="y"), net.parent)
    rng = np.random.default_rng(0)
    x = {name: rng.normal(size=(2, *size)).astype(np.float32) for name, size in SIZES.items()}
    want, _ = onnxruntime.InferenceSession(str(net), providers=["CPUExecutionProvider"]).run(None, x)
    parts = [
        (one.transpose(0, 2, 3, 1) if one.ndim == 4 else one).reshape(2, 1, 1, -1) for one in x.values()
    ]
    images = np.concatenate(parts, -1).astype(np.float64)
    np.testing.assert_allclose(floating.forward(model, imported(model).weights, images), want, atol=1e-4)
    assert given(shapes(model)) == {"slide": (6, 6, 3), "scan": (4, 4, 1), "lab": (1, 1, 4)}


@pytest.mark.parametrize("family", FAMILIES)
def test_each_input_is_shared_by_its_own_client_at_its_formula(family, net):
    program, loaded = _program(_scenario(net, family))
    assert [*program.roles][-4:] == ["hospital", "owner", "client1", "client2"]
    run = workload.run_program(program, loaded)
    output = program.summarize(run)
    assert output["max_logit_error_float"] < 2.0**-8
    sent = {party.role: party.sent.payload_bytes for party in run.per_party}
    assert sent["hospital"] > sent["client1"] > sent["client2"] > 0
    for more in ({}, {"dry_run": True, "inference": {"batch": 2}}):
        found = predict.rows(measure(_scenario(net, family, **more), []))
        assert [row.op for row in found if not row.equal] == []


def test_an_output_that_reads_one_input_is_given_that_one(net):
    model = located(ModelSettings(onnx=str(net), output="alone"), net.parent)
    assert given(shapes(model)) == {"input": (6, 6, 3)}
    program, _ = _program(_scenario(net, others=(), model={"onnx": "net.onnx", "output": "alone"}))
    assert [*program.roles][-2:] == ["hospital", "owner"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"others": ["scan"]}, r"tables for scan; accepted: \[data\] for 'slide', and \[inputs.scan\], "),
        ({"others": []}, "tables for none"),
        ({"model": {"onnx": "net.onnx"}}, "has the outputs y, alone; accepted: one of them"),
        ({"model": {"onnx": "net.onnx", "output": "alone"}}, "tables for scan, lab; .*no other"),
    ],
)  # fmt: skip
def test_inputs_that_do_not_match_the_file_are_refused_by_name(more, message, net):
    with pytest.raises(InputError, match=message):
        _program(_scenario(net, **more))


@pytest.mark.parametrize(
    ("key", "message"),
    [("size=5", r"model's input 'scan' \(4, 4, 1\)"), ("count=2", "inputs.scan.count = 2; accepted")],
)
def test_data_of_another_shape_or_number_are_refused_by_input(key, message, net):
    loaded = load_scenario(_scenario(net), [f"inputs.scan.{key}"], None, ())
    with pytest.raises(InputError, match=message):
        workload.build_program(loaded, WORKLOADS)
