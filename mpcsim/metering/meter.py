"""Metering at the transport alone: bytes, messages and rounds per link, per party and per span.

Rounds are depths: a message carries the length of the longest chain of messages that led to it.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from mpcsim.metering.fingerprint import WORTHWHILE, fingerprint, size
from mpcsim.metering.phases import PhaseRun
from mpcsim.metering.traffic import Sums, Traffic, total
from mpcsim.paths import Path
from mpcsim.texts import utf8


@dataclass
class PartyCost:
    """What one party sent and, where compute is measured, the processor time of its code."""

    role: str
    sent: Traffic
    compute_ns: int

    def describe(self) -> dict[str, Any]:
        """Return the party's row in the run record."""
        return {
            "role": self.role,
            "payload_bytes": self.sent.payload_bytes,
            "wire_bytes": self.sent.wire_bytes,
            "messages": self.sent.messages,
            "compute_s": self.compute_ns / 1e9,
        }


class LinkAccounts(Mapping[tuple[int, int], Traffic]):
    """What was sent, by directed link (from, to); links that carried nothing take no place.

    A link's traffic is the sum of that of the spans and phases which it served: each message is counted
    once, in the account of its link, span and phase.

    Attributes:
        rows: by sender: by receiver: the accounts of the link.
    """

    def __init__(self, parties: int) -> None:
        self.rows: list[dict[int, list[Traffic]]] = [{} for _ in range(parties)]

    def open(self, sender: int, to: int) -> Traffic:
        """Return a new account of a link."""
        account = Traffic()
        self.rows[sender].setdefault(to, []).append(account)
        return account

    def __getitem__(self, link: tuple[int, int]) -> Traffic:
        """Return the account of a link."""
        sender, to = link
        if not 0 <= sender < len(self.rows):
            raise KeyError(link)
        return total(self.rows[sender][to])

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Yield the links that carried something, by sender and receiver."""
        for sender, row in enumerate(self.rows):
            yield from ((sender, to) for to in sorted(row))

    def __len__(self) -> int:
        """Return how many links carried something."""
        return sum(map(len, self.rows))

    def of_sender(self, sender: int) -> Traffic:
        """Return the account of all links of a sender."""
        links = list(self.rows[sender].values())  # at once: another thread may look while the run goes on
        return total(account for accounts in links for account in list(accounts))


class SpanRun:
    """One occurrence of a span, shared by all parties that enter it.

    Attributes:
        path: see `mpcsim.paths`.
        number: the place among the occurrences of the run, in order of appearance; 0 is the run.
        sent: what was sent with this as the innermost span, by party, in one phase or in none; by receiver.
        phase: in which all parties entered it; None where some did in another, or in none.
        compute_ns: processor time with this as the innermost span, by party.
    """

    __slots__ = (
        "children", "compute_ns", "entered_at", "entered_depth", "left_at", "left_depth", "name",
        "number", "op", "parent", "path", "phase", "sent",
    )  # fmt: skip

    def __init__(
        self, name: str, op: str | None, parent: SpanRun | None, number: int, phase: PhaseRun | None = None
    ) -> None:
        self.name = name
        self.phase = phase
        self.op = op
        self.parent = parent
        self.number = number
        self.path: Path = () if parent is None else (*parent.path, name)
        self.children: dict[tuple[str, str, int], SpanRun] = {}
        self.entered_depth = self.entered_at = 0
        self.left_depth = self.left_at = 0
        self.compute_ns: dict[int, int] = {}
        self.sent: dict[tuple[int, PhaseRun | None], dict[int, Traffic]] = {}

    def accounts(self, party: int, phase: PhaseRun | None) -> dict[int, Traffic]:
        """Return what a party sends in a phase while this is its innermost span, by receiver."""
        found = self.sent.get((party, phase))
        if found is None:
            found = self.sent[party, phase] = {}
            if phase is not None:
                phase.sent.append((party, found))
        return found

    def enter(self, depth: int, time: int, phase: PhaseRun | None) -> None:
        """Note that a party entered."""
        if phase is not self.phase:
            self.phase = None
        self.entered_depth = max(self.entered_depth, depth)
        self.entered_at = max(self.entered_at, time)

    def leave(self, depth: int, time: int) -> None:
        """Note that a party left."""
        self.left_depth = max(self.left_depth, depth)
        self.left_at = max(self.left_at, time)


@dataclass
class SpanCost(Sums):
    """The cost of a span over all its occurrences; nested spans are included.

    `rounds` is the greatest depth of any party on leaving minus the greatest on entering, and
    `makespan_ns` likewise, so that consecutive spans add up. Bytes are sums over all parties;
    `sent` has them by party, `by_phase` the payload bytes of what was sent in a phase, by its name.
    `phase` is that in which all parties entered all occurrences, else None.
    """

    path: Path
    op: str | None
    count: int = 0
    rounds: int = 0
    makespan_ns: int = 0
    compute_ns: dict[int, int] = field(default_factory=dict)
    sent: dict[int, Traffic] = field(default_factory=dict)
    phase: str | None = None
    by_phase: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the span."""
        return self.path[-1]

    @property
    def parent(self) -> str | None:
        """The name of the span around it."""
        return self.path[-2] if len(self.path) > 1 else None

    def describe(self) -> dict[str, Any]:
        """Return the span's row in the run record."""
        return {
            "path": list(self.path),
            "name": self.name,
            "parent": self.parent,
            "op": self.op,
            "phase": self.phase,
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
    """Merge the occurrences of equal spans below `root`: parents first, in the order of being entered."""
    costs: dict[Path, SpanCost] = {}
    inclusive: dict[SpanRun, SpanCost] = {}
    phases: dict[Path, set[str | None]] = {}
    todo = [root]
    while todo:  # spans may be thousands deep
        run = todo.pop()
        cost = costs.setdefault(run.path, SpanCost(run.path, run.op))
        cost.count += 1
        phases.setdefault(run.path, set()).add(None if run.phase is None else run.phase.name)
        cost.rounds += run.left_depth - run.entered_depth
        cost.makespan_ns += run.left_at - run.entered_at
        inclusive[run] = SpanCost(run.path, run.op)
        todo += sorted(run.children.values(), key=lambda child: child.entered_at)[::-1]
    for run in reversed(list(inclusive)):  # children before parents
        whole = inclusive.pop(run)
        _merge(whole, SpanCost(run.path, run.op, compute_ns=run.compute_ns))
        for (party, phase), accounts in run.sent.items():
            for traffic in accounts.values():
                whole.sent.setdefault(party, Traffic()).add(traffic)
                if phase is not None:
                    known = whole.by_phase.get(phase.name, 0)
                    whole.by_phase[phase.name] = known + traffic.payload_bytes
        _merge(costs[run.path], whole)
        if run.parent in inclusive:
            _merge(inclusive[run.parent], whole)
    for path, found in phases.items():
        costs[path].phase = found.pop() if len(found) == 1 else None
    del costs[()]
    return list(costs.values())


def _merge(into: SpanCost, other: SpanCost) -> None:
    for party, traffic in other.sent.items():
        into.sent.setdefault(party, Traffic()).add(traffic)
    for name, payload in other.by_phase.items():
        into.by_phase[name] = into.by_phase.get(name, 0) + payload
    for party, spent in other.compute_ns.items():
        into.compute_ns[party] = into.compute_ns.get(party, 0) + spent


class Digest:
    """A rolling hash over the events of a run: (time, from, to, channel, wire bytes, payload).

    Beside it stands a hash over payloads alone: of the bodies of each (from, to, channel) in their order,
    whatever their times and the order between channels, unless `payloads` is false; see the method.

    Messages are hashed in batches: the numbers of `BATCH` messages (or fewer, where a body is
    large), little endian and 64 bits each, then their bodies; of large arrays, fingerprints.
    `auditing` keeps for each message a row that `mpcsim run --check-determinism` compares.
    """

    BATCH = 256

    def __init__(self, *, auditing: bool = False, payloads: bool = True) -> None:
        self.heads: list[int] = []
        self.bodies: list[bytes] = []
        self.audit: list[tuple[Any, ...]] | None = [] if auditing else None
        self._hash = blake2b(digest_size=16)
        self._streams: defaultdict[tuple[int, int, int], Any] | None = (
            defaultdict(_stream) if payloads else None
        )

    def large(self, body: list[Any]) -> None:
        """Add the body of the latest message, too large to keep."""
        hashes = [self._hash]
        if self._streams is not None:
            hashes.append(self._streams[self.heads[-4], self.heads[-3], self.heads[-2]])
        self.flush(self.heads[:-5])
        for part in body:
            kept = fingerprint(part) if size(part) >= WORTHWHILE else part
            for one in hashes:
                one.update(kept)

    def note(self, text: str) -> None:
        """Add an event that is no message, such as a fault."""
        self.flush()
        self._hash.update(utf8(text))
        if self.audit is not None:
            self.audit.append((text,))

    def flush(self, small: list[int] | None = None) -> None:
        """Hash what was kept; `small`: the numbers of the messages whose bodies were."""
        self._hash.update(struct.pack(f"<{len(self.heads)}Q", *self.heads))
        self._hash.update(b"".join(self.bodies))
        if self.bodies and self._streams is not None:
            heads = self.heads if small is None else small
            parts: defaultdict[tuple[int, int, int], list[bytes]] = defaultdict(list)
            streams = zip(heads[1::5], heads[2::5], heads[3::5], strict=True)
            for stream, body in zip(streams, self.bodies, strict=True):
                parts[stream].append(body)
            for stream, bodies in parts.items():
                self._streams[stream].update(b"".join(bodies))
        self.heads.clear()
        self.bodies.clear()

    def record(self, head: tuple[int, ...], body: bytes | list[Any], more: tuple[str, str]) -> None:
        """Keep a message's row for the audit: its numbers, its channel and span, its body's hash."""
        assert self.audit is not None
        hashed = blake2b(digest_size=8)
        for part in [body] if isinstance(body, bytes) else body:
            hashed.update(part)
        self.audit.append((*head, *more, hashed.hexdigest()))

    def hexdigest(self) -> str:
        """Return the digest so far, 32 hexadecimal characters."""
        self.flush()
        return self._hash.hexdigest()

    def payloads(self) -> int:
        """Return the sum, modulo 2^128, of a hash of each (from, to, channel) and the bodies it carried.

        Parties that run apart add up what each of them sent: `payload_digest` writes the sum.
        """
        self.flush()
        total = 0
        for stream, bodies in (self._streams or {}).items():
            whole = blake2b(struct.pack("<3Q", *stream) + bodies.digest(), digest_size=16)
            total += int.from_bytes(whole.digest(), "big")
        return total % 2**128


def payload_digest(sums: Iterable[int]) -> str:
    """Return the hash over what parties sent, 32 hexadecimal characters, from `Digest.payloads` of each."""
    return f"{sum(sums) % 2**128:032x}"


def _stream() -> Any:
    return blake2b(digest_size=16)
