"""The messages of a span, with their times: what a message diagram and a timeline are drawn from.

Where a run can be retimed, they come with the span's critical path and with when each left its uplink;
where it cannot, with the times that the events hold alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.critical import Walker, sends_within
from analysis.retime.retiming import NotRetimable, Retiming, load
from mpcsim import InputError
from mpcsim.paths import Path, from_text, in_short, in_text, span_paths
from mpcsim.record import Record
from mpcsim.scenario import unknown
from mpcsim.texts import to_json


@dataclass(frozen=True)
class Message:
    """One message. Times are nanoseconds.

    Attributes:
        source, to: ids of the parties.
        sent: when the sender sent it.
        starts, leaves: when its first bit enters, its last bit leaves the uplink; both `sent` if unknown.
        arrival: None where it never came.
        span: the innermost around it, as people read it.
        critical: it is on the span's critical path.
    """

    source: int
    to: int
    sent: int
    starts: int
    leaves: int
    arrival: int | None
    wire_bytes: int
    span: str
    critical: bool = False


@dataclass(frozen=True)
class Messages:
    """The messages of a span, in the order in which they were sent.

    Attributes:
        path: of the span; () for the whole run.
        roles: of the parties, by id.
        begin, end: of the span, in nanoseconds: first entry and last exit.
        rows: the messages.
        note: why there is no critical path, or "".
        count: how many occurrences the span has.
        number: the one that this is, from 1; 0 for all of them.
    """

    path: Path
    roles: list[str]
    begin: int
    end: int
    rows: list[Message]
    note: str = ""
    count: int = 1
    number: int = 0


def messages_of(record: Record, span: str | None = None) -> Messages:
    """Return the messages of a span, or of the whole run.

    Args:
        record: of the run.
        span: see `find_span`; None for the run. "conv1#2" is the second occurrence of a span that is
            entered several times.

    Raises:
        InputError: there is no such span or occurrence, or the run has no events.
    """
    if span is None:
        return messages_within(record, ())
    paths = span_paths(record.summary["spans"])
    name, _, number = span.rpartition("#")
    if number.isdecimal() and not candidates(span, paths) and candidates(name, paths):
        return messages_within(record, find_span(record, name, paths), int(number))
    return messages_within(record, find_span(record, span, paths))


def messages_within(record: Record, path: Path, number: int = 0) -> Messages:
    """Return the messages of the span of a path, all of them or of its occurrence `number`, from 1.

    Raises:
        InputError: there is no such occurrence, or the run has no events.
    """
    try:
        return _retimed(load(record), path, number)
    except NotRetimable as error:
        if number:
            raise
        return _recorded(record, path, str(error).partition(": ")[2])


def candidates(span: str, paths: Sequence[Path]) -> list[Path]:
    """Return the spans that a text may mean: as the text of a path, a JSON list of names, or a name."""
    names = _names(span)
    if names in paths:
        return [names]
    found = [path for path in paths if span == in_text(path) or span == "/".join(path)]
    return found or [path for path in paths if path[-1] == span][:1]


def find_span(record: Record, span: str, paths: Sequence[Path]) -> Path:
    r"""Return the path that a text means.

    That is the text of a path ("inference/conv1"; a "/" in a name is written "\/"), a JSON list of names
    ('["inference", "conv1"]'), or a name (of several spans, the first).

    Raises:
        InputError: it means none, or could mean several.
    """
    found = candidates(span, paths)
    if len(found) > 1:
        either = " or ".join(to_json(list(path), None) for path in found)
        raise InputError(f"--span {span}: could be several spans; accepted: {either}")
    if not found:
        raise InputError(f"{record.folder}: span {unknown(span, list(map(in_short, paths)), 'name')}")
    return found[0]


def _names(span: str) -> Path:
    """Return the names of a JSON list, () where a text is none."""
    try:
        names = json.loads(span) if span.startswith("[") else []
    except ValueError:
        return ()
    return tuple(names) if all(isinstance(name, str) for name in names) else ()


def _retimed(retiming: Retiming, path: Path, number: int) -> Messages:
    structure = retiming.structure
    timing = retiming.over(retiming.network)
    walker = Walker(structure, timing, retiming.network)
    count = 1
    if path:
        row = span_paths(retiming.spans).index(path)
        occurrences = sorted(
            retiming.occurrences[row], key=lambda one: max(timing.times[at] for at in one.enters)
        )
        count = len(occurrences)
        if number > count:
            raise InputError(
                f"{retiming.record.folder}: span {in_short(path)}#{number}: accepted: #1 to #{count}"
            )
        occurrences = occurrences[number - 1 : number] if number else occurrences
        sends, critical = sends_within(structure, occurrences), walker.span(occurrences)
        begin = min((timing.times[at] for one in occurrences for at in one.enters), default=0)
        end = max((timing.times[at] for one in occurrences for at in one.leaves), default=0)
    else:
        sends, critical = sorted(structure.sends.values()), walker.run()
        begin, end = 0, timing.makespan_ns
    marked = set(critical.messages)
    rows = []
    for send in sends:
        starts, leaves = walker.sent(send)
        _, _, to, wire_bytes, _ = structure.ops[send]
        name = in_short(structure.occurrences[structure.spans[send]].path)
        rows.append(
            Message(
                structure.party_of(send), to, timing.times[send], starts, leaves,
                timing.arrivals[send], wire_bytes, name, send in marked,
            )
        )  # fmt: skip
    rows.sort(key=lambda message: message.sent)
    return Messages(path, structure.roles, begin, end, rows, "", count, number)


def _recorded(record: Record, path: Path, note: str) -> Messages:
    """Return what the events alone say: without uplinks and critical path."""
    rows, begin, end = [], None, 0
    for event in _within(record, path):
        begin = event["t"] if begin is None else begin
        end = max(end, event["t"])
        if event["kind"] == "send":
            sent = event["t"]
            rows.append(
                Message(
                    event["party"], event["peer"], sent, sent, sent, event["arrival"],
                    event["wire_bytes"], in_short(from_text(event["span"])),
                )
            )  # fmt: skip
    roles = [party["role"] for party in record.summary["per_party"]]
    return Messages(path, roles, begin or 0, end, rows, note)


def _within(record: Record, path: Path) -> Iterator[dict[str, Any]]:
    for event in record.events():
        if from_text(event["span"])[: len(path)] == path:
            yield event
