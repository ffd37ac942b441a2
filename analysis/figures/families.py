"""Families side by side on one scenario: rounds, bytes by phase, makespan over latency and bandwidth.

A line of the legend says what a family protects from and who must not collude: numbers without it mislead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from textwrap import fill
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import frames
from analysis.figures import style as figures
from analysis.figures.sources import Sources
from analysis.replay import NotRetimable
from analysis.retime import Retiming, load
from mpcsim import InputError, Network
from mpcsim.record import Record
from mpcsim.texts import escaped

LATENCIES = (0.1, 1, 5, 20, 50, 100, 200)
BANDWIDTHS = (1, 10, 50, 200, 1000, 10000)
WHOLE = "all phases"
_MOST = 8


def draw(found: Sources) -> dict[str, Figure]:
    """Draw runs of several families.

    Raises:
        InputError: too many, or runs of several scenarios.
    """
    records = found.records
    if not 2 <= len(records) <= _MOST:
        raise InputError(f"--kind families: found {len(records)} runs; accepted: 2 to {_MOST}")
    names = list(dict.fromkeys(str(record.summary["name"]) for record in records))
    if len(names) > 1:
        raise InputError(f"--kind families: runs of {', '.join(names)}; accepted: runs of one scenario")
    figure = figures.new(9.6 if figures.narrow() else 5.6)
    shape = (4, 1) if figures.narrow() else (2, 2)
    rounds, sizes, latency, bandwidth = (
        one for line in figure.subplots(*shape, squeeze=False) for one in line
    )
    _rounds(rounds, records)
    handles = _bytes(sizes, records)
    retimings = [load(record) for record in records]
    _against(latency, retimings, LATENCIES, lambda network, x: replace(network, latency=f"{x} ms"))
    latency.set_xlabel("one-way latency (ms)")
    _against(bandwidth, retimings, BANDWIDTHS, lambda network, x: replace(network, bandwidth=f"{x} Mbit/s"))
    bandwidth.set_xlabel("bandwidth of an uplink (Mbit/s)")
    for axes in (latency, bandwidth):
        figures.tell_apart(axes)
    lines = latency.get_lines()
    labels = [
        figures.plain(fill(escaped(label), figures.legend_letters(figure) - 9))
        for label in frames.family_labels(records)
    ]
    figures.legend_below(figure, [*lines, *handles.values()], [*labels, *map(figures.words, handles)])
    figures.head(figure, figures.words(names[0]))
    return {"families": figure}


def _rounds(axes: Axes, records: Sequence[Record]) -> None:
    for place, record in enumerate(records):
        drawn = axes.barh(place, record.summary["rounds"], color=figures.LINES[place % len(figures.LINES)])
        axes.bar_label(drawn, [f"{record.summary['rounds']:,}"], padding=2.5, fontsize=figures.size(6.5))
    _names(axes, records)
    axes.set_xlabel("rounds")


def _bytes(axes: Axes, records: Sequence[Record]) -> dict[str, Any]:
    """Draw bytes of all parties, stacked by phase; return a handle for each phase."""
    most = max(float(record.summary["payload_bytes"]) for record in records)
    factor, unit = figures.byte_unit(most)
    split = [by_phase(record) for record in records]
    phases = list(dict.fromkeys(phase for one in split for phase in one))
    handles: dict[str, Any] = {}
    for number, phase in enumerate(phases):
        left = [sum(one.get(before, 0) for before in phases[:number]) / factor for one in split]
        sizes = [one.get(phase, 0) / factor for one in split]
        handles[phase] = axes.barh(range(len(records)), sizes, left=left, **figures.bar_style(number))
    _names(axes, records)
    axes.set_xlabel(f"payload, all parties ({unit})")
    return handles


def by_phase(record: Record) -> dict[str, int]:
    """Return payload bytes by phase; what is in none is of all, where there are none."""
    phases = {name: int(row["payload_bytes"]) for name, row in record.summary.get("phases", {}).items()}
    rest = int(record.summary["payload_bytes"]) - sum(phases.values())
    if rest or not phases:
        phases["input and output" if phases else WHOLE] = rest
    return phases


def _names(axes: Axes, records: Sequence[Record]) -> None:
    names = [figures.words(frames.family(record)) for record in records]
    axes.set_yticks(range(len(records)), names)
    axes.invert_yaxis()
    figures.bare(axes, grid="x")


def _against(
    axes: Axes,
    retimings: Sequence[Retiming],
    places: Sequence[float],
    network: Callable[[Network, float], Network],
) -> None:
    """Draw makespans over networks, a line a run, without points that a run refuses."""
    for place, retiming in enumerate(retimings):
        points = []
        for x in places:
            try:
                timing = retiming.over(network(retiming.network, x))
            except NotRetimable:
                continue
            points.append((x, timing.makespan_ns / 1e9))
        axes.plot(*zip(*points, strict=True) if points else ([], []), **figures.line_style(place))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylabel("makespan (s)")
