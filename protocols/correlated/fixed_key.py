"""Hashing of 128-bit blocks by AES under public fixed keys: H_i(x) = AES_i(x) ⊕ x.

What expands the seeds of a tree: no key schedule a seed, so that millions of blocks are one call of the
library. Source: Bellare et al. 2013; as a correlation-robust hash Guo et al. 2020, §7.
"""

from __future__ import annotations

import functools
import threading

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes
from numpy.typing import NDArray

_BLOCK = 16


@functools.lru_cache(maxsize=64)
def _permutation(number: int, thread: int) -> CipherContext:
    """Return AES under fixed key `number`, set up once a thread."""
    key = number.to_bytes(_BLOCK, "big")
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor()


def hashed(blocks: NDArray[np.uint64], number: int) -> NDArray[np.uint64]:
    """Return H_number of blocks whose two words are rows: (2, …) to (2, …)."""
    asked = np.empty((*blocks.shape[1:], 2), np.uint64)
    asked[..., 0], asked[..., 1] = blocks[0], blocks[1]
    found = np.empty(asked.nbytes + _BLOCK, np.uint8)
    data = memoryview(asked.reshape(-1).view(np.uint8))  # type: ignore[arg-type]  # NumPy arrays are buffers
    _permutation(number, threading.get_ident()).update_into(data, memoryview(found))  # type: ignore[arg-type]
    words = found[: asked.nbytes].view(np.uint64).reshape(asked.shape)
    words ^= asked
    return np.ascontiguousarray(np.moveaxis(words, -1, 0))
