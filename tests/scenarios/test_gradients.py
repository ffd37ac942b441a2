"""Slopes by automatic differentiation, against finite differences, for every kind of layer with slopes."""

import numpy as np
from differences import hold_slopes

from scenarios.clear import floating, optimise
from scenarios.data import Dataset
from scenarios.networks import ModelSettings, shapes, weights

LAYERS = [
    {"type": "conv2d", "filters": 6, "kernel": 3, "groups": 3, "padding": "same", "activation": "relu"},
    {"type": "maxpool2d"},
    {"type": "conv2d_transpose", "filters": 4, "kernel": 2},
    {"type": "scale"},
    {"type": "upsample2d"},
    {"type": "avgpool2d", "name": "avgpool"},
    {"type": "activation", "function": "sigmoid"},
    {"type": "multiply", "from": "avgpool"},
    {"type": "reshape", "shape": [16, 4]},
    {"type": "token"},
    {"type": "positions"},
    {"type": "row", "place": -1},
    {"type": "dense", "units": 3},
]


def test_slopes_are_those_of_finite_differences():
    hold_slopes(LAYERS, (6, 6, 3), 3)


def test_a_network_of_such_layers_learns():
    layers = [
        {"type": "dense", "units": 8, "rows": True},
        {"type": "positions"},
        {"type": "activation", "function": "tanh"},
        {"type": "dense", "units": 2},
    ]
    model = ModelSettings.model_validate({"input": (1, 5, 3), "layers": layers})
    rng = np.random.default_rng(1)
    images = rng.normal(size=(64, 1, 5, 3))
    labels = (images[:, 0, 1, 0] > images[:, 0, 3, 2]).astype(np.int64)
    data = Dataset(images, labels, ("no", "yes"), "made up")
    assert not floating.has_slopes(shapes(model))
    epochs = list(optimise.fit(model, weights.initial(model), data, optimise.SGD(0.1), epochs=30, batch=16,
                               seed=0, flips=False))  # fmt: skip
    assert epochs[-1].loss < 0.5 * epochs[0].loss
    assert epochs[-1].train_accuracy > 0.9
