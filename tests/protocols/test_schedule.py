"""The public integers of training: what they make of a rate, a momentum and a decay, over all sizes."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpcsim import InputError
from protocols.domains.ring import Ring
from protocols.training.schedule import Scales, descents

RINGS = [Ring(64, 16, 31), Ring(64, 12, 31), Ring(64, 10, 30), Ring(64, 18, 32)]
SCALES = Scales.of(RINGS[0])


def applied(scales, steps, gradients, weights, velocity=0.0):
    """Return the weights after steps, in real numbers, by the integers alone: no σ."""
    w, v = weights, velocity
    for step, g in zip(steps, gradients, strict=True):
        v = step.momentum / 2.0**scales.update * v + step.share(scales) * g
        v = v + step.decay / 2.0**scales.decay_bits * w
        w = w - step.rate / 2.0**scales.rate_bits * v
    return w


@settings(deadline=None, max_examples=300)
@given(
    ring=st.sampled_from(RINGS),
    rate=st.floats(2.0**-12, 4.0),
    images=st.integers(1, 4096),
)
def test_a_step_is_within_its_bound_for_every_rate_and_batch(ring, rate, images):
    scales = Scales.of(ring)
    wanted = rate / images
    hit = 2.0 ** (scales.lift_bits + scales.batch_bits) / images / 2  # σ is at least 1/2
    if hit < 2 ** (scales.lift_bits - 1):
        return
    (step,) = descents(scales, [rate], [images], 0.9, 0.0)
    assert abs(step.applied(scales) / wanted - 1) <= max(
        2.0**-12, 0.5 / min(hit, 2.0 ** (scales.lift_bits - 1))
    )
    assert 2 ** (scales.lift_bits - 1) <= step.lift <= 2**scales.lift_bits
    assert 0.5 < step.scale <= 1
    assert step.batch * images <= 2 ** (scales.batch_bits + 1)  # the sum fits where the velocity does


@pytest.mark.parametrize(
    ("images", "bound"), [(1, -12), (31, -12), (200, -11), (4095, -8), (8191, -7), (8192, -7)]
)
def test_the_batches_that_were_rounded_away_are_there(images, bound):
    for rate in np.linspace(0.001, 0.1, 37):
        (step,) = descents(SCALES, [rate], [images], 0.9, 0.0)
        assert abs(step.applied(SCALES) * images / rate - 1) <= 2.0**bound


@settings(deadline=None, max_examples=100)
@given(exponent=st.integers(-12, 3), images=st.sampled_from([1, 2, 4, 32, 256, 4096]))
def test_powers_of_two_are_exact_and_scale_nothing(exponent, images):
    (step,) = descents(SCALES, [2.0**exponent], [images], 0.9, 0.0)
    assert step.applied(SCALES) == 2.0**exponent / images
    assert (step.scale, step.lift, step.batch) == (1.0, 256, 4096 // images)
    assert step.momentum == round(0.9 * 2**34)


@settings(deadline=None, max_examples=60)
@given(
    rate=st.floats(0.001, 0.5),
    images=st.integers(1, 128),
    momentum=st.just(0.0) | st.floats(2.0**-30, 0.95),
    decay=st.just(0.0) | st.floats(2.0**-22, 0.02),
    factor=st.floats(0.2, 1.0),
    seed=st.integers(0, 2**32),
)
def test_a_whole_schedule_moves_weights_as_the_formula_says(rate, images, momentum, decay, factor, seed):
    rng = np.random.default_rng(seed)
    rates = [rate * factor ** (i // 8) for i in range(24)]
    sizes = [images, images, max(1, images // 3)] * 8
    gradients = [rng.normal(0.3, 1.0, 20) * size for size in sizes]
    start = rng.normal(0, 1, 20)
    steps = descents(SCALES, rates, sizes, momentum, decay)
    w, v = start.copy(), np.zeros(20)
    for one, size, g in zip(rates, sizes, gradients, strict=True):
        v = momentum * v + g / size + decay * w
        w = w - one * v
    moved = applied(SCALES, steps, gradients, start) - start
    assert np.abs(moved - (w - start)).max() <= 2.0**-8 * np.abs(w - start).max() + 2.0**-16


def test_decay_too_small_for_one_step_is_right_over_all():
    decay = 1e-8  # a twenty-fourth of a unit
    steps = descents(SCALES, [0.01] * 2400, [32] * 2400, 0.9, decay)
    assert sum(step.decay for step in steps) / 2.0**22 == pytest.approx(
        2400 * decay * steps[0].scale, rel=1e-2
    )


@pytest.mark.parametrize("steps", [10, 300, 3000, 20_000])
def test_a_cosine_ends_at_zero_and_its_sum_is_right(steps):
    rates = [0.01 * 0.5 * (1 + math.cos(math.pi * i / steps)) for i in range(steps)]
    found = [step.applied(SCALES) * 32 for step in descents(SCALES, rates, [32] * steps, 0.9, 1e-3, True)]
    assert np.cumsum(found) == pytest.approx(np.cumsum(rates), rel=2.0**-11)
    assert max(abs(np.array(found) - rates)) <= 2.0**-12 * 0.01
    tail = [rate < 1e-6 for rate in rates]
    assert sum(np.array(found)[tail]) == pytest.approx(sum(np.array(rates)[tail]), abs=1e-7)


@pytest.mark.parametrize("ring", RINGS)
@pytest.mark.parametrize(
    ("rates", "images", "momentum", "decay", "message"),
    [
        ([1e-18], 32, 0.9, 0.0, "step 1 has the rate 1e-18, its batch 32 images: it rounds to 0"),
        ([0.01, 0.01, 1e-18], 32, 0.9, 0.0, "step 3 has the rate 1e-18"),
        ([0.01], 2**48, 0.9, 0.0, "rounds to 0"),
        ([1e300], 32, 0.9, 0.0, "step 1 has the rate 1e[+]300; accepted in this ring: below"),
        ([float("inf")], 32, 0.9, 0.0, "rate inf; accepted"),
        ([float("nan")], 32, 0.9, 0.0, "rate nan; accepted"),
        ([-0.01], 32, 0.9, 0.0, "rate -0.01; accepted"),
        ([0.01], 32, 1e-12, 0.0, "training.momentum = 1e-12: rounds to 0"),
        ([0.01] * 5, 32, 0.9, 1e-12, "training.decay = 1e-12: rounds to 0 over all 5 steps"),
    ],
)  # fmt: skip
def test_what_vanishes_or_overflows_is_refused_by_its_step(ring, rates, images, momentum, decay, message):
    with pytest.raises(InputError, match=message):
        descents(Scales.of(ring), rates, [images] * len(rates), momentum, decay)


def test_a_rate_too_coarse_to_be_right_is_refused_with_what_it_would_be():
    with pytest.raises(InputError, match=r"step 1 has the rate .* it would be .*% off .* smaller batches"):
        descents(SCALES, [0.01], [700_001], 0.9, 0.0)


@settings(deadline=None, max_examples=300)
@given(rate=st.floats(0, allow_nan=False), images=st.integers(1, 2**40), momentum=st.floats(0, 0.999))
def test_every_schedule_is_right_or_refused(rate, images, momentum):
    try:
        (step,) = descents(SCALES, [rate], [images], momentum, 0.0)
    except InputError:
        return
    assert abs(step.applied(SCALES) * images - rate) <= 2.0**-7 * rate
    assert step.rate << (SCALES.velocity + 10) < 2**63
