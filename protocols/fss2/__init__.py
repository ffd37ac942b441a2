"""The family `fss2`: two servers and a dealer as in `dealer2`, whose comparisons are dealt as keys.

In flow clients' numbers as parts; out flow parts of results. Shares, triples, bits, truncation and what
is stored are those of `protocols.dealer2`; a comparison is one opening. It may import that folder, and
what that may.
"""

from protocols.fss2.family import Fss2

__all__ = ["Fss2"]
