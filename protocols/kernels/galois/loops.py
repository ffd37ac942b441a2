"""Loops of arithmetic in extensions of Z/2^64 and of GF(2): products of polynomials in X and Y, and sums.

Elements lie in arrays (powers of X, powers of Y, elements). Over GF(2) a word holds one coefficient of 64
elements: · is AND, + is XOR.
"""

import numpy as np
from numpy import intp, uint64

from protocols.kernels.machine import Words, array, compiled, contiguous, expect, inside, reads, step, void

_STRIP = 128
"""Elements treated at a time, so that what is added to stays in cache."""

_sums = step("scratch", "uint64", 16, _STRIP)

_PRODUCT = void(*[reads(uint64, 3)] * 2, *[array(uint64, 3)] * 4)
"""Two factors, a strip of each and of the product, the product."""


def tower_product(a: Words, b: Words, bits: bool) -> Words:
    """Return products of polynomials (i, j, n) and (k, l, n): (i + k − 1, j + l − 1, n), not reduced."""
    expect("elements", b.shape[2], a.shape[2])
    out = np.zeros((a.shape[0] + b.shape[0] - 1, a.shape[1] + b.shape[1] - 1, a.shape[2]), np.uint64)
    first, second, total = (np.empty((*one.shape[:2], _STRIP), np.uint64) for one in (a, b, out))
    (_tower_bits if bits else _tower_words)(contiguous(a), contiguous(b), first, second, total, out)
    return out


def tower_remainder(a: Words, first: Words, second: Words, bits: bool) -> Words:
    """Return polynomials (i, j, n) in X and Y modulo two monic ones, of lower coefficients 0 and 1.

    `a` is used up where it is contiguous.
    """
    out = contiguous(a)
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


_STRIPS = void(reads(uint64, 3), intp, array(uint64, 3))


@inside(_STRIPS)
def _take_strip(a: Words, start: int, strip: Words) -> None:
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            for n in range(min(_STRIP, a.shape[2] - start)):
                strip[i, j, n] = a[i, j, start + n]


@inside(_STRIPS)
def _put_strip(strip: Words, start: int, out: Words) -> None:
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            for n in range(min(_STRIP, out.shape[2] - start)):
                out[i, j, start + n] = strip[i, j, n]


@compiled(_PRODUCT)
def _tower_words(a: Words, b: Words, first: Words, second: Words, total: Words, out: Words) -> None:
    for start in range(0, a.shape[2], _STRIP):
        width = min(_STRIP, a.shape[2] - start)
        _take_strip(a, start, first)
        _take_strip(b, start, second)
        total[:, :, :] = 0
        for i in range(a.shape[0]):
            for j in range(a.shape[1]):
                x = first[i, j]
                for k in range(b.shape[0]):
                    for m in range(b.shape[1]):
                        y, o = second[k, m], total[i + k, j + m]
                        for n in range(width):
                            o[n] += x[n] * y[n]
        _put_strip(total, start, out)


@compiled(_PRODUCT)
def _tower_bits(a: Words, b: Words, first: Words, second: Words, total: Words, out: Words) -> None:
    for start in range(0, a.shape[2], _STRIP):
        width = min(_STRIP, a.shape[2] - start)
        _take_strip(a, start, first)
        _take_strip(b, start, second)
        total[:, :, :] = 0
        for i in range(a.shape[0]):
            for j in range(a.shape[1]):
                x = first[i, j]
                for k in range(b.shape[0]):
                    for m in range(b.shape[1]):
                        y, o = second[k, m], total[i + k, j + m]
                        for n in range(width):
                            o[n] ^= x[n] & y[n]
        _put_strip(total, start, out)


@compiled(void(array(uint64, 3), reads(uint64), reads(uint64)))
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


@compiled(void(array(uint64, 3), reads(uint64), reads(uint64)))
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


@compiled(void(reads(uint64, 2), reads(uint64, 2), array(uint64, 2)))
def _xor_rows(matrix: Words, b: Words, out: Words) -> None:
    """Add rows by fours: all sixteen sums of four are made once, and one of them is added to each row."""
    sums = _sums()
    for n in range(_STRIP):
        sums[0, n] = uint64(0)
    for start in range(0, b.shape[1], _STRIP):
        width = min(_STRIP, b.shape[1] - start)
        for k in range(0, matrix.shape[1], 4):
            some = min(4, matrix.shape[1] - k)
            for bit in range(some):
                row = b[k + bit, start : start + width]
                for e in range(1 << bit):
                    x, o = sums[e], sums[e + (1 << bit)]
                    for n in range(width):
                        o[n] = x[n] ^ row[n]
            for r in range(matrix.shape[0]):
                chosen = np.int64(0)
                for bit in range(some):
                    chosen |= np.int64(matrix[r, k + bit] & uint64(1)) << bit
                if chosen:
                    x, o = sums[chosen], out[r, start : start + width]
                    for n in range(width):
                        o[n] ^= x[n]


@compiled(void(reads(uint64, 2), reads(uint64, 2), array(uint64, 2)))
def _parities(a: Words, b: Words, out: Words) -> None:
    columns = b.shape[0]
    for start in range(0, a.shape[1], _STRIP):
        end = min(start + _STRIP, a.shape[1])
        for c in range(0, columns, 4):
            b0, b1 = b[c, start:end], b[min(c + 1, columns - 1), start:end]
            b2, b3 = b[min(c + 2, columns - 1), start:end], b[min(c + 3, columns - 1), start:end]
            for r in range(a.shape[0]):
                x = a[r, start:end]
                w0 = w1 = w2 = w3 = uint64(0)
                for n in range(x.size):
                    w0 ^= x[n] & b0[n]
                    w1 ^= x[n] & b1[n]
                    w2 ^= x[n] & b2[n]
                    w3 ^= x[n] & b3[n]
                out[r, c] ^= w0
                if c + 1 < columns:
                    out[r, c + 1] ^= w1
                if c + 2 < columns:
                    out[r, c + 2] ^= w2
                if c + 3 < columns:
                    out[r, c + 3] ^= w3
    for r in range(a.shape[0]):
        for c in range(b.shape[0]):
            word = out[r, c]
            for shift in (32, 16, 8, 4, 2, 1):
                word ^= word >> uint64(shift)
            out[r, c] = word & uint64(1)
