"""Views of any family: what each actor computes and receives, whatever keys it holds and shares it has.

A view's kernels keep every row that they take and give, outputs of keys among them, and every message that
comes is noted: `states` holds each message to each row before it. So nothing of the family's keys and
sharings need be known here. A helper's view must be empty of messages that depend on inputs.
"""

import types
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from states import RING, Block, N, View, recording

from mpcsim import Party, simulate
from protocols.family import Family, Terms

Program = Callable[..., Awaitable[Any]]


@dataclass
class Seen:
    """One actor with its view."""

    role: str
    view: View = field(default_factory=View)
    received: int = 0


@dataclass(frozen=True)
class FamilyBlock(Block):
    """A program on values of one family: it takes the view, and a value of N equal numbers for each secret.

    Attributes:
        family: of all actors.
    """

    family: type[Family] | None = None

    def run(self, dropped: frozenset[Any] = frozenset()) -> list[Seen]:
        """Run it; return the servers with their views. With anything dropped no key gives randomness."""
        return [one for one in self.seen(bool(dropped)) if one.role in self._terms.roster.servers]

    def helpers(self) -> list[Seen]:
        """Return the helpers with their views."""
        return [one for one in self.seen() if one.role in self._terms.roster.helpers]

    @property
    def _terms(self) -> Terms:
        assert self.family is not None
        return Terms(RING, self.family.Choices(), self.family.roster())

    def seen(self, bare: bool = False) -> list[Seen]:
        """Run it; return all actors."""
        family, terms = self.family, self._terms
        assert family is not None
        actors = {role: Seen(role) for role in terms.roster.actors}
        inputs = [np.full(N, secret, RING.dtype) for secret in self.secrets]

        def of(view: View) -> Terms:
            own = recording(view)
            if bare:
                own.expand_words = lambda key, address, shape, dtype: np.zeros(shape, dtype)
            return replace(terms, kernels=own)

        async def server(party: Party) -> None:
            me = await family.join(party, of(actors[party.role].view))
            values = []
            for number, words in enumerate(inputs):
                with party.channel(f"input/{number}"):
                    values.append(await me.take("client", words.shape))
            await self.protocol(me, *values)

        async def client(party: Party) -> None:
            for number, words in enumerate(inputs):
                with party.channel(f"input/{number}"):
                    family.give(party, of(View()), words)

        real = Party.recv

        @types.coroutine
        def recv(party: Party, source: Any, timeout: Any = None) -> Any:
            payload = yield from real(party, source, timeout)
            if party.role in actors:
                actors[party.role].received += 1
                for part in payload if isinstance(payload, list) else [payload]:
                    actors[party.role].view.receive(part)
            return payload

        Party.recv = recv  # type: ignore[method-assign]
        try:
            run = simulate(roles={**dict.fromkeys(terms.roster.actors, server), "client": client}, seed=11)
        finally:
            Party.recv = real  # type: ignore[method-assign]
        assert set(run.outcomes.values()) == {"finished"}, "who aborts shows nothing"
        return list(actors.values())
