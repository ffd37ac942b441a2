"""What a protocol's coroutine may ask of the engine: what it yields, and what its party may call."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from mpcsim.engine.trace import NONE

if TYPE_CHECKING:
    from mpcsim.engine.clock import Clock
    from mpcsim.engine.compute import Stopwatch
    from mpcsim.engine.strand import Actor, Strand
    from mpcsim.engine.trace import Trace
    from mpcsim.metering import PhaseRun, SpanRun


OUTSIDE_ITS_COROUTINE = (
    "a protocol called its party from outside its own coroutine: asyncio tasks and asyncio.gather "
    "(create_task, TaskGroup, wait_for, shield) cannot be followed; use `await party.gather(...)`, and "
    "`await party.recv(source, timeout=…)` for a wait with an end"
)


class Fork:
    """What `party.gather` hands to the scheduler."""

    __slots__ = ("coroutines",)

    def __init__(self, coroutines: tuple[Coroutine[Any, Any, Any], ...]) -> None:
        self.coroutines = coroutines


class Sleep:
    """What `party.sleep` hands to the scheduler."""

    __slots__ = ("nanoseconds",)

    def __init__(self, nanoseconds: int) -> None:
        self.nanoseconds = nanoseconds


class Stage:
    """What `party.stage` hands to the scheduler."""

    __slots__ = ()


class Choice:
    """What `party.recv_any` hands to the scheduler: (source, channel) of each message that would do."""

    __slots__ = ("keys",)

    def __init__(self, keys: list[tuple[int, int]]) -> None:
        self.keys = keys


class Abort:
    """What `party.abort` hands to the scheduler."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason


class Outbox(Protocol):
    """Where a party's messages go; see `mpcsim.engine.transport`."""

    def put(self, party: Actor, strand: Strand, to: int, payload: Any) -> None:
        """Weigh a message, account for it and put it on its link."""

    def put_measured(self, party: Actor, strand: Strand, to: int, payload: Any) -> None:
        """Do what `put` does, at the party's own time, and charge nobody for it."""


class Engine(Protocol):
    """What a party calls of what runs it; see `mpcsim.engine.scheduler`."""

    timeouts: int
    clock_reads: int
    progress: tuple[float, float] | None

    @property
    def watch(self) -> Stopwatch | None:
        """The processor time of parties, where it is measured."""

    @property
    def clock(self) -> Clock:
        """The run's time."""

    @property
    def trace(self) -> Trace | None:
        """The events, where they are kept."""

    @property
    def transport(self) -> Outbox:
        """Where messages go."""

    @property
    def observer(self) -> Callable[[str, int, Any], None] | None:
        """Who takes what parties observe."""

    @property
    def observed(self) -> dict[str, dict[int, list[Any]]]:
        """What parties observed, where nobody takes it."""

    def time_of(self, party: Actor) -> int:
        """Return a party's own time."""

    def note(
        self, kind: int, strand: Strand, peer: int = NONE, message: int = NONE, value: int = NONE
    ) -> None:
        """Add an event to the trace, where there is one."""

    def enter_span(self, party: Actor, strand: Strand, name: str, op: str | None) -> SpanRun:
        """Open a span, or join the other parties in theirs."""

    def leave_span(self, party: Actor, strand: Strand, run: SpanRun, outer: SpanRun) -> None:
        """Close a span."""

    def phase_of(self, name: str) -> PhaseRun:
        """Return the phase of a name, which is new the first time."""

    def enter_phase(self, party: Actor, strand: Strand, phase: PhaseRun | None) -> None:
        """Have what a strand does from here on belong to a phase, or to none."""

    def note_choice(self, strand: Strand, sources: Sequence[int]) -> None:
        """Add to the trace that a strand will receive from any of these."""

    def note_left(self, strand: Strand) -> None:
        """Add to the trace that a strand's party left its channel."""
