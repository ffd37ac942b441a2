"""Measured compute: the processor time of each party's code, and nobody else's.

A segment is what a party's code does between two awaits. Its length is the thread's processor time,
divided by the party's speed and multiplied by the factor of a fault that slows the party. The
engine's own work is taken out: the watch is paused while a message is sealed, metered and put on its
link, while mail is looked up, and while spans and traces are kept; the cost of reading the clock is
measured once and taken off too. Python's cyclic garbage collector, which would make one party pay for
the objects of all, runs between segments only.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from time import thread_time_ns
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mpcsim.engine.clock import Clock

_YOUNG = 5000  # new objects after which the garbage collector looks at young ones
_OLD = 50  # looks at young objects before one at all


class Stopwatch:
    """Segments of measured compute; one runs at a time, since the engine steps one party at a time.

    Args:
        clock: for the start of a segment.
        speeds: by party: 0.5 is a processor of half the speed of this one.
        slowness: (party, time) -> factor by which a fault slows the party at that time.
    """

    def __init__(
        self, clock: Clock, speeds: Sequence[float], slowness: Callable[[int, int], float]
    ) -> None:
        self._clock = clock
        self._speeds = speeds
        self._slowness = slowness
        self._start = 0
        self._mark = 0
        self._noted = 0
        self._latest = 0
        self._paused = 0
        self._factor = 1.0
        self._looks = 0
        self._collects = gc.isenabled()
        self._reading = _reading_ns()

    def open(self) -> None:
        """Take the garbage collector over."""
        gc.disable()

    def close(self) -> None:
        """Give it back."""
        if self._collects:
            gc.enable()

    def begin(self, party: int) -> None:
        """Start a segment of a party at the clock's time."""
        self._start = self._noted = self._latest = self._clock.now
        self._factor = self._slowness(party, self._start) / self._speeds[party]
        self._paused = 0
        self._mark = thread_time_ns() + self._reading

    def stand(self, time: int) -> None:
        """Let no time pass from here on: what follows, until the next segment, is charged to nobody."""
        self._start = self._noted = self._latest = time
        self._factor = 0.0

    def now(self) -> int:
        """Return the party's own time: the segment's start and what its code spent since.

        It never goes back: where reading the clock costs less than it did when that was measured, what is
        taken off for it is more than what was spent since the last reading.
        """
        until = self._paused or thread_time_ns()
        self._latest = max(self._latest, self._start + int((until - self._mark) * self._factor))
        return self._latest

    def pause(self) -> None:
        """Stop charging: what follows is the engine's work."""
        self._paused = thread_time_ns()

    def resume(self) -> None:
        """Charge again."""
        self._mark += thread_time_ns() - self._paused + self._reading
        self._paused = 0

    def hold(self) -> None:
        """Stop charging, and drop what was spent since `begin`: it was the engine's."""
        self._mark = self._paused = thread_time_ns()
        self._latest = self._noted

    def lap(self) -> int:
        """Return what was spent since the last lap, for the trace and the span; the watch is paused."""
        now = self.now()
        spent = now - self._noted
        self._noted = now
        return spent

    def end(self) -> int:
        """Close the segment and return when it ended; collect garbage where there is much."""
        if not self._paused:
            self._paused = thread_time_ns()
        end = self.now()
        if gc.get_count()[0] > _YOUNG:
            self._looks += 1
            gc.collect(2 if self._looks % _OLD == 0 else 0)
        return end


def _reading_ns() -> int:
    """Return what it costs to read the thread's clock."""
    costs = []
    for _ in range(50):
        before = thread_time_ns()
        costs.append(thread_time_ns() - before)
    return min(costs)
