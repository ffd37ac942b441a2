"""Arithmetic in finite fields: mod the Mersenne primes 2^61 − 1 and 2^127 − 1, and in GF(2^w).

Also integers mod 2^128, for rings above 64 bits: pairs of uint64 as well, of which the lowest bits travel.

An element mod 2^61 − 1 is a uint64, one mod 2^127 − 1 a pair of them, `LIMBS`; below the prime. An element
of GF(2^w) is a byte, a polynomial's coefficients.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from protocols.domains import LIMBS, BinaryField, as_elements
from protocols.kernels import _field_loops as loops
from protocols.kernels.bits import pack, unpack
from protocols.kernels.machine import Bytes, contiguous, expect
from protocols.kernels.products import groups_of

Words = npt.NDArray[Any]
"""Elements of a field, or integers mod 2^128."""


def _flat(a: Any) -> npt.NDArray[np.uint64]:
    """Return elements as words: (n) or, of two limbs, (n, 2)."""
    a = contiguous(a)
    return a.reshape(-1).view(np.uint64).reshape(-1, 2) if a.dtype == LIMBS else a.reshape(-1)  # type: ignore[no-any-return]


def _pair(a: Words, b: Words) -> tuple[Any, Any, Any]:
    """Return both, broadcast and flat, and room for what they give."""
    expect("elements", a.dtype, b.dtype)
    if a.shape != b.shape:
        shape = np.broadcast_shapes(a.shape, b.shape)
        a, b = np.broadcast_to(a, shape), np.broadcast_to(b, shape)
    return _flat(a), _flat(b), np.empty(a.shape, a.dtype)


def mersenne_add(a: Words, b: Words) -> Words:
    """Return a + b, with broadcasting."""
    x, y, out = _pair(a, b)
    (loops.add_pairs if a.dtype == LIMBS else loops.add_small)(x, y, _flat(out))
    return out  # type: ignore[no-any-return]


def mersenne_neg(a: Words) -> Words:
    """Return −a."""
    x = _flat(a)
    top = np.array([2**64 - 1, 2**63 - 1] if a.dtype == LIMBS else loops.SMALL, np.uint64)
    turned = (x ^ top).reshape(-1)  # p − a, where zero is p
    found = turned.view(a.dtype).reshape(a.shape)
    return mersenne_add(found, np.zeros((), a.dtype))


def mersenne_sub(a: Words, b: Words) -> Words:
    """Return a − b, with broadcasting."""
    return mersenne_add(a, mersenne_neg(b))


def mersenne_mul(a: Words, b: Words) -> Words:
    """Return a · b, with broadcasting."""
    x, y, out = _pair(a, b)
    (loops.mul_pairs if a.dtype == LIMBS else loops.mul_small)(x, y, _flat(out))
    return out  # type: ignore[no-any-return]


def mersenne_matmul(a: Words, b: Words) -> Words:
    """Return a (…, m, k) times b (k, n), or b (…, k, n) of the same leading axes, as (…, m, n)."""
    if b.ndim > 2:
        expect("leading axes", b.shape[:-2], a.shape[:-2])
        every = [mersenne_matmul(a[place], b[place]) for place in np.ndindex(a.shape[:-2])]
        return np.array(every, a.dtype).reshape(*a.shape[:-1], b.shape[-1])
    *leading, terms = a.shape
    expect("matrices", b.shape, (terms, b.shape[-1]))
    expect("elements", a.dtype, b.dtype)
    rows, columns = math.prod(leading), b.shape[1]
    out = np.empty((*leading, columns), a.dtype)
    if a.dtype == LIMBS:
        sizes = (rows, terms, 2), (terms, columns, 2), (rows, columns, 2)
        x, y, z = (_flat(one).reshape(size) for one, size in zip((a, b, out), sizes, strict=True))
        loops.matmul_pairs(x, y, z)
    else:
        flat = contiguous(a).reshape(rows, terms)
        loops.matmul_small(flat, contiguous(b), out.reshape(rows, columns))
    return out


def mersenne_sum(a: Words, axis: int) -> Words:
    """Return the sum over an axis."""
    moved = np.moveaxis(a, axis, 0)
    if not len(moved):
        return np.zeros(moved.shape[1:], a.dtype)
    ones = mersenne_integers(np.ones((1, len(moved)), np.uint64), a.dtype)
    return mersenne_matmul(ones, contiguous(moved).reshape(len(moved), -1)).reshape(moved.shape[1:])


def mersenne_conv2d(
    x: Words, w: Words, stride: tuple[int, int], padding: tuple[tuple[int, int], tuple[int, int]]
) -> Words:
    """Return the convolution of x (NHWC) with w (kh, kw, Cin / groups, Cout), as NHWC; see `conv2d`."""
    return convolution_by(mersenne_matmul, x, w, stride, padding)


def convolution_by(
    matmul: Callable[[Words, Words], Words],
    x: Words,
    w: Words,
    stride: tuple[int, int],
    padding: tuple[tuple[int, int], tuple[int, int]],
) -> Words:
    """Return a convolution as products of matrices of patches, a group each; see `conv2d`."""
    kh, kw, channels, filters = w.shape
    groups = groups_of(x.shape[3], channels, filters)
    padded = np.zeros(
        (len(x), *(size + sum(pad) for size, pad in zip(x.shape[1:3], padding, strict=True)), x.shape[3]),
        x.dtype,
    )
    (top, _), (left, _) = padding
    padded[:, top : top + x.shape[1], left : left + x.shape[2]] = x
    view = np.lib.stride_tricks.sliding_window_view(padded, (kh, kw), (1, 2))
    patches = view[:, :: stride[0], :: stride[1]].transpose(0, 1, 2, 4, 5, 3)
    shape = patches.shape[:3]
    flat = patches.reshape(math.prod(shape), kh * kw, groups, channels)
    taps = contiguous(w).reshape(kh * kw, channels, groups, filters // groups)
    found = [
        matmul(flat[:, :, place].reshape(len(flat), -1), taps[:, :, place].reshape(kh * kw * channels, -1))
        for place in range(groups)
    ]
    return np.concatenate(found, 1).reshape(*shape, filters)


def mersenne_integers(words: Words, dtype: npt.DTypeLike) -> Words:
    """Return integers, in two's complement of 64 bits, as elements of the field of that dtype."""
    return as_elements(contiguous(words).astype(np.uint64).view(np.int64), np.dtype(dtype))


