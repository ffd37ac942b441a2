"""How the process's allocator treats large arrays."""

from __future__ import annotations

import ctypes
import functools

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of malloc.h
_LARGEST = 2**30


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
