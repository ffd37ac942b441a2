"""The causal structure of a run, read from its record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from analysis.replay.checks import Damaged, check
from analysis.replay.structure import (
    ANY,
    END,
    FORK,
    NAMES,
    PHASE,
    RECV,
    SEND,
    SHARED,
    SLEEP,
    STAGE,
    NotRetimable,
    Occurrence,
    Op,
    Structure,
)
from mpcsim import InputError
from mpcsim.faults import Delay, Duplicate
from mpcsim.paths import from_text
from mpcsim.record import Record

_KINDS = {name: kind for kind, name in enumerate(NAMES)}
_UNPLAYABLE = {
    "abort": "a party aborted, and the network decides what the others had done when they heard of it",
    "timeout": "the run used a timeout, and the network decides which way that goes",
    "outside": "a protocol awaited something of asyncio, whose time no event holds (use party.sleep)",
    "cancel": "an error cancelled concurrent sub-protocols, and the network decides where they were then",
    "clock": "a protocol looked at its clock (party.now), and the network decides what it says",
    "fault": "a fault stopped a party, at a time that the network decides",
}


def read_structure(record: Record) -> Structure:
    """Read a record's structure.

    Raises:
        NotRetimable: the network decides what the run does.
        InputError: the record has no events, or they are damaged.
    """
    summary = record.summary
    check_retimable(summary, record.scenario.faults, str(record.folder))
    roles = [party["role"] for party in summary["per_party"]]
    if summary.get("retimed_from"):
        raise InputError(f"{record.folder}: was itself retimed and has no events: retime that run")
    measured = summary["compute"] == "measured"
    return build(record.events(), roles, measured=measured, source=str(record.folder))


def check_retimable(summary: Mapping[str, Any], faults: Sequence[Any], source: str) -> None:
    """Refuse a run that the network decides.

    Raises:
        NotRetimable: see there.
    """
    if not summary["finished"]:
        raise NotRetimable(
            f"{source}: cannot be retimed: the run did not finish ({summary['error']['kind']})"
        )
    if aborted := summary.get("aborts"):
        raise NotRetimable(f"{source}: cannot be retimed ({', '.join(aborted)}): {_UNPLAYABLE['abort']}")
    if summary.get("timeouts"):
        raise NotRetimable(f"{source}: cannot be retimed: {_UNPLAYABLE['timeout']}")
    if summary.get("clock_reads"):
        raise NotRetimable(f"{source}: cannot be retimed: {_UNPLAYABLE['clock']}")
    for number, rule in enumerate(faults):
        if not isinstance(rule, Delay | Duplicate):
            raise NotRetimable(
                f"{source}: cannot be retimed: faults.{number} ({rule.kind}) changes what the run does, at "
                "a time or in an order that the network decides"
            )
        if rule.window != (0, None):
            raise NotRetimable(
                f"{source}: cannot be retimed: faults.{number} ({rule.kind}) holds from or to a time, and "
                "the network decides what falls between"
            )


def build(
    events: Iterable[Mapping[str, Any]], roles: list[str], *, measured: bool, source: str = "the run"
) -> Structure:
    """Return the structure of a trace: of a record's events, or of `Run.events`.

    Raises:
        NotRetimable: the network decides what the run does.
        InputError: the events are damaged.
    """
    found = Structure(roles, measured)
    by_strand: dict[int, list[Mapping[str, Any]]] = {}
    number = 0
    try:
        for event in events:
            number += 1
            kind = event["kind"]
            if kind in _UNPLAYABLE or (kind == "recv" and event["value"] is not None):
                raise NotRetimable(f"{source}: cannot be retimed: {_UNPLAYABLE.get(kind) or _TIMED}")
            if kind == "start":
                by_strand[event["strand"]] = [event]
            else:
                by_strand[event["strand"]].append(event)
        _lay_out(found, by_strand)
        check(found)
    except (KeyError, TypeError, IndexError, AttributeError) as error:  # damaged: any JSON
        raise InputError(
            f"{source}: damaged, or of an older format (event {number}): {type(error).__name__}: {error}"
        ) from None
    except Damaged as error:
        raise InputError(f"{source}: damaged: {error}") from None
    return found


_TIMED = _UNPLAYABLE["timeout"]


def _lay_out(found: Structure, by_strand: Mapping[int, list[Mapping[str, Any]]]) -> None:
    """Give every event its position, and turn it into an operation."""
    if not by_strand:
        raise Damaged("it has no events")
    if sorted(by_strand) != list(range(len(by_strand))):
        raise Damaged("strands are missing")
    position, stages = 0, list[list[int]]()
    for strand in range(len(by_strand)):
        rows = by_strand[strand]
        if rows[-1]["kind"] != "end":
            raise Damaged(f"strand {strand} of party {rows[0]['party']} has no end")
        found.first.append(position)
        found.party.append(_index(rows[0]["party"], len(found.roles)))
        found.parent.append(-1 if rows[0]["value"] is None else rows[0]["value"])
        if len({row["party"] for row in rows}) > 1:
            raise Damaged(f"strand {strand} is of several parties")
        for row in rows:
            if row["kind"] == "send":
                found.sends[row["message"]] = position
            position += 1
        stages.append([at for at, row in enumerate(rows, found.first[-1]) if row["kind"] == "stage"])
        stages[-1].append(position - 1)
    boxes: dict[tuple[int, int, str], int] = {}
    for strand in range(len(by_strand)):
        entered = 0
        for place, row in enumerate(by_strand[strand], 1):
            if row["kind"] == "any":
                found.ops.append(_choice(found, row, by_strand[strand][place], boxes))
            elif row["kind"] == "stage":
                entered += 1
                found.ops.append(_stage(found, row, stages, entered))
            else:
                found.ops.append(_operation(found, row, boxes))
            found.strands.append(strand)
            found.spans.append(row["occurrence"])
            found.depths.append(row["depth"])
            found.times.append(row["t"])
            sent = row["kind"] == "send"
            found.arrivals.append(row["arrival"] if sent and row["arrival"] is not None else -1)
            found.payloads.append(row["payload_bytes"] if sent else 0)
    found.mailboxes = list(boxes)
    _collect_spans(found, by_strand)


def _operation(found: Structure, row: Mapping[str, Any], boxes: dict[tuple[int, int, str], int]) -> Op:
    kind = _KINDS.get(row["kind"])
    if kind is None:
        raise Damaged(f"unknown event {row['kind']!r}")
    cost = row["compute_ns"] if found.measured else 0
    party, parties = row["party"], len(found.roles)
    if kind == SEND:
        to = _index(row["peer"], parties)
        box = boxes.setdefault((to, party, row["channel"]), len(boxes))
        return (SEND, cost, to, row["wire_bytes"], box)
    if kind == RECV:
        box = boxes.setdefault((party, _index(row["peer"], parties), row["channel"]), len(boxes))
        if row["message"] not in found.sends:
            raise Damaged(f"message {row['message']} was received but not sent")
        return (RECV, cost, box, found.sends[row["message"]], 0)
    if kind == SLEEP:
        return (SLEEP, cost, row["value"], 0, 0)
    if kind == FORK:
        return (FORK, cost, row["peer"], row["value"], 0)
    if kind == SHARED:
        found.shared[row["value"]] = row["channel"]
        return (SHARED, cost, row["value"], 0, 0)
    if kind == PHASE:
        return (PHASE, cost, -1 if row["value"] is None else row["value"], 0, 0)
    if kind == END:
        return (END, cost, 0 if row["value"] is None else row["value"], 0, 0)
    return (kind, cost, 0, 0, 0)


def _stage(found: Structure, row: Mapping[str, Any], stages: list[list[int]], number: int) -> Op:
    """Return the entry of a strand into a stage, the sibling before leaving it with its entry `number`."""
    before = row["value"]
    free = -1 if before is None else stages[before][min(number, len(stages[before]) - 1)]
    return (STAGE, row["compute_ns"] if found.measured else 0, 0, free, 0)


def _choice(
    found: Structure,
    row: Mapping[str, Any],
    following: Mapping[str, Any],
    boxes: dict[tuple[int, int, str], int],
) -> Op:
    """Return a choice; what it chose is the receive that follows, whose channel is that of all."""
    sources = [_index(int(one), len(found.roles)) for one in row["channel"].split(" ") if one.isdecimal()]
    if following["kind"] != "recv" or following["peer"] not in sources:
        raise Damaged(f"a choice of party {row['party']} is followed by no message of its sources")
    keys = [(row["party"], source, following["channel"]) for source in sources]
    found.choices.append([boxes.setdefault(key, len(boxes)) for key in keys])
    return (ANY, row["compute_ns"] if found.measured else 0, len(found.choices) - 1, 0, 0)


def _index(value: int, count: int) -> int:
    if not 0 <= value < count:
        raise Damaged(f"number {value} is out of range: 0 to {count - 1}")
    return value


def _collect_spans(found: Structure, by_strand: Mapping[int, list[Mapping[str, Any]]]) -> None:
    count = max(found.spans, default=0) + 1
    if not 0 < count <= len(found.ops):
        raise Damaged("the numbers of spans are out of range")
    found.occurrences = [Occurrence(()) for _ in range(count)]
    position = 0
    for strand in range(len(by_strand)):
        outer = by_strand[strand][0]["occurrence"]
        for row in by_strand[strand]:
            one = found.occurrences[row["occurrence"]]
            if row["kind"] == "enter":
                one.path, one.parent = from_text(row["span"]), outer
                one.enters.append(position)
                outer = row["occurrence"]
            elif row["kind"] == "leave":
                one.leaves.append(position)
                outer = one.parent
            position += 1
