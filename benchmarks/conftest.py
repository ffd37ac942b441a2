"""One way to measure: processor time, the first run left out, the calibration kernel right beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from benchmarks import clock

Measure = Callable[..., Any]


@pytest.fixture
def measure(benchmark: Any) -> Measure:
    """Return ``measure(job, rounds=5, iterations=1)``, which gives the job's result.

    The first run warms caches and allocators and does not count. `iterations` repeats a job that is
    shorter than a few milliseconds within a round.
    """

    def run(job: Callable[[], Any], rounds: int = 5, iterations: int = 1) -> Any:
        before = clock.calibrate()
        result = benchmark.pedantic(job, rounds=rounds, iterations=iterations, warmup_rounds=1)
        benchmark.extra_info["calibration_s"] = clock.median(before + clock.calibrate())
        return result

    return run
