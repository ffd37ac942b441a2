"""Numbers of two words: their arithmetic, and comparisons of fractions that 64 bits do not hold."""

import numpy as np
import pytest
from harness import COMPARISONS, over, run
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols import kernels
from protocols.kernels import shapes
from protocols.replicated3.sharings import concatenate, narrow_share
from protocols.trees import best, wide
from protocols.trees.shape import within

FULL = 1 << 128
NUMBERS = st.one_of(st.integers(0, FULL - 1), st.sampled_from([0, 1, 2**63, 2**64 - 1, 2**64, FULL - 1]))


def of(*numbers):
    low, high = ([number >> by & 2**64 - 1 for number in numbers] for by in (0, 64))
    return wide.Wide(np.array(low, np.uint64), np.array(high, np.uint64))


def back(x):
    return [int(low) + (int(high) << 64) for low, high in zip(x.low, x.high, strict=True)]


@settings(max_examples=300, deadline=None)
@given(x=NUMBERS, y=NUMBERS, bits=st.integers(1, 63))
def test_arithmetic_of_two_words_is_that_of_integers(x, y, bits):
    one, other = of(x), of(y)
    assert back(wide.plus(kernels, one, other)) == [(x + y) % FULL]
    assert back(wide.minus(kernels, one, other)) == [(x - y) % FULL]
    assert back(wide.times(kernels, one, other)) == [x * y % FULL]
    assert back(wide.raised(kernels, one, bits)) == [(x << bits) % FULL]
    assert back(wide.plus(kernels, one, wide.constant(kernels, y - FULL))) == [(x + y) % FULL]


def test_arithmetic_of_two_words_has_a_twin_without_data():
    x = wide.Wide(shapes.zeros((2, 3), np.uint64), shapes.zeros((2, 3), np.uint64))
    for found in (wide.times(shapes, x, x), wide.minus(shapes, x, x), wide.raised(shapes, x, 5)):
        assert (found.low.shape, found.high.shape) == ((2, 3), (2, 3))


class Fractions:
    """Of a shape only what a comparison asks for."""

    def __init__(self, bits, fraction_bits):
        self.cross_bits, self.fraction_bits, self.tie_bits = bits, fraction_bits, 10


def fractions(rng, count):
    """Return N, D, a of pairs: scores up to 2^61, counts up to 2^40, ties and near ties among them."""
    above, below = rng.integers(-1, 2**61, (2, count)), rng.integers(1, 2**40, (2, count))
    names = rng.integers(0, 1000, (2, count))
    third = count // 3
    above[1, :third], below[1, :third] = above[0, :third], below[0, :third]  # ties
    near = slice(third, 2 * third)
    above[1, near], below[1, near] = above[0, near] - rng.integers(-1, 2, third), below[0, near]
    names[1, ::7] = names[0, ::7]
    return above, below, names


@pytest.mark.parametrize(
    ("bits", "fraction"), [(112, (63, 48, 48)), (120, (64, 64, 64)), (127, (63, 64, 64))], ids=str
)
@over("choices", COMPARISONS)
def test_fractions_of_wide_products_compare_as_integers_do(choices, bits, fraction):
    count = 60
    above, below, names = fractions(np.random.default_rng(bits), count)
    found = run(_compared(bits, fraction), *_rows(above, below, names), choices=choices).values
    cross = [
        2**10 * (int(above[0, i]) * int(below[1, i]) - int(above[1, i]) * int(below[0, i]))
        + int(names[1, i] - names[0, i])
        for i in range(count)
    ]
    np.testing.assert_array_equal(found, [value < 0 for value in cross])


def _rows(above, below, names):
    return [row for side in (0, 1) for row in (above[side], below[side], names[side])]


def _compared(bits, fraction):
    async def protocol(server, *rows):
        rings = [within(server, own) for own in fraction] * 2
        narrowed = [narrow_share(ring, row) for ring, row in zip(rings, rows, strict=True)]
        return await best._loses_widely(server, narrowed[:3], narrowed[3:], Fractions(bits, fraction))

    return protocol


@over("choices", COMPARISONS)
@pytest.mark.parametrize("bits", [65, 66, 97, 128])
def test_what_is_zero_or_negative_in_two_words_is_found(bits, choices):
    rng = np.random.default_rng(bits)
    x = np.concatenate([[0, 1, -1, 2**62 - 1, -(2**62), 2**40], rng.integers(-(2**62), 2**62, 20)])
    y = np.concatenate([[3, 1, 1, 0, 1, 0], rng.integers(0, 2 if bits < 100 else 2**62, 20)])

    async def protocol(server, x, y):
        halves = await wide.lifted(
            server, concatenate(server, [x.reshape(1, -1), y.reshape(1, -1)]), 64, bits
        )
        shares = await wide.shared(server, halves)
        z = await wide.sum_of(server, wide.products(server, [(shares[0], shares[1], 1)]), bits)
        zero, below = await wide.is_zero(server, z), await wide.is_negative(server, z)
        return concatenate(server, [zero, below])

    found = run(protocol, x, y, choices=choices).values
    product = [int(a) * int(b) for a, b in zip(x, y, strict=True)]
    low = [(value + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1) for value in product]
    np.testing.assert_array_equal(found, [value == 0 for value in low] + [value < 0 for value in low])
