"""One directed connection: a stream of bytes that messages are laid into, cut into bursts of segments."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from mpcsim.engine import NONE
from mpcsim.network import Law, Rules, Stream, transmission_ns
from mpcsim.tcp.window import Offer, RoundTrip, Window

PATIENCE_DEVICE = (
    1_000_000  # ns of transmission that a connection keeps in its device's queue (Linux's TSQ)
)
LEAST_BURST = 2  # segments of a burst that a round trip can wait for (Linux's tcp_min_tso_segs)
_PACING_SLOW_START, _PACING = 200, 120  # percent of a window a round trip (tcp_pacing_ss_ratio)
_LARGEST_BURST = 45  # segments of what the kernel takes or hands on at once: 64 KiB
_DESCRIPTION = 845  # bytes of the send buffer that describe a burst (measured, Linux 6.18)
_HEADROOM, _BESIDE = 524, 256  # of a segment: it and the first, up to a power of two, and the second
_PACING_SHIFT = 10  # a burst takes a second by 2 to this at the rate of pacing (sk_pacing_shift)


class Held(NamedTuple):
    """What held a message up, in nanoseconds.

    Attributes:
        window, restart: it waited for a window to open, for one that idling had closed.
        acknowledgement: acknowledgements were before it on the uplink.
        transmission: its own bytes and headers took so long.
        left: when its last byte left the uplink for the first time.
    """

    window: int
    restart: int
    acknowledgement: int
    transmission: int
    left: int


class Message:
    """A message under way.

    Attributes:
        end: where it ends in its connection's stream.
        delay: what a fault adds to its latency.
        why: who decides about partitions: called with the time of an attempt, True where it is cut.
        window, restart: what the connection had lost to windows and to restarts when it was sent; when
            it is wholly launched, what that became since.
        acks: time that its last burst waited behind acknowledgements.
        left: when its last byte left the uplink for the first time.
    """

    __slots__ = (
        "acks", "delay", "deliver", "dropped", "end", "event", "left", "parcel", "restart", "size", "why",
        "window",
    )  # fmt: skip

    def __init__(
        self, size: int, deliver: Callable[..., None], parcel: tuple[Any, ...], event: int
    ) -> None:
        self.size = size
        self.deliver = deliver
        self.parcel = parcel
        self.event = event
        self.end = self.delay = self.acks = 0
        self.window = self.restart = 0
        self.left = NONE
        self.dropped = False
        self.why: Callable[[int], int] | None = None


class Burst:
    """Segments that go on the uplink together.

    Attributes:
        first, size, segments: where they begin in the stream, their payload, how many they are.
        sent: when they were put on the uplink, last.
        serial: in the order of transmissions of the connection.
        times: how often they were sent.
        ends: the messages that end in them, first to last.
        why: who decides about partitions.
        known: whether the sender knows that they have come; lost: whether it takes them for lost.
        passed: segments sent later that are known to have come.
    """

    __slots__ = (
        "ends", "first", "known", "lost", "passed", "segments", "sent", "serial", "size", "times", "why",
    )  # fmt: skip

    def __init__(self, first: int, size: int, segments: int, ends: list[Message]) -> None:
        self.first = first
        self.size = size
        self.segments = segments
        self.ends = ends
        self.sent = self.serial = self.passed = self.times = 0
        self.known = self.lost = False
        self.why: Callable[[int], int] | None = None

    def split(self, segments: int, segment: int) -> Burst:
        """Keep the first so many segments; return the others."""
        kept = segments * segment
        rest = Burst(self.first + kept, self.size - kept, self.segments - segments, [])
        rest.why = self.why
        rest.ends = [message for message in self.ends if message.end > rest.first]
        self.ends = self.ends[: len(self.ends) - len(rest.ends)]
        self.size, self.segments = kept, segments
        return rest


class Line:
    """An uplink: what is put on it leaves in order."""

    __slots__ = ("acks", "free")

    def __init__(self) -> None:
        self.free = 0
        self.acks: deque[tuple[int, int]] = deque()  # (end, length) of acknowledgements not long ago

    def behind_acks(self, now: int) -> int:
        """Return how much of what waits now is acknowledgements."""
        acks = self.acks
        while acks and acks[0][0] <= now:
            acks.popleft()
        return sum(end - max(end - length, now) for end, length in acks)


class Host(Protocol):
    """What losses and steady states ask of the emulator that a connection is part of."""

    rules: Rules
    resent: int

    def at(self, when: int, callback: Callable[..., None], *args: Any) -> None:
        """Call back at a time."""

    def push(self, now: int, connection: Connection) -> None:
        """Send what may be sent."""

    def transmitted(self, now: int, connection: Connection, burst: Burst) -> int:
        """Put a burst on the uplink; return when it has left."""
        ...

    def travel(self, connection: Connection, burst: Burst, done: int) -> None:
        """Have a burst arrive that left its uplink at `done`."""

    def hand_over(self, connection: Connection, burst: Burst, arrival: int, *, late: bool = False) -> None:
        """Hand over the messages that end in a burst."""

    def arrived(self, now: int, connection: Connection, burst: Burst, *, at_once: bool = False) -> None:
        """Acknowledge a burst that has come."""

    def learn(self, now: int, connection: Connection, burst: Burst, *, growing: bool = True) -> None:
        """Take what an acknowledgement tells."""


class Connection:
    """The state of one directed connection.

    Attributes:
        ends: (sender, receiver).
        law, line: of the link; the sender's uplink.
        back, back_law: the receiver's uplink, which acknowledgements take, and the link back.
        queue: messages that are not wholly sent; the first by `begun` bytes.
        written, taken, following, una: bytes of the stream that the program has written, and that the
            kernel has taken, sent, and heard to have come.
        full: whether the program waits for room in the send buffer.
        buffer: what that has grown to (Linux's tcp_sndbuf_expand), in bytes of memory.
        flown: bytes that were under way at most, since the last round trip was looked at.
        under_way: segments sent, not known to have come and not taken for lost.
        leaving: (when it has left, bytes) of what is in the device's queue.
        pending: bursts that have come and are not acknowledged.
        lost_time: nanoseconds in which a window, or a restarted one, held something back.
    """

    def __init__(self, rules: Rules, ends: tuple[int, int], law: Law, line: Line, back: Line, back_law: Law,
                 seed: int | None) -> None:  # fmt: skip
        self.ends = ends
        self.law, self.line, self.back, self.back_law = law, line, back, back_law
        self.stream = None if law.constant else Stream(seed, f"network/{ends[0]}/{ends[1]}")
        self.queue: deque[Message] = deque()
        self.begun = 0
        self.written = self.taken = self.following = self.una = 0
        self.full = False
        self.buffer = self.flown = 0
        self.under_way = 0
        base = law.latency_ns + back_law.latency_ns
        self.window = Window(rules)
        self.round_trip = RoundTrip(base)
        self.offer = Offer(rules, base)
        self.offered = self.offer.window
        self.last_sent: int | None = None
        self.leaving: deque[tuple[int, int]] = deque()
        self.leaving_bytes = 0
        self.woken = False
        rate = law.bits_per_second
        two = 2 * rules.wire(rules.segment)
        self._burst, self._segment = rules.burst, rules.segment
        self._most = rules.send_buffer
        self._memory = (1 << (rules.segment + _HEADROOM - 1).bit_length()) + _BESIDE
        self._segment_ns = 0 if rate is None else transmission_ns(two // 2, rate)
        self.device = None
        if rules.burst is not None and rate is not None and rules.router is None:
            self.device = max(two, rate * PATIENCE_DEVICE // (8 * 10**9))
        self.pending: list[Burst] = []
        self.latest = self.latest_first = 0
        self.blocked: tuple[int, int] | None = None
        self.lost_time = [0, 0]
        # where segments can be lost
        self.serial = 0
        self.expected = 0  # the receiver's next byte in order
        self.held: dict[int, Burst] = {}
        self.flying: deque[Burst] = deque()
        self.order: deque[tuple[int, Burst]] = deque()
        self.again: deque[Burst] = deque()
        self.lossy = rules.router is not None or law.loss > 0
        self.entering: list[Burst] = []  # what the receiver's downlink has not served
        self.drawn: bool | None = None  # the fate of the next segment, where it was drawn already
        self.recover = NONE  # where a recovery ends, as a sequence number
        self.quick = False  # whether it is a fast one, in which the window does not grow
        self.probed = False
        self.tries = 0
        self.deadline = 0
        self.timed = False
        self.broken = False

    def turn(self, now: int) -> int | None:
        """Return how many segments a burst may have; None: any number.

        What pacing allows, but where the window limits, the first burst on an uplink that was idle has
        two: their acknowledgement opens it again.
        """
        most, size = self._burst, self.window.size
        if most is None or size is None:
            return most
        turn = min(self._paced(size), most)
        left = size - self.under_way
        if (left <= 2 * turn or not self.under_way) and now - self.line.free > turn * self._segment_ns:
            return min(LEAST_BURST, turn)
        return turn

    def _paced(self, size: int) -> int:
        """Return how many segments pacing puts into a burst, for a window.

        What Linux's tcp_tso_autosize allows: what passes in 1/1024 s at the rate of pacing, which is twice
        the window a round trip in slow start and 1.2 times it afterwards; two at least, 64 KiB at most.
        """
        ratio = _PACING_SLOW_START if self.window.doubles else _PACING
        trip = max(self.round_trip.smoothed, 1)
        return min(max(size * ratio * 10**7 // (trip << _PACING_SHIFT), LEAST_BURST), _LARGEST_BURST)

    def take(self) -> None:
        """Take from the program what the send buffer holds, in pieces of 64 KiB.

        Memory is counted as Linux does (sk_wmem_queued): payload, and what describes each piece. While
        there is less of it than the buffer holds, a piece more is taken (tcp_sendmsg); a program that has
        to wait goes on when a third of the buffer is free (sk_stream_write_space).
        """
        most = self._grown()
        if most is None:
            self.taken = self.written
            return
        if self.full and 3 * (self.taken - self.una) > 2 * most:
            return  # with what describes it it is more still
        burst = _LARGEST_BURST * self._segment
        whole = burst + _DESCRIPTION
        used = self._described(self.following - self.una) + (self.taken - self.following) * whole // burst
        if used < most and not (self.full and 3 * used > 2 * most):
            self.taken = min(self.written, self.taken + -(-(most - used) // whole) * burst)
            self.full = self.taken < self.written

    def holds_back(self) -> bool:
        """Whether the send buffer may run empty where as much is under way as since the last call."""
        flown, self.flown = self.flown, self.following - self.una
        most = self._grown()
        if most is None or not self.full:
            return False
        piece = _LARGEST_BURST * self._segment + _DESCRIPTION
        return 3 * (self._described(flown) + piece) > 2 * most

    def _described(self, flying: int) -> int:
        """Return the memory of bytes that are under way."""
        size = self.window.size
        burst = (_LARGEST_BURST if size is None else self._paced(size)) * self._segment
        return flying + _DESCRIPTION * flying // burst

    def _grown(self) -> int | None:
        """Return how much memory the send buffer has: twice the window's, up to its key."""
        size, most = self.window.size, self._most
        if size is None or most is None:
            return most
        self.buffer = min(max(self.buffer, 2 * size * self._memory), most)
        return self.buffer

    def losses(self, now: int) -> tuple[int, int]:
        """Return the time that windows and restarts have held something back until now."""
        window, restart = self.lost_time
        if self.blocked is not None:
            since, kind = self.blocked
            window, restart = (
                (window + now - since, restart) if kind == 0 else (window, restart + now - since)
            )
        return window, restart
