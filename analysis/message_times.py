"""The messages of a span, with their times: what a message diagram and a timeline are drawn from.

Where a run can be retimed, they come with the span's critical path and with when each left its uplink;
where it cannot, with the times that the events hold alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from analysis.critical import Walker, sends_within
from analysis.retime import NotRetimable, Retiming, load
from mpcsim import InputError
from mpcsim.notebook import span_paths
from mpcsim.record import Record
from mpcsim.scenario import unknown


@dataclass(frozen=True)
class Message:
    """One message. Times are nanoseconds.

    Attributes:
        source, to: ids of the parties.
        sent: when the sender sent it.
        starts, leaves: when its first bit enters, its last bit leaves the uplink; both `sent` if unknown.
        arrival: None where it never came.
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
        path: of the span; "" for the whole run.
        roles: of the parties, by id.
        begin, end: of the span, in nanoseconds: first entry and last exit.
        rows: the messages.
        note: why there is no critical path, or "".
        count: how many occurrences the span has.
        number: the one that this is, from 1; 0 for all of them.
    """

    path: str
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
        span: its path, or its name (the first span of that name); None for the run. "conv1#2" is
            the second occurrence of a span that is entered several times.

    Raises:
        InputError: there is no such span or occurrence, or the run has no events.
    """
    name, hash_, number = ("", "", "") if span is None else span.rpartition("#")
    chosen = int(number) if hash_ and number.isdecimal() else 0
    path = "" if span is None else _find(record, name if chosen else span)
    try:
        return _retimed(load(record), path, chosen)
    except NotRetimable as error:
        if chosen:
            raise
        return _recorded(record, path, str(error).partition(": ")[2])


def _find(record: Record, span: str) -> str:
    rows = record.summary["spans"]
    paths, names = span_paths(rows), [row["name"] for row in rows]
    if span in paths:
        return span
    if span in names:
        return paths[names.index(span)]
    raise InputError(f"{record.folder}: span {unknown(span, paths, 'name')}")


def _retimed(retiming: Retiming, path: str, number: int) -> Messages:
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
            raise InputError(f"{retiming.record.folder}: span {path}#{number}: accepted: #1 to #{count}")
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
        name = structure.occurrences[structure.spans[send]].path
        rows.append(
            Message(
                structure.party_of(send), to, timing.times[send], starts, leaves,
                timing.arrivals[send], wire_bytes, name, send in marked,
            )
        )  # fmt: skip
    rows.sort(key=lambda message: message.sent)
    return Messages(path, structure.roles, begin, end, rows, "", count, number)


def _recorded(record: Record, path: str, note: str) -> Messages:
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
                    event["wire_bytes"], event["span"],
                )
            )  # fmt: skip
    roles = [party["role"] for party in record.summary["per_party"]]
    return Messages(path, roles, begin or 0, end, rows, note)


def _within(record: Record, path: str) -> Iterator[dict[str, Any]]:
    try:
        for event in record.events():
            if not path or event["span"] == path or event["span"].startswith(f"{path}/"):
                yield event
    except (KeyError, TypeError) as error:
        raise InputError(f"{record.folder}: damaged events: {type(error).__name__}: {error}") from None
