"""One actor's view: of two servers on additive shares mod 2^l, or of the dealer, who sees no input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from mpcsim import InputError, Party
from protocols import kernels
from protocols.correlated import prf
from protocols.dealer2 import bits as boolean
from protocols.dealer2 import carry, conversion, products, shifts
from protocols.dealer2.actor import DEALER, Actor, Part
from protocols.dealer2.bits import Bits
from protocols.dealer2.store import Shelf, check_kept, check_new
from protocols.domains import Words, word_type
from protocols.family import (
    NO_PADDING,
    Family,
    Kind,
    Padding,
    Security,
    Shape,
    Terms,
)
from protocols.functions import check_room
from protocols.kernels import shapes

_SHARE = bytes(12)
"""Where a client's key is read: each is used once."""


class DealtChoices(BaseModel):
    """What families with a dealer let one choose: when and where it deals, how products are rescaled."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dealing: Literal["ahead", "on_demand"] = Field(
        default="ahead", description="whether the dealer runs ahead, or is asked for each piece"
    )
    keep: str = Field(
        default="",
        description="a new folder, filled by a dry run: the dealer deals for a later run",
    )
    stored: str = Field(default="", description="a folder that such a run has filled: used once")
    truncation: Literal["safe", "local"] = Field(
        default="safe",
        description='"safe": by a dealt pair, one round, never a gross error; "local": no message, '
        "wrong by 2^(l−2f) with probability |z| / 2^(l−1)",
    )


class Dealer2Choices(DealtChoices):
    """The `[protocol]` table of this family."""

    radix: Literal[1, 2, 3, 4, 6, 8] = Field(
        default=4, description="bits of a digit whose one-hot vector is dealt for a comparison"
    )
    arity: Literal[2, 3, 4, 8] = Field(
        default=4, description="digits that a node of the comparison's tree joins at once"
    )


class Dealer2(Family):
    """A view: a server's, or the dealer's, whose values are shapes alone.

    A value and a sum are an array of this server's parts mod 2^l; bits are `Bits`.
    """

    name = "dealer2"
    Choices: ClassVar[type[BaseModel]] = Dealer2Choices
    counts = (2, 2, 2)
    helper_roles = ("dealer",)
    phases: ClassVar[tuple[str, ...]] = ("offline", "online")

    def __init__(
        self, party: Party, terms: Terms, keys: tuple[bytes, ...] = (), shelf: Shelf | None = None
    ) -> None:
        super().__init__(party, terms)
        role = DEALER if self.place < 0 else self.place
        choices, names, tools = terms.choices, terms.roster.actors, terms.kernels
        dealing = "stored" if choices.stored else choices.dealing
        if role == DEALER and (choices.keep or choices.stored):  # in earnest, or not at all
            tools = shapes if choices.stored else kernels
        self.actor = Actor(party, terms.ring, role, keys, tools, dealing, names, shelf)

    @property
    def kernels(self) -> Any:
        """The array operations of this view: of the dealer's, those of shapes."""
        return self.actor.kernels

    # Identity

    @classmethod
    def security(cls, terms: Terms) -> Security:
        """Return what it protects from."""
        return Security(
            "semi-honest",
            1,
            "computational (AES-128 as a PRF)",
            "the dealer may collude with nobody",
            "one of two servers, or the dealer, who sees no input",
        )

    @classmethod
    def tolerates(cls, n: int) -> int:
        """Return that one server may be curious."""
        return 1

    # In and out

    @classmethod
    async def join(cls, party: Party, terms: Terms) -> Self:
        """Agree on keys: the dealer gives each server one of its own; no key is known to both servers.

        Rounds: 1. Sends 2 · 128 bits, offline.
        """
        servers, (dealer,) = terms.roster.servers, terms.roster.helpers
        with party.channel("keys"), party.phase("offline"):
            folder = terms.choices.keep
            if terms.choices.stored:
                return cls._from_store(party, terms)
            if party.role != dealer:
                key = await party.recv(dealer)
                shelf = Shelf.new(folder, party.role, _agreed(terms), key) if folder else None
                return cls(party, terms, (key,), shelf)
            keys = tuple(party.secret(f"key of {server}", prf.KEY_BYTES) for server in servers)
            for server, key in zip(servers, keys, strict=True):
                party.send(server, key)
            return cls(party, terms, keys)

    @classmethod
    def _from_store(cls, party: Party, terms: Terms) -> Self:
        """Return a view of what was dealt in an earlier run: the dealer has nothing to do."""
        if party.role in terms.roster.helpers or terms.dry:
            return cls(party, terms, (b"",) * (2 if party.role in terms.roster.helpers else 1))
        shelf = Shelf.open(terms.choices.stored, party.role)
        party.observe("stored bytes", shelf.size)
        return cls(party, terms, (shelf.key,), shelf)

    @classmethod
    def check(cls, terms: Terms, function: str, **arguments: Any) -> None:
        """Refuse what a family refuses, too little precision, and a store that cannot be filled or used.

        Raises:
            InputError: it is one of these.
        """
        super().check(terms, function, **arguments)
        check_room(terms.ring, function, **arguments)
        choices, servers = terms.choices, terms.roster.servers
        if choices.keep and choices.stored:
            raise InputError("protocol.keep and protocol.stored: accepted is one of them")
        if choices.keep:
            if not terms.dry:
                raise InputError(
                    f"protocol.keep = {choices.keep!r}: it deals for a later run alone; accepted with "
                    "dry_run = true"
                )
            check_new(choices.keep, servers)
        if choices.stored and not terms.dry:
            check_kept(choices.stored, servers, _agreed(terms))

    @classmethod
    def give(cls, party: Party, terms: Terms, words: Words) -> None:
        """Send server 0 a key, from which its part comes, and server 1 the rest.

        Rounds: 1. Bits: 128 and l a value.
        """
        k, ring = terms.kernels, terms.ring
        channel, call = party.call("share")
        secret = party.secret("shares", prf.KEY_BYTES)
        key = prf.expand(secret, prf.nonce(channel, "share", call), prf.KEY_BYTES).tobytes()
        zero, one = terms.roster.servers
        first = k.expand_words(key, _SHARE, words.shape, ring.dtype)
        party.send(zero, key)
        party.send(one, k.pack(k.sub(words, first), ring.bits))

    async def take(self, client: str, shape: Shape) -> Words:
        """Return this server's part."""
        if self.actor.role == DEALER:
            return shapes.zeros(shape, self.ring.dtype)
        received = await self.party.recv(client)
        if self.actor.role == 0:
            return self.kernels.expand_words(received, _SHARE, shape, self.ring.dtype)  # type: ignore[no-any-return]
        return self.kernels.unpack(received, self.ring.bits, shape, self.ring.dtype)  # type: ignore[no-any-return]

    def show(self, value: Words, client: str) -> None:
        """Send this server's part. Rounds: 1. Bits: 2l a value."""
        if self.actor.role != DEALER:
            self.party.send(client, self.kernels.pack(value, self.ring.bits))

    @classmethod
    async def learn(cls, party: Party, terms: Terms, shape: Shape) -> Words:
        """Return the sum of what the servers send."""
        k, ring = terms.kernels, terms.ring
        parts = [
            k.unpack(await party.recv(server), ring.bits, shape, ring.dtype)
            for server in terms.roster.servers
        ]
        return k.low_bits(k.add(*parts), ring.bits)  # type: ignore[no-any-return]

    async def open(self, value: Words) -> Words:
        """Return the sum of both parts. Rounds: 1. Bits: 2l a value."""
        part = Part(value, self.ring.bits)
        self.actor.send(part)
        (words,) = await self.actor.opened(part)
        return words

    def public(self, words: Words) -> Words:
        """Return the parts (c, 0)."""
        return self.actor.public(words)

    @classmethod
    def together(cls, terms: Terms, values: Sequence[Words]) -> Words:
        """Return x_0 + x_1."""
        zero, one = values
        words: Words = zero + one
        return words

    # Computation

    def local(self, function: Callable[..., Words], *values: Words) -> Words:
        """Return the function of this server's parts."""
        return function(*values)

    async def product(
        self,
        kind: Kind,
        x: Words,
        y: Words,
        stride: tuple[int, int] = (1, 1),
        padding: Padding = NO_PADDING,
    ) -> Words:
        """Return the product by a triple; see `products.product`."""
        return await products.product(self.actor, kind, x, y, stride, padding)

    async def close(self, z: Words, shift: int | None = None) -> Words:
        """Return the truncated sum, as the choice says; see `shifts`."""
        by = self.ring.fraction_bits if shift is None else shift
        if by == 0:
            return z
        if self.choices.truncation == "local":
            return shifts.shifted_apart(self.actor, z, by)
        return await shifts.shifted(self.actor, z, by, self.ring)

    # Bits

    async def below(
        self, x: Words, limits: Sequence[int], bits: int
    ) -> tuple[Words, boolean.Opened | None]:
        """Return planes (limits, ⌈n/8⌉) of [x < L], of signed x − L of `bits` bits; see `carry.below`.

        What a family that compares otherwise does its own way.
        """
        return await carry.below(self.actor, x, limits, bits, self.choices.radix, self.choices.arity)

    async def negative(self, x: Words, bits: int | None = None) -> Bits:
        """Return signs; see `below`."""
        found, opened = await self.below(x, [0], bits or self.ring.value_bits)
        return Bits(x.shape, found[0], opened)

    async def select(self, bit: Bits, x: Words) -> Words:
        """Return bit · x; see `products.select`."""
        return await products.select(self.actor, bit, x)

    def xor(self, bit: Bits, other: Bits) -> Bits:
        """Return the exclusive or of the parts."""
        return Bits(bit.shape, self.kernels.xor(bit.plane, other.plane))

    def opposite(self, bit: Bits) -> Bits:
        """Return 1 − bit."""
        return boolean.opposite(self.actor, bit)

    async def both(self, bit: Bits, other: Bits) -> Bits:
        """Return the conjunction; see `bits.both`."""
        return await boolean.both(self.actor, bit, other)

    async def to_value(self, bit: Bits) -> Words:
        """Return the integers; see `bits.to_value`."""
        return await boolean.to_value(self.actor, bit)

    async def from_value(self, x: Words) -> Bits:
        """Return the lowest bits of the parts."""
        return boolean.from_value(self.actor, x)

    async def decompose(self, x: Words) -> Any:
        """Return all bits; see `conversion.decompose`."""
        return x.shape, await conversion.decompose(self.actor, x.reshape(-1))

    def pick(self, bits: Any, place: int) -> Bits:
        """Return a plane."""
        shape, planes = bits
        return Bits(shape, planes[place])

    async def compose(self, bits: Any) -> Words:
        """Return the numbers; see `conversion.compose`."""
        shape, planes = bits
        n = int(np.prod(shape, dtype=np.int64))
        return (await conversion.compose(self.actor, planes, n)).reshape(shape)

    async def steps(self, x: Words, limits: Sequence[int], bits: int) -> Words:
        """Return where limits are reached, (limits, *shape): x is opened once; see `below`."""
        found, _ = await self.below(x, limits, bits)
        reached = boolean.flipped(self.actor, found)
        return (await boolean.numbers(self.actor, reached, x.size)).reshape(len(limits), *x.shape)

    async def meet(self) -> None:
        """Have all three know of each other's work so far: by way of the dealer, so that none is ahead."""
        servers, dealer = self.terms.roster.servers, self.terms.roster.helpers[0]
        if self.actor.role != DEALER:
            self.party.send(dealer, 0)
            await self.party.recv(dealer)
            return
        for server in servers:
            await self.party.recv(server)
        for server in servers:
            self.party.send(server, 0)

    # Precision

    def widened(self, bits: int) -> Self:
        """Return this view over a wider ring."""
        if bits <= self.ring.bits:
            return self
        found = self._over(self.ring.widened(bits))
        found.actor = replace(self.actor, ring=found.ring)
        return found

    async def widen(self, x: Words, wide: Self) -> Words:
        """Return the same numbers in a wider ring; see `shifts.shifted`, by nothing."""
        if wide.ring.bits <= self.ring.bits:
            return x
        return await shifts.shifted(self.actor, x, 0, wide.ring)

    def narrow(self, x: Words, wide: Self) -> Words:
        """Return the lower bits of the parts."""
        return self.kernels.astype(x, word_type(self.ring.bits))  # type: ignore[no-any-return]


def _agreed(terms: Terms) -> dict[str, Any]:
    """Return what a store is dealt for; its scenario shows in the pieces."""
    ring = terms.ring
    agreed = {
        "ring.bits": ring.bits,
        "ring.fraction_bits": ring.fraction_bits,
        "ring.value_bits": ring.value_bits,
    }
    chosen = terms.choices.model_dump(exclude={"dealing", "keep", "stored"})
    return agreed | {f"protocol.{key}": value for key, value in chosen.items()}
