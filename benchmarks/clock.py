"""The benchmarks' clock, and the kernel that every result is divided by."""

from __future__ import annotations

import resource
import statistics
from typing import Any

import numpy as np

_WORDS = 1 << 16
_PASSES = 100
_SAMPLES = 5


def processor_seconds() -> float:
    """Return user + system seconds of this process and of the children it waited for."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _kernel(x: Any, y: Any, out: Any) -> None:
    """Do a few milliseconds of NumPy that nobody here can make faster: ring arithmetic in the cache."""
    for _ in range(_PASSES):
        np.multiply(x, y, out=out)
        np.add(out, x, out=out)
        np.right_shift(out, 7, out=out)
        np.bitwise_xor(out, y, out=out)


def calibrate() -> list[float]:
    """Return the processor seconds of the calibration kernel, several times over."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 2**64, (2, _WORDS), dtype=np.uint64)
    out = np.empty_like(x)
    _kernel(x, y, out)
    times = []
    for _ in range(_SAMPLES):
        started = processor_seconds()
        _kernel(x, y, out)
        times.append(processor_seconds() - started)
    return times


def median(times: list[float]) -> float:
    """Return the median."""
    return statistics.median(times)
