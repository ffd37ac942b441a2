"""What goes into trees of a family and comes out: clients give and learn, servers take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mpcsim import Party
from protocols.domains import Words
from protocols.family import Family, Terms, Value
from scenarios.trees.inputs import Inputs
from scenarios.trees.settings import PrivateTreesSettings

OWNER, ASKER = "owner", "hospital0"
PARTS = ("tests", "attributes", "twice")
"""What is revealed of nodes."""


@dataclass(frozen=True)
class Edges:
    """What actors share with servers, and are told by them.

    Attributes:
        family, terms: of the servers.
        inputs, settings: of the scenario.
    """

    family: type[Family]
    terms: Terms
    inputs: Inputs
    settings: PrivateTreesSettings

    def give(self, party: Party, channel: str, words: Words) -> None:
        """Share an array with the servers."""
        with party.channel(channel):
            self.family.give(party, self.terms, words)

    async def take(self, me: Family, channel: str, role: str, shape: tuple[int, ...]) -> Value:
        """Return what a client shares."""
        with me.party.channel(channel):
            return await me.take(role, shape)

    def show(self, me: Family, channel: str, value: Value, role: str) -> None:
        """Show a client a value, once all is settled."""
        with me.party.channel(channel):
            me.show(value, role)

    async def learn(self, party: Party, channel: str, shape: Sequence[int]) -> Words | None:
        """Return the signed integers that servers show; nothing in a dry run."""
        with party.channel(channel):
            words = await self.family.learn(party, self.terms, tuple(shape))
        return None if self.terms.dry else self.terms.ring.signed(words)

    async def answered(self, party: Party) -> list[int] | None:
        """Return what who asks is told of each row."""
        with party.span("reveal"):
            found = await self.learn(party, "answers", (self.settings.output.queries,))
        return None if found is None else [int(one) for one in found]

    def of_tree(self, me: Family, number: int, rows: Value, axis: int) -> Value:
        """Return the attributes that a tree has, of those along an axis."""
        return taken(me, rows, self.inputs.sample(number).attributes, axis)


def taken(me: Family, x: Value, index: Any, axis: int) -> Value:
    """Return what public numbers name along an axis; no message."""
    if len(index) == x.shape[axis] and (index == range(len(index))).all():
        return x
    return me.local(lambda part: me.kernels.take(part, index, axis), x)
