"""The critical path: the chain of causes that makes a run, or a span, take as long as it does.

It is walked backwards from the last event: a receive that waited was caused by its message, a join by
the child that ended last, the late entry into a stage by the sibling that left it, an operation by the one
before it, a segment of compute by the one that kept its party busy. Every nanosecond of the makespan falls
into exactly one part, so that the parts add up to it:

- latency: propagation L of the messages on the path;
- transmission: their 8w/B;
- queueing: how long they waited for their uplink;
- window, restart, acknowledgement: over TCP, how long they waited for a window to open, for one that
  idling had closed, and for acknowledgements on their uplink;
- other: what else the network added: jitter, retransmission, a shared downlink, delays of faults;
- compute: code of the parties (where it was measured);
- waiting: sleeps.

Where two causes end at the same nanosecond, the strand's own past is preferred to a message.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from analysis.replay import FORK, RECV, SEND, SLEEP, STAGE, START, Occurrence, Structure, Timing
from mpcsim import Network
from mpcsim.network import transmission_ns
from mpcsim.tcp import Held
from mpcsim.units import NANOSECONDS

PARTS = (
    "latency", "transmission", "queueing", "window", "restart", "acknowledgement", "other", "compute",
    "waiting",
)  # fmt: skip
_Piece = tuple[str, int, int, int]
"""(part, from, to in nanoseconds, position of the send or of the operation)."""


@dataclass
class Path:
    """The critical path of a run or of a span.

    Attributes:
        parts: nanoseconds by part; together they are the makespan.
        messages: positions of the sends on it, first to last.
    """

    parts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PARTS, 0))
    messages: list[int] = field(default_factory=list)

    @property
    def bandwidth(self) -> int:
        """Transmission and queueing together, in nanoseconds."""
        return self.parts["transmission"] + self.parts["queueing"]

    @property
    def bound_by(self) -> str:
        """What takes most: bandwidth (transmission and queueing) or another part; "" if nothing does."""
        alone = (part for part in PARTS if part not in ("transmission", "queueing"))
        sizes = {part: self.parts[part] for part in alone}
        sizes["bandwidth"] = self.bandwidth
        most = max(sizes, key=lambda part: sizes[part])
        return most if sizes[most] > 0 else ""

    @property
    def share(self) -> float:
        """The share of the makespan that `bound_by` has."""
        whole = sum(self.parts.values())
        bound = self.bound_by
        mine = self.bandwidth if bound == "bandwidth" else self.parts.get(bound, 0)
        return mine / whole if whole else 0.0

    def describe(self) -> dict[str, Any]:
        """Return the parts in seconds."""
        found: dict[str, Any] = {f"{part}_s": size / NANOSECONDS for part, size in self.parts.items()}
        return found | {"bandwidth_s": self.bandwidth / NANOSECONDS, "bound_by": self.bound_by}


class Walker:
    """Walks back from an operation to what caused it.

    Args:
        structure: what the run does.
        timing: when, over `network`.
        network: where messages get their laws from.
    """

    def __init__(self, structure: Structure, timing: Timing, network: Network) -> None:
        self._structure = structure
        self._timing = timing
        self._laws = network.resolve(structure.roles)
        self._network = network
        self._forks: dict[int, int] = {}
        for position, (kind, _, child, children, _) in enumerate(structure.ops):
            if kind == FORK:
                self._forks |= dict.fromkeys(range(child, child + children), position)
        self._starts = self._queue() if timing.order and not timing.held else {}

    def run(self) -> Path:
        """Return the path of the whole run."""
        return self._collect([(self._last_end(), 0)])

    def span(self, occurrences: Sequence[Occurrence]) -> Path:
        """Return the path of a span, over its occurrences: from the last entry to the last exit of each."""
        times = self._timing.times
        ends = []
        for one in occurrences:
            if one.leaves:
                entered = max(times[position] for position in one.enters)
                ends.append((max(one.leaves, key=lambda position: times[position]), entered))
        return self._collect(ends)

    def message(self, send: int) -> dict[str, int]:
        """Return how long a message takes in each part, in nanoseconds."""
        return {part: until - since for part, since, until, _ in self._message(send)}

    def sent(self, send: int) -> tuple[int, int]:
        """Return when a message starts and ends to leave its uplink, in nanoseconds."""
        pieces = {part: (since, until) for part, since, until, _ in self._message(send)}
        return pieces["transmission"]

    def _last_end(self) -> int:
        structure, times = self._structure, self._timing.times
        firsts = [*structure.first[1:], len(structure.ops)]
        ends = [following - 1 for following in firsts[: len(structure.roles)]]
        return max(ends, key=lambda position: times[position])

    def _collect(self, ends: Sequence[tuple[int, int]]) -> Path:
        path = Path()
        for position, begin in ends:
            messages = []
            for part, since, until, send in self._walk(position, begin):
                clipped = max(since, begin)
                if until > begin or since > until:
                    path.parts[part] += until - clipped
                    if part == "latency":
                        messages.append(send)
            path.messages += reversed(messages)
        return path

    def _walk(self, position: int, begin: int) -> Iterator[_Piece]:
        """Yield pieces from an operation backwards in time, until one starts at `begin` or before."""
        structure, timing = self._structure, self._timing
        ops, times = structure.ops, timing.times
        now = times[position]
        reached = False  # the strand did not wait here, whatever `ready` says
        while now > begin:
            kind, cost, _, message, _ = ops[position]
            if kind in (RECV, STAGE) and not reached and timing.ready.get(position, now) < now:
                if kind == STAGE:
                    position = message  # where the sibling before left the stage
                    continue
                arrival = timing.arrivals[message]
                if arrival != now and (busy := self._kept(position, now)) is not None:
                    position, reached = busy, True
                    continue
                if arrival < now:  # a copy, which a fault sent after it
                    yield ("other", arrival, now, message)
                yield from reversed(self._message(message))
                position, now = message, times[message]
                continue
            reached = False
            if cost:
                yield ("compute", now - cost, now, position)
                now -= cost
            before = self._before(position, now)
            if before is None:
                return
            cause, since = before
            if since < 0:
                position, reached = cause, True
                continue
            if since < now:
                yield ("waiting", since, now, cause)
            position, now = cause, since

    def _before(self, position: int, now: int) -> tuple[int, int] | None:
        """Return what let a strand go on to an operation at `now`, and when that was.

        None: the run began. A time of −1: a segment of compute kept the party busy until now, and the
        position is the operation that ended it.
        """
        structure, times = self._structure, self._timing.times
        before = position - 1
        kind, _, x, y, _ = structure.ops[before]
        if kind == START:
            strand = structure.strands[before]
            if structure.parent[strand] < 0:
                return None
            fork = self._forks[strand]
            return (fork, now) if times[fork] == now else (self._busy(position, now), -1)
        if kind == FORK:
            ends = [structure.first[child + 1] - 1 if child + 1 < len(structure.first)
                    else len(structure.ops) - 1 for child in range(x, x + y)]  # fmt: skip
            last = max(ends, key=lambda end: times[end])
            return (last, now) if times[last] == now else (self._busy(position, now), -1)
        if kind == SLEEP:
            woken = times[before] + x
            return (before, times[before]) if woken == now else (self._busy(position, now), -1)
        if kind == STAGE and times[before] != now:
            return self._busy(position, now), -1
        return before, now

    def _busy(self, position: int, now: int) -> int:
        """Return the operation that ended the segment of compute which kept a party busy until `now`."""
        segments = self._timing.segments[self._structure.party_of(position)]
        return segments[bisect_left(segments, (now, -1))][1]

    def _kept(self, position: int, now: int) -> int | None:
        """Return what `_busy` does, or None where no segment of the party ended at `now`."""
        if not self._timing.segments:
            return None
        segments = self._timing.segments[self._structure.party_of(position)]
        place = bisect_left(segments, (now, -1))
        return segments[place][1] if place < len(segments) and segments[place][0] == now else None

    # Messages

    def _size(self, send: int) -> int:
        """Return what a message puts on the wire, with the overhead of its segments."""
        wire_bytes = self._structure.ops[send][3]
        segment = self._network.segment_bytes
        segments = 1 if segment is None else max(-(-wire_bytes // segment), 1)
        return wire_bytes + self._network.overhead_bytes * segments

    def _took(self, send: int) -> tuple[int, int]:
        """Return transmission and latency of a message, in nanoseconds."""
        to = self._structure.ops[send][2]
        law = self._laws.law(self._structure.party_of(send), to)
        rate = law.bits_per_second
        return (0 if rate is None else transmission_ns(self._size(send), rate)), law.latency_ns

    def _message(self, send: int) -> list[_Piece]:
        took, latency = self._took(send)
        sent, arrival = self._timing.times[send], self._timing.arrivals[send]
        if send in self._timing.held:
            return _over_tcp(send, sent, arrival, latency, self._timing.held[send])
        start = self._starts.get(send, arrival - latency - took)
        done = start + took
        return [
            ("queueing", sent, start, send),
            ("transmission", start, done, send),
            ("latency", done, done + latency, send),
            ("other", done + latency, arrival, send),
        ]

    def _queue(self) -> dict[int, int]:
        """Return when each message starts on its uplink, by the order in which they were sent.

        What is sent again after a loss is not seen here: what waits for it counts as "other".
        """
        free: dict[object, int] = {}
        starts = {}
        structure = self._structure
        for send in self._timing.order:
            sender, to = structure.party_of(send), structure.ops[send][2]
            took, _ = self._took(send)
            line: object = sender if self._laws.shared else (sender, to)
            starts[send] = start = max(self._timing.times[send], free.get(line, 0))
            if self._laws.law(sender, to).bits_per_second is not None:
                free[line] = start + took
        return starts


def _over_tcp(send: int, sent: int, arrival: int, latency: int, held: Held) -> list[_Piece]:
    """Return the pieces of a message over TCP: what held it up in turn, as far as there is time for it."""
    left = min(max(held.left, sent), arrival)
    room = left - sent
    sizes = {}
    for part in ("transmission", "window", "restart", "acknowledgement"):
        sizes[part] = min(max(getattr(held, part), 0), room)
        room -= sizes[part]
    sizes["queueing"] = room
    pieces, since = [], sent
    for part in ("queueing", "window", "restart", "acknowledgement", "transmission"):
        pieces.append((part, since, since + sizes[part], send))
        since += sizes[part]
    came = min(left + latency, arrival)
    return [*pieces, ("latency", left, came, send), ("other", came, arrival, send)]


def sends_within(structure: Structure, occurrences: Sequence[Occurrence]) -> list[int]:
    """Return the positions of the sends inside occurrences of a span, nested spans included."""
    numbers = {id(one) for one in occurrences}
    inside = [id(one) in numbers for one in structure.occurrences]
    for number in range(1, len(inside)):
        parent = number
        while parent and not inside[parent]:
            parent = structure.occurrences[parent].parent
        inside[number] = inside[number] or bool(parent)
    return [
        position
        for position, op in enumerate(structure.ops)
        if op[0] == SEND and inside[structure.spans[position]]
    ]
