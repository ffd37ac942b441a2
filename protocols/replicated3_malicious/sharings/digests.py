"""Digests of what two servers hold, to be compared."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from protocols.domains import Words

DIGEST = 32
"""Bytes of a digest."""


def digest(*parts: bytes | Words) -> bytes:
    """Return a digest of parts and their lengths."""
    found = hashlib.blake2b(digest_size=DIGEST)
    for part in parts:
        raw = part if isinstance(part, bytes) else _raw(part)
        found.update(len(raw).to_bytes(8, "big") + raw)
    return found.digest()


def is_digest(found: Any, of: bytes) -> bool:
    """Return whether what was said is this digest; anything may have been said."""
    return isinstance(found, bytes) and found == of


def _raw(part: Words) -> bytes:
    """Return the bytes of an array; of one that has a shape alone, as in a dry run, its length."""
    return np.ascontiguousarray(part).tobytes() if any(part.strides) else str(part.size).encode()
