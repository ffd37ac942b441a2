"""The shape-only twin of `protocols.kernels`: same names, same signatures, no data.

A result has the right shape and dtype and checks what the kernel checks, but is one zero seen many times
(all strides are 0): no memory, hardly any time, whatever the shape. Its reshapes, transposes and basic
slices are such arrays too, and the engine weighs a message of one like any other. So a protocol that runs
on this module instead has the rounds, bytes and virtual time that it would have on data, and its values
mean nothing. Data that a protocol brings along (constants, tables) is looked at for its shape alone. The
names are those of `protocols.kernels.__all__`, and stand there alone. All in one file: it is passed
around as one module in the place of another.
"""

# ruff: noqa: D103  # what a function means is said once, in `protocols.kernels`

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from protocols.domains import LIMBS
from protocols.kernels.digits import digit_entries as digit_entries
from protocols.kernels.elementwise import Operand
from protocols.kernels.machine import Bytes, Item, Words, expect
from protocols.kernels.orders import Order
from protocols.kernels.products import Pair, groups_of
from protocols.kernels.residues import packed_size
from protocols.kernels.residues import uniform_mod_words as uniform_mod_words
from protocols.kernels.trees import tree_sizes as tree_sizes

Shape = tuple[int, ...]

_ZERO = bytes(16)  # what every array of this module shows; immutable, so that sending copies nothing
_BYTE, _WORD, _REAL = np.dtype(np.uint8), np.dtype(np.uint64), np.dtype(np.float64)


