"""The injector: it holds the rules of a run against each message, and does what they say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mpcsim.engine import CUT, CUT_FOR_EVER, PASSES, Crashed, Deliver
from mpcsim.errors import InputError
from mpcsim.faults.rules import (
    MESSAGE_RULES,
    Corrupt,
    Crash,
    Delay,
    Drop,
    Duplicate,
    Partition,
    Slow,
    Tamper,
)
from mpcsim.faults.tampering import added, replaced
from mpcsim.metering import copied
from mpcsim.network import Stream, party_id
from mpcsim.paths import in_text
from mpcsim.texts import cut
from mpcsim.units import parse_time

if TYPE_CHECKING:
    from mpcsim.engine import Scheduler, Strand
    from mpcsim.metering import Digest, SpanRun
    from mpcsim.tcp import AnyEmulator

_KEPT = 1000  # acts that the record lists; all are counted


class _Match:
    """A rule about messages, with its ends resolved."""

    __slots__ = ("channel", "end", "links", "messages", "number", "rule", "span", "start")

    def __init__(self, number: int, rule: Any, roles: Sequence[str]) -> None:
        self.number = number
        self.rule = rule
        source = None if rule.source == "*" else party_id(rule.source, roles, f"faults.{number}.source")
        to = None if rule.to == "*" else party_id(rule.to, roles, f"faults.{number}.to")
        if source is not None and source == to:
            raise InputError(f"faults.{number}: a party has no link to itself ({rule.to!r})")
        self.links = [(source, to)]
        if isinstance(rule, Partition) and rule.both:
            self.links.append((to, source))
        self.start, self.end = rule.window
        self.span = rule.span
        self.channel = getattr(rule, "channel", None)
        numbers = [rule.messages] if isinstance(rule.messages, int) else rule.messages
        self.messages = None if numbers is None else frozenset(numbers)

    def fits(
        self, now: int, sender: int, to: int, span: SpanRun, number: int, channel: str | None = None
    ) -> bool:
        """Return whether the rule matches a message."""
        return (
            self.start <= now
            and (self.end is None or now < self.end)
            and any(a in (None, sender) and b in (None, to) for a, b in self.links)
            and (self.messages is None or number in self.messages)
            and (self.span is None or is_within(span, self.span))
            and (self.channel is None or channel in (self.channel, f"@{self.channel}"))
        )


class Injector:
    """The faults of one run.

    Attributes:
        acts: what rules did, in order: rule, kind, time, link or party, message, span; the first
            thousand of them.
        counts: how often each rule acted.
    """

    def __init__(
        self,
        rules: Sequence[Any],
        roles: Sequence[str],
        emulator: AnyEmulator,
        digest: Digest,
        seed: int | None,
    ) -> None:
        self._roles = roles
        self._emulator = emulator
        self._digest = digest
        self._matches = [
            _Match(number, rule, roles)
            for number, rule in enumerate(rules)
            if isinstance(rule, MESSAGE_RULES)
        ]
        self._crashes: dict[int, tuple[int, Crash]] = {}
        self._slow: list[tuple[int, int, int | None, float]] = []
        for number, rule in enumerate(rules):
            if isinstance(rule, Crash | Slow):
                party = party_id(rule.party, roles, f"faults.{number}.party")
                if isinstance(rule, Slow):
                    self._slow.append((party, *rule.window, rule.factor))
                elif party in self._crashes:
                    raise InputError(f"faults.{number}: party {rule.party!r} crashes twice")
                else:
                    self._crashes[party] = (number, rule)
        self._before: dict[tuple[int, int, str], Any] = {}
        self._held: dict[tuple[int, int, str], tuple[Any, ...]] = {}
        self._tampers = any(isinstance(rule, Tamper) for rule in rules)
        self._replays = any(isinstance(rule, Tamper) and rule.how == "replay" for rule in rules)
        self._sent: dict[int, int] = {}
        self._numbers: dict[tuple[int, int], int] = {}
        self._stream = Stream(seed, "faults")
        self.acts: list[dict[str, Any]] = []
        self.counts: dict[int, int] = {}

    def attach(self, scheduler: Scheduler) -> None:
        """Set the crashes of a run that is about to start."""
        self._scheduler = scheduler
        for party, (number, rule) in self._crashes.items():
            if rule.at is not None:
                scheduler.clock.at(parse_time(rule.at), self._crash, party, number)
            elif rule.after_messages == 0:
                scheduler.clock.soon(self._crash, party, number)

    def _crash(self, party: int, rule: int) -> None:
        if not self._scheduler.strands[party].finished:
            self._note(rule, "crash", self._scheduler.clock.now, {"party": self._roles[party]}, None)
            self._scheduler.crash(self._scheduler.parties[party], rule)

    def slowness(self, party: int, now: int) -> float:
        """Return the factor by which a party's processor is slowed at a time."""
        for slowed, start, end, factor in self._slow:
            if slowed == party and start <= now and (end is None or now < end):
                return factor
        return 1.0

    def send(
        self,
        now: int,
        strand: Strand,
        to: int,
        wire_bytes: int,
        deliver: Deliver,
        parcel: tuple[Any, ...],
        event: int,
    ) -> None:
        """Send a message, as the first rule that matches it says."""
        sender, span = strand.party.id, strand.span
        if strand.party.crashed and sender in self._crashes:  # else it aborted, and cleans up
            raise Crashed(self._crashes[sender][0])
        number = self._numbers.get((sender, to), 0)
        self._numbers[sender, to] = number + 1

        path = strand.channel.path if self._tampers else ""
        here = (sender, to, path)

        def first(time: int) -> _Match | None:
            return next((m for m in self._matches if m.fits(time, sender, to, span, number, path)), None)

        def partition(time: int) -> int:
            match = first(time)
            if match is None or not isinstance(match.rule, Partition):
                return PASSES
            self._act(match, time, sender, to, span, parcel[2][2])
            before = self._matches[: self._matches.index(match)]
            ends = match.end is not None or any(
                m.start > time and m.fits(m.start, sender, to, span, number, path) for m in before
            )
            return CUT if ends else CUT_FOR_EVER

        match = first(now)
        rule = None if match is None else match.rule
        delay = parse_time(rule.by) if isinstance(rule, Delay) else 0
        if isinstance(rule, Corrupt):
            depth, payload, identity = parcel[2]
            parcel = (*parcel[:2], (depth, corrupted(payload, self._stream), identity))
        if isinstance(rule, Tamper):
            parcel = self._tampered(rule, here, parcel)
        if self._replays:
            self._before[here] = parcel[2][1]
        if match is not None and not isinstance(rule, Partition):
            self._act(match, now, sender, to, span, parcel[2][2])
        if isinstance(rule, Tamper) and rule.how in ("swap", "withhold"):
            if rule.how == "swap" and here not in self._held:
                self._held[here] = (sender, to, wire_bytes, deliver, parcel, event)
            self._count(sender, now, span)
            return
        dropped = isinstance(rule, Drop)
        for copy in range(2 if isinstance(rule, Duplicate) else 1):
            if copy:
                depth, payload, identity = parcel[2]
                parcel = (*parcel[:2], (depth, copied(payload), identity))
            self._emulator.submit(
                now,
                sender,
                to,
                wire_bytes,
                deliver,
                parcel,
                event,
                delay=delay,
                why=partition,
                dropped=dropped,
            )
        if (held := self._held.pop(here, None)) is not None:
            self._emulator.submit(now, *held)
        self._count(sender, now, span)

    def _tampered(
        self, rule: Tamper, here: tuple[int, int, str], parcel: tuple[Any, ...]
    ) -> tuple[Any, ...]:
        """Return a message's parcel with what the rule makes of its payload."""
        depth, payload, identity = parcel[2]
        if rule.how == "add":
            payload = added(payload, rule.value)  # type: ignore[arg-type]  # a number, by the model
        elif rule.how == "replace":
            payload = replaced(payload, rule.value)
        elif rule.how == "replay" and here in self._before:
            payload = copied(self._before[here])
        return (*parcel[:2], (depth, payload, identity))

    def _count(self, sender: int, now: int, span: SpanRun) -> None:
        """Count a message of a party, and stop the party where that was its last."""
        if sender in self._crashes:
            number, rule = self._crashes[sender]
            self._sent[sender] = self._sent.get(sender, 0) + 1
            if self._sent[sender] == rule.after_messages:
                self._note(number, "crash", now, {"party": self._roles[sender]}, span)
                raise Crashed(number)

    def _act(self, match: _Match, now: int, sender: int, to: int, span: SpanRun, message: int) -> None:
        link = {"from": self._roles[sender], "to": self._roles[to], "message": message}
        rule = match.rule
        kind = f"tamper: {rule.how}" if isinstance(rule, Tamper) else rule.kind
        self._note(match.number, kind, now, link, span)

    def _note(self, rule: int, kind: str, now: int, where: dict[str, Any], span: SpanRun | None) -> None:
        self.counts[rule] = self.counts.get(rule, 0) + 1
        act = {"rule": rule, "kind": kind, "t": now} | where
        act["span"] = "" if span is None else in_text(span.path)
        self._digest.note(f"fault {act}")
        if len(self.acts) < _KEPT:
            self.acts.append(act)

    def check_spans(self, root: SpanRun) -> None:
        """Refuse a rule about a span that the run never opened.

        Raises:
            InputError: with the key path, and the spans that there were.
        """
        names, todo = set(), [root]
        while todo:
            span = todo.pop()
            names |= {span.name, in_text(span.path)}
            todo += span.children.values()
        for match in self._matches:
            if match.span is not None and match.span not in names:
                known = ", ".join(map(cut, sorted(names - {""}))) or "none"
                raise InputError(
                    f"faults.{match.number}.span: the run opened no span {match.span!r}; its spans: {known}"
                )


