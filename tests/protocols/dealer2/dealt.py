"""Protocols of the family `dealer2` run as a whole, with what every actor received."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mpcsim import Party, Run, simulate
from protocols.dealer2.family import Dealer2, Dealer2Choices
from protocols.domains import Ring
from protocols.family import Terms
from protocols.kernels import shapes

WIDE = Ring(64, 16, 31)
NARROW = Ring(32, 8, 20)
ODD = Ring(37, 5, 24)
RINGS = [WIDE, NARROW, ODD]
SERVERS = ("server0", "server1")
DEALER = "dealer"


def terms_of(ring: Ring = WIDE, dry: bool = False, **choices: Any) -> Terms:
    """Return what all parties know."""
    found = Terms(ring, Dealer2Choices(**choices), Dealer2.roster())
    return Terms(found.ring, found.choices, found.roster, shapes) if dry else found


@dataclass(frozen=True)
class Result:
    """What came of a protocol: the numbers (signed), and the run."""

    values: Any
    run: Run

    def sent(self) -> list[int]:
        """Payload bytes of the protocol alone: both servers, the dealer."""
        sent = self.run.span("operation").sent
        return [sent[i].payload_bytes if i in sent else 0 for i in range(3)]


def run(
    protocol: Callable[..., Awaitable[Any]], *inputs: Any, terms: Terms | None = None, seed: int | None = 1
) -> Result:
    """Run a protocol on values that a client gives; its result is shown to the client."""
    agreed = terms or terms_of()
    words = [np.asarray(x).astype(np.int64).astype(agreed.ring.dtype) for x in inputs]
    found: dict[str, tuple[int, ...]] = {}

    async def client(party: Party) -> Any:
        for number, each in enumerate(words):
            with party.channel(f"input/{number}"):
                Dealer2.give(party, agreed, each)
        with party.channel("shape"):
            shape = await party.recv("server0")
        with party.channel("result"):
            return agreed.ring.signed(await Dealer2.learn(party, agreed, tuple(shape)))

    async def compute(party: Party) -> None:
        me = await Dealer2.join(party, agreed)
        values = []
        for number, each in enumerate(words):
            with party.channel(f"input/{number}"):
                values.append(await me.take("client", each.shape))
        with party.span("operation"):
            result = await protocol(me, *values)
        found[party.role] = result.shape
        if party.role == "server0":
            with party.channel("shape"):
                party.send("client", list(result.shape))
        with party.channel("result"):
            me.show(result, "client")

    done = simulate(roles=dict.fromkeys(agreed.roster.actors, compute) | {"client": client}, seed=seed)
    assert len(set(found.values())) == 1  # the dealer follows every shape
    return Result(done.outputs["client"], done)
