"""The networks that a report's sliders step through: a grid that was retimed when the report was made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from analysis.points import Axis, combine
from analysis.replay import SEND
from analysis.retime import Retiming
from analysis.retime import grid as grids
from mpcsim import InputError
from mpcsim.units import parse_bandwidth, parse_time

LATENCIES = ("0.1 ms", "1 ms", "5 ms", "10 ms", "20 ms", "50 ms", "100 ms", "200 ms")
BANDWIDTHS = (
    "1 Mbit/s", "10 Mbit/s", "50 Mbit/s", "100 Mbit/s", "200 Mbit/s", "500 Mbit/s", "1 Gbit/s", "10 Gbit/s",
)  # fmt: skip
_MOST_STEPS = 10_000_000
"""Operations that a grid may replay: some twenty seconds. A longer run gets a coarser grid."""
_BYTES = 250  # over TCP, that take as long as an operation: 10 ns a byte where nothing becomes periodic


@dataclass(frozen=True)
class Choices:
    """The grid, with where the run itself stands on each axis (None where it has no one value for all).

    Attributes:
        grid: over the run's own transport.
        other: over the other one, None where the network has none or it would take too long.
        transport: the run's own.
    """

    grid: grids.Grid
    other: grids.Grid | None
    transport: str
    latency: int | None
    bandwidth: int | None

    @property
    def other_makespan_ns(self) -> int | None:
        """What the run takes over the other transport on its own network; None where that is not known."""
        if self.other is None or self.latency is None or self.bandwidth is None:
            return None
        across = len(self.other.axes[1].values)
        found: int | None = self.other.points[self.latency * across + self.bandwidth]["makespan_ns"]
        return found

    def describe(self) -> dict[str, Any]:
        """Return what the page needs; times are exact in nanoseconds, spans in seconds."""
        found = self.grid.describe()
        return {
            "latencies": found["axes"][0]["values"],
            "bandwidths": found["axes"][1]["values"],
            "latency": self.latency,
            "bandwidth": self.bandwidth,
            "transport": self.transport,
            "points": _points(self.grid),
            "other": None if self.other is None else _points(self.other),
        }


def _points(grid: grids.Grid) -> list[list[Any]]:
    keys = ("makespan_ns", "bound_by", "spans", "error")
    return [[point[key] for key in keys] for point in grid.points]


def choices(retiming: Retiming) -> Choices:
    """Retime a run over the report's grid, in which its own network is a point."""
    own = retiming.network
    transport = "ideal" if own.transport == "tcp" else "tcp"
    step = 1
    while _steps(retiming, own.transport) * _size(step) > _MOST_STEPS and step < len(LATENCIES):
        step += 1
    latencies, latency = _values(LATENCIES[::step], own.latency, parse_time)
    bandwidths, bandwidth = _values(BANDWIDTHS[::step], own.bandwidth, _rate)
    axes = [Axis("network.latency", latencies), Axis("network.bandwidth", bandwidths)]
    points = combine(axes, zipped=False)
    other = None
    if _steps(retiming, transport) * len(points) <= _MOST_STEPS:
        with suppress(InputError):  # loss by the link law needs a timeout that TCP does not
            over = [point | {"network.transport": transport} for point in points]
            other = grids.retime_grid(retiming, axes, over)
    return Choices(grids.retime_grid(retiming, axes, points), other, own.transport, latency, bandwidth)


def _steps(retiming: Retiming, transport: str) -> int:
    """Return how many operations a point takes, or what takes as long."""
    ops = retiming.structure.ops
    if transport != "tcp":
        return len(ops)
    return len(ops) + sum(op[3] for op in ops if op[0] == SEND) // _BYTES


def _size(step: int) -> int:
    return (len(LATENCIES[::step]) + 1) * (len(BANDWIDTHS[::step]) + 1)


def _values(
    usual: Sequence[str], own: object, number: Callable[[object], float]
) -> tuple[tuple[str, ...], int | None]:
    """Return the values of an axis in order, and where the run's own is."""
    if not isinstance(own, str) or not own:
        return tuple(usual), None
    values = [*(value for value in usual if number(value) != number(own)), own]
    values.sort(key=number)
    return tuple(values), values.index(own)


def _rate(text: object) -> float:
    rate = parse_bandwidth(text)
    return float("inf") if rate is None else rate
