"""One server's view of four on 3-out-of-4 replicated sharing, one of them malicious.

A value is a `Share`, a sum the terms that pairs of servers know, a bit a half at each couple of servers.
Whatever is sent is known to two servers: one sends it, the other vouches for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator

from mpcsim import Party
from mpcsim.units import NANOSECONDS, parse_time
from protocols.domains import Words, word_type
from protocols.family import NO_PADDING, Family, Kind, Linear, Padding, Pooling, Security, Shape, Terms
from protocols.functions import check_room
from protocols.replicated4 import bits as boolean
from protocols.replicated4 import products, sharing
from protocols.replicated4.block import block
from protocols.replicated4.seat import Seat
from protocols.replicated4.sharing import Bits, Share, Sum, half


class Replicated4Choices(BaseModel):
    """The `[protocol]` table of this family."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    radix: Literal[1, 2, 4, 8] = Field(
        default=4, description="bits of a digit in a comparison: fewer rounds, and with many more bytes"
    )
    patience: str = Field(
        default="",
        description='how long a party waits for a message before it aborts, such as "5 s"; empty: for ever',
    )

    @field_validator("patience")
    @classmethod
    def _is_a_time(cls, text: str) -> str:
        if text and parse_time(text) <= 0:
            raise ValueError('accepted is a time above zero, such as "5 s", or nothing')
        return text

    def waits(self) -> float | None:
        """Return the patience in seconds; None for ever."""
        return parse_time(self.patience) / NANOSECONDS if self.patience else None


