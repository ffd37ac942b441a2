"""A progress line on standard error: one line that is written over on a terminal, a few in a pipe."""

from __future__ import annotations

import sys
import time
from typing import Self

_TERMINAL_S, _PIPE_S = 0.1, 5.0  # at least so long between two lines


class Progress:
    """Say how many points are done, how many failed, and how long the rest may take.

    Args:
        total: how many points there are.
        done: how many were done before.
        even: whether points take about the same time each, so that the rest can be guessed.
    """

    def __init__(self, total: int, done: int = 0, *, even: bool = True) -> None:
        self._total = total
        self._before = self._done = done
        self._failed = 0
        self._even = even
        self._terminal = sys.stderr.isatty()
        self._started = self._shown = time.monotonic()

    def advance(self, *, failed: bool = False) -> None:
        """Count one point."""
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
        passed, fresh = now - self._started, self._done - self._before
        parts = [f"{self._done} of {self._total} points"]
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
        else:
            print(text, file=sys.stderr, flush=True)


def _time(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
