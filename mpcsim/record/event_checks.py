"""What the events of a record must be: each as the engine writes it, and fit for those before it.

The rules are those of the trace: strands are numbered as they start, and what a strand does ends with its
end; the children of a fork start right behind it, and their parent waits for them; a message is received
where it was sent to, once, and not before it arrives; time does not go back in a party, nor depth in a
strand; spans nest. What a strand does after it was cancelled is what its `finally` blocks do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from mpcsim.engine import COLUMNS
from mpcsim.faults import Duplicate
from mpcsim.paths import from_text, in_text, span_paths
from mpcsim.record.event_shapes import SHAPES, unlike_an_event
from mpcsim.schema import shown

_ROW = itemgetter(*COLUMNS)
_CLEANING = frozenset(("enter", "leave", "left", "phase", "send", "recv"))
"""What a `finally` block can do in a strand that was cancelled."""

_RUNNING, _CANCELLED, _ENDED = range(3)


class Unfit(Exception):
    """What is wrong; `here`: with the latest event, not with the whole."""

    def __init__(self, text: str, *, here: bool = True) -> None:
        super().__init__(text)
        self.here = here


class _Strand:
    """What is known of a strand so far."""

    __slots__ = ("children", "depth", "occurrence", "parent", "party", "position", "state")

    def __init__(self, party: int, parent: int | None, position: int, depth: int, occurrence: int) -> None:
        self.party = party
        self.parent = parent
        self.position = position  # in its gather
        self.depth = depth
        self.occurrence = occurrence
        self.state = _RUNNING
        self.children = 0  # that have not ended


class EventCheck:
    """Checks events in order.

    Args:
        summary: the record's, which was checked.
        faults: the rules of the scenario.

    Attributes:
        number: of the latest event, from 1.
    """

    def __init__(self, summary: Mapping[str, Any], faults: Sequence[Any]) -> None:
        self.number = 0
        self._summary = summary
        self._faults = faults
        self._parties = len(summary["per_party"])
        self._paths = set(map(in_text, span_paths(summary["spans"])))
        self._exact = summary["clock"] == "virtual"
        self._twice = 2 if any(isinstance(rule, Duplicate) for rule in faults) else 1
        self._strands: list[_Strand] = []
        self._times = [0] * self._parties
        self._spans = [("", -1)]  # (text, the occurrence around) by occurrence
        self._forked: tuple[int, int, int] = (-1, 0, 0)  # strand, children, and how many of them started
        self._sends: list[tuple[int, int, str, int, int]] = []  # from, to, channel, depth, arrival
        self._received: list[int] = []
        self._payload = [0] * self._parties
        self._wire = [0] * self._parties
        self._rounds = self._last = 0
        self._lenient = (
            bool(faults or summary.get("adversaries")) or "aborted" in summary.get("outcomes", {}).values()
        )
        self._kinds: dict[str, Callable[[_Strand, tuple[Any, ...]], None]] = {
            "send": self._send, "recv": self._recv, "timeout": self._timeout, "sleep": self._sleep,
            "fork": self._fork, "end": self._end, "enter": self._enter, "leave": self._leave,
            "cancel": self._cancel, "fault": self._fault, "stage": self._stage,
            "shared": self._share, "phase": self._phase, "any": self._any, "left": self._left,
        }  # fmt: skip

    def take(self, events: Sequence[Any]) -> None:
        """Check the next events.

        Raises:
            Unfit: the first of them, `number`, cannot be.
        """
        strands, times, spans, kinds = self._strands, self._times, self._spans, self._kinds
        for event in events:
            self.number += 1
            try:
                row = _ROW(event)
                fits = (row[0], *map(type, row)) in SHAPES
            except (KeyError, TypeError, IndexError):  # no event at all
                raise Unfit(unlike_an_event(event)) from None
            if not fits or len(event) != len(COLUMNS):
                raise Unfit(unlike_an_event(event))
            kind, t, party, number, _, _, _, span, occurrence, depth, *_ = row
            if kind == "start":
                self._start(row)
                continue
            if self._forked[1] > self._forked[2]:
                raise Unfit(f"found {kind}; accepted: the start of a strand that was forked")
            if not 0 <= number < len(strands):
                raise Unfit(
                    f"strand: found {number}; accepted: 0 to {len(strands) - 1}, which have started"
                )
            strand = strands[number]
            if party != strand.party:
                raise Unfit(f"party: found {party}; accepted: {strand.party}, whose strand {number} is")
            if strand.state and kind != "abort" and (strand.state == _ENDED or kind not in _CLEANING):
                raise Unfit(f"found {kind} of strand {number}, which has ended; accepted: nothing of it")
            if strand.children and kind not in ("fault", "abort"):
                raise Unfit(f"found {kind} of strand {number}, which waits for those that it forked")
            if t < times[party] and self._exact:
                raise Unfit(f"t: found {t}; accepted: from {times[party]}, the time of the party so far")
            if t > times[party]:
                times[party] = t
            if kind == "send":
                depth -= 1
            if depth < strand.depth:
                raise Unfit(
                    f"depth: found {row[9]}; accepted: more than the strand's so far, {strand.depth}"
                )
            strand.depth = depth
            if row[13] < 0:
                raise Unfit(f"compute_ns: found {row[13]}; accepted: from 0")
            if kind != "enter" and (occurrence != strand.occurrence or span != spans[occurrence][0]):
                inner = strand.occurrence
                raise Unfit(
                    f"span: found {shown(span)}, occurrence {occurrence}; accepted: "
                    f"{shown(spans[inner][0])}, "
                    f"occurrence {inner}, where the strand is"
                )
            handle = kinds.get(kind)
            if handle is not None:
                handle(strand, row)

    def finish(self) -> None:
        """Check what all events together must be.

        Raises:
            Unfit: something is missing, or is not what the summary says.
        """
        summary = self._summary
        if len(self._strands) < self._parties:
            raise Unfit(f"it ends before {self._parties} parties have started", here=False)
        if self._forked[1] > self._forked[2]:
            raise Unfit("it ends before all strands that were forked have started", here=False)
        for number, strand in enumerate(self._strands):
            if strand.state == _RUNNING:
                raise Unfit(f"strand {number} of party {strand.party} has no end", here=False)
        sent = {"messages": [0] * self._parties, "payload_bytes": self._payload, "wire_bytes": self._wire}
        for sender, *_ in self._sends:
            sent["messages"][sender] += 1
        for key, counts in sent.items():
            for party, count in enumerate(counts):
                if count != summary["per_party"][party][key]:
                    raise Unfit(
                        f"party {party} sends {count:,} {key.replace('_', ' ')}; accepted: "
                        f"{summary['per_party'][party][key]:,}, by summary.json",
                        here=False,
                    )
        if summary["finished"] and not self._lenient and 0 in self._received:
            raise Unfit(f"message {self._received.index(0)} is never received", here=False)
        if summary["finished"] and self._exact:
            for key, found in (("rounds", self._rounds), ("makespan_ns", self._last)):
                if found != summary[key]:
                    raise Unfit(
                        f"{key}: found {found}; accepted: {summary[key]}, by summary.json", here=False
                    )

    # Kinds of events

    def _start(self, row: tuple[Any, ...]) -> None:
        _, t, party, number, _, _, _, span, occurrence, depth, *_, compute, parent = row
        if number != len(self._strands):
            raise Unfit(f"strand: found {number}; accepted: {len(self._strands)}, the next to start")
        if number < self._parties:
            wanted: tuple[Any, ...] = (number, None, 0, 0)
            position = 0
        else:
            forker, children, position = self._forked
            if position >= children:
                raise Unfit(f"found the start of strand {number}, which nobody forked")
            around = self._strands[forker]
            wanted = (around.party, forker, around.depth, around.occurrence)
            self._forked = (forker, children, position + 1)
        if (party, parent, depth, occurrence) != wanted:
            raise Unfit(
                f"found party {party}, parent {parent}, depth {depth}, occurrence {occurrence}; accepted "
                "for the start of strand {}: party {}, parent {}, depth {}, occurrence {}".format(
                    number, *wanted
                )
            )
        if span != self._spans[occurrence][0]:
            raise Unfit(f"span: found {shown(span)}; accepted: {shown(self._spans[occurrence][0])}")
        if compute < 0 or (t < self._times[party] and self._exact):
            raise Unfit(f"found t {t}, compute_ns {compute}; accepted: from {self._times[party]}, from 0")
        self._strands.append(_Strand(party, parent, position, depth, occurrence))

    def _send(self, strand: _Strand, row: tuple[Any, ...]) -> None:
        _, t, party, _, to, message, channel, _, _, depth, payload, wire, arrival, _, _ = row
        if message != len(self._sends):
            raise Unfit(f"message: found {message}; accepted: {len(self._sends)}, the next to be sent")
        self._check_peer(party, to)
        if not 0 <= payload <= wire:
            raise Unfit(
                f"found {payload} payload bytes, {wire} wire bytes; accepted: 0 or more, most on the wire"
            )
        if arrival is None:
            arrival = -1
        elif arrival < t:
            raise Unfit(f"arrival: found {arrival}; accepted: from {t}, when the message was sent")
        self._payload[party] += payload
        self._wire[party] += wire
        self._sends.append((party, to, channel, depth, arrival))
        self._received.append(0)

    def _recv(self, strand: _Strand, row: tuple[Any, ...]) -> None:
        _, t, party, _, source, message, channel, _, _, depth, _, _, _, _, patience = row
        if not 0 <= message < len(self._sends):
            raise Unfit(f"message: found {message}; accepted: 0 to {len(self._sends) - 1}, which were sent")
        sent = self._sends[message]
        if sent[:3] != (source, party, channel):
            raise Unfit(
                f"message {message}: found as received by {party} from {source} on channel "
                f"{shown(channel)}; accepted: by {sent[1]} from {sent[0]} on channel {shown(sent[2])}"
            )
        if depth < sent[3]:
            raise Unfit(f"depth: found {depth}; accepted: from {sent[3]}, the message's")
        if self._twice == 1 and self._exact and not 0 <= sent[4] <= t:
            raise Unfit(f"found message {message} received at {t}; accepted: from its arrival, {sent[4]}")
        self._received[message] += 1
        if self._received[message] > self._twice:
            raise Unfit(f"message: found {message}, which was received before; accepted: each once")
        if patience is not None and patience < 0:
            raise Unfit(f"value: found {patience}; accepted: a timeout from 0, or none")

    def _check_peer(self, party: int, peer: int) -> None:
        if not 0 <= peer < self._parties or peer == party:
            raise Unfit(f"peer: found {peer}; accepted: 0 to {self._parties - 1}, but {party}")

    def _timeout(self, strand: _Strand, row: tuple[Any, ...]) -> None:
        self._check_peer(row[2], row[4])
        self._sleep(strand, row)

    def _sleep(self, strand: _Strand, row: tuple[Any, ...]) -> None:
        if row[14] < 0:
            raise Unfit(f"value: found {row[14]}; accepted: nanoseconds from 0")

    def _fork(self, strand: _Strand, row: tuple[Any, ...]) -> None:
        first, count = row[4], row[14]
        if first != len(self._strands) or count < 1:
            raise Unfit(
                f"found {count} strands from number {first}; accepted: 1 or more from {len(self._strands)}"
            )
        self._forked = (row[3], count, 0)
        strand.children = count

    def _end(self, strand: _Strand, row: tuple[Any, ...]) -> None:
        if row[14] not in (None, 1):
            raise Unfit(f"value: found {row[14]}; accepted: null, or 1 for an end by an error")
        self._account(strand, row)
        strand.state = _ENDED

    def _cancel(self, strand: _Strand, row: tuple[Any, ...]) -> None:
        self._account(strand, row)
        strand.state = _CANCELLED

    def _account(self, strand: _Strand, row: tuple[Any, ...]) -> None:
        """Have a strand end: its parent may go on, or the run is at least as long as it was."""
        if strand.parent is not None:
            self._strands[strand.parent].children -= 1
            return
        self._rounds = max(self._rounds, strand.depth)
        self._last = max(self._last, row[1])

    def _enter(self, strand: _Strand, row: tuple[Any, ...]) -> None:
        text, number = row[7], row[8]
        if number == len(self._spans):
            around = self._spans[strand.occurrence][0]
            if text not in self._paths or from_text(text)[:-1] != from_text(around):
                raise Unfit(
                    f"span: found {shown(text)}; accepted: a span of summary.json, inside {shown(around)}"
                )
            self._spans.append((text, strand.occurrence))
        elif not 0 < number < len(self._spans) or self._spans[number] != (text, strand.occurrence):
            raise Unfit(
                f"found entry into span {shown(text)}, occurrence {number}, from occurrence "
                f"{strand.occurrence}; accepted: one inside that, or a new one, {len(self._spans)}"
            )
        strand.occurrence = number

    def _leave(self, strand: _Strand, row: tuple[Any, ...]) -> None:
        outside = 0 if strand.parent is None else self._strands[strand.parent].occurrence
        if strand.occurrence == outside:
            raise Unfit(f"found leaving of span {shown(row[7])}, which strand {row[3]} did not enter")
        strand.occurrence = self._spans[strand.occurrence][1]

    def _fault(self, strand: _Strand, row: tuple[Any, ...]) -> None:
        if not 0 <= row[14] < len(self._faults):
            raise Unfit(
                f"value: found {row[14]}; accepted: 0 to {len(self._faults) - 1}, the scenario's rules"
            )

    def _share(self, strand: _Strand, row: tuple[Any, ...]) -> None:
        known = self._summary.get("shared", [])
        if not 0 <= row[14] < len(known):
            raise Unfit(
                f"value: found {row[14]}; accepted: a position in `shared` of summary.json, {len(known)}"
            )

    def _phase(self, strand: _Strand, row: tuple[Any, ...]) -> None:
        known = len(self._summary.get("phases", {}))
        if row[14] is not None and not 0 <= row[14] < known:
            raise Unfit(
                f"value: found {row[14]}; accepted: a position in `phases` of summary.json, {known}"
            )

    def _any(self, strand: _Strand, row: tuple[Any, ...]) -> None:
        for one in row[6].split(" "):
            if not one.isdecimal():
                raise Unfit(f"channel: found {shown(row[6])}; accepted: ids of parties")
            self._check_peer(row[2], int(one))

    def _left(self, strand: _Strand, row: tuple[Any, ...]) -> None:
        self._lenient = True  # what comes late on the channel is dropped

    def _stage(self, strand: _Strand, row: tuple[Any, ...]) -> None:
        before = row[3] - 1 if strand.position else None
        if strand.parent is None or row[14] != before:
            raise Unfit(f"value: found {row[14]}; accepted: {before}, the sibling before, inside a gather")
