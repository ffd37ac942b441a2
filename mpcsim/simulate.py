"""`simulate`: run programs as parties over an emulated network, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from mpcsim import failure
from mpcsim.arguments import Program, cast, coroutines, network_of, seed_of
from mpcsim.clock import Clock, VirtualClock, WallClock
from mpcsim.compute import Stopwatch
from mpcsim.emulation import emulate
from mpcsim.errors import InputError, Interrupted, MpcsimError, RunError, UsageError
from mpcsim.faults import Slow, read_faults
from mpcsim.garbage import patient_collector
from mpcsim.injector import Injector, check_ends
from mpcsim.laws import party_id
from mpcsim.memory import keep_freed_memory
from mpcsim.meter import Digest, PartyCost, SpanCost, Traffic, collect_spans
from mpcsim.network import Network
from mpcsim.notebook import Shown
from mpcsim.party import Party
from mpcsim.scheduler import Compute, Outcome, Scheduler
from mpcsim.texts import shown
from mpcsim.trace import Trace
from mpcsim.transport import Transport

ClockName = Literal["virtual", "wall"]


@dataclass
class Run(Shown):
    """A run: its results and costs; of one that did not finish, as far as it went.

    Attributes:
        outputs: what the programs returned: a list by party, or a dict by role where roles were given.
        rounds: length of the longest chain of causally dependent messages.
        makespan_ns: virtual (or wall) nanoseconds until the last party finished, or the run stopped.
        digest: hash over all messages (time, from, to, channel, wire bytes, payload).
        per_party: bytes and messages sent, and compute, by party.
        links: what was sent, by (from, to).
        spans: cost by span, parents first.
        observed: values handed to `party.observe`, by name and party, where no observer took them.
        events: the trace, where one was asked for.
        faults: what the rules of faults did, in order (the first thousand).
        timeouts: how many waits had a timeout; where there is one, a run cannot be retimed.
        resent: segments that were sent again after loss.
        shared: what concurrent sub-protocols of a party shared and changed, by party and variable: what
            they do may depend on the network, and `rounds` count a change as heard by all who share it.
        clock_reads: how often protocols looked at `party.now`: what they did then, the network decides.
        error: what ended the run, where it did not finish.
        outcomes: what became of each party, by role: "finished"; "failed": it raised, or had not come to
            its end when the run stopped; "crashed": a fault stopped it.
    """

    outputs: Any
    rounds: int
    makespan_ns: int
    digest: str
    per_party: list[PartyCost]
    links: Mapping[tuple[int, int], Traffic]
    spans: list[SpanCost]
    observed: dict[str, dict[int, list[Any]]]
    network: Network
    seed: int | None
    compute: Compute
    clock: ClockName
    wall_s: float
    events: Sequence[dict[str, Any]] | None = field(default=None, repr=False)
    faults: list[dict[str, Any]] = field(default_factory=list, repr=False)
    timeouts: int = 0
    resent: int = 0
    shared: list[dict[str, str]] = field(default_factory=list, repr=False)
    clock_reads: int = 0
    error: MpcsimError | Interrupted | None = field(default=None, repr=False)
    outcomes: dict[str, Outcome] = field(default_factory=dict, repr=False)
    audit: list[tuple[Any, ...]] | None = field(default=None, repr=False)

    @property
    def finished(self) -> bool:
        """Whether the run came to its end; parties that a fault crashed do not keep it from that."""
        return self.error is None

    @property
    def makespan(self) -> float:
        """Seconds until the last party finished, or the run stopped."""
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

    def span(self, name: str | Sequence[str]) -> SpanCost:
        """Return the first span of that name, or the span of a path: a list of names.

        Raises:
            UsageError: there is no such span.
        """
        for span in self.spans:
            if span.name == name or (not isinstance(name, str) and span.path == tuple(name)):
                return span
        names = ", ".join(dict.fromkeys(shown(span.name) for span in self.spans)) or "none"
        raise UsageError(f"the run has no span {name!r}; its spans: {names}")


@patient_collector()
def simulate(
    program: Program | None = None,
    *,
    parties: int | None = None,
    roles: Mapping[str, Program] | None = None,
    network: Network | None = None,
    seed: int | None = None,
    occasion: str = "",
    compute: Compute = "none",
    clock: ClockName = "virtual",
    trace: bool = False,
    faults: Sequence[Any] = (),
    speed: Mapping[str, float] | None = None,
    check_payloads: bool = False,
    audit: bool = False,
    watch: Callable[[Scheduler], None] | None = None,
    observer: Callable[[str, int, Any], None] | None = None,
) -> Run:
    """Run `program` as each of `parties` parties, or one program for each role.

    Works in a plain script and where an event loop already runs.

    Args:
        program: coroutine function that takes the `Party`.
        parties: how many parties run it (default 3).
        roles: instead of both: programs by role; a party's id is its position.
        network: the emulated network; by default messages take no time.
        seed: makes the run repeatable; without one, keys come from the operating system.
        occasion: sets the parties' secret bytes apart from those of other runs with this seed.
        compute: "none": network time alone; "measured": processor time advances each party's clock.
        clock: "virtual", or "wall" to wait in real time on uvloop.
        trace: keep every event.
        faults: rules of `mpcsim.faults`, or tables as in a scenario's `[[faults]]`.
        speed: by role, how fast the party's processor is: 0.5 is half as fast as this one.
        check_payloads: refuse a payload that changed between send and delivery (slow; for debugging).
        audit: keep a row for each message, to compare two runs event by event.
        watch: called with the scheduler before the run starts; reads how far it is.
        observer: takes (name, party, value) of every `party.observe`; else `Run.observed` keeps them.

    Raises:
        UsageError: arguments that do not fit together.
        InputError: a network, a fault or a speed that does not fit the parties.
        DeadlockError, PartyError: the run did not finish; `run` of the error is how far it went.
        Interrupted: a `KeyboardInterrupt` that has the `run` as far as it went.
    """
    programs, names = cast(program, parties, roles)
    for name, value, accepted in (("compute", compute, Compute), ("clock", clock, ClockName)):
        if value not in get_args(accepted):
            raise UsageError(f"{name}={value!r}: accepted are {', '.join(get_args(accepted))}")
    network, seed = network_of(network), seed_of(seed)
    rules = read_faults(faults)
    speeds = _speeds(speed or {}, names)
    if compute == "none":
        _needs_measuring(rules, speed)
    keep_freed_memory()
    timer: Clock = VirtualClock() if clock == "virtual" else WallClock()
    started = time.perf_counter()
    try:
        recorder = Trace() if trace else None
        digest = Digest(auditing=audit)
        emulator = emulate(network, names, timer, seed, recorder)
        injector = Injector(rules, names, emulator, digest, seed) if rules else None
        transport = Transport(timer, emulator, digest, injector, checking=check_payloads)
        stopwatch = None
        if compute == "measured":
            stopwatch = Stopwatch(timer, speeds, _full_speed if injector is None else injector.slowness)
        scheduler = Scheduler(timer, transport, stopwatch, recorder, injector)
        scheduler.observer = observer
        actors = [Party(id, names, scheduler, seed, occasion) for id in range(len(names))]
        scheduler.start(actors, coroutines(programs, actors))
        if watch is not None:
            watch(scheduler)
        problem: MpcsimError | Interrupted | None = None
        try:
            scheduler.run()
            if injector is not None:
                injector.check_spans(scheduler.root)
        except (MpcsimError, Interrupted) as error:
            problem = error
    finally:
        if isinstance(timer, VirtualClock):
            timer.close()
    outputs = scheduler.outputs
    run = Run(
        outputs=dict(zip(names, outputs, strict=True)) if roles is not None else outputs,
        rounds=scheduler.depth,
        makespan_ns=scheduler.finished_at,
        digest=digest.hexdigest(),
        per_party=_per_party(scheduler, names),
        links=transport.links,
        spans=collect_spans(scheduler.root),
        observed=scheduler.observed,
        network=network,
        seed=seed,
        compute=compute,
        clock=clock,
        wall_s=time.perf_counter() - started,
        events=recorder,
        faults=[] if injector is None else injector.acts,
        timeouts=scheduler.timeouts,
        resent=emulator.resent,
        shared=scheduler.shared,
        clock_reads=scheduler.clock_reads,
        error=problem,
        outcomes=dict(zip(names, scheduler.outcomes, strict=True)),
        audit=digest.audit,
    )
    if problem is not None:
        raise _explained(problem, run, scheduler)
    return run


def _explained(
    problem: MpcsimError | Interrupted, run: Run, scheduler: Scheduler
) -> MpcsimError | Interrupted:
    """Return the error with what faults did, the seed that repeats it, and the run so far."""
    problem.run = run
    acted = failure.faults(run.faults)
    if acted:
        problem.add_note(acted)
    if isinstance(problem, RunError | Interrupted):
        seed = "none was given, so this run cannot be repeated" if run.seed is None else f"{run.seed}"
        problem.add_note(f"seed: {seed}")
    return problem


def check_parties(
    names: Sequence[str], network: Network, rules: Sequence[Any], speed: Mapping[str, float]
) -> None:
    """Refuse a network, rules of faults or speeds that name parties that are not there.

    Raises:
        InputError: with the key path.
    """
    network.resolve(names)
    check_ends(rules, names)
    _speeds(speed, names)


def _speeds(speed: Mapping[str, float], names: Sequence[str]) -> list[float]:
    speeds = [1.0] * len(names)
    for role, value in speed.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 1e-6 <= value <= 1e6:
            raise InputError(f"engine.speed.{role}: found {value!r}; accepted: a number from 1e-6 to 1e6")
        speeds[party_id(role, names, f"engine.speed.{role}")] = float(value)
    return speeds


def _needs_measuring(rules: Sequence[Any], speed: Mapping[str, float] | None) -> None:
    """Refuse what would have no effect, since compute takes no time."""
    keys = [f"faults.{number}" for number, rule in enumerate(rules) if isinstance(rule, Slow)]
    keys += ["engine.speed"] if speed else []
    if keys:
        raise InputError(
            f"{keys[0]}: has no effect while compute takes no time; accepted with "
            'engine.compute = "measured"'
        )


def _full_speed(_party: int, _now: int) -> float:
    return 1.0


def _per_party(scheduler: Scheduler, names: list[str]) -> list[PartyCost]:
    sent = scheduler.transport.links.of_sender
    return [PartyCost(name, sent(id), scheduler.compute_ns[id]) for id, name in enumerate(names)]
