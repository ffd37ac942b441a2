"""Truncation: how wrong a result is, how often, and on average."""

import numpy as np
import pytest
from harness import NARROW, ODD, RINGS, SHAPES, WIDE, over, run, signed, values_of

from protocols.domains.ring import Ring
from protocols.replicated3.constructions.truncation import (
    sum_to_truncated_halves,
    truncate_exact,
    truncate_product,
)
from protocols.replicated3.sharings.server import Choices

MANY = 200_000
SMALL = Ring(16, 4, 11)


async def _truncate(server, x):
    return await truncate_product(server, x.a)


def _errors(z, ring, form, rotate=True):
    """Return got · 2^f − z."""
    got = run(_truncate, z, ring=ring, choices=Choices(truncation=form, rotate=rotate)).values
    return (
        got.astype(object) * (1 << ring.fraction_bits) - z
        if ring.bits > 48
        else (got << ring.fraction_bits) - z
    )


def _in_range(bits, count):
    """Return integers below 2^(bits − 2) in magnitude."""
    z = values_of(bits - 1, count)
    return z[z > -(1 << (bits - 2))]


@over("rotate", [True, False])
@over("ring", [*RINGS, SMALL, Ring(8, 3, 4)])
def test_safe_is_never_wrong_by_more_than_a_unit(ring, rotate):
    z = _in_range(ring.bits, 20_000)
    assert np.abs(_errors(z, ring, "safe", rotate)).max() <= 1 << ring.fraction_bits


@over("shape", [*SHAPES, (0,)])
@over("form", ["safe", "fused"])
@over("rotate", [True, False])
def test_shapes_survive(form, rotate, shape):
    z = values_of(40, int(np.prod(shape))).reshape(shape)
    got = run(_truncate, z, choices=Choices(truncation=form, rotate=rotate)).values
    assert got.shape == shape


@over("ring", [NARROW, ODD])
@over("form", ["safe", "fused"])
def test_the_mean_error_is_nil(form, ring):
    z = np.random.default_rng(0).integers(-(1 << 15), 1 << 15, MANY)
    error = _errors(z, ring, form) / (1 << ring.fraction_bits)
    error = error[np.abs(error) <= 1]  # `fused` wraps once in a while
    assert error.size >= MANY - 10
    assert abs(error.mean()) < 5 * error.std() / np.sqrt(MANY) + 2.0**-ring.fraction_bits


def test_a_whole_number_of_units_is_not_pulled_to_one_side_either():
    z = np.full(MANY, 3 << NARROW.fraction_bits)
    assert abs(_errors(z, NARROW, "safe").mean()) <= 1  # 2^−f of a unit


@over("sign", [1, -1])
@over("magnitude", [1 << 8, 1 << 11, 1 << 13])
def test_fused_wraps_as_often_as_theory_says(magnitude, sign):
    ring, chance = SMALL, magnitude / (1 << SMALL.bits)
    error = _errors(np.full(MANY, sign * magnitude), ring, "fused")
    unit = 1 << ring.fraction_bits
    gross = np.abs(error) > unit
    spread = np.sqrt(MANY * chance * (1 - chance))
    assert abs(gross.sum() - MANY * chance) < 5 * spread
    off = np.mod(error[gross] // unit + 1, 1 << (ring.bits - ring.fraction_bits))
    assert set(np.unique(off)) <= {0, 1, 2}  # a multiple of 2^(l−f), and at most a unit beside it


def test_fused_is_within_a_unit_where_wraps_are_rare():
    z = values_of(WIDE.value_bits - 1, 20_000)
    assert np.abs(_errors(z, WIDE, "fused")).max() <= 1 << WIDE.fraction_bits


def test_safe_has_no_wraps_where_fused_has_thousands():
    z = np.full(MANY, (1 << (SMALL.bits - 2)) - 1)
    assert np.abs(_errors(z, SMALL, "safe")).max() <= 1 << SMALL.fraction_bits


@pytest.mark.parametrize(
    ("ring", "bits"), [(WIDE, 48), (WIDE, 32), (NARROW, 24), (NARROW, 21), (SMALL, 12)]
)
def test_summands_become_truncated_halves_off_by_less_than_one_and_a_half_units(ring, bits):
    async def protocol(server, x):
        return await sum_to_truncated_halves(server, x.a, bits)

    f = ring.fraction_bits
    z = np.random.default_rng(0).integers(
        -(1 << (bits + f - 1)) + (2 << f), (1 << (bits + f - 1)) - (2 << f), 50_000
    )
    got = run(protocol, z, ring=ring, choices=Choices(rotate=False)).values
    error = (got * (1 << f) - z) / (1 << f)
    assert np.abs(error).max() < 1.5
    assert abs(error.mean()) < 5 * error.std() / np.sqrt(z.size) + 2.0**-f


def test_truncated_halves_do_not_see_the_wraps_of_the_whole_ring():
    f, bits = SMALL.fraction_bits, SMALL.bits - SMALL.fraction_bits

    async def protocol(server, x):
        return await sum_to_truncated_halves(server, x.a, bits)

    z = np.arange(-(1 << 15), 1 << 15)  # every sum that the ring has
    got = run(protocol, z, ring=SMALL, choices=Choices(rotate=False)).values
    error = signed(((got << f) - z).astype(np.uint64), SMALL.bits)
    assert np.abs(error).max() < 1.5 * (1 << f)


def test_whole_numbers_stay_as_they_are_in_a_ring_without_fractions():
    async def protocol(server, x):
        return await sum_to_truncated_halves(server, x.a, 20)

    x = values_of(20, 100)
    ring = Ring(32, 0, 20)
    np.testing.assert_array_equal(run(protocol, x, ring=ring, choices=Choices(rotate=False)).values, x)


@over("ring", [NARROW, ODD, Ring(12, 2, 7)])
@over("form", ["table", "masked", "tree"])
def test_exact_truncation_is_the_floor_whatever_the_shift(form, ring):
    z = _in_range(ring.bits, 5000)
    for shift in (1, ring.fraction_bits, ring.bits - 4):

        async def protocol(server, x, shift=shift):
            return await truncate_exact(server, x, shift)

        np.testing.assert_array_equal(run(protocol, z, ring=ring, choices=Choices(form)).values, z >> shift)


@over("form", ["safe", "fused"])
@over("shift", [0, 1, 5, 20])
def test_a_product_is_shifted_by_as_many_bits_as_asked(shift, form):
    async def protocol(server, x):
        return await truncate_product(server, x.a, shift)

    z = values_of(40, 1000)
    got = run(protocol, z, choices=Choices(truncation=form)).values
    assert np.abs((got << shift) - z).max() <= (1 << shift if shift else 0)