def mersenne_words(a: Words) -> Words:
    """Return the lower 64 bits, in two's complement, of the integers in (−p/2, p/2) that elements are."""
    if a.dtype == LIMBS:
        low: Words = a["low"] + (a["high"] >> np.uint64(62))
        return contiguous(low)
    return np.where(a >> np.uint64(60), a - np.uint64(loops.SMALL), a)


def mersenne_shift(a: Words, bits: int) -> Words:
    """Return the signed integers that elements are, over 2^bits, 0 < bits < 64, to the nearest."""
    expect("bits of a shift", 0 < bits < 64, True)
    if a.dtype == LIMBS:
        out = np.empty(a.shape, LIMBS)
        loops.shift_pairs(_flat(a), bits, _flat(out))
        return out
    signed = mersenne_words(a).view(np.int64)
    moved = (signed + (np.int64(1) << np.int64(min(bits, 62) - 1))) >> np.int64(min(bits, 62))
    return mersenne_integers(moved.view(np.uint64), a.dtype)


def mersenne_low(a: Words, bits: int) -> Words:
    """Return words as elements of their lowest bits: of all of the prime's, p itself is zero."""
    out = np.empty(a.shape, a.dtype)
    low, high = (1 << min(bits, 64)) - 1, (1 << max(bits - 64, 0)) - 1
    if a.dtype == LIMBS:
        loops.low_pairs(_flat(a), low, high, _flat(out))
    else:
        loops.low_small(_flat(a), low, out.reshape(-1))
    return out


def mersenne_limbs(a: Words) -> Words:
    """Return elements as they travel: (limbs, n) words."""
    flat = a.reshape(-1)
    return np.stack([flat["low"], flat["high"]]) if a.dtype == LIMBS else contiguous(flat).reshape(1, -1)


def mersenne_of_limbs(limbs: Words, shape: Sequence[int], dtype: npt.DTypeLike) -> Words:
    """Return what `mersenne_limbs` sent."""
    out = np.empty(math.prod(shape), dtype)
    expect("limbs", limbs.shape, (2 if out.dtype == LIMBS else 1, out.size))
    if out.dtype == LIMBS:
        out["low"], out["high"] = limbs
    else:
        out[:] = limbs[0]
    return out.reshape(tuple(shape))


# Mod 2^128


def _pairs(a: Any) -> npt.NDArray[np.uint64]:
    """Return numbers as words, (…, 2)."""
    a = contiguous(a)
    return a.reshape(-1).view(np.uint64).reshape(*a.shape, 2)  # type: ignore[no-any-return]


def _wide(a: Any, shape: tuple[int, ...]) -> npt.NDArray[np.uint64]:
    return _pairs(np.broadcast_to(a, shape)).reshape(-1, 2)


def wide_of(words: npt.NDArray[Any]) -> Words:
    """Return words with zeros in front."""
    found = np.zeros(words.shape, LIMBS)
    found["low"] = words
    return found


