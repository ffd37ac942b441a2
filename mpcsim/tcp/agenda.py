"""What is due on the connections of a run, in order; equal round trips are gone through at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Any

from mpcsim.engine import Clock
from mpcsim.tcp import steady
from mpcsim.tcp.connection import Connection


class Agenda:
    """Events of connections on a clock; those of one time keep the order in which they were asked for.

    Attributes:
        events: how many there were so far.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._events: list[steady.Event] = []
        self._planned: set[int] = set()
        self._serial = 0
        self._rounds: deque[steady.Round] = deque(maxlen=steady.MOST_TRIPS)
        self._jump: steady.Jump | None = None
        self.events = 0

    def at(self, when: int, callback: Callable[..., None], *args: Any) -> None:
        """Call back at `when`, with it as first argument."""
        self._serial += 1
        heappush(self._events, (when, self._serial, callback, args))
        if when not in self._planned:
            self._planned.add(when)
            self._clock.at(when, self._run, when)

    def _run(self, when: int) -> None:
        """Do what is due until `when`."""
        self._planned.discard(when)
        while self._events and self._events[0][0] <= when:
            due, _, callback, args = heappop(self._events)
            self._jump = None
            self.events += 1
            callback(due, *args)

    def _look(self, now: int, connection: Connection) -> None:
        """Go through what is left of a message at once, where all is as it was some round trips ago."""
        found = steady.look(now, connection, self._events)
        if found is None:
            self._rounds.clear()
            return
        if self._rounds and self._rounds[-1].held != found.held:
            self._rounds.clear()
        earlier = list(self._rounds)
        self._rounds.append(found)
        if self._jump is not None:
            return
        for trips, before in enumerate(reversed(earlier), 1):
            jump = steady.periods(before, found, trips, connection)
            if jump is not None:
                self._jump = jump
                self._shift(jump, 0, jump.periods)
                return

    def _shift(self, jump: steady.Jump, passed: int, count: int) -> None:
        """Bring a steady state from after so many periods to after so many."""
        self._rounds.clear()
        self._events = steady.shift(jump, passed, count, self._events)
        heapify(self._events)
        for when, *_ in self._events:
            if when not in self._planned:
                self._planned.add(when)
                self._clock.at(when, self._run, when)

    def _land(self, now: int) -> None:
        """Take back the periods of a steady state that have not passed."""
        jump = self._jump
        if jump is None:
            return
        passed = min((now - jump.start) // jump.period, jump.periods)
        if passed < jump.periods:
            self._shift(jump, jump.periods, passed)
        self._jump = None
        self._run(now - 1)
