"""The transport: every message is weighed, hashed, accounted for, and put on its link here.

Bytes and messages are counted nowhere else: payload and wire bytes per directed link, and per span
and party.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Protocol

from mpcsim.engine.trace import NONE
from mpcsim.errors import MpcsimError, UsageError
from mpcsim.metering import Digest, LinkAccounts, weigh
from mpcsim.paths import in_text

if TYPE_CHECKING:
    from mpcsim.engine.clock import Clock
    from mpcsim.engine.ports import Faults, Links
    from mpcsim.engine.strand import Actor, Strand
    from mpcsim.engine.trace import Trace
    from mpcsim.metering import PhaseRun

_FULL = 5 * Digest.BATCH  # numbers of messages that are hashed at once
Message = tuple[int, Any, int]  # depth, payload, number


class Runner(Protocol):
    """What the transport asks of what steps the parties; see `mpcsim.engine.scheduler`."""

    @property
    def trace(self) -> Trace | None:
        """The events, where they are kept."""

    def step(self, strand: Strand, value: Any) -> None:
        """Run a strand up to its next await."""

    def charge(self, strand: Strand) -> None:
        """Give the compute since the last charge to the strand's party and to its span."""

    def time_of(self, party: Actor) -> int:
        """Return a party's own time."""

    def hear_abort(self, party: Actor, source: int, depth: int, reason: str) -> None:
        """Tell a party that another has aborted."""

    def abort(self, error: MpcsimError) -> None:
        """End the run with an error that is no party's."""


