"""One run over many networks: `--set network.KEY=V1,V2,…` makes a grid, retimed with the events read once.

Values are lists or ranges as in `mpcsim sweep` ("1 ms,10 ms", "10..100:10 ms", "1..1000:*10 Mbit/s");
several keys give every combination. Points that cannot be retimed are rows with an error.
"""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.critical import Walker
from analysis.points import Axis, combine, read_axis, typed
from analysis.retime.retiming import NotRetimable, Retiming
from mpcsim import InputError, Network
from mpcsim.paths import in_text, span_paths
from mpcsim.record import Record
from mpcsim.scenario import load_scenario
from mpcsim.units import NANOSECONDS

_PREFIX = "network."
_DIRECT = ("network.latency", "network.bandwidth", "network.transport")
"""Keys whose value replaces one argument of `Network` whatever the others are."""


@dataclass(frozen=True)
class Grid:
    """A run over many networks.

    Attributes:
        axes: the keys and their values, as text.
        paths: of the spans, in text.
        points: one for each network: values, makespan, spans, what it is bound by; or the error.
    """

    axes: list[Axis]
    paths: list[str]
    points: list[dict[str, Any]]

    @property
    def failed(self) -> int:
        """How many points could not be retimed."""
        return sum(point["error"] is not None for point in self.points)

    def describe(self) -> dict[str, Any]:
        """Return plain JSON; `spans` of a point are seconds in the order of `span_paths`."""
        axes = [{"key": axis.key, "values": list(axis.values)} for axis in self.axes]
        return {"axes": axes, "span_paths": self.paths, "points": self.points}

    def csv(self) -> str:
        """Return a table: the keys, makespan_s, bound_by, error, and the seconds of each span."""
        keys = [axis.key for axis in self.axes]
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow([*keys, "makespan_s", "bound_by", "error", *(f"span.{path}" for path in self.paths)])
        for point in self.points:
            spans = point["spans"] or [None] * len(self.paths)
            head = [point["values"][key] for key in keys]
            table.writerow([*head, point["makespan_s"], point["bound_by"], point["error"], *spans])
        return text.getvalue()


def read_networks(record: Record, overrides: Sequence[str]) -> tuple[list[Axis], list[dict[str, str]]]:
    """Return the axes of `--set` arguments and the values of each point.

    Raises:
        InputError: a key is there twice, or is none of the network's.
    """
    axes = [read_axis(override) for override in overrides]
    keys = [axis.key for axis in axes]
    for key in keys:
        if not key.startswith(_PREFIX):
            raise InputError(
                f"--set {key}: accepted: keys of the network ({_PREFIX}…); another {key} needs another run "
                "(mpcsim run, or mpcsim sweep)"
            )
        if keys.count(key) > 1:
            raise InputError(f"--set {key}: there twice; accepted: one --set for each key")
    return axes, combine(axes, zipped=False)


def network_of(record: Record, values: Mapping[str, str]) -> Network:
    """Return the network of a record's scenario with some keys replaced.

    Raises:
        ScenarioError: the network is refused.
    """
    overrides = [f"{key}={value}" for key, value in values.items()]
    return load_scenario(record.folder / "scenario.toml", overrides).network


def networks(record: Record, points: Sequence[Mapping[str, str]]) -> Iterator[Network]:
    """Yield the network of each point; the scenario is read once where latency and bandwidth vary alone."""
    first: Network | None = None
    for values in points:
        if first is None or not all(key in _DIRECT for key in values):
            first = network_of(record, values)
            yield first
            continue
        try:
            changed = {key.removeprefix(_PREFIX): typed(value) for key, value in values.items()}
            yield dataclasses.replace(first, **changed)
        except (InputError, TypeError):  # of another type than the key has: refused below
            yield network_of(record, values)


def retime_grid(retiming: Retiming, axes: list[Axis], points: Sequence[dict[str, str]]) -> Grid:
    """Retime a run over each network of a grid.

    Raises:
        InputError: a network is refused.
    """
    rows = [
        _point(retiming, values, network)
        for values, network in zip(points, networks(retiming.record, points), strict=True)
    ]
    return Grid(axes, list(map(in_text, span_paths(retiming.spans))), rows)


def _point(retiming: Retiming, values: dict[str, str], network: Network) -> dict[str, Any]:
    try:
        timing = retiming.over(network)
    except NotRetimable as error:
        failed = dict.fromkeys(("makespan_s", "makespan_ns", "bound_by", "spans"))
        return {"values": values} | failed | {"error": str(error)}
    path = Walker(retiming.structure, timing, network).run()
    return {
        "values": values,
        "makespan_s": timing.makespan_ns / NANOSECONDS,
        "makespan_ns": timing.makespan_ns,
        "bound_by": path.bound_by,
        "spans": [size / NANOSECONDS for size in retiming.span_ns(timing)],
        "error": None,
    }


def write_csv(grid: Grid, file: Path) -> None:
    """Write the table of a grid.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        file.write_text(grid.csv(), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{file}: cannot be written: {error.strerror}") from None
