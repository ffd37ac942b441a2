"""Strands and channels: one line of execution of a party, and the address of its messages."""

from __future__ import annotations

from collections.abc import Coroutine
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mpcsim.meter import SpanRun
    from mpcsim.party import Party


class Channel:
    """The structural path of a sub-protocol; its `id` is the path's hash, equal in every process.

    A path grows by one step (gather number, child number) with each fork, whatever order the
    scheduler runs the children in: MPyC's forked program counter is the model. A named channel
    is absolute, so that actors of different structure meet on it.
    """

    __slots__ = ("calls", "forks", "group", "id", "path")

    def __init__(self, path: str, group: str | None = None) -> None:
        self.path = path
        self.group = path if group is None else group  # the path without the child numbers
        self.id = int.from_bytes(blake2b(path.encode(), digest_size=8).digest(), "big")
        self.forks = 0
        self.calls: dict[str, int] = {}

    def fork(self, children: int) -> list[Channel]:
        """Return the channels of the children of the next gather on this channel."""
        number = self.forks
        self.forks += 1
        group = f"{self.group}/{number}"
        return [Channel(f"{self.path}/{number}.{child}", group) for child in range(children)]

    def call(self, purpose: str) -> int:
        """Return how often `purpose` was called on this channel before, and count this call."""
        number = self.calls.get(purpose, 0)
        self.calls[purpose] = number + 1
        return number


class Strand:
    """A coroutine that the scheduler steps: a party's program, or one child of a gather.

    Attributes:
        depth: length of the longest chain of messages that led here.
        span: the innermost open span.
        waiting: the (source, channel id) that the strand waits for, if it waits for a message.
    """

    __slots__ = (
        "channel", "children", "coroutine", "depth", "finished", "missing", "number", "parent",
        "party", "position", "results", "span", "timer", "waiting",
    )  # fmt: skip

    def __init__(
        self,
        party: Party,
        coroutine: Coroutine[Any, Any, Any],
        channel: Channel,
        span: SpanRun,
        number: int,
        parent: Strand | None = None,
        position: int = 0,
    ) -> None:
        self.party = party
        self.coroutine = coroutine
        self.channel = channel
        self.span = span
        self.number = number
        self.parent = parent
        self.position = position
        self.depth: int = parent.depth if parent else 0
        self.waiting: tuple[int, int] | None = None
        self.timer = 0
        self.children: list[Strand] = []
        self.results: list[Any] = []
        self.missing = 0
        self.finished = False

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
