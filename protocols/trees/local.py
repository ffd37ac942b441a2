"""Local steps on shares of tables; no message."""

from __future__ import annotations

from protocols.replicated3.sharings import Server, Share


def turned(x: Share) -> Share:
    """Return a matrix with its axes exchanged."""
    return Share(x.a.T, x.b.T)


def repeated(server: Server, x: Share, times: int) -> Share:
    """Return a vector (n,) so many times, (times, n)."""
    k = server.kernels
    empty = k.zeros((times, *x.shape), x.a.dtype)
    return Share(k.add(empty, x.a), k.add(empty, x.b))
