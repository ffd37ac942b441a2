"""Correlated randomness from a keyed PRF: AES in counter mode (Araki et al. 2016, §3.2)."""

from __future__ import annotations

import functools
import math
import threading
from hashlib import blake2b
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes
from numpy.typing import NDArray

KEY_BYTES = 16
_BLOCK = 16
_LONGEST = _BLOCK << 32
_ZEROS = memoryview(bytes(2**18))  # a piece, which stays in the cache


def nonce(channel: int, purpose: str, call: int) -> bytes:
    """Return the 96-bit address of one output of the PRF; 32 bits are left to count blocks."""
    material = channel.to_bytes(8, "big") + call.to_bytes(8, "big") + purpose.encode()
    return blake2b(material, digest_size=12).digest()


@functools.lru_cache(maxsize=64)
def _stream(key: bytes, thread: int) -> CipherContext:
    """Return the key's stream, set up once: that takes longer than a few thousand bytes of it.

    Each thread has its own: two that share one would read each other's addresses.
    """
    return Cipher(algorithms.AES(key), modes.CTR(bytes(_BLOCK))).encryptor()


def expand(key: bytes, address: bytes, size: int) -> NDArray[np.uint8]:
    """Return `size` pseudorandom bytes of one key at one address.

    Raises:
        AssertionError: more than 2^36 bytes, which would run into other addresses.
    """
    if size > _LONGEST:
        raise AssertionError(f"{size} bytes at one address of the PRF: accepted are up to {_LONGEST}")
    stream = _stream(key, threading.get_ident())
    stream.reset_nonce(address + bytes(4))
    out = np.empty(size + _BLOCK, np.uint8)
    view = memoryview(out)  # type: ignore[arg-type]  # NumPy arrays are buffers
    for start in range(0, size, len(_ZEROS)):
        piece = min(len(_ZEROS), size - start)
        stream.update_into(_ZEROS[:piece], view[start:])
    return out[:size]


def expand_words(key: bytes, address: bytes, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return pseudorandom words of that shape."""
    count = math.prod(shape)
    return expand(key, address, count * dtype.itemsize).view(dtype).reshape(shape)
