"""Batch normalisation over a family: near the exact one, back and remembered; messages; refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from served import reals
from test_uniform_messages import FAR, _received, _worst

from mpcsim import InputError
from protocols.domains import Ring
from protocols.replicated3.family import Replicated3
from protocols.replicated3.training.backward import Sums, back_to_entries, joined, masked
from protocols.training import Scales
from protocols.training.normalise import (
    Channels,
    Normed,
    by_input,
    normed,
    recalled,
    remembered,
    remembering,
    slopes,
)

RING = Ring()
SCALES = Scales.of(RING)
ONE = 1 << (SCALES.weight - RING.fraction_bits)  # from a value's scale to a weight's
FINER = 1 << SCALES.lift_bits  # and to a gradient's


def drawn(seed, count, channels=4):
    rng = np.random.default_rng(seed)
    x = rng.normal(rng.uniform(-4, 4, channels), 2.0 ** rng.uniform(-3, 4, channels), (count, channels))
    g = rng.normal(0, 0.2, (count, channels)).clip(-1, 1)
    arrays = (x, g, rng.uniform(-2, 2, channels))
    return [RING.decode(RING.encode(one)) for one in arrays]


def raised(me, x, factor):
    return me.scale(x, me.ring.encode_integers(np.asarray(factor)))


@settings(deadline=None, max_examples=8)
@given(st.integers(0, 2**32), st.sampled_from([2, 3, 10, 97, 640]), st.sampled_from([1e-5, 0.01]))
def test_channels_and_their_gradients_are_near_the_exact_ones(seed, count, epsilon):
    plan = Channels.of(SCALES, RING, count, epsilon)
    x, g, scale = drawn(seed, count)

    async def program(me, x, g, scale):
        kept = await normed(me, x, raised(me, scale, ONE), plan)
        found = await slopes(me, kept, raised(me, g, FINER), plan, SCALES)
        y = await me.close(await me.product("mul", kept.deviations, kept.scale), SCALES.weight)
        # cut to a value's scale
        back = await me.close(await by_input(me, kept, found), SCALES.weight + SCALES.lift_bits)
        return me.concatenate([y, back])

    got = reals("plain", RING, program, x, g, scale, shape=(2 * count, 4))
    size = np.sqrt(x.var(axis=0) + epsilon)
    unit = (x - x.mean(axis=0)) / size
    back = scale / size * (g - g.mean(axis=0) - unit * (g * unit).mean(axis=0))
    near = 2.0**-14 * (1 + np.abs(scale) / size) * 4  # a mean is within a unit, a root within 2^-16.8
    assert (np.abs(got[:count] - unit * scale) < near).all()
    assert (np.abs(got[count:] - back) < near).all()


@pytest.mark.parametrize("part", [0.1, 0.5])
def test_running_statistics_move_by_their_part_and_normalise_later_images(part):
    count, epsilon = 60, 1e-3
    plan = Channels.of(SCALES, RING, count, epsilon)
    x, _, scale = drawn(7, count)

    async def program(me, x, scale):
        kept = await normed(me, x, raised(me, scale, ONE), plan)
        ones = raised(me, me.public(me.kernels.full(scale.shape, 1, RING.dtype)), 1 << SCALES.weight)
        held = (raised(me, ones, 0), ones)
        mean, spread = await remembered(me, kept, held, plan, SCALES, part)
        d, a = await recalled(
            me, x, raised(me, scale, ONE), mean, spread, SCALES, remembering(RING, epsilon)
        )
        return await me.close(await me.product("mul", d, a), SCALES.weight)

    mean, spread = part * x.mean(axis=0), 1 - part + part * (x.var(axis=0) + epsilon)
    got = reals("plain", RING, program, x, scale)
    want = (x - mean) / np.sqrt(spread) * scale
    assert np.abs(got - want).max() < 2.0**-10


@pytest.mark.parametrize(
    ("ring", "count", "message"),
    [
        (Ring(60, 12, 28), 8, "batch normalisation trains with 64 bits alone"),
        (RING, 1, "has no variance"),
        (RING, 1 << 30, "no room"),
    ],
)
def test_what_cannot_be_normalised_is_refused(ring, count, message):
    with pytest.raises(InputError, match=message):
        Channels.of(SCALES, ring, count, 1e-5)


# Messages on three servers


async def _back(server, x):
    me, rows = Replicated3.around(server), x.reshape(2, -1)
    plan = Channels.of(SCALES, RING, 2, 1e-5)
    kept = Normed(rows, rows[0], rows[1], rows[0], rows[1])
    found = await slopes(me, kept, rows, plan, SCALES)
    await remembered(me, kept, (rows[0], rows[1]), plan, SCALES, 0.1)
    return await me.close(await by_input(me, kept, found), SCALES.weight)


async def _joined(server, x):
    once = joined(server, x, x)
    sums = joined(server, once, joined(server, masked(server, x), Sums(masked(server, x).z, 9)))
    return await back_to_entries(server, sums, [None] * 3)


async def _unmasked(server, x):
    return await back_to_entries(server, joined(server, x, Sums(x.a, 9)), [None] * 3)


@pytest.mark.parametrize("protocol", [_back, _joined], ids=["back", "joined"])
def test_messages_are_uniform_bytes(protocol):
    received = _received(protocol, n=12_000)
    assert any(received)
    for messages in received:
        assert _worst(messages) < FAR


def test_joined_gradients_that_no_share_of_zero_masks_are_caught():
    assert max(_worst(messages) for messages in _received(_unmasked, n=12_000)) > FAR
