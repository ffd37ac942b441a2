"""Figures of one run by layer: rounds, payload bytes and time, one bar a layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import frames
from analysis.figures import style as figures
from analysis.figures.sources import Sources
from mpcsim.paths import distinct
from mpcsim.record import Record
from mpcsim.texts import plural

MOST_ROWS = 40
"""Layers beyond so many are put together in one row, the cheapest in bytes and rounds first."""

OTHERS = ""
"""The index of the row of all others: no path has this text."""

_FEWEST = 3
_ROW, _FRAME = 0.2, 1.35  # inches of height: of a layer, and of all around them


def by_party(found: Sources) -> dict[str, Figure]:
    """Draw each run's layers, bytes stacked by party."""
    return _each(found, "layers", by_party=True)


def summed(found: Sources) -> dict[str, Figure]:
    """Draw each run's layers, bytes summed over the parties."""
    return _each(found, "layers-sum", by_party=False)


def _each(found: Sources, stem: str, *, by_party: bool) -> dict[str, Figure]:
    records = [record for record in found.records if record.summary["spans"]]
    names = [stem] if len(records) == 1 else [f"{stem}-{place + 1}" for place in range(len(records))]
    labels = frames.labels(records)
    return {
        name: _figure(record, label, by_party=by_party)
        for name, label, record in zip(names, labels, records, strict=True)
    }


def rows_to_show(layers: pd.DataFrame, most: int = MOST_ROWS) -> pd.DataFrame:
    """Return at most `most` layers in order; the cheapest others become one row that says how many."""
    if len(layers) <= most:
        return layers
    share = sum(layers[key] / max(layers[key].sum(), 1e-30) for key in ("rounds", "payload_bytes"))
    kept = share.sort_values(ascending=False, kind="stable").index[: most - 1]
    rest = layers[~layers.index.isin(kept)]
    total = dict(rest.sum(numeric_only=True)) | {
        "name": f"{len(rest)} others, together",
        "path": (f"{len(rest)} others, together",),
        "op": "",
        "sent": _add(rest["sent"]),
    }
    shown = layers[layers.index.isin(kept)]
    return pd.concat([shown, pd.DataFrame([total], index=[OTHERS])])[layers.columns]


def _add(rows: Sequence[Mapping[str, int]] | pd.Series[Any]) -> dict[str, int]:
    total: dict[str, int] = {}
    for row in rows:
        for party, count in row.items():
            total[party] = total.get(party, 0) + count
    return total


def layer_names(layers: pd.DataFrame) -> list[str]:
    """Return short names: the last of the path, or all of it where two are the same."""
    return list(map(figures.plain, distinct(list(layers["path"]))))


def _figure(record: Record, label: str, *, by_party: bool) -> Figure:
    layers = rows_to_show(frames.layers(record))
    height = _FRAME + _ROW * max(len(layers), _FEWEST) + (0.25 if by_party else 0)
    figure, (rounds, sent, times) = figures.across(height, 3, sharey=True, width_ratios=(1, 1.5, 1))
    bars(rounds, layers["rounds"], "rounds", lambda value: f"{value:.0f}")
    figures.whole_numbers(rounds)
    factor, unit = figures.byte_unit(float(layers["payload_bytes"].max()))
    if by_party:
        _stacked(figure, sent, layers, record.summary["per_party"], factor)
        sent.set_xlabel(f"payload sent, stacked by party ({unit})")
    else:
        bars(sent, layers["payload_bytes"] / factor, "", lambda value: figures.show_bytes(value * factor))
        sent.set_xlabel(f"payload sent, sum over the parties ({unit})")
    scale, time = figures.time_unit(float(layers["makespan_s"].max()))
    clock = record.summary.get("clock", "virtual")
    bars(times, layers["makespan_s"] / scale, "", lambda value: figures.show_time(value * scale))
    times.set_xlabel(f"{clock} time ({time})")
    rounds.set_yticks(range(len(layers)), layer_names(layers))
    spare = max(0.0, (_FEWEST - len(layers)) / 2)  # a single bar stays a bar, not a block
    rounds.set_ylim(len(layers) - 0.4 + spare, -0.6 - spare)
    figures.head(figure, title(record, label))
    return figure


def title(record: Record, label: str) -> str:
    """Return what a figure of a run is called: name, what differs from others, network, totals."""
    summary = record.summary
    network = summary.get("network", {})
    name = figures.words(summary["name"])
    name = name if label == summary["name"] else f"{name}, {figures.words(label)}"
    where = f"{network.get('latency', '?')} one way, {network.get('bandwidth', '?')}"
    where = where if record.finished else f"unfinished, as far as it went; {where}"
    return (
        f"{name}\n{where}: {plural(summary['rounds'], 'round')}, "
        f"{figures.show_bytes(summary.get('payload_bytes', 0))}, {figures.show_time(summary['makespan_s'])}"
    )


def bars(axes: Axes, values: pd.Series[Any], label: str, show: Callable[[float], str]) -> None:
    """Draw one bar a row, with its value behind it."""
    drawn = axes.barh(range(len(values)), values, height=0.7, **figures.bar_style(0))
    axes.bar_label(
        drawn,
        [show(value) for value in values],
        padding=2.5,
        fontsize=figures.size(6.5),
        bbox=figures.BEHIND,
    )
    axes.set_xlabel(label)
    frame(axes, float(values.max()))


def frame(axes: Axes, most: float) -> None:
    """Leave room for the labels behind the bars."""
    figures.bare(axes, grid="x")
    axes.set_xlim(0, (most or 1) * 1.32)
    axes.locator_params(axis="x", nbins=4)


def _stacked(
    figure: Figure, axes: Axes, layers: pd.DataFrame, parties: Sequence[Mapping[str, Any]], factor: float
) -> None:
    """Stack what each party sent; parties that sent nothing in any layer are left out of the legend."""
    by_party = {
        f"{id} {figures.words(party['role'])}": [row.get(str(id), 0) / factor for row in layers["sent"]]
        for id, party in enumerate(parties)
    }
    sending = {name: sent for name, sent in by_party.items() if any(sent)}
    if len(sending) > figures.MOST_SERIES:
        rest = [sending.pop(name) for name in list(sending)[figures.MOST_SERIES - 1 :]]
        sending[f"{len(rest)} others, together"] = [sum(sent) for sent in zip(*rest, strict=True)]
    left = [0.0] * len(layers)
    handles: list[Any] = []
    for sent in sending.values():
        style = figures.bar_style(len(handles))
        handles.append(axes.barh(range(len(sent)), sent, left=left, height=0.7, **style))
        left = [before + more for before, more in zip(left, sent, strict=True)]
    for place, total in enumerate(left):
        axes.annotate(
            figures.show_bytes(total * factor), (total, place), (2.5, 0), textcoords="offset points",
            va="center", fontsize=figures.size(6.5), bbox=figures.BEHIND,
        )  # fmt: skip
    frame(axes, max(left))
    if handles:
        figures.legend_below(figure, handles, list(sending))
