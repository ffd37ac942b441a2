"""The network emulator: what happens to a message between two parties, in integer nanoseconds.

A message of w wire bytes that is sent at time t starts at s = max(t, when its uplink is free), occupies
the uplink for d = 8w/B, and arrives at s + d + L + J. Transmission (d) and propagation (L, with jitter
J) are different things: messages in flight overlap, and only their transmissions queue. Links are
FIFO: nothing overtakes an earlier message of its link.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from mpcsim.engine import CUT_FOR_EVER, NONE, PASSES, Clock, Deliver, Trace
from mpcsim.network.description import Network
from mpcsim.network.downlink import Downlink
from mpcsim.network.laws import Law
from mpcsim.network.streams import ONE, Stream, minus_log
from mpcsim.units import NANOSECONDS, parse_time

MOST_ATTEMPTS = 10_000  # then a message is lost for good, as a connection gives up
_SIZES = 4096  # of messages, whose transmission times are kept
_FEW = 32  # segments that are drawn one by one


def transmission_ns(wire_bytes: int, bits_per_second: int) -> int:
    """Return 8w/B in nanoseconds, rounded to the nearest (halves up)."""
    return (8 * wire_bytes * NANOSECONDS + bits_per_second // 2) // bits_per_second


class Flight:
    """A message under way.

    Attributes:
        bytes: what the next attempt puts on the uplink.
        total: what the whole message is on the wire, with overhead.
        delay: what a fault adds to its latency.
        first, last: when its first and last bit come out of the link; NONE until no segment is lost.
        gone: it will never arrive.
        why: who decides about partitions: called with the time of an attempt; one of `mpcsim.engine.ports`.
    """

    __slots__ = (
        "attempts", "bytes", "delay", "deliver", "event", "first", "gone", "last", "parcel", "segments",
        "tail", "total", "why",
    )  # fmt: skip

    def __init__(self, deliver: Deliver, parcel: tuple[Any, ...], event: int) -> None:
        self.deliver = deliver
        self.parcel = parcel
        self.event = event
        self.bytes = self.total = self.delay = 0
        self.segments = 1
        self.tail = 0
        self.attempts = 0
        self.first = self.last = NONE
        self.gone = False
        self.why: Callable[[int], int] | None = None

    def arrive(self) -> None:
        """Hand the message over."""
        self.deliver(*self.parcel)


class _Link:
    """The state of one directed link."""

    __slots__ = ("ends", "latest", "latest_first", "law", "line", "queue", "stream", "to")

    def __init__(self, law: Law, sender: int, to: int, shared: bool, seed: int | None) -> None:
        self.law = law
        self.to = to
        self.ends = (sender, to)
        self.line: object = sender if shared else self.ends
        self.latest = self.latest_first = 0
        self.queue: deque[Flight] = deque()
        self.stream = None if law.constant else Stream(seed, f"network/{sender}/{to}")


class Emulator:
    """All links of one run.

    Attributes:
        tell: None: all parties are in this process.
        plain: whether the arrival of every message is known when it is sent; then `transmit` tells it.
        transmit: (time, sender, receiver, wire bytes) -> arrival; for a plain network alone.
        resent: segments that were sent again, and those that were lost for good.
    """

    def __init__(
        self,
        network: Network,
        roles: Sequence[str],
        clock: Clock,
        seed: int | None = None,
        trace: Trace | None = None,
    ) -> None:
        self._laws = laws = network.resolve(roles)
        self._clock = clock
        self._seed = seed
        self._trace = trace
        self._overhead = network.overhead_bytes
        self._segment = network.segment_bytes
        timeout = network.retransmission_timeout
        self._patience = None if timeout is None else parse_time(timeout)
        self._free: dict[object, int] = {}
        self._links: dict[tuple[int, int], _Link] = {}
        self._downlinks = [None if limit is None else Downlink(clock, limit) for limit in laws.downlinks]
        self.resent = 0
        self.tell = None
        self.plain = laws.constant
        framed = bool(self._overhead)
        if laws.uniform is not None and not framed:
            self.transmit = _uniform(laws.uniform, laws.shared, len(roles))
        else:
            self.transmit = self._by_link

    def _by_link(self, now: int, sender: int, to: int, wire_bytes: int) -> int:
        """Return when a message arrives that nothing random or shared at the receiver holds up."""
        link = self._link(sender, to)
        start, took = self._occupy(link, now, wire_bytes + self._overhead * self._segments(wire_bytes))
        return start + took + link.law.latency_ns

    def _occupy(self, link: _Link, now: int, size: int) -> tuple[int, int]:
        """Put `size` bytes on a link's uplink; return when that starts, and how long it takes.

        What goes over a link without a limit waits for its turn too, and keeps nothing busy.
        """
        start = max(now, self._free.get(link.line, 0))
        rate = link.law.bits_per_second
        if rate is None:
            return start, 0
        took = transmission_ns(size, rate)
        self._free[link.line] = start + took
        return start, took

    def _link(self, sender: int, to: int) -> _Link:
        link = self._links.get((sender, to))
        if link is None:
            law = self._laws.law(sender, to)
            link = self._links[sender, to] = _Link(law, sender, to, self._laws.shared, self._seed)
        return link

    def _segments(self, wire_bytes: int) -> int:
        return 1 if self._segment is None else max(-(-wire_bytes // self._segment), 1)

    def submit(
        self,
        now: int,
        sender: int,
        to: int,
        wire_bytes: int,
        deliver: Deliver,
        parcel: tuple[Any, ...],
        event: int = NONE,
        *,
        delay: int = 0,
        why: Callable[[int], int] | None = None,
        dropped: bool = False,
    ) -> None:
        """Send a message into the network at `now`; `deliver(*parcel)` is called when it arrives.

        Args:
            now: when it is sent (nanoseconds).
            sender: id of the sender.
            to: id of the receiver.
            wire_bytes: its size without overhead.
            deliver: what to call.
            parcel: what to call it with.
            event: position of its `send` in the trace, which is told the arrival.
            delay: added to its latency.
            why: called with the time of an attempt; PASSES, CUT or CUT_FOR_EVER.
            dropped: it leaves its uplink and never arrives.
        """
        flight = Flight(deliver, parcel, event)
        flight.segments = self._segments(wire_bytes)
        flight.tail = wire_bytes - (flight.segments - 1) * (self._segment or wire_bytes)
        flight.bytes = flight.total = wire_bytes + self._overhead * flight.segments
        flight.delay = delay
        flight.why = why
        flight.gone = dropped
        link = self._link(sender, to)
        link.queue.append(flight)
        self._attempt(now, link, flight)

    def _attempt(self, now: int, link: _Link, flight: Flight) -> None:
        """Put what is missing of a message on its uplink, and see what becomes of it."""
        law = link.law
        start, took = self._occupy(link, now, flight.bytes)
        if flight.gone:
            self._release(link)
            return
        flight.attempts += 1
        cut = PASSES if flight.why is None else flight.why(now)
        lost = flight.segments if cut else self._lose(link, flight)
        if lost and (self._patience is None or flight.attempts >= MOST_ATTEMPTS):
            flight.gone = True
        elif lost:
            assert self._patience is not None
            again = start + took + self._patience
            if cut == CUT_FOR_EVER and flight.attempts > 1:  # on to the last: none before can pass
                skipped = MOST_ATTEMPTS - 1 - flight.attempts
                self.resent += lost * skipped
                again += skipped * (took + self._patience)
                flight.attempts += skipped
            self.resent += lost
            self._clock.at(again, self._attempt, again, link, flight)
            return
        else:
            jitter = 0 if law.jitter is None or link.stream is None else law.jitter.draw(link.stream)
            flight.first = start + law.latency_ns + jitter + flight.delay
            flight.last = flight.first + took
        self._release(link)

    def _lose(self, link: _Link, flight: Flight) -> int:
        """Draw which segments of an attempt are lost; they are what the next attempt sends."""
        loss = link.law.loss
        if not loss or link.stream is None:
            return 0
        places = _lost(link.stream, loss, flight.segments)
        lost = len(places)
        tail = bool(places) and places[-1] == flight.segments - 1
        if lost:
            full = self._segment or 0
            size = (lost - 1) * full + flight.tail if tail else lost * full
            flight.tail = flight.tail if tail else full
            flight.segments = lost
            flight.bytes = size + self._overhead * lost
        return lost

    def _release(self, link: _Link) -> None:
        """Let the messages at the head of a link go on, in order."""
        queue = link.queue
        while queue and (queue[0].gone or queue[0].last != NONE):
            flight = queue.popleft()
            if flight.gone:
                continue
            link.latest = max(link.latest, flight.last, self._clock.now)
            downlink = self._downlinks[link.to]
            if downlink is None:
                self._clock.at(link.latest, flight.deliver, *flight.parcel)
                if self._trace is not None and flight.event != NONE:
                    self._trace.arrived(flight.event, link.latest)
            else:
                link.latest_first = max(link.latest_first, flight.first, self._clock.now)
                self._clock.at(link.latest_first, self._enter, downlink, link, flight)

    def _enter(self, downlink: Downlink, link: _Link, flight: Flight) -> None:
        def done() -> None:
            if self._trace is not None and flight.event != NONE:
                self._trace.arrived(flight.event, self._clock.now)
            flight.arrive()

        downlink.arrive(link.ends, 8 * flight.total, link.law.bits_per_second, done)

    def under_way(self) -> list[tuple[int, int]]:
        """Return (sender, receiver) of messages that wait for another attempt or for a downlink.

        Those whose arrival is certain are with the clock.
        """
        waiting = [link.ends for link in self._links.values() for _ in link.queue]
        for callback, args in self._clock.pending():
            if callback == self._enter:
                waiting.append(args[1].ends)
        return waiting + [ends for downlink in self._downlinks if downlink for ends in downlink.pending()]


class _Times(dict[int, int]):
    """Transmission times at one rate by size, as most messages of a run have a size of a few."""

    def __init__(self, bits_per_second: int) -> None:
        super().__init__()
        self._rate = bits_per_second

    def __missing__(self, wire_bytes: int) -> int:
        if len(self) >= _SIZES:
            self.clear()
        took = self[wire_bytes] = transmission_ns(wire_bytes, self._rate)
        return took


def _uniform(law: Law, shared: bool, parties: int) -> Callable[[int, int, int, int], int]:
    """Return `transmit` for links that are all alike: most messages of most runs pass here."""
    latency, rate = law.latency_ns, law.bits_per_second
    if rate is None:
        return lambda now, sender, to, wire_bytes: now + latency
    took = _Times(rate)
    if shared:
        uplinks = [0] * parties

        def transmit(now: int, sender: int, to: int, wire_bytes: int) -> int:
            start = uplinks[sender]
            if start < now:
                start = now
            uplinks[sender] = done = start + took[wire_bytes]
            return done + latency

        return transmit
    free: dict[int, int] = {}

    def transmit_alone(now: int, sender: int, to: int, wire_bytes: int) -> int:
        line = sender * parties + to
        done = free[line] = max(now, free.get(line, 0)) + took[wire_bytes]
        return done + latency

    return transmit_alone


def _lost(stream: Stream, loss: float, segments: int) -> list[int]:
    """Return which of so many segments are lost: each by a draw, or by geometric gaps where many."""
    if segments <= _FEW:
        bound = int(loss * ONE)
        return [place for place in range(segments) if stream.draw() < bound]
    kept = minus_log(max(ONE - int(loss * ONE), 1))
    places: list[int] = []
    place = -1
    while kept:
        place += 1 + stream.exponential() // kept
        if place >= segments:
            break
        places.append(place)
    return places
