"""Arithmetic mod Mersenne primes and in GF(2^w): against Python's integers, at edges and at random."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols import kernels as k
from protocols.domains import LIMBS, BinaryField, PrimeField
from protocols.shamir.points import interpolation

FIELDS = {bits: PrimeField(20, 4, 9, prime_bits=bits) for bits in (61, 127)}


def _decoded(field, a):
    flat = a.reshape(-1).tolist()
    return [low + (high << 64) for low, high in flat] if field.dtype == LIMBS else flat


def _edges(p):
    half = p // 2
    return [0, 1, 2, half - 1, half, half + 1, half + 2, p - 2, p - 1, 2**60, 2**61 - 2, 2**32]


def numbers(bits):
    """Draw elements, those at edges often."""
    p = 2**bits - 1
    return st.sampled_from([one % p for one in _edges(p)]) | st.integers(0, p - 1)


def _signed(field, a):
    return a - field.prime if a > field.prime // 2 else a


@pytest.mark.parametrize("bits", FIELDS)
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_elements_add_and_multiply_as_integers_do(bits, data):
    field = FIELDS[bits]
    p = field.prime
    a, b = (data.draw(st.lists(numbers(bits), min_size=6, max_size=6)) for _ in range(2))
    x, y = (field.encode_integers(np.array(one, object)) for one in (a, b))
    assert _decoded(field, k.mersenne_add(x, y)) == [(i + j) % p for i, j in zip(a, b, strict=True)]
    assert _decoded(field, k.mersenne_sub(x, y)) == [(i - j) % p for i, j in zip(a, b, strict=True)]
    assert _decoded(field, k.mersenne_mul(x, y)) == [i * j % p for i, j in zip(a, b, strict=True)]
    assert _decoded(field, k.mersenne_neg(x)) == [-i % p for i in a]
    assert _decoded(field, k.mersenne_sum(x.reshape(2, 3), 1)) == [sum(a[:3]) % p, sum(a[3:]) % p]
    words = [int(one) for one in k.mersenne_words(x)]
    assert words == [_signed(field, i) % 2**64 for i in a]
    back = k.mersenne_of_limbs(k.mersenne_limbs(x), x.shape, x.dtype)
    assert _decoded(field, back) == a


@pytest.mark.parametrize("bits", FIELDS)
@settings(deadline=None, max_examples=60)
@given(data=st.data(), shift=st.integers(1, 59))
def test_a_shift_rounds_signed_integers_to_the_nearest(bits, data, shift):
    field = FIELDS[bits]
    a = data.draw(st.lists(numbers(bits), min_size=1, max_size=6))
    found = _decoded(field, k.mersenne_shift(field.encode_integers(np.array(a, object)), shift))
    assert found == [((_signed(field, i) + 2 ** (shift - 1)) >> shift) % field.prime for i in a]


@pytest.mark.parametrize("bits", FIELDS)
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 700, 2), (2, 5, 1100), (4, 0, 3), (0, 2, 3)])
def test_matrices_multiply_as_matrices_of_integers(bits, shape):
    field, (m, terms, n) = FIELDS[bits], shape
    rng = np.random.default_rng(3)
    edges = _edges(field.prime)

    def drawn(rows, columns):
        some = [edges[i] for i in rng.integers(len(edges), size=rows * columns)]
        return np.array(some, object).reshape(rows, columns) % field.prime

    a, b = drawn(m, terms), drawn(terms, n)
    found = k.mersenne_matmul(field.encode_integers(a), field.encode_integers(b))
    want = (a @ b if terms else np.zeros((m, n), object)) % field.prime
    assert _decoded(field, found) == want.reshape(-1).tolist()


@pytest.mark.parametrize("bits", FIELDS)
def test_a_convolution_is_the_rings_on_small_numbers(bits):
    field, rng = FIELDS[bits], np.random.default_rng(4)
    x, w = rng.integers(-99, 99, (2, 6, 5, 3)), rng.integers(-99, 99, (3, 2, 3, 4))
    for stride, padding in [((1, 1), ((1, 1), (0, 1))), ((2, 3), ((0, 0), (1, 0)))]:
        found = k.mersenne_conv2d(*map(field.encode_integers, (x, w)), stride, padding)
        want = k.conv2d(x.astype(np.uint64), w.astype(np.uint64), stride, padding)
        assert (k.mersenne_words(found) == want).all()


@pytest.mark.parametrize("bits", range(1, 9))
def test_gf_is_a_field(bits):
    field, size = BinaryField(bits), 1 << bits
    every = np.arange(size, dtype=np.uint8)
    table = k.binary_mul(every[:, None], every[None, :], bits)
    assert (table == table.T).all()
    assert (table[1] == every).all()
    assert all(len(set(row.tolist())) == size for row in table[1:])
    assert all(field.times(a, field.inverse(a)) == 1 for a in range(1, size))
    a, b, c = np.random.default_rng(5).integers(size, size=(3, 500)).astype(np.uint8)
    left = k.binary_mul(a, k.binary_mul(b, c, bits), bits)
    assert (left == k.binary_mul(k.binary_mul(a, b, bits), c, bits)).all()
    both = k.binary_mul(a, b ^ c, bits)
    assert (both == k.binary_mul(a, b, bits) ^ k.binary_mul(a, c, bits)).all()
    product = k.binary_matmul(a[:6].reshape(2, 3), b[:12].reshape(3, 4), bits)
    parts = [k.binary_mul(a[:6].reshape(2, 3)[:, [j]], b[:12].reshape(3, 4)[[j]], bits) for j in range(3)]
    assert (product == parts[0] ^ parts[1] ^ parts[2]).all()


@pytest.mark.parametrize("field", [FIELDS[61], FIELDS[127], BinaryField(4)], ids=["61", "127", "gf16"])
@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_interpolation_finds_a_polynomial_again(field, data):
    degree = data.draw(st.integers(0, 5))
    coefficients = data.draw(st.lists(st.integers(0, 15), min_size=degree + 1, max_size=degree + 1))

    def at(point):
        total = 0
        for one in reversed(coefficients):
            total = field.difference(field.times(total, point), field.difference(0, one))
        return total

    known = tuple(data.draw(st.permutations(range(12)))[: degree + 1])
    for point, row in zip((0, 3, 13), interpolation(field, known, (0, 3, 13)), strict=True):
        total = 0
        for weight, one in zip(row, known, strict=True):
            total = field.difference(total, field.difference(0, field.times(weight, at(one))))
        assert total == at(point)


@pytest.mark.parametrize("field", [FIELDS[61], BinaryField(3)], ids=["61", "gf8"])
def test_between_disjoint_points_every_square_part_is_invertible(field):
    matrix = interpolation(field, (0, 1, 2, 3), (4, 5, 6))

    def determinant(rows):
        if len(rows) == 1:
            return rows[0][0]
        total = 0
        for column, one in enumerate(rows[0]):
            minor = determinant([row[:column] + row[column + 1 :] for row in rows[1:]])
            part = field.times(one, minor)
            total = field.difference(total, field.difference(0, part) if column % 2 == 0 else part)
        return total

    for size in (1, 2, 3):
        for rows in combinations(matrix, size):
            for columns in combinations(range(4), size):
                assert determinant([tuple(row[j] for j in columns) for row in rows]) != 0
