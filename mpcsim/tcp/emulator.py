"""All connections of one run: who sends what when, over TCP, in integer nanoseconds.

A connection puts bursts of segments on its party's uplink as its windows allow; the uplink is a queue, in
which connections take turns because none may keep more than a millisecond's worth in it; what has come is
acknowledged behind what waits on the receiver's uplink. Events of one time keep the order in which they
were asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mpcsim.engine import NONE, Clock, Deliver, Trace
from mpcsim.network import Downlink, Network, rules, transmission_ns
from mpcsim.tcp import recovery
from mpcsim.tcp.agenda import Agenda
from mpcsim.tcp.connection import Burst, Connection, Held, Line, Message

Explain = Callable[[tuple[Any, ...], Held], None]
"""Takes a message's parcel, and what held it up."""


def _unknown(now: int, sender: int, to: int, wire_bytes: int) -> int:
    raise NotImplementedError("over TCP no arrival is known when a message is sent")


class TcpEmulator(Agenda):
    """The network of one run, over TCP; to the transport it is what `mpcsim.network.emulator.Emulator` is.

    Attributes:
        tell: None: all parties are in this process.
        plain: False: no arrival is known when a message is sent, and `transmit` refuses.
        resent: segments that were sent again.
        explain: who is told what held a message up, when its arrival is known.
    """

    def __init__(
        self,
        network: Network,
        roles: Sequence[str],
        clock: Clock,
        seed: int | None = None,
        trace: Trace | None = None,
    ) -> None:
        super().__init__(clock)
        self.plain = False
        self.tell = None
        self.rules = rules(network.tcp_table)
        self._laws = laws = network.resolve(roles)
        self._seed = seed
        self._trace = trace
        self._connections: dict[tuple[int, int], Connection] = {}
        self._lines: dict[object, Line] = {}
        self._downlinks = [None if limit is None else Downlink(clock, limit) for limit in laws.downlinks]
        self._clocked = self.rules.clocked
        self._router = self.rules.router
        self.resent = 0
        self.explain: Explain | None = None
        self.transmit: Callable[[int, int, int, int], int] = _unknown

    # Sending

    def connection(self, sender: int, to: int) -> Connection:
        """Return a directed connection, opened with its first message (its handshake takes no time)."""
        found = self._connections.get((sender, to))
        if found is None:
            law, back = self._laws.law(sender, to), self._laws.law(to, sender)
            line, other = self._line(sender, to), self._line(to, sender)
            ends = (sender, to)
            found = Connection(self.rules, ends, law, line, other, back, self._seed)
            self._connections[ends] = found
        return found

    def _line(self, sender: int, to: int) -> Line:
        return self._lines.setdefault(sender if self._laws.shared else (sender, to), Line())

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

        The arguments are those of `Emulator.submit`; a message that a partition cuts is sent again as TCP
        does, and one that is dropped travels and is not handed over.
        """
        self._land(min(now, self._clock.now))
        message = Message(max(wire_bytes, 1), deliver, parcel, event)
        message.delay, message.why, message.dropped = delay, why, dropped
        connection = self.connection(sender, to)
        connection.lossy = connection.lossy or why is not None
        if now > self._clock.now:  # code that was measured runs ahead of the clock
            self.at(now, self._send, connection, message)
        else:
            self._send(now, connection, message)

    def _send(self, now: int, connection: Connection, message: Message) -> None:
        if connection.broken:
            return
        message.window, message.restart = connection.losses(now)
        connection.written += message.size
        message.end = connection.written
        if connection.under_way == 0 and connection.last_sent is not None and not connection.queue:
            gap = now - connection.last_sent
            connection.window.idle(now, gap, connection.round_trip.timeout)
        connection.queue.append(message)
        self.push(now, connection)

    def push(self, now: int, connection: Connection) -> None:
        """Put on the uplink what windows and the device's queue allow."""
        if connection.blocked is not None:
            since, kind = connection.blocked
            connection.lost_time[kind] += now - since
            connection.blocked = None
        if connection.again:
            recovery.resend(self, now, connection)
        queue = connection.queue
        if not queue or connection.broken:
            return
        window = connection.window
        sent = held_back = False
        while queue:
            if connection.device is not None and self._is_full(now, connection):
                break
            room = self._room(now, connection)
            if room <= 0:
                held_back = room == 0
                connection.blocked = (now, int(held_back and bool(window.before_restart)))
                break
            self._launch(now, connection, room)
            sent = True
        if self._clocked and (sent or held_back):
            window.sent(
                now, connection.under_way, connection.una, connection.following,
                held_back, connection.round_trip.timeout,
            )  # fmt: skip

    def _room(self, now: int, connection: Connection) -> int:
        """Return how many bytes may go now; 0: the congestion window is full; less: another limit."""
        rules, size = self.rules, connection.window.size
        segments = connection.turn(now)
        if size is not None:
            left = size - connection.under_way
            if left <= 0:
                return 0
            segments = left if segments is None else min(left, segments)
        room = connection.written if segments is None else segments * rules.segment
        waiting = connection.written - connection.following
        if connection.taken < connection.written:
            connection.take()
        free = connection.taken - connection.following
        if connection.offered is not None:
            offered = connection.offered - (connection.following - connection.una)
            turn = 0 if segments is None or not connection.under_way else segments * rules.segment
            if offered < min(waiting, turn):  # what the receiver frees goes in whole turns
                return -1
            free = min(free, offered)
        if free < waiting:  # whole segments, or what there is where nothing is under way
            free = free // rules.segment * rules.segment or (not connection.under_way) * free
        return min(room, free) if free > 0 else -1

    def _is_full(self, now: int, connection: Connection) -> bool:
        """Whether a connection has its share of the device's queue; then it goes on when that has left."""
        leaving = connection.leaving
        while leaving and leaving[0][0] <= now:
            connection.leaving_bytes -= leaving.popleft()[1]
        if connection.leaving_bytes < (connection.device or 0):
            return False
        if not connection.woken:
            connection.woken = True
            self.at(leaving[0][0], self._wake, connection)
        return True

    def _wake(self, now: int, connection: Connection) -> None:
        connection.woken = False
        self.push(now, connection)

    def _launch(self, now: int, connection: Connection, room: int) -> None:
        """Cut a burst of at most `room` bytes from the stream and put it on the uplink."""
        queue, left = connection.queue, room
        ends = []
        why = queue[0].why
        one_by_one = self.rules.burst is None and connection.window.size is None
        while queue:
            message = queue[0]
            rest = message.size - connection.begun
            if rest > left:
                connection.begun += left
                left = 0
                break
            left -= rest
            connection.begun = 0
            window, restart = connection.lost_time
            message.window, message.restart = window - message.window, restart - message.restart
            ends.append(queue.popleft())
            if left == 0 or one_by_one:
                break
        size = room - left
        burst = Burst(connection.following, size, self.rules.segments(size), ends)
        connection.following += size
        connection.flown = max(connection.flown, connection.following - connection.una)
        if connection.lossy:
            burst.why = why
            recovery.launch(self, now, connection, burst)
        else:
            self.travel(connection, burst, self.transmitted(now, connection, burst))

    def travel(self, connection: Connection, burst: Burst, done: int) -> None:
        """Have a burst that nothing loses arrive, having left its uplink at `done`."""
        law, downlink = connection.law, self._downlinks[connection.ends[1]]
        if downlink is not None:
            rate, size = law.bits_per_second, self.rules.wire(burst.size)
            took = 0 if rate is None else transmission_ns(size, rate)
            first = done - took + law.latency_ns + self._extra(connection, burst.ends)
            connection.latest_first = max(connection.latest_first, first)
            if not connection.lossy:
                connection.entering.append(burst)
            self.at(connection.latest_first, self._enter, downlink, connection, burst, 8 * size)
        elif connection.lossy:
            self.at(done + law.latency_ns, recovery.received, self, connection, burst)
        else:
            if self._clocked:  # the kernel acknowledges before the program answers
                self.at(done + law.latency_ns, self.arrived, connection, burst)
            self.hand_over(connection, burst, done + law.latency_ns)

    def _enter(self, now: int, downlink: Downlink, connection: Connection, burst: Burst, bits: int) -> None:
        def done() -> None:
            when = self._clock.now
            if connection.lossy:
                recovery.received(when, self, connection, burst)
                return
            connection.entering.remove(burst)
            self.hand_over(connection, burst, when, late=True)
            if self._clocked:
                self.arrived(when, connection, burst)

        downlink.arrive(connection.ends, bits, connection.law.bits_per_second, done)

    def _extra(self, connection: Connection, messages: Sequence[Message]) -> int:
        """Return the jitter and the delays by faults of messages that arrive together."""
        extra = 0
        for message in messages:
            extra = max(extra, message.delay + self._jitter(connection))
        return extra

    def _jitter(self, connection: Connection) -> int:
        jitter = connection.law.jitter
        return 0 if jitter is None or connection.stream is None else jitter.draw(connection.stream)

    def transmitted(self, now: int, connection: Connection, burst: Burst) -> int:
        """Return when a burst that is put on the uplink now has left it."""
        back = self._connections.get((connection.ends[1], connection.ends[0]))
        if back is not None and back.pending:
            self._acknowledge(now, back, riding=True)
        line, rate = connection.line, connection.law.bits_per_second
        start = max(now, line.free)
        if burst.ends and line.acks:
            waited = line.behind_acks(now)
            for message in burst.ends:
                message.acks = waited
        burst.sent = connection.last_sent = now
        connection.under_way += burst.segments
        size = burst.size + self.rules.header * burst.segments
        took = 0 if rate is None else transmission_ns(size, rate)
        for message in burst.ends:
            if message.left == NONE:
                message.left = start + took
        if rate is None:
            return start
        line.free = start + took
        if connection.device is not None:
            connection.leaving.append((line.free, size))
            connection.leaving_bytes += size
        return line.free

    # Receiving

    def hand_over(self, connection: Connection, burst: Burst, arrival: int, *, late: bool = False) -> None:
        """Hand over the messages that end in a burst which arrives, in order, with their jitter and delays.

        Args:
            connection: whose burst it is.
            burst: the burst.
            arrival: when its last byte arrives.
            late: it is there; else that is in the future, and messages before its end come earlier.
        """
        law, last = connection.law, burst.first + burst.size
        downlink = self._downlinks[connection.ends[1]]
        for message in burst.ends:
            extra = self.rules.host_cost
            if downlink is None:
                extra += message.delay + self._jitter(connection)
            if message.end < last and law.bits_per_second is not None and not late:
                extra -= transmission_ns(self.rules.wire(last - message.end), law.bits_per_second)
            when = connection.latest = max(connection.latest, arrival + extra, self._clock.now)
            if message.dropped:
                continue
            if self._trace is not None and message.event != NONE:
                self._trace.arrived(message.event, when)
            if self.explain is not None:
                self.explain(message.parcel, self._held(connection, message))
            self._clock.at(when, message.deliver, *message.parcel)

    def _held(self, connection: Connection, message: Message) -> Held:
        rate = connection.law.bits_per_second
        took = 0 if rate is None else transmission_ns(self.rules.wire(message.size), rate)
        return Held(message.window, message.restart, message.acks, took, message.left)

    def arrived(self, now: int, connection: Connection, burst: Burst, *, at_once: bool = False) -> None:
        """Acknowledge what has come: two segments at once, a lone one when it has waited."""
        connection.offer.received(now, burst.size)
        pending = connection.pending
        pending.append(burst)
        if at_once or not self.rules.delayed_ack or len(pending) > 1 or burst.segments > 1:
            self._acknowledge(now, connection)
        else:
            self.at(now + self.rules.delayed_ack, self._late, connection, burst)

    def _late(self, now: int, connection: Connection, burst: Burst) -> None:
        if connection.pending and connection.pending[0] is burst:
            self._acknowledge(now, connection)

    def _acknowledge(self, now: int, connection: Connection, *, riding: bool = False) -> None:
        """Acknowledge all that has come, behind what waits on the receiver's uplink.

        Args:
            now: the time.
            connection: whose bursts have come.
            riding: the acknowledgement goes with data, and takes no room of its own.
        """
        got, connection.pending = connection.pending, []
        line, law = connection.back, connection.back_law
        left = now
        if self.rules.ack_bytes:
            left = max(now, line.free)
            rate = law.bits_per_second
            if rate is not None and not riding:
                count = -(-sum(burst.segments for burst in got) // 2)
                took = transmission_ns(count * self.rules.ack_bytes, rate)
                left += took
                line.free = left
                line.behind_acks(now)
                line.acks.append((left, took))
        self.at(left + law.latency_ns, self._acknowledged, connection, got, connection.offer.window)

    def _acknowledged(
        self, now: int, connection: Connection, got: list[Burst], offered: int | None
    ) -> None:
        if offered is not None:
            connection.offered = max(connection.offered or 0, offered)
        if connection.lossy:
            recovery.acknowledged(self, now, connection, got)
            self.push(now, connection)
            return
        round_before = connection.round_trip.round
        for burst in got:
            connection.una += burst.size
            connection.under_way -= burst.segments
            self.learn(now, connection, burst)
        self.push(now, connection)
        if connection.round_trip.round != round_before:
            self._look(now, connection)

    def learn(self, now: int, connection: Connection, burst: Burst, *, growing: bool = True) -> None:
        """Take the round-trip time of a burst that was sent once, and let the window grow."""
        rtt, una, following = now - burst.sent, connection.una, connection.following
        connection.round_trip.sample(rtt, una, following)
        smoothed = connection.round_trip.smoothed
        if not growing:
            return
        connection.window.acknowledged(now, burst.segments, rtt, smoothed, una, following)

    def under_way(self) -> list[tuple[int, int]]:
        """Return (sender, receiver) of messages whose arrival is not certain yet."""
        found = []
        for connection in self._connections.values():
            bursts = (*connection.flying, *connection.entering)
            waiting = [*connection.queue, *(one for burst in bursts for one in burst.ends)]
            found += [connection.ends] * sum(not message.dropped for message in waiting)
        later = (args[0].ends for _, _, callback, args in self._events if callback == self._send)
        return [*found, *later]
