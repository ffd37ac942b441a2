"""Compiled loops over finite fields: mod 2^61 − 1, mod 2^127 − 1 in two limbs, and GF(2^w) by a table.

A number of 127 bits is (low, high), high below 2^63; so is one mod 2^128, for rings above 64 bits. In one
file, for they call each other.
"""

from typing import Any

import numpy as np
from numpy import uint8, uint64

from protocols.kernels.machine import Bytes, Words, array, compiled, gives, inside, reads, step, void

SMALL = 2**61 - 1
_TOP = 2**63 - 1
_ALL = 2**64 - 1
_COLUMNS = 512
"""Columns of a product that are summed at a time, in the cache."""


_upper = step("upper")
_carried = step("scratch", "uint64", _COLUMNS)


# Mod 2^61 − 1


@inside(gives(uint64, uint64))
def _reduced_small(s: np.uint64) -> np.uint64:
    s = (s & uint64(SMALL)) + (s >> uint64(61))
    return s - uint64(SMALL) if s >= uint64(SMALL) else s


@inside(gives(uint64, uint64, uint64))
def _product_small(a: np.uint64, b: np.uint64) -> np.uint64:
    """Return a product that is below 2^62: 2^61 is one."""
    low = a * b
    return (low & uint64(SMALL)) + ((low >> uint64(61)) | (_upper(a, b) << uint64(3)))  # type: ignore[no-any-return]


@compiled(void(reads(uint64), reads(uint64), array(uint64)))
def add_small(a: Words, b: Words, out: Words) -> None:
    """Write a + b."""
    for i in range(out.size):
        out[i] = _reduced_small(a[i] + b[i])


@compiled(void(reads(uint64), reads(uint64), array(uint64)))
def mul_small(a: Words, b: Words, out: Words) -> None:
    """Write a · b."""
    for i in range(out.size):
        out[i] = _reduced_small(_product_small(a[i], b[i]))


@compiled(void(reads(uint64), uint64, array(uint64)))
def low_small(a: Words, mask: int, out: Words) -> None:
    """Write the bits of a mask."""
    for i in range(out.size):
        out[i] = _reduced_small(a[i] & mask)


@compiled(void(reads(uint64, 2), reads(uint64, 2), array(uint64, 2)))
def matmul_small(a: Words, b: Words, out: Words) -> None:
    """Write the matrix product."""
    rows, terms = a.shape
    columns = b.shape[1]
    for first in range(0, columns, _COLUMNS):
        end = min(first + _COLUMNS, columns)
        for i in range(rows):
            for j in range(first, end):
                out[i, j] = uint64(0)
            for k in range(terms):
                x = a[i, k]
                for j in range(first, end):
                    s = out[i, j] + _product_small(x, b[k, j])
                    out[i, j] = (s & uint64(SMALL)) + (s >> uint64(61))
            for j in range(first, end):
                out[i, j] = _reduced_small(out[i, j])


# Mod 2^127 − 1

_PAIR = (uint64, uint64)


@inside(gives(_PAIR, uint64, uint64))
def _reduced(low: np.uint64, high: np.uint64) -> Any:
    """Return a number below 2^128, reduced."""
    for _ in range(2):
        top = high >> uint64(63)
        low += top
        high = (high & uint64(_TOP)) + (uint64(1) if low < top else uint64(0))
    if low == uint64(_ALL) and high == uint64(_TOP):
        return uint64(0), uint64(0)
    return low, high


@inside(gives(_PAIR, uint64, uint64, uint64, uint64))
def _product(a0: np.uint64, a1: np.uint64, b0: np.uint64, b1: np.uint64) -> Any:
    """Return a product that is below 2^128: 2^127 is one."""
    r0, r1 = a0 * b0, _upper(a0, b0)
    x, y = a0 * b1, a1 * b0
    r1 += x
    r2 = uint64(1) if r1 < x else uint64(0)
    r1 += y
    r2 += uint64(1) if r1 < y else uint64(0)
    r3 = _upper(a1, b1)
    for part in (_upper(a0, b1), _upper(a1, b0), a1 * b1):
        r2 += part
        r3 += uint64(1) if r2 < part else uint64(0)
    low = r0 + ((r1 >> uint64(63)) | (r2 << uint64(1)))
    carry = uint64(1) if low < r0 else uint64(0)
    return low, (r1 & uint64(_TOP)) + ((r2 >> uint64(63)) | (r3 << uint64(1))) + carry


@compiled(void(reads(uint64, 2), reads(uint64, 2), array(uint64, 2)))
def add_pairs(a: Words, b: Words, out: Words) -> None:
    """Write a + b."""
    for i in range(len(out)):
        low = a[i, 0] + b[i, 0]
        high = a[i, 1] + b[i, 1] + (uint64(1) if low < a[i, 0] else uint64(0))
        out[i, 0], out[i, 1] = _reduced(low, high)


@compiled(void(reads(uint64, 2), reads(uint64, 2), array(uint64, 2)))
def mul_pairs(a: Words, b: Words, out: Words) -> None:
    """Write a · b."""
    for i in range(len(out)):
        low, high = _product(a[i, 0], a[i, 1], b[i, 0], b[i, 1])
        out[i, 0], out[i, 1] = _reduced(low, high)


