"""Phases: labels across spans, such as "offline" and "online", and what each of them cost.

A strand has one label at a time, the innermost. What it does meanwhile belongs to that phase: messages,
compute, and the stretch of time; so does the time for which its messages are under way, so that a dealer
that runs ahead takes its own time. A phase's rounds are the depths at which messages were sent in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from mpcsim.metering.traffic import Sums, Traffic

Stretch = tuple[int, int]
_MANY = 4096  # stretches after which those that touch are put together


class PhaseRun:
    """One phase of a run, while it goes on.

    Attributes:
        number: place among the phases, in order of appearance.
        sent: what parties sent in it, by receiver: one entry for each party and span.
        compute_ns: processor time by party.
        depths: of the messages that were sent in it.
    """

    __slots__ = ("_most", "_times", "compute_ns", "depths", "name", "number", "sent")

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.number = number
        self.sent: list[tuple[int, dict[int, Traffic]]] = []
        self.compute_ns: dict[int, int] = {}
        self._times: list[Stretch] = []
        self._most = _MANY
        self.depths: set[int] = set()

    def take(self, start: int, end: int) -> None:
        """Note that a strand was in it from one time to another, or that a message of it was under way."""
        self._times.append((start, end))
        self._tidy()

    def stretches(self) -> tuple[list[Stretch], list[Stretch]]:
        """Return the stretches of time and of depth so far, for a run that is put together elsewhere."""
        return together(self._times), together((depth - 1, depth) for depth in self.depths)

    def include(self, times: Iterable[Stretch], depths: Iterable[Stretch]) -> None:
        """Add stretches of another process."""
        self._times += times
        for before, last in depths:
            self.depths.update(range(before + 1, last + 1))
        self._tidy()

    def _tidy(self) -> None:
        if len(self._times) > self._most:
            self._times = together(self._times)
            self._most = 2 * len(self._times) + _MANY

    def cost(self) -> PhaseCost:
        """Return what it cost so far."""
        found = PhaseCost(
            self.name, len(self.depths), *extent(self._times), compute_ns=dict(self.compute_ns)
        )
        for party, accounts in self.sent:
            for traffic in accounts.values():
                found.sent.setdefault(party, Traffic()).add(traffic)
        return found


@dataclass
class PhaseCost(Sums):
    """What a phase cost.

    Attributes:
        rounds: at how many depths messages were sent in it.
        makespan_ns: for how long some party was in it, or a message under way that was sent in it.
        begin_ns: when the first such stretch of time begins; `end_ns`, when the last ends.
        sent: by party.
        compute_ns: processor time by party.
    """

    name: str
    rounds: int = 0
    makespan_ns: int = 0
    begin_ns: int = 0
    end_ns: int = 0
    sent: dict[int, Traffic] = field(default_factory=dict)
    compute_ns: dict[int, int] = field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        """Return the phase's table in the run record."""
        return {
            "rounds": self.rounds,
            "messages": self.messages,
            "payload_bytes": self.payload_bytes,
            "wire_bytes": self.wire_bytes,
            "begin_s": self.begin_ns / 1e9,
            "end_s": self.end_ns / 1e9,
            "makespan_s": self.makespan_ns / 1e9,
            "compute_s": sum(self.compute_ns.values()) / 1e9,
            "payload_bytes_per_party": {
                str(party): traffic.payload_bytes for party, traffic in sorted(self.sent.items())
            },
        }


def together(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Return stretches in order, those that touch or overlap as one."""
    found: list[Stretch] = []
    for start, end in sorted(stretches):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def length(stretches: Iterable[Stretch]) -> int:
    """Return how much stretches cover, each part once."""
    return sum(end - start for start, end in together(stretches))


def extent(stretches: Iterable[Stretch]) -> tuple[int, int, int]:
    """Return how much stretches cover, where the first begins, and where the last ends."""
    joined = together(stretches)
    return (length(joined), joined[0][0], joined[-1][1]) if joined else (0, 0, 0)
