"""`mpcsim run --calibrate`: the fixed point that a model needs, from its clear twin on samples."""

import json

import numpy as np
import pytest
import tomli_w
from typer.testing import CliRunner

from mpcsim.cli.app import build
from mpcsim.errors import InputError
from protocols.domains import Ring
from scenarios.clear import fixed, floating
from scenarios.inference.calibration import CHANGED, calibrate
from scenarios.networks import ModelSettings, weights

LAYERS = [
    {"type": "conv2d", "filters": 4, "kernel": 3, "activation": "relu", "name": "first"},
    {"type": "maxpool2d"},
    {"type": "dense", "units": 3, "name": "last"},
]
MODEL = ModelSettings.model_validate({"input": [8, 8, 1], "layers": LAYERS})


def _given(times=1.0, seed=0):
    rng = np.random.default_rng(seed)
    values = {name: w * times for name, w in weights.initial(MODEL, seed).items()}
    return values, rng.normal(size=(6, 8, 8, 1))


def _calibrated(values, images, bits=64, check=lambda ring: None):
    return calibrate(MODEL, values, images, Ring(bits, 2, 8), check)


@pytest.mark.parametrize("times", [0.25, 1.0, 30.0])
def test_what_is_proposed_holds_every_value_and_keeps_every_class(times):
    values, images = _given(times)
    found = _calibrated(values, images)
    best, logits = found["proposed"], floating.forward(MODEL, values, images)
    sizes = best["fraction_bits"], best["value_bits"]
    exact = fixed.forward(MODEL, values, images, *sizes)
    assert np.abs(exact - logits).max() == pytest.approx(best["error"])
    assert best["error"] < found["least_margin"] / 2
    assert (exact.argmax(1) == logits.argmax(1)).all()
    assert found["largest"] < 2.0 ** (sizes[1] - 2 - sizes[0]) <= 4 * max(found["largest"], 1.0)
    layers = floating.forward_layers(MODEL, values, images)
    everything = {"images": images} | values | layers
    assert found["largest"] == max(float(np.abs(one).max()) for one in everything.values())
    assert found["largest"] == float(np.abs(everything[found["node"]]).max())


def test_fewer_fraction_bits_than_proposed_were_not_enough():
    found = _calibrated(*_given())
    assert [one["fraction_bits"] for one in found["tried"]] == list(range(4, 5 + len(found["tried"]) - 1))
    for one in found["tried"][:-1]:
        assert one["agreement"] < 1 or one["changed"] > CHANGED


@pytest.mark.parametrize("few", [2, 4, 8])
def test_what_few_samples_propose_keeps_the_class_of_images_that_they_are_not(few):
    """Of 2 000 other images at most a hundredth changes class, and none leaves the range."""
    rng = np.random.default_rng(9)
    values, _ = _given()
    others = rng.normal(size=(2000, 8, 8, 1))
    clear = floating.forward(MODEL, values, others).argmax(1)
    shares = []
    for _ in range(6):
        best = _calibrated(values, rng.normal(size=(few, 8, 8, 1)))["proposed"]
        sizes = best["fraction_bits"], best["value_bits"]
        found = np.concatenate(
            [fixed.forward(MODEL, values, one, *sizes) for one in np.array_split(others, 20)]
        )
        shares.append((found.argmax(1) != clear).mean())
    assert np.median(shares) <= CHANGED
    assert max(shares) <= 5 * CHANGED


def test_a_ring_that_the_family_refuses_is_not_proposed():
    def check(ring):
        if ring.fraction_bits < 17:
            raise InputError("too few")

    assert _calibrated(*_given(), check=check)["proposed"]["fraction_bits"] >= 17


def test_values_that_leave_no_fraction_are_refused_by_node():
    values, images = _given(2.0**20)
    with pytest.raises(InputError, match=r"layer 'last'\) leave no fraction in ring.bits = 32"):
        _calibrated(values, images, bits=32)


def _file(folder, **tables):
    values, _ = _given()
    weights.save(folder / "weights.npz", MODEL, values)
    model = {"input": [8, 8, 1], "layers": LAYERS, "weights": "weights.npz"}
    data = {"source": "random", "size": 8, "count": 4}
    whole = {"workload": "private_inference", "seed": 1, "data": data, "model": model} | tables
    (folder / "small.toml").write_text(tomli_w.dumps(whole))
    return str(folder / "small.toml")


def test_the_command_proposes_what_a_run_then_takes(tmp_path):
    file, runner = _file(tmp_path), CliRunner()
    found = json.loads(runner.invoke(build(), ["run", file, "--calibrate", "--json"]).stdout)
    said = runner.invoke(build(), ["run", file, "--calibrate"]).stdout
    best = found["proposed"]
    changes = [f"ring.{key}={best[key]}" for key in ("fraction_bits", "value_bits")]
    assert all(change in said for change in changes)
    assert "largest value of 4 samples" in said
    more = [word for change in changes for word in ("--set", change)]
    record = str(tmp_path / "record")
    done = runner.invoke(build(), ["run", file, "--json", "--out", record, *more])
    output = json.loads(done.stdout)["output"]
    assert output["fixed_agreement"] == 1
    assert output["max_logit_error_float"] < best["error"] + 20 * 2.0 ** -best["fraction_bits"]


def test_a_dry_run_has_nothing_to_calibrate(tmp_path):
    done = CliRunner().invoke(build(), ["run", _file(tmp_path, dry_run=True), "--calibrate"])
    assert done.exit_code != 0
    assert "accepted with data and weights" in str(done.exception)
    done = CliRunner().invoke(build(), ["run", "link_probe", "--calibrate"])
    assert done.exit_code != 0
    assert "has no calibration" in str(done.exception)
