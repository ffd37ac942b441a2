"""The sets that values live in, for every family: rings, with real numbers as fixed point.

In flow numbers; out flow words. It imports nothing but `mpcsim`'s errors.
"""

from protocols.domains.ring import Ring, Words, word_type

__all__ = [
    "Ring",
    "Words",
    "word_type",
]
