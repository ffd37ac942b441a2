"""One party's process: it meets the others, runs its program, and hands over its part of the record."""

from __future__ import annotations

import json
import queue
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mpcsim import log
from mpcsim.arguments import coroutines
from mpcsim.engine import Party, Scheduler, Stopwatch, Trace, Transport
from mpcsim.errors import InputError, Interrupted, MpcsimError
from mpcsim.faults import Attacked
from mpcsim.memory import keep_freed_memory, patient_collector
from mpcsim.metering import Digest
from mpcsim.scenario import Program, Scenario
from mpcsim.sockets import refusals
from mpcsim.sockets.exchange import Exchange, SocketClock
from mpcsim.sockets.parts import part_of
from mpcsim.sockets.wire import (
    BYE,
    COLLECTOR,
    PART,
    Acceptor,
    End,
    Hello,
    Hosts,
    Link,
    LinkLost,
    certificates,
    connect,
    control,
    describe,
    listen,
    message,
    part,
    scenario_digest,
    start_together,
)
from mpcsim.texts import to_json


@dataclass(frozen=True)
class Options:
    """How a party takes part.

    Attributes:
        plaintext: whether connections are not encrypted.
        reproducible: whether keys and masks come from the scenario's seed.
        open: whether what parties observe, shares among it, goes to who collects the record.
        run: sets this run apart from others between the same addresses.
    """

    plaintext: bool = False
    reproducible: bool = False
    open: bool = False
    run: str = ""


class _Apart(Party):
    """A party whose peers run elsewhere."""

    apart = True


def end_of(scenario: Scenario, roles: list[str], role: str, hosts: Hosts, options: Options) -> End:
    """Return this end of all connections.

    Raises:
        InputError: no such role, or no certificate of it.
    """
    if role != COLLECTOR and role not in roles:
        raise InputError(f"--role {role}: not of this scenario; accepted: {', '.join(roles)}")
    contexts = None
    if not options.plaintext:
        if hosts.certificates is None:
            raise InputError("no folder of certificates is known; `mpcsim certificates` makes them")
        contexts = certificates.contexts(hosts.certificates, role)
    hello = Hello(role, "", scenario_digest(scenario), len(roles), options.reproducible, options.run)
    return End(hello, roles, hosts.limits, contexts)


@patient_collector()
def run_party(
    scenario: Scenario,
    program: Program,
    role: str,
    hosts: Hosts,
    options: Options,
    listener: socket.socket | None = None,
    started: Callable[[], None] | None = None,
) -> dict[str, Any]:
    """Run one role to its end, and hand its part to who collects the record.

    Args:
        scenario: what is run; every party has the same.
        program: what its workload built.
        role: which of its programs runs here.
        hosts: where the others are.
        options: encryption and keys.
        listener: a socket that listens already; None: this one listens where the hosts say.
        started: called when all are there.

    Returns:
        The part.

    Raises:
        MpcsimError: the run did not finish; its attribute `part` is how far this party went.
    """
    roles = list(program.roles)
    refusals.check(scenario, roles)
    end = end_of(scenario, roles, role, hosts, options)
    own, begun = roles.index(role), time.monotonic()
    keep_freed_memory()
    if listener is None:
        listener = listen(hosts.parties[role])
    links, acceptor, beside = connect(end, lambda take: Acceptor(end, listener, take), hosts.parties)
    exchange: Exchange | None = None
    problem: MpcsimError | Interrupted | None = None
    found: dict[str, Any] = {}
    try:
        origin = start_together(links, own, time.monotonic() + hosts.limits.wait)
        exchange = Exchange(links, own, hosts.limits, beside)
        if started is not None:
            started()
        found = _run(scenario, program, own, exchange, origin, options)
        found["startup_s"] = origin / 1e9 - begun
        problem = found.pop("problem")
    except (MpcsimError, Interrupted) as error:  # at the barrier
        problem = error
        found = {"id": own, "outcome": "failed"}
    except BaseException:  # a defect: raised on, with nothing left open
        acceptor.close()
        raise
    found["error"] = None if problem is None else describe(problem, role)
    why = None if problem is None else found["error"]
    part(links.values(), why)
    collector = None if exchange is None else exchange.collector
    try:
        _hand_over(found, collector, beside, hosts, failed=why is not None)
    finally:
        acceptor.close()  # who collects may come only now
    if problem is not None:
        problem.part = found  # type: ignore[union-attr]  # for who keeps it
        raise problem
    return found


