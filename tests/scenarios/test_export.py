"""Networks as ONNX files that we write: onnxruntime, our reader and the twins compute the same of them."""

import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
from test_layer_kinds import LAYERS
from training_runs import NORMALISED, run, write

from analysis.predict import measure
from analysis.predict import run as predict
from mpcsim.errors import InputError
from mpcsim.scenario import load_scenario
from scenarios.clear import floating
from scenarios.networks import ModelSettings, imported, located, to_file, weights

PROVEN = "protocol.family=replicated3_malicious"
ONE_STEP = ("training.epochs=1", "training.batch=4", "data.count=4", "training.max_steps=1")
INFERENCE = """
workload = "private_inference"
seed = 1
[data]
source = "npz"
path = "images.npz"
count = 9
[model]
onnx = "net.onnx"
"""
SMALL = """
layers = [
  { type = "conv2d", filters = 2, kernel = 3, stride = 2, bias = false },
  { type = "batch_norm", name = "stem", activation = "relu" },
  { type = "dense", units = 3 },
]
"""


def _model(layers, size):
    return ModelSettings.model_validate({"input": size, "layers": layers})


def _by_runtime(path, images):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"input": images.transpose(0, 3, 1, 2).astype(np.float32)})
    return found


def _read_back(path, images):
    model = located(ModelSettings(onnx=str(path)), path.parent)
    return floating.forward(model, imported(model).weights, images)


def test_every_kind_of_layer_is_written_as_onnxruntime_and_we_read_it(tmp_path):
    model = _model(LAYERS, (13, 13, 3))
    rng = np.random.default_rng(3)
    found = {name: w + rng.normal(0, 0.05, w.shape) for name, w in weights.initial(model, 3).items()}
    images = rng.normal(size=(2, 13, 13, 3))
    to_file(tmp_path / "net.onnx", model, found)
    want = floating.forward(model, found, images)
    np.testing.assert_allclose(_by_runtime(tmp_path / "net.onnx", images), want, atol=1e-4)
    np.testing.assert_allclose(_read_back(tmp_path / "net.onnx", images), want, atol=1e-4)
    again = tmp_path / "again.onnx"
    to_file(again, model, found)
    assert again.read_bytes() == (tmp_path / "net.onnx").read_bytes()


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([{"type": "flatten"}, {"type": "reshape", "shape": [2, 8]}], r"layer 1 'reshape1' .*no ONNX form"),
        ([{"type": "activation", "function": "elu", "parameters": [0.5]}], r"'elu' has no ONNX form here"),
        ([{"type": "reshape", "shape": [4, 4]}], r"no ONNX form here; accepted: activation, add"),
    ],
)  # fmt: skip
def test_what_has_no_form_is_refused_by_layer(layers, message, tmp_path):
    model = _model(layers, (4, 4, 1))
    with pytest.raises(InputError, match=message):
        to_file(tmp_path / "net.onnx", model, weights.initial(model, 1))
    with pytest.raises(InputError, match=r"net.h5: accepted is a name that ends in .onnx or .npz"):
        to_file(tmp_path / "net.h5", model, weights.initial(model, 1))


def test_the_command_writes_what_the_weights_of_a_scenario_are(tmp_path):
    model = _model(
        [{"type": "conv2d", "filters": 2, "kernel": 3}, {"type": "dense", "units": 2}], (5, 5, 1)
    )
    weights.save(tmp_path / "w.npz", model, weights.initial(model, 1))
    scenario = tmp_path / "s.toml"
    text = '[model]\ninput = [5, 5, 1]\nweights = "w.npz"\n'
    text += 'layers = [{ type = "conv2d", filters = 2, kernel = 3 }, { type = "dense", units = 2 }]\n'
    scenario.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "scenarios.networks.export", str(scenario), "--out"]
    subprocess.run([*command, str(tmp_path / "net.onnx")], check=True)
    images = np.random.default_rng(0).normal(size=(2, 5, 5, 1))
    want = floating.forward(model, weights.load(tmp_path / "w.npz", model), images)
    np.testing.assert_allclose(_by_runtime(tmp_path / "net.onnx", images), want, atol=1e-5)
    failed = subprocess.run([*command, str(tmp_path / "net.pt")], capture_output=True, text=True)
    assert failed.returncode == 2
    assert "ends in .onnx or .npz" in failed.stderr


def test_a_hospital_keeps_the_trained_model_and_all_compute_the_same_of_it(tmp_path):
    file = write(tmp_path, NORMALISED)
    more = ("training.epochs=2", "training.batch=6", "hospitals.queries=9", "hospitals.model=net.onnx")
    _, output = run(file, *more)
    images = np.random.default_rng(0).uniform(-1, 1, (8, 7, 7, 3))
    want = _by_runtime(tmp_path / "net.onnx", images)
    np.testing.assert_allclose(_read_back(tmp_path / "net.onnx", images), want, atol=2e-4)
    inference = tmp_path / "inference.toml"
    inference.write_text(INFERENCE, encoding="utf-8")
    _, answered = run(inference)
    assert answered["predictions"] == output["answers"]
    assert answered["max_logit_error_float"] < 2.0**-9


def test_what_is_kept_are_the_weights_that_servers_end_with(tmp_path):
    finished, _ = run(write(tmp_path, SMALL, count=4), *ONE_STEP, "hospitals.model=net.npz")
    model = load_scenario(tmp_path / "scenario.toml", (), None).tables["model"]
    kept = weights.load(tmp_path / "net.npz", ModelSettings.model_validate(model))
    final = {place: seen[0].weights for place, seen in finished.observed["final"].items()}
    for name, found in kept.items():
        words = final[0][name].a + final[0][name].b + final[1][name].b
        np.testing.assert_allclose(found, words.astype(np.int64) / 2.0**30, rtol=2.0**-23, atol=1e-9)


@pytest.mark.parametrize("more", [(), ("training.reveal=never",), ("hospitals.queries=2",), (PROVEN,)])
def test_a_model_that_is_kept_costs_what_its_formula_says(more, tmp_path):
    more = (*more, "training.reveal=never") if PROVEN in more else more
    file = write(tmp_path, SMALL, count=4)
    found = predict.rows(measure(str(file), [*ONE_STEP, "hospitals.model=net.onnx", "dry_run=true", *more]))
    assert [row.op for row in found if not row.equal] == []
    assert any(row.op.endswith("model") for row in found)


def test_a_file_of_another_kind_is_refused_before_the_run(tmp_path):
    with pytest.raises(InputError, match=r"hospitals.model.*ends in .onnx or .npz"):
        run(write(tmp_path, SMALL), "hospitals.model=net.pt")
