"""A tree on shares: a full binary tree whose nodes lie in slots, level by level."""

from __future__ import annotations

from dataclasses import dataclass

from protocols.replicated3.sharings import Server, Share, public


@dataclass(frozen=True)
class Level:
    """The nodes of one level, by slot; child 2g of slot g is on the left.

    A row goes right where 2·(its value of the attribute) exceeds the node's `twice`. A node that tests
    nothing has neither attribute nor threshold, and sends all its rows left.

    Attributes:
        tests: (slots,): 1 where the node tests, else 0.
        attributes: (slots, m): the one-hot vector of the attribute that it tests, else 0.
        twice: (slots,): twice the threshold, at the values' scale, else 0.
    """

    tests: Share
    attributes: Share
    twice: Share


@dataclass(frozen=True)
class Tree:
    """Levels from the root on, and what the leaves have added up.

    Attributes:
        levels: of tests.
        leaves: (2^height, columns) sums of the leaves' rows, or whatever else they answer.
        sizes: (2^height,) rows of the leaves; None of a tree that was grown elsewhere.
    """

    levels: tuple[Level, ...]
    leaves: Share
    sizes: Share | None = None


def at_root(server: Server, rows: int) -> Share:
    """Return the slots of rows at the root, (1, rows): all are in its only one; no message."""
    k = server.kernels
    return public(server, k.add(k.zeros((1, rows), server.ring.dtype), k.full((), 1, server.ring.dtype)))
