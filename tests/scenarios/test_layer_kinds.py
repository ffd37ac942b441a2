"""Every kind of layer, on every family: as in the clear, and at the cost that its formula says."""

from typing import get_args

import numpy as np
import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.predict import measure
from analysis.predict import run as predict
from mpcsim.errors import InputError
from mpcsim.scenario import load_scenario, workload
from scenarios import WORKLOADS
from scenarios.clear import fixed, floating
from scenarios.networks import ModelSettings, shapes, weights
from scenarios.networks.layers import FunctionName

FAMILIES = ["replicated3", "replicated4", "dealer2", "fss2", "shamir", "plain", "replicated3_malicious"]
RELU = {"activation": "relu"}
# Grouped, depthwise, dilated and transposed convolutions, scales, norms, gates, joins, repeats, functions.
LAYERS = [
    {"type": "conv2d", "filters": 6, "kernel": [3, 2], "groups": 3, "stride": 2, "padding": 1,
     "name": "grouped"},
    {"type": "scale", "name": "normal", **RELU},
    {"type": "conv2d", "filters": 12, "kernel": 3, "groups": 6, "padding": "same",
     "name": "depthwise", **RELU},
    {"type": "maxpool2d", "size": 2, "name": "joined"},
    {"type": "conv2d", "filters": 4, "kernel": 2, "dilation": [2, 1], "name": "dilated", "bias": False},
    {"type": "conv2d_transpose", "filters": 4, "kernel": 3, "stride": 2, "padding": 1, "output_padding": 1,
     "name": "transposed", **RELU},
    {"type": "upsample2d", "size": [1, 2], "name": "wide", "from": "dilated"},
    {"type": "conv2d", "filters": 4, "kernel": [1, 1], "padding": 0, "name": "mixed", "from": "transposed"},
    {"type": "group_norm", "groups": 2, "name": "groups"},
    {"type": "instance_norm", "name": "instances"},
    {"type": "concat", "from": "transposed", "name": "both"},
    {"type": "avgpool2d", "size": "global", "name": "mean"},
    {"type": "activation", "function": "sigmoid", "name": "gate"},
    {"type": "multiply", "from": "both", "name": "gated"},
    {"type": "flatten"},
    {"type": "dense", "units": 5, "name": "beside", "from": "wide"},
    {"type": "dense", "units": 5, "name": "ahead", "from": "flatten1"},
    {"type": "add", "from": "beside"},
    {"type": "activation", "function": "relu", "name": "positive"},
    {"type": "activation", "function": "softmax", "name": "shares"},
]  # fmt: skip


def _model(layers=LAYERS, size=(13, 13, 3)):
    return ModelSettings.model_validate({"input": size, "layers": layers})


def _weights(model, seed=3):
    rng = np.random.default_rng(seed)
    return {name: w + rng.normal(0, 0.05, w.shape) for name, w in weights.initial(model, seed).items()}


def _scenario(folder, family, layers=LAYERS, size=(13, 13, 3), count=2, **more):
    model = _model(layers, size)
    weights.save(folder / "weights.npz", model, _weights(model))
    tables = {
        "workload": "private_inference",
        "seed": 1,
        "protocol": {"family": family},
        "data": {"source": "random", "size": size[0], "channels": size[2], "count": count},
        "model": {"input": list(size), "layers": layers, "weights": "weights.npz"},
        "output": {"reveal": "logits"},
    } | more
    file = folder / "scenario.toml"
    file.write_text(tomli_w.dumps(tables))
    return str(file)


def _run(file):
    loaded = load_scenario(file, [], None, ())
    program = workload.build_program(loaded, WORKLOADS)
    return program.summarize(workload.run_program(program, loaded))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_kind_of_layer_is_as_in_the_clear(family, tmp_path):
    output = _run(_scenario(tmp_path, family))
    assert {plan.name for plan in shapes(_model())} >= set(output["max_layer_error"])
    assert len(output["max_layer_error"]) >= len(LAYERS) - 3  # but what runs inside another
    assert max(output["max_layer_error"].values()) < 2.0**-9
    assert output["max_logit_error_float"] < 2.0**-8