def _shaped(shape: Sequence[int], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return an array of zeros that are all the same one."""
    if min(shape, default=0) < 0:
        raise ValueError(f"negative dimensions are not allowed: {tuple(shape)}")
    return np.ndarray(tuple(shape), dtype, _ZERO, strides=(0,) * len(shape))


def _like(a: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return _shaped(a.shape, a.dtype)


def _whole_shape(shape: int | Sequence[int]) -> Sequence[int]:
    return (int(shape),) if np.ndim(shape) == 0 else shape  # type: ignore[arg-type, return-value]


def _broadcast(*operands: Any) -> npt.NDArray[Any]:
    """Return what an elementwise operation gives: shapes broadcast, word types promoted."""
    arrays = [np.asarray(operand) for operand in operands if not isinstance(operand, int)]
    dtypes, shapes = {a.dtype for a in arrays}, {a.shape for a in arrays}
    dtype = dtypes.pop() if len(dtypes) == 1 else np.result_type(*dtypes)
    for operand in operands:
        if isinstance(operand, int):
            dtype.type(operand)  # raises where the number does not fit the word, as the kernels do
    return _shaped(shapes.pop() if len(shapes) == 1 else np.broadcast_shapes(*shapes), dtype)


def _plane_bytes(n: int) -> int:
    return -(-n // 8)


# Bits and planes


def pack(x: Words, bits: int) -> Bytes:
    expect("bits of a value", min(max(bits, 1), 64), bits)
    return _shaped((-(-x.size * bits // 8),), _BYTE)


def unpack(buffer: Bytes, bits: int, shape: int | Sequence[int], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    out = _shaped(_whole_shape(shape), dtype)
    expect("packed bytes", buffer.size, -(-out.size * bits // 8))
    return out


def bit_planes(x: Words, low: int, count: int) -> Bytes:
    expect("bits below the word's end", min(low + count, 8 * x.itemsize), low + count)
    return _shaped((count, _plane_bytes(x.size)), _BYTE)


def from_planes(planes: Bytes, n: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    expect("bytes of a plane", planes.shape[1], _plane_bytes(n))
    words = _shaped((n,), dtype)
    expect("planes for a word", min(len(planes), 8 * words.itemsize), len(planes))
    return words


def and3(xa: Bytes, xb: Bytes, ya: Bytes, yb: Bytes, mask: Bytes) -> Bytes:
    expect("planes", {term.shape for term in (xa, xb, ya, yb, mask)}, {xa.shape})
    return _shaped(xa.shape, _BYTE)


def one_hot(planes: Bytes, n: int) -> Bytes:
    *leading, m, width = planes.shape
    expect("bytes of a plane", width, _plane_bytes(n))
    return _shaped((*leading, 1 << m, width), _BYTE)


def table_lookup(tables: Bytes, digits: Bytes) -> tuple[Bytes, Bytes]:
    *leading, m, width = digits.shape
    expect("tables", tables.shape, (*(leading if tables.ndim > 2 else []), 1 << m, width))
    return _shaped((*leading, width), _BYTE), _shaped((*leading, width), _BYTE)


# Values modulo a small prime


def deal_digits(v: Words, first: Bytes, widths: Sequence[int], p: int) -> Bytes:
    expect("shares", first.shape, (digit_entries(widths), v.size))
    return _shaped(first.shape, _BYTE)


def compare_digits(
    w: Words, flip: Bytes, shares: Bytes, widths: Sequence[int], p: int, total: int
) -> Bytes:
    expect("shares", shares.shape, (digit_entries(widths), w.size))
    expect("flips", flip.size, w.size)
    return _shaped((len(widths), w.size), _BYTE)


def blind(terms: Bytes, scale: Bytes, turn: Bytes, mask: Bytes, p: int, sign: int) -> Bytes:
    expect(
        "scale, turn and mask",
        (scale.shape, turn.shape, mask.shape),
        (terms.shape, terms.shape[1:], terms.shape),
    )
    return _shaped(terms.shape, _BYTE)


def any_zero(first: Bytes, second: Bytes, p: int) -> Bytes:
    return _shaped(_broadcast(first, second).shape[1:], _BYTE)


def uniform_mod(words: npt.NDArray[np.uint64], p: int, count: int) -> Bytes:
    expect("random words", words.size, uniform_mod_words(p, count))
    return _shaped((count,), _BYTE)


def pack_mod(x: Bytes, p: int) -> Bytes:
    return _shaped((packed_size(p, x.size),), _BYTE)


def unpack_mod(buffer: Bytes, p: int, count: int) -> Bytes:
    expect("packed bytes", buffer.size, packed_size(p, count))
    return _shaped((count,), _BYTE)


def expand_words(key: bytes, address: bytes, shape: Shape, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    return _shaped(shape, dtype)


# Elementwise arithmetic


def add(a: Operand, b: Operand) -> Words:
    return _broadcast(a, b)


def sub(a: Operand, b: Operand) -> Words:
    return _broadcast(a, b)


def neg(a: Words) -> Words:
    return _like(a)


def mul(a: Operand, b: Operand) -> Words:
    return _broadcast(a, b)


def xor(a: Operand, b: Operand) -> Words:
    return _broadcast(a, b)


def and_(a: Operand, b: Operand) -> Words:
    return _broadcast(a, b)


def invert(a: Words) -> Words:
    return _like(a)


def shift_left(a: Words, bits: int) -> Words:
    return _like(a)


def shift_right(a: Words, bits: int, width: int) -> Words:
    return _like(a)


def low_bits(a: Words, width: int) -> Words:
    return _like(a)


def product3(xa: Words, xb: Words, ya: Words, yb: Words, mask: Words | None = None) -> Words:
    given = (xa, xb, ya, yb) if mask is None else (xa, xb, ya, yb, mask)
    return _shaped(_broadcast(*given).shape, xa.dtype)


def where(mask: npt.NDArray[np.bool_], a: npt.NDArray[Item], b: npt.NDArray[Item]) -> npt.NDArray[Item]:
    return _shaped(_broadcast(mask, a, b).shape, _broadcast(a, b).dtype)


# Shaping


def zeros(shape: int | Sequence[int], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    return _shaped(_whole_shape(shape), dtype)


def full(shape: int | Sequence[int], value: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    return _shaped(_whole_shape(shape), dtype)


def concatenate(arrays: Sequence[npt.NDArray[Item]], axis: int = 0) -> npt.NDArray[Item]:
    first = arrays[0]
    axis = normalize_axis_index(axis, first.ndim)
    before, after = first.shape[:axis], first.shape[axis + 1 :]
    length = 0
    for a in arrays:
        expect("arrays to join", (a.ndim, a.shape[:axis], a.shape[axis + 1 :]), (first.ndim, before, after))
        length += a.shape[axis]
    return _shaped((*before, length, *after), np.result_type(*{a.dtype for a in arrays}))


def stack(arrays: Sequence[npt.NDArray[Item]], axis: int = 0) -> npt.NDArray[Item]:
    expect("arrays to join", {a.shape for a in arrays}, {arrays[0].shape})
    shape = list(arrays[0].shape)
    shape.insert(normalize_axis_index(axis, len(shape) + 1), len(arrays))
    return _shaped(shape, np.result_type(*{a.dtype for a in arrays}))


def pad(a: npt.NDArray[Item], widths: Sequence[tuple[int, int]]) -> npt.NDArray[Item]:
    shape = [before + size + after for size, (before, after) in zip(a.shape, widths, strict=True)]
    return _shaped(shape, a.dtype)


def sum(a: Words, axis: int | tuple[int, ...] | None = None) -> Words:
    gone = range(a.ndim) if axis is None else normalize_axis_tuple(axis, a.ndim)
    return _shaped([size for place, size in enumerate(a.shape) if place not in gone], a.dtype)


def take(
    a: npt.NDArray[Item], indices: npt.NDArray[np.integer[Any]] | Sequence[int], axis: int
) -> npt.NDArray[Item]:
    axis, places = normalize_axis_index(axis, a.ndim), np.asarray(indices)
    size = a.shape[axis]
    if places.size and not -size <= int(places.min()) <= int(places.max()) < size:
        raise IndexError(f"indices from {places.min()} to {places.max()} do not fit an axis of {size}")
    return _shaped((*a.shape[:axis], *places.shape, *a.shape[axis + 1 :]), a.dtype)


def scatter_windows(entries: Words, shape: Sequence[int], window: Pair, stride: Pair) -> Words:
    n, height, width, channels = shape
    rows, columns = _output_hw((height, width), window, stride, ((0, 0), (0, 0)))
    expect("values of windows", entries.size, window[0] * window[1] * n * rows * columns * channels)
    return _shaped(shape, entries.dtype)


def astype(a: npt.NDArray[Any], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    return _shaped(a.shape, dtype)


def xor_all(a: Words) -> Words:
    return _shaped(a.shape[1:], a.dtype)


def positions(shape: Sequence[int], dtype: npt.DTypeLike) -> Words:
    return _shaped(shape, dtype)


def one_hot_words(index: Words, entries: int, dtype: npt.DTypeLike) -> Words:
    return _shaped((entries, index.size), dtype)


# Orders of rows


def order_of(words: Words) -> Order:
    return _shaped(words.shape[1:], np.intp)


def permuted(a: npt.NDArray[Item], order: Order) -> npt.NDArray[Item]:
    expect("rows of an order", order.shape[-1:], a.shape[-1:])
    np.broadcast_to(order, a.shape)
    return _shaped(a.shape, a.dtype)


def inverted(order: Order) -> Order:
    return _shaped(order.shape, np.intp)


def as_order(words: Words, bits: int) -> Order:
    words.dtype.type((1 << bits) - 1)
    return _shaped(words.shape, np.intp)


def sums_before(a: Words, axis: int) -> Words:
    normalize_axis_index(axis, a.ndim)
    return _like(a)


def turned(table: Words, by: Words) -> Words:
    expect("numbers for a table", by.shape, table.shape[1:])
    return _like(table)


# Lookups


def permuted_dot_xor(shares: Words, index: Words, table: Words) -> Words:
    expect("table", table.shape, shares.shape[:1])
    return _shaped((index.size,), shares.dtype)


def exponential_dot(
    shares: Words, index: Words, exponents: npt.NDArray[np.float64], factor: npt.NDArray[np.float64]
) -> Words:
    expect("table", exponents.shape, shares.shape[:1])
    return _shaped((index.size,), shares.dtype)


def product_of_tables(index: Words, tables: list[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    return _shaped(index.shape, _REAL)


def rounded(x: npt.NDArray[np.float64], bits: int, dtype: npt.DTypeLike) -> Words:
    return _shaped(x.shape, dtype)


# Finite fields


def mersenne_add(a: Words, b: Words) -> Words:
    return _broadcast(a, b)


def mersenne_neg(a: Words) -> Words:
    return _like(a)


def mersenne_sub(a: Words, b: Words) -> Words:
    return _broadcast(a, b)


def mersenne_mul(a: Words, b: Words) -> Words:
    return _broadcast(a, b)


def mersenne_matmul(a: Words, b: Words) -> Words:
    return matmul(a, b)


def mersenne_sum(a: Words, axis: int) -> Words:
    return sum(a, axis)


def mersenne_conv2d(x: Words, w: Words, stride: Pair, padding: tuple[Pair, Pair]) -> Words:
    return conv2d(x, w, stride, padding)


def mersenne_integers(words: Words, dtype: npt.DTypeLike) -> Words:
    return _shaped(words.shape, dtype)


def mersenne_words(a: Words) -> Words:
    return _shaped(a.shape, np.uint64)


def mersenne_shift(a: Words, bits: int) -> Words:
    expect("bits of a shift", 0 < bits < 64, True)
    return _like(a)


def mersenne_low(a: Words, bits: int) -> Words:
    return _like(a)


def mersenne_limbs(a: Words) -> Words:
    return _shaped((a.itemsize // 8, a.size), np.uint64)


def mersenne_of_limbs(limbs: Words, shape: Sequence[int], dtype: npt.DTypeLike) -> Words:
    out = _shaped(shape, dtype)
    expect("limbs", limbs.shape, (out.itemsize // 8, out.size))
    return out


def wide_of(words: npt.NDArray[Any]) -> Words:
    return _shaped(words.shape, LIMBS)


def wide_words(a: Words, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    return _shaped(a.shape, dtype)


def wide_pack(a: Words, bits: int) -> Bytes:
    expect("bits of a wide number", min(max(bits, 65), 128), bits)
    return _shaped((8 * a.size - (-a.size * (bits - 64) // 8),), _BYTE)


def wide_unpack(buffer: Bytes, bits: int, shape: Sequence[int]) -> Words:
    out = _shaped(shape, LIMBS)
    expect("packed bytes", buffer.size, 8 * out.size - (-out.size * (bits - 64) // 8))
    return out


wide_add, wide_sub, wide_mul, wide_neg = mersenne_add, mersenne_sub, mersenne_mul, mersenne_neg
wide_matmul, wide_sum, wide_conv2d = mersenne_matmul, mersenne_sum, mersenne_conv2d


def binary_mul(a: Bytes, b: Bytes, bits: int) -> Bytes:
    return _broadcast(a, b)


def binary_matmul(a: Bytes, b: Bytes, bits: int) -> Bytes:
    expect("matrices", b.shape, (a.shape[1], b.shape[1]))
    return _shaped((a.shape[0], b.shape[1]), _BYTE)


# Trees of comparison keys


def deal_bit_trees(roots: Words, alpha: Words, bits: int, constant: Words) -> tuple[Words, Bytes]:
    n, (levels, entries) = alpha.size, tree_sizes(bits, 1)
    expect("roots", roots.shape, (2, 2, n))
    return _shaped((levels, 2, n), _WORD), _shaped((levels + entries, _plane_bytes(n)), _BYTE)


def deal_word_trees(
    roots: Words, alpha: Words, bits: int, width: int, beta: Words, constant: Words
) -> tuple[Words, Words]:
    n, (levels, entries) = alpha.size, tree_sizes(bits, width * len(beta))
    expect("roots", roots.shape, (2, 2, n))
    expect("constants", constant.shape, beta.shape)
    return _shaped((levels, 2, n), _WORD), _shaped((levels + entries, *beta.shape), _WORD)


def walk_bit_trees(party: int, root: Words, x: Words, bits: int, seeds: Words, planes: Bytes) -> Bytes:
    (points, n), (levels, entries) = x.shape, tree_sizes(bits, 1)
    expect("a root", root.shape, (2, n))
    expect("correction words", seeds.shape, (levels, 2, n))
    expect("planes", planes.shape, (levels + entries, _plane_bytes(n)))
    return _shaped((points, _plane_bytes(n)), _BYTE)


def walk_word_trees(
    party: int, root: Words, x: Words, bits: int, width: int, seeds: Words, sums: Words
) -> Words:
    (points, n), (_, many, _) = x.shape, sums.shape
    levels, entries = tree_sizes(bits, width * many)
    expect("a root", root.shape, (2, n))
    expect("correction words", seeds.shape, (levels, 2, n))
    expect("words", sums.shape, (levels + entries, many, n))
    return _shaped((many, points, n), _WORD)


# Matrix products and convolutions


def matmul(a: Words, b: Words) -> Words:
    leading = a.shape[:-2] if b.ndim > 2 else ()
    expect("matrices", b.shape, (*leading, a.shape[-1], b.shape[-1]))
    return _shaped((*a.shape[:-1], b.shape[-1]), a.dtype)


def matmul3(xa: Words, xb: Words, ya: Words, yb: Words) -> Words:
    expect("matrices", (xb.shape, ya.shape), (xa.shape, _broadcast(ya, yb).shape))
    return matmul(xa, ya)


def conv2d(x: Words, w: Words, stride: Pair, padding: tuple[Pair, Pair]) -> Words:
    (batch, height, width, every), (*kernel, channels, filters) = x.shape, w.shape
    groups_of(every, channels, filters)
    sizes = _output_hw((height, width), (kernel[0], kernel[1]), stride, padding)
    return _shaped((batch, *sizes, filters), x.dtype)


def conv2d3(xa: Words, xb: Words, wa: Words, wb: Words, stride: Pair, padding: tuple[Pair, Pair]) -> Words:
    expect("images and filters", (xb.shape, wa.shape), (xa.shape, _broadcast(wa, wb).shape))
    return conv2d(xa, wa, stride, padding)


def conv2d3_weight_gradient(
    xa: Words,
    xb: Words,
    ga: Words,
    gb: Words,
    kernel: Pair,
    stride: Pair,
    padding: tuple[Pair, Pair],
) -> Words:
    batch, height, width, channels = xa.shape
    filters = ga.shape[-1]
    positions = (batch, *_output_hw((height, width), kernel, stride, padding), filters)
    expect("images", xb.shape, xa.shape)
    expect("gradients", (ga.shape, _broadcast(ga, gb).shape), (positions, positions))
    return _shaped((*kernel, channels, filters), xa.dtype)


def conv2d3_input_gradient(
    ga: Words,
    gb: Words,
    wa: Words,
    wb: Words,
    input_hw: Pair,
    stride: Pair,
    padding: tuple[Pair, Pair],
) -> Words:
    batch, *g_hw, filters = ga.shape
    for size, taps, count, step, (before, _) in zip(
        input_hw, wa.shape[:2], g_hw, stride, padding, strict=True
    ):
        first = taps - 1 - before
        fit = len(range(size + taps - 1)[first : first + count * step : step])
        expect("gradients along an axis", count, fit)
    expect("gradients", (_broadcast(ga, gb).shape, filters), (ga.shape, wa.shape[3]))
    expect("filters", _broadcast(wa, wb).shape, wa.shape)
    return _shaped((batch, *input_hw, wa.shape[2]), ga.dtype)


def _output_hw(image_hw: Pair, kernel: Pair, stride: Pair, padding: tuple[Pair, Pair]) -> Pair:
    height, width = (
        (size + before + after - taps) // step + 1
        for size, taps, step, (before, after) in zip(image_hw, kernel, stride, padding, strict=True)
    )
    return height, width
