"""Adversaries of the scenarios `malicious_*.toml`: a server, or a client, that is honest but for a lie.

A cheat changes what goes out while a span is the last that was entered: "operation" of a microbench, a
layer of a network, "verification". Each says what it does; honest servers, or the client, must abort.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from mpcsim import Party, Puppet
from mpcsim.faults import WITHHELD

Honest = Callable[[Any], Awaitable[Any]]
Change = Callable[[Any], Any]


class _Gone(Exception):
    """An adversary has done what it wanted."""


class _Watched(Puppet):
    """A puppet that knows the span it was last asked to open, and how many messages went where since."""

    def __init__(self, party: Party, lie: Callable[[str, Any, int, Any], Any]) -> None:
        super().__init__(party, self._lie)
        self.last, self.sent, self.lie = "", dict[Any, int](), lie

    def span(self, name: str, op: str = "") -> AbstractContextManager[None]:
        """Note the name, once for all strands."""
        if name != self.last:
            self.last = name
            self.sent.clear()
        return self._party.span(name, op)

    def _lie(self, to: Any, payload: Any) -> Any:
        number = self.sent.get(to, 0)
        self.sent[to] = number + 1
        return self.lie(self.last, to, number, payload)


def _changed(payload: Any, change: Change) -> Any:
    """Apply a change to the first array of a message that has one with a byte."""
    if isinstance(payload, list):
        first = next(place for place, one in enumerate(payload) if isinstance(one, np.ndarray))
        return [change(one) if place == first else one for place, one in enumerate(payload)]
    return change(payload) if isinstance(payload, np.ndarray) and payload.size else payload


def _flip(words: Any) -> Any:
    other = words.copy()
    other.reshape(-1)[0] ^= 1
    return other


async def _lying(
    party: Party, honest: Honest, span: str, number: int, change: Change, to: str | None = None
) -> Any:
    def lie(now: str, receiver: Any, sent: int, payload: Any) -> Any:
        if now == span and sent == number and to in (None, receiver):
            return _changed(payload, change)
        return payload

    return await honest(_Watched(party, lie))


async def product(party: Party, honest: Honest) -> Any:
    """Add one to the first summand that is sent."""
    return await _lying(party, honest, "operation", 0, _flip)


async def row(party: Party, honest: Honest) -> Any:
    """Change a row in the first pass of a shuffle that it takes part in."""
    return await _lying(party, honest, "operation", 0, _flip)


async def dealing(party: Party, honest: Honest) -> Any:
    """Lie about a bit that it deals: role 0 of a third, to its role 2."""
    return await _lying(party, honest, "operation", 0, _flip, "server2")


async def proof(party: Party, honest: Honest) -> Any:
    """Do all right, and spoil a message of the proof."""
    return await _lying(party, honest, "verification", 2, _flip, "server1")


async def last_layer(party: Party, honest: Honest) -> Any:
    """Be honest up to the last layer, whose logits are then moved."""
    return await _lying(party, honest, "dense1", 0, _flip)


async def training(party: Party, honest: Honest) -> Any:
    """Move a kernel's step: the sums of its gradient, once, in the first update."""
    return await _lying(party, honest, "conv1.update", 0, _flip)


async def tree(party: Party, honest: Honest) -> Any:
    """Move what the rows of a slot add up to, once, at the second level of a tree."""
    return await _lying(party, honest, "level1", 0, _flip)


async def negative(party: Party, honest: Honest) -> Any:
    """Lie only where the bits that go out say so: a selective failure, in the hope of learning one."""

    def sometimes(words: Any) -> Any:
        return _flip(words) if int(words.reshape(-1)[-1]) & 1 else words

    def lie(now: str, receiver: Any, sent: int, payload: Any) -> Any:
        return _changed(payload, sometimes) if now == "operation" else payload

    return await honest(_Watched(party, lie))


async def reveal(party: Party, honest: Honest) -> Any:
    """Have everything verified, and show the client another component."""

    def lie(now: str, receiver: Any, sent: int, payload: Any) -> Any:
        return _changed(payload, _flip) if receiver == "client" else payload

    return await honest(_Watched(party, lie))


async def key(party: Party, honest: Honest) -> Any:
    """Give the server before another key than it uses, beside the image of its first token."""

    def lie(now: str, receiver: Any, sent: int, payload: Any) -> Any:
        key = isinstance(payload, bytes) and len(payload) == 48
        return bytes(16) + payload[16:] if key else payload

    return await honest(_Watched(party, lie))


async def replay(party: Party, honest: Honest) -> Any:
    """Send the first of all messages to a server that are as long again and again."""
    before: dict[Any, Any] = {}

    def lie(now: str, receiver: Any, sent: int, payload: Any) -> Any:
        if now != "operation" or not isinstance(payload, np.ndarray):
            return payload
        return before.setdefault((receiver, payload.shape), payload)

    return await honest(_Watched(party, lie))


async def swap(party: Party, honest: Honest) -> Any:
    """Exchange the two halves of every message of the operation."""

    def halves(words: Any) -> Any:
        return np.roll(words, words.shape[-1] // 2, -1)

    def lie(now: str, receiver: Any, sent: int, payload: Any) -> Any:
        return _changed(payload, halves) if now == "operation" else payload

    return await honest(_Watched(party, lie))


async def verdict(party: Party, honest: Honest) -> Any:
    """Have all verified, give server 1 its token and server 2 none, and be gone, to split them."""
    words: list[Any] = []

    def lie(now: str, receiver: Any, sent: int, payload: Any) -> Any:
        if now == "verification" and receiver == "server2" and isinstance(payload, bytes):
            words.append(payload)
            if len(words) == 3:  # after a digest of what clients shared, and the image of the next token
                raise _Gone
        return payload

    try:
        return await honest(_Watched(party, lie))
    except _Gone:
        await party.abort("one has what both need")


async def silence(party: Party, honest: Honest) -> Any:
    """Say nothing more once the proofs begin."""

    def lie(now: str, receiver: Any, sent: int, payload: Any) -> Any:
        return WITHHELD if now == "verification" else payload

    return await honest(_Watched(party, lie))


async def client(party: Party, honest: Honest) -> Any:
    """Give two servers different versions of a component, as a client in league with the third would."""
    sent: list[Any] = []

    def lie(now: str, receiver: Any, number: int, payload: Any) -> Any:
        sent.append(receiver)
        return _changed(payload, _flip) if sent.count("server1") == 1 and receiver == "server1" else payload

    return await honest(_Watched(party, lie))
