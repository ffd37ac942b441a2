"""The process's memory: how its allocator treats large arrays, and the most that it held."""

from __future__ import annotations

import ctypes
import functools
import re
import resource
import sys
from pathlib import Path

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of malloc.h
_LARGEST = 2**30
_STATUS = Path("/proc/self/status")


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
