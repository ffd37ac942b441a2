"""Figures of several runs side by side: totals, and rounds, bytes and time by layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import frames
from analysis.figures import style as figures
from analysis.figures.layers import OTHERS, layer_names
from analysis.figures.sources import Sources
from mpcsim import InputError
from mpcsim.record import Record

_MOST_RUNS = 8
_TALLEST = 9.0  # inches: what the layers may take of a page
_BAR, _FRAME = 0.112, 1.3  # inches of height: of one bar, and of all around the panels


@dataclass(frozen=True)
class _Panel:
    """A quantity: its column among the layers, its totals, whether runs finished, and its axis."""

    column: str
    totals: list[float]
    finished: list[bool]
    label: Callable[[float], tuple[float, str]]
    show: Callable[[float], str]


def draw(found: Sources) -> dict[str, Figure]:
    """Draw the runs' totals and layers.

    Raises:
        InputError: more runs than can be told apart.
    """
    records = found.records
    if len(records) > _MOST_RUNS:
        raise InputError(f"--kind compare: found {len(records)} runs; accepted: 2 to {_MOST_RUNS}")
    labels = frames.labels(records)
    summaries = [record.summary for record in records]
    finished = [record.finished for record in records]
    panels = [
        _Panel(
            "rounds",
            [float(one["rounds"]) for one in summaries],
            finished,
            lambda _: (1.0, "rounds"),
            lambda value: f"{value:.0f}",
        ),
        _Panel(
            "payload_bytes",
            [float(one["payload_bytes"]) for one in summaries],
            finished,
            _bytes_label,
            figures.show_bytes,
        ),
        _Panel(
            "makespan_s",
            [float(one["makespan_s"]) for one in summaries],
            finished,
            lambda most: _time_label(most, summaries[0].get("clock", "virtual")),
            figures.show_time,
        ),
    ]
    layers = _together([frames.layers(record) for record in records])
    figure = _figure(panels, layers, labels)
    figures.head(figure, _title(records))
    return {"compare": figure}


def _title(records: list[Record]) -> str:
    """Say what the runs have in common: name, network."""
    names = list(dict.fromkeys(figures.words(record.summary["name"]) for record in records))
    networks = [record.summary.get("network", {}) for record in records]
    parts = [" and ".join(names) if len(names) < 4 else f"{len(names)} scenarios"]
    for key, about in (("latency", " one way"), ("bandwidth", "")):
        values = {network.get(key) for network in networks}
        if len(values) == 1:
            parts.append(f"{values.pop()}{about}")
    stopped = sum(not record.finished for record in records)
    parts += [f"{stopped} of {len(records)} runs unfinished"] if stopped else []
    return ", ".join(parts)


def _bytes_label(most: float) -> tuple[float, str]:
    factor, unit = figures.byte_unit(most)
    return factor, f"payload, all parties ({unit})"


def _time_label(most: float, clock: str) -> tuple[float, str]:
    scale, unit = figures.time_unit(most)
    return scale, f"{clock} time ({unit})"


def _together(tables: list[pd.DataFrame]) -> list[pd.DataFrame]:
    """Return the tables with the same rows: every path of any of them, the cheapest put together."""
    paths = list(dict.fromkeys(path for table in tables for path in table.index))
    most = int(_TALLEST / _row(len(tables)))
    if len(paths) > most:
        cost = {path: sum(_share(table, path) for table in tables) for path in paths}
        kept = set(sorted(paths, key=lambda path: -cost[path])[: most - 1])
    else:
        kept = set(paths)
    others = [path for path in paths if path not in kept]
    names = {key: path for table in tables for key, path in table["path"].items()}
    found = []
    for table in tables:
        shown = table.reindex([path for path in paths if path in kept])
        shown["path"] = [names[path] for path in shown.index]
        if others:
            rest = table[table.index.isin(others)]
            total = dict(rest.sum(numeric_only=True)) | {"path": (f"{len(others)} others, together",)}
            shown = pd.concat([shown, pd.DataFrame([total], index=[OTHERS])])
        found.append(shown)
    return found


def _row(runs: int) -> float:
    """Return the height of one layer, in inches."""
    return runs * _BAR + 0.07


def _share(table: pd.DataFrame, path: str) -> float:
    if path not in table.index:
        return 0.0
    keys = ("rounds", "payload_bytes", "makespan_s")
    return float(sum(table.at[path, key] / max(table[key].sum(), 1e-30) for key in keys))


def _figure(panels: list[_Panel], layers: list[pd.DataFrame], labels: list[str]) -> Figure:
    runs, rows = len(labels), len(layers[0])
    heights = [0.5 + 0.2 * runs, 0.5 + rows * _row(runs)]
    with_layers = rows > 1
    used = heights if with_layers else heights[:1]
    narrow = figures.narrow()
    figure = figures.new(sum(used) * (3 if narrow else 1) + _FRAME)
    if narrow:
        ratios = [height for height in used for _ in panels]
        column = figure.subplots(len(ratios), 1, height_ratios=ratios, squeeze=False)[:, 0]
        grid = column.reshape(len(used), 3)
    else:
        grid = figure.subplots(len(used), 3, height_ratios=used, squeeze=False)
    for panel, axes in zip(panels, grid[0], strict=True):
        _totals(axes, panel)
    grid[0][0].set_ylabel("whole run")
    if with_layers:
        for panel, axes in zip(panels, grid[1], strict=True):
            _layers(axes, panel, layers)
            axes.set_yticks(
                range(rows), layer_names(layers[0]) if narrow or axes is grid[1][0] else [""] * rows
            )
            axes.set_ylim(rows - 0.45, -0.55)
    for line in grid:
        figures.whole_numbers(line[0])
    handles = list(grid[0][0].patches)
    figures.legend_below(figure, handles, list(map(figures.words, labels)))
    return figure


def _totals(axes: Axes, panel: _Panel) -> None:
    scale, label = panel.label(max(panel.totals))
    first = panel.totals[0]
    for place, value in enumerate(panel.totals):
        drawn = axes.barh(place, value / scale, height=0.75, **figures.bar_style(place))
        comparable = place and first and panel.finished[0] and panel.finished[place]
        ratio = f" (×{value / first:.2f})" if comparable else ""
        axes.bar_label(
            drawn, [panel.show(value) + ratio], padding=2.5, fontsize=figures.size(6.5), bbox=figures.BEHIND
        )
    axes.set_yticks([])
    axes.invert_yaxis()
    axes.set_xlabel(label)
    figures.bare(axes, grid="x")
    axes.set_xlim(0, (max(panel.totals) / scale or 1) * 1.55)
    axes.locator_params(axis="x", nbins=4)


def _layers(axes: Axes, panel: _Panel, layers: list[pd.DataFrame]) -> None:
    most = max(float(table[panel.column].max()) for table in layers)
    scale, label = panel.label(most)
    height = 0.84 / len(layers)
    for place, table in enumerate(layers):
        centre = [row - 0.42 + height * (place + 0.5) for row in range(len(table))]
        values = table[panel.column].fillna(0) / scale
        drawn = axes.barh(centre, values, height=height, **figures.bar_style(place))
        texts = [
            "absent" if missing else panel.show(value * scale)
            for value, missing in zip(values, table[panel.column].isna(), strict=True)
        ]
        axes.bar_label(drawn, texts, padding=2.5, fontsize=figures.size(5.8), bbox=figures.BEHIND)
    axes.set_xlabel(label)
    figures.bare(axes, grid="x")
    axes.set_xlim(0, (most / scale or 1) * 1.32)
    axes.locator_params(axis="x", nbins=4)