def wide_words(a: Words, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return the lowest bits, as words of that type."""
    return contiguous(np.asarray(a["low"]).astype(dtype))


def wide_add(a: Words, b: Words) -> Words:
    """Return a + b, with broadcasting."""
    shape = np.broadcast_shapes(a.shape, b.shape)
    out = np.empty(shape, LIMBS)
    loops.add_wide(_wide(a, shape), _wide(b, shape), out.reshape(-1).view(np.uint64).reshape(-1, 2))
    return out


def wide_neg(a: Words) -> Words:
    """Return −a: all bits turned, and one."""
    one = np.array((1, 0), LIMBS)
    return wide_add((~_pairs(a)).reshape(-1).view(LIMBS).reshape(a.shape), one)


def wide_sub(a: Words, b: Words) -> Words:
    """Return a − b, with broadcasting."""
    return wide_add(a, wide_neg(b))


def wide_mul(a: Words, b: Words) -> Words:
    """Return a · b, with broadcasting."""
    shape = np.broadcast_shapes(a.shape, b.shape)
    out = np.empty(shape, LIMBS)
    loops.mul_wide(_wide(a, shape), _wide(b, shape), out.reshape(-1).view(np.uint64).reshape(-1, 2))
    return out


def wide_matmul(a: Words, b: Words) -> Words:
    """Return a (…, m, k) times b (k, n), or b (…, k, n) of the same leading axes, as (…, m, n)."""
    if b.ndim > 2:
        expect("leading axes", b.shape[:-2], a.shape[:-2])
        every = [wide_matmul(a[place], b[place]) for place in np.ndindex(a.shape[:-2])]
        return np.array(every, LIMBS).reshape(*a.shape[:-1], b.shape[-1])
    *leading, terms = a.shape
    expect("matrices", b.shape, (terms, b.shape[-1]))
    rows, columns = math.prod(leading), b.shape[1]
    out = np.empty((rows, columns, 2), np.uint64)
    loops.matmul_wide(_pairs(a).reshape(rows, terms, 2), _pairs(b), out)
    return out.reshape(-1).view(LIMBS).reshape(*leading, columns)


def wide_sum(a: Words, axis: int) -> Words:
    """Return the sum over an axis."""
    moved = np.moveaxis(a, axis, 0)
    ones = wide_of(np.ones((1, len(moved)), np.uint64))
    size = math.prod(moved.shape[1:])
    return wide_matmul(ones, contiguous(moved).reshape(len(moved), size)).reshape(moved.shape[1:])


def wide_conv2d(
    x: Words, w: Words, stride: tuple[int, int], padding: tuple[tuple[int, int], tuple[int, int]]
) -> Words:
    """Return the convolution of x (NHWC) with w (kh, kw, Cin / groups, Cout), as NHWC; see `conv2d`."""
    return convolution_by(wide_matmul, x, w, stride, padding)


def wide_pack(a: Words, bits: int) -> Bytes:
    """Return the lowest 64 < bits ≤ 128 bits: all low words, then all rests, each as `pack` has it."""
    return np.concatenate([pack(contiguous(a["low"]), 64), pack(contiguous(a["high"]), bits - 64)])


def wide_unpack(buffer: Bytes, bits: int, shape: Sequence[int]) -> Words:
    """Return what `wide_pack` put into the buffer."""
    out = np.empty(tuple(shape), LIMBS)
    expect("packed bytes", buffer.size, 8 * out.size - (-out.size * (bits - 64) // 8))
    out["low"] = unpack(buffer[: 8 * out.size], 64, shape, np.uint64)
    out["high"] = unpack(buffer[8 * out.size :], bits - 64, shape, np.uint64)
    return out


# GF(2^w)


@functools.cache
def _table(bits: int) -> Bytes:
    """Return all products, of a and b at a · 2^w + b."""
    times, size = BinaryField(bits).times, 1 << bits
    return np.array([times(a, b) for a in range(size) for b in range(size)], np.uint8)


def binary_mul(a: Bytes, b: Bytes, bits: int) -> Bytes:
    """Return a · b in GF(2^bits), with broadcasting."""
    x, y = (contiguous(one) for one in np.broadcast_arrays(a, b))
    out = np.empty(x.shape, np.uint8)
    loops.mul_binary(_table(bits), x.reshape(-1), y.reshape(-1), bits, out.reshape(-1))
    return out


def binary_matmul(a: Bytes, b: Bytes, bits: int) -> Bytes:
    """Return a (m, k) times b (k, n) in GF(2^bits)."""
    expect("matrices", b.shape, (a.shape[1], b.shape[1]))
    out = np.empty((a.shape[0], b.shape[1]), np.uint8)
    loops.matmul_binary(_table(bits), contiguous(a), contiguous(b), bits, out)
    return out
