"""The links of one party during a run: messages out and in, heartbeats, the end, and what ends it early.

It stands where the emulator stands: the transport weighs a message, accounts for it and hands it over.
"""

from __future__ import annotations

import asyncio
import queue
import select
import threading
import time
from collections.abc import Callable
from typing import Any

from mpcsim.engine import Deliver, Party, Scheduler, Transport, WallClock, failure
from mpcsim.errors import MpcsimError
from mpcsim.sockets.wire import (
    ABORT,
    BEAT,
    FIN,
    MESSAGE,
    NEWS,
    Control,
    Limits,
    Link,
    LinkLost,
    Message,
    control,
    message,
    of_peer,
)

_TOKEN = "sockets"
_LINES = 20
_LONGEST = 2000  # characters of a reason that travels
_STILL = 2
_BUSY = control(BEAT)


class SocketClock(WallClock):
    """Real time from the common start on; it runs until the exchange is over, idle or not."""

    def __init__(self, origin: int, exchange: Exchange) -> None:
        super().__init__()
        self._start = origin
        self._exchange = exchange
        self.held.add(_TOKEN)

    def prepare(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have the loop watch the connections."""
        self._origin = self._start
        self._exchange.watch(loop)

    def stop(self) -> None:
        """End `run`, once the other parties are done as well, or the run failed."""
        if self._exchange.may_stop():
            super().stop()

    def halt(self) -> None:
        """End `run` after the present callback."""
        super().stop()

    @property
    def idle(self) -> bool:
        """Whether nothing is ready and nothing is due: only a message can change that."""
        return not self._todo and not self._waiting and self.held <= {_TOKEN}


def _never(_now: int, _sender: int, _to: int, _wire_bytes: int) -> int:
    """Is not asked for: when a message arrives, its receiver knows."""
    raise NotImplementedError


class Exchange:
    """What one party's connections do from the start to the end.

    Attributes:
        plain: that arrivals are not known when a message is sent.
        arrivals: when messages came, in nanoseconds since the start, by sender.
        phased: of messages that were sent in a phase: its number, receiver, place on the link, time.
        collector: who collects the record, once it has connected.
    """

    plain = False
    resent = 0

    def __init__(
        self, links: dict[int, Link], own: int, limits: Limits, beside: queue.SimpleQueue[Any]
    ) -> None:
        self.links = links
        self.transmit: Callable[[int, int, int, int], int] = _never
        self.own = own
        self.limits = limits
        self.beside = beside
        self.collector: Link | None = None
        self.arrivals: dict[int, list[int]] = {peer: [] for peer in links}
        self.phased: list[tuple[int, int, int, int]] = []
        self.ended = False
        self._sent = dict.fromkeys(links, 0)
        self._fins: dict[int, int] = {}
        self._beats: dict[int, list[Any]] = {}
        self._suspects: set[int] = set()
        self._writing: set[int] = set()
        self._ticked = time.monotonic()
        self._over = threading.Event()
        self._still: tuple[Any, int] = (None, 0)

    def attach(
        self, clock: SocketClock, scheduler: Scheduler, transport: Transport, actors: list[Party]
    ) -> None:
        """Connect to what runs the party."""
        self.clock, self.scheduler, self.transport = clock, scheduler, transport
        self.party = actors[self.own]
        self.roles = [actor.role for actor in actors]

    # As links of the engine

    def under_way(self) -> list[tuple[int, int]]:
        """Return nothing: once all are done, all that was sent has come."""
        return []

    def submit(
        self,
        now: int,
        sender: int,
        to: int,
        wire_bytes: int,
        deliver: Deliver,
        parcel: tuple[Any, ...],
        event: int,
    ) -> None:
        """Send a message; where much waits for its link, let data move until half of that is gone."""
        _, key, (depth, payload, number) = parcel
        link = self.links[to]
        phased = self.transport.phased(number)
        if phased is not None:
            self.phased.append((phased[0].number, to, self._sent[to], phased[1]))
        self._sent[to] += 1
        try:
            link.put(message(depth, key[1], payload))
        except LinkLost as error:
            self._gone(link, error)
            return
        if link.queued:
            self._write_later(link)
            if link.queued > self.limits.queue:
                self._pump(link)

    def _pump(self, full: Link) -> None:
        """Let data move in both directions while a party's code waits inside `send`."""
        poll = select.poll()
        by_number = {link.number: link for link in self._open()}
        while full.queued > self.limits.queue // 2 and self.scheduler.failure is None:
            for number, link in by_number.items():
                if not link.closed:
                    poll.register(number, select.POLLIN | (select.POLLOUT if link.queued else 0))
            for number, event in poll.poll(self.limits.beat * 1000):
                link = by_number[number]
                if event & select.POLLOUT:
                    self._flush(link)
                if event & ~select.POLLOUT and not link.closed:
                    self._readable(link)
                if link.closed:
                    poll.unregister(number)
            if time.monotonic() - self._ticked > self.limits.beat:
                self._tick()

    def tell(self, to: int, depth: int, reason: str) -> None:
        """Send the news that this party's program aborted, behind all that it sent."""
        self._say(self.links[to], control(NEWS, [depth, reason[:_LONGEST]]))

    # The loop

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have the loop call back when connections have something, and see to heartbeats."""
        self._loop = loop
        for link in self.links.values():
            loop.add_reader(link.number, self._readable, link)
            self._take(link)  # what came with the last frame of the barrier
            if link.queued:
                self._write_later(link)
        self._beat_later()
        threading.Thread(target=self._pulse, name="mpcsim-pulse", daemon=True).start()

    def close(self) -> None:
        """Stop heartbeats from the other thread."""
        self._over.set()

    def _open(self) -> list[Link]:
        links = [link for link in self.links.values() if not link.closed]
        return links + ([self.collector] if self.collector and not self.collector.closed else [])

    def _readable(self, link: Link) -> None:
        if link.closed:
            return
        try:
            more = link.read()
        except LinkLost as error:
            self._gone(link, error)
            return
        self._take(link)
        if more:
            self._loop.call_soon(self._readable, link)

    def _take(self, link: Link) -> None:
        came, peer = link.reader.came, link.peer
        while came:
            frame = came.popleft()
            if type(frame) is Message and frame.kind == MESSAGE and peer >= 0:
                arrivals = self.arrivals[peer]
                mail = (frame.depth, frame.payload, len(arrivals))
                arrivals.append(self.clock.now)
                self.clock.soon(self.transport.deliver, self.party, (peer, frame.channel), mail)
            elif isinstance(frame, Control) and frame.kind == BEAT:
                if isinstance(frame.said, list) and len(frame.said) == 4:
                    self._beats[peer] = frame.said
                else:
                    self._beats.pop(peer, None)
            elif isinstance(frame, Control) and frame.kind == FIN and peer >= 0:
                self._fins[peer] = frame.said
                if frame.said != len(self.arrivals[peer]):
                    self.fail(
                        link.lost(f"{frame.said!r} messages were sent and {len(self.arrivals[peer])} came")
                    )
                self._end_if_all_did()
            elif isinstance(frame, Control) and frame.kind == NEWS and peer >= 0:
                said = frame.said
                if not (isinstance(said, list) and list(map(type, said)) == [int, str]):
                    self.fail(link.lost("it sent news of an abort without depth and reason"))
                    return
                self.clock.soon(self.scheduler.hear_abort, self.party, peer, *said)
            elif isinstance(frame, Control) and frame.kind == ABORT:
                self.fail(of_peer(frame.said))
            else:
                self.fail(link.lost("it sent a frame that does not belong into a run"))

    def _gone(self, link: Link, error: LinkLost) -> None:
        """See to a connection that is of no use any more; what came before says why, if it can be read."""
        if link.closed:
            return
        try:
            while link.read():
                pass
        except LinkLost:  # as expected
            pass
        self._forget(link)
        self._take(link)
        if link.peer < 0:
            self.fail(link.lost("who collects the record is gone"))
        elif link.peer not in self._fins:
            self.fail(error)
        link.close()

    def _forget(self, link: Link) -> None:
        self._loop.remove_reader(link.number)
        if link.number in self._writing:
            self._writing.discard(link.number)
            self._loop.remove_writer(link.number)

    def _write_later(self, link: Link) -> None:
        if link.number not in self._writing:
            self._writing.add(link.number)
            self._loop.add_writer(link.number, self._flush, link)

    def _flush(self, link: Link) -> None:
        try:
            link.flush()
        except LinkLost as error:
            self._gone(link, error)
            return
        if not link.queued and link.number in self._writing:
            self._writing.discard(link.number)
            self._loop.remove_writer(link.number)

    # The end

    def fail(self, error: MpcsimError) -> None:
        """End the run; of several errors the first counts."""
        if self.scheduler.failure is None:
            self.scheduler.failure = error
            self.clock.soon(self.clock.halt)

    def may_stop(self) -> bool:
        """Return whether the clock may stop: the run failed, or all are done; else say that this one is."""
        if self.scheduler.failure is None and not self.ended:
            self.ended = True
            for peer, link in self.links.items():
                self._say(link, control(FIN, self._sent[peer]))
            self._end_if_all_did()
        return self.scheduler.failure is not None

    def _end_if_all_did(self) -> None:
        if self.ended and len(self._fins) == len(self.links):
            self.clock.soon(self.clock.halt)

    def _say(self, link: Link, frame: bytes) -> None:
        if link.closed:
            return
        try:
            link.put([frame])
            if link.queued:
                self._write_later(link)
        except LinkLost as error:
            self._gone(link, error)

    # Heartbeats

    def _beat_later(self) -> None:
        self._loop.call_later(self.limits.beat, self._beat)

    def _beat(self) -> None:
        if not self._over.is_set():
            self._tick()
            self._beat_later()

    def _tick(self) -> None:
        """Send a heartbeat, look for who is silent, and for a deadlock of all."""
        self._ticked = time.monotonic()
        while not self.beside.empty():
            self._greet(self.beside.get())
        state = self._state()
        frame = control(BEAT, state)
        for link in self._open():
            if not link.queued:
                self._say(link, frame)
        self._find_silent()
        if self.own == 0:
            self._find_deadlock(state)

    def _greet(self, one: Any) -> None:
        """Take who connects while the run is under way: who collects the record, and nobody else."""
        if not isinstance(one, Link):
            self.fail(one)
        elif one.peer >= 0 or self.collector is not None:
            self.fail(one.lost(f"{one} connected twice"))
            one.close()
        else:
            self.collector = one
            self._loop.add_reader(one.number, self._readable, one)
            self._take(one)

    def _state(self) -> list[Any]:
        idle = self.clock.idle or self.ended
        came = {peer: len(times) for peer, times in self.arrivals.items()}
        lines = (
            failure.waits(self.scheduler.strands, self.roles)[:_LINES] if idle and not self.ended else []
        )
        return [idle, self._sent, came, [line[:500] for line in lines]]

    def _find_silent(self) -> None:
        """Fail where a peer was silent for long, at the second look: this process may have been away."""
        now = time.monotonic()
        silent = {
            link.peer
            for link in self._open()
            if now - link.heard > self.limits.silence and link.peer not in self._fins
        }
        for peer in silent & self._suspects:
            link = self.links.get(peer) or self.collector
            assert link is not None
            self.fail(
                link.lost(f"nothing came from it for {self.limits.silence:g} s, not even a heartbeat")
            )
        self._suspects = silent

    def _find_deadlock(self, own: list[Any]) -> None:
        """Fail where, time and again, all are idle and all that was sent has come (Mattern, 1987)."""
        states = {self.own: own, **self._beats}
        done = len(self._fins) == len(self.links) and self.ended
        if len(states) <= len(self.links) or done or not all(state[0] is True for state in states.values()):
            self._still = (None, 0)
            return
        try:
            counts = [
                (sent, states[to][2][one]) for one, state in states.items() for to, sent in state[1].items()
            ]
        except (KeyError, TypeError, IndexError, AttributeError):  # a peer that sends other beats
            return
        since = self._still[1] + 1 if self._still[0] == counts else 0
        self._still = (counts, since)
        if since < _STILL or any(sent != came for sent, came in counts):
            return
        lines = [str(line) for _, state in sorted(states.items()) for line in state[3]]
        if lines:
            self.fail(failure.stuck(lines, []))

    def _pulse(self) -> None:
        """Send heartbeats while a party's code keeps the loop from it, from a thread of its own."""
        while not self._over.wait(self.limits.beat):
            if time.monotonic() - self._ticked > 1.5 * self.limits.beat:
                for link in self._open():
                    link.beat(_BUSY)
