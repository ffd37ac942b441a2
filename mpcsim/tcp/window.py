"""The windows of one directed connection: what may be under way, and how that changes.

The laws are Linux's, after RFC 5681 (slow start), 2861 (idle and unused windows), 6298 (round-trip times),
6928 (initial window), 9438 (cubic), in whole segments and nanoseconds.
"""

from __future__ import annotations

from mpcsim.tcp.cubic import Cubic, HyStart
from mpcsim.tcp.keys import Rules

FLOOR = 200_000_000  # ns: Linux's least for 4·rttvar
_FIRST_WINDOW = 65_535  # bytes: what a receiver offers at first
_SLACK = 16  # segments: Linux's allowance when a receive buffer grows


class RoundTrip:
    """The smoothed round-trip time and the retransmission timeout (RFC 6298, as Linux rounds it).

    Args:
        first: the first sample, in nanoseconds: the handshake's.
    """

    __slots__ = ("_deviation", "_largest", "_smoothed", "_variation", "_window")

    def __init__(self, first: int) -> None:
        self._smoothed = 8 * first
        self._deviation = 2 * first
        self._variation = max(self._deviation, FLOOR)
        self._largest = FLOOR
        self._window = 0

    @property
    def smoothed(self) -> int:
        """The smoothed round-trip time."""
        return self._smoothed // 8

    @property
    def timeout(self) -> int:
        """How long to wait for an acknowledgement; also what counts as idle."""
        return self._smoothed // 8 + self._variation

    def sample(self, rtt: int, una: int, following: int) -> None:
        """Take a sample, with the first byte not acknowledged and the first that was not sent."""
        error = rtt - self._smoothed // 8
        self._smoothed += error
        if error < 0:
            error = -error - self._deviation // 4
            error = error // 8 if error > 0 else error
        else:
            error -= self._deviation // 4
        self._deviation += error
        if self._deviation > self._largest:
            self._largest = self._deviation
            self._variation = max(self._variation, self._largest)
        if una > self._window:
            if self._largest < self._variation:
                self._variation -= (self._variation - self._largest) // 4
            self._window, self._largest = following, FLOOR


class Offer:
    """The receive window: from 64 KiB on it keeps ahead of what arrives (Linux's tcp_rcv_space_adjust).

    Args:
        rules: of the network.
        rtt: the connection's round trip without queues, in nanoseconds.
    """

    __slots__ = ("_before", "_got", "_most", "_rtt", "_since", "_slack", "window")

    def __init__(self, rules: Rules, rtt: int) -> None:
        self._most = rules.receive_window
        growing = rules.receive_growth
        self.window = min(_FIRST_WINDOW, self._most or _FIRST_WINDOW) if growing else self._most
        self._rtt = rtt
        self._since = self._got = 0
        self._slack = _SLACK * rules.segment
        self._before = 10 * rules.segment
        if not growing:
            self._slack = 0

    def received(self, now: int, size: int) -> None:
        """Count bytes that the program was handed; once a round trip, look whether the window must grow."""
        if self.window is None or not self._slack:
            return
        if now - self._since >= self._rtt:
            if self._got > self._before:
                wanted = 2 * self._got + self._slack
                wanted += 2 * (wanted * (self._got - self._before) // self._before)
                most = wanted if self._most is None else self._most
                self.window = max(self.window, min(wanted, most))
                self._before = self._got
            self._since, self._got = now, 0
        self._got += size


class Window:
    """The congestion window of one sender.

    Attributes:
        size: segments that may be under way; None: any number.
        threshold: slow start ends here; None: nowhere.
        before_restart: what the window was when idling last closed it; 0: it has grown back.
    """

    __slots__ = (
        "_checked", "_cubic", "_hystart", "_limited", "_most", "_rules", "_usage", "_used",
        "before_restart", "size", "threshold",
    )  # fmt: skip

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self.size = rules.initial
        self.threshold: int | None = None
        self.before_restart = 0
        self._cubic = Cubic()
        self._hystart = HyStart() if rules.hystart else None
        self._limited = False  # whether it held something back in the present round
        self._most = 0  # segments under way at once, in this round
        self._usage = 0  # where the round ends, as a sequence number
        self._used = 0
        self._checked = 0

    def _soften(self) -> None:
        """Keep three quarters of the window as what slow start may come back to."""
        if self.threshold is not None and self.size is not None:
            self.threshold = max(self.threshold, self.size * 3 // 4)

    def idle(self, now: int, gap: int, timeout: int) -> None:
        """Fall back after nothing was sent for `gap`: by half each timeout, down to the initial window."""
        size, initial = self.size, self._rules.initial
        if size is None or initial is None or not self._rules.restart or gap <= timeout:
            return
        self._soften()
        floor = min(initial, size)
        halves = -(-gap // timeout) - 1
        small = max(size >> min(halves, 64), floor)
        if small < size:
            self.before_restart = max(self.before_restart, size)
        self.size = small
        self._checked, self._used = now, 0
        self._cubic.epoch = None

    def sent(
        self, now: int, under_way: int, una: int, following: int, held_back: bool, timeout: int
    ) -> None:
        """Note how much of the window a sender uses; what is unused for a timeout decays."""
        size = self.size
        if size is None:
            return
        if una >= self._usage or held_back or (not self._limited and under_way > self._most):
            self._limited, self._most, self._usage = held_back, under_way, following
        if self._is_limiting():
            self._used, self._checked = 0, now
            return
        self._used = max(self._used, under_way)
        if not self._rules.unused or now - self._checked < timeout:
            return
        used = max(self._used, self._rules.initial or 0)
        if used < size:
            self._soften()
            self.size = (size + used) // 2
        self._used, self._checked = 0, now

    def _is_limiting(self) -> bool:
        if self._limited:
            return True
        return self._slow_start() and (self.size or 0) < 2 * self._most

    def _slow_start(self) -> bool:
        return self.threshold is None or (self.size or 0) < self.threshold

    def acknowledged(
        self, now: int, segments: int, rtt: int, smoothed: int, una: int, following: int
    ) -> None:
        """Grow with what was acknowledged."""
        size = self.size
        if size is None:
            return
        self._checked = now
        hystart = self._hystart if self._slow_start() else None
        if hystart is not None and hystart.acknowledged(now, rtt, size, una, following):
            self.threshold = size
        if self._is_limiting():
            if self._slow_start():
                room = segments if self.threshold is None else min(segments, self.threshold - size)
                size, segments = size + room, segments - room
            if segments:
                size += self._cubic.grow(now, size, segments, smoothed)
            self.size = size
            if size >= self.before_restart:
                self.before_restart = 0

    def loss(self, *, timeout: bool = False) -> None:
        """Fall back after a loss (RFC 9438): to 0.7 of the window, after a timeout to one segment."""
        if self.size is not None:
            self.threshold = self._cubic.loss(self.size)
            self.size = 1 if timeout else self.threshold
