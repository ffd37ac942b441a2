"""Actors, strands and channels: who runs, its lines of execution, and the address of their messages."""

from __future__ import annotations

import inspect
import re
from collections import deque
from collections.abc import Coroutine
from hashlib import blake2b
from types import GeneratorType
from typing import TYPE_CHECKING, Any

import numpy as np

from mpcsim.errors import PeerAborted, UsageError
from mpcsim.schema import shown
from mpcsim.texts import utf8, whole

if TYPE_CHECKING:
    from mpcsim.engine.compute import Stopwatch
    from mpcsim.engine.shared import Shared
    from mpcsim.metering import PhaseRun, SpanRun, Traffic


class Channel:
    """The structural path of a sub-protocol; its `id` is the path's hash, equal in every process.

    A path grows by one step (gather number, child number) with each fork, whatever order the
    scheduler runs the children in: MPyC's forked program counter is the model. A named channel
    is absolute, so that actors of different structure meet on it.

    Args:
        path: the structural path, or the name behind an "@".
        owner: id of the party whose channel this is; with `id` it is the `key` of what it sends.
        group: the path without the child numbers.

    Attributes:
        named: whether any strand of the party may enter it, by its name.
        caller: of a named channel, the strand that drew an address or gathered on it last.
    """

    __slots__ = ("caller", "calls", "forks", "group", "id", "key", "named", "number", "path")

    def __init__(self, path: str, owner: int, group: str | None = None) -> None:
        self.path = path
        self.group = path if group is None else group
        self.id = int.from_bytes(blake2b(utf8(path), digest_size=8).digest(), "big")
        self.key = (owner, self.id)
        self.number = -1  # in the trace, once it is there
        self.forks = 0
        self.named = False
        self.caller: Strand | None = None
        self.calls: dict[str, int] = {}

    def fork(self, children: int) -> list[Channel]:
        """Return the channels of the children of the next gather on this channel."""
        number = self.forks
        self.forks += 1
        group = f"{self.group}/{number}"
        owner = self.key[0]
        return [Channel(f"{self.path}/{number}.{child}", owner, group) for child in range(children)]

    def call(self, purpose: str) -> int:
        """Return how often `purpose` was called on this channel before, and count this call."""
        number = self.calls.get(purpose, 0)
        self.calls[purpose] = number + 1
        return number


_STEP = re.compile(r"(?<![^/])(\\*[0-9]+\.[0-9]+)(?![^/])")
"""A part of a path that reads as a step of a fork, or as one that was escaped."""


def named(name: str, owner: int) -> Channel:
    """Return the absolute channel of a name.

    What reads as a step of a fork is escaped: no name leads to a channel that a gather made.
    """
    channel = Channel("@" + _STEP.sub(r"\\\1", whole(name)), owner)
    channel.named = True
    return channel


class Actor:
    """What the engine keeps of a party: who it is, what waits in its mailbox, and who waits there.

    Attributes:
        id: position among the actors, from 0.
        n: number of actors.
        role: name of the actor's role ("party0", "hospital", …).
        crashed: whether a fault stopped it, or it aborted.
        corrupted: whether an adversary's program runs in place of the honest one.
        odd: whether its mailbox is no plain one: a stop, a channel that it left, a choice, a peer that
            aborted.
        busy_until: when its processor is free again, where compute is measured.
    """

    def __init__(self, id: int, roles: list[str], watch: Stopwatch | None = None) -> None:
        self.id = id
        self.n = len(roles)
        self.role = roles[id]
        self.crashed = False
        self.corrupted = False
        self.odd = False
        self.busy_until = 0
        self._roles = roles
        self._watch = watch
        self._strand: Strand | None = None
        self._mail: dict[tuple[int, int], Any] = {}
        self._waiting: dict[tuple[int, int], Strand] = {}
        self._left: set[int] = set()  # channels
        self._gone: dict[int, tuple[int, str]] = {}  # depth and reason, by party that aborted
        self._arrivals: dict[tuple[int, int], deque[int]] | None = None
        self._arrived = 0

    def keeps(self, key: tuple[int, int]) -> bool:
        """Return whether a message that nobody waits for is kept; note in which order it came."""
        if self.crashed or key[1] in self._left:
            return False
        if self._arrivals is not None:
            self._note_arrival(key)
        return True

    def _note_arrival(self, key: tuple[int, int]) -> None:
        assert self._arrivals is not None
        self._arrived += 1
        self._arrivals.setdefault(key, deque()).append(self._arrived)

    def refuse_wait(self, key: tuple[int, int]) -> None:
        """Refuse to wait where nothing will come.

        Raises:
            PeerAborted: the source has aborted.
            UsageError: the party left the channel.
        """
        source, channel = key
        if channel in self._left:
            raise UsageError(
                f"party {self.id} ({self.role}) receives on a channel that it left (party.leave_channel)"
            )
        if source in self._gone:
            depth, reason = self._gone[source]
            if self._strand is not None:
                self._strand.depth = max(self._strand.depth, depth)
            raise PeerAborted(source, self._roles[source], reason)

    def _id_of(self, name: Any) -> int:
        if isinstance(name, np.integer):
            return int(name)
        if isinstance(name, str) and name in self._roles:
            return self._roles.index(name)
        raise UsageError(self._no_such_party("reach", name))

    def _no_such_party(self, what: str, found: Any) -> str:
        others = [f"{i} ({role})" for i, role in enumerate(self._roles) if i != self.id]
        return f"party {self.id} ({self.role}) cannot {what} {shown(found)}: the others are " + ", ".join(
            others[:12] + (["…"] if len(others) > 12 else [])
        )


