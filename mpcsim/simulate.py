"""`simulate`: run programs as parties over an emulated network, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

from mpcsim.arguments import Program, cast, coroutines, network_of, seed_of
from mpcsim.engine import (
    Clock,
    Compute,
    Party,
    Scheduler,
    Stopwatch,
    Trace,
    Transport,
    VirtualClock,
    WallClock,
    failure,
)
from mpcsim.errors import InputError, Interrupted, MpcsimError, RunError, UsageError
from mpcsim.faults import Attack, Attacked, Injector, Slow, check_ends, corrupt, read_faults
from mpcsim.memory import keep_freed_memory, patient_collector
from mpcsim.metering import Digest, PartyCost, collect_spans, payload_digest
from mpcsim.network import Network, party_id
from mpcsim.record import ClockName, Run
from mpcsim.tcp import emulate


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
    adversaries: Mapping[str, Attack] | None = None,
    speed: Mapping[str, float] | None = None,
    check_payloads: bool = False,
    audit: bool = False,
    payloads: bool = False,
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
        adversaries: by role, a coroutine function of the party and of the honest program, which runs in
            its place; `mpcsim.Puppet` is a party on which it may run that.
        speed: by role, how fast the party's processor is: 0.5 is half as fast as this one.
        check_payloads: refuse a payload that changed between send and delivery (slow; for debugging).
        audit: keep a row for each message, to compare two runs event by event.
        payloads: hash what each channel carried too, for `Run.payload_digest` (a tenth of a message).
        watch: called with the scheduler before the run starts; reads how far it is.
        observer: takes (name, party, value) of every `party.observe`; else `Run.observed` keeps them.

    Raises:
        UsageError: arguments that do not fit together.
        InputError: a network, a fault or a speed that does not fit the parties.
        DeadlockError, PartyError: the run did not finish; `run` of the error is how far it went.
        Interrupted: a `KeyboardInterrupt` that has the `run` as far as it went.
    """
    programs, names = cast(program, parties, roles)
    programs = list(corrupt(dict(zip(names, programs, strict=True)), adversaries or {}).values())
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
        digest = Digest(auditing=audit, payloads=payloads)
        emulator = emulate(network, names, timer, seed, recorder)
        injector = Injector(rules, names, emulator, digest, seed) if rules else None
        transport = Transport(timer, emulator, digest, injector, checking=check_payloads)
        stopwatch = None
        if compute == "measured":
            stopwatch = Stopwatch(timer, speeds, _full_speed if injector is None else injector.slowness)
        scheduler = Scheduler(timer, transport, stopwatch, recorder, injector)
        scheduler.observer = observer
        actors = [Party(id, names, scheduler, seed, occasion) for id in range(len(names))]
        for actor, own in zip(actors, programs, strict=True):
            actor.corrupted = isinstance(own, Attacked)
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
        phases={name: phase.cost() for name, phase in scheduler.phases.items()},
        observed=scheduler.observed,
        network=network,
        seed=seed,
        compute=compute,
        clock=clock,
        wall_s=time.perf_counter() - started,
        events=recorder,
        faults=[] if injector is None else injector.acts,
        aborts={names[party]: reason for party, reason in scheduler.aborts.items()},
        timeouts=scheduler.timeouts,
        resent=emulator.resent,
        shared=scheduler.shared,
        clock_reads=scheduler.clock_reads,
        error=problem,
        outcomes=dict(zip(names, scheduler.outcomes, strict=True)),
        adversaries=[actor.role for actor in actors if actor.corrupted],
        audit=digest.audit,
        payload_digest=payload_digest([digest.payloads()]) if payloads else "",
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
