"""The ring in which a function computes; the plans that say which are `protocols.functions`'."""

from __future__ import annotations

from dataclasses import replace

from protocols.domains import Ring
from protocols.functions import Activation, Norm, Pieces, accepted, pieces
from protocols.replicated3.sharings import Server


def working(server: Server, bits: int) -> Server:
    """Return a server that computes the same values in a ring of so many bits."""
    return replace(server, ring=replace(server.ring, bits=bits))


def activation_plan(ring: Ring, accuracy: str, activation: Activation) -> Pieces:
    """Return the table of an activation in a ring.

    Raises:
        InputError: the ring leaves it less than the error asked for, and that is not what is accepted; the
            rule is named.
    """
    return pieces(ring, activation) if accuracy == "best" else accepted(ring, activation)


def norm_plan(ring: Ring, accuracy: str, columns: int, epsilon: float, centred: bool) -> Norm:
    """Return how rows are normalised in a ring.

    Raises:
        InputError: there is no room; the rule is named.
    """
    return Norm.of(ring, columns, epsilon, centred)