def _run(
    scenario: Scenario, program: Program, own: int, exchange: Exchange, origin: int, options: Options
) -> dict[str, Any]:
    """Run the program; return this party's part, and as `problem` what ended it early."""
    roles, engine = list(program.roles), scenario.engine
    recorder = Trace() if engine.trace else None
    digest = Digest()
    clock = SocketClock(origin, exchange)
    transport = Transport(clock, exchange, digest)
    stopwatch = None
    if engine.compute == "measured":
        stopwatch = Stopwatch(clock, [1.0] * len(roles), lambda _party, _now: 1.0)
    scheduler = Scheduler(clock, transport, stopwatch, recorder)
    observed: list[tuple[int, str, Any]] = []
    keep = options.open or options.reproducible
    scheduler.observer = lambda name, _, value: observed.append((clock.now, name, value)) if keep else None
    seed = scenario.seed if options.reproducible else None
    occasion = "" if program.begin is None else program.begin()
    actors: list[Party] = [_Apart(id, roles, scheduler, seed, occasion) for id in range(len(roles))]
    for actor, one in zip(actors, program.roles.values(), strict=True):
        actor.corrupted = isinstance(one, Attacked)
    exchange.attach(clock, scheduler, transport, actors)
    (own_coroutine,) = coroutines([list(program.roles.values())[own]], [actors[own]])
    scheduler.start(actors, [own_coroutine if id == own else None for id in range(len(roles))])
    problem: MpcsimError | Interrupted | None = None
    time.sleep(max(origin - time.perf_counter_ns(), 0) / 1e9)
    try:
        scheduler.run()
    except (MpcsimError, Interrupted) as error:
        problem = error
    finally:
        exchange.close()
    found = part_of(own, scheduler, transport, digest, recorder, exchange, observed)
    return found | {"problem": problem}


def _hand_over(
    found: Mapping[str, Any],
    collector: Link | None,
    beside: queue.SimpleQueue[Any],
    hosts: Hosts,
    *,
    failed: bool,
) -> None:
    """Send the part to who collects the record; where nobody has come so far, wait a while."""
    until = time.monotonic() + (min(5.0, hosts.limits.collect) if failed else hosts.limits.collect)
    while collector is None:
        try:
            one = beside.get(timeout=max(until - time.monotonic(), 0))
        except queue.Empty:
            log.info("nobody collected the record")
            return
        collector = one if isinstance(one, Link) and one.peer < 0 else None
    try:
        if not collector.closed:
            collector.put(message(0, 0, dict(found), PART))
            collector.drain(time.monotonic() + 60)
            collector.put([control(BYE)])
            collector.await_frame(time.monotonic() + 10)
    except LinkLost:  # it has what it has
        pass
    collector.close()


def keep_part(folder: Path, found: Mapping[str, Any], scenario: Scenario, role: str) -> Path:
    """Write what a party itself knows of its run, and return the file.

    Raises:
        InputError: it cannot be written.
    """
    row = {
        "name": scenario.name,
        "role": role,
        "finished": found["error"] is None,
        "error": found["error"],
        "outcome": found["outcome"],
        "rounds": found.get("depth", 0),
        "makespan_s": found.get("finished_at", 0) / 1e9,
        "startup_s": found.get("startup_s"),
        "sent": {
            str(to): dict(zip(("messages", "payload_bytes", "wire_bytes"), row, strict=True))
            for to, row in found.get("links", {}).items()
        },
    }
    file = folder / "party.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text(to_json(row) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{file}: cannot be written: {error.strerror}") from None
    return file


def read_job(file: Path) -> dict[str, Any]:
    """Return what `mpcsim.sockets.processes` wrote for its children."""
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found
