"""The family `shamir`: three servers or more, values shared by polynomials mod a prime, bits in GF(2^w).

In flow clients' numbers as shares; out flow terms of results. What is dealt before inputs are known is the
phase `offline`. It may import `protocols.functions` and what is below it.
"""

from protocols.shamir.family import Shamir

__all__ = ["Shamir"]
