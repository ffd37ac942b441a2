"""The events of all parties as one trace: by their times, and each message sent before it is received.

Clocks of machines differ a little, so that a message may seem to come before it was sent: then what the
receiver does waits, in the order, for the sender's.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from typing import Any

from mpcsim.engine import COLUMNS, KINDS, NONE, Trace
from mpcsim.metering import SpanRun
from mpcsim.paths import in_text
from mpcsim.sockets.parts import Occurrences, Phases

_START, _SEND, _RECV, _FORK, _STAGE, _SHARED, _PHASE = (
    KINDS.index(kind) for kind in ("start", "send", "recv", "fork", "stage", "shared", "phase")
)
(
    _KIND,
    _T,
    _PARTY,
    _STRAND,
    _PEER,
    _MESSAGE,
    _CHANNEL,
    _SPAN,
    _DEPTH,
    _PAYLOAD,
    _WIRE,
    _ARRIVAL,
    _NS,
    _VALUE,
) = range(len(COLUMNS) - 1)


class _Merge:
    def __init__(
        self, parts: Sequence[Mapping[str, Any]], occurrences: Occurrences, phases: Phases
    ) -> None:
        self.phases = phases
        self.parts = parts
        self.occurrences = occurrences
        self.rows: list[int] = []
        self.channels: list[str] = []
        self.spans: list[str] = [""]
        self._channel: dict[str, int] = {}
        self._span: dict[SpanRun, int] = {}
        self._strand: list[dict[int, int]] = [{} for _ in parts]
        self._strands = 0
        self._sent: dict[tuple[int, int], list[int]] = {}
        self._messages = 0
        self._shared = 0
        self._first_shared: list[int] = []
        for part in parts:
            self._first_shared.append(self._shared)
            self._shared += len(part["shared"])

    def may(self, row: Sequence[int]) -> bool:
        """Return whether an event can follow on those so far."""
        if row[_KIND] != _RECV:
            return True
        return row[_MESSAGE] < len(self._sent.get((row[_PEER], row[_PARTY]), ()))

    def add(self, row: list[int], channels: Sequence[str]) -> None:
        """Add an event of a party, its numbers made those of the run."""
        party, kind = row[_PARTY], row[_KIND]
        strands = self._strand[party]
        if kind == _START:
            strands[row[_STRAND]] = self._strands
            self._strands += 1
            row[_VALUE] = strands.get(row[_VALUE], NONE)
        elif kind == _SEND:
            link = self._sent.setdefault((party, row[_PEER]), [])
            times = self.parts[row[_PEER]]["arrivals"].get(party, ())
            if len(link) < len(times):
                row[_ARRIVAL] = max(times[len(link)], row[_T])
            link.append(self._messages)
            row[_MESSAGE] = self._messages
            self._messages += 1
        elif kind == _RECV:
            row[_MESSAGE] = self._sent[row[_PEER], party][row[_MESSAGE]]
        elif kind == _FORK:
            row[_PEER] = self._strands
        elif kind == _STAGE:
            row[_VALUE] = strands.get(row[_VALUE], NONE)
        elif kind == _PHASE and row[_VALUE] != NONE:
            row[_VALUE] = self.phases[party, row[_VALUE]].number
        row[_STRAND] = strands[row[_STRAND]]
        name = channels[row[_CHANNEL]]
        if kind == _SHARED:
            row[_VALUE] += self._first_shared[party]
            row[_CHANNEL] = len(self.channels)
            self.channels.append(name)
        else:
            if name not in self._channel:
                self._channel[name] = len(self.channels)
                self.channels.append(name)
            row[_CHANNEL] = self._channel[name]
        row[_SPAN] = self._number(self.occurrences[party, row[_SPAN]])
        self.rows += row

    def _number(self, span: SpanRun) -> int:
        """Return the number of an occurrence: they are counted in the order in which they appear."""
        if span.parent is None:
            return 0
        if span not in self._span:
            self._span[span] = len(self.spans)
            self.spans.append(in_text(span.path))
        return self._span[span]


def merged_events(
    parts: Sequence[Mapping[str, Any]], occurrences: Occurrences, phases: Phases
) -> Trace | None:
    """Return one trace of all parties' events; None where one kept none, or what it received nobody sent.

    Args:
        parts: of all parties, by id.
        occurrences: of spans, by party and its own number.
        phases: likewise.
    """
    if any(part["events"] is None for part in parts):
        return None
    merge = _Merge(parts, occurrences, phases)
    tables = [part["events"][0].tolist() for part in parts]
    places = [0] * len(parts)

    def take(party: int) -> None:
        row = tables[party][places[party]]
        merge.add(row, parts[party]["events"][1])
        places[party] += 1

    for party, table in enumerate(tables):
        if table:
            take(party)
    ready = [(table[1][_T], party) for party, table in enumerate(tables) if len(table) > 1]
    heapq.heapify(ready)
    blocked: list[tuple[int, int]] = []
    while ready:
        _, party = heapq.heappop(ready)
        table = tables[party]
        row = table[places[party]]
        if not merge.may(row):
            blocked.append((row[_T], party))
            continue
        children = row[_VALUE] if row[_KIND] == _FORK else 0
        take(party)
        for _ in range(children):
            take(party)
        if places[party] < len(table):
            heapq.heappush(ready, (max(row[_T], table[places[party]][_T]), party))
        if row[_KIND] == _SEND or not ready:
            waiting, blocked = blocked, []
            for one in waiting:
                if merge.may(tables[one[1]][places[one[1]]]):
                    heapq.heappush(ready, one)
                else:
                    blocked.append(one)
    if blocked:
        return None
    return Trace.of(merge.rows, merge.channels, merge.spans)