class Strand:
    """A coroutine that the scheduler steps: a party's program, or one child of a gather.

    Attributes:
        depth: length of the longest chain of messages that led here.
        span: the innermost open span.
        choice: the (source, channel id) of which any would do, while it waits by `recv_any`.
        waiting: the (source, channel id) that the strand waits for, if it waits for a message.
        timer: counts the strand's waits with a timeout, so that one that is over never fires.
        heard: whose message it received last, -1 before the first.
        stages: depth on entering each of its stages so far.
        queued: whether it waits for the sibling before it to leave a stage.
        accounts: what the party sent in `span` and `phase`, by receiver, once it sends something.
        phase: the phase that it is in, where there is one.
        since: the time from which on it, or the strand whose child it is, is in that phase.
        carried_ns: compute of the strand that no event of the trace holds yet.
        resume: the coroutine's `send`.
        shared: what it shares with concurrent strands of its party.
        watched: what the children of its gather share, with how often that had changed before.
    """

    __slots__ = (
        "accounts", "carried_ns", "channel", "children", "choice", "coroutine", "depth", "finished",
        "heard", "missing", "number", "parent", "party", "phase", "position", "queued", "results", "resume",
        "shared", "since", "span", "stages", "timer", "waiting", "watched",
    )  # fmt: skip

    def __init__(
        self,
        party: Actor,
        coroutine: Coroutine[Any, Any, Any],
        channel: Channel,
        span: SpanRun,
        number: int,
        parent: Strand | None = None,
        position: int = 0,
    ) -> None:
        self.party = party
        self.coroutine = coroutine
        self.resume = coroutine.send
        self.channel = channel
        self.span = span
        self.accounts: dict[int, Traffic] | None = None
        self.phase: PhaseRun | None = parent.phase if parent else None
        self.since: int = parent.since if parent else 0
        self.number = number
        self.parent = parent
        self.position = position
        self.depth: int = parent.depth if parent else 0
        self.waiting: tuple[int, int] | None = None
        self.choice: list[tuple[int, int]] = []
        self.timer = 0
        self.heard = -1
        self.stages: list[int] = []
        self.queued = False
        self.carried_ns = 0
        self.children: list[Strand] = []
        self.results: list[Any] = []
        self.missing = 0
        self.finished = False
        self.shared: tuple[Shared, ...] = parent.shared if parent else ()
        self.watched: list[tuple[Shared, int]] = []

    @property
    def before(self) -> Strand | None:
        """The sibling before it in its gather."""
        return self.parent.children[self.position - 1] if self.parent and self.position else None

    @property
    def after(self) -> Strand | None:
        """The sibling after it in its gather."""
        siblings = self.parent.children if self.parent else []
        return siblings[self.position + 1] if self.position + 1 < len(siblings) else None

    def choose(self) -> int:
        """End a wait for any of several; return the source of the one that came, or -1 where none did."""
        waiting, found = self.party._waiting, -1
        for key in self.choice:
            if waiting.pop(key, None) is None:
                found = key[0]
        self.choice = []
        return found

    def in_use(self) -> bool:
        """Return whether its coroutine, which did not start as this strand, runs or ran elsewhere."""
        if isinstance(self.coroutine, GeneratorType):  # what `types.coroutine` makes
            return inspect.getgeneratorstate(self.coroutine) != inspect.GEN_CREATED
        return inspect.getcoroutinestate(self.coroutine) != inspect.CORO_CREATED

    def freed(self) -> int | None:
        """Return the depth at which the sibling before left the next stage; None while it is there."""
        before, number = self.before, len(self.stages) + 1
        if before is None:
            return 0
        if number < len(before.stages):
            return before.stages[number]
        return before.depth if before.finished else None

    def join(self) -> None:
        """Go on without children, at the greatest depth of any: however they ended, the strand knows."""
        for child in self.children:
            self.depth = max(self.depth, child.depth)
        self.children = []

    def line(self) -> list[Strand]:
        """Return the strands from the party's program down to this one."""
        found, strand = [self], self
        while strand.parent is not None:
            strand = strand.parent
            found.append(strand)
        return found[::-1]

    def beside(self, other: Strand) -> bool:
        """Return whether both are, or are below, different children of one gather."""
        for mine, theirs in zip(self.line(), other.line(), strict=False):
            if mine is not theirs:
                return mine.parent is not None and theirs in mine.parent.children
        return False

    def hear_shared(self) -> None:
        """Go on at no less than the depth of who changed what this strand shares: it may read it."""
        for one in self.shared:
            if one.depth > self.depth:
                self.depth = one.depth

    def deepest(self) -> int:
        """Return the greatest depth of this strand and those below it."""
        depth, todo = 0, [self]
        while todo:
            strand = todo.pop()
            depth = max(depth, strand.depth)
            todo += strand.children
        return depth

    def stack(self) -> list[str]:
        """Return the protocol's stack, outermost first, as "function (file:line)"."""
        frames = []
        awaited: Any = self.coroutine
        while awaited is not None:
            frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
            if frame is None:
                break
            code = frame.f_code
            file = "/".join(code.co_filename.replace("\\", "/").split("/")[-2:])
            frames.append(f"{code.co_qualname} ({file}:{frame.f_lineno})")
            awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)
        return frames
