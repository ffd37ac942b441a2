"""The ring in which a function computes, and the plans of `protocols.functions` that say which."""

from __future__ import annotations

from dataclasses import replace

from protocols.functions import (
    INVERSE_SQUARE_ROOT,
    LOGARITHM,
    SQUARE_ROOT,
    TARGET,
    WIDEST,
    Bound,
    Curve,
    Division,
    Exponential,
    Plan,
    Polynomial,
    Sigmoid,
    Softmax,
    Window,
    accept,
)
from protocols.replicated3.sharings import Server

__all__ = [
    "INVERSE_SQUARE_ROOT",
    "LOGARITHM",
    "SQUARE_ROOT",
    "TARGET",
    "WIDEST",
    "Bound",
    "Curve",
    "Division",
    "Exponential",
    "Plan",
    "Polynomial",
    "Sigmoid",
    "Softmax",
    "Window",
    "accept",
    "working",
]


def working(server: Server, bits: int) -> Server:
    """Return a server that computes the same values in a ring of so many bits."""
    return replace(server, ring=replace(server.ring, bits=bits))
