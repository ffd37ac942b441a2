"""Words as bits: dense packing for messages, and transposition to and from bit planes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy import intp, uint8, uint64

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
    void,
)

_WHOLE_BYTES = {8: "<u1", 16: "<u2", 32: "<u4", 64: "<u8"}

_STRIP = 128
"""Bytes of each plane that are treated at a time, so that the words of a strip stay in cache."""


def pack(x: Words, bits: int) -> Bytes:
    """Return x mod 2^bits, value after value, lowest bit first, as ⌈n·bits/8⌉ bytes."""
    expect("bits of a value", min(max(bits, 1), 64), bits)
    out = np.empty(-(-x.size * bits // 8), np.uint8)
    if bits in _WHOLE_BYTES:
        np.copyto(out.view(_WHOLE_BYTES[bits]).reshape(x.shape), x, casting="unsafe")
        return out
    values = contiguous(x.astype(np.uint64, copy=False)).reshape(-1)
    whole = 8 * (x.size * bits // 64)
    rest = _pack(values, bits, out[:whole].view("<u8"))
    out[whole:] = np.array([rest], "<u8").view(np.uint8)[: out.size - whole]
    return out


def unpack(buffer: Bytes, bits: int, shape: int | Sequence[int], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return the values that `pack` put into the buffer, in this shape and unsigned dtype."""
    out = np.empty(shape, dtype)
    expect("packed bytes", buffer.size, -(-out.size * bits // 8))
    if bits in _WHOLE_BYTES:
        values = contiguous(buffer).view(_WHOLE_BYTES[bits])
        np.copyto(out, values.reshape(out.shape), casting="unsafe")
        return out
    words = np.zeros(buffer.size // 8 + 1, "<u8")
    words.view(np.uint8)[: buffer.size] = buffer
    values = np.empty(out.size, np.uint64)
    _unpack(words, bits, values)
    np.copyto(out, values.reshape(out.shape), casting="unsafe")
    return out


def bit_planes(x: Words, low: int, count: int) -> Bytes:
    """Return bits low … low + count − 1 of the n words of x, as planes (count, ⌈n/8⌉)."""
    expect("bits below the word's end", min(low + count, 8 * x.itemsize), low + count)
    planes = np.empty((count, -(-x.size // 8)), np.uint8)
    words = contiguous(x).reshape(-1)
    last = np.zeros(8, words.dtype)
    last[: words.size % 8] = words[words.size - words.size % 8 :]
    _to_planes(words, low, last, planes)
    return planes


def from_planes(planes: Bytes, n: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return the n words Σ_j bit_j · 2^j whose bits are in planes (count, ⌈n/8⌉)."""
    expect("bytes of a plane", planes.shape[1], -(-n // 8))
    if len(planes) == 1:
        return np.unpackbits(planes[0], count=n, bitorder="little").astype(dtype)
    words = np.zeros(n, dtype)
    expect("planes for a word", min(len(planes), 8 * words.itemsize), len(planes))
    _from_planes(contiguous(planes), words)
    return words


@compiled(gives(uint64, reads(uint64), intp, array(uint64)))
def _pack(values: Words, bits: int, out: Words) -> np.uint64:
    """Fill the whole words of out; return the bits that are left over."""
    width, mask = uint64(bits), uint64(2**64 - 1) >> uint64(64 - bits)
    word, filled, position = uint64(0), uint64(0), 0
    for i in range(values.size):
        value = values[i] & mask
        word |= value << filled
        filled += width
        if filled >= uint64(64):
            out[position] = word
            position += 1
            filled -= uint64(64)
            word = value >> (width - filled) if filled else uint64(0)
    return word


@compiled(void(reads(uint64), intp, array(uint64)))
def _unpack(words: Words, bits: int, out: Words) -> None:
    """Read out.size values; words has at least one bit after the last of them."""
    mask = uint64(2**64 - 1) >> uint64(64 - bits)
    for i in range(out.size):
        position = i * bits
        word, shift = position >> 6, uint64(position & 63)
        value = words[word] >> shift
        if shift + uint64(bits) > uint64(64):
            value |= words[word + 1] << (uint64(64) - shift)
        out[i] = value & mask


@inside(gives(uint64, uint64))
def _transpose8(block: np.uint64) -> np.uint64:
    """Exchange bit c of byte r with bit r of byte c, for all r, c < 8."""
    swap = (block ^ (block >> uint64(7))) & uint64(0x00AA00AA00AA00AA)
    block ^= swap ^ (swap << uint64(7))
    swap = (block ^ (block >> uint64(14))) & uint64(0x0000CCCC0000CCCC)
    block ^= swap ^ (swap << uint64(14))
    swap = (block ^ (block >> uint64(28))) & uint64(0x00000000F0F0F0F0)
    return block ^ swap ^ (swap << uint64(28))


@compiled_for_words(lambda word: void(reads(word), intp, array(word), array(uint8, 2)))
def _to_planes(x: Words, low: int, last: Words, planes: Bytes) -> None:
    """Write the planes of bits low, low + 1, … of x, by 8×8 bit transpositions; its end is in `last`."""
    count, width = planes.shape
    for left in range(0, width, _STRIP):
        for first in range(0, count, 8):
            shift, end = uint64(low + first), min(first + 8, count)
            for column in range(left, min(left + _STRIP, width)):
                eight = x[8 * column : 8 * column + 8] if 8 * column + 8 <= x.size else last
                block = uint64(0)
                for i in range(8):
                    block |= ((uint64(eight[i]) >> shift) & uint64(255)) << uint64(8 * i)
                block = _transpose8(block)
                for plane in range(first, end):
                    planes[plane, column] = uint8(block)
                    block >>= uint64(8)


@compiled_for_words(lambda word: void(reads(uint8, 2), array(word)))
def _from_planes(planes: Bytes, words: Words) -> None:
    """Add the bits in the planes to words, which are zero before, by 8×8 bit transpositions."""
    count, width = planes.shape
    for left in range(0, width, _STRIP):
        for first in range(0, count, 8):
            end = min(first + 8, count)
            for column in range(left, min(left + _STRIP, width)):
                block = uint64(0)
                for plane in range(first, end):
                    block |= uint64(planes[plane, column]) << uint64(8 * (plane - first))
                block = _transpose8(block)
                for i in range(8 * column, min(8 * column + 8, words.size)):
                    words[i] |= (block & uint64(255)) << uint64(first)
                    block >>= uint64(8)
