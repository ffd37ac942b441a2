"""A small algebra of costs: messages, one after the other, side by side, and over thirds.

A cost knows what each server sends and how long the chains of messages are. Depths follow max-plus
algebra: `delay[i][j]` is the longest chain that starts with what server j knew and ends in what
server i knows. One after the other is the max-plus product, side by side (`party.gather`) the
maximum, so no step need know when its inputs were ready.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

from analysis.costs.numbers import Number, greatest, plain, third

SERVERS = 3
Delay = tuple[tuple[Number | None, ...], ...]
"""None stands for minus infinity: nothing that j knew reaches i."""

_AT_ONCE: Delay = tuple(tuple(0 if i == j else None for j in range(SERVERS)) for i in range(SERVERS))


@dataclass(frozen=True)
class Cost:
    """What a step costs three servers, or the three roles of a construction.

    Attributes:
        sent: payload bytes that each sends.
        delay: longest chains of messages, [to][from].
    """

    sent: tuple[Number, Number, Number] = (0, 0, 0)
    delay: Delay = _AT_ONCE

    @property
    def bytes(self) -> Number:
        """Payload bytes, summed over the servers."""
        return sum(self.sent)

    @property
    def rounds(self) -> Number:
        """The longest chain of messages, where all start together."""
        chains = [entry for row in self.delay for entry in row if entry is not None]
        return reduce(greatest, chains)

    def cast(self, t: int) -> Cost:
        """Have server (t + j) mod 3 play role j."""
        place = [(i - t) % SERVERS for i in range(SERVERS)]
        sent = (self.sent[place[0]], self.sent[place[1]], self.sent[place[2]])
        return Cost(sent, tuple(tuple(self.delay[i][j] for j in place) for i in place))

    def after(self, depths: Sequence[int]) -> tuple[int, ...]:
        """Return the depths of the servers at the end, given those at the start."""
        return tuple(
            max(depth + chain for depth, chain in zip(depths, row, strict=True) if chain is not None)
            for row in self.delay
        )


LOCAL = Cost()
"""No message."""


def messages(*sent: tuple[int, int, Number]) -> Cost:
    """Return the cost of messages (from, to, bytes) that leave together: none waits for another.

    The receivers go on when theirs have come.
    """
    total: list[Number] = [0] * SERVERS
    delay = [list(row) for row in _AT_ONCE]
    for sender, receiver, size in sent:
        total[sender] += size
        delay[receiver][sender] = 1
    return Cost((total[0], total[1], total[2]), tuple(map(tuple, delay)))


def exchange(size: Number) -> Cost:
    """Return the cost of roles 1 and 2 sending each other `size` bytes: 1 round."""
    return messages((1, 2, size), (2, 1, size))


def reshare(size: Number) -> Cost:
    """Return the cost of every server sending `size` bytes to the one before it: 1 round."""
    return messages(*((i, (i - 1) % SERVERS, size) for i in range(SERVERS)))


def reshares(size: Number, layers: Number) -> Cost:
    """Return the cost of `layers` reshares one after the other, `size` bytes a server in all.

    With a symbolic number of layers every chain counts as the longest one.
    """
    if plain(layers):
        chain = sequence(*[reshare(0)] * layers)
        return Cost((size, size, size), chain.delay)
    return Cost((size, size, size), ((layers,) * SERVERS,) * SERVERS)


def sequence(*costs: Cost) -> Cost:
    """Return the cost of steps one after the other."""
    return reduce(_then, costs, LOCAL)


def together(*costs: Cost) -> Cost:
    """Return the cost of steps side by side."""
    return reduce(_beside, costs) if costs else LOCAL


def repeated(cost: Cost, times: int) -> Cost:
    """Return the cost of `times` such steps one after the other."""
    return sequence(*[cost] * times)


def rotated(step: Callable[[Number], Cost], n: Number, rotate: bool = True) -> Cost:
    """Return the cost of a step on n values whose roles rotate over thirds of the vector.

    Third t has server t in role 0; the thirds run side by side, and an empty one sends nothing.
    """
    return together(*(cost.cast(t) for t, cost in pieces(step, n, rotate)))


def pieces(step: Callable[[Number], Cost], n: Number, rotate: bool = True) -> list[tuple[int, Cost]]:
    """Return (t, cost of third t by role) for every third that is not empty."""
    sizes = [third(n, t) for t in range(SERVERS)] if rotate else [n]
    return [(t, step(size)) for t, size in enumerate(sizes) if size != 0]


def _then(first: Cost, second: Cost) -> Cost:
    delay = tuple(
        tuple(_longest(row, [line[j] for line in first.delay]) for j in range(SERVERS))
        for row in second.delay
    )
    return Cost(_added(first, second), delay)


def _longest(later: Sequence[Number | None], earlier: Sequence[Number | None]) -> Number | None:
    chains = [a + b for a, b in zip(later, earlier, strict=True) if a is not None and b is not None]
    return reduce(greatest, chains) if chains else None


def _beside(one: Cost, other: Cost) -> Cost:
    delay = tuple(
        tuple(_later(a, b) for a, b in zip(*rows, strict=True))
        for rows in zip(one.delay, other.delay, strict=True)
    )
    return Cost(_added(one, other), delay)


def _later(a: Number | None, b: Number | None) -> Number | None:
    if a is None or b is None:
        return b if a is None else a
    return greatest(a, b)


def _added(one: Cost, other: Cost) -> tuple[Number, Number, Number]:
    first, second, last = (a + b for a, b in zip(one.sent, other.sent, strict=True))
    return first, second, last
