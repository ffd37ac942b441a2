"""Large products over several threads: every word of the result is one thread's, so it never changes."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

VARIABLE = "MPCSIM_THREADS"
_WORTHWHILE = 1 << 22
"""Multiply-adds that one thread should have at least: about a millisecond."""


@functools.cache
def _threads() -> int:
    """Return how many threads the environment asks for; one where it does not say."""
    wanted = os.environ.get(VARIABLE, "1")
    if not wanted.isdecimal() or wanted == "0":
        raise ValueError(f"{VARIABLE}={wanted}: accepted is a whole number from 1")
    return int(wanted)


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "mpcsim-kernel")


def in_parts(rows: int, multiply_adds: int, loop: Callable[[int, int], None]) -> None:
    """Run ``loop(first, end)`` over all rows of a result, in parts where that is worth it.

    The loops release Python's lock; parts must write to different rows.
    """
    parts = min(_threads(), rows, multiply_adds // _WORTHWHILE)
    if parts < 2:
        loop(0, rows)
        return
    ends = [rows * part // parts for part in range(parts + 1)]
    list(_pool(parts).map(loop, ends[:-1], ends[1:]))
