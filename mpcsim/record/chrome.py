"""The Chrome trace event format, which Perfetto and chrome://tracing open, from a run's events.

Every party is one track (a thread named after its role) with its spans; spans that overlap without
nesting, of concurrent sub-protocols, go to further tracks of the party. Every message is an arrow from
its send to its receipt. Times are microseconds, as the format wants.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mpcsim.errors import InputError
from mpcsim.paths import Path as SpanPath
from mpcsim.paths import from_text, in_text
from mpcsim.texts import shown, to_json

_LANES = 1000  # the most tracks of one party
_TICK = 0.001  # microseconds: how long a send or a receipt is drawn, so that arrows have ends
Event = Mapping[str, Any]


def write_trace(
    events: Iterable[Event],
    roles: Sequence[str],
    file: Path,
    *,
    finished: bool = True,
    phases: Sequence[str] = (),
) -> int:
    """Write a trace and return how many trace events it holds.

    Args:
        events: a run's events, as `Run.events` or `Record.events()` give them.
        roles: names of the parties, by id.
        file: what to write; an existing file is replaced.
        finished: whether the run came to its end; else the name of the process says that it did not.
        phases: names of the phases, in order of appearance.

    Raises:
        InputError: the file cannot be written.
    """
    found = trace_events(events, roles, finished=finished, phases=phases)
    try:
        with file.open("w", encoding="utf-8") as stream:
            stream.write('{"displayTimeUnit": "ms", "traceEvents": [\n')
            stream.write(",\n".join(to_json(event, None) for event in found))
            stream.write("\n]}\n")
    except OSError as error:
        raise InputError(f"{file}: cannot be written: {error.strerror}") from None
    return len(found)


def trace_events(
    events: Iterable[Event], roles: Sequence[str], *, finished: bool = True, phases: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return the trace events of a run's events."""
    visits = _Visits()
    found: list[dict[str, Any]] = []
    for event in events:
        party, time = event["party"], event["t"]
        visits.last = max(visits.last, time)
        if event["kind"] == "enter":
            visits.enter(party, event)
        elif event["kind"] == "leave":
            visits.leave(party, event)
        elif event["kind"] == "send":
            found += _end(event, "s", f"to {roles[event['peer']]}")
        elif event["kind"] == "recv":
            found += _end(event, "f", f"from {roles[event['peer']]}")
        elif event["kind"] == "phase":
            found.append(_base("i", party, time, _phase(event["value"], phases)) | {"s": "t"})
        elif event["kind"] == "abort":
            found.append(_base("i", party, time, f"abort: {shown(event['channel'])}") | {"s": "t"})
        elif event["kind"] in ("fault", "timeout"):
            found.append(_base("i", party, time, event["kind"]) | {"s": "t"})
    spans, lanes = visits.drawn()
    names = [_name("process_name", 0, "mpcsim" if finished else "mpcsim (unfinished run)")]
    for party, role in enumerate(roles):
        names.append(_name("thread_name", party * _LANES, role))
        extra = range(1, lanes.get(party, 1))
        names += [_name("thread_name", party * _LANES + lane, f"{role} (concurrent)") for lane in extra]
    return names + spans + found


class _Visits:
    """When each party was in which occurrence of a span: from its first entry to its last leaving."""

    def __init__(self) -> None:
        self.last = 0
        self._times: dict[tuple[int, int], list[Any]] = {}

    def enter(self, party: int, event: Event) -> None:
        key = (party, event["occurrence"])
        if key not in self._times:
            self._times[key] = [event["t"], None, from_text(event["span"])]

    def leave(self, party: int, event: Event) -> None:
        self._times[party, event["occurrence"]][1] = event["t"]

    def drawn(self) -> tuple[list[dict[str, Any]], dict[int, int]]:
        """Return the spans as trace events, and how many tracks each party needs."""
        found: list[dict[str, Any]] = []
        lanes: dict[
            int, list[list[tuple[int, SpanPath]]]
        ] = {}  # by party and lane: the spans that are open
        rows = [
            (party, start, self.last if end is None else end, span)
            for (party, _), (start, end, span) in self._times.items()
        ]
        for party, start, end, span in sorted(rows, key=lambda row: (row[1], -row[2])):
            own = lanes.setdefault(party, [[]])
            lane = _place(own, start, end, span)
            event = _base("X", party, start, shown(span[-1])) | {"dur": (end - start) / 1000}
            event["tid"] += lane
            event["args"] = {"span": in_text(span)}
            found.append(event)
        return found, {party: len(own) for party, own in lanes.items()}


def _place(lanes: list[list[tuple[int, SpanPath]]], start: int, end: int, span: SpanPath) -> int:
    """Return the first lane in which a span follows others or is within one of its own, and note it."""
    for number, open_spans in enumerate(lanes):
        while open_spans and open_spans[-1][0] <= start:
            open_spans.pop()
        around, path = open_spans[-1] if open_spans else (end, ())
        if not open_spans or (end <= around and len(path) < len(span) and span[: len(path)] == path):
            open_spans.append((end, span))
            return number
    if len(lanes) < _LANES:
        lanes.append([])
    lanes[-1].append((end, span))
    return len(lanes) - 1


def _end(event: Event, phase: str, text: str) -> list[dict[str, Any]]:
    """Return one end of a message's arrow: a short slice, and the flow event that is bound to it."""
    party, time = event["party"], event["t"]
    args = {key: event[key] for key in ("message", "channel", "payload_bytes", "wire_bytes")}
    piece = _base("X", party, time, text) | {"dur": _TICK, "cat": "message", "args": args}
    flow = _base(phase, party, time, "message") | {"cat": "message", "id": event["message"]}
    return [piece, flow | {"bp": "e"} if phase == "f" else flow]


def _phase(number: int | None, phases: Sequence[str]) -> str:
    if number is None:
        return "no phase"
    return f"phase {shown(phases[number]) if number < len(phases) else number}"


def _base(phase: str, party: int, time: int, name: str) -> dict[str, Any]:
    return {"ph": phase, "pid": 0, "tid": party * _LANES, "ts": time / 1000, "name": name}


def _name(what: str, thread: int, name: str) -> dict[str, Any]:
    return {"ph": "M", "pid": 0, "tid": thread, "name": what, "args": {"name": name}}
