"""Loops of arithmetic in extensions of Z/2^64 and of GF(2): products of polynomials in X and Y, and sums.

Elements lie in arrays (powers of X, powers of Y, elements). Over GF(2) a word holds one coefficient of 64
elements: · is AND, + is XOR.
"""

import numpy as np
from numba import types, uint64

from protocols.kernels._compiled import Words, array, compiled, contiguous, expect, reads

_STRIP = 128
"""Elements treated at a time, so that what is added to stays in cache."""


def tower_product(a: Words, b: Words, bits: bool) -> Words:
    """Return products of polynomials (i, j, n) and (k, l, n): (i + k − 1, j + l − 1, n), not reduced."""
    expect("elements", b.shape[2], a.shape[2])
    out = np.zeros((a.shape[0] + b.shape[0] - 1, a.shape[1] + b.shape[1] - 1, a.shape[2]), np.uint64)
    (_tower_bits if bits else _tower_words)(contiguous(a), contiguous(b), out)
    return out


def tower_remainder(a: Words, first: Words, second: Words, bits: bool) -> Words:
    """Return polynomials (i, j, n) in X and Y modulo two monic ones, of lower coefficients 0 and 1."""
    out = np.array(a, np.uint64, order="C")
    (_remainder_bits if bits else _remainder_words)(out, first, second)
    return np.ascontiguousarray(out[: len(first), : len(second)])


def bit_matrix_product(matrix: Words, b: Words) -> Words:
    """Return (r, n) sums of rows of (k, n) over GF(2), chosen by the lowest bits of (r, k)."""
    expect("rows", b.shape[0], matrix.shape[1])
    out = np.zeros((matrix.shape[0], b.shape[1]), np.uint64)
    _xor_rows(contiguous(matrix), contiguous(b), out)
    return out


def bit_dot_products(a: Words, b: Words) -> Words:
    """Return the (r, c) parities of the bits that rows of (r, n) and rows of (c, n) have in common."""
    expect("words", b.shape[1], a.shape[1])
    out = np.zeros((a.shape[0], b.shape[0]), np.uint64)
    _parities(contiguous(a), contiguous(b), out)
    return out


@compiled(types.void(reads(uint64, 3), reads(uint64, 3), array(uint64, 3)))
def _tower_words(a: Words, b: Words, out: Words) -> None:
    rows, columns = out.shape[0], out.shape[1]
    first = np.empty((a.shape[0], a.shape[1], _STRIP), np.uint64)
    second = np.empty((b.shape[0], b.shape[1], _STRIP), np.uint64)
    total = np.empty((rows, columns, _STRIP), np.uint64)
    for start in range(0, a.shape[2], _STRIP):
        width = min(_STRIP, a.shape[2] - start)
        first[:, :, :width] = a[:, :, start : start + width]
        second[:, :, :width] = b[:, :, start : start + width]
        total[:, :, :] = 0
        for i in range(a.shape[0]):
            for j in range(a.shape[1]):
                x = first[i, j]
                for k in range(b.shape[0]):
                    for m in range(b.shape[1]):
                        y, o = second[k, m], total[i + k, j + m]
                        for n in range(width):
                            o[n] += x[n] * y[n]
        out[:, :, start : start + width] = total[:, :, :width]


@compiled(types.void(reads(uint64, 3), reads(uint64, 3), array(uint64, 3)))
def _tower_bits(a: Words, b: Words, out: Words) -> None:
    rows, columns = out.shape[0], out.shape[1]
    first = np.empty((a.shape[0], a.shape[1], _STRIP), np.uint64)
    second = np.empty((b.shape[0], b.shape[1], _STRIP), np.uint64)
    total = np.empty((rows, columns, _STRIP), np.uint64)
    for start in range(0, a.shape[2], _STRIP):
        width = min(_STRIP, a.shape[2] - start)
        first[:, :, :width] = a[:, :, start : start + width]
        second[:, :, :width] = b[:, :, start : start + width]
        total[:, :, :] = 0
        for i in range(a.shape[0]):
            for j in range(a.shape[1]):
                x = first[i, j]
                for k in range(b.shape[0]):
                    for m in range(b.shape[1]):
                        y, o = second[k, m], total[i + k, j + m]
                        for n in range(width):
                            o[n] ^= x[n] & y[n]
        out[:, :, start : start + width] = total[:, :, :width]


@compiled(types.void(array(uint64, 3), reads(uint64), reads(uint64)))
def _remainder_words(a: Words, first: Words, second: Words) -> None:
    for power in range(a.shape[0] - 1, first.size - 1, -1):
        for place in range(first.size):
            if first[place]:
                for j in range(a.shape[1]):
                    x, o = a[power, j], a[power - first.size + place, j]
                    for n in range(a.shape[2]):
                        o[n] -= x[n]
    for i in range(min(a.shape[0], first.size)):
        for power in range(a.shape[1] - 1, second.size - 1, -1):
            for place in range(second.size):
                if second[place]:
                    x, o = a[i, power], a[i, power - second.size + place]
                    for n in range(a.shape[2]):
                        o[n] -= x[n]


@compiled(types.void(array(uint64, 3), reads(uint64), reads(uint64)))
def _remainder_bits(a: Words, first: Words, second: Words) -> None:
    for power in range(a.shape[0] - 1, first.size - 1, -1):
        for place in range(first.size):
            if first[place]:
                for j in range(a.shape[1]):
                    x, o = a[power, j], a[power - first.size + place, j]
                    for n in range(a.shape[2]):
                        o[n] ^= x[n]
    for i in range(min(a.shape[0], first.size)):
        for power in range(a.shape[1] - 1, second.size - 1, -1):
            for place in range(second.size):
                if second[place]:
                    x, o = a[i, power], a[i, power - second.size + place]
                    for n in range(a.shape[2]):
                        o[n] ^= x[n]


@compiled(types.void(reads(uint64, 2), reads(uint64, 2), array(uint64, 2)))
def _xor_rows(matrix: Words, b: Words, out: Words) -> None:
    for start in range(0, b.shape[1], _STRIP):
        end = min(start + _STRIP, b.shape[1])
        for r in range(matrix.shape[0]):
            for k in range(matrix.shape[1]):
                if matrix[r, k] & uint64(1):
                    for n in range(start, end):
                        out[r, n] ^= b[k, n]


@compiled(types.void(reads(uint64, 2), reads(uint64, 2), array(uint64, 2)))
def _parities(a: Words, b: Words, out: Words) -> None:
    for start in range(0, a.shape[1], _STRIP):
        end = min(start + _STRIP, a.shape[1])
        for r in range(a.shape[0]):
            for c in range(b.shape[0]):
                word = uint64(0)
                for n in range(start, end):
                    word ^= a[r, n] & b[c, n]
                out[r, c] ^= word
    for r in range(a.shape[0]):
        for c in range(b.shape[0]):
            word = out[r, c]
            for shift in (32, 16, 8, 4, 2, 1):
                word ^= word >> uint64(shift)
            out[r, c] = word & uint64(1)
