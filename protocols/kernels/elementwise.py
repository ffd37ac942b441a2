"""Elementwise ring arithmetic and the shaping of arrays, by NumPy; windows put back in their places."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from protocols.kernels.machine import Item, Words, contiguous

Operand = Words | int
Pair = tuple[int, int]


def add(a: Operand, b: Operand) -> Words:
    """Return a + b, wrapping, with broadcasting."""
    return contiguous(np.add(a, b, order="C"))


def sub(a: Operand, b: Operand) -> Words:
    """Return a − b, wrapping, with broadcasting."""
    return contiguous(np.subtract(a, b, order="C"))


def neg(a: Words) -> Words:
    """Return −a, wrapping."""
    return contiguous(np.negative(a, order="C"))


def mul(a: Operand, b: Operand) -> Words:
    """Return a · b, wrapping, with broadcasting."""
    return contiguous(np.multiply(a, b, order="C"))


def xor(a: Operand, b: Operand) -> Words:
    """Return the bitwise exclusive or, with broadcasting."""
    return contiguous(np.bitwise_xor(a, b, order="C"))


def and_(a: Operand, b: Operand) -> Words:
    """Return the bitwise and, with broadcasting."""
    return contiguous(np.bitwise_and(a, b, order="C"))


def invert(a: Words) -> Words:
    """Return a with every bit flipped (in planes the padding bits too: mask them)."""
    return contiguous(np.invert(a, order="C"))


def shift_left(a: Words, bits: int) -> Words:
    """Return a · 2^bits, wrapping."""
    return contiguous(np.left_shift(a, bits, order="C"))


def shift_right(a: Words, bits: int, width: int) -> Words:
    """Return ⌊(a mod 2^width) / 2^bits⌋."""
    return contiguous(np.right_shift(low_bits(a, width), bits, order="C"))


def low_bits(a: Words, width: int) -> Words:
    """Return a mod 2^width."""
    word = 8 * a.dtype.itemsize
    return and_(a, (1 << min(width, word)) - 1)


def zeros(shape: int | Sequence[int], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return an array of zeros."""
    return np.zeros(shape, dtype)


def full(shape: int | Sequence[int], value: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return an array that holds one value everywhere."""
    return np.full(shape, value, dtype)


def concatenate(arrays: Sequence[npt.NDArray[Item]], axis: int = 0) -> npt.NDArray[Item]:
    """Return the arrays joined along an axis that they have."""
    return contiguous(np.concatenate(arrays, axis))


def stack(arrays: Sequence[npt.NDArray[Item]], axis: int = 0) -> npt.NDArray[Item]:
    """Return the arrays joined along a new axis."""
    return contiguous(np.stack(arrays, axis))


def pad(a: npt.NDArray[Item], widths: Sequence[tuple[int, int]]) -> npt.NDArray[Item]:
    """Return a with (before, after) zeros added on each axis."""
    shape = [before + size + after for size, (before, after) in zip(a.shape, widths, strict=True)]
    padded = np.zeros(shape, a.dtype)
    inside = zip(a.shape, widths, strict=True)
    padded[tuple(slice(before, before + size) for size, (before, _) in inside)] = a
    return padded


def sum(a: Words, axis: int | tuple[int, ...] | None = None) -> Words:
    """Return the wrapping sum over an axis, some axes or all of them, in a's own dtype."""
    return contiguous(np.asarray(np.sum(a, axis=axis, dtype=a.dtype)))


def take(
    a: npt.NDArray[Item], indices: npt.NDArray[np.integer[Any]] | Sequence[int], axis: int
) -> npt.NDArray[Item]:
    """Return the entries of a at the indices along an axis."""
    return contiguous(np.take(a, indices, axis=axis))


def astype(a: npt.NDArray[Any], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return a copy in another unsigned dtype: high bits are cut off, or zeros put in front."""
    return a.astype(dtype, order="C")


def where(mask: npt.NDArray[np.bool_], a: npt.NDArray[Item], b: npt.NDArray[Item]) -> npt.NDArray[Item]:
    """Return a where the mask is true and b elsewhere, with broadcasting."""
    return contiguous(np.where(mask, a, b))


def xor_all(a: Words) -> Words:
    """Return the ⊕ over the first axis."""
    total: Words = np.bitwise_xor.reduce(a, axis=0)
    return contiguous(total)


def positions(shape: Sequence[int], dtype: npt.DTypeLike) -> Words:
    """Return each element's index along the first axis."""
    column = np.arange(shape[0], dtype=dtype).reshape(-1, *(1 for _ in shape[1:]))
    return np.ascontiguousarray(np.broadcast_to(column, shape))


def one_hot_words(index: Words, entries: int, dtype: npt.DTypeLike) -> Words:
    """Return (entries, n): 1 in row index[i] of column i, else 0."""
    rows = np.arange(entries, dtype=index.dtype).reshape(-1, 1)
    words: Words = (rows == index.reshape(1, -1)).astype(dtype)
    return words


def scatter_windows(entries: Words, shape: Sequence[int], window: Pair, stride: Pair) -> Words:
    """Return images (n, h, w, c) that sum what windows hold at each of their places.

    entries is (places of a window, n · rows · columns · c), places row by row; places that no window
    covers hold zero. It is the transpose of cutting windows out.
    """
    n, height, width, channels = shape
    rows = (height - window[0]) // stride[0] + 1
    columns = (width - window[1]) // stride[1] + 1
    images = np.zeros(shape, entries.dtype)
    places = entries.reshape(*window, n, rows, columns, channels)
    for i in range(window[0]):
        for j in range(window[1]):
            down = slice(i, i + stride[0] * (rows - 1) + 1, stride[0])
            images[:, down, j : j + stride[1] * (columns - 1) + 1 : stride[1]] += places[i, j]
    return images
