import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpcsim.errors import InputError
from scenarios.clear import fixed, floating, optimise
from scenarios.data import Dataset, DataSettings, load_split
from scenarios.networks import ModelSettings, shapes
from scenarios.networks import weights as weight_files

SCENARIO = Path(__file__).parents[2] / "scenarios" / "pomic_inference.toml"

LAYER_SETS = {
    "conv same": [{"type": "conv2d", "filters": 3, "kernel": 3, "padding": "same"}],
    "conv strided": [{"type": "conv2d", "filters": 3, "kernel": [2, 3], "stride": [2, 1]}],
    "conv padded": [
        {"type": "conv2d", "filters": 2, "kernel": 3, "padding": 2, "activation": "relu"},
        {"type": "conv2d", "filters": 3, "kernel": 2, "stride": 2, "padding": "same"},
    ],
    "no bias": [{"type": "conv2d", "filters": 3, "kernel": 1, "bias": False}],
    "maxpool": [
        {"type": "conv2d", "filters": 3, "kernel": 3, "padding": "same", "activation": "relu"},
        {"type": "maxpool2d"},
    ],
    "maxpool overlapping": [
        {"type": "conv2d", "filters": 2, "kernel": 2},
        {"type": "maxpool2d", "size": 3, "stride": 2, "padding": "same"},
    ],
    "avgpool": [
        {"type": "conv2d", "filters": 2, "kernel": 2},
        {"type": "avgpool2d", "size": 3, "stride": 2, "padding": "same"},
        {"type": "flatten"},
    ],
    "dense": [{"type": "dense", "units": 6, "activation": "relu"}],
}


def model_of(layers, size=(7, 6, 2)):
    return ModelSettings.model_validate({"input": size, "layers": [*layers, {"type": "dense", "units": 3}]})


def setting(layers, count=4, seed=3):
    model = model_of(layers)
    rng = np.random.default_rng(seed)
    weights = weight_files.initial(model, seed)
    for name in weights:
        weights[name] = weights[name] + rng.normal(0, 0.1, weights[name].shape)
    return model, weights, rng.normal(size=(count, *model.input))


def by_hand(plan, weights, image):
    """One layer on one image, straight from its definition."""
    kind = plan.layer.type
    if kind == "dense":
        y = image.reshape(-1) @ weights[f"{plan.name}/kernel"]
        y = y + weights.get(f"{plan.name}/bias", 0)
        return np.maximum(y, 0) if plan.relu else y
    if kind == "flatten":
        return image.reshape(-1)
    out = np.zeros(plan.output)
    for row in range(plan.output[0]):
        for column in range(plan.output[1]):
            values = []
            for i in range(plan.window[0]):
                for j in range(plan.window[1]):
                    r = row * plan.stride[0] + i - plan.pads[0][0]
                    c = column * plan.stride[1] + j - plan.pads[1][0]
                    if 0 <= r < image.shape[0] and 0 <= c < image.shape[1]:
                        values.append((i, j, image[r, c]))
            if kind == "maxpool2d":
                out[row, column] = np.max([v for _, _, v in values], axis=0)
            elif kind == "avgpool2d":
                out[row, column] = np.mean([v for _, _, v in values], axis=0)
            else:
                kernel = weights[f"{plan.name}/kernel"]
                out[row, column] = sum(v @ kernel[i, j] for i, j, v in values)
                out[row, column] += weights.get(f"{plan.name}/bias", 0)
    return np.maximum(out, 0) if plan.relu else out