@compiled(void(reads(uint64, 2), uint64, uint64, array(uint64, 2)))
def low_pairs(a: Words, low: int, high: int, out: Words) -> None:
    """Write the bits of two masks."""
    for i in range(len(out)):
        out[i, 0], out[i, 1] = _reduced(a[i, 0] & low, a[i, 1] & high)


@compiled(void(reads(uint64, 3), reads(uint64, 3), array(uint64, 3)))
def matmul_pairs(a: Words, b: Words, out: Words) -> None:
    """Write the matrix product: sums have three limbs, and 2^128 is two."""
    rows, terms = a.shape[:2]
    columns, carried = b.shape[1], _carried()
    for first in range(0, columns, _COLUMNS):
        end = min(first + _COLUMNS, columns)
        for i in range(rows):
            for j in range(first, end):
                out[i, j, 0] = out[i, j, 1] = carried[j - first] = uint64(0)
            for k in range(terms):
                x0, x1 = a[i, k, 0], a[i, k, 1]
                for j in range(first, end):
                    p0, p1 = _product(x0, x1, b[k, j, 0], b[k, j, 1])
                    low = out[i, j, 0] + p0
                    carry = uint64(1) if low < p0 else uint64(0)
                    high = out[i, j, 1] + carry
                    over = uint64(1) if high < carry else uint64(0)
                    high += p1
                    over += uint64(1) if high < p1 else uint64(0)
                    out[i, j, 0], out[i, j, 1] = low, high
                    carried[j - first] += over
            for j in range(first, end):
                low, high = _reduced(out[i, j, 0], out[i, j, 1])
                twice = carried[j - first] << uint64(1)
                low += twice
                high += uint64(1) if low < twice else uint64(0)
                out[i, j, 0], out[i, j, 1] = _reduced(low, high)


@compiled(void(reads(uint64, 2), uint64, array(uint64, 2)))
def shift_pairs(a: Words, by: int, out: Words) -> None:
    """Write signed numbers over 2^by, 0 < by < 64, rounded to the nearest."""
    half, up = uint64(1) << (by - uint64(1)), uint64(64) - by
    for i in range(len(out)):
        low, high = a[i, 0], a[i, 1]
        if high >> uint64(62):  # negative: less 2^127 − 1
            low += uint64(1)
            high += (uint64(1) if low == uint64(0) else uint64(0)) + (uint64(1) << uint64(63))
        low += half
        high += uint64(1) if low < half else uint64(0)
        sign = high >> uint64(63)
        low = (low >> by) | (high << up)
        high = (high >> by) | ((uint64(_ALL) << up) if sign else uint64(0))
        if sign:
            high += (uint64(1) << uint64(63)) - (uint64(1) if low == uint64(0) else uint64(0))
            low -= uint64(1)
        out[i, 0], out[i, 1] = _reduced(low, high & uint64(_TOP))


# Mod 2^128


@compiled(void(reads(uint64, 2), reads(uint64, 2), array(uint64, 2)))
def add_wide(a: Words, b: Words, out: Words) -> None:
    """Write a + b."""
    for i in range(len(out)):
        low = a[i, 0] + b[i, 0]
        out[i, 1] = a[i, 1] + b[i, 1] + (uint64(1) if low < a[i, 0] else uint64(0))
        out[i, 0] = low


@compiled(void(reads(uint64, 2), reads(uint64, 2), array(uint64, 2)))
def mul_wide(a: Words, b: Words, out: Words) -> None:
    """Write a · b."""
    for i in range(len(out)):
        high = _upper(a[i, 0], b[i, 0]) + a[i, 0] * b[i, 1] + a[i, 1] * b[i, 0]
        out[i, 0], out[i, 1] = a[i, 0] * b[i, 0], high


@compiled(void(reads(uint64, 3), reads(uint64, 3), array(uint64, 3)))
def matmul_wide(a: Words, b: Words, out: Words) -> None:
    """Write the matrix product, of (m, k, 2) and (k, n, 2)."""
    rows, terms, _ = a.shape
    out[:] = uint64(0)
    for i in range(rows):
        for k in range(terms):
            x0, x1 = a[i, k, 0], a[i, k, 1]
            for j in range(b.shape[1]):
                y0, y1 = b[k, j, 0], b[k, j, 1]
                low = x0 * y0
                total = out[i, j, 0] + low
                carry = uint64(1) if total < low else uint64(0)
                out[i, j, 0] = total
                out[i, j, 1] += _upper(x0, y0) + x0 * y1 + x1 * y0 + carry


# GF(2^w)


@compiled(void(reads(uint8), reads(uint8), reads(uint8), uint64, array(uint8)))
def mul_binary(table: Bytes, a: Bytes, b: Bytes, bits: int, out: Bytes) -> None:
    """Write a · b."""
    for i in range(out.size):
        out[i] = table[(uint64(a[i]) << bits) | uint64(b[i])]


@compiled(void(reads(uint8), reads(uint8, 2), reads(uint8, 2), uint64, array(uint8, 2)))
def matmul_binary(table: Bytes, a: Bytes, b: Bytes, bits: int, out: Bytes) -> None:
    """Write the matrix product."""
    for i in range(a.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = uint8(0)
        for k in range(a.shape[1]):
            x = uint64(a[i, k]) << bits
            for j in range(out.shape[1]):
                out[i, j] ^= table[x | uint64(b[k, j])]
