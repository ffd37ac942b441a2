"""A small algebra of costs: messages, one after the other, side by side, and over parts of a vector.

A cost knows what each server sends and how long the chains of messages are. Depths follow max-plus
algebra: `delay[i][j]` is the longest chain that starts with what server j knew and ends in what
server i knows. One after the other is the max-plus product, side by side (`party.gather`) the
maximum, so no step need know when its inputs were ready.

There may be any number of servers: three unless a step says otherwise, and in what is composed as many as
its largest step has (who takes no part in a step sends nothing and waits for nobody).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from typing import NamedTuple

from analysis.costs.numbers import Number, greatest, part, plain
from mpcsim import InputError

SERVERS = 3
"""Servers of a step that does not say how many."""
Delay = tuple[tuple[Number | None, ...], ...]
"""None stands for minus infinity: nothing that j knew reaches i."""


@cache
def _at_once(parties: int) -> Delay:
    """Return the delays of no message: everyone goes on with what it knew."""
    return tuple(tuple(0 if i == j else None for j in range(parties)) for i in range(parties))


class Claim(NamedTuple):
    """Relations of one form that a server will have to prove.

    Attributes:
        prover: the server, or its role.
        kind: "words", "bits" (count in bytes of planes), "map", or "lanes": a map over bits.
        count: relations; of a map, the length that a random combination of its relations leaves.
        terms: products in each.
    """

    prover: int
    kind: str
    count: Number
    terms: Number


@dataclass(frozen=True)
class Cost:
    """What a step costs servers, or the roles of a construction.

    Attributes:
        sent: payload bytes that each sends.
        delay: longest chains of messages, [to][from]; without it, nobody waits.
        claims: what is left to prove, of families that prove what they send.
    """

    sent: tuple[Number, ...] = (0,) * SERVERS
    delay: Delay = ()
    claims: tuple[Claim, ...] = ()

    def __post_init__(self) -> None:
        if not self.delay:
            object.__setattr__(self, "delay", _at_once(len(self.sent)))
        if {len(self.delay), *map(len, self.delay)} != {len(self.sent)}:
            raise InputError(
                f"a cost of {len(self.sent)} servers with delays of {len(self.delay)}; accepted: as many "
                "of each, [to][from]"
            )

    def among(self, parties: int) -> Cost:
        """Return the same step among more servers, of whom the further ones take no part."""
        found = len(self.sent)
        if parties <= found:
            return self
        delay = [list(row) for row in _at_once(parties)]
        for to, row in enumerate(self.delay):
            delay[to][:found] = row
        return Cost((*self.sent, *[0] * (parties - found)), tuple(map(tuple, delay)), self.claims)

    @property
    def bytes(self) -> Number:
        """Payload bytes, summed over the servers."""
        return sum(self.sent)

    @property
    def rounds(self) -> Number:
        """The longest chain of messages, where all start together."""
        chains = [entry for row in self.delay for entry in row if entry is not None]
        return reduce(greatest, chains, 0) if plain(*chains) else reduce(greatest, chains)

    def cast(self, t: int) -> Cost:
        """Have server (t + j) mod n play role j, of n."""
        parties = len(self.sent)
        place = [(i - t) % parties for i in range(parties)]
        sent = tuple(self.sent[i] for i in place)
        claims = tuple(one._replace(prover=(one.prover + t) % parties) for one in self.claims)
        return Cost(sent, tuple(tuple(self.delay[i][j] for j in place) for i in place), claims)

    def after(self, depths: Sequence[int]) -> tuple[int, ...]:
        """Return the depths of the servers at the end, given those at the start."""
        return tuple(
            max(depth + chain for depth, chain in zip(depths, row, strict=True) if chain is not None)
            for row in self.delay
        )


LOCAL = Cost()
"""No message."""


def messages(*sent: tuple[int, int, Number], parties: int = SERVERS) -> Cost:
    """Return the cost of messages (from, to, bytes) that leave together: none waits for another.

    The receivers go on when theirs have come.

    Args:
        parties: how many servers there are, at least; those that a message names are among them.

    Raises:
        InputError: a message of a party below 0.
    """
    for sender, receiver, _ in sent:
        if min(sender, receiver) < 0:
            raise InputError(f"a message from {sender} to {receiver}; accepted: servers from 0")
    parties = max([parties, *(1 + max(one[:2]) for one in sent)])
    total: list[Number] = [0] * parties
    delay = [list(row) for row in _at_once(parties)]
    for sender, receiver, size in sent:
        total[sender] += size
        delay[receiver][sender] = 1
    return Cost(tuple(total), tuple(map(tuple, delay)))


def exchange(size: Number) -> Cost:
    """Return the cost of roles 1 and 2 sending each other `size` bytes: 1 round."""
    return messages((1, 2, size), (2, 1, size))


def reshare(size: Number, parties: int = SERVERS) -> Cost:
    """Return the cost of every server sending `size` bytes to the one before it: 1 round."""
    return messages(*((i, (i - 1) % parties, size) for i in range(parties)), parties=parties)


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
    return reduce(_then, costs) if costs else LOCAL


def together(*costs: Cost) -> Cost:
    """Return the cost of steps side by side."""
    return reduce(_beside, costs) if costs else LOCAL


def repeated(cost: Cost, times: int) -> Cost:
    """Return the cost of `times` such steps one after the other."""
    return sequence(*[cost] * times)


def rotated(step: Callable[[Number], Cost], n: Number, rotate: bool = True, parties: int = SERVERS) -> Cost:
    """Return the cost of a step on n values whose roles rotate over parts of the vector, one a server.

    Part t has server t in role 0; the parts run side by side, and an empty one sends nothing.
    """
    found = [cost.cast(t) for t, cost in pieces(step, n, rotate, parties)]
    return together(*found) if found else Cost((0,) * parties)


def pieces(
    step: Callable[[Number], Cost], n: Number, rotate: bool = True, parties: int = SERVERS
) -> list[tuple[int, Cost]]:
    """Return (t, cost of part t by role) for every part that is not empty."""
    sizes = [part(n, t, parties) for t in range(parties)] if rotate else [n]
    return [(t, step(size).among(parties)) for t, size in enumerate(sizes) if size != 0]


def _then(first: Cost, second: Cost) -> Cost:
    first, second = _alike(first, second)
    delay = tuple(
        tuple(_longest(row, [line[j] for line in first.delay]) for j in range(len(first.sent)))
        for row in second.delay
    )
    return Cost(_added(first, second), delay, first.claims + second.claims)


def _longest(later: Sequence[Number | None], earlier: Sequence[Number | None]) -> Number | None:
    chains = [a + b for a, b in zip(later, earlier, strict=True) if a is not None and b is not None]
    return reduce(greatest, chains) if chains else None


def _alike(one: Cost, other: Cost) -> tuple[Cost, Cost]:
    """Return both among as many servers as the larger has."""
    parties = max(len(one.sent), len(other.sent))
    return one.among(parties), other.among(parties)


def _beside(one: Cost, other: Cost) -> Cost:
    one, other = _alike(one, other)
    delay = tuple(
        tuple(_later(a, b) for a, b in zip(*rows, strict=True))
        for rows in zip(one.delay, other.delay, strict=True)
    )
    return Cost(_added(one, other), delay, one.claims + other.claims)


def _later(a: Number | None, b: Number | None) -> Number | None:
    if a is None or b is None:
        return b if a is None else a
    return greatest(a, b)


def _added(one: Cost, other: Cost) -> tuple[Number, ...]:
    return tuple(a + b for a, b in zip(one.sent, other.sent, strict=True))
