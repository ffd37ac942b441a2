"""Products of shares against exact integers."""

import itertools

import numpy as np
import pytest
from harness import NARROW, RINGS, SHAPES, TOY, WIDE, edges, over, run, values_of

from protocols.replicated3.constructions.arithmetic import (
    add_bias,
    conv2d_fixed,
    conv2d_locally,
    dot_fixed,
    matmul_fixed,
    matmul_locally,
    multiply,
    multiply_fixed,
    multiply_locally,
    reshare,
)
from protocols.replicated3.constructions.truncation import truncate_product
from protocols.replicated3.sharings.server import Choices

TRUNCATIONS = [
    Choices(truncation=form, rotate=rotate) for form in ("safe", "fused") for rotate in (True, False)
]
EXACT = [WIDE, NARROW]


def _wrapped(values, ring):
    """Return the signed integers that exact ones are mod 2^l."""
    half = 1 << (ring.bits - 1)
    return (values + half) % (2 * half) - half


def _factor(shape, bits, seed):
    return values_of(bits, int(np.prod(shape)), seed).reshape(shape)


def assert_truncated(got, product, ring):
    """Hold values to an exact product at twice the scale: within one unit."""
    error = got.astype(object) * (1 << ring.fraction_bits) - product
    assert max(abs(error).flat, default=0) <= 1 << ring.fraction_bits


@over("ring", RINGS)
@over("shape", [*SHAPES, (0,)])
def test_integers_multiply_exactly_mod_the_ring(ring, shape):
    x, y = (_factor(shape, ring.bits, seed) for seed in (1, 2))
    got = run(multiply, x, y, ring=ring).values
    np.testing.assert_array_equal(got, _wrapped(x.astype(object) * y, ring))


def test_every_pair_of_edges_multiplies_exactly():
    pairs = np.array(list(itertools.product(edges(16), repeat=2)))
    got = run(multiply, *pairs.T, ring=NARROW).values
    np.testing.assert_array_equal(got, pairs[:, 0] * pairs[:, 1])


@pytest.mark.parametrize(("left", "right"), [((3, 4), (4,)), ((2, 1, 5), (3, 1)), ((1,), (6,)), ((), (3,))])
def test_products_broadcast_as_numpy_does(left, right):
    x, y = (values_of(16, int(np.prod(shape))).reshape(shape) for shape in (left, right))
    got = run(multiply, x, y).values
    np.testing.assert_array_equal(got, x * y)


@over("choices", TRUNCATIONS)
@over("ring", EXACT)
@over("shape", SHAPES)
def test_fixed_point_products_are_within_a_unit(choices, ring, shape):
    bits = ring.value_bits - 2 if choices.truncation == "fused" else ring.bits - 2
    x, y = _factor(shape, bits // 2, 1), _factor(shape, bits // 2, 2)
    got = run(multiply_fixed, x, y, ring=ring, choices=choices).values
    assert_truncated(got, x.astype(object) * y, ring)


@over("choices", TRUNCATIONS)
@over("ring", EXACT)
@pytest.mark.parametrize(
    ("left", "right"), [((7,), (7,)), ((1, 1), (1, 1)), ((4, 9), (4, 9)), ((2, 3, 8), (8,))]
)
def test_dot_products_are_within_a_unit_of_the_exact_sum(choices, ring, left, right):
    x, y = _factor(left, 9, 1), _factor(right, 9, 2)
    got = run(dot_fixed, x, y, ring=ring, choices=choices).values
    assert_truncated(got, (x * y).sum(-1), ring)


@over("choices", TRUNCATIONS)
@over("ring", EXACT)
@pytest.mark.parametrize(
    ("left", "right"),
    [((1, 1), (1, 1)), ((3, 7), (7, 2)), ((9, 8), (8, 9)), ((2, 3, 4), (4, 5)), ((5, 40), (40, 1))],
)
def test_matrix_products_are_within_a_unit_of_the_exact_sum(choices, ring, left, right):
    x, y = _factor(left, 8, 1), _factor(right, 8, 2)
    got = run(matmul_fixed, x, y, ring=ring, choices=choices).values
    assert_truncated(got, x @ y, ring)


def _convolution(x, w, stride, padding):
    """Return the direct convolution, place by place."""
    x = np.pad(x, ((0, 0), *padding, (0, 0)))
    kh, kw, _, filters = w.shape
    rows, columns = (
        (size - taps) // step + 1 for size, taps, step in zip(x.shape[1:3], (kh, kw), stride, strict=True)
    )
    out = np.zeros((x.shape[0], rows, columns, filters), np.int64)
    for i, j in np.ndindex(rows, columns):
        patch = x[:, i * stride[0] : i * stride[0] + kh, j * stride[1] : j * stride[1] + kw]
        out[:, i, j] = np.tensordot(patch, w, 3)
    return out


NONE = ((0, 0), (0, 0))
SAME = ((1, 1), (1, 1))
CONVOLUTIONS = [
    ((1, 1, 1, 1), (1, 1, 1, 1), (1, 1), NONE),
    ((2, 5, 7, 3), (3, 3, 3, 4), (1, 1), SAME),
    ((1, 7, 5, 2), (3, 2, 2, 9), (2, 1), ((0, 1), (2, 0))),
    ((3, 4, 4, 1), (4, 4, 1, 2), (1, 1), NONE),
    ((1, 9, 8, 1), (2, 3, 1, 1), (3, 2), ((1, 0), (0, 2))),
]


@over("choices", TRUNCATIONS)
@pytest.mark.parametrize(("image", "filters", "stride", "padding"), CONVOLUTIONS)
def test_convolutions_are_within_a_unit_of_the_direct_sum(choices, image, filters, stride, padding):
    x, w = _factor(image, 9, 1), _factor(filters, 9, 2)

    async def protocol(server, x, w):
        return await conv2d_fixed(server, x, w, stride, padding)

    for ring in EXACT:
        got = run(protocol, x, w, ring=ring, choices=choices).values
        want = _convolution(x, w, stride, padding)
        assert got.shape == want.shape
        assert_truncated(got, want, ring)


@over("ring", [*EXACT, TOY])
def test_linear_layers_are_exact_mod_the_ring_before_truncation(ring):
    x, w = _factor((2, 3, 3, 2), ring.bits - 2, 1), _factor((2, 2, 2, 5), ring.bits - 2, 2)

    async def convolve(server, x, w):
        return await reshare(server, conv2d_locally(server, x, w, (1, 1), SAME))

    async def matrices(server, x, w):
        return await reshare(server, matmul_locally(server, x.reshape(-1, 4), w.reshape(4, -1)))

    exact = _convolution(x.astype(object), w.astype(object), (1, 1), SAME) if ring.bits < 32 else None
    if exact is not None:
        np.testing.assert_array_equal(run(convolve, x, w, ring=ring).values, _wrapped(exact, ring))
    product = x.reshape(-1, 4).astype(object) @ w.reshape(4, -1).astype(object)
    np.testing.assert_array_equal(run(matrices, x, w, ring=ring).values, _wrapped(product, ring))


@over("ring", EXACT)
def test_a_bias_is_added_at_the_scale_of_the_product(ring):
    x, y, bias = _factor((6, 5), 9, 1), _factor((6, 5), 9, 2), _factor((5,), 9, 3)

    async def protocol(server, x, y, bias):
        return await truncate_product(server, add_bias(server, multiply_locally(server, x, y), bias))

    got = run(protocol, x, y, bias, ring=ring).values
    assert_truncated(got, x * y + (bias << ring.fraction_bits), ring)
