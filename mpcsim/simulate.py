"""`simulate`: run programs as parties over an emulated network, and what came of it."""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from mpcsim.clock import Clock, VirtualClock, WallClock
from mpcsim.errors import UsageError
from mpcsim.meter import SpanCost, Traffic, collect_spans
from mpcsim.network import Links, Network
from mpcsim.party import Party
from mpcsim.scheduler import Compute, Scheduler
from mpcsim.trace import Trace

ClockName = Literal["virtual", "wall"]
Program = Callable[[Party], Awaitable[Any]]


@dataclass
class PartyCost:
    """What one party sent and, where compute is measured, the processor time of its code."""

    role: str
    sent: Traffic
    compute_ns: int

    def describe(self) -> dict[str, Any]:
        """Return the party's row in the run record."""
        return {
            "role": self.role,
            "payload_bytes": self.sent.payload_bytes,
            "wire_bytes": self.sent.wire_bytes,
            "messages": self.sent.messages,
            "compute_s": self.compute_ns / 1e9,
        }


@dataclass
class Run:
    """A finished run.

    Attributes:
        outputs: what the programs returned: a list by party, or a dict by role where roles were given.
        rounds: length of the longest chain of causally dependent messages.
        makespan_ns: virtual (or wall) nanoseconds until the last party finished.
        digest: hash over all messages (time, from, to, channel, wire bytes, payload).
        per_party: bytes and messages sent, and compute, by party.
        links: what was sent, by (from, to).
        spans: cost by span, parents first.
        observed: values handed to `party.observe`, by name and party.
        events: the trace, where one was asked for.
    """

    outputs: Any
    rounds: int
    makespan_ns: int
    digest: str
    per_party: list[PartyCost]
    links: dict[tuple[int, int], Traffic]
    spans: list[SpanCost]
    observed: dict[str, dict[int, list[Any]]]
    network: Network
    seed: int | None
    compute: Compute
    clock: ClockName
    wall_s: float
    events: list[dict[str, Any]] | None = field(default=None, repr=False)

    @property
    def makespan(self) -> float:
        """Seconds until the last party finished."""
        return self.makespan_ns / 1e9

    @property
    def messages(self) -> int:
        """Messages, summed over parties."""
        return sum(party.sent.messages for party in self.per_party)

    @property
    def payload_bytes(self) -> int:
        """Payload bytes, summed over parties."""
        return sum(party.sent.payload_bytes for party in self.per_party)

    @property
    def wire_bytes(self) -> int:
        """Wire bytes, summed over parties."""
        return sum(party.sent.wire_bytes for party in self.per_party)

    def span(self, name: str) -> SpanCost:
        """Return the first span of that name.

        Raises:
            UsageError: no span has that name.
        """
        for span in self.spans:
            if span.name == name:
                return span
        names = ", ".join(dict.fromkeys(span.name for span in self.spans)) or "none"
        raise UsageError(f"the run has no span {name!r}; its spans: {names}")


def simulate(
    program: Program | None = None,
    *,
    parties: int | None = None,
    roles: Mapping[str, Program] | None = None,
    network: Network | None = None,
    seed: int | None = None,
    compute: Compute = "none",
    clock: ClockName = "virtual",
    trace: bool = False,
) -> Run:
    """Run `program` as each of `parties` parties, or one program for each role.

    Works in a plain script and where an event loop already runs.

    Args:
        program: coroutine function that takes the `Party`.
        parties: how many parties run it (default 3).
        roles: instead of both: programs by role; a party's id is its position.
        network: the emulated network; by default messages take no time.
        seed: makes the run repeatable; without one, keys come from the operating system.
        compute: "none": network time alone; "measured": processor time advances each party's clock.
        clock: "virtual", or "wall" to wait in real time on uvloop.
        trace: keep every event.

    Raises:
        UsageError: arguments that do not fit together.
        DeadlockError, PartyError: the run did not finish.
    """
    programs, names = _cast(program, parties, roles)
    for name, value, accepted in (("compute", compute, Compute), ("clock", clock, ClockName)):
        if value not in get_args(accepted):
            raise UsageError(f"{name}={value!r}: accepted are {', '.join(get_args(accepted))}")
    network = network or Network()
    timer: Clock = VirtualClock() if clock == "virtual" else WallClock()
    recorder = Trace() if trace else None
    scheduler = Scheduler(timer, Links(network), compute, recorder)
    actors = [Party(id, names, scheduler, seed) for id in range(len(names))]
    started = time.perf_counter()
    try:
        scheduler.start(actors, _coroutines(programs, actors))
        scheduler.run()
    finally:
        if isinstance(timer, VirtualClock):
            timer.close()
    outputs = scheduler.outputs
    return Run(
        outputs=dict(zip(names, outputs, strict=True)) if roles is not None else outputs,
        rounds=scheduler.depth,
        makespan_ns=scheduler.finished_at,
        digest=scheduler.digest.hexdigest(),
        per_party=_per_party(scheduler, names),
        links=scheduler.sent,
        spans=collect_spans(scheduler.root),
        observed=scheduler.observed,
        network=network,
        seed=seed,
        compute=compute,
        clock=clock,
        wall_s=time.perf_counter() - started,
        events=recorder.events if recorder else None,
    )


def _cast(
    program: Program | None, parties: int | None, roles: Mapping[str, Program] | None
) -> tuple[list[Program], list[str]]:
    if roles is not None:
        if program is not None or parties is not None:
            raise UsageError("give either roles, or a program and a number of parties")
        if not roles:
            raise UsageError("roles is empty: give at least one role and its program")
        return list(roles.values()), list(roles)
    if program is None:
        raise UsageError("nothing to run: give a program, or roles")
    count = 3 if parties is None else parties
    if count < 1:
        raise UsageError(f"parties={count}: a run needs at least one party")
    return [program] * count, [f"party{id}" for id in range(count)]


def _coroutines(programs: list[Program], actors: list[Party]) -> list[Coroutine[Any, Any, Any]]:
    coroutines: list[Coroutine[Any, Any, Any]] = []
    for program, actor in zip(programs, actors, strict=True):
        coroutine = program(actor)
        if not inspect.iscoroutine(coroutine):
            for earlier in coroutines:
                earlier.close()
            raise UsageError(
                f"the program of {actor.role} is not a coroutine function: write "
                "`async def program(party): …`"
            )
        coroutines.append(coroutine)
    return coroutines


def _per_party(scheduler: Scheduler, names: list[str]) -> list[PartyCost]:
    costs = [
        PartyCost(name, Traffic(), spent) for name, spent in zip(names, scheduler.compute_ns, strict=True)
    ]
    for (sender, _), traffic in scheduler.sent.items():
        costs[sender].sent.add(traffic)
    return costs
