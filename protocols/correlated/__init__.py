"""Correlated randomness, for every family: a keyed PRF, and the addresses of its outputs.

In flow keys and addresses; out flow pseudorandom bytes and words. It imports nothing of ours.
"""

from protocols.correlated import prf
from protocols.correlated.prf import expand_words

__all__ = [
    "expand_words",
    "prf",
]
