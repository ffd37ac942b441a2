"""Metering at the transport alone: bytes, messages and rounds per link, per party and per span.

Rounds are depths: a message carries the length of the longest chain of messages that led to it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any


@dataclass(slots=True)
class Traffic:
    """What was sent: messages, payload bytes and wire bytes."""

    messages: int = 0
    payload_bytes: int = 0
    wire_bytes: int = 0

    def count(self, payload_bytes: int, wire_bytes: int) -> None:
        """Add one message."""
        self.messages += 1
        self.payload_bytes += payload_bytes
        self.wire_bytes += wire_bytes

    def add(self, other: Traffic) -> None:
        """Add all that another account holds."""
        self.messages += other.messages
        self.payload_bytes += other.payload_bytes
        self.wire_bytes += other.wire_bytes


class SpanRun:
    """One occurrence of a span, shared by all parties that enter it."""

    __slots__ = (
        "children", "compute_ns", "entered_at", "entered_depth", "left_at", "left_depth", "name",
        "op", "parent", "sent",
    )  # fmt: skip

    def __init__(self, name: str, op: str | None, parent: SpanRun | None) -> None:
        self.name = name
        self.op = op
        self.parent = parent
        self.children: dict[tuple[str, str, int], SpanRun] = {}
        self.entered_depth = self.entered_at = 0
        self.left_depth = self.left_at = 0
        self.compute_ns: dict[int, int] = {}
        self.sent: dict[int, Traffic] = {}

    @property
    def path(self) -> str:
        """Names from the outermost span to this one, joined by "/"."""
        if self.parent is None or self.parent.parent is None:
            return self.name
        return f"{self.parent.path}/{self.name}"

    def enter(self, depth: int, time: int) -> None:
        """Note that a party entered."""
        self.entered_depth = max(self.entered_depth, depth)
        self.entered_at = max(self.entered_at, time)

    def leave(self, depth: int, time: int) -> None:
        """Note that a party left."""
        self.left_depth = max(self.left_depth, depth)
        self.left_at = max(self.left_at, time)


@dataclass
class SpanCost:
    """The cost of a span over all its occurrences; nested spans are included.

    `rounds` is the greatest depth of any party on leaving minus the greatest on entering, and
    `makespan_ns` likewise, so that consecutive spans add up. Bytes are sums over all parties;
    `sent` has them by party.
    """

    name: str
    parent: str | None
    op: str | None
    count: int = 0
    rounds: int = 0
    makespan_ns: int = 0
    compute_ns: dict[int, int] = field(default_factory=dict)
    sent: dict[int, Traffic] = field(default_factory=dict)

    @property
    def payload_bytes(self) -> int:
        """Payload bytes, summed over parties."""
        return sum(traffic.payload_bytes for traffic in self.sent.values())

    @property
    def wire_bytes(self) -> int:
        """Wire bytes, summed over parties."""
        return sum(traffic.wire_bytes for traffic in self.sent.values())

    @property
    def messages(self) -> int:
        """Messages, summed over parties."""
        return sum(traffic.messages for traffic in self.sent.values())

    def describe(self) -> dict[str, Any]:
        """Return the span's row in the run record."""
        return {
            "name": self.name,
            "parent": self.parent,
            "op": self.op,
            "count": self.count,
            "rounds": self.rounds,
            "messages": self.messages,
            "payload_bytes": self.payload_bytes,
            "wire_bytes": self.wire_bytes,
            "makespan_s": self.makespan_ns / 1e9,
            "compute_s": sum(self.compute_ns.values()) / 1e9,
            "payload_bytes_per_party": {
                str(party): traffic.payload_bytes for party, traffic in sorted(self.sent.items())
            },
        }


def collect_spans(root: SpanRun) -> list[SpanCost]:
    """Merge the occurrences of equal spans below `root`, parents first, in order of appearance."""
    costs: dict[tuple[str, ...], SpanCost] = {}

    def visit(run: SpanRun, path: tuple[str, ...], parent: str | None) -> SpanCost:
        cost = costs.setdefault(path, SpanCost(run.name, parent, run.op))
        cost.count += 1
        cost.rounds += run.left_depth - run.entered_depth
        cost.makespan_ns += run.left_at - run.entered_at
        own = SpanCost(run.name, parent, run.op, sent=dict(run.sent), compute_ns=run.compute_ns)
        inclusive = SpanCost(run.name, parent, run.op)
        _merge(inclusive, own)
        for child in run.children.values():
            _merge(inclusive, visit(child, (*path, child.name), run.name if path else None))
        _merge(cost, inclusive)
        return inclusive

    visit(root, (), None)
    del costs[()]
    return list(costs.values())


def _merge(into: SpanCost, other: SpanCost) -> None:
    for party, traffic in other.sent.items():
        into.sent.setdefault(party, Traffic()).add(traffic)
    for party, spent in other.compute_ns.items():
        into.compute_ns[party] = into.compute_ns.get(party, 0) + spent


class Digest:
    """A rolling hash over the events of a run: (time, from, to, channel, wire bytes, payload)."""

    def __init__(self) -> None:
        self._hash = blake2b(digest_size=16)
        self._head = struct.Struct("<QIIQQ").pack

    def update(
        self, time: int, sender: int, receiver: int, channel: int, wire: int, identity: list[Any]
    ) -> None:
        """Add one message."""
        update = self._hash.update
        update(self._head(time, sender, receiver, channel, wire))
        for part in identity:
            update(part)

    def hexdigest(self) -> str:
        """Return the digest so far, 32 hexadecimal characters."""
        return self._hash.hexdigest()
