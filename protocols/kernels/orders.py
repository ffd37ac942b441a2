"""Orders of rows: drawn, applied, inverted; and the sums that give rows their places."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from protocols.kernels.machine import Item, Words, contiguous, expect

Order = npt.NDArray[np.intp]


def order_of(words: Words) -> Order:
    """Return, for words (limbs, …, n), the stable order of the n numbers along the last axis.

    The last limb is the most significant.
    """
    return np.lexsort(words, axis=-1)


def permuted(a: npt.NDArray[Item], order: Order) -> npt.NDArray[Item]:
    """Return a[…, order[…, i]] at place i of the last axis; the order may lack leading axes."""
    expect("rows of an order", order.shape[-1:], a.shape[-1:])
    return contiguous(np.take_along_axis(a, np.broadcast_to(order, a.shape), -1))


def inverted(order: Order) -> Order:
    """Return the inverse of permutations along the last axis."""
    return np.argsort(order, axis=-1, kind="stable")


def as_order(words: Words, bits: int) -> Order:
    """Return words mod 2^bits as an order."""
    return np.bitwise_and(words, words.dtype.type((1 << bits) - 1)).astype(np.intp)


def sums_before(a: Words, axis: int) -> Words:
    """Return the wrapping sum of all entries before each one along an axis."""
    return contiguous(np.cumsum(a, axis=axis, dtype=a.dtype) - a)


def turned(table: Words, by: Words) -> Words:
    """Return table[j ⊕ by] at entry j of the first axis, for a table (2^w, …) and numbers (…) below 2^w."""
    expect("numbers for a table", by.shape, table.shape[1:])
    entries = np.arange(len(table), dtype=np.intp).reshape(-1, *(1 for _ in by.shape))
    return contiguous(np.take_along_axis(table, entries ^ by.astype(np.intp), 0))
