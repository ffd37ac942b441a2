"""Who computes: two servers and a dealer, what each draws from its keys, what is dealt and what is opened.

One construction is one text for all three. A *mask* is a sum (over XOR: of planes) of what both servers
draw from their own keys: each server has its part, the dealer the whole, nobody sends anything. What is
*dealt* is computed by the dealer from masks: server 0 draws its part from its key, server 1 receives the
rest, so that a piece costs its own size once. What is *opened* travels between the servers alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from mpcsim import Party
from protocols.correlated import prf
from protocols.dealer2.store import Shelf
from protocols.domains import Ring, Words
from protocols.family import Shape
from protocols.kernels import shapes

DEALER = 2
BYTE = np.dtype(np.uint8)


@dataclass(frozen=True)
class Piece:
    """Something that is dealt: words of some bits, shared over addition, or planes, shared over XOR."""

    shape: Shape
    dtype: np.dtype[Any] = BYTE
    bits: int = 0

    @property
    def size(self) -> int:
        """Bytes of it in a message."""
        count = math.prod(self.shape)
        return count if self.boolean else -(-count * self.bits // 8)

    @property
    def boolean(self) -> bool:
        """Whether it is planes."""
        return self.bits == 0


def planes(rows: int, width: int) -> Piece:
    """Return the piece of so many planes of so many bytes."""
    return Piece((rows, width))


@dataclass(frozen=True)
class Part:
    """This server's part of something to open: words of some bits, or planes (0 bits)."""

    words: Words
    bits: int = 0


