"""Local steps of the masked digit comparison: digit vectors shared modulo a small prime p.

A number's digits are cut from its lowest bits up, `widths[g]` bits each. Of a digit's one-hot vector the
entries 1, 2, … are kept, one row of (entries, n) each, all digits one after the other; entry 0 is what
the sum of all entries (1 for the secret) leaves.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy import int64, intp, uint8, uint32, uint64

from protocols.kernels.machine import (
    Bytes,
    Words,
    array,
    compiled,
    compiled_for_words,
    contiguous,
    expect,
    gives,
    inside,
    reads,
    step,
    void,
)

_STRIP = 1024

_words = step("scratch", "uint64", _STRIP)
_marks = step("scratch", "uint8", 2, _STRIP)
_sums = step("scratch", "uint32", 5, _STRIP)


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
    expect("flips", flip.size, w.size)
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
    expect("scales", scale.shape, terms.shape)
    expect("masks", mask.shape, terms.shape)
    expect("turns", turn.shape, terms.shape[1:])
    out = np.empty(terms.shape, np.uint8)
    here, there = np.empty((2, len(terms), _STRIP), np.uint8)
    moves = np.empty(_STRIP, np.uint8)
    arrays = (contiguous(terms), contiguous(scale), contiguous(turn), contiguous(mask))
    _blind(*arrays, p, sign, here, there, moves, out)
    return out


def any_zero(first: Bytes, second: Bytes, p: int) -> Bytes:
    """Return 1 where first + second ≡ 0 mod p in some row, else 0, for arrays (digits, n)."""
    total = first.astype(np.uint16) + second
    zero: Bytes = ((total == 0) | (total == p)).any(axis=0).astype(np.uint8)
    return zero


@compiled_for_words(lambda word: void(reads(word), reads(uint8, 2), reads(int64), intp, array(uint8, 2)))
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


@inside(gives(uint32, uint32, uint32, uint32))
def _mod(x: Any, p: Any, inverse: Any) -> Any:
    """Return x mod p for x ≤ 255 p, p ≤ 251, inverse = ⌈2^24 / p⌉: without a division, so it vectorises."""
    return x - ((x * inverse) >> uint32(24)) * p


@compiled_for_words(
    lambda word: void(
        reads(word),
        reads(uint8),
        reads(uint8, 2),
        reads(int64),
        intp,
        intp,
        array(uint8, 2),
    )
)
def _compare(
    w: Words,
    flip: Bytes,
    shares: Bytes,
    widths: npt.NDArray[Any],
    prime: int,
    total: int,
    out: Bytes,
) -> None:
    """Work in strips of values that stay in the cache, digit by digit from the top.

    The loops are short, of few arrays each, since others do not vectorise.
    """
    n, digits = w.size, widths.size
    bits, last = 0, 0
    for g in range(digits):
        bits += widths[g]
        last += (1 << widths[g]) - 1
    ones = uint64(0xFFFFFFFFFFFFFFFF) >> uint64(64 - bits)
    p, one_share = uint32(prime), uint32(total)
    inverse = uint32((2**24 + prime - 1) // prime)
    t = _words()
    always, turned = _marks()
    digit, differ, above, here, entries = _sums()
    for start in range(0, n, _STRIP):
        count = min(_STRIP, n - start)
        for i in range(count):
            turned[i] = flip[start + i] != 0
            t[i] = (ones - (uint64(w[start + i]) & ones)) + uint64(turned[i])
            always[i] = t[i] > ones  # v ≤ 2^bits − 1
            differ[i] = uint32(0)
        low, row = bits, last
        for g in range(digits - 1, -1, -1):
            low -= widths[g]
            highest = (1 << widths[g]) - 1
            row -= highest
            for i in range(count):
                digit[i] = uint32((t[i] >> uint64(low)) & uint64(highest))
                above[i] = here[i] = entries[i] = uint32(0)
            for e in range(1, highest + 1):
                entry = shares[row + e - 1, start : start + count]
                for i in range(count):
                    share = uint32(entry[i])
                    entries[i] += share
                    above[i] += share if uint32(e) > digit[i] else uint32(0)
                    here[i] += share if uint32(e) == digit[i] else uint32(0)
            for i in range(count):
                zeroth = one_share + p - _mod(entries[i], p, inverse)
                here[i] = _mod(here[i] if digit[i] > uint32(0) else zeroth, p, inverse)
            for i in range(count):
                higher = _mod(above[i], p, inverse)
                lower = one_share + uint32(2) * p - higher - here[i]
                above[i] = _mod(lower if turned[i] else higher, p, inverse)
            result = out[g, start : start + count]
            fixed = one_share if g > 0 else uint32(0)
            for i in range(count):
                term = _mod(one_share + p - above[i] + differ[i], p, inverse)
                result[i] = uint8(fixed if always[i] else term)
            for i in range(count):
                differ[i] = _mod(differ[i] + one_share + p - here[i], p, inverse)


@compiled(
    void(
        reads(uint8, 2),
        reads(uint8, 2),
        reads(uint8),
        reads(uint8, 2),
        intp,
        intp,
        array(uint8, 2),
        array(uint8, 2),
        array(uint8),
        array(uint8, 2),
    )
)
def _blind(
    terms: Bytes,
    scale: Bytes,
    turn: Bytes,
    mask: Bytes,
    prime: int,
    sign: int,
    here: Bytes,
    there: Bytes,
    moves: Bytes,
    out: Bytes,
) -> None:
    """Turn columns by one place, two, four, … where that bit of their turn is set: it vectorises.

    Scratch: here and there of a strip for each digit, moves of one strip.
    """
    digits, n = terms.shape
    p, inverse = uint32(prime), uint32((2**24 + prime - 1) // prime)
    for start in range(0, n, _STRIP):
        end = min(start + _STRIP, n)
        turns = turn[start:end]
        for g in range(digits):
            term, factor, product = terms[g, start:end], scale[g, start:end], here[g]
            for i in range(end - start):
                product[i] = uint8(_mod(uint32(term[i]) * uint32(factor[i]), p, inverse))
        places, level = 1, 0
        while places < digits:
            for i in range(end - start):
                moves[i] = uint8(255) if (turns[i] >> level) & 1 else uint8(0)
            for g in range(digits):
                stays, moved = here[g], here[g - places if g >= places else g - places + digits]
                turned = there[g]
                for i in range(end - start):
                    turned[i] = stays[i] ^ ((stays[i] ^ moved[i]) & moves[i])
            here, there = there, here
            places, level = 2 * places, level + 1
        for g in range(digits):
            shown, hidden, result = here[g], mask[g, start:end], out[g, start:end]
            for i in range(end - start):
                total = uint32(shown[i]) + (uint32(hidden[i]) if sign > 0 else p - uint32(hidden[i]))
                result[i] = uint8(total - p if total >= p else total)
