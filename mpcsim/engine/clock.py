"""Clocks: the order in which things happen, in virtual time; in real time, see `mpcsim.engine.wall`.

All clocks call back at integer nanoseconds. `VirtualClock` is an asyncio event loop of our own whose
time jumps to the next event when nothing is ready.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from heapq import heappop, heappush
from typing import Any, NoReturn, Protocol

from mpcsim.errors import UsageError
from mpcsim.units import NANOSECONDS

LATEST = 2**63 - 1  # nanoseconds: digest and trace keep 64 bits of a time
Call = tuple[Callable[..., Any], tuple[Any, ...]]
_Handing = tuple[Callable[..., Any], Any, Any, Any]
"""A call with three arguments: the arrival of a message."""


class Cause:
    """What led to a callback of asyncio: the depth of who asked for it, through any chain of callbacks.

    A strand that sets a future's result has the loop call back whoever waits for it. The loop asks here
    what is at hand when it is asked, and a strand that goes on after such a callback goes on at that depth.

    Attributes:
        of_strand: returns the depth of the strand that runs now, 0 where none does.
        inherited: depth of the strand that asked for the callback that runs now, 0 where none does.
    """

    def __init__(self) -> None:
        self.of_strand: Callable[[], int] = int
        self.inherited = 0

    def follow(self, callback: Callable[..., Any]) -> Callable[..., Any]:
        """Return the callback, as something that what is at hand led to."""
        depth = max(self.inherited, self.of_strand())
        return partial(self._run, depth, callback) if depth else callback

    def _run(self, depth: int, callback: Callable[..., Any], *args: Any) -> None:
        outer, self.inherited = self.inherited, depth
        try:
            callback(*args)
        finally:
            self.inherited = outer


class Clock(Protocol):
    """What the scheduler needs of time.

    Attributes:
        now: nanoseconds since the start.
        held: who waits for a future of asyncio; until it is empty, `WallClock` keeps running.
        cause: what led to a callback of asyncio.
    """

    @property
    def now(self) -> int:
        """Nanoseconds since the start."""
        ...

    held: set[Any]
    cause: Cause

    def soon(self, callback: Callable[..., Any], *args: Any) -> None:
        """Call back at the present time, after what is already ready."""

    def at(self, when: int, callback: Callable[..., Any], *args: Any) -> None:
        """Call back at `when` (nanoseconds since the start); equal times keep their order."""

    def hand(self, when: int, callback: Callable[..., Any], receiver: Any, key: Any, message: Any) -> None:
        """Do what `at` does, for three arguments: most of what a run waits for is messages."""

    def run(self) -> None:
        """Run until nothing is ready and nothing is due, or until `stop`."""

    def stop(self) -> None:
        """End `run` after the present callback."""

    def pending(self) -> list[Call]:
        """Return what is due but was not called, in order of time."""


class VirtualClock(asyncio.BaseEventLoop):
    """An event loop whose time is a number: a ready queue, and a heap of times with their callbacks.

    Callbacks of one time are kept in one list, in the order in which they were asked for.

    It does no real input or output. asyncio's futures and `asyncio.sleep` work and take virtual time;
    tasks are refused, because the engine could not attribute what they send.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.held: set[Any] = set()
        self.cause = Cause()
        self._times: list[int] = []
        self._due: dict[int, list[Call | _Handing]] = {}
        self._present: Iterator[Call | _Handing] = iter(())
        self._todo: deque[Call] = deque()
        self._stop = False

    def soon(self, callback: Callable[..., Any], *args: Any) -> None:
        """Call back at the present time, after what is already ready."""
        self._todo.append((callback, args))

    def at(self, when: int, callback: Callable[..., Any], *args: Any) -> None:
        """Call back at `when`; among equal times the first to be asked for is the first called."""
        calls = self._due.get(when)
        if calls is None:
            if when > LATEST:
                raise UsageError(
                    f"virtual time would pass 2^63 ns, 292 years ({when / NANOSECONDS:.3g} s), which no "
                    "run reaches"
                )
            self._due[when] = [(callback, args)]
            heappush(self._times, when)
        else:
            calls.append((callback, args))

    def hand(self, when: int, callback: Callable[..., Any], receiver: Any, key: Any, message: Any) -> None:
        """Do what `at` does, with a tuple less to make, and a call that Python inlines."""
        calls = self._due.get(when)
        if calls is not None:
            calls.append((callback, receiver, key, message))
        elif when > LATEST:
            self.at(when, callback, receiver, key, message)
        else:
            self._due[when] = [(callback, receiver, key, message)]
            heappush(self._times, when)

    def run(self) -> None:
        """Run until nothing is ready and nothing is due, or until `stop`."""
        outer = asyncio.events._get_running_loop()
        asyncio.events._set_running_loop(self)
        try:
            self._run()
        finally:
            asyncio.events._set_running_loop(outer)

    def _run(self) -> None:
        todo, times, due = self._todo, self._times, self._due
        while True:
            while todo and not self._stop:
                callback, args = todo.popleft()
                callback(*args)
            if self._stop or not times:
                return
            self.now = heappop(times)
            self._present = iter(due.pop(self.now))
            for call in self._present:
                if len(call) == 4:
                    callback, receiver, key, message = call
                    callback(receiver, key, message)
                else:
                    callback, args = call
                    callback(*args)
                if todo or self._stop:
                    while todo and not self._stop:
                        callback, args = todo.popleft()
                        callback(*args)
                    if self._stop:
                        return

    def stop(self) -> None:
        """End `run` after the present callback."""
        self._stop = True

    def pending(self) -> list[Call]:
        """Return what is due but was not called, in order of time."""
        calls = [*self._present, *(call for when in sorted(self._due) for call in self._due[when])]
        return [(call[0], call[1:]) if len(call) == 4 else call for call in calls]

    # What asyncio's futures and `asyncio.sleep` ask of a loop.

    def time(self) -> float:
        """Return virtual seconds."""
        return self.now / NANOSECONDS

    def call_soon(  # type: ignore[override]  # without the variadic type
        self,
        callback: Callable[..., Any],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        """Call back at the present time."""
        handle = asyncio.Handle(self.cause.follow(callback), args, self, context)
        self.soon(_run_handle, handle)
        return handle

    def call_at(  # type: ignore[override]  # without the variadic type
        self,
        when: float,
        callback: Callable[..., Any],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call back at `when` (seconds)."""
        if not when * NANOSECONDS <= LATEST:
            raise UsageError(f"a protocol waits until {when:g} s; accepted: less than 2^63 ns, 292 years")
        handle = asyncio.TimerHandle(when, self.cause.follow(callback), args, self, context)
        self.at(max(self.now, round(when * NANOSECONDS)), _run_handle, handle)
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Do nothing: a cancelled timer stays in the heap and is passed over when it is due."""

    def create_task(self, coro: Any, **_: Any) -> NoReturn:
        """Refuse: see the class."""
        if isinstance(coro, Coroutine):
            coro.close()
        raise UsageError(
            "asyncio tasks and asyncio.gather cannot run inside a protocol: use "
            "`await party.gather(...)`, which keeps messages of concurrent sub-protocols apart, and "
            "`await party.recv(source, timeout=…)` in place of asyncio.wait_for"
        )

    def run_in_executor(self, *_: Any) -> NoReturn:  # type: ignore[override]  # refused
        """Refuse: virtual time cannot wait for real work."""
        raise UsageError(
            "virtual time has no threads and no real input or output inside a protocol (asyncio.to_thread, "
            "executors, sockets): call the function itself"
        )


def _run_handle(handle: asyncio.Handle) -> None:
    if not handle.cancelled():
        handle._run()
