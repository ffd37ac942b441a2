"""The kernels against plain NumPy and Python integers."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols import kernels as K

Array = npt.NDArray[Any]

WORDS = [np.uint32, np.uint64]
word_types = st.sampled_from(WORDS)
seeds = st.integers(0, 2**32 - 1)
shapes = st.lists(st.integers(0, 5), max_size=3).map(tuple)


def cases(**strategies: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Any]:
    """Run a test on 40 examples, however loaded the machine is."""
    return lambda test: settings(deadline=None, max_examples=40)(given(**strategies)(test))


def random(rng: np.random.Generator, shape: Any, dtype: Any) -> Array:
    """Return a random array with extreme words among the others, in some memory layout."""
    info = np.iinfo(dtype)
    a: Array = rng.integers(0, info.max, shape, dtype, endpoint=True)
    extreme = rng.choice(np.array([0, 1, info.max, info.max // 2 + 1], dtype), shape)
    a = np.where(rng.random(shape) < 0.2, extreme, a)
    layout = rng.integers(5)
    if layout == 1:
        a = np.asarray(a, order="F")
    elif layout == 2 and a.ndim:
        a = np.repeat(a, 2, axis=-1)[..., ::2]
    elif layout == 3 and a.ndim:
        a = a[::-1].copy()[::-1]
    elif layout == 4:
        buffer = np.zeros(a.nbytes + 1, np.uint8)
        unaligned = np.ndarray(a.shape, dtype, buffer, offset=1)
        unaligned[...] = a
        a = unaligned
    a.setflags(write=bool(rng.integers(2)))
    return a


def exact(a: Array) -> Array:
    """Return the array with Python integers, which do not wrap."""
    integers: Array = a.astype(object)
    return integers


def wrapped(a: Any, dtype: Any) -> Array:
    """Return an array of Python integers modulo 2^word."""
    a = np.asarray(a, object)
    modulus = 1 << np.dtype(dtype).itemsize * 8
    return np.array([int(v) % modulus for v in a.flat], dtype).reshape(a.shape)


def assert_is(got: Array, want: Array) -> None:
    """Hold a result to its values, shape and dtype, and to being a new contiguous array."""
    assert isinstance(got, np.ndarray)
    assert got.dtype == want.dtype
    assert got.shape == want.shape
    assert got.flags.c_contiguous
    assert got.flags.writeable
    assert got.flags.owndata
    np.testing.assert_array_equal(got, want)


# Elementwise


@pytest.mark.parametrize(
    ("kernel", "oracle"),
    [
        (K.add, lambda a, b: a + b),
        (K.sub, lambda a, b: a - b),
        (K.mul, lambda a, b: a * b),
        (K.xor, lambda a, b: a ^ b),
        (K.and_, lambda a, b: a & b),
    ],
)
@cases(dtype=word_types, shape=shapes, seed=seeds, short=st.booleans())
def test_binary_operations_wrap_and_broadcast(
    kernel: Any, oracle: Any, dtype: Any, shape: Any, seed: int, short: bool
) -> None:
    rng = np.random.default_rng(seed)
    a, b = random(rng, shape, dtype), random(rng, shape[1:] if short else shape, dtype)
    assert_is(kernel(a, b), wrapped(oracle(exact(a), exact(b)), dtype))


@pytest.mark.parametrize(("kernel", "oracle"), [(K.neg, lambda a: -a), (K.invert, lambda a: ~a)])
@cases(dtype=word_types, shape=shapes, seed=seeds)
def test_unary_operations_wrap(kernel: Any, oracle: Any, dtype: Any, shape: Any, seed: int) -> None:
    a = random(np.random.default_rng(seed), shape, dtype)
    assert_is(kernel(a), wrapped(oracle(exact(a)), dtype))


@cases(dtype=word_types, shape=shapes, seed=seeds, data=st.data())
def test_shifts_and_low_bits_are_divisions_and_remainders(
    dtype: Any, shape: Any, seed: int, data: st.DataObject
) -> None:
    word = np.dtype(dtype).itemsize * 8
    width, bits = data.draw(st.integers(0, word)), data.draw(st.integers(0, word))
    a = random(np.random.default_rng(seed), shape, dtype)
    assert_is(K.low_bits(a, width), wrapped(exact(a) % (1 << width), dtype))
    assert_is(K.shift_left(a, bits), wrapped(exact(a) * (1 << bits), dtype))
    assert_is(K.shift_right(a, bits, width), wrapped(exact(a) % (1 << width) // (1 << bits), dtype))


@cases(dtype=word_types, seed=seeds, axis=st.integers(-3, 2))
def test_shaping_follows_numpy(dtype: Any, seed: int, axis: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = random(rng, (2, 3, 4), dtype), random(rng, (2, 3, 4), dtype)
    indices = rng.integers(0, a.shape[axis], (2, 2))
    mask = rng.random((3, 4)) < 0.5
    widths = [(1, 0), (0, 2), (3, 1)]
    assert_is(K.concatenate([a, b], axis), np.concatenate([a, b], axis))
    assert_is(K.stack([a, b], axis), np.stack([a, b], axis))
    assert_is(K.take(a, indices, axis), np.take(a, indices, axis))
    assert_is(K.where(mask, a, b), np.where(mask, a, b))
    assert_is(K.pad(a, widths), np.pad(a, widths))
    assert_is(K.sum(a, axis), wrapped(exact(a).sum(axis), dtype))
    assert_is(K.sum(a, (0, 2)), wrapped(exact(a).sum((0, 2)), dtype))
    assert_is(K.zeros((2, 3), dtype), np.zeros((2, 3), dtype))
    assert_is(K.full((2, 3), 7, dtype), np.full((2, 3), 7, dtype))


@cases(shape=shapes, seed=seeds)
def test_astype_truncates_and_extends_with_zeros(shape: Any, seed: int) -> None:
    a = random(np.random.default_rng(seed), shape, np.uint64)
    assert_is(K.astype(a, np.uint32), wrapped(exact(a), np.uint32))
    assert_is(K.astype(K.astype(a, np.uint32), np.uint64), wrapped(exact(a) % 2**32, np.uint64))


# Products


@cases(dtype=word_types, shape=shapes, seed=seeds, short=st.booleans(), masked=st.booleans())
def test_product3_is_the_local_share_of_a_product(
    dtype: Any, shape: Any, seed: int, short: bool, masked: bool
) -> None:
    rng = np.random.default_rng(seed)
    xa, xb, mask = (random(rng, shape, dtype) for _ in range(3))
    ya, yb = (random(rng, shape[1:] if short else shape, dtype) for _ in range(2))
    want = exact(xa) * exact(ya) + exact(xa) * exact(yb) + exact(xb) * exact(ya)
    want = want + exact(mask) if masked else want
    assert_is(K.product3(xa, xb, ya, yb, mask if masked else None), wrapped(want, dtype))


def test_the_three_shares_of_a_product_add_up() -> None:
    rng = np.random.default_rng(0)
    x, y = (random(rng, (3, 50), np.uint64) for _ in range(2))
    shares = [K.product3(x[i], x[i - 2], y[i], y[i - 2]) for i in range(3)]
    assert_is(K.sum(np.stack(shares), 0), K.mul(K.sum(x, 0), K.sum(y, 0)))


@cases(
    dtype=word_types,
    leading=st.sampled_from([(), (2,), (2, 3)]),
    m=st.integers(0, 20),
    k=st.integers(0, 20),
    n=st.integers(0, 40),
    seed=seeds,
)
def test_matrix_products_are_exact(dtype: Any, leading: Any, m: int, k: int, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    xa, xb = (random(rng, (*leading, m, k), dtype) for _ in range(2))
    ya, yb = (random(rng, (k, n), dtype) for _ in range(2))
    assert_is(K.matmul(xa, ya), xa @ ya)
    assert_is(K.matmul3(xa, xb, ya, yb), xa @ ya + xa @ yb + xb @ ya)


@pytest.mark.parametrize("dtype", WORDS)
def test_matrix_products_are_exact_beyond_one_cache_block(dtype: Any) -> None:
    rng = np.random.default_rng(1)
    a, b = random(rng, (270, 261), dtype), random(rng, (261, 45), dtype)
    assert_is(K.matmul(a, b), a @ b)
    row, small = a[:1, :3], b[:3]
    assert_is(K.matmul(row, small), wrapped(exact(row) @ exact(small), dtype))


def windows(x: Array, kernel: Any, stride: Any, padding: Any) -> Array:
    """Return the patches (N, Ho, Wo, kh, kw, C) of x."""
    padded = np.pad(x, ((0, 0), *padding, (0, 0)))
    views = np.lib.stride_tricks.sliding_window_view(padded, kernel, (1, 2))
    return views[:, :: stride[0], :: stride[1]].transpose(0, 1, 2, 4, 5, 3)


convolutions = st.fixed_dictionaries(
    {
        "dtype": word_types,
        "batch": st.integers(1, 3),
        "channels": st.integers(1, 4),
        "filters": st.sampled_from([1, 2, 3, 8, 11, 16, 26]),
        "kernel": st.tuples(st.integers(1, 3), st.integers(1, 3)),
        "size": st.tuples(st.integers(3, 12), st.integers(3, 12)),
        "stride": st.tuples(st.integers(1, 3), st.integers(1, 3)),
        "border": st.lists(st.integers(0, 2), min_size=4, max_size=4),
        "seed": seeds,
    }
)


@cases(case=convolutions)
def test_convolutions_and_their_gradients_are_exact(case: dict[str, Any]) -> None:
    rng, dtype, kernel, stride = (
        np.random.default_rng(case["seed"]),
        case["dtype"],
        case["kernel"],
        case["stride"],
    )
    (kh, kw), (a, b, c, d) = kernel, case["border"]
    padding = ((min(a, kh - 1), min(b, kh - 1)), (min(c, kw - 1), min(d, kw - 1)))
    xa, xb = (random(rng, (case["batch"], *case["size"], case["channels"]), dtype) for _ in "ab")
    wa, wb = (random(rng, (kh, kw, case["channels"], case["filters"]), dtype) for _ in "ab")

    patches_a, patches_b = (windows(x, kernel, stride, padding) for x in (xa, xb))
    forward = "nyxhwc,hwco->nyxo"
    want = np.einsum(forward, patches_a, wa + wb) + np.einsum(forward, patches_b, wa)
    assert_is(K.conv2d(xa, wa, stride, padding), np.einsum(forward, patches_a, wa))
    assert_is(K.conv2d3(xa, xb, wa, wb, stride, padding), want)

    ga, gb = (random(rng, want.shape, dtype) for _ in "ab")
    to_weights = "nyxhwc,nyxo->hwco"
    assert_is(
        K.conv2d3_weight_gradient(xa, xb, ga, gb, kernel, stride, padding),
        np.einsum(to_weights, patches_a, ga + gb) + np.einsum(to_weights, patches_b, ga),
    )

    scattered = np.zeros(np.pad(xa, ((0, 0), *padding, (0, 0))).shape, dtype)
    for y, x, i, j in product(*(range(size) for size in (*want.shape[1:3], kh, kw))):
        scattered[:, y * stride[0] + i, x * stride[1] + j] += (
            ga[:, y, x] @ (wa + wb)[i, j].T + gb[:, y, x] @ wa[i, j].T
        )
    (top, _), (left, _) = padding
    height, width = case["size"]
    assert_is(
        K.conv2d3_input_gradient(ga, gb, wa, wb, case["size"], stride, padding),
        np.ascontiguousarray(scattered[:, top : top + height, left : left + width]),
    )


# Packing and bit planes


@cases(
    dtype=st.sampled_from([np.uint8, np.uint32, np.uint64]),
    bits=st.integers(1, 64),
    shape=shapes,
    seed=seeds,
)
def test_packing_is_one_little_endian_number(dtype: Any, bits: int, shape: Any, seed: int) -> None:
    x = random(np.random.default_rng(seed), shape, dtype)
    packed = K.pack(x, bits)
    number = sum((int(v) % 2**bits) << (i * bits) for i, v in enumerate(x.flat))
    assert packed.dtype == np.uint8
    assert packed.tobytes() == number.to_bytes(-(-x.size * bits // 8), "little")
    packed.setflags(write=False)
    assert_is(K.unpack(packed, bits, x.shape, dtype), wrapped(exact(x) % (1 << bits), dtype))


@cases(dtype=word_types, n=st.integers(0, 90), seed=seeds, data=st.data())
def test_bit_planes_hold_each_bit_and_zeros_behind(
    dtype: Any, n: int, seed: int, data: st.DataObject
) -> None:
    word = np.dtype(dtype).itemsize * 8
    low = data.draw(st.integers(0, word - 1))
    count = data.draw(st.integers(1, word - low))
    x = random(np.random.default_rng(seed), n, dtype)
    bits = [[(int(v) >> (low + j)) & 1 for v in x] for j in range(count)]
    want = np.packbits(np.array(bits, np.uint8).reshape(count, n), axis=1, bitorder="little")
    planes = K.bit_planes(x, low, count)
    assert_is(planes, want)
    planes.setflags(write=False)
    assert_is(K.from_planes(planes, n, dtype), wrapped((exact(x) >> low) % (1 << count), dtype))


@cases(n=st.integers(1, 40), seed=seeds)
def test_bit_planes_flatten_and_accept_strided_planes(n: int, seed: int) -> None:
    x = random(np.random.default_rng(seed), (2, n), np.uint32)
    planes = K.bit_planes(x, 3, 9)
    assert_is(planes, K.bit_planes(x.reshape(-1), 3, 9))
    words = K.from_planes(np.asfortranarray(planes), 2 * n, np.uint64)
    assert_is(words, (x.reshape(-1) >> 3 & 511).astype(np.uint64))


# Boolean steps


@cases(shape=shapes, seed=seeds)
def test_and3_is_the_local_share_of_a_conjunction(shape: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    xa, xb, ya, yb, mask = (random(rng, shape, np.uint8) for _ in range(5))
    want = np.asarray((xa & ya) ^ (xa & yb) ^ (xb & ya) ^ mask)
    assert_is(K.and3(xa, xb, ya, yb, mask), want)


@cases(m=st.integers(1, 8), n=st.integers(1, 70), seed=seeds)
def test_one_hot_marks_the_digit_and_nothing_behind_the_last_value(m: int, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    digits = rng.integers(0, 1 << m, (3, n), np.uint32)
    planes = np.stack([K.bit_planes(row, 0, m) for row in digits])
    want = np.packbits(digits[:, None, :] == np.arange(1 << m)[:, None], axis=-1, bitorder="little")
    assert_is(K.one_hot(planes, n), want)
    assert_is(K.one_hot(planes[1], n), want[1])
    ones = np.full((m, planes.shape[-1]), 255, np.uint8)
    assert K.one_hot(ones, n)[-1].tolist() == K.bit_planes(np.ones(n, np.uint32), 0, 1)[0].tolist()


@cases(m=st.integers(1, 8), groups=st.integers(0, 3), n=st.integers(1, 70), seed=seeds)
def test_table_lookup_finds_carry_and_propagate(m: int, groups: int, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    v, j = rng.integers(0, 1 << m, (2, groups, n), np.uint32)
    shape = (groups, m, -(-n // 8))
    own, theirs = (
        np.array([K.bit_planes(row, 0, m) for row in digits], np.uint8).reshape(shape) for digits in (v, j)
    )
    table = K.one_hot(own, n)
    share = random(rng, table.shape, np.uint8)
    parts = [K.table_lookup(part, theirs) for part in (share, table ^ share)]
    generate, propagate = (one ^ other for one, other in zip(*parts, strict=True))
    top = 1 << m
    np.testing.assert_array_equal(generate, np.packbits(v + j >= top, axis=-1, bitorder="little"))
    np.testing.assert_array_equal(propagate, np.packbits(v + j == top - 1, axis=-1, bitorder="little"))
    if groups:  # one table that all read is as one for each
        each = K.table_lookup(np.repeat(share[:1], groups, 0), theirs)
        for found, want in zip(K.table_lookup(share[0], theirs), each, strict=True):
            assert_is(found, want)


@pytest.mark.parametrize("m", [1, 3, 8])
def test_table_lookup_reads_any_table_over_several_strips(m: int) -> None:
    rng = np.random.default_rng(m)
    n = 10_007
    entries = rng.integers(0, 2, (1 << m, n), np.uint8)
    j = rng.integers(0, 1 << m, n)
    below = np.arange(1 << m)[:, None] < (1 << m) - j
    generate, propagate = K.table_lookup(
        np.packbits(entries, axis=1, bitorder="little"), K.bit_planes(j.astype(np.uint32), 0, m)
    )
    want = np.where(below, 0, entries).sum(0) % 2
    assert_is(generate, np.packbits(want, bitorder="little"))
    assert_is(propagate, np.packbits(entries[(1 << m) - 1 - j, np.arange(n)], bitorder="little"))


# Refusals: the loops check no bounds, so their callers must

W, B = np.zeros((2, 3), np.uint64), np.zeros((2, 3), np.uint8)
IMAGE, FILTERS = np.zeros((1, 4, 4, 2), np.uint64), np.zeros((3, 3, 2, 5), np.uint64)
NARROW, NONE = np.zeros((3, 3, 1, 5), np.uint64), ((0, 0), (0, 0))


@pytest.mark.parametrize(
    "call",
    [
        lambda: K.product3(W, W, W, W[:, :2]),
        lambda: K.matmul(W, W),
        lambda: K.matmul3(W, W[:1], W.T, W.T),
        lambda: K.conv2d(IMAGE, NARROW, (1, 1), NONE),
        lambda: K.conv2d3(IMAGE, IMAGE[:, :3], FILTERS, FILTERS, (1, 1), NONE),
        lambda: K.conv2d(IMAGE[:, :1], FILTERS, (1, 1), NONE),
        lambda: K.conv2d3_weight_gradient(IMAGE, IMAGE, IMAGE, IMAGE, (3, 3), (1, 1), NONE),
        lambda: K.conv2d3_input_gradient(IMAGE, IMAGE, FILTERS, FILTERS, (4, 4), (1, 1), ((3, 3), (3, 3))),
        lambda: K.and3(B, B, B, B, B[:1]),
        lambda: K.one_hot(B, 25),
        lambda: K.table_lookup(B[None], B[None]),
        lambda: K.unpack(B[0], 5, 7, np.uint64),
        lambda: K.bit_planes(W, 60, 5),
        lambda: K.from_planes(B, 25, np.uint64),
        lambda: K.from_planes(np.zeros((33, 1), np.uint8), 8, np.uint32),
        lambda: K.uniform_mod(W[0], 17, 30),
        lambda: K.unpack_mod(B[0], 17, 6),
    ],
)
def test_arrays_that_do_not_fit_are_refused(call: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        call()


@pytest.mark.parametrize("call", [lambda: K.matmul(W, W.T.astype(np.uint32)), lambda: K.pack(W, 0)])
def test_mixed_word_sizes_and_empty_values_are_refused(call: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        call()


# Residues

PRIMES = [2, 3, 5, 11, 17, 37, 67, 127, 251]


def digits_per_word(p: int) -> int:
    return max(d for d in range(1, 65) if p**d <= 2**64)


@cases(p=st.sampled_from(PRIMES), count=st.integers(0, 90), seed=seeds)
def test_uniform_values_are_the_digits_of_a_128_bit_fraction(p: int, count: int, seed: int) -> None:
    words = random(np.random.default_rng(seed), K.uniform_mod_words(p, count), np.uint64)
    want: list[int] = []
    for upper, lower in words.reshape(-1, 2).tolist():
        fraction = (upper << 64) | lower
        for _ in range(digits_per_word(p)):
            fraction *= p
            want.append(fraction >> 128)
            fraction %= 1 << 128
    assert_is(K.uniform_mod(words, p, count), np.array(want[:count], np.uint8))


@pytest.mark.parametrize("p", PRIMES)
def test_uniform_values_are_about_equally_frequent(p: int) -> None:
    count = 400 * p
    words = np.random.default_rng(p).integers(0, 2**64, K.uniform_mod_words(p, count), np.uint64)
    frequency = np.bincount(K.uniform_mod(words, p, count), minlength=p)
    assert len(frequency) == p
    chi_square = ((frequency - 400) ** 2 / 400).sum()
    assert abs(chi_square - (p - 1)) < 6 * (2 * p) ** 0.5


@cases(p=st.sampled_from(PRIMES), count=st.integers(0, 90), seed=seeds, largest=st.booleans())
def test_residues_are_packed_as_numbers_to_the_base_p(p: int, count: int, seed: int, largest: bool) -> None:
    rng = np.random.default_rng(seed)
    x = np.full(count, p - 1, np.uint8) if largest else rng.integers(0, p, count, np.uint8)
    d = digits_per_word(p)
    want = b""
    for start in range(0, count, d):
        part = [int(v) for v in x[start : start + d]]
        size = 8 if len(part) == d else -(-(p ** len(part) - 1).bit_length() // 8)
        want += sum(v * p**i for i, v in enumerate(part)).to_bytes(size, "little")
    packed = K.pack_mod(x, p)
    assert packed.dtype == np.uint8
    assert packed.tobytes() == want
    packed.setflags(write=False)
    assert_is(K.unpack_mod(packed, p, count), x)


def test_seventeen_goes_fifteen_times_into_a_word() -> None:
    assert K.uniform_mod_words(17, 15) == 2
    assert K.uniform_mod_words(17, 16) == 4
    assert K.pack_mod(np.zeros(15, np.uint8), 17).size == 8
    assert K.pack_mod(np.zeros(16, np.uint8), 17).size == 9