class Transport:
    """Sends and delivers the messages of one run."""

    def __init__(
        self,
        clock: Clock,
        links: Links,
        digest: Digest,
        faults: Faults | None = None,
        *,
        checking: bool = False,
    ) -> None:
        self._plain = links.plain and faults is None
        self._hand: Callable[..., None] = self._deliver_checked if checking else self.deliver
        if not self._plain:
            self._hand = self._deliver_late
        self._phased: dict[int, tuple[PhaseRun, int]] = {}
        self._seals: dict[int, bytes] | None = {} if checking else None
        self.messages = 0
        self.digest = digest
        self._heads, self._bodies = digest.heads, digest.bodies
        self._watched = checking or digest.audit is not None
        self._clock = clock
        self._at = clock.at
        self._arrive = clock.hand
        self._transmit = links.transmit
        self._submit = links.submit
        self._network = links
        self._faults = faults
        self.links = LinkAccounts(0)
        self._parties: Sequence[Actor] = []

    def attach(self, scheduler: Runner, parties: Sequence[Actor]) -> None:
        """Connect to what runs the parties; the accounts of each are by receiver."""
        self._scheduler = scheduler
        self._step: Callable[[Strand, Any], None] = scheduler.step
        self._trace = scheduler.trace
        self._parties = parties
        self.links = LinkAccounts(len(parties))

    def put_measured(self, party: Actor, strand: Strand, to: int, payload: Any) -> None:
        """Do what `put` does, at the party's own time, and charge nobody for it."""
        watch = party._watch
        assert watch is not None
        watch.pause()
        try:
            self.put(party, strand, to, payload, watch.now())
        finally:
            watch.resume()

    def put(self, party: Actor, strand: Strand, to: int, payload: Any, now: int = NONE) -> None:
        """Weigh a message, account for it and put it on its link."""
        sender = party.id
        accounts = strand.accounts
        if accounts is None:
            accounts = strand.accounts = strand.span.accounts(sender, strand.phase)
        account = accounts.get(to)
        if account is None and (not 0 <= to < party.n or to == sender):
            raise UsageError(party._no_such_party("send to", to))
        payload, payload_bytes, wire_bytes, body = weigh(payload)
        if now < 0:
            now = self._clock.now
        key = strand.channel.key
        number = self.messages
        self.messages = number + 1
        heads = self._heads
        heads += (now, sender, to, key[1], wire_bytes)
        if type(body) is bytes:
            self._bodies.append(body)
            if len(heads) >= _FULL:
                self.digest.flush()
        else:
            self.digest.large(body)  # type: ignore[arg-type]  # a list
        if account is None:
            account = accounts[to] = self.links.open(sender, to)
        account.messages += 1
        account.payload_bytes += payload_bytes
        account.wire_bytes += wire_bytes
        message = (strand.depth + 1, payload, number)
        phase = strand.phase
        if phase is not None:
            phase.depths.add(message[0])
        if self._watched:
            self._record(strand, (now, sender, to, wire_bytes), body, message)
        if self._plain:
            arrival = self._transmit(now, sender, to, wire_bytes)
            self._arrive(arrival, self._hand, self._parties[to], key, message)
            if phase is not None:
                phase.take(now, arrival)
            trace = self._trace
            if trace is not None:
                if party._watch is not None:
                    self._scheduler.charge(strand)
                spent, strand.carried_ns = strand.carried_ns, 0
                trace.sent(now, strand, spent, to, number, payload_bytes, wire_bytes, arrival)
            return
        event = NONE
        if self._trace is not None:
            event = len(self._trace)
            self._note(now, strand, to, number, payload_bytes, wire_bytes, NONE)
        if phase is not None:
            self._phased[number] = (phase, now)
        parcel = (self._parties[to], key, message)
        if self._faults is None:
            self._submit(now, sender, to, wire_bytes, self._hand, parcel, event)
        else:
            self._faults.send(now, strand, to, wire_bytes, self._hand, parcel, event)

    def _record(
        self, strand: Strand, head: tuple[int, ...], body: bytes | list[Any], message: Message
    ) -> None:
        """Keep what an audit compares, and what a check of payloads does."""
        if self.digest.audit is not None:
            self.digest.record(head, body, (strand.channel.path, in_text(strand.span.path)))
        if self._seals is not None:
            self._seals[message[2]] = _hashed(message[1])

    def _note(
        self,
        now: int,
        strand: Strand,
        to: int,
        number: int,
        payload_bytes: int,
        wire_bytes: int,
        arrival: int,
    ) -> None:
        assert self._trace is not None
        if strand.party._watch is not None:
            self._scheduler.charge(strand)
        spent, strand.carried_ns = strand.carried_ns, 0
        self._trace.sent(now, strand, spent, to, number, payload_bytes, wire_bytes, arrival)

    def deliver(self, receiver: Actor, key: tuple[int, int], message: Message) -> None:
        """Hand a message to the strand that waits for it, or keep it until one does."""
        strand = receiver._waiting.pop(key, None)
        if strand is not None:
            strand.waiting = None
            self._step(strand, message)
            return
        if receiver.odd and not receiver.keeps(key):
            return
        mail = receiver._mail.get(key)
        if mail is None:
            receiver._mail[key] = message
        elif type(mail) is deque:
            mail.append(message)
        else:
            receiver._mail[key] = deque((mail, message))

    def phased(self, number: int) -> tuple[PhaseRun, int] | None:
        """Return the phase of a message, and when it was sent, once, to who knows alone when it arrives."""
        return self._phased.pop(number, None)

    def _deliver_late(self, receiver: Actor, key: tuple[int, int], message: Message) -> None:
        """Deliver a message whose arrival nobody knew; a phase that sent it takes until then."""
        if self._phased and (sent := self._phased.pop(message[2], None)) is not None:
            sent[0].take(sent[1], self._clock.now)
        if self._seals is not None:
            self._deliver_checked(receiver, key, message)
        else:
            self.deliver(receiver, key, message)

    def _deliver_checked(self, receiver: Actor, key: tuple[int, int], message: Message) -> None:
        """Deliver, unless the payload is no longer what was sent."""
        assert self._seals is not None
        if self._faults is None and _hashed(message[1]) != self._seals.pop(message[2]):
            self._scheduler.abort(
                UsageError(
                    f"the payload of message {message[2]}, from party {key[0]} to party {receiver.id}, was "
                    "changed after it was sent: send a copy of an array that a view still writes to"
                )
            )
            return
        self.deliver(receiver, key, message)

    def tell(self, party: Actor, to: int, depth: int, reason: str) -> None:
        """Send the news of an abort: it counts nothing, and no rule of faults is about it."""
        now, hear = self._scheduler.time_of(party), self._scheduler.hear_abort
        about = (self._parties[to], party.id, depth, reason)
        if self._network.tell is not None:
            self._network.tell(to, depth, reason)
        elif self._plain:
            self._at(self._transmit(now, party.id, to, 0), hear, *about)
        else:
            self._submit(now, party.id, to, 0, hear, about, NONE)

    def unread(self) -> list[tuple[int, int]]:
        """Return (from, to) of every message that was sent and that nobody read."""
        found = []
        for party in self._parties:
            for (source, _), mail in party._mail.items():
                found += [(source, party.id)] * (len(mail) if type(mail) is deque else 1)
        for callback, args in self._clock.pending():
            if callback == self._hand and not (args[0].crashed or args[1][1] in args[0]._left):
                found.append((args[1][0], args[0].id))
        under_way = self._network.under_way()
        # Of what the network holds the channel is not known: who left one may mean these.
        deaf = [party.crashed or bool(party._left) for party in self._parties]
        found += [(source, to) for source, to in under_way if not deaf[to]]
        bad = [party.corrupted for party in self._parties]  # what an adversary leaves or sends is no error
        return [(source, to) for source, to in found if not (bad[source] or bad[to])]


def _hashed(payload: Any) -> bytes:
    hashed = blake2b(digest_size=16)
    identity = weigh(payload)[3]
    for part in [identity] if isinstance(identity, bytes) else identity:
        hashed.update(part)
    return hashed.digest()
