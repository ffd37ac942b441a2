"""The process's memory during a run: its garbage collector, its allocator, and the most that it held."""

from __future__ import annotations

import ctypes
import functools
import gc
import re
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PATIENT = (5_000, 20, 500)  # net new objects before a look at the young; looks before the older
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of malloc.h
_LARGEST = 2**30
_STATUS = Path("/proc/self/status")


@contextmanager
def patient_collector() -> Iterator[None]:
    """Have the collector look less often, as a run keeps many messages that are no garbage.

    With Python's own thresholds it would look through a million messages under way again and again,
    which costs several times what the messages themselves do.
    """
    before = gc.get_threshold()
    gc.set_threshold(*(max(one, two) for one, two in zip(before, _PATIENT, strict=True)))
    try:
        yield
    finally:
        gc.set_threshold(*before)


@functools.cache
def keep_freed_memory() -> bool:
    """Have freed memory used again within the process; return whether the allocator listens.

    By default glibc gives large blocks back to the kernel at once, which then clears every page of the
    next one: a fifth of the processor time of a run on a million values. Peak memory stays the same.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGEST)) and bool(mallopt(_TRIM_THRESHOLD, _LARGEST))


def peak_memory_mb() -> float:
    """Return the most memory that this process has held, in 10^6 bytes.

    Linux's own count is of this program alone: `getrusage` begins with what the process held that
    started it.
    """
    if _STATUS.exists():
        found = re.search(r"VmHWM:\s*(\d+) kB", _STATUS.read_text())
        if found:
            return int(found[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
