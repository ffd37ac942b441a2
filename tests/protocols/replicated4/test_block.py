"""Layers on halves mod a small power of two: what the layers one by one would give, within a unit."""

import numpy as np
import pytest
from claimed import Program
from claimed import run as run_family
from jointly import RINGS

from protocols.family import Linear, Pooling
from protocols.layers import block
from protocols.replicated4.family import Replicated4, Replicated4Choices


def _run(ring, kernel, images, relu, pooling, others, shape):
    """Return max and ReLU of a 1×1 convolution and of values that are added to it."""

    async def program(me, x, w, *more):
        output = (*images.shape[1:3], kernel.shape[-1])
        linear = [Linear("conv", "conv2d", "conv2d", x, w, None, output)] * 2
        return await block(me, linear, list(more), "both", "add", relu, pooling)

    inputs = [images, kernel, *others]
    found, _ = run_family(
        Program(program, None, None).run, inputs, shape, ring, family=Replicated4,
        choices=Replicated4Choices(),
    )  # fmt: skip
    return ring.signed(found.outputs["client"])


def _want(ring, kernel, images, relu, pooling, others):
    sums = 2 * np.einsum("nhwc,cf->nhwf", images, kernel[0, 0]) / 2.0**ring.fraction_bits + sum(others)
    if pooling is not None:
        view = np.lib.stride_tricks.sliding_window_view(sums, pooling.window, (1, 2))
        sums = view[:, :: pooling.stride[0], :: pooling.stride[1]].max(axis=(-2, -1))
    return np.maximum(sums, 0) if relu else sums


@pytest.mark.parametrize("ring", RINGS, ids=lambda ring: f"{ring.bits}")
@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize(
    ("window", "stride"),
    [(None, None), ((2, 2), (2, 2)), ((3, 1), (3, 2)), ((1, 1), (1, 1))],
    ids=["none", "2x2", "3x1", "1x1"],
)
@pytest.mark.parametrize("added", [0, 1])
def test_a_block_gives_what_its_layers_would(ring, relu, window, stride, added):
    pooling = Pooling("pool", window, stride) if window else None
    rng = np.random.default_rng(4)
    most = 2 ** (ring.value_bits // 2 - 3)
    images, kernel = rng.integers(-most, most, (2, 5, 4, 3)), rng.integers(-most, most, (1, 1, 3, 2))
    others = [rng.integers(-most, most, (2, 5, 4, 2))] * added
    want = _want(ring, kernel, images, relu, pooling, others)
    found = _run(ring, kernel, images, relu, pooling, others, want.shape)
    assert (np.abs(found - want) < 1 + 1e-9).all()


@pytest.mark.parametrize("ring", RINGS, ids=lambda ring: f"{ring.bits}")
@pytest.mark.parametrize("relu", [True, False])
def test_a_block_holds_the_least_and_the_largest_value(ring, relu):
    """The sums themselves: 2 · x · 2^(f − 1), of the least and the largest numbers of V bits."""
    edge = 1 << (ring.value_bits - 1)
    images = np.array([-edge + 1, edge - 1, -1, 0, 1, -edge + 2]).reshape(1, 2, 3, 1)
    kernel = np.full((1, 1, 1, 1), 1 << (ring.fraction_bits - 1))
    pooling = Pooling("pool", (1, 1), (1, 1))
    want = _want(ring, kernel, images, relu, pooling, [])
    assert (np.abs(_run(ring, kernel, images, relu, pooling, [], want.shape) - want) < 1).all()
