"""A progress line on standard error: one line that is written over on a terminal, a few in a pipe."""

from __future__ import annotations

import sys
import time
from typing import Self

from mpcsim import log
from mpcsim.texts import plural

_TERMINAL_S, _PIPE_S = 0.1, 5.0  # at least so long between two lines


class Progress:
    """Say how many of something are done, how many failed, and how long the rest may take.

    Args:
        total: how many there are.
        done: how many were done before.
        even: whether they take about the same time each, so that the rest can be guessed.
        what: one of them.
    """

    def __init__(self, total: int, done: int = 0, *, even: bool = True, what: str = "point") -> None:
        self._total = total
        self._before = self._done = done
        self._failed = 0
        self._even, self._what = even, what
        self._terminal = log.live()
        self._started = self._shown = time.monotonic()
        self._said = ""

    def advance(self, *, failed: bool = False) -> None:
        """Count one of them."""
        self._done += 1
        self._failed += failed
        now = time.monotonic()
        if now - self._shown >= (_TERMINAL_S if self._terminal else _PIPE_S):
            self._show(now)

    def __enter__(self) -> Self:
        self._show(self._started)
        return self

    def __exit__(self, *_: object) -> None:
        self._show(time.monotonic())
        if self._terminal:
            print(file=sys.stderr)

    def _show(self, now: float) -> None:
        self._shown = now
        if log.quiet():
            return
        passed, fresh = now - self._started, self._done - self._before
        parts = [f"{self._done} of {plural(self._total, self._what)}"]
        if self._before:
            parts.append(f"{self._before} from before")
        if self._failed:
            parts.append(f"{self._failed} failed")
        if fresh:
            parts.append(f"{_time(passed)} so far")
        if self._even and fresh and self._done < self._total:
            left = passed / fresh * (self._total - self._done)
            parts.append(f"about {_time(left)} left")
        text = ", ".join(parts)
        if self._terminal:
            print(f"\r{text}\x1b[K", end="", file=sys.stderr, flush=True)
        elif text != self._said:
            print(text, file=sys.stderr, flush=True)
        self._said = text


def _time(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
