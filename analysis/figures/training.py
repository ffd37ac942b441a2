"""POMIC's figures 6 to 10: training on shares beside training in the clear; ours, and the paper's numbers.

What the paper prints stands in `paper_series`; of its figure 10 the text prints no number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import style as figures
from analysis.figures.paper_series import FIGURES, PaperFigure
from analysis.figures.sources import Sources
from mpcsim.texts import plural

_TWINS = (("float", "ours, in the clear (float64)"), ("fixed", "ours, in the clear (fixed point)"))


def by_epoch(found: Sources) -> dict[str, Figure]:
    """Draw figures 6 to 9 of every training: one file each, and numbered where there are several."""
    records = [
        record.summary
        for record in found.records
        if record.summary.get("workload") == "private_training" and record.summary["output"].get("history")
    ]
    drawn: dict[str, Figure] = {}
    for place, summary in enumerate(records, 1):
        mark = f"-{place}" if len(records) > 1 else ""
        history = epochs(summary)
        for key, paper in FIGURES.items():
            if key in history[-1]:
                stem = f"figure{paper.number}-{paper.quantity.replace(' ', '-')}{mark}"
                drawn[stem] = _quantity(summary, history, key, paper)
    return drawn


def epochs(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the last revealed row of every epoch."""
    rows = {row["epoch"]: row for row in summary["output"]["history"]}
    return [rows[epoch] for epoch in sorted(rows)]


def _quantity(
    summary: Mapping[str, Any], history: list[dict[str, Any]], key: str, paper: PaperFigure
) -> Figure:
    """Draw one quantity by epoch: ours on the left, what the paper prints on the right, on equal axes."""
    figure, (ours, theirs) = figures.across(3.0, 2, sharey=True)
    numbers = [row["epoch"] for row in history]
    _line(ours, numbers, [row[key] for row in history], 0, "ours, on shares")
    for place, (twin, label) in enumerate(_TWINS, 1):
        rows = summary["output"]["twins"].get(twin, [])
        if rows and key in rows[0]:
            at = numbers[-len(rows) :]
            _line(ours, at, [row[key] for row in rows], place, label)
    _line(theirs, range(1, len(paper.private) + 1), paper.private, 3, "paper, on shares (MP-SPDZ)")
    _line(theirs, range(1, len(paper.clear) + 1), paper.clear, 4, "paper, in the clear")
    ours.set_title(
        f"ours: {figures.words(summary['name'])}, {plural(summary['output']['images'], 'image')}"
    )
    theirs.set_title("as printed in the paper, on its own images")
    unit = " (nats)" if "loss" in key else ""
    ours.set_ylabel(f"{paper.quantity}{unit}")
    for axes in (ours, theirs):
        axes.set_xlabel("epoch")
        figures.whole_numbers(axes)
    lines = [*ours.get_lines(), *theirs.get_lines()]
    figures.legend_below(figure, lines, [str(line.get_label()) for line in lines])
    figures.head(figure, f"{paper.quantity.capitalize()} (the paper's figure {paper.number})")
    return figure


def _line(axes: Axes, x: Any, y: Any, place: int, label: str) -> None:
    first = max(3 - place, 1)  # curves that coincide: the first is the widest, so that each is seen
    size = {"linewidth": 1.1 * first, "markersize": 3 + 1.5 * first}
    axes.plot(list(x), list(y), label=label, **figures.line_style(place) | size)


def local_cost(found: Sources) -> dict[str, Figure]:
    """Draw figure 10: a hospital's processor time and bytes, against training in the clear."""
    drawn = [
        _cost(record.summary)
        for record in found.records
        if record.summary["workload"] == "local_cost" and record.summary["output"].get("rows")
    ]
    if len(drawn) == 1:
        return {"figure10-local-cost": drawn[0]}
    return {f"figure10-local-cost-{place}": figure for place, figure in enumerate(drawn, 1)}


def _cost(summary: Mapping[str, Any]) -> Figure:
    output = summary["output"]
    rows = output["rows"]
    samples = [row["samples"] for row in rows]
    figure, (times, sizes) = figures.across(3.0, 2)
    _line(times, samples, [row["training_s"] for row in rows], 1, "training in the clear")
    _line(times, samples, [row["sharing_s"] for row in rows], 0, "sharing with the servers")
    times.set_yscale("log")
    figures.plain_numbers(times.yaxis)
    times.set_ylabel("processor time of the hospital (s)")
    most = max(row["sharing_bytes"] for row in rows)
    factor, unit = figures.byte_unit(most)
    _line(sizes, samples, [row["sharing_bytes"] / factor for row in rows], 0, "sharing with the servers")
    sizes.set_ylabel(f"payload that the hospital sends ({unit})")
    sizes.set_ylim(bottom=0)
    for axes in (times, sizes):
        axes.set_xlabel("samples (training and test)")
        figures.whole_numbers(axes)
    lines = times.get_lines()
    figures.legend_below(figure, lines, [str(line.get_label()) for line in lines])
    figures.head(
        figure,
        f"Local cost (the paper's figure 10), {figures.words(summary['name'])}, {output['epochs']} epochs "
        "in the clear",
    )
    return figure
