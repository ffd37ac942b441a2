"""Figures of a sweep over the network: makespan against latency and bandwidth, as lines and as heat map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from analysis.figures import style as figures
from analysis.figures.sources import Sources
from analysis.figures.sweep import Scale, facets, grid_of_axes, scale_of, spread, vertical
from analysis.sweep import Results

LATENCY, BANDWIDTH = "network.latency", "network.bandwidth"
_MOST_PANELS = 9
_MOST_NUMBERS = 13
"""Rows or columns of a heat map up to which every cell has its number."""


def against_latency(found: Sources) -> dict[str, Figure]:
    """Draw makespan against latency, a line for each bandwidth, a panel for each further setting."""
    return _each(found, LATENCY, BANDWIDTH, "latency")


def against_bandwidth(found: Sources) -> dict[str, Figure]:
    """Draw makespan against bandwidth, a line for each latency, a panel for each further setting."""
    return _each(found, BANDWIDTH, LATENCY, "bandwidth")


def _each(found: Sources, along: str, series: str, stem: str) -> dict[str, Figure]:
    sweeps = [sweep for sweep in found.sweeps if along in sweep.varied]
    return named(stem, [_lines(sweep, along, series) for sweep in sweeps])


def named(stem: str, drawn: Sequence[Figure]) -> dict[str, Figure]:
    """Return figures by file name, numbered where there are several."""
    if len(drawn) == 1:
        return {stem: drawn[0]}
    return {f"{stem}-{place}": figure for place, figure in enumerate(drawn, 1)}


def _lines(sweep: Results, along: str, series: str) -> Figure:
    others = [key for key in sweep.varied if key not in (along, series)]
    panels, note = _panels(sweep, others)
    figure, axes = grid_of_axes(len(panels), height=2.7)
    x = scale_of(along, sweep.varied[along])
    every = _ordered(series, sweep.varied.get(series, []))
    lines = spread(every, figures.MOST_SERIES)
    unit = figures.time_unit(float(sweep.good["makespan_s"].max()))
    for (title, rows), one in zip(panels, axes, strict=True):
        _panel(one, rows, (along, x), (series, lines), unit)
        figures.tell_apart(one)
        one.set_title(title)
    for one in axes:
        one.set_xlabel(x.label)
    vertical(axes[0], sweep.good["makespan_s"].astype(float) / unit[0])
    axes[0].set_ylabel(f"makespan ({unit[1]})")
    if lines:
        handles = axes[0].get_lines()
        figures.legend_below(figure, handles, [figures.words(value) for value in lines], _word(series))
    if len(lines) < len(every):
        note = f"; {len(lines)} of {len(every)} lines{note}"
    figures.head(
        figure, figures.words(sweep.name) + (note if lines else f", {_fixed(sweep, series)}{note}")
    )
    return figure


def _panels(sweep: Results, keys: Sequence[str]) -> tuple[list[tuple[str, pd.DataFrame]], str]:
    """Return the panels that fit on a page, and what to say where others were left out."""
    panels = facets(sweep.good, keys)
    if len(panels) <= _MOST_PANELS:
        return panels, ""
    return panels[:_MOST_PANELS], f"; the first {_MOST_PANELS} of {len(panels)} settings"


def _fixed(sweep: Results, key: str) -> str:
    """Say what the network has that does not vary."""
    if key == LATENCY:
        return f"{_word(key)} {figures.show_time(float(sweep.good['latency_s'].iloc[0]))}"
    rate = sweep.good["bandwidth_bit_s"].iloc[0]
    return f"{_word(key)} {'unlimited' if pd.isna(rate) else f'{rate / 1e6:g} Mbit/s'}"


def _panel(
    axes: Axes,
    rows: pd.DataFrame,
    along: tuple[str, Scale],
    series: tuple[str, Sequence[Any]],
    unit: tuple[float, str],
) -> None:
    key, x = along
    lines = list(series[1]) or [None]
    for place, value in enumerate(lines):
        mine = rows if value is None else rows[rows[series[0]].astype(str) == str(value)]
        points = sorted(zip(map(x.at, mine[key]), mine["makespan_s"] / unit[0], strict=True))
        axes.plot(*zip(*points, strict=True) if points else ([], []), **figures.line_style(place))
    x.apply(axes)


def _word(key: str) -> str:
    return "bandwidth of an uplink" if key == BANDWIDTH else "one-way latency"


def heat_map(found: Sources) -> dict[str, Figure]:
    """Draw the makespan over latency and bandwidth, a panel for each further setting."""
    sweeps = [sweep for sweep in found.sweeps if {LATENCY, BANDWIDTH} <= set(sweep.varied)]
    return named("network", [_map(sweep) for sweep in sweeps])


def _map(sweep: Results) -> Figure:
    across = _ordered(LATENCY, sweep.varied[LATENCY])
    upward = _ordered(BANDWIDTH, sweep.varied[BANDWIDTH])
    others = [key for key in sweep.varied if key not in (LATENCY, BANDWIDTH)]
    panels, note = _panels(sweep, others)
    figure, axes = grid_of_axes(len(panels), height=1.2 + 0.24 * min(len(upward), 12), most=2)
    values = sweep.good["makespan_s"].astype(float)
    least, most = float(values[values > 0].min()), float(values.max())
    norm = LogNorm(least, most if most > least else least * 1.001)
    image = None
    for (title, rows), one in zip(panels, axes, strict=True):
        table = np.full((len(upward), len(across)), np.nan)
        for latency, bandwidth, makespan in zip(
            rows[LATENCY], rows[BANDWIDTH], rows["makespan_s"], strict=True
        ):
            table[upward.index(str(bandwidth)), across.index(str(latency))] = makespan
        one.set_facecolor("white")
        one.grid(visible=False)
        image = one.pcolormesh(table, norm=norm, cmap="YlGnBu", edgecolors="white", linewidth=0.5)
        if max(len(across), len(upward)) <= _MOST_NUMBERS:
            _numbers(one, table, norm)
        _ticks(one, across, upward)
        one.set_title(title)
        one.set_xlabel("one-way latency")
        one.set_ylabel("bandwidth of an uplink")
    assert image is not None
    bar = figure.colorbar(image, ax=list(axes), label="makespan (s)", pad=0.02, aspect=25, format="%g")
    bar.outline.set_visible(False)
    figures.head(figure, figures.words(sweep.name) + note)
    return figure


def _ordered(key: str, values: Sequence[Any]) -> list[str]:
    """Return the values as text, smallest first."""
    scale = scale_of(key, values)
    return [str(value) for value in sorted(values, key=scale.at)]


def _numbers(axes: Axes, table: np.ndarray[Any, Any], norm: LogNorm) -> None:
    size = 6.5 if table.shape[1] <= 9 else 5
    for (row, column), value in np.ndenumerate(table):
        if math.isnan(value):
            text, ink = "failed", figures.INK
        else:
            text, ink = figures.show_time(value), "white" if norm(value) > 0.6 else figures.INK
        axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=size, color=ink)


def _ticks(axes: Axes, across: list[str], upward: list[str]) -> None:
    """Label every cell where there is room, else every second, every third, and so on."""
    step_x = math.ceil(len(across) / _MOST_NUMBERS)
    step_y = math.ceil(len(upward) / _MOST_NUMBERS)
    turned = max(map(len, across)) * len(across[::step_x]) > 60
    axes.set_xticks(
        [place + 0.5 for place in range(0, len(across), step_x)],
        across[::step_x],
        rotation=45 if turned else 0,
        ha="right" if turned else "center",
    )
    axes.set_yticks([place + 0.5 for place in range(0, len(upward), step_y)], upward[::step_y])
    axes.tick_params(length=0)
