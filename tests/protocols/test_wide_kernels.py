"""Arithmetic of rings above 64 bits: against Python's integers, at edges and at random."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols import kernels as k
from protocols.domains import LIMBS
from protocols.kernels import shapes

ALL = 2**128
EDGES = [0, 1, 2**32, 2**63, 2**64 - 1, 2**64, 2**127, ALL - 1, ALL - 2**64]
NUMBERS = st.sampled_from(EDGES) | st.integers(0, ALL - 1)
SIX = st.lists(NUMBERS, min_size=6, max_size=6)


def _wide(numbers, *shape):
    return np.array([(one % 2**64, one >> 64) for one in numbers], LIMBS).reshape(shape)


def _integers(a):
    return [low + (high << 64) for low, high in a.reshape(-1).tolist()]


@settings(deadline=None, max_examples=60)
@given(a=SIX, b=SIX)
def test_numbers_add_and_multiply_as_integers_do(a, b):
    x, y = _wide(a, 6), _wide(b, 6)
    pairs = list(zip(a, b, strict=True))
    assert _integers(k.wide_add(x, y)) == [(i + j) % ALL for i, j in pairs]
    assert _integers(k.wide_sub(x, y)) == [(i - j) % ALL for i, j in pairs]
    assert _integers(k.wide_mul(x, y)) == [i * j % ALL for i, j in pairs]
    assert _integers(k.wide_neg(x)) == [-i % ALL for i in a]
    assert _integers(k.wide_mul(x.reshape(6, 1), y[:2])) == [i * j % ALL for i in a for j in b[:2]]
    rows = np.array(a, object).reshape(2, 3)
    assert _integers(k.wide_sum(x.reshape(2, 3), -1)) == [one % ALL for one in rows.sum(1)]
    product = rows @ np.array(b, object).reshape(3, 2)
    assert _integers(k.wide_matmul(x.reshape(2, 3), y.reshape(3, 2))) == [
        one % ALL for one in product.reshape(-1)
    ]


@settings(deadline=None, max_examples=60)
@given(a=SIX, bits=st.integers(65, 128), count=st.integers(0, 6))
def test_what_travels_are_the_lowest_bits(a, bits, count):
    x = _wide(a[:count], count)
    packed = k.wide_pack(x, bits)
    assert packed.size == 8 * count + -(-count * (bits - 64) // 8)
    assert _integers(k.wide_unpack(packed, bits, (count,))) == [one % 2**bits for one in a[:count]]


def test_words_become_numbers_and_back():
    words = np.array([[0, 1, 2**64 - 1]], np.uint64)
    assert _integers(k.wide_of(words)) == words.reshape(-1).tolist()
    assert np.array_equal(k.wide_words(k.wide_of(words), np.uint64), words)
    assert k.wide_words(_wide([2**64 + 2**32 + 7]), np.uint32) == 7


@pytest.mark.parametrize(("stride", "padding"), [((1, 1), ((1, 1), (0, 2))), ((2, 1), ((0, 0), (0, 0)))])
def test_a_convolution_is_that_of_its_limbs(stride, padding):
    rng = np.random.default_rng(1)
    x, w = (rng.integers(0, 2**64, shape, np.uint64) for shape in ((2, 5, 4, 4), (3, 2, 2, 6)))
    found = k.wide_conv2d(k.wide_of(x), k.wide_of(w), stride, padding)
    assert np.array_equal(k.wide_words(found, np.uint64), k.conv2d(x, w, stride, padding))


def test_the_twin_has_no_values_of_the_same_shapes():
    x = shapes.wide_of(shapes.zeros((2, 3), np.uint64))
    assert shapes.wide_mul(x, x[:, :1]).shape == (2, 3)
    with pytest.raises(ValueError, match="packed bytes"):
        shapes.wide_unpack(shapes.wide_pack(x, 104), 104, (5,))
