"""Protocols of the family `fss2` run as a whole, and shipped scenarios on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np

import scenarios
from analysis.predict import SHIPPED
from mpcsim import Party, Run, simulate
from mpcsim.scenario import load_scenario, workload
from protocols.domains import Ring
from protocols.family import Terms
from protocols.fss2 import Fss2

RINGS = [Ring(64, 16, 31), Ring(32, 8, 20), Ring(37, 5, 24)]
FORMS = ["key", "spline"]


def label(ring: Ring) -> str:
    return f"l{ring.bits}"


def run(
    program: Callable[..., Awaitable[Any]], ring: Ring, *inputs: Any, **choices: Any
) -> tuple[Any, Run]:
    """Return the signed integers that a client learns of program(view, *values), and the run."""
    terms = Terms(ring, Fss2.Choices(**choices), Fss2.roster())
    words = [np.asarray(x).astype(np.int64).astype(ring.dtype) for x in inputs]
    shapes: dict[str, tuple[int, ...]] = {}

    async def actor(party: Party) -> None:
        me = await Fss2.join(party, terms)
        values = []
        for number, one in enumerate(words):
            with party.channel(f"input/{number}"):
                values.append(await me.take("client", one.shape))
        with party.span("operation"):
            result = await program(me, *values)
        shapes[party.role] = result.shape
        if party.role == "server0":
            with party.channel("shape"):
                party.send("client", list(result.shape))
        with party.channel("result"):
            me.show(result, "client")

    async def client(party: Party) -> Any:
        for number, one in enumerate(words):
            with party.channel(f"input/{number}"):
                Fss2.give(party, terms, one)
        with party.channel("shape"):
            shape = await party.recv("server0")
        with party.channel("result"):
            return ring.signed(await Fss2.learn(party, terms, tuple(shape)))

    done = simulate(roles=dict.fromkeys(terms.roster.actors, actor) | {"client": client}, seed=1)
    assert len(set(shapes.values())) == 1  # the dealer follows every shape
    return done.outputs["client"], done


def shipped(name: str, *overrides: str) -> tuple[dict[str, Any], Run]:
    """Return the summary of a shipped scenario on this family, and the run."""
    loaded = load_scenario(name, ["protocol.family=fss2", *overrides], None, SHIPPED)
    program = workload.build_program(loaded, scenarios.WORKLOADS)
    found = workload.run_program(program, loaded)
    return program.summarize(found), found


def numbers(bits: int, shape: tuple[int, ...], seed: int = 0) -> Any:
    """Return signed integers of so many bits, the ends among them."""
    rng = np.random.default_rng([bits, seed])
    top = 1 << (bits - 1)
    found = rng.integers(-top, top - 1, shape, endpoint=True) >> rng.integers(0, bits, shape)
    ends = np.array([-top, top - 1, 0, -1, 1])[: found.size]
    found.reshape(-1)[: ends.size] = ends
    return found
