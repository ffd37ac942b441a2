"""The scheduler: it steps strands, carries messages, forks and joins, and finds deadlocks."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Coroutine
from typing import Any, Literal

from mpcsim.clock import Clock
from mpcsim.errors import DeadlockError, MpcsimError, PartyError, UsageError
from mpcsim.frames import seal
from mpcsim.meter import Digest, SpanRun, Traffic
from mpcsim.network import Links
from mpcsim.party import Fork, Party
from mpcsim.strand import Channel, Strand
from mpcsim.trace import Trace

Compute = Literal["none", "measured"]
_LISTED = 20  # how many waiting strands or unread messages an error spells out


class Scheduler:
    """One run: parties, their strands, the links between them and the accounts."""

    def __init__(self, clock: Clock, links: Links, compute: Compute, trace: Trace | None) -> None:
        self.clock = clock
        self.links = links
        self.trace = trace
        self.digest = Digest()
        self.root = SpanRun("", None, None)
        self.sent: dict[tuple[int, int], Traffic] = {}
        self.compute_ns: list[int] = []
        self.observed: dict[str, dict[int, list[Any]]] = {}
        self.depth = 0
        self.finished_at = 0
        self.outputs: list[Any] = []
        self._measured = compute == "measured"
        self._parties: list[Party] = []
        self._strands: list[Strand] = []
        self._running = 0
        self._numbers = 0
        self._messages = 0
        self._segment_start = 0
        self._mark = 0
        self._entries: dict[tuple[SpanRun, int, str, str], int] = {}
        self.failure: MpcsimError | None = None

    def start(self, parties: list[Party], programs: list[Coroutine[Any, Any, Any]]) -> None:
        """Make every party's program ready, in order."""
        self._parties = parties
        self.compute_ns = [0] * len(parties)
        self.outputs = [None] * len(parties)
        self._running = len(parties)
        for party, program in zip(parties, programs, strict=True):
            strand = self._strand(party, program, Channel(""), self.root, None, party.id)
            self._strands.append(strand)
            self.clock.soon(self._step, strand, None)

    def run(self) -> None:
        """Run to the end.

        Raises:
            DeadlockError: parties wait for what will never come, or messages were never read.
            PartyError: a program raised; an `MpcsimError` of a program is raised as it is.
        """
        try:
            self.clock.run()
            if self.failure is None and (self._running or self._unread()):
                self.failure = self._deadlock()
        finally:
            for strand in self._strands:
                self._cancel(strand)
        if self.failure is not None:
            raise self.failure

    # Time

    def time_of(self, party: Party) -> int:
        """Return a party's own time: the event's, plus what its code spent since."""
        if self._measured and party._strand is not None:
            return self._segment_start + time.thread_time_ns() - self._mark
        return max(self.clock.now, party.busy_until)

    # Strands

    def _strand(
        self,
        party: Party,
        coroutine: Coroutine[Any, Any, Any],
        channel: Channel,
        span: SpanRun,
        parent: Strand | None,
        position: int,
    ) -> Strand:
        strand = Strand(party, coroutine, channel, span, self._numbers, parent, position)
        self._numbers += 1
        return strand

    def _step(self, strand: Strand, value: Any, error: BaseException | None = None) -> None:
        """Run a strand up to its next await."""
        if strand.finished:
            return
        party = strand.party
        if self._measured:
            if party.busy_until > self.clock.now:
                self.clock.at(party.busy_until, self._step, strand, value, error)
                return
            self._segment_start = self.clock.now
            self._mark = time.thread_time_ns()
        party._strand = strand
        try:
            coroutine = strand.coroutine
            wanted = coroutine.send(value) if error is None else coroutine.throw(error)
        except StopIteration as end:
            self._charge(strand)
            party._strand = None
            self._end(strand, end.value, None)
            return
        except Exception as failure:
            self._charge(strand)
            party._strand = None
            self._end(strand, None, failure)
            return
        self._charge(strand)
        party._strand = None
        if type(wanted) is tuple:
            self._wait(strand, wanted)
        elif type(wanted) is Fork:
            self._fork(strand, wanted)
        elif asyncio.isfuture(wanted):
            wanted._asyncio_future_blocking = False
            self.clock.held.add(strand)
            wanted.add_done_callback(lambda _: self._resume(strand))
        elif wanted is None:  # asyncio.sleep(0)
            self.clock.soon(self._step, strand, None)
        else:
            problem = UsageError(f"a protocol awaited {wanted!r}, which the engine does not know")
            self.clock.soon(self._step, strand, None, problem)

    def _resume(self, strand: Strand) -> None:
        """Go on after a future of asyncio."""
        self.clock.held.discard(strand)
        self.clock.soon(self._step, strand, None)

    def _charge(self, strand: Strand) -> None:
        """Close a segment of compute: advance the party's clock by the processor time it took."""
        if self._measured:
            spent = time.thread_time_ns() - self._mark
            party = strand.party.id
            strand.party.busy_until = self._segment_start + spent
            self.compute_ns[party] += spent
            spans = strand.span.compute_ns
            spans[party] = spans.get(party, 0) + spent

    def _wait(self, strand: Strand, key: tuple[int, int]) -> None:
        party = strand.party
        mail = party._mail.pop(key, None)
        if mail is not None:  # it came while the party was busy
            party._mail[key] = mail
            message = party._mail.pop(key)
            if type(message) is deque:
                queue = message
                message = queue.popleft()
                if queue:
                    party._mail[key] = queue
            self.clock.soon(self._step, strand, message)
            return
        if key in party._waiting:
            problem = UsageError(
                f"two concurrent sub-protocols of party {party.id} wait for party {key[0]} on the "
                f"same channel {strand.channel.path!r}: run them in party.gather, or name channels "
                "apart"
            )
            self.clock.soon(self._step, strand, None, problem)
            return
        strand.waiting = key
        party._waiting[key] = strand

    def _fork(self, parent: Strand, fork: Fork) -> None:
        channels = parent.channel.fork(len(fork.coroutines))
        parent.results = [None] * len(channels)
        parent.missing = len(channels)
        parent.children = [
            self._strand(parent.party, coroutine, channel, parent.span, parent, position)
            for position, (coroutine, channel) in enumerate(zip(fork.coroutines, channels, strict=True))
        ]
        if self.trace is not None:
            self.trace.forked(self.time_of(parent.party), parent, parent.children)
        for child in parent.children:
            self.clock.soon(self._step, child, None)

    def _end(self, strand: Strand, result: Any, error: Exception | None) -> None:
        """Hand a finished strand's result to its parent, or to the run."""
        strand.finished = True
        parent = strand.parent
        if parent is None:
            self._end_party(strand, result, error)
            return
        if self.trace is not None:
            self.trace.joined(self.time_of(strand.party), strand)
        if error is not None:
            if isinstance(error, MpcsimError):
                self._locate(error, strand)
            for sibling in parent.children:
                self._cancel(sibling)
            parent.children = []
            self.clock.soon(self._step, parent, None, error)
            return
        parent.results[strand.position] = result
        parent.missing -= 1
        if parent.missing == 0:
            parent.depth = max(child.depth for child in parent.children)
            parent.children = []
            results, parent.results = parent.results, []
            self.clock.soon(self._step, parent, results)

    def _end_party(self, strand: Strand, result: Any, error: Exception | None) -> None:
        party = strand.party
        if error is not None:
            if isinstance(error, MpcsimError):
                self.failure = error
                self._locate(error, strand)
            else:
                self.failure = PartyError(
                    f"party {party.id} ({party.role}) failed{_in_span(strand)}: "
                    f"{type(error).__name__}: {error}"
                )
                self.failure.__cause__ = error
            self.clock.stop()
            return
        self.outputs[party.id] = result
        self.depth = max(self.depth, strand.depth)
        self.finished_at = max(self.finished_at, self.time_of(party))
        self._running -= 1

    @staticmethod
    def _locate(error: MpcsimError, strand: Strand) -> None:
        if not getattr(error, "__notes__", None):
            error.add_note(f"in party {strand.party.id} ({strand.party.role}){_in_span(strand)}")

    def _cancel(self, strand: Strand) -> None:
        """Close a strand and all below it; its `finally` blocks run, its messages stay unread."""
        for child in strand.children:
            self._cancel(child)
        strand.children = []
        if not strand.finished:
            strand.finished = True
            self.clock.held.discard(strand)
            if strand.waiting is not None:
                strand.party._waiting.pop(strand.waiting, None)
            strand.party._strand = strand
            try:
                strand.coroutine.close()
            except RuntimeError:  # a `finally` that awaits: nothing more can be done for it
                pass
            finally:
                strand.party._strand = None

    # Messages

    def send(self, party: Party, strand: Strand, to: int, payload: Any) -> None:
        """Weigh a message, put it on its link, and account for it; the engine's time is not charged."""
        if self._measured:
            entered = time.thread_time_ns()
            now = self._segment_start + entered - self._mark
        else:
            now = self.clock.now
        if not 0 <= to < party.n or to == party.id:
            raise UsageError(party._no_such_party("send to", to))
        sealed = seal(payload)
        wire = sealed.wire_bytes
        channel = strand.channel.id
        depth = strand.depth + 1
        number = self._messages
        self._messages = number + 1
        arrival = self.links.transmit(now, party.id, to, wire)
        self.digest.update(now, party.id, to, channel, wire, sealed.identity)
        link = (party.id, to)
        traffic = self.sent.get(link)
        if traffic is None:
            traffic = self.sent[link] = Traffic()
        traffic.count(sealed.payload_bytes, wire)
        traffic = strand.span.sent.get(party.id)
        if traffic is None:
            traffic = strand.span.sent[party.id] = Traffic()
        traffic.count(sealed.payload_bytes, wire)
        if self.trace is not None:
            self.trace.sent(now, arrival, strand, to, depth, sealed.payload_bytes, wire, number)
        receiver = self._parties[to]
        self.clock.at(
            arrival, self._deliver, receiver, (party.id, channel), (depth, sealed.payload, number)
        )
        if self._measured:
            self._mark += time.thread_time_ns() - entered

    def _deliver(self, receiver: Party, key: tuple[int, int], message: tuple[int, Any, int]) -> None:
        strand = receiver._waiting.pop(key, None)
        if strand is not None:
            strand.waiting = None
            self._step(strand, message)
            return
        mail = receiver._mail.get(key)
        if mail is None:
            receiver._mail[key] = message
        elif type(mail) is deque:
            mail.append(message)
        else:
            receiver._mail[key] = deque((mail, message))

    # Spans

    def enter_span(self, party: Party, strand: Strand, name: str, op: str | None) -> SpanRun:
        """Open a span, or join the other parties in theirs."""
        outer = strand.span
        self._charge_span(strand)
        place = (outer, party.id, strand.channel.path, name)
        occurrence = self._entries.get(place, 0)
        self._entries[place] = occurrence + 1
        key = (name, strand.channel.group, occurrence)
        run = outer.children.get(key)
        if run is None:
            run = outer.children[key] = SpanRun(name, op, outer)
        run.enter(strand.depth, self.time_of(party))
        return run

    def leave_span(self, party: Party, strand: Strand, run: SpanRun) -> None:
        """Leave a span."""
        self._charge_span(strand)
        run.leave(strand.depth, self.time_of(party))

    def _charge_span(self, strand: Strand) -> None:
        """Give the compute so far to the span that did it, without ending the segment."""
        if self._measured and strand.party._strand is strand:
            now = time.thread_time_ns()
            spent = now - self._mark
            party = strand.party.id
            self.compute_ns[party] += spent
            spans = strand.span.compute_ns
            spans[party] = spans.get(party, 0) + spent
            self._segment_start += spent
            self._mark = now

    # What went wrong

    def _unread(self) -> list[str]:
        lines = []
        for party in self._parties:
            for (source, _), mail in party._mail.items():
                messages = mail if type(mail) is deque else [mail]
                lines += [f"from party {source} to party {party.id}" for _ in messages]
        for callback, args in self.clock.pending():
            if callback == self._deliver:
                lines.append(f"from party {args[1][0]} to party {args[0].id}")
        return lines

    def _deadlock(self) -> DeadlockError:
        lines = []
        for strand in self._leaves():
            party = strand.party
            source, _ = strand.waiting or (-1, 0)
            lines.append(
                f"  party {party.id} ({party.role}) waits for party {source} "
                f"({self._parties[source].role}) on channel {strand.channel.path or '(root)'!r}"
                f"{_in_span(strand)}, at " + " > ".join(strand.stack())
                if strand.waiting
                else f"  party {party.id} ({party.role}) waits for something outside the engine, at "
                + " > ".join(strand.stack())
            )
        unread = self._unread()
        head = "deadlock: nothing is under way, and" if lines else "the run ended, but"
        parts = [head]
        if lines:
            parts += [f"{len(lines)} wait:", *lines[:_LISTED]]
            if len(lines) > _LISTED:
                parts.append(f"  … and {len(lines) - _LISTED} more")
        if unread:
            counted = {line: unread.count(line) for line in dict.fromkeys(unread)}
            listed = [f"  {count} {line}" for line, count in counted.items()]
            parts += [f"{len(unread)} messages were never read:", *listed[:_LISTED]]
        return DeadlockError("\n".join(parts))

    def _leaves(self) -> list[Strand]:
        found: list[Strand] = []
        todo = list(self._strands)
        while todo:
            strand = todo.pop(0)
            if not strand.finished:
                found += [] if strand.children else [strand]
                todo += strand.children
        return found


def _in_span(strand: Strand) -> str:
    return f" in span {strand.span.path!r}" if strand.span.parent is not None else ""
