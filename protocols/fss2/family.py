"""One actor's view: as of `dealer2`, but what compares is dealt as keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field

from mpcsim import Party
from protocols.dealer2 import Bits, Dealer2, DealtChoices, Opened
from protocols.domains import Words
from protocols.family import Security, Terms
from protocols.fss2 import keys


class Fss2Choices(DealtChoices):
    """The `[protocol]` table of this family."""

    form: Literal["key", "spline"] = Field(
        default="key",
        description='"key": a comparison gives a bit, a selection by it is a round of its own; "spline": '
        "keys carry the products too, one round in all, and are more than twice as long",
    )


class Fss2(Dealer2):
    """A view: a server's, or the dealer's, whose values are shapes alone."""

    name = "fss2"
    Choices = Fss2Choices

    @classmethod
    def security(cls, terms: Terms) -> Security:
        """Return what it protects from."""
        return Security(
            "semi-honest",
            1,
            "computational (AES-128 as a PRF; fixed-key AES on seeds of 126 bits)",
            "the dealer may collude with nobody",
            "one of two servers, or the dealer, who sees no input",
        )

    @classmethod
    async def join(cls, party: Party, terms: Terms) -> Self:
        """Agree on keys; the view is of the form that was chosen."""
        if terms.choices.form == "spline" and cls is Fss2:
            return await Splines.join(party, terms)  # type: ignore[return-value]  # one of its kind
        return await super().join(party, terms)

    async def below(self, x: Words, limits: Sequence[int], bits: int) -> tuple[Words, Opened | None]:
        """Return planes (limits, ⌈n/8⌉) of [x < L]; see `keys.below`."""
        return await keys.below(self.actor, x, limits, bits)

    async def equal(self, x: Words, y: Words) -> Words:
        """Return the integer 1 where x = y: x − y is below 1 and not below 0, by one key."""
        found, _ = await self.below(self.subtract(x, y), [0, 1], self.ring.value_bits + 1)
        return await self.to_value(Bits(x.shape, self.kernels.xor(found[0], found[1])))


class Splines(Fss2):
    """A view of the other form: what follows a comparison comes out of its key."""

    async def where_positive(self, x: Words, bits: int, chosen: Sequence[Words]) -> list[Words]:
        """Return what is chosen by a sign, in one round; see `keys.where_positive`."""
        return await keys.where_positive(self.actor, x, bits, chosen)

    async def steps(self, x: Words, limits: Sequence[int], bits: int) -> Words:
        """Return where limits are reached, in one round; see `keys.reached`."""
        return await keys.reached(self.actor, x, limits, bits)

    async def less_than(self, x: Words, y: Words) -> Words:
        """Return the integer 1 where x < y: where x − y does not reach 0."""
        (found,) = await self.steps(self.subtract(x, y), [0], self.ring.value_bits + 1)
        less: Words = self.add_public(self.negate(found), self.constant(1, 0))
        return less

    async def equal(self, x: Words, y: Words) -> Words:
        """Return the integer 1 where x = y: where x − y reaches 0, less where it reaches 1."""
        zero, one = await self.steps(self.subtract(x, y), [0, 1], self.ring.value_bits + 1)
        same: Words = self.subtract(zero, one)
        return same
