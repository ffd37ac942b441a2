"""Distributed zero-knowledge proofs of claims: the ring, how a statement shrinks, what is sent.

In flow the claims of a batch; out flows nothing, or an abort. It may import the sharings. docs/malicious.md
has the statement, the polynomials and the arguments.
"""

from protocols.replicated3_malicious.proofs.proof import prove

__all__ = ["prove"]
