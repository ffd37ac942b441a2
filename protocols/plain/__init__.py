"""The family `plain`: one party computes in the clear, in the same fixed point; all others are held to it.

In flow clients' numbers; out flow numbers. It may import `protocols.functions` and
`protocols.family`.
"""

from protocols.plain.family import Plain

__all__ = ["Plain"]
