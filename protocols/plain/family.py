"""One party's view of the family that hides nothing: what every other family should compute.

A value, a sum and a bit are arrays of words; products are rounded down.
Clients send numbers and receive numbers: l bits each. Nothing else is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

from mpcsim import Party
from protocols.domains import Words, word_type
from protocols.family import (
    NO_PADDING,
    Bit,
    Family,
    Kind,
    Padding,
    Security,
    Shape,
    Sum,
    Terms,
    Value,
    bilinear,
)
from protocols.functions import check_room


class Plain(Family):
    """The one server, which sees everything."""

    name = "plain"

    @classmethod
    def security(cls, terms: Terms) -> Security:
        """Return that there is none."""
        return Security("none", 0, "no secrecy", "the server sees every number")

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
    def give(cls, party: Party, terms: Terms, words: Words) -> None:
        """Send the numbers. Bits: l a value. Rounds: 1."""
        party.send(terms.roster.servers[0], terms.kernels.pack(words, terms.ring.bits))

    async def take(self, client: str, shape: Shape) -> Value:
        """Return what the client sent."""
        return self._unpacked(await self.party.recv(client), shape)

    def show(self, value: Value, client: str) -> None:
        """Send the numbers. Bits: l a value. Rounds: 1."""
        self.party.send(client, self.kernels.pack(value, self.ring.bits))

    @classmethod
    async def learn(cls, party: Party, terms: Terms, shape: Shape) -> Words:
        """Return what the server sent."""
        return cls(party, terms)._unpacked(await party.recv(terms.roster.servers[0]), shape)

    def _unpacked(self, packed: Any, shape: Shape) -> Words:
        words: Words = self.kernels.unpack(packed, self.ring.bits, shape, self.ring.dtype)
        return words

    async def open(self, value: Value) -> Words:
        """Return the numbers; no message."""
        words: Words = self.kernels.low_bits(value, self.ring.bits)
        return words

    def public(self, words: Words) -> Value:
        """Return the numbers themselves."""
        return words

    @classmethod
    def together(cls, terms: Terms, values: Sequence[Value]) -> Words:
        """Return the server's numbers."""
        words: Words = values[0]
        return words

    # Computation

    def local(self, function: Callable[..., Words], *values: Value) -> Value:
        """Return the function of the numbers."""
        return function(*values)

    async def product(
        self,
        kind: Kind,
        x: Value,
        y: Value,
        stride: tuple[int, int] = (1, 1),
        padding: Padding = NO_PADDING,
    ) -> Sum:
        """Return the product in the ring."""
        return bilinear(self.kernels, kind, x, y, stride, padding)

    async def close(self, z: Sum, shift: int | None = None) -> Value:
        """Return ⌊z / 2^shift⌋ of signed z."""
        k, bits = self.kernels, self.ring.bits
        by = self.ring.fraction_bits if shift is None else shift
        up = k.full((), 1 << (bits - 1), self.ring.dtype)
        moved = k.shift_right(k.low_bits(k.add(z, up), bits), by, bits)
        return k.sub(moved, k.full((), 1 << (bits - 1 - by), self.ring.dtype))

    async def negative(self, x: Value, bits: int | None = None) -> Bit:
        """Return the top one of the lower `bits` bits."""
        width = bits or self.ring.value_bits
        return self.kernels.shift_right(self.kernels.low_bits(x, width), width - 1, width)

    async def select(self, bit: Bit, x: Value) -> Value:
        """Return the product."""
        return self.kernels.mul(bit, x)

    def xor(self, bit: Bit, other: Bit) -> Bit:
        """Return the exclusive or."""
        return self.kernels.xor(bit, other)

    def opposite(self, bit: Bit) -> Bit:
        """Return 1 − bit."""
        return self.kernels.xor(bit, self.kernels.full((), 1, self.ring.dtype))

    async def both(self, bit: Bit, other: Bit) -> Bit:
        """Return the conjunction."""
        return self.kernels.and_(bit, other)

    async def to_value(self, bit: Bit) -> Value:
        """Return the bit, which is a number already."""
        return bit

    async def from_value(self, x: Value) -> Bit:
        """Return the number, which is a bit already."""
        return self.kernels.low_bits(x, 1)

    async def decompose(self, x: Value) -> Any:
        """Return the words, which have all bits."""
        return x

    def pick(self, bits: Any, place: int) -> Bit:
        """Return the bit at a place."""
        at = place % self.ring.bits
        return self.kernels.shift_right(self.kernels.low_bits(bits, at + 1), at, at + 1)

    async def compose(self, bits: Any) -> Value:
        """Return the words."""
        return bits

    # Precision

    def widened(self, bits: int) -> Self:
        """Return this view over a wider ring."""
        return self if bits <= self.ring.bits else self._over(self.ring.widened(bits))

    async def widen(self, x: Value, wide: Self) -> Value:
        """Return the same signed numbers in more bits."""
        k, bits, dtype = self.kernels, self.ring.bits, wide.ring.dtype
        if wide.ring.bits == bits:
            return x
        up = k.low_bits(k.add(x, k.full((), 1 << (bits - 1), self.ring.dtype)), bits)
        return k.sub(k.astype(up, dtype), k.full((), 1 << (bits - 1), dtype))

    def narrow(self, x: Value, wide: Self) -> Value:
        """Return the lower bits."""
        return self.kernels.astype(x, word_type(self.ring.bits))