@pytest.mark.parametrize("kind", LAYER_SETS)
def test_each_layer_does_what_its_definition_says(kind):
    model, weights, images = setting(LAYER_SETS[kind], count=2)
    layers = floating.forward_layers(model, weights, images)
    for index, image in enumerate(images):
        x = image
        for plan in shapes(model):
            x = by_hand(plan, weights, x)
            np.testing.assert_allclose(layers[plan.name][index], x, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", LAYER_SETS)
def test_slopes_agree_with_finite_differences(kind):
    model, weights, images = setting(LAYER_SETS[kind])
    labels = np.array([0, 2, 1, 2])
    plans = shapes(model)

    def loss():
        return floating.softmax_cross_entropy(floating.forward(model, weights, images), labels)[0]

    caches = floating.forward_cached(plans, weights, images)
    _, slope = floating.softmax_cross_entropy(caches[-1].y, labels)
    slopes = floating.backward(plans, weights, caches, slope)
    assert set(slopes) == set(weights)
    rng = np.random.default_rng(0)
    for name, values in weights.items():
        for place in rng.choice(values.size, size=min(values.size, 12), replace=False):
            index = np.unravel_index(place, values.shape)
            kept = values[index]
            values[index] = kept + 1e-6
            above = loss()
            values[index] = kept - 1e-6
            below = loss()
            values[index] = kept
            assert slopes[name][index] == pytest.approx((above - below) / 2e-6, rel=1e-4, abs=1e-8)


def test_a_tie_sends_the_slope_to_the_first_maximum():
    model = ModelSettings.model_validate(
        {
            "input": [2, 2, 1],
            "layers": [
                {"type": "conv2d", "filters": 1, "kernel": 1},
                {"type": "maxpool2d"},
            ],
        }
    )
    plans = shapes(model)
    weights = {"conv1/kernel": np.ones((1, 1, 1, 1)), "conv1/bias": np.zeros(1)}
    images = np.array([1.0, 5.0, 5.0, 5.0]).reshape(1, 2, 2, 1)
    caches = floating.forward_cached(plans, weights, images)
    slopes = floating.backward(plans, weights, caches, np.ones((1, 1, 1, 1)))
    assert slopes["conv1/kernel"].item() == 5.0  # one place, not three
    assert slopes["conv1/bias"].item() == 1.0


def test_odd_sides_lose_their_last_row_and_column_in_pooling():
    model = model_of([{"type": "maxpool2d"}], size=(7, 7, 1))
    image = np.zeros((1, 7, 7, 1))
    image[0, 6, :] = image[0, :, 6] = 9.0
    weights = weight_files.initial(model)
    for twin in (floating, fixed):
        pooled = twin.forward_layers(model, weights, image)["pool1"]
        assert pooled.shape == (1, 3, 3, 1)
        assert pooled.max() == 0


def test_blocks_change_no_result():
    model, weights, images = setting(LAYER_SETS["maxpool"], count=floating.BLOCK + 3)
    for twin in (floating, fixed):
        whole = list(twin.forward_layers(model, weights, images).values())[-1]
        np.testing.assert_allclose(twin.forward(model, weights, images), whole, rtol=1e-12, atol=1e-12)


def test_images_of_another_shape_are_refused():
    model, weights, images = setting(LAYER_SETS["dense"])
    for twin in (floating, fixed):
        with pytest.raises(InputError, match="do not fit the model's input"):
            twin.forward(model, weights, images[:, 1:])


# -- fixed point ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", LAYER_SETS)
def test_fixed_point_stays_close_to_floating_point(kind):
    model, weights, images = setting(LAYER_SETS[kind])
    exact = floating.forward_layers(model, weights, images)
    for name, values in fixed.forward_layers(model, weights, images).items():
        assert np.abs(values - exact[name]).max() < 1e-3
    coarse = fixed.forward(model, weights, images, fraction_bits=8)
    assert np.abs(coarse - fixed.forward(model, weights, images)).max() > 1e-3


def test_fixed_point_is_exact_integer_arithmetic():
    model, weights, images = setting(
        [{"type": "conv2d", "filters": 3, "kernel": 3, "padding": "same", "activation": "relu"}]
    )
    x = [[int(v) for v in row] for row in fixed.encode(images).reshape(4, -1)]
    kernel, bias = (fixed.encode(weights[f"conv1/{part}"]) for part in ("kernel", "bias"))
    layers = fixed.forward_layers(model, weights, images)
    got = fixed.encode(layers["conv1"])
    for image in range(4):
        for row, column, out in [(0, 0, 0), (3, 2, 1), (6, 5, 2)]:
            total = int(bias[out]) << 16
            for i in range(3):
                for j in range(3):
                    r, c = row + i - 1, column + j - 1
                    if 0 <= r < 7 and 0 <= c < 6:
                        for channel in range(2):
                            total += x[image][(r * 6 + c) * 2 + channel] * int(kernel[i, j, channel, out])
            assert got[image, row, column, out] == max(total >> 16, 0)


def test_encoding_rounds_halves_to_even():
    halves = np.array([0.5, 1.5, -0.5, -1.5, 2.5]) / 2**16
    assert fixed.encode(halves).tolist() == [0, 2, 0, -2, 2]


def test_truncation_goes_towards_minus_infinity():
    model = ModelSettings.model_validate({"input": [1, 1, 1], "layers": [{"type": "dense", "units": 1}]})
    weights = {"dense1/kernel": np.array([[0.5]]), "dense1/bias": np.zeros(1)}
    image = np.full((1, 1, 1, 1), -1 / 2**16)
    assert fixed.forward(model, weights, image).item() == -1 / 2**16


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 6),
    st.integers(1, 40),
    st.integers(1, 5),
    st.integers(1, 62),
    st.integers(1, 62),
    st.integers(0, 2**32),
)
def test_the_integer_product_is_exact_modulo_two_to_the_64(m, k, n, left_bits, right_bits, seed):
    rng = np.random.default_rng(seed)
    left = rng.integers(-(2**left_bits), 2**left_bits, (m, k))
    right = rng.integers(-(2**right_bits), 2**right_bits, (k, n))
    want = left.astype(object) @ right.astype(object)
    got = fixed.matmul(left, right).astype(object)
    assert ((got - want) % 2**64 == 0).all()