@pytest.mark.parametrize("dry", [True, False], ids=["dry", "real"])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_kind_of_layer_costs_what_its_formula_says(family, dry, tmp_path):
    found = predict.rows(measure(_scenario(tmp_path, family, dry_run=dry), []))
    assert {row.op.rpartition("/")[2] for row in found} >= {
        "grouped",
        "transposed",
        "gate",
        "gated",
        "groups",
        "instances",
        "shares",
    }
    assert [row.op for row in found if not row.equal] == []


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_convolution_of_any_kind_is_the_sum_that_it_says(data):
    side = st.integers(1, 3)
    groups, read, per_group = (data.draw(side) for _ in range(3))
    taps, spread, stride = ((data.draw(side), data.draw(side)) for _ in range(3))
    pad = data.draw(st.integers(0, 2))
    size = tuple(data.draw(st.integers(t * s, 9)) for t, s in zip(taps, spread, strict=True))
    layer = {"type": "conv2d", "filters": groups * per_group, "kernel": taps, "dilation": spread,
             "stride": stride, "padding": pad, "groups": groups}  # fmt: skip
    model = _model([layer], (*size, groups * read))
    (plan,) = shapes(model)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, *size, groups * read))
    kernel, bias = rng.normal(size=plan.kernel), rng.normal(size=plan.bias)
    (y,) = floating.forward_layers(model, {"conv1/kernel": kernel, "conv1/bias": bias}, x).values()
    padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    want = np.zeros((2, *plan.output)) + bias
    for out in range(groups * per_group):
        mine = slice(out // per_group * read, (out // per_group + 1) * read)
        for i in range(plan.output[0]):
            for j in range(plan.output[1]):
                top, left = i * stride[0], j * stride[1]
                patch = padded[
                    :,
                    top : top + taps[0] * spread[0] : spread[0],
                    left : left + taps[1] * spread[1] : spread[1],
                    mine,
                ][:, : taps[0], : taps[1]]
                want[:, i, j, out] += (patch * kernel[..., out]).sum((1, 2, 3))
    np.testing.assert_allclose(y, want, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_transposed_convolution_spreads_every_value(data):
    taps = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    stride = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    cut, more = data.draw(st.integers(0, min(taps) - 1)), data.draw(st.integers(0, min(stride) - 1))
    size = (data.draw(st.integers(4, 6)), data.draw(st.integers(4, 6)), 2)
    layer = {"type": "conv2d_transpose", "filters": 3, "kernel": taps, "stride": stride, "padding": cut,
             "output_padding": more, "bias": False}  # fmt: skip
    model = _model([layer], size)
    (plan,) = shapes(model)
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=(1, *size)), rng.normal(size=plan.kernel)
    (y,) = floating.forward_layers(model, {"conv_transpose1/kernel": kernel}, x).values()
    wide = np.zeros((1, *((n - 1) * s + k + more for n, s, k in zip(size, stride, taps, strict=False)), 3))
    for i in range(size[0]):
        for j in range(size[1]):
            placed = np.einsum("nc,klcf->nklf", x[:, i, j], kernel[::-1, ::-1])
            wide[:, i * stride[0] : i * stride[0] + taps[0], j * stride[1] : j * stride[1] + taps[1]] += (
                placed
            )
    want = wide[:, cut : wide.shape[1] - cut, cut : wide.shape[2] - cut]
    np.testing.assert_allclose(y, want, atol=1e-9)


def test_a_value_that_does_not_fit_is_refused_by_layer_whatever_its_kind():
    for layers, name in (
        ([{"type": "scale", "name": "far", "bias": False}], "far"),
        ([{"type": "activation", "function": "exponential", "name": "far"}], "far"),
        ([{"type": "conv2d", "filters": 4, "kernel": 1, "groups": 4, "name": "far", "bias": False}], "far"),
    ):
        model = _model(layers, (2, 2, 4))
        large = {key: np.full(shape, 3000.0) for key, shape in weights.expected(model).items()}
        with pytest.raises(InputError, match=f"'{name}'.*does not fit"):
            fixed.forward_layers(model, large, np.full((1, 2, 2, 4), 30.0))


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            [{"type": "conv2d", "filters": 4, "kernel": 1, "groups": 3}],
            "groups = 3 with 4 channels.*divides both",
        ),
        ([{"type": "conv2d", "filters": 6, "kernel": 1, "groups": 4}], "groups = 4 .* and 6 filters"),
        ([{"type": "conv2d", "filters": 4, "kernel": 4, "dilation": 3}], "does not fit"),
        ([{"type": "conv2d_transpose", "filters": 4, "kernel": 2, "padding": 2}], "padding below"),
        (
            [{"type": "conv2d_transpose", "filters": 4, "kernel": 2, "output_padding": 1}],
            "below the stride",
        ),
        ([{"type": "dense", "units": 2}, {"type": "upsample2d"}], "needs height×width×channels"),
        (
            [
                {"type": "conv2d", "filters": 4, "kernel": 2, "name": "a"},
                {"type": "concat", "from": "input"},
            ],
            "differ in their channels alone",
        ),
        (
            [{"type": "conv2d", "filters": 3, "kernel": 1}, {"type": "multiply", "from": "input"}],
            "of the same shape, or with one place",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_what_is_accepted(layers, message):
    with pytest.raises(InputError, match=message):
        shapes(_model(layers, (5, 5, 4)))


@pytest.mark.parametrize("function", get_args(FunctionName))
def test_every_function_costs_what_its_formula_says(function, tmp_path):
    layers = [
        {"type": "scale"},
        {
            "type": "activation",
            "function": function,
            "parameters": {"clip": [-1.0, 2.0], "power": [7]}.get(function, []),
        },
    ]
    for family in ("replicated3", "shamir"):
        file = _scenario(tmp_path, family, layers, (3, 3, 3), dry_run=True)
        found = predict.rows(measure(file, []))
        assert [row.op for row in found if not row.equal] == []
        assert {row.op.rpartition("/")[2] for row in found} >= {f"{function}1"}
