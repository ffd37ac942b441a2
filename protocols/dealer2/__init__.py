"""The family `dealer2`: two servers on additive shares mod 2^l, and a dealer of correlated randomness.

In flow clients' numbers as parts; out flow parts of results. The dealer knows the servers' keys and no
value: what is dealt is the phase `offline`. It may import `protocols.functions` and what is
below it: `protocols.family`, `protocols.kernels`, `protocols.correlated`, `protocols.domains`.
"""

from protocols.dealer2.family import Dealer2

__all__ = ["Dealer2"]
