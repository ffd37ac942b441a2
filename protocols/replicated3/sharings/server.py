"""A server of the three-party protocols: its place among the three, its keys, its choices.

Server i holds the keys k_i and k_{i+1}, as it holds the components x_i and x_{i+1} of every share: what
F(k_j) gives is known to servers j and j−1 alone.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

import numpy as np

from mpcsim import InputError, Party
from protocols import kernels
from protocols.correlated import prf
from protocols.domains import Ring, Words

Result = TypeVar("Result")
Comparison = Literal["table", "masked", "tree", "prefix", "ripple"]
Truncation = Literal["safe", "fused"]
Select = Literal["two_rounds", "one_round"]
Layers = Literal["blocks", "separate"]
Accuracy = Literal["full", "best"]
Servers = tuple[int | str, int | str, int | str]
"""The three servers, in order: ids or roles of any three parties of the run."""
FIRST_THREE: Servers = (0, 1, 2)


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
        accuracy: "full": functions are within 2^(2−f) of max(1, |result|), and refuse a ring in which they
            are not; "best": they do in any ring what it leaves them.
        rotate: share the dealer's work by rotating the roles over thirds of each vector.
    """

    comparison: Comparison = "table"
    radix: int | None = None
    truncation: Truncation = "safe"
    select: Select = "two_rounds"
    layers: Layers = "blocks"
    rotate: bool = True
    accuracy: Accuracy = "full"


@dataclass(frozen=True)
class Server:
    """One of the three servers, in one role.

    Attributes:
        party: the engine's actor.
        ring: the ring of all shares.
        servers: all three, this one among them.
        turns: how far the roles are rotated: role r is played by the server in place r + turns.
        role: 0, 1 or 2; at first its place among the three, but rotated servers play another's.
        choices: the constructions in use.
        kernels: the array operations; the shape-only twin has the same names.
    """

    party: Party
    ring: Ring
    keys: tuple[bytes, bytes]
    choices: Choices = Choices()
    role: int = 0
    kernels: types.ModuleType = kernels
    servers: Servers = field(default=FIRST_THREE, kw_only=True)
    turns: int = field(default=0, kw_only=True)

    @classmethod
    async def join(
        cls,
        party: Party,
        ring: Ring,
        choices: Choices | None = None,
        kernels: types.ModuleType = kernels,
        servers: Servers = FIRST_THREE,
    ) -> Server:
        """Set a server up: agree on one key with each of the two others.

        The servers are the first three parties of the run, or those that `servers` names, in its order.

        With `protocols.kernels.shapes` as kernels it is a dry run: the same messages, no values.

        Rounds: 1. Sends 16 bytes. Source: Araki et al. 2016, §3.2.

        Raises:
            InputError: the run has fewer than three parties, or this one is not among the servers.
        """
        places = [place for place, server in enumerate(servers) if server in (party.id, party.role)]
        if party.n < 3 or len(places) != 1 or len(servers) != 3:
            named = ", ".join(map(str, servers))
            raise InputError(
                f"replicated secret sharing needs three servers, here the parties {named}: party "
                f"{party.id} of {party.n} cannot be one of them"
            )
        [place] = places
        own = party.secret("correlated randomness", prf.KEY_BYTES)
        with party.channel("keys"):
            party.send(servers[(place - 1) % 3], own)
            following = await party.recv(servers[(place + 1) % 3])
        return cls(party, ring, (own, following), choices or Choices(), place, kernels, servers=servers)

    def rotated(self, turns: int) -> Server:
        """Return this server as it stands when role 0 is played by server `turns`, for good."""
        choices = replace(self.choices, rotate=False)
        return replace(self, role=(self.role - turns) % 3, choices=choices, turns=(self.turns + turns) % 3)

    def safely(self) -> Server:
        """Return this server truncating by `safe`: for functions whose products fill the ring."""
        return replace(self, choices=replace(self.choices, truncation="safe"))

    def in_few_rounds(self) -> Server:
        """Return this server comparing and selecting in the fewest rounds, two a level of a tournament.

        Masked digits are answered in a round, and what is selected by the answer takes another.
        """
        choices = replace(self.choices, comparison="masked", radix=None, select="one_round")
        return replace(self, choices=choices)

    # Messages

    def send(self, role: int, *payload: Any) -> None:
        """Send arrays to the server in that role, in one message."""
        self.party.send(self.servers[self._place(role)], payload[0] if len(payload) == 1 else list(payload))

    async def recv(self, role: int) -> Any:
        """Await the next message of the server in that role."""
        return await self.party.recv(self.servers[self._place(role)])

    def _place(self, role: int) -> int:
        """Return the place of the server in that role."""
        return (role + self.turns) % 3

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
        channel, call = self.party.call(f"{self._place(key)}/{purpose}")
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
