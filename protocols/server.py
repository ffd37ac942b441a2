"""A server of the three-party protocols: its place among the three, its keys, its choices.

Server i holds the keys k_i and k_{i+1}, as it holds the components x_i and x_{i+1} of every share: what
F(k_j) gives is known to servers j and j−1 alone.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

import numpy as np

from mpcsim import InputError, Party
from protocols import kernels, prf
from protocols.ring import Ring, Words

Result = TypeVar("Result")
Comparison = Literal["table", "masked", "tree", "prefix", "ripple"]
Truncation = Literal["safe", "fused"]
Select = Literal["two_rounds", "one_round"]
Layers = Literal["blocks", "separate"]


@dataclass(frozen=True)
class Choices:
    """Which construction each operation uses.

    Attributes:
        comparison: how a sign bit is computed.
        radix: bits of a digit of the `table` (default 4) and `masked` (default 2) comparisons.
        truncation: how a product is scaled down.
        select: how a bit multiplies a value.
        layers: "blocks": a linear layer's sums run straight through its pooling and ReLU; "separate": every
            layer goes from shares to shares, in the order declared.
        rotate: share the dealer's work by rotating the roles over thirds of each vector.
    """

    comparison: Comparison = "table"
    radix: int | None = None
    truncation: Truncation = "safe"
    select: Select = "two_rounds"
    layers: Layers = "blocks"
    rotate: bool = True


@dataclass(frozen=True)
class Server:
    """One of the three servers, in one role.

    Attributes:
        party: the engine's actor.
        ring: the ring of all shares.
        role: 0, 1 or 2; rotated servers play another's role.
        choices: the constructions in use.
        kernels: the array operations; the shape-only twin has the same names.
    """

    party: Party
    ring: Ring
    keys: tuple[bytes, bytes]
    choices: Choices = Choices()
    role: int = 0
    kernels: types.ModuleType = kernels

    @classmethod
    async def join(
        cls,
        party: Party,
        ring: Ring,
        choices: Choices | None = None,
        kernels: types.ModuleType = kernels,
    ) -> Server:
        """Set a server up: agree on one key with each of the two others.

        With `protocols.shapes` as kernels it is a dry run: the same messages, no values.

        Rounds: 1. Sends 16 bytes. Source: Araki et al. 2016, §3.2.

        Raises:
            InputError: the run has fewer than three parties, or this one is not among the first.
        """
        if party.n < 3 or party.id > 2:
            raise InputError(
                f"replicated secret sharing needs three servers, the parties 0, 1 and 2: party "
                f"{party.id} of {party.n} cannot be one of them"
            )
        own = party.secret("correlated randomness", prf.KEY_BYTES)
        with party.channel("keys"):
            party.send((party.id - 1) % 3, own)
            following = await party.recv((party.id + 1) % 3)
        return cls(party, ring, (own, following), choices or Choices(), party.id, kernels)

    def rotated(self, turns: int) -> Server:
        """Return this server as it stands when role 0 is played by server `turns`, for good."""
        choices = replace(self.choices, rotate=False)
        return replace(self, role=(self.role - turns) % 3, choices=choices)

    def safely(self) -> Server:
        """Return this server truncating by `safe`: for functions whose products fill the ring."""
        return replace(self, choices=replace(self.choices, truncation="safe"))

    # Messages

    def send(self, role: int, *payload: Any) -> None:
        """Send arrays to the server in that role, in one message."""
        self.party.send(self._id(role), payload[0] if len(payload) == 1 else list(payload))

    async def recv(self, role: int) -> Any:
        """Await the next message of the server in that role."""
        return await self.party.recv(self._id(role))

    def _id(self, role: int) -> int:
        return (self.party.id + role - self.role) % 3

    # Correlated randomness

    def random(
        self, key: int, purpose: str, shape: tuple[int, ...], dtype: np.dtype[Any] | None = None
    ) -> Words:
        """Return the next words of F(k_key): fresh at every call with this purpose on this channel.

        Args:
            key: role-relative index of the key; only servers `key` and `key − 1` have it.
            purpose: what the words are for; both servers that draw them name it alike.
            shape: shape of the result.
            dtype: word type; that of the ring by default.
        """
        held = (key - self.role) % 3
        if held == 2:
            raise AssertionError(f"server in role {self.role} does not hold key {key}")
        channel, call = self.party.call(f"{self._id(key)}/{purpose}")
        address = prf.nonce(channel, purpose, call)
        words: Words = self.kernels.expand_words(self.keys[held], address, shape, dtype or self.ring.dtype)
        return words

    def zero_share(self, purpose: str, shape: tuple[int, ...]) -> Words:
        """Return F(k_i) − F(k_{i+1}): additive shares of zero, without a message."""
        difference: Words = self.kernels.sub(
            self.random(self.role, purpose, shape),
            self.random((self.role + 1) % 3, purpose, shape),
        )
        return difference


async def in_thirds(
    server: Server,
    protocol: Callable[..., Coroutine[Any, Any, Result]],
    size: int,
    cut: Callable[[slice], tuple[Any, ...]],
) -> list[Result]:
    """Run a protocol on thirds of a vector with rotated roles, so that all servers send alike.

    Args:
        protocol: takes a server and what `cut` returns.
        size: length of the vector; fewer than three elements leave some thirds out, and where there
            is none the first runs on nothing.
        cut: returns the arguments for a slice of the vector.

    Returns:
        What the protocol returned for each third, in order.
    """
    if not server.choices.rotate:
        return [await protocol(server, *cut(slice(0, size)))]
    ends = [size * third // 3 for third in range(4)]
    return await server.party.gather(
        *(
            protocol(server.rotated(turns), *cut(slice(ends[turns], ends[turns + 1])))
            for turns in range(3)
            if ends[turns] < ends[turns + 1] or turns == size == 0
        )
    )
