"""A value that leaves its bits is found on shares, and named by layer with its largest magnitude."""

import numpy as np
import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from mpcsim.errors import InputError
from mpcsim.scenario import load_scenario, workload
from scenarios import WORKLOADS
from scenarios.clear import fixed, floating
from scenarios.clear.ranges import out_of_range
from scenarios.networks import ModelSettings, shapes, weights

FAMILIES = ["replicated3", "replicated4", "dealer2", "shamir", "plain", "replicated3_malicious"]
LAYERS = [
    {"type": "conv2d", "filters": 3, "kernel": 3, "activation": "relu", "name": "first"},
    {"type": "maxpool2d", "size": 2, "name": "pooled"},
    {"type": "conv2d", "filters": 3, "kernel": 1, "activation": "relu", "name": "second"},
    {"type": "conv2d", "filters": 3, "kernel": 1, "name": "third"},
    {"type": "add", "from": "second", "name": "sum"},
    {"type": "dense", "units": 2, "name": "last"},
]
NAMES = ["first", "second", "third", "last"]
MODEL = ModelSettings.model_validate({"input": [8, 8, 3], "layers": LAYERS})
RING = {"bits": 64, "fraction_bits": 12, "value_bits": 17}


def _weights(which=None, value=15.0):
    """Return weights that fit, with which no sum leaves its bits but those of one layer."""
    rng = np.random.default_rng(5)
    found = {name: w + rng.normal(0, 0.1, w.shape) for name, w in weights.initial(MODEL, 5).items()}
    found["second/bias"] += 1.5
    if which is not None:
        found[f"{which}/kernel"][:] = value
    return found


def _scenario(folder, family, held):
    weights.save(folder / "weights.npz", MODEL, held)
    tables = {
        "workload": "private_inference",
        "seed": 1,
        "ring": RING,
        "protocol": {"family": family},
        "data": {"source": "random", "size": 8, "channels": 3, "count": 6},
        "model": {"input": [8, 8, 3], "layers": LAYERS, "weights": "weights.npz"},
        "output": {"reveal": "logits"},
    }
    file = folder / "scenario.toml"
    file.write_text(tomli_w.dumps(tables))
    loaded = load_scenario(str(file), [], None, ())
    program = workload.build_program(loaded, WORKLOADS)
    return program, workload.run_program(program, loaded)


@pytest.mark.parametrize("which", ["first", "third"])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_layer_that_left_its_bits_is_named_with_its_largest_value_on_shares(family, which, tmp_path):
    program, run = _scenario(tmp_path, family, _weights(which))
    with pytest.raises(
        InputError, match=rf"'{which}' \(conv2d\): on shares, a value of magnitude "
    ) as found:
        program.summarize(run)
    assert "left value_bits = 17" in str(found.value)
    assert "fits ring.value_bits = " in str(found.value)


def test_a_run_that_stays_inside_is_not_accused(tmp_path):
    program, run = _scenario(tmp_path, "replicated3", _weights())
    assert program.summarize(run)["max_logit_error"] < 2.0**-8


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(["third", "last"]), st.floats(-15.9, 15.9), st.integers(0, 99))
def test_the_largest_value_is_that_of_all_images_whatever_came_of_wrapping(which, value, seed):
    held, images = _weights(which, value), np.random.default_rng(seed).uniform(0, 1, (6, 8, 8, 3))
    exact = floating.forward_layers(MODEL, held, images)
    # what is not seen: sums that run on; what comes of wrapping: noise
    seen = {name: fixed.encode(exact[name], 12) for name in ("pooled", "second")}
    rng = np.random.default_rng(0)
    noise = {name: rng.integers(-(2**12), 2**12, exact[name].shape) for name in ("sum", "last")}
    if which == "last":
        noise["sum"] = fixed.encode(exact["sum"], 12)
    found = out_of_range(shapes(MODEL), held, images, seen | noise, 12, 17)
    most = float(np.abs(exact[which]).max())
    if most > 16.1:
        assert next(iter(found)) == which
        assert found[which] == pytest.approx(most, rel=1e-2)
    elif most < 15.9:
        assert which not in found
