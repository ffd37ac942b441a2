"""Local steps of the masked digit comparison: digit vectors shared modulo a small prime p.

A number's digits are cut from its lowest bits up, `widths[g]` bits each. Of a digit's one-hot vector the
entries 1, 2, … are kept, one row of (entries, n) each, all digits one after the other; entry 0 is what
the sum of all entries (1 for the secret) leaves.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import types, uint8, uint64

from protocols.kernels._compiled import (
    Bytes,
    Words,
    array,
    compiled,
    compiled_for_words,
    contiguous,
    expect,
    reads,
)


def digit_entries(widths: Sequence[int]) -> int:
    """Return how many entries of one-hot vectors these digits have, entries 0 left out."""
    return sum((1 << width) - 1 for width in widths)


def deal_digits(v: Words, first: Bytes, widths: Sequence[int], p: int) -> Bytes:
    """Return (entry of v's digit − first) mod p, given the other share (entries, n)."""
    expect("shares", first.shape, (digit_entries(widths), v.size))
    out = np.empty(first.shape, np.uint8)
    _deal(contiguous(v).reshape(-1), contiguous(first), np.array(widths), p, out)
    return out


def compare_digits(
    w: Words, flip: Bytes, shares: Bytes, widths: Sequence[int], p: int, total: int
) -> Bytes:
    """Return shares (digits, n) of which exactly one is zero where the comparison holds, else none.

    With t = 2^bits − 1 − w the comparison is v > t where flip is 0, and v ≤ t where it is 1. Digit
    g contributes 1 − [v_g beyond t_g] + the number of higher digits that differ.

    Args:
        shares: this server's shares (entries, n) of v's digits.
        total: its share of the sum of each vector's entries, 0 or 1; that server adds the constants.
    """
    expect("shares", shares.shape, (digit_entries(widths), w.size))
    out = np.empty((len(widths), w.size), np.uint8)
    flips = contiguous(flip).reshape(-1)
    _compare(contiguous(w).reshape(-1), flips, contiguous(shares), np.array(widths), p, total, out)
    return out


def blind(terms: Bytes, scale: Bytes, turn: Bytes, mask: Bytes, p: int, sign: int) -> Bytes:
    """Return terms · scale, turned by `turn` places along the first axis, plus sign · mask, mod p.

    Args:
        terms: (digits, n) modulo p.
        scale: (digits, n) from 1 to p − 1.
        turn: (n,) from 0 to digits − 1.
        mask: (digits, n) modulo p.
        sign: 1 or −1.
    """
    out = np.empty(terms.shape, np.uint8)
    _blind(contiguous(terms), contiguous(scale), contiguous(turn), contiguous(mask), p, sign, out)
    return out


def any_zero(first: Bytes, second: Bytes, p: int) -> Bytes:
    """Return 1 where first + second ≡ 0 mod p in some row, else 0, for arrays (digits, n)."""
    total = first.astype(np.uint16) + second
    zero: Bytes = ((total == 0) | (total == p)).any(axis=0).astype(np.uint8)
    return zero


@compiled_for_words(
    lambda word: types.void(reads(word), reads(uint8, 2), reads(types.int64), types.intp, array(uint8, 2))
)
def _deal(v: Words, first: Bytes, widths: npt.NDArray[Any], p: int, out: Bytes) -> None:
    n = v.size
    low, row = 0, 0
    for g in range(widths.size):
        entries = (1 << widths[g]) - 1
        for e in range(1, entries + 1):
            for i in range(n):
                digit = (uint64(v[i]) >> uint64(low)) & uint64(entries)
                share = uint8(digit == uint64(e)) + uint8(p) - first[row, i]
                out[row, i] = share - uint8(p) if share >= uint8(p) else share
            row += 1
        low += widths[g]


@compiled_for_words(
    lambda word: types.void(
        reads(word),
        reads(uint8),
        reads(uint8, 2),
        reads(types.int64),
        types.intp,
        types.intp,
        array(uint8, 2),
    )
)
def _compare(
    w: Words,
    flip: Bytes,
    shares: Bytes,
    widths: npt.NDArray[Any],
    p: int,
    total: int,
    out: Bytes,
) -> None:
    n, digits = w.size, widths.size
    bits, last = 0, 0
    for g in range(digits):
        bits += widths[g]
        last += (1 << widths[g]) - 1
    ones = uint64(0xFFFFFFFFFFFFFFFF) >> uint64(64 - bits)
    for i in range(n):
        t = ones - (uint64(w[i]) & ones)
        flipped = flip[i] != 0
        if flipped and t == ones:  # v ≤ t always
            for g in range(digits):
                out[g, i] = uint8(total) if g > 0 else uint8(0)
            continue
        if flipped:
            t += uint64(1)
        low, row, differ = bits, last, 0
        for g in range(digits - 1, -1, -1):
            low -= widths[g]
            entries = (1 << widths[g]) - 1
            row -= entries
            digit = int((t >> uint64(low)) & uint64(entries))
            above, equal, everything = 0, 0, 0
            for e in range(1, entries + 1):
                share = int(shares[row + e - 1, i])
                everything += share
                if e > digit:
                    above += share
                elif e == digit:
                    equal = share
            everything = (total - everything) % p  # entry 0
            if digit == 0:
                equal = everything
            beyond = total - above - equal if flipped else above
            out[g, i] = uint8((total - beyond + differ) % p)
            differ += total - equal


@compiled(
    types.void(
        reads(uint8, 2),
        reads(uint8, 2),
        reads(uint8),
        reads(uint8, 2),
        types.intp,
        types.intp,
        array(uint8, 2),
    )
)
def _blind(terms: Bytes, scale: Bytes, turn: Bytes, mask: Bytes, p: int, sign: int, out: Bytes) -> None:
    digits, n = terms.shape
    for g in range(digits):
        for i in range(n):
            place = g + int(turn[i])
            if place >= digits:
                place -= digits
            hidden = int(mask[place, i])
            value = int(terms[g, i]) * int(scale[g, i]) + (hidden if sign > 0 else p - hidden)
            out[place, i] = uint8(value % p)
