"""Slopes by automatic differentiation, held to finite differences."""

import numpy as np
import pytest

from scenarios.clear import floating
from scenarios.clear.gradients import slopes
from scenarios.networks import ModelSettings, shapes, weights

STEP = 1e-5


def hold_slopes(layers, size, tries):
    """Hold the slopes of three images by so many numbers of each weight, and the logits to the twin's."""
    model = ModelSettings.model_validate({"input": size, "layers": layers})
    plans, rng = shapes(model), np.random.default_rng(0)
    held = {name: w + rng.normal(0, 0.1, w.shape) for name, w in weights.initial(model).items()}
    images, labels = rng.normal(size=(3, *size)), np.array([0, 1, 2])
    _, logits, found = slopes(plans, held, images, labels)
    np.testing.assert_allclose(logits, floating.forward(model, held, images), atol=1e-9)
    assert found.keys() == held.keys()
    for name, weight in held.items():
        for _ in range(tries):
            place = tuple(int(rng.integers(0, size)) for size in weight.shape)
            sides = []
            for step in (STEP, -STEP):
                moved = weight.copy()
                moved[place] += step
                sides.append(slopes(plans, held | {name: moved}, images, labels)[0])
            assert (sides[0] - sides[1]) / (2 * STEP) == pytest.approx(found[name][place], abs=1e-6)
