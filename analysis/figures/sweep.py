"""Figures of a sweep: rounds, payload bytes and makespan against the keys that vary."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import style as figures
from analysis.figures.sources import Sources
from analysis.frames import settings_label
from analysis.sweep import Results
from mpcsim import InputError
from mpcsim.units import parse_bandwidth, parse_time

_LONGEST_TICKS = 34  # letters along the axis of a panel that is a third of the page


_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Scale:
    """Where values of a key stand along an axis.

    Attributes:
        label: key and unit.
        values: as `--set` gave them.
        places: where each stands; None for values without a number, which stand in their order.
    """

    label: str
    values: list[Any]
    places: list[float] | None

    def at(self, value: Any) -> float:
        """Return the place of a value."""
        place = [str(one) for one in self.values].index(str(value))
        return float(place) if self.places is None else self.places[place]

    def apply(self, axes: Axes) -> None:
        """Set scale and ticks."""
        if self.places is None:
            texts = [figures.words(value) for value in self.values]
            turned = sum(map(len, texts)) > _LONGEST_TICKS
            axes.set_xticks(
                range(len(texts)),
                texts,
                rotation=40 if turned else 0,
                ha="right" if turned else "center",
                rotation_mode="anchor",
            )
            axes.set_xlim(-0.5, len(texts) - 0.5)
            return
        if min(self.places) > 0 and max(self.places) / min(self.places) > 8:
            figures.logarithmic(axes, "x", min(self.places), max(self.places))


def scale_of(key: str, values: Sequence[Any]) -> Scale:
    """Return the scale of a key: numbers, times or bandwidths where all are, else names in their order."""
    kept = list(values)
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in kept):
        return Scale(key, kept, [float(value) for value in kept])
    times = _parsed(parse_time, kept)
    if times is not None:
        factor, unit = figures.time_unit(max(times) / 1e9)
        return Scale(f"{_name(key)} ({unit})", kept, [one / 1e9 / factor for one in times])
    rates = _parsed(parse_bandwidth, kept)
    if rates is not None:
        return Scale(f"{_name(key)} (Mbit/s)", kept, [one / 1e6 for one in rates])
    if key == "network.bandwidth":  # "unlimited" stands behind all others
        kept.sort(key=lambda value: parse_bandwidth(value) or math.inf)
    return Scale(_name(key), kept, None)


def _name(key: str) -> str:
    """Return a key as axes say it."""
    known = {"network.latency": "one-way latency", "network.bandwidth": "bandwidth of an uplink"}
    return known.get(key) or key.removeprefix("network.")


def _parsed(parse: Callable[[object], int | None], values: list[Any]) -> list[int] | None:
    found = []
    for value in values:
        try:
            number = parse(value)
        except InputError:
            return None
        if number is None:
            return None
        found.append(number)
    return found


def facets(table: pd.DataFrame, keys: Sequence[str]) -> list[tuple[str, pd.DataFrame]]:
    """Split rows by the values of keys: (title, rows), in order of appearance."""
    if not keys:
        return [("", table)]
    groups = table.groupby(list(keys), sort=False, dropna=False)
    return [
        (figures.plain(settings_label(dict(zip(keys, values, strict=True)))), rows.reset_index(drop=True))
        for values, rows in groups
    ]


def spread(items: Sequence[_Item], most: int) -> list[_Item]:
    """Return at most `most` items, evenly spread, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    return [items[round(place * (len(items) - 1) / (most - 1))] for place in range(most)]


def grid_of_axes(count: int, height: float, most: int = 3) -> tuple[Figure, list[Axes]]:
    """Return a figure with `count` panels, at most so many beside each other, with common axes."""
    columns = 1 if figures.narrow() else min(count, most)
    rows = math.ceil(count / columns)
    figure = figures.new(0.55 + height * rows, 1.0 if columns > 1 else 0.72)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    axes = [one for line in grid for one in line]
    for unused in axes[count:]:
        unused.set_visible(False)
    for one in axes[:count]:
        one.tick_params(labelbottom=True)
    return figure, axes[:count]


# The figure of any sweep


def draw(found: Sources) -> dict[str, Figure]:
    """Draw rounds, payload bytes (all parties) and makespan against the keys that vary."""
    drawn = [_figure(sweep) for sweep in found.sweeps]
    if len(drawn) == 1:
        return {"sweep": drawn[0]}
    return {f"sweep-{place}": figure for place, figure in enumerate(drawn, 1)}


def _figure(sweep: Results) -> Figure:
    rows = sweep.good
    along = _main_axis(sweep)
    every = facets(rows, [key for key in sweep.varied if key != along])
    series = spread(every, figures.MOST_SERIES)
    x = scale_of(along, sweep.varied[along])
    figure, panels = figures.across(2.9 + 0.09 * len(series), 3)
    factor, byte_unit = figures.byte_unit(float(rows["payload_bytes"].max()))
    scale, time_unit = figures.time_unit(float(rows["makespan_s"].max()))
    quantities = (
        ("rounds", 1.0, "rounds"),
        ("payload_bytes", factor, f"payload, all parties ({byte_unit})"),
        ("makespan_s", scale, f"makespan ({time_unit})"),
    )
    for axes, (column, divisor, label) in zip(panels, quantities, strict=True):
        for place, (_, part) in enumerate(series):
            values = part[column].astype(float) / divisor
            style = figures.line_style(place)
            aside = 0.0
            if x.places is None:  # names have no between: marks beside each other, without lines
                style["linestyle"] = "none"
                aside = 0.5 * ((place + 0.5) / len(series) - 0.5)
            points = sorted(zip((x.at(value) + aside for value in part[along]), values, strict=True))
            axes.plot(*zip(*points, strict=True), **style)
        x.apply(axes)
        vertical(axes, rows[column].astype(float) / divisor)
        figures.tell_apart(axes)
        axes.set_xlabel(x.label)
        axes.set_ylabel(label)
    handles = panels[0].get_lines()
    if len(series) > 1:
        figures.legend_below(figure, handles, [title for title, _ in series])
    figures.head(figure, _title(sweep, len(series), len(every)))
    return figure


def _main_axis(sweep: Results) -> str:
    """Return the key for the horizontal axis: the one with numbers that has the most values."""
    numeric = [key for key, values in sweep.varied.items() if scale_of(key, values).places is not None]
    return max(numeric or sweep.varied, key=lambda key: len(sweep.varied[key]))


def _title(sweep: Results, shown: int, series: int) -> str:
    failed = len(sweep.table) - len(sweep.good)
    parts = [figures.words(sweep.name)]
    if failed:
        parts.append(f"{failed} of {len(sweep.table)} points failed")
    if shown < series:
        parts.append(f"{shown} of {series} lines")
    return "; ".join(parts)


def vertical(axes: Axes, values: pd.Series[Any]) -> None:
    """Scale a vertical axis: from zero, or logarithmic where values differ by far."""
    if len(values) and values.min() > 0 and values.max() / values.min() > 20:
        figures.logarithmic(axes, "y", float(values.min()), float(values.max()))
    else:
        axes.set_ylim(0, float(values.max() or 1) * 1.1)
