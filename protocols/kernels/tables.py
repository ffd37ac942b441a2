"""Boolean sharing on bit planes: the local AND, and the tables of the sign bit.

Operations are bit-sliced: a byte holds one bit of eight values, and one instruction treats a
vector of bytes.
"""

import math

import numpy as np
from numpy import uint8

from protocols.kernels.machine import Bytes, array, compiled, contiguous, expect, reads, step, void

_STRIP = 512
"""Bytes of each plane that a lookup treats at a time, so that half a table stays in cache."""

_DIGIT_BITS = 8
"""Bits of a digit that has a table, at most."""

_half_table = step("scratch", "uint8", 1 << _DIGIT_BITS - 1, _STRIP)


def and3(xa: Bytes, xb: Bytes, ya: Bytes, yb: Bytes, mask: Bytes) -> Bytes:
    """Return (xa ∧ (ya ⊕ yb)) ⊕ (xb ∧ ya) ⊕ mask for planes of equal shape."""
    out = np.empty(xa.shape, np.uint8)
    terms = (xa, xb, ya, yb, mask)
    expect("planes", {term.shape for term in terms}, {xa.shape})
    a, b, c, d, e = (contiguous(term).reshape(-1) for term in terms)
    _and3(a, b, c, d, e, out.reshape(-1))
    return out


def one_hot(planes: Bytes, n: int) -> Bytes:
    """Return (…, 2^m, ⌈n/8⌉) planes; plane e has a 1 where the digit in planes (…, m, ⌈n/8⌉) is e.

    Bits after the n-th are zero in every plane.
    """
    *leading, m, width = planes.shape
    expect("bytes of a plane", width, -(-n // 8))
    out = np.empty((*leading, 1 << m, width), np.uint8)
    out[..., 0, :] = 255
    if n % 8:
        out[..., 0, -1] = (1 << n % 8) - 1
    for bit in range(m):
        size = 1 << bit
        clear, set_ = out[..., :size, :], out[..., size : 2 * size, :]
        np.bitwise_and(clear, planes[..., bit : bit + 1, :], out=set_)
        np.bitwise_xor(clear, set_, out=clear)
    return out


def table_lookup(tables: Bytes, digits: Bytes) -> tuple[Bytes, Bytes]:
    """Read (generate, propagate), each (groups, nb), off tables (groups, 2^m, nb).

    The reader's own digits j are in planes (groups, m, nb). Where the tables share the one-hot
    vector of v by ⊕, the results share the bits v + j ≥ 2^m and v + j = 2^m − 1: generate is the ⊕
    of the entries e ≥ 2^m − j, and propagate is the entry 2^m − 1 − j. One group may come without
    its axis, and tables (2^m, nb) that every group of digits reads.
    """
    *leading, m, width = digits.shape
    own = leading if tables.ndim > 2 else []
    expect("bits of a digit", min(m, _DIGIT_BITS), m)
    expect("tables", tables.shape, (*own, 1 << m, width))
    generate = np.empty((*leading, width), np.uint8)
    propagate = np.empty_like(generate)
    groups = math.prod(leading)
    _lookup(
        contiguous(tables).reshape(math.prod(own), 1 << m, width),
        contiguous(digits).reshape(groups, m, width),
        generate.reshape(groups, width),
        propagate.reshape(groups, width),
    )
    return generate, propagate


@compiled(void(*[reads(uint8)] * 5, array(uint8)))
def _and3(xa: Bytes, xb: Bytes, ya: Bytes, yb: Bytes, mask: Bytes, out: Bytes) -> None:
    for i in range(out.size):
        out[i] = (xa[i] & (ya[i] ^ yb[i])) ^ (xb[i] & ya[i]) ^ mask[i]


@compiled(void(reads(uint8, 3), reads(uint8, 3), array(uint8, 2), array(uint8, 2)))
def _lookup(tables: Bytes, digits: Bytes, generate: Bytes, propagate: Bytes) -> None:
    """Halve each table by the bits of j, highest first, until one entry is left.

    With the entries in falling order (entry 2^m − 1 − i in place i), propagate is in place j and
    generate is the ⊕ of the places before j. A set bit selects the second half and adds all of
    the first half to generate.
    """
    tabled, size, width = tables.shape
    groups, m, half_table = digits.shape[0], digits.shape[1], _half_table()
    for group in range(groups):
        own = min(group, tabled - 1)
        for left in range(0, width, _STRIP):
            length = min(_STRIP, width - left)
            found = generate[group, left : left + length]
            found[:] = 0
            for level in range(m):
                bit = digits[group, m - 1 - level, left : left + length]
                half = size >> (level + 1)
                for place in range(half):
                    kept = half_table[place, :length]
                    if level == 0:
                        first = tables[own, size - 1 - place, left : left + length]
                        second = tables[own, half - 1 - place, left : left + length]
                    else:
                        first = kept
                        second = half_table[half + place, :length]
                    for i in range(length):
                        found[i] ^= first[i] & bit[i]
                        kept[i] = first[i] ^ ((first[i] ^ second[i]) & bit[i])
            for i in range(length):
                propagate[group, left + i] = half_table[0, i]
