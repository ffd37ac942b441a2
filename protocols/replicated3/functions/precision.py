"""The ring in which a function computes; the plans that say which are `protocols.functions`'."""

from __future__ import annotations

from dataclasses import replace

from protocols.replicated3.sharings import Server


def working(server: Server, bits: int) -> Server:
    """Return a server that computes the same values in a ring of so many bits."""
    return replace(server, ring=replace(server.ring, bits=bits))
