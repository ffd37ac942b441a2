"""Between arithmetic and Boolean shares."""

import numpy as np
import pytest
from harness import COMPARISONS, NARROW, TOY, WIDE, over, run, values_of

from mpcsim import InputError
from protocols.replicated3.constructions.conversion import from_bit, from_bits, inject, is_zero, to_bits
from protocols.replicated3.sharings.server import Choices

FIXED = Choices(rotate=False)
ONE_ROUND = Choices(select="one_round", rotate=False)
SIZES = [1, 2, 3, 7, 8, 9, 1000]


async def _planes(server, x, count):
    [(_, planes)] = await to_bits(server, x, count)
    return planes


@over("ring", [WIDE, NARROW, TOY])
@over("size", SIZES)
def test_numbers_become_bits_and_numbers_again(size, ring):
    async def protocol(server, x):
        return await from_bits(server, await _planes(server, x, None), x.size)

    x = values_of(ring.bits, size)
    np.testing.assert_array_equal(run(protocol, x, ring=ring, choices=FIXED).values, x)


@over("count", [1, 2, 3, 8, 31, 33, 63])
def test_the_lower_bits_alone_become_what_they_say(count):
    async def protocol(server, x):
        return await from_bits(server, await _planes(server, x, count), x.size)

    x = values_of(64, 500)
    np.testing.assert_array_equal(run(protocol, x, choices=FIXED).values, x & ((1 << count) - 1))


@over("size", [3, 8, 1000])
def test_planes_hold_the_bits_of_each_third(size):
    async def protocol(server, x):
        return [(turned.role, planes.a) for turned, planes in await to_bits(server, x, 20)]

    x = values_of(20, size)
    thirds = zip(*run(protocol, x).servers, strict=True)
    ends = [size * i // 3 for i in range(4)]
    for number, third in enumerate(thirds):
        assert sorted(role for role, _ in third) == [0, 1, 2]
        part = x[ends[number] : ends[number + 1]]
        planes = np.bitwise_xor.reduce([planes for _, planes in third])
        bits = np.unpackbits(planes, axis=-1, count=part.size, bitorder="little")
        np.testing.assert_array_equal(bits, part >> np.arange(20)[:, None] & 1)


@over("choices", [FIXED, ONE_ROUND])
@over("size", SIZES)
def test_a_bit_is_a_number_and_multiplies_one(size, choices):
    async def number(server, x, b):
        return await from_bit(server, (await _planes(server, b, 1))[0], x.size)

    async def product(server, x, b):
        return await inject(server, (await _planes(server, b, 1))[0], x)

    x, b = values_of(64, size), np.random.default_rng(0).integers(0, 2, size)
    np.testing.assert_array_equal(run(number, x, b, choices=choices).values, b)
    np.testing.assert_array_equal(run(product, x, b, choices=choices).values, x * b)


def test_bits_for_another_number_of_values_are_refused():
    async def protocol(server, x, b):
        return await inject(server, (await _planes(server, b, 1))[0], x)

    with pytest.raises(InputError, match="1 bytes of bits, 9 values"):
        run(protocol, values_of(8, 9), np.ones(8), choices=FIXED)


@over("choices", COMPARISONS)
@over("ring", [WIDE, NARROW, TOY])
def test_is_zero_finds_zero_and_nothing_else(ring, choices):
    x = values_of(ring.value_bits, 600).reshape(20, 30)
    x[3, :5] = 0
    np.testing.assert_array_equal(run(is_zero, x, ring=ring, choices=choices).values, x == 0)
