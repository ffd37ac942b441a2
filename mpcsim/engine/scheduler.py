"""The scheduler: it steps strands, forks and joins them, keeps their spans, and ends the run.

In one file, though long: stepping, forking, joining, cancelling and spans change one state of a strand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Literal

from mpcsim.causes import causes
from mpcsim.engine import failure
from mpcsim.engine.asks import Abort, Choice, Fork, Sleep, Stage
from mpcsim.engine.clock import Clock
from mpcsim.engine.compute import Stopwatch
from mpcsim.engine.ports import Crashed, Faults
from mpcsim.engine.sharing import shared_by
from mpcsim.engine.strand import Actor, Channel, Strand
from mpcsim.engine.trace import (
    ABORT,
    ANY,
    CANCEL,
    END,
    ENTER,
    FAULT,
    FORK,
    LEAVE,
    LEFT,
    NONE,
    OUTSIDE,
    PHASE,
    SLEEP,
    STAGE,
    START,
    TIMEOUT,
    Trace,
)
from mpcsim.engine.transport import Transport
from mpcsim.errors import Interrupted, MpcsimError, PeerAborted, RecvTimeout, UsageError
from mpcsim.metering import PhaseRun, SpanRun
from mpcsim.texts import whole

Compute = Literal["none", "measured"]
_IN_USE = (
    "party.gather was given a coroutine that is in use already, or is over: call the coroutine function "
    "again for each sub-protocol"
)
Outcome = Literal["finished", "failed", "crashed", "aborted"]
"""Of a party: its program came to its end; it raised, or the run stopped before; a fault stopped it; it
aborted."""


class Scheduler:
    """One run: parties, their strands and the accounts of compute and spans.

    Attributes:
        root: the span that holds all others.
        phases: by name, in order of appearance.
        compute_ns: processor time by party.
        observed: what was handed to `party.observe`, by name and party.
        observer: takes (name, party, value) instead, where there is one.
        depth: the greatest depth of a party that ended; of all, once the run stopped.
        finished_at: when the last party finished, in nanoseconds; where not all did, when the run stopped.
        outcomes: what became of each party, once the run stopped.
        aborts: why parties aborted, by id.
        timeouts: how many waits had a timeout.
        clock_reads: how often a protocol looked at its party's clock.
        progress: (done, total) as a party last told it.
        failure: what ended the run, if it was not its end.
        shared: objects that children of a gather shared and changed: party and name of a variable.
    """

    def __init__(
        self,
        clock: Clock,
        transport: Transport,
        watch: Stopwatch | None = None,
        trace: Trace | None = None,
        injector: Faults | None = None,
    ) -> None:
        self.clock = clock
        self.transport = transport
        self.watch = watch
        self.trace = trace
        self.injector = injector
        self.root = SpanRun("", None, None, 0)
        self.phases: dict[str, PhaseRun] = {}
        self.compute_ns: list[int] = []
        self.observed: dict[str, dict[int, list[Any]]] = {}
        self.observer: Callable[[str, int, Any], None] | None = None
        self.depth = 0
        self.finished_at = 0
        self.outcomes: list[Outcome] = []
        self.aborts: dict[int, str] = {}
        self.timeouts = 0
        self.clock_reads = 0
        self.progress: tuple[float, float] | None = None
        self.outputs: list[Any] = []
        self.parties: Sequence[Actor] = []
        self.strands: list[Strand] = []
        self.failure: MpcsimError | Interrupted | None = None
        self.shared: list[dict[str, str]] = []
        self._running = 0
        self._numbers = 0
        self._spans = 0
        self._entries: dict[tuple[SpanRun, int, str, str], int] = {}

    def start(self, parties: Sequence[Actor], programs: Sequence[Coroutine[Any, Any, Any] | None]) -> None:
        """Make every party's program ready, in order; None: that party runs elsewhere."""
        self.parties = parties
        self.compute_ns = [0] * len(parties)
        self.outputs = [None] * len(parties)
        self.outcomes = ["failed"] * len(parties)
        self._running = sum(program is not None for program in programs)
        self.clock.cause.of_strand = self._depth_at_hand
        self.transport.attach(self, parties)
        if self.injector is not None:
            self.injector.attach(self)
        for party, program in zip(parties, programs, strict=True):
            if program is None:
                continue
            strand = self._strand(party, program, Channel("", party.id), self.root, None, party.id)
            self.strands.append(strand)
            self.clock.soon(self.step, strand, None)

    def run(self) -> None:
        """Run to the end.

        Raises:
            DeadlockError: parties wait for what will never come, or messages were never read.
            PartyError: a program raised; an `MpcsimError` of a program is raised as it is.
            Interrupted: the user or the system stopped the run.
        """
        if self.watch is not None:
            self.watch.open()
        try:
            self.clock.run()
            some_aborted = self.aborts or any(party._gone for party in self.parties)
            unread = [] if some_aborted else self.transport.unread()  # else much may be left unread
            if self.failure is None and (self._running or unread):
                self.failure = failure.deadlock(self.strands, [one.role for one in self.parties], unread)
        except KeyboardInterrupt as stop:  # while no party's code ran
            self.failure = failure.interrupted(stop)
        except MpcsimError as error:  # of a message under way
            self.failure = error
        finally:
            if self.watch is not None:
                self.watch.close()
            if self._running:
                self._account_stop()
            broken = [problem for strand in self.strands for problem in self._cancel(strand)]
        for problem in broken:
            if self.failure is not None:
                self.failure.add_note(f"then, in a clean-up: {problem}")
        if self.failure is not None:
            raise self.failure

    def abort(self, error: MpcsimError | Interrupted) -> None:
        """End the run with an error."""
        self.failure = error
        self.clock.stop()

    def _depth_at_hand(self) -> int:
        """Return the depth of the strand that runs now, 0 where none does."""
        return max((party._strand.depth for party in self.parties if party._strand is not None), default=0)

    # Time

    def time_of(self, party: Actor) -> int:
        """Return a party's own time: the event's, plus what its code spent since."""
        if self.watch is not None:
            return self.watch.now() if party._strand is not None else max(self.clock.now, party.busy_until)
        return self.clock.now

    def charge(self, strand: Strand) -> None:
        """Give the compute since the last charge to the strand's party and to its span."""
        assert self.watch is not None
        spent = self.watch.lap()
        party = strand.party.id
        strand.carried_ns += spent
        self.compute_ns[party] += spent
        spans = strand.span.compute_ns
        spans[party] = spans.get(party, 0) + spent
        if strand.phase is not None:
            phase = strand.phase.compute_ns
            phase[party] = phase.get(party, 0) + spent

    def note(
        self, kind: int, strand: Strand, peer: int = NONE, message: int = NONE, value: int = NONE
    ) -> None:
        """Add an event to the trace, where there is one."""
        if self.trace is None:
            return
        if self.watch is not None and strand.party._strand is strand:
            self.charge(strand)
        spent, strand.carried_ns = strand.carried_ns, 0
        self.trace.add(kind, self.time_of(strand.party), strand, spent, peer, message, value)

    # Strands

    def _strand(
        self,
        party: Actor,
        coroutine: Coroutine[Any, Any, Any],
        channel: Channel,
        span: SpanRun,
        parent: Strand | None,
        position: int,
    ) -> Strand:
        strand = Strand(party, coroutine, channel, span, self._numbers, parent, position)
        self._numbers += 1
        if self.trace is not None:
            now = max(self.clock.now, party.busy_until)
            self.trace.add(START, now, strand, 0, value=parent.number if parent else NONE)
        return strand

    def step(self, strand: Strand, value: Any, error: BaseException | None = None) -> None:
        """Run a strand up to its next await."""
        if strand.finished:
            return
        party = strand.party
        watch = self.watch
        if watch is not None:
            if party.busy_until > self.clock.now:
                self.clock.at(party.busy_until, self.step, strand, value, error)
                return
            watch.begin(party.id)
        party._strand = strand
        if strand.shared:
            strand.hear_shared()
        try:
            wanted = strand.resume(value) if error is None else strand.coroutine.throw(error)
        except StopIteration as end:
            self._pause(strand)
            self._end(strand, end.value, None)
            return
        except BaseException as problem:  # SystemExit and CancelledError too: they end a party, no process
            self._pause(strand)
            self._fail(strand, problem)
            return
        if watch is not None or strand.shared:
            self._pause(strand)
        else:
            party._strand = None
        if type(wanted) is tuple:
            if len(wanted) == 2 and party._waiting.setdefault(wanted, strand) is strand:
                strand.waiting = wanted
            else:
                self._wait(strand, wanted)
        else:
            self._await(strand, wanted)

    def _fail(self, strand: Strand, problem: BaseException) -> None:
        """See to what left a strand's code: a stop, a fault that crashed its party, or an error."""
        if isinstance(problem, KeyboardInterrupt):
            self.abort(failure.interrupted(problem, strand))
            return
        for cause in causes(problem):  # a `finally` may have put its own error in its place
            if isinstance(cause, Crashed):
                self.crash(strand.party, cause.rule)
                return
        self._end(strand, None, problem)

    def _pause(self, strand: Strand) -> None:
        """Close a segment of compute (the party is busy until its end), and see what changed in it."""
        if self.watch is not None:
            strand.party.busy_until = self.watch.end()
            self.charge(strand)
        strand.party._strand = None
        for one in strand.shared:
            if one.changed():
                one.depth = max(one.depth, strand.depth)

    def _wait(self, strand: Strand, wanted: tuple[int, ...]) -> None:
        """Have a strand wait for a message: (source, channel), and a timeout if there is one."""
        party = strand.party
        key: tuple[int, int] = wanted if len(wanted) == 2 else wanted[:2]  # type: ignore[assignment]
        if party._waiting.setdefault(key, strand) is not strand:
            problem = UsageError(
                f"two concurrent sub-protocols of party {party.id} wait for party {key[0]} on the "
                f"same channel {strand.channel.path!r}: run them in party.gather, or name channels "
                "apart"
            )
            self.clock.soon(self.step, strand, None, problem)
            return
        strand.waiting = key
        if len(wanted) > 2:
            strand.timer += 1
            self.clock.at(self.time_of(party) + wanted[2], self._expire, strand, strand.timer, wanted[2])

    def _wait_for_any(self, strand: Strand, keys: list[tuple[int, int]]) -> None:
        """Have a strand wait for the first of several messages."""
        party = strand.party
        for key in keys:
            if key in party._waiting:
                self._wait(strand, key)  # refuses it
                return
        strand.choice, strand.waiting = keys, keys[0]
        party._waiting.update(dict.fromkeys(keys, strand))

    def _expire(self, strand: Strand, timer: int, patience: int) -> None:
        """Give up a wait, unless it is over."""
        if strand.waiting is None or strand.timer != timer or strand.finished:
            return
        party, source = strand.party, strand.waiting[0]
        del party._waiting[strand.waiting]
        strand.waiting = None
        self.note(TIMEOUT, strand, source, value=patience)
        problem = RecvTimeout(
            f"party {party.id} ({party.role}) had nothing from party {source} "
            f"({self.parties[source].role}) within {patience / 1e9:g} s{failure.in_span(strand)}"
        )
        self.step(strand, problem)

    def _await(self, strand: Strand, wanted: Any) -> None:
        """See to what a strand awaits, other than a message."""
        if type(wanted) is Fork:
            self._fork(strand, wanted)
        elif type(wanted) is Sleep:
            self.note(SLEEP, strand, value=wanted.nanoseconds)
            self.clock.at(self.time_of(strand.party) + wanted.nanoseconds, self.step, strand, None)
        elif type(wanted) is Choice:
            self._wait_for_any(strand, wanted.keys)
        elif type(wanted) is Abort:
            self._abort_party(strand.party, wanted.reason)
        elif type(wanted) is Stage:
            strand.queued = True
            self._admit(strand)
        elif asyncio.isfuture(wanted):
            wanted._asyncio_future_blocking = False
            self.note(OUTSIDE, strand)
            self.clock.held.add(strand)
            wanted.add_done_callback(lambda _: self._resume(strand))
        elif wanted is None:  # asyncio.sleep(0)
            self.note(OUTSIDE, strand)
            self.clock.soon(self.step, strand, None)
        else:
            problem = UsageError(f"a protocol awaited {wanted!r}, which the engine does not know")
            self.clock.soon(self.step, strand, None, problem)

    def _resume(self, strand: Strand) -> None:
        """Go on after a future of asyncio, at no less than the depth of who released it."""
        strand.depth = max(strand.depth, self.clock.cause.inherited)
        self.clock.held.discard(strand)
        self.clock.soon(self.step, strand, None)

    def _fork(self, parent: Strand, fork: Fork) -> None:
        channels = parent.channel.fork(len(fork.coroutines))
        parent.results = [None] * len(channels)
        parent.missing = len(channels)
        self.note(FORK, parent, self._numbers, value=len(channels))
        parent.children = [
            self._strand(parent.party, coroutine, channel, parent.span, parent, position)
            for position, (coroutine, channel) in enumerate(zip(fork.coroutines, channels, strict=True))
        ]
        if len(channels) > 1:
            found = shared_by(fork.coroutines, parent.shared)
            parent.watched = [(one, one.changes) for one in found]
            new = (*parent.shared, *(one for one in found if one not in parent.shared))
            for child in parent.children:
                child.shared = new
        for child in parent.children:
            self.clock.soon(self._begin, child)

    def _begin(self, child: Strand) -> None:
        """Run the child of a gather for the first time, unless a sibling's error cancelled it before."""
        if child.finished:
            return
        if child.in_use():
            self._end(child, None, UsageError(_IN_USE))
        else:
            self.step(child, None)

    def _admit(self, strand: Strand | None) -> None:
        """Let a queued strand into its next stage if that is free, and then those behind it."""
        while strand is not None and strand.queued and (depth := strand.freed()) is not None:
            strand.queued = False
            strand.depth = max(strand.depth, depth)
            before = strand.before
            self.note(STAGE, strand, value=NONE if before is None else before.number)
            strand.stages.append(strand.depth)
            self.clock.soon(self.step, strand, None)
            strand = strand.after

    def _end(self, strand: Strand, result: Any, error: BaseException | None) -> None:
        """Hand a finished strand's result to its parent, or to the run."""
        strand.finished = True
        self.note(END, strand, value=NONE if error is None else 1)
        parent = strand.parent
        if parent is None:
            self._end_party(strand, result, error)
            return
        if error is not None:
            if isinstance(error, MpcsimError) and error.__traceback__ is not None:
                failure.locate(error, strand)
            broken = [one for sibling in parent.children for one in self._cancel(sibling, strand.depth)]
            self._join(parent)
            if broken:
                self.abort(failure.of_clean_up(strand, error, broken))
            else:
                self.clock.soon(self.step, parent, error)
            return
        parent.results[strand.position] = result
        parent.missing -= 1
        self._admit(strand.after)
        if parent.missing == 0:
            self._join(parent)
            results, parent.results = parent.results, []
            self.clock.soon(self.step, parent, results)

    def _join(self, parent: Strand) -> None:
        """Go on after a gather, and note what its children shared and changed."""
        parent.join()
        for one, before in parent.watched:
            if one.changes == before:
                continue
            if one.number < 0:
                one.number = len(self.shared)
                self.shared.append({"party": parent.party.role, "name": whole(one.name)})
            if self.trace is not None:
                self.trace.shared(self.time_of(parent.party), parent, whole(one.name), one.number)
        parent.watched = []

    def _end_party(self, strand: Strand, result: Any, error: BaseException | None) -> None:
        party = strand.party
        if isinstance(error, PeerAborted):
            self._abort_party(party, str(error))
            return
        if error is not None:
            self.abort(failure.of_party(strand, error))
            return
        self.outputs[party.id] = result
        self.outcomes[party.id] = "finished"
        self._account_end(strand)

    def _account_end(self, strand: Strand) -> None:
        self.depth = max(self.depth, strand.depth)
        self.finished_at = max(self.finished_at, self.time_of(strand.party))
        self._running -= 1
        if self._running == 0:
            self.clock.stop()

    def _account_stop(self) -> None:
        """Take the totals as far as a run went that stopped before its end."""
        self.depth = max(self.depth, *(strand.deepest() for strand in self.strands))
        self.finished_at = max(self.finished_at, *map(self.time_of, self.parties))

    def _cancel(self, strand: Strand, depth: int = 0) -> list[MpcsimError]:
        """Close a strand and all below it; its `finally` blocks run, its messages stay unread.

        They know of what led to the error that cancels them: `depth` is that of the strand that raised it.
        Returns what went wrong in their `finally` blocks.
        """
        below, todo, broken = [], [strand], []
        while todo:  # a gather may be thousands deep
            below.append(todo.pop())
            todo += below[-1].children
        for one in reversed(below):
            one.join()
            problem = None if one.finished else self._close(one, depth)
            broken += [] if problem is None else [problem]
        return broken

    def _close(self, strand: Strand, depth: int) -> MpcsimError | None:
        """Close one strand; return what went wrong in its `finally` blocks."""
        strand.finished = True
        self.clock.held.discard(strand)
        if strand.choice:
            strand.choose()
        elif strand.waiting is not None:
            strand.party._waiting.pop(strand.waiting, None)
        strand.depth = max(strand.depth, depth)
        self.note(CANCEL, strand)
        if self.watch is not None:
            self.watch.stand(self.time_of(strand.party))
        strand.party._strand = strand
        try:
            problem = failure.close(strand)
        finally:
            strand.party._strand = None
        return None if strand.party.crashed else problem

    def crash(self, party: Actor, rule: int) -> None:
        """Stop a party for good: what it sent is under way, what comes for it is lost."""
        root = self.strands[party.id]
        if root.finished or party.crashed:
            return
        party.crashed = party.odd = True
        self.outcomes[party.id] = "crashed"
        self.note(FAULT, root, value=rule)
        self._cancel(root)
        party._mail.clear()
        self._account_end(root)

    def _abort_party(self, party: Actor, reason: str) -> None:
        """End a party's program with nothing; the others hear of it as of an empty message."""
        root = next(strand for strand in self.strands if strand.party is party)
        party.crashed = party.odd = True  # nothing that comes is kept
        self.outcomes[party.id] = "aborted"
        self.aborts[party.id] = reason
        if self.trace is not None:
            spent, root.carried_ns = root.carried_ns, 0
            self.trace.worded(ABORT, self.time_of(party), root, spent, reason)
        self._cancel(root)
        root.finished = True
        party._mail.clear()
        for other in self.parties:
            if other is not party and not other.crashed:
                self.transport.tell(party, other.id, root.depth + 1, reason)
        self._account_end(root)

    def hear_abort(self, party: Actor, source: int, depth: int, reason: str) -> None:
        """Tell a party that another has aborted: who waits for it hears it now, who will wait, then."""
        if party.crashed:
            return
        party._gone[source] = (depth, reason)
        party.odd = True
        for key, strand in list(party._waiting.items()):
            if key[0] != source or party._waiting.get(key) is not strand:
                continue
            if len(strand.choice) > 1:
                del party._waiting[key]
                strand.choice.remove(key)
                continue
            del party._waiting[key]
            strand.choice, strand.waiting = [], None
            strand.timer += 1
            strand.depth = max(strand.depth, depth)
            self.step(strand, None, PeerAborted(source, self.parties[source].role, reason))

    def note_choice(self, strand: Strand, sources: Sequence[int]) -> None:
        """Add to the trace that a strand will receive from any of these."""
        self._note_text(ANY, strand, " ".join(map(str, sources)))

    def note_left(self, strand: Strand) -> None:
        """Add to the trace that a strand's party left its channel."""
        if self.watch is not None:
            self.watch.pause()
        self.note(LEFT, strand)
        if self.watch is not None:
            self.watch.resume()

    def _note_text(self, kind: int, strand: Strand, text: str) -> None:
        if self.trace is None:
            return
        if self.watch is not None and strand.party._strand is strand:
            self.charge(strand)
        spent, strand.carried_ns = strand.carried_ns, 0
        self.trace.worded(kind, self.time_of(strand.party), strand, spent, text)

    # Spans

    def enter_span(self, party: Actor, strand: Strand, name: str, op: str | None) -> SpanRun:
        """Open a span, or join the other parties in theirs."""
        outer = strand.span
        if self.watch is not None:
            self.watch.pause()
            self._charge_open(strand)
        place = (outer, party.id, strand.channel.path, name)
        occurrence = self._entries.get(place, 0)
        self._entries[place] = occurrence + 1
        key = (name, strand.channel.group, occurrence)
        run = outer.children.get(key)
        if run is None:
            self._spans += 1
            run = outer.children[key] = SpanRun(name, op, outer, self._spans, strand.phase)
        run.enter(strand.depth, self.time_of(party), strand.phase)
        strand.span = run
        strand.accounts = None
        self.note(ENTER, strand)
        if self.watch is not None:
            self.watch.resume()
        return run

    def leave_span(self, party: Actor, strand: Strand, run: SpanRun, outer: SpanRun) -> None:
        """Leave a span."""
        if self.watch is not None:
            self.watch.pause()
            self._charge_open(strand)
        run.leave(strand.depth, self.time_of(party))
        self.note(LEAVE, strand)
        strand.span = outer
        strand.accounts = None
        if self.watch is not None:
            self.watch.resume()

    def phase_of(self, name: str) -> PhaseRun:
        """Return the phase of a name, which is new the first time."""
        found = self.phases.get(name)
        if found is None:
            found = self.phases[name] = PhaseRun(name, len(self.phases))
        return found

    def enter_phase(self, party: Actor, strand: Strand, phase: PhaseRun | None) -> None:
        """Have what a strand does from here on belong to a phase, or to none."""
        if self.watch is not None:
            self.watch.pause()
            self._charge_open(strand)
        now = self.time_of(party)
        if strand.phase is not None:
            strand.phase.take(strand.since, now)
        strand.phase, strand.since, strand.accounts = phase, now, None
        self.note(PHASE, strand, value=NONE if phase is None else phase.number)
        if self.watch is not None:
            self.watch.resume()

    def _charge_open(self, strand: Strand) -> None:
        if strand.party._strand is strand and not strand.finished:
            self.charge(strand)
