"""The sets that values live in, for every family: rings and fields, with real numbers as fixed point.

In flow numbers; out flow words. It imports nothing but `mpcsim`'s errors.
"""

from protocols.domains.field import LIMBS, BinaryField, Field, PrimeField, as_elements
from protocols.domains.ring import Ring, Words, word_type

__all__ = [
    "LIMBS",
    "BinaryField",
    "Field",
    "PrimeField",
    "Ring",
    "Words",
    "as_elements",
    "word_type",
]