def check_ends(rules: Sequence[Any], roles: Sequence[str]) -> None:
    """Refuse rules that name parties that are not there.

    Raises:
        InputError: with the key path.
    """
    for number, rule in enumerate(rules):
        if isinstance(rule, MESSAGE_RULES):
            _Match(number, rule, roles)
        else:
            party_id(rule.party, roles, f"faults.{number}.party")


def is_within(span: SpanRun, name: str) -> bool:
    """Return whether a span, or one around it, has this name, or a path of this text."""
    place: SpanRun | None = span
    while place is not None and place.parent is not None:
        if name == place.name or name == in_text(place.path):
            return True
        place = place.parent
    return False


def corrupted(payload: Any, stream: Stream) -> Any:
    """Return a payload in which one bit of one value has flipped; one without values stays as it is."""
    count = _leaves(payload)
    return payload if count == 0 else _flip(payload, [stream.below(count)], stream)


def _leaves(payload: Any) -> int:
    if isinstance(payload, list | tuple):
        return sum(map(_leaves, payload))
    if isinstance(payload, dict):
        return sum(map(_leaves, payload.values()))
    if isinstance(payload, np.ndarray):
        return int(payload.size > 0)
    return 0 if payload is None or payload in ("", b"") else 1


def _flip(payload: Any, skip: list[int], stream: Stream) -> Any:
    """Flip a bit of the value at position `skip[0]`, counting down as values go by."""
    if isinstance(payload, list | tuple):
        return type(payload)([_flip(item, skip, stream) for item in payload])
    if isinstance(payload, dict):
        return {key: _flip(item, skip, stream) for key, item in payload.items()}
    if not _leaves(payload):
        return payload
    skip[0] -= 1
    return _flip_value(payload, stream) if skip[0] == -1 else payload


def _flip_value(value: Any, stream: Stream) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value ^ (1 << stream.below(max(value.bit_length(), 1)))
    if isinstance(value, str):
        place = stream.below(len(value))
        return value[:place] + chr(ord(value[place]) ^ 1) + value[place + 1 :]
    raw = np.float64(value).tobytes() if isinstance(value, float) else bytes(value)
    kind = value.dtype.kind if isinstance(value, np.ndarray) else ""
    data = bytearray(value.tobytes() if isinstance(value, np.ndarray) else raw)
    bit = 8 * stream.below(len(data)) if kind == "b" else stream.below(8 * len(data))
    data[bit // 8] ^= 1 << bit % 8
    if isinstance(value, np.ndarray):
        return np.frombuffer(bytes(data), value.dtype).reshape(value.shape)
    return float(np.frombuffer(bytes(data), np.float64)[0]) if isinstance(value, float) else bytes(data)
