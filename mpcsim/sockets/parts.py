"""What one party hands over at its end, and the spans in it: plain values that travel as a payload does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mpcsim.engine import Scheduler, Trace, Transport
from mpcsim.errors import InputError
from mpcsim.memory import peak_memory_mb
from mpcsim.metering import Digest, PhaseRun, SpanRun, Traffic
from mpcsim.sockets.exchange import Exchange
from mpcsim.sockets.wire import codec


def part_of(
    id: int,
    scheduler: Scheduler,
    transport: Transport,
    digest: Digest,
    trace: Trace | None,
    exchange: Exchange,
    observed: list[tuple[int, str, Any]],
) -> dict[str, Any]:
    """Return what a party's run came to, without its error."""
    output, problem = _travels(scheduler.outputs[id])
    seen = []
    for time, name, value in observed:
        value, wrong = _travels(value)
        problem = problem or wrong
        if not wrong:
            seen.append([time, name, value])
    return {
        "id": id,
        "outcome": scheduler.outcomes[id],
        "abort": scheduler.aborts.get(id),
        "output": output,
        "output_error": problem,
        "depth": scheduler.depth,
        "finished_at": max(scheduler.finished_at, 0),
        "links": {
            to: [one.messages, one.payload_bytes, one.wire_bytes]
            for (sender, to), one in transport.links.items()
            if sender == id
        },
        "spans": _spans(scheduler.root, id),
        "compute_ns": scheduler.compute_ns[id],
        "observed": seen,
        "payloads": digest.payloads(),
        "digest": digest.hexdigest(),
        "events": None if trace is None else list(trace.table()),
        "arrivals": {sender: list(times) for sender, times in exchange.arrivals.items()},
        "phases": [
            [name, *map(list, phase.stretches()), phase.compute_ns.get(id, 0)]
            for name, phase in scheduler.phases.items()
        ],
        "phased": exchange.phased,
        "timeouts": scheduler.timeouts,
        "shared": list(scheduler.shared),
        "clock_reads": scheduler.clock_reads,
        "peak_memory_mb": peak_memory_mb(),
    }


def _travels(value: Any) -> tuple[Any, str]:
    """Return a value and "" if it can travel; else None and why not."""
    try:
        codec.encode(value, objects=True)
    except InputError as error:
        return None, str(error)
    return value, ""


def _spans(root: SpanRun, party: int) -> list[list[Any]]:
    """Return the occurrences of spans, parents first: numbers, keys, depths, times, what was sent."""
    found: list[list[Any]] = []
    todo: list[tuple[SpanRun, int, tuple[str, str, int]]] = [(root, -1, ("", "", 0))]
    while todo:
        run, parent, (name, group, occurrence) = todo.pop()
        sent = [
            [None if phase is None else phase.number, to, row.messages, row.payload_bytes, row.wire_bytes]
            for (_, phase), accounts in run.sent.items()
            for to, row in accounts.items()
        ]
        found.append(
            [
                run.number, parent, name, group, occurrence, run.op,
                None if run.phase is None else run.phase.number,
                run.entered_depth, run.entered_at, run.left_depth, run.left_at,
                sent, run.compute_ns.get(party, 0),
            ]
        )  # fmt: skip
        todo += [(child, run.number, key) for key, child in run.children.items()]
    return found


Phases = dict[tuple[int, int], PhaseRun]
"""By party and its own number of a phase: that of the whole run."""

Occurrences = dict[tuple[int, int], SpanRun]
"""By party and its own number of an occurrence: the one of the whole run."""


def merged_phases(parts: Sequence[Mapping[str, Any]]) -> tuple[dict[str, PhaseRun], Phases]:
    """Return the phases of all parties, by name, in the order in which somebody was first in one."""
    firsts = [
        (times[0][0] if times else 0, part["id"], number, name)
        for part in parts
        for number, (name, times, _, _) in enumerate(part["phases"])
    ]
    named: dict[str, PhaseRun] = {}
    known: Phases = {}
    for _, id, number, name in sorted(firsts):
        known[id, number] = named.setdefault(name, PhaseRun(name, len(named)))
    for part in parts:
        id = part["id"]
        for number, (_, times, depths, compute) in enumerate(part["phases"]):
            known[id, number].include(map(tuple, times), map(tuple, depths))
            if compute:
                known[id, number].compute_ns[id] = compute
        for number, to, place, sent in part["phased"]:
            arrivals = parts[to]["arrivals"].get(id, ())
            if place < len(arrivals):
                known[id, number].take(sent, max(sent, arrivals[place]))
    return named, known


def merged_spans(parts: Sequence[Mapping[str, Any]], phases: Phases) -> tuple[SpanRun, Occurrences]:
    """Return the spans of all parties as one tree, as they would have entered them in one process."""
    root, known, count = SpanRun("", None, None, 0), Occurrences(), 0
    for part in parts:
        id = part["id"]
        for number, parent, name, group, occurrence, op, own, *rest in part["spans"]:
            phase = None if own is None else phases[id, own]
            if parent < 0:
                run = root
            else:
                outer, key = known[id, parent], (name, group, occurrence)
                if key not in outer.children:
                    count += 1
                    outer.children[key] = SpanRun(name, op, outer, count, phase)
                run = outer.children[key]
            known[id, number] = run
            entered_depth, entered_at, left_depth, left_at, sent, compute = rest
            run.enter(entered_depth, entered_at, phase)
            run.leave(left_depth, left_at)
            for within, to, *counts in sent:
                accounts = run.accounts(id, None if within is None else phases[id, within])
                accounts.setdefault(to, Traffic()).add(Traffic(*counts))
            if compute:
                run.compute_ns[id] = compute
    return root, known
