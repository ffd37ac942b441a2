"""Values modulo a prime p ≤ 251, one a byte: drawing them uniformly, and packing them densely."""

import functools

import numpy as np
import numpy.typing as npt
from numpy import intp, uint8, uint64

from protocols.kernels.machine import (
    Bytes,
    Words,
    array,
    compiled,
    contiguous,
    expect,
    gives,
    inside,
    reads,
    step,
    void,
)

_STRIP = 128
"""Numbers that are treated at a time, in vectors; their digits are transposed in the cache."""

_four_strips = step("scratch", "uint64", 4, _STRIP)
_digit_strips = step("scratch", "uint8", 64, _STRIP)  # a word has at most 64 digits


@functools.cache
def _per_word(p: int) -> int:
    """Return how many values modulo p a 64-bit word holds: the largest d with p^d ≤ 2^64."""
    digits = 0
    while p ** (digits + 1) <= 1 << 64:
        digits += 1
    return digits


def uniform_mod_words(p: int, count: int) -> int:
    """Return how many random 64-bit words `uniform_mod` needs for this many values."""
    return 2 * -(-count // _per_word(p))


def uniform_mod(words: npt.NDArray[np.uint64], p: int, count: int) -> Bytes:
    """Return count values that are uniform modulo p, from uniform 64-bit words.

    Two words are a fraction x of 128 bits, the first its upper half. Its digits to the base p,
    ⌊p·x⌋, ⌊p·(p·x mod 1)⌋, …, are the values: d of them with p^d ≤ 2^64, so each of the p^d
    outcomes has probability p^(−d) within 2^(−128), and a group is within 2^(−64) of uniform.
    """
    expect("random words", words.size, uniform_mod_words(p, count))
    digits = _per_word(p)
    out = np.empty((words.size // 2, digits), np.uint8)
    _fraction_digits(contiguous(words).reshape(-1), p, out)
    return out.reshape(-1)[:count].copy()


def pack_mod(x: Bytes, p: int) -> Bytes:
    """Return the n values of x, all below p, as numbers to the base p of 64 bits, lowest first.

    Of a last, partial word with r values only the bytes that p^r − 1 needs are kept.
    """
    out = np.empty(packed_size(p, x.size), np.uint8)
    digits = _per_word(p)
    whole = 8 * (x.size // digits)
    rest = _to_words(contiguous(x).reshape(-1), p, digits, out[:whole].view("<u8"))
    out[whole:] = np.array([rest], "<u8").view(np.uint8)[: out.size - whole]
    return out


def unpack_mod(buffer: Bytes, p: int, count: int) -> Bytes:
    """Return the count values that `pack_mod` put into the buffer."""
    expect("packed bytes", buffer.size, packed_size(p, count))
    digits = _per_word(p)
    words = np.zeros(-(-count // digits), "<u8")
    words.view(np.uint8)[: buffer.size] = buffer
    values = np.empty((words.size, digits), np.uint8)
    _from_words(words, p, values)
    return values.reshape(-1)[:count].copy()


def packed_size(p: int, count: int) -> int:
    """Return how many bytes `pack_mod` gives for this many values."""
    whole, rest = divmod(count, _per_word(p))
    largest: int = p**rest - 1
    return 8 * whole + -(-largest.bit_length() // 8)


@inside(void(array(uint8, 2), intp, intp, array(uint8, 2)))
def _transpose(tile: Bytes, count: int, start: int, out: Bytes) -> None:
    """Write columns of digits as rows start, start + 1, … of out."""
    for i in range(count):
        for digit in range(out.shape[1]):
            out[start + i, digit] = tile[digit, i]


@compiled(void(reads(uint64), intp, array(uint8, 2)))
def _fraction_digits(words: Words, p: int, out: Bytes) -> None:
    """Write the digits of each fraction, held in four pieces of 32 bits; many fractions at a time.

    The digits of one fraction follow from each other: vectors run across fractions.
    """
    factor, ones = uint64(p), uint64(0xFFFFFFFF)
    groups = words.size // 2
    first, second, third, fourth = _four_strips()
    digits, tile = out.shape[1], _digit_strips()
    for start in range(0, groups, _STRIP):
        count = min(_STRIP, groups - start)
        for i in range(count):
            upper, lower = words[2 * (start + i)], words[2 * (start + i) + 1]
            first[i], second[i] = upper >> uint64(32), upper & ones
            third[i], fourth[i] = lower >> uint64(32), lower & ones
        for digit in range(digits):
            found = tile[digit]
            for i in range(count):
                product = fourth[i] * factor
                fourth[i] = product & ones
                product = third[i] * factor + (product >> uint64(32))
                third[i] = product & ones
                product = second[i] * factor + (product >> uint64(32))
                second[i] = product & ones
                product = first[i] * factor + (product >> uint64(32))
                first[i] = product & ones
                found[i] = uint8(product >> uint64(32))
        _transpose(tile, count, start, out)


@compiled(gives(uint64, reads(uint8), intp, intp, array(uint64)))
def _to_words(values: Bytes, p: int, digits: int, words: npt.NDArray[np.uint64]) -> np.uint64:
    """Write Σ_i value_i · p^i of each group of digits; return that of the values left over."""
    for group in range(words.size + 1):
        word, start = uint64(0), group * digits
        for i in range(min(start + digits, values.size) - 1, start - 1, -1):
            word = word * uint64(p) + uint64(values[i])
        if group < words.size:
            words[group] = word
    return word


@compiled(void(reads(uint64), intp, array(uint8, 2)))
def _from_words(words: Words, p: int, values: Bytes) -> None:
    """Write the digits of words to the base p, many words at a time.

    A word is cut into numbers below 2^24 by divisions; their digits come from multiplications by
    ⌈2^32 / p⌉, which are exact below 2^24 and vectorise.
    """
    together, piece = 0, 1
    while piece * p <= 1 << 24:
        piece *= p
        together += 1
    prime, inverse = uint64(p), uint64(((1 << 32) + p - 1) // p)
    number, rest, _, _ = _four_strips()
    digits, tile = values.shape[1], _digit_strips()
    for start in range(0, words.size, _STRIP):
        count = min(_STRIP, words.size - start)
        for i in range(count):
            rest[i] = words[start + i]
        for low in range(0, digits, together):
            if low + together < digits:
                for i in range(count):
                    upper = rest[i] // uint64(piece)
                    number[i] = rest[i] - upper * uint64(piece)
                    rest[i] = upper
            else:
                for i in range(count):
                    number[i] = rest[i]
            for digit in range(low, min(low + together, digits)):
                found = tile[digit]
                for i in range(count):
                    upper = ((number[i] & uint64(0xFFFFFFFF)) * inverse) >> uint64(32)
                    found[i] = uint8(number[i] - upper * prime)
                    number[i] = upper
        _transpose(tile, count, start, values)
