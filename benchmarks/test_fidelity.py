"""The flagship over real TCP, fresh and with open windows: a bar, where the rig may run."""

from __future__ import annotations

import statistics
from typing import Any

import pytest

from benchmarks.fidelity.__main__ import measure as play
from benchmarks.fidelity.cases import predict, structure
from benchmarks.fidelity.namespaces import refusal
from benchmarks.fidelity.rig import Rig

LATENCY, BANDWIDTH, ROUND_TRIP = "10 ms", "220 Mbit/s", 0.02


@pytest.mark.skipif(refusal() is not None, reason=str(refusal()))
@pytest.mark.parametrize("mode", ["fresh", "warm"])
def test_flagship_over_real_tcp(benchmark: Any, mode: str) -> None:
    one = structure("pomic_inference")
    _, predicted = predict(one, LATENCY, BANDWIDTH, mode, 0)
    real: list[float] = []
    with Rig(len(one.roles)) as rig:
        rig.shape(10_000_000, 220_000_000)
        rig.space.tune(mode == "warm")
        rig.load("flagship", one)
        benchmark.pedantic(lambda: real.append(play(rig, "flagship", mode, 0.5)), rounds=5, iterations=1)
    allowed = max(0.03 * predicted, ROUND_TRIP, max(real) - min(real))
    assert abs(statistics.median(real) - predicted) <= allowed
