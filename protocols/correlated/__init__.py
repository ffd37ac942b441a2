"""Correlated randomness, for every family: a keyed PRF, the addresses of its outputs, a hash of blocks.

In flow keys, addresses and seeds; out flow pseudorandom bytes and words. It imports nothing of ours.
"""

from protocols.correlated import prf
from protocols.correlated.fixed_key import hashed
from protocols.correlated.prf import expand_words

__all__ = [
    "expand_words",
    "hashed",
    "prf",
]
