"""Retiming for people: what `mpcsim retime` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.critical import PARTS
from analysis.retime import grid as retime_grid
from analysis.retime import verify as retime_verify
from analysis.retime.grid import Grid
from analysis.retime.retiming import load
from mpcsim import InputError
from mpcsim.paths import span_paths
from mpcsim.terminal import Column, Sheet, console, repeated, span_name
from mpcsim.texts import percent, plural, shown, to_json
from mpcsim.units import format_time

_VERIFIED = "verified: runs over these networks take exactly as long"
_MOST_ROWS = 100
_MOST_COLUMNS = 9
_CHANGES = {
    "latency": "half the latency",
    "bandwidth": "twice the bandwidth",
    "compute": "half the compute",
}


@dataclass(frozen=True)
class Retimed:
    """What `mpcsim retime` found: one network, or a grid of them.

    Attributes:
        found: plain JSON.
        parts: the same for people.
        exit_status: 0, or 2 where a point of a grid could not be retimed.
    """

    found: dict[str, Any]
    parts: list[Sheet | str]
    exit_status: int = 0

    def show(self, *, as_json: bool) -> None:
        """Print it."""
        if as_json:
            print(to_json(self.found))
            return
        out = console()
        for part in self.parts:
            out.show(part)


def retime(run: Path, overrides: Sequence[str], csv: Path | None, *, verified: bool = False) -> Retimed:
    """Retime a run as `mpcsim retime` does.

    Args:
        run: the folder of its record.
        overrides: "network.KEY=VALUES".
        csv: where to write a grid, or None.
        verified: run every network after all, and compare.

    Raises:
        InputError: the record, a key or a network is not usable, or the run cannot be retimed.
        CheckFailed: a run over a network does something else than retiming says.
    """
    retiming = load(run)
    axes, points = retime_grid.read_networks(retiming.record, overrides)
    if verified:
        retime_verify.check_possible(retiming)
    if len(points) == 1 and csv is None:
        found = retiming.describe(retime_grid.network_of(retiming.record, points[0]))
        if verified:
            retime_verify.verify(retiming, points[0], found["makespan_ns"])
            return Retimed(found | {"verified": True}, [*show_run(found), _VERIFIED])
        return Retimed(found, show_run(found))
    grid = retime_grid.retime_grid(retiming, axes, points)
    if verified:
        for point in grid.points:
            if point["error"] is None:
                retime_verify.verify(retiming, point["values"], point["makespan_ns"])
    found = {"run": str(run), "name": retiming.record.summary["name"]} | grid.describe()
    parts = show_grid(grid)
    if verified:
        found["verified"] = True
        parts.append(_VERIFIED)
    if csv is not None:
        retime_grid.write_csv(grid, csv)
        parts.append(str(csv))
    return Retimed(found, parts, InputError.exit_status if grid.failed else 0)


def show_run(found: Mapping[str, Any]) -> list[Sheet | str]:
    """Return what to print of one network: `Retiming.describe`."""
    network, path = found["network"], found["critical_path"]
    ratio = found["makespan_s"] / found["recorded_makespan_s"] if found["recorded_makespan_s"] else 1.0
    lines = [
        f"{found['name']}, retimed from {found['run']}",
        f"network: latency {network['latency']}, bandwidth {network['bandwidth']} for each "
        f"{network['sharing']}; {network['note']}",
        f"makespan {_time(found['makespan_s'])} (in the run {_time(found['recorded_makespan_s'])}: "
        f"×{ratio:.3g}), {plural(found['rounds'], 'round')}",
        _parts_line(path, found["makespan_s"]),
        *_gains(path),
        _bound_line(path["lower_bound"]),
    ]
    if found["compute"] == "measured":
        lines.append("compute: the segments that the run measured; exact given these")
    lines += [
        f"phase {shown(name)}: {plural(row['rounds'], 'round')}, from {_time(row['begin_s'])} to "
        f"{_time(row['end_s'])}, {_time(row['makespan_s'])} in all"
        for name, row in found["phases"].items()
    ]
    return [*lines, _spans(found["spans"])]


def _parts_line(path: Mapping[str, Any], makespan: float) -> str:
    parts = [
        f"{part} {_time(path[f'{part}_s'])} ({percent(path[f'{part}_s'] / makespan)})"
        for part in PARTS
        if path[f"{part}_s"] and makespan
    ]
    messages = plural(len(path["messages"]), "message")
    return f"critical path, {messages}: {', '.join(parts) or 'it takes no time'}"


def _gains(path: Mapping[str, Any]) -> list[str]:
    gains = [f"with {_CHANGES[name]} by {_time(gain['gain_s'])}" for name, gain in path["halved"].items()]
    return [f"it would end sooner {', '.join(gains)}"] if gains else []


def _bound_line(bound: Mapping[str, Any]) -> str:
    return (
        f"rounds·L + bytes·8/B = {_time(bound['sum_s'])} ({_time(bound['rounds_latency_s'])} + "
        f"{_time(bound['bytes_bandwidth_s'])}; bytes of the busiest "
        f"party); at least {_time(bound['certain_s'])} for certain"
    )


def _spans(rows: Sequence[Mapping[str, Any]]) -> Sheet:
    used = [part for part in PARTS if any(row["critical_path"][f"{part}_s"] for row in rows)]
    halved = list(dict.fromkeys(name for row in rows for name in row["critical_path"]["halved"]))
    parts = f"{', '.join(used)}: parts of the time, on each span's critical path"
    changes = ", with ".join(_CHANGES[name] for name in halved)
    gains = f"gain: how much sooner the span would end with {changes}"
    table = Sheet(
        [
            Column("span"),
            Column("rounds", number=True),
            Column("time", number=True),
            Column("in the run", number=True, leaves=2),
            Column("bound by"),
            *(Column(part, number=True, leaves=1, note=parts) for part in used),
            *(Column(f"gain {name}", number=True, leaves=3, note=gains) for name in halved),
        ],
        "Spans",
        repeated(rows),
    )
    for path, row in zip(span_paths(rows), rows, strict=True):
        own = row["critical_path"]
        table.add(
            span_name(path, row["count"]),
            f"{row['rounds']:,}",
            _time(row["makespan_s"]),
            _time(row["recorded_makespan_s"]),
            own["bound_by"],
            *(_time(own[f"{part}_s"]) for part in used),
            *(_time(own["halved"][name]["gain_s"]) if name in own["halved"] else "" for name in halved),
        )
    return table


def show_grid(grid: Grid) -> list[Sheet | str]:
    """Return what to print of a grid: rows by the first axis and columns by the second, or a list."""
    crossed = len(grid.axes) == 2 and len(grid.axes[1].values) <= _MOST_COLUMNS
    parts: list[Sheet | str] = [_crossed(grid) if crossed else _listed(grid)]
    errors = dict.fromkeys(point["error"] for point in grid.points if point["error"])
    return [*parts, *(f"failed: {error}" for error in errors)]


def _crossed(grid: Grid) -> Sheet:
    down, across = grid.axes
    values = [Column(value, number=True) for value in across.values]
    table = Sheet([Column(f"{down.key} \\ {across.key}"), *values], "Makespan")
    cells = [_cell(point) for point in grid.points]
    width = len(across.values)
    for row, value in enumerate(down.values):
        table.add(value, *cells[row * width : (row + 1) * width])
    return table


def _listed(grid: Grid) -> Sheet:
    axes = [Column(axis.key) for axis in grid.axes]
    table = Sheet([*axes, Column("makespan", number=True), Column("bound by")], "Makespan")
    for point in grid.points[:_MOST_ROWS]:
        table.add(*point["values"].values(), _cell(point), point["bound_by"] or "")
    if len(grid.points) > _MOST_ROWS:
        table.notes.append(
            f"the first {_MOST_ROWS} of {len(grid.points):,}: --csv FILE and --json have all"
        )
    return table


def _cell(point: Mapping[str, Any]) -> str:
    return "failed" if point["error"] else _time(point["makespan_s"])


def _time(seconds: float) -> str:
    return format_time(round(seconds * 1e9))
