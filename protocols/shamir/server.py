"""One server: its keys, what it draws from them, and sharings that it deals with the others.

A server shares a key with every other and has one of its own; where there are few sets of n − t servers,
each has a key too (pseudo-random secret sharing). What two hold a key for need not be sent: t shares of
what is dealt come from keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from types import ModuleType

from mpcsim import Party
from protocols.correlated import prf
from protocols.domains import BinaryField, PrimeField, Words
from protocols.shamir.arithmetic import Arithmetic, Binary, Numbers
from protocols.shamir.points import interpolation, points

Set = tuple[int, ...]
FEW = 35
"""Sets of n − t servers, at most, that share a key each."""


def sets_of(n: int, t: int) -> tuple[Set, ...]:
    """Return all sets of n − t servers."""
    return tuple(combinations(range(n), n - t))


@dataclass(frozen=True)
class Server:
    """A server.

    Attributes:
        place: which of the servers it is.
        n: how many there are.
        t: how many may collude.
        names: their roles.
        pairs: keys by server; by this one, its own.
        sets: keys by set of n − t servers, of those with this one.
        multiplication: "grr" or "dn".
        numbers: arithmetic of values.
        bits: arithmetic of bits.
    """

    party: Party
    place: int
    n: int
    t: int
    names: tuple[str, ...]
    pairs: Mapping[int, bytes]
    sets: Mapping[Set, bytes]
    multiplication: str
    numbers: Numbers
    bits: Binary

    @property
    def kernels(self) -> ModuleType:
        """The array operations."""
        return self.numbers.kernels

    @property
    def prime(self) -> PrimeField:
        """The field of values."""
        return self.numbers.prime

    @property
    def point(self) -> int:
        """Where this server's shares are taken."""
        return self.place + 1

    def draw(self, key: bytes, purpose: str, of: Arithmetic, n: int) -> Words:
        """Return fresh uniform elements, the same at all that hold the key."""
        channel, call = self.party.call(purpose)
        address = prf.nonce(channel, purpose, call)
        return of.uniform(self.kernels.expand_words(key, address, (n,), of.dtype))

    def draw_with(self, other: int, dealer: int, purpose: str, of: Arithmetic, n: int) -> Words:
        """Return what a dealer and a server draw from the key that they share."""
        receiver = other if dealer == self.place else self.place
        return self.draw(self.pairs[other], f"{purpose} {dealer} {receiver}", of, n)

    def after(self, place: int, count: int) -> list[int]:
        """Return the servers after one, around the circle."""
        return [(place + step) % self.n for step in range(1, count + 1)]

    def send(self, to: int, of: Arithmetic, *words: Words) -> None:
        """Send elements, in one message."""
        packed = [of.packed(one) for one in words]
        self.party.send(self.names[to], packed[0] if len(packed) == 1 else packed)

    async def recv(self, source: int, of: Arithmetic, *sizes: int) -> list[Words]:
        """Return elements that were sent in one message."""
        received = await self.party.recv(self.names[source])
        parts = [received] if len(sizes) == 1 else received
        return [of.unpacked(part, n) for part, n in zip(parts, sizes, strict=True)]


async def deal(
    me: Server, of: Arithmetic, purpose: str, dealers: Sequence[int], mine: Words | None, n: int
) -> list[Words]:
    """Return shares of degree t of what each dealer deals, n elements; `mine` where this is one.

    The t servers after a dealer draw their shares from keys, which with the secret fix the polynomial.

    Rounds: 1. Elements: n − 1 − t a dealer and secret. Source: Shamir 1979; Cramer, Damgård, Ishai 2005.
    """
    if mine is not None:
        drawing = me.after(me.place, me.t)
        others = [one for one in range(me.n) if one not in drawing]
        known = [mine, *(me.draw_with(one, me.place, purpose, of, n) for one in drawing)]
        shares = of.linear(interpolation(of.field, (0, *points(drawing)), points(others)), known)
        for one, share in zip(others, shares, strict=True):
            if one == me.place:
                own = share
            else:
                me.send(one, of, share)
    found = []
    for dealer in dealers:
        if dealer == me.place:
            found.append(own)
        elif me.place in me.after(dealer, me.t):
            found.append(me.draw_with(dealer, dealer, purpose, of, n))
        else:
            found += await me.recv(dealer, of, n)
    return found


async def reveal(me: Server, of: Arithmetic, x: Words) -> Words:
    """Return what shares of degree t say, to all. Rounds: 1. Elements: n t: each hears of the t before."""
    n = x.size
    for one in me.after(me.place, me.t):
        me.send(one, of, x)
    before = [(me.place - step) % me.n for step in range(1, me.t + 1)]
    known = [x, *[(await me.recv(one, of, n))[0] for one in before]]
    return of.combined(interpolation(of.field, points([me.place, *before]), (0,))[0], known)


def binary_field(n: int, t: int, extracts: bool) -> BinaryField:
    """Return the field of bits: a point for every server, or for each row and column of the matrix."""
    return BinaryField.of(2 * n - t - 1 if extracts else n)