def test_a_value_that_does_not_fit_is_refused_with_its_layer():
    model, weights, images = setting(LAYER_SETS["conv same"])
    weights["conv1/kernel"] = weights["conv1/kernel"] * 1e4
    with pytest.raises(InputError, match=r"layer 0 'conv1' \(conv2d\): a value of magnitude"):
        fixed.forward(model, weights, images)
    with pytest.raises(InputError, match="the images: a value"):
        fixed.forward(model, weights, images * 1e5)
    weights["dense1/bias"] = weights["dense1/bias"] + 2e4
    with pytest.raises(InputError, match="its dense1/bias: a value"):
        fixed.forward(model, weights, images)


def test_a_sum_that_wraps_the_ring_to_a_small_value_is_still_refused():
    model = ModelSettings.model_validate(
        {"input": [2, 2, 64], "layers": [{"type": "dense", "units": 1, "bias": False}]}
    )
    weights = {"dense1/kernel": np.full((256, 1), 2.0**13)}
    images = np.full((1, 2, 2, 64), 2.0**13)  # 256·2^29·2^29 = 2^66, which is 0 in the ring
    with pytest.raises(InputError, match="layer 0 'dense1'"):
        fixed.forward(model, weights, images)


# -- training and the shipped network ---------------------------------------------------------


def test_training_learns_and_repeats_itself():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 128)
    images = rng.normal(0, 0.3, (128, 6, 6, 1)) + labels[:, None, None, None]
    data = Dataset(images, labels, ("dark", "bright"), "noise")
    layers = [
        {"type": "conv2d", "filters": 4, "kernel": 3, "activation": "relu"},
        {"type": "maxpool2d"},
        {"type": "dense", "units": 2},
    ]
    model = ModelSettings.model_validate({"input": [6, 6, 1], "layers": layers})
    start = weight_files.initial(model, 2)

    def train(**more):
        optimiser = optimise.SGD(0.05, 0.9, 1e-3)
        return list(optimise.fit(model, start, data, optimiser, batch=16, seed=4, **more))

    epochs = train(epochs=4)
    assert epochs[-1].loss < epochs[0].loss
    assert optimise.accuracy(model, epochs[-1].weights, data) > 0.95
    again = train(epochs=4)
    for name, values in epochs[-1].weights.items():
        assert np.array_equal(values, again[-1].weights[name])
    assert len(train(epochs=4, max_steps=9)) == 2


def shipped():
    tables = tomllib.loads(SCENARIO.read_text(encoding="utf-8"))
    model = ModelSettings.model_validate(tables["model"])
    data = DataSettings.model_validate(tables["data"])
    return model, data, weight_files.load(weight_files.find(model.weights), model)


def test_the_shipped_network_recognises_stained_tiles_that_it_never_saw():
    model, data, weights = shipped()
    test = load_split(data, "test")
    some = test.take(np.arange(0, len(test), 10))
    exact = floating.forward(model, weights, some.images)
    layers = fixed.forward_layers(model, weights, some.images)
    assert (exact.argmax(axis=1) == some.labels).mean() > 0.9
    assert np.abs(layers["dense1"] - exact).max() < 0.01
    assert max(np.abs(values).max() for values in layers.values()) < 2**7  # the limit is 2^14


def test_the_shipped_weights_are_small():
    assert weight_files.find("pomic_ihc.npz").stat().st_size < 2_000_000
