"""A server: its keys, what it draws from them, and whom of the four it sends to.

Component j of a sharing, and key k_j, are known to all servers but server j. The servers 0 and 1 both know
x_2 and x_3, the servers 2 and 3 both know x_0 and x_1: so x = v + w, with v known to one couple and w to
the other. Source of the sharing: Dalskov, Escudero, Keller 2021 (Fantastic Four), §3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from types import ModuleType
from typing import Any, Self

import numpy as np

from mpcsim import Party, PeerAborted, RecvTimeout
from protocols.correlated import prf
from protocols.domains import Ring, Words
from protocols.family import Shape
from protocols.kernels import shapes
from protocols.replicated4.ledger import Address, Ledger

SERVERS = 4
LAST = SERVERS - 1
BYTE = np.dtype(np.uint8)
Parts = dict[int, Words]
"""Components by their number, those that a server holds."""


@dataclass(frozen=True)
class Algebra:
    """What numbers and bits have in common: words mod a power of two, or planes over XOR."""

    add: Callable[[Words, Words], Words]
    sub: Callable[[Words, Words], Words]
    mul: Callable[[Words, Words], Words]


@dataclass(frozen=True)
class Seat:
    """One of the four servers.

    Attributes:
        place: 0 to 3.
        keys: k_j by j, without the own place.
        common: a key of all four.
        names: roles of the servers.
        ledger: digests of what was sent jointly.
        patience: seconds that it waits for a message; None for ever.
    """

    party: Party
    ring: Ring
    kernels: ModuleType
    place: int
    keys: dict[int, bytes]
    common: bytes
    names: tuple[str, ...]
    ledger: Ledger
    patience: float | None = None

    @classmethod
    async def join(
        cls, party: Party, ring: Ring, kernels: ModuleType, names: tuple[str, ...], patience: float | None
    ) -> Self:
        """Return the seat, keys set up: server i deals k_{i−1}, server 0 the common key too.

        Two servers that were dealt different keys see their digests differ. Rounds: 1. Bytes: 16 a key.
        """
        place = names.index(party.role)
        dealt = party.secret("key", prf.KEY_BYTES)
        keys = {(place - 1) % 4: dealt}
        common = party.secret("common key", prf.KEY_BYTES) if place == 0 else b""
        for step in (1, 2, 3):
            message = ([dealt] if step < 3 else []) + ([common] if place == 0 else [])
            if message:
                party.send(names[(place + step) % 4], message)
        for step in (1, 2, 3):
            source = (place - step) % 4
            if step < 3 or source == 0:
                found = await heard(party, names[source], patience)
                if not _are_keys(found, (step < 3) + (source == 0)):
                    await party.abort(f"{names[source]} sent no keys")
                if step < 3:
                    keys[(source - 1) % 4] = found[0]
                if source == 0:
                    common = found[-1]
        ledger = Ledger(place, keys, kernels is shapes)
        ledger.note_keys(common)
        return cls(party, ring, kernels, place, keys, common, names, ledger, patience)

    # Who knows what

    @property
    def couple(self) -> tuple[int, int]:
        """The two servers that know the same half of every number."""
        return (0, 1) if self.place < 2 else (2, 3)

    @property
    def known(self) -> tuple[int, int]:
        """The components that the own half is the sum of: those of the other couple's places."""
        return (2, 3) if self.place < 2 else (0, 1)

    @property
    def partner(self) -> int:
        """The other of the couple: of its component, this server knows what the other couple does."""
        return self.place ^ 1

    @property
    def crossings(self) -> tuple[tuple[tuple[int, int], int, int], ...]:
        """For both servers of the other couple: the pair with it, and the components that the pair knows.

        The first component is one of 0 and 1, the second one of 2 and 3.
        """
        found = []
        for other in self.known:
            pair = (min(self.place, other), max(self.place, other))
            low, high = sorted((self.partner, other ^ 1))
            found.append((pair, low, high))
        return tuple(found)

    @property
    def words(self) -> Algebra:
        """Arithmetic on words."""
        k = self.kernels
        return Algebra(k.add, k.sub, k.mul)

    @property
    def planes(self) -> Algebra:
        """Arithmetic on planes of bits."""
        k = self.kernels
        return Algebra(k.xor, k.xor, k.and_)

    # Randomness and messages

    def mask(self, j: int, purpose: str, shape: Shape, dtype: np.dtype[Any]) -> Words:
        """Return fresh words of key k_j: all servers but j draw the same."""
        return self._drawn(self.keys[j], f"{purpose} {j}", shape, dtype)

    def common_mask(self, purpose: str, shape: Shape) -> Words:
        """Return fresh words that all four servers know, and no client."""
        return self._drawn(self.common, purpose, shape, self.ring.dtype)

    def _drawn(self, key: bytes, purpose: str, shape: Shape, dtype: np.dtype[Any]) -> Words:
        channel, call = self.party.call(purpose)
        words: Words = self.kernels.expand_words(key, prf.nonce(channel, purpose, call), shape, dtype)
        return words

    def address(self, purpose: str) -> Address:
        """Return the next address of a purpose."""
        return (purpose, *self.party.call(purpose))

    def send(self, to: int, payload: Any) -> None:
        """Queue a message for a server."""
        self.party.send(self.names[to], payload)

    async def recv(self, source: int) -> Any:
        """Return a server's message; abort where it is not to come."""
        return await heard(self.party, self.names[source], self.patience)

    async def recv_if_any(self, source: int, steps: int = 1) -> Any:
        """Return a server's message; None where it has aborted, or where patience ends.

        An honest one may have waited for others `steps` − 1 times before it sent.
        """
        try:
            return await self.party.recv(self.names[source], self.patience and steps * self.patience)
        except (PeerAborted, RecvTimeout):
            return None


async def heard(party: Party, source: str, patience: float | None) -> Any:
    """Return a message, or abort once patience ends."""
    try:
        return await party.recv(source, patience)
    except RecvTimeout:
        await party.abort(f"{source} sent nothing for {patience:g} s")


def _are_keys(found: Any, count: int) -> bool:
    return (
        isinstance(found, list)
        and len(found) == count
        and all(isinstance(key, bytes) and len(key) == prf.KEY_BYTES for key in found)
    )


def digest(data: Any) -> bytes:
    """Return 16 bytes that stand for a payload, to whom two of three holders can be held."""
    return blake2b(np.ascontiguousarray(data).tobytes(), digest_size=16).digest()


def is_packed(payload: Any) -> bool:
    """Return whether a payload is an array of unsigned words, which its bytes say all of."""
    return isinstance(payload, np.ndarray) and payload.dtype.kind == "u"
