"""Inner products of shares of a one-hot vector with a table that a known index permutes."""

import numpy as np
import numpy.typing as npt
from numpy import float64 as double
from numpy import uint64

from protocols.kernels.machine import Words, array, compiled_for_words, contiguous, expect, reads, void


def permuted_dot_xor(shares: Words, index: Words, table: Words) -> Words:
    """Return Σ_e shares[e, i] · table[e ⊕ index[i]] for shares (entries, n), entries a power of two."""
    expect("table", table.shape, shares.shape[:1])
    out = np.empty(index.size, shares.dtype)
    positions = contiguous(index.astype(np.uint64))
    _dot_xor(contiguous(shares), positions, contiguous(table), out)
    return out


def exponential_dot(
    shares: Words, index: Words, exponents: npt.NDArray[np.float64], factor: npt.NDArray[np.float64]
) -> Words:
    """Return Σ_e shares[e, i] · round(exponents[(e + index[i]) mod entries] · factor[i]).

    The products are float64 rounded to integers below 2^63: the same on every machine.
    """
    expect("table", exponents.shape, shares.shape[:1])
    out = np.empty(index.size, shares.dtype)
    positions = contiguous(index.astype(np.uint64))
    _dot_exponential(contiguous(shares), positions, contiguous(exponents), contiguous(factor), out)
    return out


@compiled_for_words(lambda word: void(reads(word, 2), reads(uint64), reads(word), array(word)))
def _dot_xor(shares: Words, index: Words, table: Words, out: Words) -> None:
    entries, n = shares.shape
    for i in range(n):
        out[i] = 0
    for e in range(entries):
        for i in range(n):
            out[i] += shares[e, i] * table[uint64(e) ^ index[i]]


@compiled_for_words(
    lambda word: void(reads(word, 2), reads(uint64), reads(double), reads(double), array(word))
)
def _dot_exponential(
    shares: Words,
    index: Words,
    exponents: npt.NDArray[np.float64],
    factor: npt.NDArray[np.float64],
    out: Words,
) -> None:
    entries, n = shares.shape
    for i in range(n):
        out[i] = 0
    for e in range(entries):
        for i in range(n):
            place = (uint64(e) + index[i]) % uint64(entries)
            out[i] += shares[e, i] * uint64(np.rint(exponents[place] * factor[i]))


def product_of_tables(index: Words, tables: list[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    """Return the product over j of tables[j][byte j of index]; a short table takes that byte's low bits."""
    product = np.ones(index.shape)
    for j, table in enumerate(tables):
        byte = np.right_shift(index, 8 * j) & (len(table) - 1)
        product = product * table[byte]
    return product


def rounded(x: npt.NDArray[np.float64], bits: int, dtype: npt.DTypeLike) -> Words:
    """Return round(x · 2^bits), halves to even, as words; 0 ≤ x · 2^bits < 2^63."""
    words: Words = np.rint(x * 2.0**bits).astype(np.uint64).astype(dtype)
    return words
