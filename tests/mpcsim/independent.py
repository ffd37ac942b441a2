"""A second simulator of sends, receives, sleeps and gathers, written from docs/emulator.md alone.

It shares nothing with the engine: what both compute alike, two readings of one page agree on. A program
is a list of steps for each party, the tree of its strands:

    ("send", to, channel, size)     size bytes to a party
    ("recv", source, channel)
    ("any", [source, …], channel, nanoseconds)   what came first, then a sleep of so long for each id
    ("sleep", nanoseconds)
    ("gather", [steps, …])          a list of steps for each child
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import ceil
from typing import Any

Step = tuple[Any, ...]
SECOND = 1_000_000_000

# Every law that a control can leave out, to show that the comparison would see it.
LAWS = (
    "uplink",  # links of a party queue at one uplink
    "unlimited",  # a link without a limit waits for the uplink like the rest
    "overhead",  # overhead_bytes for each segment
    "segments",  # as many segments as it takes, not one
    "halves",  # a transmission is rounded, halves up
    "rank",  # the more precise entry of a link table wins
    "fifo",  # no message overtakes one of its link
    "message",  # a message adds a round
    "first",  # of several messages that wait, the one that came first is received
    "turns",  # children that start and parents that go on take no turn among the events
    "join",  # the depth of a gather is that of its deepest child
)


@dataclass
class Net:
    """A network by numbers: nanoseconds, bits a second (None: unlimited), by sender and receiver.

    `links` are entries (source or None, to or None, "latency" or "bandwidth", value); `delays` are
    (source, to, number on the link, nanoseconds).
    """

    latency: list[list[int]]
    bandwidth: list[list[int | None]]
    sharing: str = "uplink"
    overhead: int = 0
    segment: int | None = None
    links: Sequence[tuple[int | None, int | None, str, int | None]] = ()
    delays: Sequence[tuple[int, int, int, int]] = ()


@dataclass
class Strand:
    """A coroutine: where it is in its steps, and the longest chain of messages that led there."""

    party: int
    steps: Sequence[Step]
    parent: Strand | None
    depth: int = 0
    at: int = 0
    children: list[Strand] = field(default_factory=list)
    running: int = 0


class Simulator:
    """Runs a program over a network; `without` names laws that it does not keep."""

    def __init__(self, programs: Sequence[Sequence[Step]], net: Net, without: str = "") -> None:
        if without and without not in LAWS:
            raise ValueError(f"no law {without!r}")
        self.net, self.without = net, without
        self.now = self.asked = self.arrived = 0
        self.events: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self.ready: deque[Strand] = deque()  # what goes on before the next event
        self.free: dict[Any, int] = defaultdict(int)  # by uplink
        self.last: dict[tuple[int, int], int] = defaultdict(int)  # by link: the latest arrival
        self.number: dict[tuple[int, int], int] = defaultdict(int)  # by link: messages so far
        # (number of the arrival, depth), by (source, to, channel)
        self.mail: dict[Any, deque[tuple[int, int]]] = defaultdict(deque)
        self.waiting: dict[Any, Strand] = {}
        self.messages = self.payload = self.wire = self.rounds = self.ended = self.makespan = 0
        for party, steps in enumerate(programs):
            self.soon(Strand(party, steps, None))
        while self.ready or self.events:
            if self.ready:
                self.go(self.ready.popleft())
            else:
                self.now, _, action, arguments = heappop(self.events)
                action(*arguments)
        if self.ended < len(programs):
            raise RuntimeError("a deadlock")

    def ask(self, time: int, action: Callable[..., None], *arguments: Any) -> None:
        """Let something happen later; of one time, in the order of asking."""
        self.asked += 1
        heappush(self.events, (time, self.asked, action, arguments))

    def soon(self, strand: Strand) -> None:
        """Let a strand start or go on now, before the next event."""
        if self.without == "turns":
            self.ask(self.now, self.go, strand)
        else:
            self.ready.append(strand)

    def go(self, strand: Strand) -> None:
        """Run a strand until it waits or ends."""
        while strand.at < len(strand.steps):
            kind, *arguments = strand.steps[strand.at]
            if kind == "recv":
                arguments[0] = [arguments[0]]
            if kind in ("recv", "any"):
                keys = [(source, strand.party, arguments[1]) for source in arguments[0]]
                there = [key for key in keys if self.mail[key]]
                if not there:
                    self.waiting.update(dict.fromkeys(keys, strand))
                    return
                late = self.without == "first"
                key = there[-1] if late else min(there, key=lambda one: self.mail[one][0])
                strand.depth = max(strand.depth, self.mail[key].popleft()[1])
            strand.at += 1
            if kind == "any":
                self.ask(self.now + key[0] * arguments[2], self.go, strand)
                return
            if kind == "send":
                self.send(strand, *arguments)
            elif kind == "sleep":
                self.ask(self.now + arguments[0], self.go, strand)
                return
            elif kind == "gather" and arguments[0]:
                strand.children = [
                    Strand(strand.party, steps, strand, strand.depth) for steps in arguments[0]
                ]
                strand.running = len(strand.children)
                for child in strand.children:
                    self.soon(child)
                return
        self.end(strand)

    def end(self, strand: Strand) -> None:
        parent = strand.parent
        if parent is None:
            self.ended += 1
            self.makespan = max(self.makespan, self.now)
            self.rounds = max(self.rounds, strand.depth)
            return
        parent.running -= 1
        if not parent.running:
            joined = parent.children[-1:] if self.without == "join" else parent.children
            parent.depth = max([parent.depth, *(child.depth for child in joined)])
            self.soon(parent)

    def key(self, source: int, to: int, name: str) -> int | None:
        """Return what holds for a link: by entries that name both ends, one, none, then the matrix."""
        value: int | None = getattr(self.net, name)[source][to]
        rank = -1
        for its_source, its_to, its_name, its_value in self.net.links:
            if its_name == name and its_source in (None, source) and its_to in (None, to):
                ends = (its_source is not None) + (its_to is not None)
                if ends > rank or self.without == "rank":
                    rank, value = ends, its_value
        return value

    def send(self, strand: Strand, to: int, channel: str, size: int) -> None:
        source, net, link = strand.party, self.net, (strand.party, to)
        wire = 10 + (2 if size < 2**8 else 3 if size < 2**16 else 5) + size  # msgpack: bin 8, 16, 32
        segments = 1
        if net.segment is not None and self.without != "segments":
            segments = max(1, ceil(wire / net.segment))
        bits = 8 * (wire + (0 if self.without == "overhead" else net.overhead * segments))
        rate = self.key(source, to, "bandwidth")
        shared = net.sharing == "uplink" and self.without != "uplink"
        uplink = source if shared else link
        start = max(self.now, self.free[uplink])
        if rate is None:
            transmission = 0
            if self.without == "unlimited":
                start = self.now
        else:
            half = 0 if self.without == "halves" else rate
            transmission = (2 * bits * SECOND + half) // (2 * rate)
            self.free[uplink] = start + transmission
        arrival = start + transmission + (self.key(source, to, "latency") or 0)
        arrival += sum(
            by for *where, number, by in net.delays if (*where, number) == (*link, self.number[link])
        )
        self.number[link] += 1
        if self.without != "fifo":
            arrival = max(arrival, self.last[link])
        self.last[link] = arrival
        self.messages += 1
        self.payload += size
        self.wire += wire
        depth = strand.depth + (self.without != "message")
        self.ask(arrival, self.deliver, (source, to, channel), depth)

    def deliver(self, key: Any, depth: int) -> None:
        self.arrived += 1
        self.mail[key].append((self.arrived, depth))
        strand = self.waiting.get(key)
        if strand is not None:
            for other in [one for one, waits in self.waiting.items() if waits is strand]:
                del self.waiting[other]
            self.go(strand)


def totals(programs: Sequence[Sequence[Step]], net: Net, without: str = "") -> tuple[int, ...]:
    """Return (makespan in ns, rounds, messages, payload bytes, wire bytes) of a program over a network."""
    run = Simulator(programs, net, without)
    return run.makespan, run.rounds, run.messages, run.payload, run.wire
