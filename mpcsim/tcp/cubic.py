"""How a congestion window grows after slow start: CUBIC (RFC 9438), in whole numbers; and HyStart.

Times are nanoseconds, windows segments. Fractions of a segment are carried over in a credit, as Linux does.
"""

from __future__ import annotations

NANO = 10**9
_SCALING = (2, 5)  # C = 0.4 segments per second cubed
_DECREASE = (7, 10)  # β: what a loss leaves of the window
_FRIENDLY = (9, 17)  # α = 3(1 − β)/(1 + β): Reno's growth with the same β
_FINE = 2**20  # parts of a segment that the estimate of Reno's window is counted in
LEAST = 2  # segments: the least threshold after a loss


def cube_root(number: int) -> int:
    """Return the largest whole number whose cube is at most `number`."""
    if number <= 0:
        return 0
    root = 1 << -(-number.bit_length() // 3)
    while True:
        better = (2 * root + number // (root * root)) // 3
        if better >= root:
            return root
        root = better


class Cubic:
    """The growth of one window in congestion avoidance.

    Attributes:
        epoch: when it began; None: with the next acknowledgement.
    """

    __slots__ = ("_credit", "_friendly", "_origin", "_peak", "_wait", "epoch")

    def __init__(self) -> None:
        self.epoch: int | None = None
        self._peak = self._origin = self._wait = self._friendly = self._credit = 0

    def loss(self, window: int) -> int:
        """Return the window that a loss leaves; the peak to come back to is lowered where others grow."""
        above, below = _DECREASE
        self._peak = window if window >= self._peak else window * (above + below) // (2 * below)
        self.epoch = None
        return max(window * above // below, LEAST)

    def grow(self, now: int, window: int, acked: int, rtt: int) -> int:
        """Return by how many segments the window grows for so many that were acknowledged."""
        scale, per = _SCALING
        if self.epoch is None:
            self.epoch, self._credit, self._friendly = now, 0, window * _FINE
            self._origin = max(self._peak, window)
            self._wait = cube_root((self._origin - window) * per * NANO**3 // scale)
        since = now - self.epoch + rtt - self._wait
        target = self._origin + scale * since**3 // (per * NANO**3)
        target = min(max(target, window), window * 3 // 2)
        self._friendly += acked * _FINE * _FRIENDLY[0] // (_FRIENDLY[1] * window)
        target = max(target, self._friendly // _FINE)
        self._credit += acked * max(target - window, 0)
        grown, self._credit = divmod(self._credit, window)
        return grown


class HyStart:
    """Whether slow start should end: Linux's cubic (Ha and Rhee 2011), which RFC 9406 is about.

    In a round of at least 16 segments: acknowledgements that follow each other within 2 ms for more than
    half of the least round trip, or eight samples of which the least is an eighth of that round trip
    (4 to 16 ms) above it.
    """

    __slots__ = ("_end", "_last", "_least", "_round", "_samples", "_start")

    LOW = 16
    SPACING = 2_000_000
    SAMPLES = 8
    LEAST_RISE, MOST_RISE = 4_000_000, 16_000_000

    def __init__(self) -> None:
        self._end = -1  # of the round, as a sequence number
        self._start = self._last = self._samples = 0
        self._round: int | None = None
        self._least: int | None = None

    def state(self, now: int, una: int) -> tuple[int | None, ...]:
        """Return the state, counted from a time and a place."""
        times = (self._start - now, self._last - now)
        return (self._end - una, *times, self._samples, self._round, self._least)

    def shift(self, time: int, place: int) -> None:
        """Move the state in time and place."""
        self._start, self._last, self._end = self._start + time, self._last + time, self._end + place

    def acknowledged(self, now: int, rtt: int, window: int, una: int, following: int) -> bool:
        """Take a sample in slow start; return whether to leave it."""
        least = self._least = rtt if self._least is None else min(self._least, rtt)
        if una > self._end:
            self._start = self._last = now
            self._end, self._round, self._samples = following, None, 0
        if window < self.LOW:
            return False
        if now - self._last <= self.SPACING:
            self._last = now
            if now - self._start > least // 2:
                return True
        self._round = rtt if self._round is None else min(self._round, rtt)
        if self._samples < self.SAMPLES:
            self._samples += 1
            return False
        rise = min(max(least // 8, self.LEAST_RISE), self.MOST_RISE)
        return self._round > least + rise
