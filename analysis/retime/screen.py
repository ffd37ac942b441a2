"""Retiming for people: what `mpcsim retime` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.console import RenderableType
from rich.table import Table

from analysis.critical import PARTS
from analysis.retime import grid as retime_grid
from analysis.retime import verify as retime_verify
from analysis.retime.grid import Grid
from analysis.retime.retiming import load
from mpcsim import InputError
from mpcsim.paths import span_paths
from mpcsim.terminal import console
from mpcsim.texts import shown, to_json
from mpcsim.units import format_time

_VERIFIED = "verified: runs over these networks take exactly as long"
_MOST_ROWS = 100
_MOST_COLUMNS = 9


@dataclass(frozen=True)
class Retimed:
    """What `mpcsim retime` found: one network, or a grid of them.

    Attributes:
        found: plain JSON.
        parts: the same for people.
        exit_status: 0, or 2 where a point of a grid could not be retimed.
    """

    found: dict[str, Any]
    parts: list[RenderableType]
    exit_status: int = 0

    def show(self, *, as_json: bool) -> None:
        """Print it."""
        if as_json:
            print(to_json(self.found))
            return
        out = console()
        for part in self.parts:
            out.print(part, soft_wrap=isinstance(part, str))


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


def show_run(found: Mapping[str, Any]) -> list[RenderableType]:
    """Return what to print of one network: `Retiming.describe`."""
    network, path = found["network"], found["critical_path"]
    ratio = found["makespan_s"] / found["recorded_makespan_s"] if found["recorded_makespan_s"] else 1.0
    lines = [
        f"{found['name']}, retimed from {found['run']}",
        f"network: latency {network['latency']}, bandwidth {network['bandwidth']} for each "
        f"{network['sharing']}; {network['note']}",
        f"makespan {_time(found['makespan_s'])} (in the run {_time(found['recorded_makespan_s'])}: "
        f"×{ratio:.3g}), {found['rounds']} rounds",
        _parts_line(path, found["makespan_s"]),
        *_gains(path),
        _bound_line(path["lower_bound"]),
    ]
    if found["compute"] == "measured":
        lines.append("compute: the segments that the run measured; exact given these")
    lines += [
        f"phase {shown(name)}: {row['rounds']} rounds, from {_time(row['begin_s'])} to "
        f"{_time(row['end_s'])}, {_time(row['makespan_s'])} in all"
        for name, row in found["phases"].items()
    ]
    return [*lines, _spans(found["spans"])]


def _parts_line(path: Mapping[str, Any], makespan: float) -> str:
    parts = [
        f"{part} {_time(path[f'{part}_s'])} ({path[f'{part}_s'] / makespan:.1%})"
        for part in PARTS
        if path[f"{part}_s"] and makespan
    ]
    return f"critical path, {len(path['messages'])} messages: {', '.join(parts) or 'it takes no time'}"


def _gains(path: Mapping[str, Any]) -> list[str]:
    gains = [f"{name} {_time(gain['gain_s'])}" for name, gain in path["halved"].items()]
    return [f"halving each would gain: {', '.join(gains)}"] if gains else []


def _bound_line(bound: Mapping[str, Any]) -> str:
    return (
        f"rounds·L + bytes·8/B = {_time(bound['sum_s'])} ({_time(bound['rounds_latency_s'])} + "
        f"{_time(bound['bytes_bandwidth_s'])}; bytes of the busiest "
        f"party); at least {_time(bound['certain_s'])} for certain"
    )


def _spans(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title="Spans", title_justify="left", caption_justify="left", box=box.SIMPLE_HEAD)
    table.caption = "parts of the time on each span's critical path; gain: by halving latency, transmission"
    used = [part for part in PARTS if any(row["critical_path"][f"{part}_s"] for row in rows)]
    halved = list(dict.fromkeys(name for row in rows for name in row["critical_path"]["halved"]))
    table.add_column("span")
    for name in ("rounds", "time", "in the run"):
        table.add_column(name, justify="right")
    table.add_column("bound by")
    for name in (*used, *(f"gain {name}" for name in halved)):
        table.add_column(name, justify="right")
    for path, row in zip(span_paths(rows), rows, strict=True):
        own = row["critical_path"]
        table.add_row(
            "  " * (len(path) - 1)
            + shown(row["name"])
            + ("" if row["count"] == 1 else f" ×{row['count']}"),
            str(row["rounds"]),
            _time(row["makespan_s"]),
            _time(row["recorded_makespan_s"]),
            own["bound_by"],
            *(_time(own[f"{part}_s"]) for part in used),
            *(_time(own["halved"][name]["gain_s"]) if name in own["halved"] else "" for name in halved),
        )
    return table


def show_grid(grid: Grid) -> list[RenderableType]:
    """Return what to print of a grid: rows by the first axis and columns by the second, or a list."""
    crossed = len(grid.axes) == 2 and len(grid.axes[1].values) <= _MOST_COLUMNS
    parts: list[RenderableType] = [_crossed(grid) if crossed else _listed(grid)]
    errors = dict.fromkeys(point["error"] for point in grid.points if point["error"])
    return [*parts, *(f"failed: {error}" for error in errors)]


def _crossed(grid: Grid) -> Table:
    down, across = grid.axes
    table = Table(title="Makespan", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column(f"{down.key} \\ {across.key}")
    for value in across.values:
        table.add_column(value, justify="right")
    cells = [_cell(point) for point in grid.points]
    width = len(across.values)
    for row, value in enumerate(down.values):
        table.add_row(value, *cells[row * width : (row + 1) * width])
    return table


def _listed(grid: Grid) -> Table:
    table = Table(title="Makespan", title_justify="left", caption_justify="left", box=box.SIMPLE_HEAD)
    for axis in grid.axes:
        table.add_column(axis.key)
    table.add_column("makespan", justify="right")
    table.add_column("bound by")
    for point in grid.points[:_MOST_ROWS]:
        table.add_row(*point["values"].values(), _cell(point), point["bound_by"] or "")
    if len(grid.points) > _MOST_ROWS:
        table.caption = f"the first {_MOST_ROWS} of {len(grid.points)}: --csv FILE and --json have all"
    return table


def _cell(point: Mapping[str, Any]) -> str:
    return "failed" if point["error"] else _time(point["makespan_s"])


def _time(seconds: float) -> str:
    return format_time(round(seconds * 1e9))
