"""The actor: what a protocol's coroutine may do."""

from __future__ import annotations

import secrets
import types
from collections import deque
from collections.abc import Awaitable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np

from mpcsim.errors import UsageError
from mpcsim.strand import Channel, Strand

if TYPE_CHECKING:
    from mpcsim.scheduler import Scheduler

_OUTSIDE = (
    "a protocol called its party from outside its own coroutine: asyncio tasks and asyncio.gather "
    "cannot be followed; use `await party.gather(...)`"
)


class Fork:
    """What `party.gather` hands to the scheduler."""

    __slots__ = ("coroutines",)

    def __init__(self, coroutines: tuple[Coroutine[Any, Any, Any], ...]) -> None:
        self.coroutines = coroutines


class Party:
    """One actor of a run: it sends and awaits messages, and its coroutine is its program.

    Attributes:
        id: position among the actors, from 0.
        n: number of actors.
        role: name of the actor's role ("party0", "hospital", …).
    """

    def __init__(self, id: int, roles: list[str], scheduler: Scheduler, seed: int | None) -> None:
        self.id = id
        self.n = len(roles)
        self.role = roles[id]
        self._roles = roles
        self._scheduler = scheduler
        self._seed = seed
        self._strand: Strand | None = None
        self._mail: dict[tuple[int, int], Any] = {}
        self._waiting: dict[tuple[int, int], Strand] = {}
        self._channels: dict[str, Channel] = {}
        self._streams: dict[str, np.random.Generator] = {}
        self.busy_until = 0

    def __repr__(self) -> str:
        return f"<Party {self.id} ({self.role})>"

    # Messages

    def send(self, to: int | str, payload: Any) -> None:
        """Queue a message for another party on the present channel; never blocks.

        Arrays are frozen, not copied (a view is copied): writing to one afterwards raises.

        Args:
            to: id or role of the receiver.
            payload: NumPy arrays of numbers, bytes, numbers, strings, None, lists or dicts of these.

        Raises:
            UsageError: no such party, the party itself, or a payload that cannot travel.
        """
        strand = self._strand
        if strand is None:
            raise UsageError(_OUTSIDE)
        self._scheduler.send(self, strand, to if type(to) is int else self._id_of(to), payload)

    @types.coroutine
    def recv(self, source: int | str) -> Generator[tuple[int, int], Any, Any]:
        """Await the next message of `source` (id or role) on the present channel."""
        strand = self._strand
        if strand is None:
            raise UsageError(_OUTSIDE)
        if type(source) is not int:
            source = self._id_of(source)
        key = (source, strand.channel.id)
        mail = self._mail.pop(key, None)
        if mail is None:
            if not 0 <= source < self.n or source == self.id:
                raise UsageError(self._no_such_party("receive from", source))
            message = yield key
        elif type(mail) is deque:
            message = mail.popleft()
            if mail:
                self._mail[key] = mail
        else:
            message = mail
        depth, payload = message[0], message[1]
        if depth > strand.depth:
            strand.depth = depth
        if self._scheduler.trace is not None:
            self._scheduler.trace.received(self._scheduler.time_of(self), strand, message[2])
        return payload

    def _id_of(self, name: Any) -> int:
        if isinstance(name, np.integer):
            return int(name)
        if name in self._roles:
            return self._roles.index(name)
        raise UsageError(self._no_such_party("reach", name))

    def _no_such_party(self, what: str, found: Any) -> str:
        others = [f"{i} ({role})" for i, role in enumerate(self._roles) if i != self.id]
        return f"party {self.id} ({self.role}) cannot {what} {found!r}: the others are " + ", ".join(
            others[:12] + (["…"] if len(others) > 12 else [])
        )

    # Structure

    @types.coroutine
    def gather(
        self, *coroutines: Awaitable[Any]
    ) -> Generator[Fork, Any, list[Any]]:  # the children run at once, in order
        """Run sub-protocols concurrently and return their results in order.

        Each child has a channel of its own, so that their messages never mix; their depths join by
        the maximum. The first error cancels the others and is raised here, once.
        """
        if self._strand is None:
            raise UsageError(_OUTSIDE)
        for coroutine in coroutines:
            if not isinstance(coroutine, Coroutine | Generator):  # `recv` is a generator
                raise UsageError(f"party.gather takes coroutines, not {type(coroutine).__name__}")
        if not coroutines:
            return []
        results: list[Any] = yield Fork(coroutines)  # type: ignore[arg-type]  # checked above
        return results

    @contextmanager
    def span(self, name: str, op: str | None = None) -> Iterator[None]:
        """Attribute what happens inside to a span; `op` says what kind of step it is.

        Spans nest. All parties, and all children of one gather, that enter a name share one span;
        entering it again later adds to it.
        """
        strand = self._strand
        if strand is None:
            raise UsageError(_OUTSIDE)
        outer = strand.span
        strand.span = run = self._scheduler.enter_span(self, strand, name, op)
        try:
            yield
        finally:
            self._scheduler.leave_span(self, strand, run)
            strand.span = outer

    @contextmanager
    def channel(self, name: str) -> Iterator[None]:
        """Meet other actors on a named, absolute channel, whatever the structure around it."""
        strand = self._strand
        if strand is None:
            raise UsageError(_OUTSIDE)
        outer = strand.channel
        if name not in self._channels:
            self._channels[name] = Channel(f"@{name}")
        strand.channel = self._channels[name]
        try:
            yield
        finally:
            strand.channel = outer

    def call(self, purpose: str) -> tuple[int, int]:
        """Return (channel id, call number): an address that parties of equal structure share.

        The number counts earlier calls with this purpose on this channel, so that correlated
        randomness drawn by concurrent sub-protocols never loses step.
        """
        if self._strand is None:
            raise UsageError(_OUTSIDE)
        channel = self._strand.channel
        return channel.id, channel.call(purpose)

    # Randomness and observation

    def rng(self, name: str) -> np.random.Generator:
        """Return this party's stream of that name: of the run's seed, or of the operating system."""
        if name not in self._streams:
            self._streams[name] = np.random.Generator(
                np.random.PCG64(int.from_bytes(self.secret(f"rng/{name}", 16), "big"))
            )
        return self._streams[name]

    def secret(self, name: str, size: int) -> bytes:
        """Return `size` (at most 64) secret bytes of this party alone, for keys.

        With a seed they are the same in every run; without one the operating system gives them.
        """
        if self._seed is None:
            return secrets.token_bytes(size)
        material = f"{self._seed}/{self.id}/{self.role}/{name}".encode()
        return blake2b(material, digest_size=size, person=b"mpcsim secret").digest()

    def observe(self, name: str, value: Any) -> None:
        """Hand a value to the run's observer: no message, no cost, no effect on the digest."""
        self._scheduler.observed.setdefault(name, {}).setdefault(self.id, []).append(value)

    @property
    def now(self) -> float:
        """Seconds on this party's clock."""
        return self._scheduler.time_of(self) / 1e9
