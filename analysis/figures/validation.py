"""Measured cost against its formula, with the identity line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import style as figures
from analysis.figures.sources import Sources

_MOST_GROUPS = 8
_MOST_NAMED = 5
_HOLLOW: dict[str, Any] = {
    "linestyle": "none",
    "markerfacecolor": "none",
    "markeredgewidth": 0.8,
}
"""Marks lie on each other along the line: one must see through them."""


def draw(found: Sources) -> dict[str, Figure]:
    """Draw rounds and payload bytes, measured against predicted, a mark for each operation or network."""
    table = pd.concat(found.validations, ignore_index=True)
    return {"formula": _figure(table)}


def _figure(table: pd.DataFrame) -> Figure:
    figure, axes = figures.across(3.9, 2)
    known = table.dropna(subset=["predicted_rounds", "predicted_payload_bytes"])
    groups = _groups(known)
    for one, column, label in (
        (axes[0], "rounds", "rounds"),
        (axes[1], "payload_bytes", "payload, all parties (B)"),
    ):
        _panel(one, known, groups, column)
        one.set_xlabel(f"predicted {label}")
        one.set_ylabel(f"measured {label}")
    names = list(dict.fromkeys(groups))
    handles = [axes[0].get_lines()[place] for place in range(len(names) + 1)]
    figures.legend_below(figure, handles, ["measured = predicted", *map(figures.words, names)])
    for one, column in ((axes[0], "rounds"), (axes[1], "payload_bytes")):
        _differing(one, known, column)
    figures.head(figure, _title(table, known))
    return figure


def _groups(table: pd.DataFrame) -> list[str]:
    """Return the group of each row: its operation or network; the rarest become "other"."""
    heads = [f"network {of}" if of else op for op, of in zip(table["op"], table["network"], strict=True)]
    counted = pd.Series(heads).value_counts(sort=False).sort_values(ascending=False, kind="stable")
    kept = set(counted.index[: _MOST_GROUPS - 1] if len(counted) > _MOST_GROUPS else counted.index)
    return [head if head in kept else "other" for head in heads]


def _panel(axes: Axes, table: pd.DataFrame, groups: Sequence[str], column: str) -> None:
    predicted = table[f"predicted_{column}"].astype(float)
    measured = table[f"measured_{column}"].astype(float)
    both = pd.concat([predicted, measured])
    positive = both[both > 0]
    low, high = (float(positive.min()), float(both.max())) if len(positive) else (1.0, 1.0)
    logarithmic = high / low > 30
    if logarithmic:
        axes.set_xscale("log")
        axes.set_yscale("log")
        if high < 10_000:
            figures.plain_numbers(axes.xaxis)
            figures.plain_numbers(axes.yaxis)
        ends = (low / 1.6, high * 1.6)
    else:
        ends = (0.0, high * 1.08)
    axes.plot(ends, ends, color="#8c8c8c", linewidth=1, zorder=1)
    mark = pd.Series(list(groups), index=table.index)
    for place, name in enumerate(dict.fromkeys(groups)):
        mine = mark == name
        style = figures.line_style(place) | _HOLLOW
        if name == "other":
            style |= {"color": figures.INK, "marker": ".", "zorder": 3}
        style["markeredgecolor"] = style["color"]
        axes.plot(predicted[mine], measured[mine], **style)
    axes.set_xlim(ends)
    axes.set_ylim(ends)
    axes.set_aspect("equal")


def _differing(axes: Axes, table: pd.DataFrame, column: str) -> None:
    """Ring the rows that differ, and name the first of them."""
    predicted, measured = table[f"predicted_{column}"], table[f"measured_{column}"]
    differ = table[predicted != measured]
    axes.plot(
        differ[f"predicted_{column}"].astype(float),
        differ[f"measured_{column}"].astype(float),
        linestyle="none",
        marker="o",
        markersize=11,
        markerfacecolor="none",
        markeredgecolor="#b30000",
    )
    for _, row in differ.head(_MOST_NAMED).iterrows():
        at = (row[f"predicted_{column}"], row[f"measured_{column}"])
        across, upward = axes.transAxes.inverted().transform(axes.transData.transform(at))
        leftward = across > (0.3 if upward > across else 0.7)  # away from the line, inside the panel
        axes.annotate(
            f"{figures.words(row['op'])} differs",
            at,
            (-8 if leftward else 8, 0),
            textcoords="offset points",
            ha="right" if leftward else "left",
            va="center",
            fontsize=figures.size(6.5),
            color="#b30000",
        )


def _title(table: pd.DataFrame, known: pd.DataFrame) -> str:
    differ = (known["predicted_rounds"] != known["measured_rounds"]) | (
        known["predicted_payload_bytes"] != known["measured_payload_bytes"]
    )
    without = f"; {len(table) - len(known)} without" if len(known) < len(table) else ""
    counts = f"{int((~differ).sum())} equal, {int(differ.sum())} differ"
    return f"{len(known)} measurements with a formula: {counts}{without}"
