"""The windows of one directed connection: what may be under way, and how that changes.

The laws are Linux's, after RFC 5681 (slow start), 2861 (idle and unused windows), 6298 (round-trip times),
6928 (initial window), 9438 (cubic), in whole segments and nanoseconds.
"""

from __future__ import annotations

from typing import Any

from mpcsim.network import Rules
from mpcsim.tcp.cubic import Cubic, HyStart

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

    @property
    def round(self) -> int:
        """Where the present round trip ends, as a place in the stream."""
        return self._window

    def state(self, una: int) -> tuple[int, ...]:
        """Return the state, counted from a place, without the variation, which has a law of its own."""
        return (self._smoothed, self._deviation, self._largest, self._window - una)

    @property
    def variation(self) -> int | None:
        """What falls towards its floor by a quarter a round trip; None where it may rise."""
        return None if self._deviation > FLOOR or self._largest > FLOOR else self._variation

    def shift(self, place: int, variation: int, rounds: int) -> None:
        """Move the state to another place, so many round trips after the variation was this."""
        self._window += place
        while rounds > 0 and variation - FLOOR >= 4:
            variation -= (variation - FLOOR) // 4
            rounds -= 1
        self._variation = variation

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

    def state(self, now: int) -> tuple[int | None, ...]:
        """Return the state, counted from a time."""
        return (self.window, self._before, *(() if self._is_settled() else (self._since - now, self._got)))

    def shift(self, time: int) -> None:
        """Move the state in time."""
        self._since += time

    def _is_settled(self) -> bool:
        return self.window is None or not self._slack or self.window == self._most

    def received(self, now: int, size: int) -> None:
        """Count bytes that the program was handed; once a round trip, look whether the window must grow."""
        if self.window is None or self._is_settled():
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

    @property
    def doubles(self) -> bool:
        """Whether it is below half of the threshold: Linux then paces at twice the window."""
        return self.threshold is None or 2 * (self.size or 0) < self.threshold

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

    def state(self, now: int, una: int) -> tuple[Any, ...] | None:
        """Return the state, counted from a time and a place; None: no round trip is like another."""
        if self.size is None:
            return ()
        if not self._slow_start() and self._is_limiting():
            return None  # cubic's growth goes by the time
        hystart = None if self._hystart is None or not self._slow_start() else self._hystart.state(now, una)
        own = (self.size, self.threshold, self.before_restart, self._limited, self._most, self._used)
        return (*own, self._usage - una, self._checked - now, hystart)

    def shift(self, time: int, place: int) -> None:
        """Move the state in time and place."""
        self._usage, self._checked = self._usage + place, self._checked + time
        if self._hystart is not None:
            self._hystart.shift(time, place)

    def loss(self, *, timeout: bool = False) -> None:
        """Fall back after a loss (RFC 9438): to 0.7 of the window, after a timeout to one segment."""
        if self.size is not None:
            self.threshold = self._cubic.loss(self.size)
            self.size = 1 if timeout else self.threshold
