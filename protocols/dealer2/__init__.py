"""The family `dealer2`: two servers on additive shares mod 2^l, and a dealer of correlated randomness.

In flow clients' numbers as parts; out flow parts of results. The dealer knows the servers' keys and no
value: what is dealt is the phase `offline`. What is offered besides is for families of the same kind. It
may import `protocols.functions` and what is below it: `protocols.family`, `protocols.kernels`,
`protocols.correlated`, `protocols.domains`.
"""

from protocols.dealer2.actor import Actor, Part, Piece, planes
from protocols.dealer2.bits import Bits, Opened
from protocols.dealer2.family import Dealer2, DealtChoices

__all__ = ["Actor", "Bits", "Dealer2", "DealtChoices", "Opened", "Part", "Piece", "planes"]