@dataclass(frozen=True)
class Actor:
    """One of the three.

    Attributes:
        role: 0 or 1 of a server, `DEALER`.
        keys: a server's own; the dealer's are those of both, in order.
        tools: the array operations on data (in a dry run on shapes): the dealer's own.
        dealing: "ahead"; "on_demand", where the dealer waits to be asked for each piece; "stored", where
            servers read what an earlier run kept.
        names: roles of the servers and of the dealer.
        shelf: what a server keeps, or has kept.
    """

    party: Party
    ring: Ring
    role: int
    keys: tuple[bytes, ...]
    tools: ModuleType
    dealing: str
    names: tuple[str, ...]
    shelf: Shelf | None = None

    @property
    def kernels(self) -> ModuleType:
        """The array operations on values, of which the dealer knows shapes alone."""
        return shapes if self.role == DEALER else self.tools

    # Correlated randomness

    def drawn(self, purpose: str, shape: Shape, dtype: np.dtype[Any]) -> list[Words]:
        """Return fresh uniform words of each key: a server's own, or the dealer's of both servers."""
        channel, call = self.party.call(purpose)
        address = prf.nonce(channel, purpose, call)
        return [self.tools.expand_words(key, address, shape, dtype) for key in self.keys]

    def mask(self, purpose: str, shape: Shape, dtype: np.dtype[Any] | None = None) -> Words:
        """Return this server's part of fresh uniform words, or the dealer's whole; bytes are over XOR."""
        dtype = dtype or self.ring.dtype
        drawn = self.drawn(purpose, shape, dtype)
        if self.role != DEALER:
            return drawn[0]
        whole: Words = (self.tools.xor if dtype == BYTE else self.tools.add)(*drawn)
        return whole

    def _first(self, purpose: str, pieces: Sequence[Piece]) -> list[Words]:
        """Return server 0's parts of what is dealt: from its key, which the dealer has too."""
        found = []
        for number, piece in enumerate(pieces):
            name = f"{purpose}/{number}"
            channel, call = self.party.call(name)
            address = prf.nonce(channel, name, call)
            found.append(self.tools.expand_words(self.keys[0], address, piece.shape, piece.dtype))
        return found

    async def dealt(
        self, purpose: str, pieces: Sequence[Piece], make: Callable[[ModuleType], Iterable[Words]]
    ) -> list[Words]:
        """Return this server's parts of what the dealer makes; the dealer's are shapes.

        Bits: those of the pieces, offline, to server 1. Depth: 1 where the dealer runs ahead; on demand
        server 1 asks first.
        """
        if not pieces:
            return []
        server, dealer = self.names[1], self.names[DEALER]
        if self.role == 0:
            return self._first(purpose, pieces)
        if self.dealing == "stored":
            return self._kept(purpose, pieces)
        with self.party.phase("offline"):
            if self.role == DEALER:
                if self.dealing == "on_demand":
                    await self.party.recv(server)
                first, k = self._first(purpose, pieces), self.tools
                rest = [
                    k.xor(whole, part) if piece.boolean else k.pack(k.sub(whole, part), piece.bits)
                    for piece, part, whole in zip(pieces, first, make(k), strict=True)
                ]
                self.party.send(server, rest[0] if len(rest) == 1 else rest)
                return [shapes.zeros(piece.shape, piece.dtype) for piece in pieces]
            if self.dealing == "on_demand":
                self.party.send(dealer, b"")
            received = await self.party.recv(dealer)
        if len(pieces) == 1:
            received = [received]
        if self.shelf is not None:
            self.shelf.put(self._address(purpose), received)
        return self._unpacked(pieces, received)

    async def handed(
        self, purpose: str, pieces: Sequence[Piece], make: Callable[[ModuleType], Iterable[Words]]
    ) -> list[Words]:
        """Return what the dealer makes, to both servers alike, each of whom it must tell nothing alone.

        Bits: twice those of the pieces, offline. Depth: 1 where the dealer runs ahead; on demand both ask.
        """
        servers, dealer = self.names[:DEALER], self.names[DEALER]
        if self.dealing == "stored":
            return self._kept(purpose, pieces)
        with self.party.phase("offline"):
            if self.role == DEALER:
                if self.dealing == "on_demand":
                    for server in servers:
                        await self.party.recv(server)
                sent = [
                    whole if piece.boolean else self.tools.pack(whole, piece.bits)
                    for piece, whole in zip(pieces, make(self.tools), strict=True)
                ]
                for server in servers:
                    self.party.send(server, sent)
                return [shapes.zeros(piece.shape, piece.dtype) for piece in pieces]
            if self.dealing == "on_demand":
                self.party.send(dealer, b"")
            received = await self.party.recv(dealer)
        if self.shelf is not None:
            self.shelf.put(self._address(purpose), received)
        return self._unpacked(pieces, received)

    def _unpacked(self, pieces: Sequence[Piece], received: Sequence[Words]) -> list[Words]:
        """Return a server's words from what it received."""
        return [
            part if piece.boolean else self.kernels.unpack(part, piece.bits, piece.shape, piece.dtype)
            for piece, part in zip(pieces, received, strict=True)
        ]

    def _address(self, purpose: str) -> str:
        """Return where a server keeps what is dealt in this call."""
        channel, call = self.party.call(f"kept {purpose}")
        return f"{purpose} {call} on {channel}"

    def _kept(self, purpose: str, pieces: Sequence[Piece]) -> list[Words]:
        """Return parts that were dealt in an earlier run; no message."""
        if self.shelf is None:  # the dealer, and whoever knows shapes alone
            return [shapes.zeros(piece.shape, piece.dtype) for piece in pieces]
        found = self.shelf.take(self._address(purpose))
        sizes = [piece.size for piece in pieces]
        if [part.size for part in found] != sizes:
            raise self.shelf.foreign(f"{purpose} has {[part.size for part in found]} bytes, here {sizes}")
        shaped = [
            part.reshape(piece.shape) if piece.boolean else part
            for piece, part in zip(pieces, found, strict=True)
        ]
        return self._unpacked(pieces, shaped)

    # Messages between the servers

    def send(self, *parts: Part) -> None:
        """Send the other server this one's parts, in one message; the dealer sends nothing."""
        if self.role == DEALER:
            return
        packed = [
            part.words if part.bits == 0 else self.kernels.pack(part.words, part.bits) for part in parts
        ]
        self.party.send(self.names[1 - self.role], packed[0] if len(packed) == 1 else packed)

    async def opened(self, *parts: Part) -> list[Words]:
        """Return what parts that were sent open to: the sum mod 2^bits, or the XOR of planes.

        Rounds: 1. Bits: twice the parts'.
        """
        if self.role == DEALER:
            return [shapes.zeros(part.words.shape, part.words.dtype) for part in parts]
        k = self.kernels
        received = await self.party.recv(self.names[1 - self.role])
        found = []
        for part, other in zip(parts, [received] if len(parts) == 1 else received, strict=True):
            if part.bits == 0:
                found.append(k.xor(part.words, other))
            else:
                theirs = k.unpack(other, part.bits, part.words.shape, part.words.dtype)
                found.append(k.low_bits(k.add(part.words, theirs), part.bits))
        return found

    def public(self, words: Words) -> Words:
        """Return this server's part of numbers that both know: all of it at server 0."""
        if self.role == 0:
            return words
        zeros: Words = self.kernels.zeros(words.shape, words.dtype)
        return zeros
