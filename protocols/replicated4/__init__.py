"""The family `replicated4`: four servers on 3-out-of-4 replicated sharing, one of them malicious.

In flow clients' numbers as components; out flow components to clients. What one server sends another knows
too: it keeps a digest, and all digests are compared before anything is shown. It may import
`protocols.functions` and what is below it.
"""

from protocols.replicated4.family import Replicated4

__all__ = ["Replicated4"]