class Replicated4(Family):
    """One of the four servers."""

    name = "replicated4"
    Choices = Replicated4Choices
    counts = (4, 4, 4)

    def __init__(self, party: Party, terms: Terms, seat: Seat) -> None:
        super().__init__(party, terms)
        self.seat = seat

    # Identity

    @classmethod
    def security(cls, terms: Terms) -> Security:
        """Return an honest majority of four, against lies."""
        return Security(
            "malicious",
            1,
            "computational (AES-128 as a PRF, digests of 128 bits)",
            "no two of the four servers",
            "with abort",
        )

    @classmethod
    def tolerates(cls, n: int) -> int:
        """Return 1."""
        return 1

    @classmethod
    def check(cls, terms: Terms, function: str, **arguments: Any) -> None:
        """Refuse what a family refuses, and a ring that leaves a function too little room.

        Raises:
            InputError: it is one of these.
        """
        super().check(terms, function, **arguments)
        check_room(terms.ring, function, **arguments)

    # In and out

    @classmethod
    async def join(cls, party: Party, terms: Terms) -> Self:
        """Return the view, keys set up; see `Seat.join`."""
        names, waits = terms.roster.servers, terms.choices.waits()
        return cls(party, terms, await Seat.join(party, terms.ring, terms.kernels, names, waits))

    @classmethod
    def give(cls, party: Party, terms: Terms, words: Words) -> None:
        """Send shares; see `sharing.give`."""
        sharing.give(party, terms.ring, words, terms.kernels, terms.roster.servers)

    async def take(self, client: str, shape: Shape) -> Share:
        """Return shares that a client sent, noted for the comparison before anything is shown."""
        return await sharing.take(self.seat, client, shape)

    async def settle(self, shows: bool = True) -> None:
        """Compare all digests, whatever is next; see `sharing.settle`. No sibling may be under way."""
        await sharing.settle(self.seat)

    def show(self, value: Share, client: str) -> None:
        """Send two components and the digest of the third, once all is settled."""
        if not self.seat.ledger.settled:
            raise AssertionError("something would be shown before digests are compared: settle first")
        sharing.show(self.seat, value, client)

    @classmethod
    async def learn(cls, party: Party, terms: Terms, shape: Shape) -> Words:
        """Return the sum of four components, of each what two of three servers say."""
        names, waits = terms.roster.servers, terms.choices.waits()
        return await sharing.learn(party, terms.ring, shape, terms.kernels, names, waits)

    async def open(self, value: Share) -> Words:
        """Return the numbers to all servers, once all is settled; see `sharing.reveal`."""
        return await sharing.reveal(self.seat, value)

    def public(self, words: Words) -> Share:
        """Return the shares (c, 0, 0, 0)."""
        return sharing.public(self.seat, words)

    @classmethod
    def enough(cls, terms: Terms) -> tuple[int, ...]:
        """Return two servers: they hold all four components."""
        return (0, 1)

    @classmethod
    def together(cls, terms: Terms, values: Any) -> Words:
        """Return x_0 + x_1 + x_2 + x_3."""
        zero, one = values
        words: Words = zero.parts[1] + zero.parts[2] + zero.parts[3] + one.parts[0]
        return words

    # Computation

    def local(self, function: Callable[..., Words], *values: Any) -> Any:
        """Return the function of every component, or of every term; a value among sums is its terms."""
        if any(isinstance(one, Sum) for one in values):
            values = tuple(
                one if isinstance(one, Sum) else products.terms_of(self.seat, one) for one in values
            )
        first, *others = values
        return first.apply(function, *others)

    async def product(
        self,
        kind: Kind,
        x: Share,
        y: Share,
        stride: tuple[int, int] = (1, 1),
        padding: Padding = NO_PADDING,
    ) -> Sum:
        """Return terms; no message. See `products.product`."""
        return products.product(self.seat, kind, x, y, stride, padding)

    async def close(self, z: Sum | Share, shift: int | None = None) -> Share:
        """Return shares of the sum, cut; see `products.shared`, `products.shifted`."""
        by = self.ring.fraction_bits if shift is None else shift
        if by == 0:
            return z if isinstance(z, Share) else await products.shared(self.seat, z)
        bits = self.ring.bits
        if isinstance(z, Share):
            mine = half(self.seat, z.parts)
        else:
            mine = await products.halved(self.seat, z, bits)
        return await products.shifted(self.seat, mine, bits, by, self.ring)

    # Bits

    async def negative(self, x: Share, bits: int | None = None) -> Bits:
        """Return signs; see `bits.sign`."""
        width = bits or self.ring.value_bits
        return await boolean.sign(self.seat, half(self.seat, x.parts), width, self.choices.radix)

    async def select(self, bit: Bits, x: Share) -> Share:
        """Return bit · x; see `bits.select`."""
        return await boolean.select(self.seat, bit, x)

    def xor(self, bit: Bits, other: Bits) -> Bits:
        """Return the exclusive or of the halves."""
        return replace(bit, plane=self.kernels.xor(bit.plane, other.plane))

    def opposite(self, bit: Bits) -> Bits:
        """Return 1 − bit."""
        return boolean.opposite(self.seat, bit)

    async def both(self, bit: Bits, other: Bits) -> Bits:
        """Return the conjunction; see `bits.conjunction`."""
        return await boolean.conjunction(self.seat, bit, other)

    async def to_value(self, bit: Bits) -> Share:
        """Return the integers; see `bits.numbers`."""
        return await boolean.numbers(self.seat, bit)

    async def from_value(self, x: Share) -> Bits:
        """Return the lowest bits of the halves; no message."""
        mine = half(self.seat, x.parts).reshape(-1)
        return Bits(x.shape, self.kernels.bit_planes(mine, 0, 1))

    async def decompose(self, x: Share) -> Any:
        """Return all bits; see `bits.decompose`."""
        return x.shape, await boolean.decompose(self.seat, half(self.seat, x.parts).reshape(-1))

    def pick(self, bits: Any, place: int) -> Bits:
        """Return a plane."""
        shape, planes = bits
        return Bits(shape, planes[place].reshape(1, -1))

    async def compose(self, bits: Any) -> Share:
        """Return the numbers; see `bits.compose`."""
        shape, planes = bits
        found = await boolean.compose(self.seat, planes, math.prod(shape))
        return found.apply(lambda part: part.reshape(shape))

    # What is better done on halves, as `protocols.layers` names it

    async def block(
        self,
        linear: Sequence[Linear],
        shares: Sequence[Share],
        name: str,
        op: str,
        relu: bool,
        pooling: Pooling | None,
    ) -> Share:
        """Return relu(maxpool(the sum of linear layers and values)); see `block.block`."""
        sums = [await self._sum(one) for one in linear]
        z = sums[0]
        for other in sums[1:]:
            z = self.plus(z, other)
        for share in shares:
            z = self.bias(z, share)
        if not relu and pooling is None:
            with self.party.span(name, op):
                return await self.close(z)
        return await block(self.seat, z, name, op, relu, pooling, self.choices.radix)

    async def _sum(self, one: Linear) -> Sum | Share:
        with self.party.span(one.name, one.op):
            found: Sum | Share = await self.linear(one)
            return found

    # Precision

    def widened(self, bits: int) -> Self:
        """Return this view over a wider ring."""
        if bits <= self.ring.bits:
            return self
        found = self._over(self.ring.widened(bits))
        found.seat = replace(self.seat, ring=found.ring)
        return found

    async def widen(self, x: Share, wide: Self) -> Share:
        """Return the same numbers in a wider ring; see `products.shifted`, by nothing."""
        if wide.ring.bits <= self.ring.bits:
            return x
        return await products.shifted(self.seat, half(self.seat, x.parts), self.ring.bits, 0, wide.ring)

    def narrow(self, x: Share, wide: Self) -> Share:
        """Return the lower bits of the components."""
        dtype = word_type(self.ring.bits)
        return x.apply(lambda part: self.kernels.astype(part, dtype))
