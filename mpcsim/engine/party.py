"""The actor: what a protocol's coroutine may do."""

from __future__ import annotations

import secrets
import types
from collections import deque
from collections.abc import Awaitable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from decimal import Decimal
from hashlib import blake2b
from numbers import Real
from typing import Any

import numpy as np

from mpcsim.engine.asks import OUTSIDE_ITS_COROUTINE, Engine, Fork, Sleep, Stage
from mpcsim.engine.choices import Chooser
from mpcsim.engine.clock import LATEST
from mpcsim.engine.failure import note_span
from mpcsim.engine.strand import Channel, Strand, named
from mpcsim.engine.trace import RECV
from mpcsim.errors import InputError, RecvTimeout, UsageError
from mpcsim.schema import shown
from mpcsim.texts import utf8, whole
from mpcsim.units import NANOSECONDS, parse_time

_LONGEST = 1e9  # seconds


class Party(Chooser):
    """One actor of a run: it sends and awaits messages, and its coroutine is its program.

    Attributes:
        id: position among the actors, from 0.
        n: number of actors.
        role: name of the actor's role ("party0", "hospital", …).
        crashed: whether a fault stopped it, or it aborted.
        apart: whether the other parties run in processes of their own.
    """

    apart = False

    def __init__(
        self, id: int, roles: list[str], scheduler: Engine, seed: int | None, occasion: str = ""
    ) -> None:
        super().__init__(id, roles, scheduler.watch)
        self._scheduler = scheduler
        self._trace = scheduler.trace
        self._clock = scheduler.clock
        self._put = scheduler.transport.put if self._watch is None else scheduler.transport.put_measured
        self._seed = seed
        self._occasion = blake2b(occasion.encode(), digest_size=16).digest() if occasion else b""
        self._channels: dict[str, Channel] = {}
        self._streams: dict[str, np.random.Generator] = {}

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
            raise UsageError(OUTSIDE_ITS_COROUTINE)
        self._put(self, strand, to if type(to) is int else self._id_of(to), payload)

    @types.coroutine
    def recv(
        self, source: int | str, timeout: float | str | None = None
    ) -> Generator[tuple[int, ...], Any, Any]:
        """Await the next message of `source` (id or role) on the present channel.

        Args:
            source: id or role of the sender.
            timeout: how long to wait, in seconds or as text ("200 ms"). A run that used one cannot
                be retimed, since the network decides which way it goes.

        Raises:
            RecvTimeout: nothing came in time; it is a `TimeoutError` too. The message may still come
                and will be the next that is received.
            UsageError: no such party, or the party itself.
        """
        strand = self._strand
        if strand is None:
            raise UsageError(OUTSIDE_ITS_COROUTINE)
        watch = self._watch
        if watch is not None:
            watch.pause()
        if type(source) is not int:
            source = self._id_of(source)
        patience = -1
        if timeout is not None:
            patience = self._duration(timeout, "timeout")
            self._scheduler.timeouts += 1
        key = (source, strand.channel.id)
        mail = self._mail.pop(key, None)
        if mail is None:
            if not 0 <= source < self.n or source == self.id:
                raise UsageError(self._no_such_party("receive from", source))
            if self.odd:
                self.refuse_wait(key)
            if patience < 0:
                mail = yield key
            else:
                mail = yield (*key, patience)
                strand.timer += 1
                if type(mail) is RecvTimeout:
                    raise mail  # here, so that it knows what was being handled
            if watch is not None:
                watch.hold()
        elif type(mail) is deque:
            queue = mail
            mail = queue.popleft()
            if queue:
                self._mail[key] = queue
        depth, payload, message = mail
        if depth > strand.depth:
            strand.depth = depth
        strand.heard = source
        if self._trace is not None:
            if watch is None:
                self._trace.add(RECV, self._clock.now, strand, 0, source, message, patience)
            else:
                self._scheduler.note(RECV, strand, source, message, patience)
        if watch is not None:
            watch.resume()
        return payload

    async def sleep(self, seconds: float | str) -> None:
        """Let time pass on this party's clock: seconds, or text ("200 ms").

        Raises:
            UsageError: a negative time.
        """
        if self._strand is None:
            raise UsageError(OUTSIDE_ITS_COROUTINE)
        await _ask(Sleep(self._duration(seconds, "sleep")))

    def _duration(self, duration: float | str, what: str) -> int:
        """Return nanoseconds that this party can wait."""
        found = _nanoseconds(duration, what)
        if self._scheduler.time_of(self) + found > LATEST:
            raise UsageError(
                f"{what}: {shown(duration)} from now on is past 2^63 ns, 292 years, which no run reaches"
            )
        return found

    # Structure

    async def gather(self, *coroutines: Awaitable[Any]) -> list[Any]:
        """Run sub-protocols concurrently and return their results in order.

        Each child has a channel of its own, so that their messages never mix; their depths join by
        the maximum. The first error cancels the others and is raised here, once.
        """
        strand = self._strand
        if strand is None:
            raise UsageError(OUTSIDE_ITS_COROUTINE)
        for coroutine in coroutines:
            if not isinstance(coroutine, Coroutine | Generator):  # `recv` is a generator
                raise UsageError(f"party.gather takes coroutines, not {type(coroutine).__name__}")
        if not coroutines:
            return []
        try:
            self._channel_in_step(strand)
        except UsageError:
            for coroutine in coroutines:
                coroutine.close()  # type: ignore[attr-defined]  # checked above
            raise
        results: list[Any] | BaseException
        results = await _ask(Fork(coroutines))  # type: ignore[arg-type]  # checked above
        if isinstance(results, BaseException):
            raise results  # here, so that it knows what was being handled
        return results

    async def stage(self) -> None:
        """Enter the next stage of this child of a gather, once the sibling before it has left that stage.

        A sibling leaves a stage when it enters the one after, or ends: the children of one gather then
        go through their stages like parts through a pipeline, one in each stage and in their order, on
        every party alike. A child that waits for its turn goes on at the greater of both depths. Of a
        program that no gather runs, and of the first child, nothing is waited for.
        """
        if self._strand is None:
            raise UsageError(OUTSIDE_ITS_COROUTINE)
        if self._strand.parent is not None:
            await _ask(Stage())

    @contextmanager
    def span(self, name: str, op: str | None = None) -> Iterator[None]:
        """Attribute what happens inside to a span; `op` says what kind of step it is.

        Spans nest. All parties, and all children of one gather, that enter a name share one span;
        entering it again later adds to it. A name may hold any character.
        """
        strand = self._strand
        if strand is None:
            raise UsageError(OUTSIDE_ITS_COROUTINE)
        if not (isinstance(name, str) and (op is None or isinstance(op, str))):
            found = name if not isinstance(name, str) else op
            raise UsageError(f"party.span takes text for name and op: found {type(found).__name__}")
        name = whole(name)
        outer = strand.span
        run = self._scheduler.enter_span(self, strand, name, op)
        try:
            yield
        except BaseException as error:  # noted, and raised on
            note_span(error, run)
            raise
        finally:
            self._scheduler.leave_span(self, strand, run, outer)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Attribute what happens inside to a phase ("offline", "online"), across spans.

        `Run.phases` has the cost of each. One label holds at a time, the innermost; the children of a
        gather start with that of their parent. A phase may be entered any number of times, by any
        parties, and takes as long as some party is in it.

        Raises:
            UsageError: the name is no text, or empty.
        """
        strand = self._strand
        if strand is None:
            raise UsageError(OUTSIDE_ITS_COROUTINE)
        if not isinstance(name, str) or not name:
            raise UsageError(f"party.phase takes text for its name: found {shown(name)}")
        outer = strand.phase
        self._scheduler.enter_phase(self, strand, self._scheduler.phase_of(whole(name)))
        try:
            yield
        finally:
            self._scheduler.enter_phase(self, strand, outer)

    @contextmanager
    def channel(self, name: str) -> Iterator[None]:
        """Meet other actors on a named, absolute channel, whatever the structure around it."""
        strand = self._strand
        if strand is None:
            raise UsageError(OUTSIDE_ITS_COROUTINE)
        outer = strand.channel
        if not isinstance(name, str):
            raise UsageError(f"party.channel takes text: found {type(name).__name__}")
        if name not in self._channels:
            self._channels[name] = named(name, self.id)
        strand.channel = self._channels[name]
        try:
            yield
        finally:
            strand.channel = outer

    def call(self, purpose: str) -> tuple[int, int]:
        """Return (channel id, call number): an address that parties of equal structure share.

        The number counts earlier calls with this purpose on this channel, so that correlated
        randomness drawn by concurrent sub-protocols never loses step.

        Raises:
            UsageError: children of one gather draw, or gather, on one named channel: in which order is
                not the same on all parties.
        """
        strand = self._strand
        if strand is None:
            raise UsageError(OUTSIDE_ITS_COROUTINE)
        channel = self._channel_in_step(strand)
        return channel.id, channel.call(purpose)

    def _channel_in_step(self, strand: Strand) -> Channel:
        """Return a strand's channel, to count on it what peers count alike."""
        channel = strand.channel
        if channel.named and channel.caller is not strand:
            if channel.caller is not None and strand.beside(channel.caller):
                raise UsageError(
                    f"channel {channel.path[1:]!r}: concurrent children of party {self.id} ({self.role}) "
                    "draw correlated randomness or gather on it, in an order that their peers cannot "
                    "know; give each child a channel of its own (without a name it has one)"
                )
            channel.caller = strand
        return channel

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

        With a seed they are the same in every run of the same occasion (`simulate`); without one the
        operating system gives them.
        """
        if self._seed is None:
            return secrets.token_bytes(size)
        material = utf8(f"{self._seed}/{self.id}/{self.role}/{name}")
        return blake2b(material, digest_size=size, person=b"mpcsim secret", salt=self._occasion).digest()

    def observe(self, name: str, value: Any) -> None:
        """Hand a value to the run's observer: no message, no cost, no effect on the digest.

        Without an observer of its own, `Run.observed` keeps the values, by name and party, in order.
        """
        scheduler = self._scheduler
        if scheduler.observer is None:
            scheduler.observed.setdefault(name, {}).setdefault(self.id, []).append(value)
            return
        watch = self._watch
        if watch is not None:
            watch.pause()
        try:
            scheduler.observer(name, self.id, value)
        finally:
            if watch is not None:
                watch.resume()

    def progress(self, done: float, total: float) -> None:
        """Say how far the run is; the live line of `mpcsim run` shows it. No effect on the run."""
        self._scheduler.progress = (done, total)

    @property
    def log(self) -> Any:
        """A logger of structlog whose lines say party, span and the party's own time."""
        from mpcsim.log import party_log

        return party_log(self)

    @property
    def now(self) -> float:
        """Seconds on this party's clock. A record of a run that looked at it is not retimed."""
        if self._strand is not None:
            self._scheduler.clock_reads += 1
        return self._scheduler.time_of(self) / 1e9


@types.coroutine
def _ask(what: Any) -> Generator[Any, Any, Any]:
    """Hand something to the scheduler, and return what it answers.

    What awaits this is a coroutine and no generator: Python refuses to await a coroutine twice, and warns
    of one that nobody awaits. `Party.recv` alone is a generator, as it is on every message's way.
    """
    return (yield what)


def _nanoseconds(duration: float | str, what: str) -> int:
    if isinstance(duration, str):
        try:
            return parse_time(duration)
        except InputError as error:
            raise UsageError(f"{what}: {error}") from None
    number = type(duration) in (float, int) or (
        isinstance(duration, Real | Decimal) and not isinstance(duration, bool)
    )
    if not number or not 0 <= duration <= _LONGEST:
        raise UsageError(
            f'{what}: found {shown(duration)}; accepted: seconds from 0 to {_LONGEST:g}, or text ("200 ms")'
        )
    return round(duration * NANOSECONDS)
