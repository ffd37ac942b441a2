"""A decision tree that its owner learnt, drawn from the root down: its tests, and the rows of each leaf."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import style as figures
from analysis.figures.sources import Sources

_LETTERS = 24
_LEAF_WIDTH, _LEVEL_HEIGHT = 0.95, 0.95  # inches


def draw(found: Sources) -> dict[str, Figure]:
    """Draw the trees of every run that has some: one file each, and numbered where there are several."""
    trees = [(record.summary["name"], tree) for record in found.records for tree in of_run(record.summary)]
    marks = ["" if len(trees) == 1 else f"-{place}" for place in range(1, len(trees) + 1)]
    return {f"tree{mark}": _tree(*tree) for mark, tree in zip(marks, trees, strict=True)}


def of_run(summary: Mapping[str, Any]) -> list[Any]:
    """Return the trees that the owner of a run learnt: of each its rows, from the root on."""
    output = summary.get("output")
    trees = output.get("trees") if isinstance(output, Mapping) else None
    return trees if isinstance(trees, list) and summary.get("workload") == "private_trees" else []


def _tree(name: str, rows: Sequence[Mapping[str, Any]]) -> Figure:
    children: dict[int, list[int]] = {row["node"]: [] for row in rows}
    for row in rows[1:]:
        children[row["parent"]].append(row["node"])
    places = _places(rows, children)
    leaves = sum(not below for below in children.values())
    depth = max(row["depth"] for row in rows)
    figure = figures.new(1.0 + _LEVEL_HEIGHT * (depth + 1), least=_LEAF_WIDTH * leaves)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set_xlim(-0.6, leaves - 0.4)
    axes.set_ylim(-depth - 0.6, 0.6)
    for row in rows:
        x, y = places[row["node"]]
        for side, child in zip(("yes", "no"), children[row["node"]], strict=False):
            _edge(axes, (x, y), places[child], side)
        axes.text(
            x, y, _said(row), ha="center", va="center", fontsize=figures.size(6.5), zorder=3,
            bbox={
                "boxstyle": "round,pad=0.3",
                "facecolor": "white" if children[row["node"]] else figures.FILLS[4],
                "edgecolor": figures.INK,
                "linewidth": 0.6,
            },
        )  # fmt: skip
    figures.head(figure, f"The tree of {figures.words(name)}: left where the test holds")
    return figure


def _places(
    rows: Sequence[Mapping[str, Any]], children: Mapping[int, list[int]]
) -> dict[int, tuple[float, float]]:
    """Return where nodes stand: leaves side by side, others over the middle of their children."""
    places: dict[int, tuple[float, float]] = {}
    free = 0
    for row in rows:  # a node comes before its children, and the left before the right
        if not children[row["node"]]:
            places[row["node"]] = (float(free), -float(row["depth"]))
            free += 1
    for row in reversed(rows):
        below = children[row["node"]]
        if below:
            middle = sum(places[child][0] for child in below) / len(below)
            places[row["node"]] = (middle, -float(row["depth"]))
    return places


def _edge(axes: Axes, start: tuple[float, float], end: tuple[float, float], side: str) -> None:
    axes.plot([start[0], end[0]], [start[1], end[1]], color=figures.INK, linewidth=0.6, zorder=1)
    at = (0.45 * start[0] + 0.55 * end[0], 0.45 * start[1] + 0.55 * end[1])
    axes.text(
        *at, side, fontsize=figures.size(6), ha="center", va="center", zorder=2,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
    )  # fmt: skip


def _said(row: Mapping[str, Any]) -> str:
    lines = []
    if "attribute" in row:
        lines.append(f"{_short(row['attribute'])}\n≤ {row['threshold']:.5g}")
    if "classes" in row:
        counts = [(name, count) for name, count in row["classes"].items() if count]
        most = max(counts, key=lambda pair: pair[1])[0] if counts else "no row"
        lines += [] if "attribute" in row else [_short(most)]
        lines.append(" | ".join(str(count) for count in row["classes"].values()))
    for name in ("sum", "step"):
        if name in row:
            lines.append(f"{name} {row[name]:.5g}")
    return "\n".join(lines)


def _short(name: str) -> str:
    text = figures.words(name)
    return text if len(text) <= _LETTERS else f"{text[: _LETTERS - 1]}…"
