"""The clock of real time: the callbacks of `mpcsim.engine.clock` on uvloop, which really waits."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

from mpcsim.engine.clock import Call, Cause
from mpcsim.units import NANOSECONDS

_COARSE = 3_000_000  # nanoseconds: uvloop's timers are about this exact
_FINE = 500_000  # nanoseconds: `time.sleep` is about this exact


class WallClock:
    """The same callbacks at real times on uvloop; `now` is nanoseconds since the start of `run`.

    A timer of the operating system fires a little late. After an idle wait `now` starts from when the
    callback was due, not from when the system woke the process, so that its lateness does not add up
    from hop to hop; the next wait is by the true clock again and makes it good. What callbacks take
    is never made good: it is time that passed.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: list[tuple[int, int, Callable[..., Any], tuple[Any, ...]]] = []
        self._todo: deque[Call] = deque()
        self._serial = 0
        self._origin = time.perf_counter_ns()
        self._stop = False
        self._woken = False
        self._late = 0
        self._awaited: int | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.held: set[Any] = set()
        self.cause = Cause()

    @property
    def now(self) -> int:
        """Nanoseconds since the start."""
        return time.perf_counter_ns() - self._origin - self._late

    def soon(self, callback: Callable[..., Any], *args: Any) -> None:
        """Call back as soon as what is ready is done."""
        self._todo.append((callback, args))
        self._wake()

    def at(self, when: int, callback: Callable[..., Any], *args: Any) -> None:
        """Call back at `when`, never earlier."""
        self._serial += 1
        heappush(self._waiting, (when, self._serial, callback, args))
        self._wake()

    def hand(self, when: int, callback: Callable[..., Any], receiver: Any, key: Any, message: Any) -> None:
        """Do what `at` does, for three arguments."""
        self.at(when, callback, receiver, key, message)

    def _wake(self) -> None:
        if self._loop is not None and not self._woken:
            self._woken = True
            self._loop.call_soon(self._turn)

    def run(self) -> None:
        """Run on a loop of uvloop: here, or in a thread of its own where a loop already runs."""
        if asyncio.events._get_running_loop() is None:
            self._run()
            return
        failure: list[BaseException] = []

        def body() -> None:
            try:
                self._run()
            except BaseException as error:  # is raised below, in the thread that waits
                failure.append(error)

        thread = threading.Thread(target=body, name="mpcsim-wall-clock")
        thread.start()
        try:
            thread.join()
        except BaseException:  # Ctrl-C: without this the thread would go on
            self._stop = True
            with contextlib.suppress(RuntimeError):  # it ended meanwhile
                if self._loop is not None:
                    self._loop.call_soon_threadsafe(self._turn)
            thread.join()
            raise
        if failure:
            raise failure[0]

    def _run(self) -> None:
        self._loop = loop = _following_loop(self.cause)
        self._failure: BaseException | None = None
        try:
            self._origin = time.perf_counter_ns()
            self.prepare(loop)
            self._wake()
            loop.run_forever()
        finally:
            self._loop = None
            loop.close()
        if self._failure is not None:
            raise self._failure

    def prepare(self, loop: asyncio.AbstractEventLoop) -> None:
        """Do nothing: a clock of real sockets has the loop watch them."""

    def _turn(self) -> None:
        """Call what is ready and due, then sleep until the next is due."""
        assert self._loop is not None
        self._woken = True  # what is asked for during the turn is seen to below
        self.cause.inherited = 0  # that of the strand that woke us is no cause of the others
        self._late = 0
        if self._timer is not None:
            self._timer.cancel()
        try:
            while not self._stop:
                while self._todo and not self._stop:
                    callback, args = self._todo.popleft()
                    callback(*args)
                if self._stop or not self._waiting or not self._due():
                    break
                _, _, callback, args = heappop(self._waiting)
                callback(*args)
        except BaseException as error:  # uvloop would go on: it is raised once the loop stops
            self._failure = error
            self._stop = True
        self._woken = False
        if self._stop or not (self._waiting or self.held):
            self._loop.stop()
        elif self._waiting:
            self._late = 0
            self._awaited = self._waiting[0][0]
            delay = self._awaited - self.now - _COARSE
            self._timer = self._loop.call_later(max(delay, 0) / NANOSECONDS, self._turn)

    def _due(self) -> bool:
        """Return whether the next callback is due; wait for it where it is due soon.

        uvloop's timers count whole milliseconds and fire late; what is due within `_COARSE` is
        waited for here, asleep for most of it, so that a delay is kept to some microseconds.
        """
        when = self._waiting[0][0]
        left = when - self.now
        idle = left > 0 or self._awaited == when
        self._awaited = None
        if left > 0:
            self._late = 0
            left = when - self.now
        if left > _COARSE or (left > 0 and self.held):
            return False
        while left > 0:
            if left > _FINE:
                time.sleep((left - _FINE) / NANOSECONDS)
            left = when - self.now
        if idle:
            self._late = -left
        return True

    def stop(self) -> None:
        """End `run` after the present callback."""
        self._stop = True

    def pending(self) -> list[Call]:
        """Return what is due but was not called, in order of time."""
        return [(callback, args) for _, _, callback, args in sorted(self._waiting, key=lambda e: e[:2])]


def _following_loop(cause: Cause) -> asyncio.AbstractEventLoop:
    """Return a loop of uvloop that keeps what led to each callback."""
    import uvloop

    class Loop(uvloop.Loop):
        def call_soon(  # type: ignore[override]  # without the variadic type
            self, callback: Any, *args: Any, context: Any = None
        ) -> asyncio.Handle:
            return super().call_soon(cause.follow(callback), *args, context=context)

        def call_later(  # type: ignore[override]  # without the variadic type
            self, delay: float, callback: Any, *args: Any, context: Any = None
        ) -> asyncio.TimerHandle:
            return super().call_later(delay, cause.follow(callback), *args, context=context)

        def call_at(  # type: ignore[override]  # without the variadic type
            self, when: float, callback: Any, *args: Any, context: Any = None
        ) -> asyncio.TimerHandle:
            return super().call_at(when, cause.follow(callback), *args, context=context)

    return Loop()
