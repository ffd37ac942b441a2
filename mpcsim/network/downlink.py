"""A party's downlink: its rate shared fairly among the links that bring it something, in exact arithmetic.

Each link into the party is one flow; its messages are served in order. Rates are max-min fair: every
flow gets an equal share of the downlink, save that no flow is served faster than its own link carries,
and what such a flow leaves over goes to the others. Rates change when a flow starts or ends. Service is
counted in fractions, and a completion is rounded to the nearest nanosecond.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from fractions import Fraction
from heapq import heappop, heappush
from typing import Any

from mpcsim.engine import Clock
from mpcsim.units import NANOSECONDS

_HALF = Fraction(1, 2)


class _Group:
    """Flows whose links have one bandwidth, and which are therefore served at one rate.

    Attributes:
        cap: their link's bandwidth, None for unlimited.
        rate: bits per nanosecond that each gets now.
        served: bits that a flow would have been given, had it been here since the group was empty.
        ends: (`served` at which it is complete, serial, flow, done) of each flow.
    """

    __slots__ = ("cap", "ends", "rate", "served")

    def __init__(self, cap: Fraction | None) -> None:
        self.cap = cap
        self.rate = Fraction(0)
        self.served = Fraction(0)
        self.ends: list[tuple[Fraction, int, Hashable, Callable[[], None]]] = []


class Downlink:
    """The downlink of one party.

    Args:
        clock: whose time it runs on.
        bits_per_second: its rate.
    """

    def __init__(self, clock: Clock, bits_per_second: int) -> None:
        self._clock = clock
        self._rate = Fraction(bits_per_second, NANOSECONDS)
        self._groups: dict[int | None, _Group] = {}
        self._queues: dict[Hashable, deque[tuple[int, int | None, Callable[[], None]]]] = {}
        self._since = 0
        self._serial = 0
        self._plan = 0

    def arrive(self, flow: Hashable, bits: int, cap: int | None, done: Callable[[], None]) -> None:
        """Serve a message whose first bit arrives now; `done` is called when its last bit is served.

        Args:
            flow: the link that brings it.
            bits: its size.
            cap: the link's bandwidth in bits per second, None for unlimited.
            done: what to call.
        """
        self._advance()
        queue = self._queues.get(flow)
        if queue is None:
            self._queues[flow] = deque()
            self._serve(flow, bits, cap, done)
            self._share()
        else:
            queue.append((bits, cap, done))

    def _serve(self, flow: Hashable, bits: int, cap: int | None, done: Callable[[], None]) -> None:
        group = self._groups.get(cap)
        if group is None:
            group = self._groups[cap] = _Group(None if cap is None else Fraction(cap, NANOSECONDS))
        if not group.ends:
            group.served = Fraction(0)
        self._serial += 1
        heappush(group.ends, (group.served + bits, self._serial, flow, done))

    def _advance(self) -> None:
        """Give every flow its share of the time since the last change."""
        now = max(self._clock.now, self._since)
        passed = now - self._since
        self._since = now
        if passed:
            for group in self._groups.values():
                group.served += group.rate * passed

    def _share(self) -> None:
        """Set the max-min fair rates, and plan the next completion."""
        left = self._rate
        groups = [group for group in self._groups.values() if group.ends]
        flows = sum(len(group.ends) for group in groups)
        groups.sort(key=lambda group: (group.cap is None, group.cap or 0))
        soonest: Fraction | None = None
        for group in groups:
            share = left / flows
            group.rate = share if group.cap is None else min(group.cap, share)
            left -= group.rate * len(group.ends)
            flows -= len(group.ends)
            after = (group.ends[0][0] - group.served) / group.rate
            soonest = after if soonest is None else min(soonest, after)
        self._plan += 1
        if soonest is not None:
            wait = max(int(soonest + _HALF), 0)
            self._clock.at(self._since + wait, self._complete, self._plan)

    def _complete(self, plan: int) -> None:
        """Finish what is complete, unless rates have changed since this was planned."""
        if plan != self._plan:
            return
        self._advance()
        finished: list[tuple[int, Hashable, Callable[[], None]]] = []
        for group in self._groups.values():
            while group.ends and group.ends[0][0] - group.served < group.rate * _HALF:
                _, serial, flow, done = heappop(group.ends)
                finished.append((serial, flow, done))
        finished.sort(key=lambda entry: entry[0])
        for _, flow, _ in finished:
            queue = self._queues[flow]
            if queue:
                self._serve(flow, *queue.popleft())
            else:
                del self._queues[flow]
        self._share()
        for _, _, done in finished:
            done()

    def pending(self) -> list[Any]:
        """Return the flow of each message that is not yet served."""
        served = [flow for group in self._groups.values() for _, _, flow, _ in group.ends]
        return served + [flow for flow, queue in self._queues.items() for _ in queue]
