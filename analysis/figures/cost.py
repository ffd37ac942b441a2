"""Rounds and bytes of operations against their size: formulas as curves, measurements as marks on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.costs import operations
from analysis.figures import style as figures
from analysis.figures.network import named
from analysis.figures.sources import Sources
from analysis.figures.sweep import facets, spread
from analysis.predict import SHIPPED, Measured, at_size, setting_of
from analysis.sweep import Results
from mpcsim.record import read_record
from mpcsim.scenario import load_scenario
from scenarios.families import DEFAULT

SIZE, WORKLOAD = "workload.size", "microbench"
_PLACES = 60  # points of a curve


@dataclass(frozen=True)
class Curve:
    """An operation at one setting.

    Attributes:
        name: for the legend.
        cost: rounds and payload bytes of all parties at a size, by the formula; None where there is none.
        points: size, rounds and bytes that were measured.
    """

    name: str
    cost: Callable[[int], tuple[int, int]] | None
    points: Sequence[tuple[int, int, int]]


def _of_sizes(sweep: Results) -> bool:
    return SIZE in sweep.varied and "workload.op" in sweep.good


def draw(found: Sources) -> dict[str, Figure]:
    """Draw every sweep over sizes of the microbench, and every validation."""
    drawn = [
        _figure(_of_sweep(sweep), figures.words(sweep.name)) for sweep in found.sweeps if _of_sizes(sweep)
    ]
    for table in found.validations:
        curves = _of_validation(table)
        if curves:
            drawn.append(_figure(curves, _counted(table)))
    return named("cost", drawn)


def _of_sweep(sweep: Results) -> list[Curve]:
    others = [key for key in sweep.varied if key != SIZE]
    curves = []
    for title, rows in spread(facets(sweep.good, others), figures.MOST_SERIES):
        runs = [Measured.of_record(read_record(sweep.folder / "points" / key)) for key in rows["point"]]
        points = []
        for run in runs:
            span = run.span("operation")
            points.append((run.output["size"], span["rounds"], span["payload_bytes"]))
        curves.append(Curve(title or str(runs[0].output["op"]), at_size(runs[0]), sorted(points)))
    return curves


def _of_validation(table: pd.DataFrame) -> list[Curve]:
    """Return operations of the default family and ring at their default choices."""
    scenario = load_scenario(WORKLOAD, [], None, SHIPPED)
    setting = setting_of(scenario)
    curves = []
    for op, known in operations(DEFAULT).items():
        points = {}
        for row in table[(table["op"] == op) & (table["network"] == "")].to_dict("records"):
            size = _size(str(row["params"]))
            if size is None or ", l=32" in str(row["params"]):
                continue
            cost = known.cost(setting, size)
            if (row["predicted_rounds"], row["predicted_payload_bytes"]) == (cost.rounds, cost.bytes):
                points[size] = (size, int(row["measured_rounds"]), int(row["measured_payload_bytes"]))
        if len(points) > 1 and max(point[2] for point in points.values()):
            curves.append(Curve(op, _cost(known.cost, setting), sorted(points.values())))
    curves.sort(key=lambda curve: curve.points[-1][2] / curve.points[-1][0])
    return spread(curves, figures.MOST_SERIES)


def _cost(cost: Callable[..., object], setting: object) -> Callable[[int], tuple[int, int]]:
    def at(size: int) -> tuple[int, int]:
        found = cost(setting, size)
        return int(found.rounds), int(found.bytes)  # type: ignore[attr-defined]  # a Cost

    return at


def _size(params: str) -> int | None:
    first = params.partition(",")[0]
    return int(first[2:]) if first.startswith("n=") and first[2:].isdecimal() else None


def _figure(curves: Sequence[Curve], title: str) -> Figure:
    figure, (sizes, rounds) = figures.across(3.1, 2)
    places = [point[0] for curve in curves for point in curve.points]
    along = np.unique(np.geomspace(min(places), max(places), _PLACES).round().astype(int))
    for place, curve in enumerate(curves):
        style = figures.line_style(place)
        for axes, number in ((rounds, 1), (sizes, 2)):
            if curve.cost is not None:
                values = [curve.cost(int(size))[number - 1] for size in along]
                axes.plot(along, values, **style | {"marker": ""})
            marks = _marks(style)
            axes.plot(
                [point[0] for point in curve.points], [point[number] for point in curve.points], **marks
            )
            wrong = [point for point in curve.points if curve.cost and curve.cost(point[0]) != point[1:]]
            _differing(axes, [(point[0], point[number]) for point in wrong])
    for axes, label in ((sizes, "payload, all parties (B)"), (rounds, "rounds")):
        figures.logarithmic(axes, "x", min(places), max(places))
        axes.set_xlabel("size of the operation (n)")
        axes.set_ylabel(label)
    sizes.set_yscale("log")
    rounds.set_ylim(bottom=0)
    figures.whole_numbers(rounds, "y")
    handles = [line for line in sizes.get_lines() if line.get_label() == "measured"]
    figures.legend_below(figure, handles, [figures.words(curve.name) for curve in curves])
    figures.head(figure, f"{title}: marks measured, curves by the formulas")
    return figure


def _marks(style: Mapping[str, object]) -> dict[str, Any]:
    return dict(style) | {
        "linestyle": "none",
        "markerfacecolor": "white",
        "markeredgecolor": style["color"],
        "markeredgewidth": 1.0,
        "label": "measured",
    }


def _differing(axes: Axes, points: Sequence[tuple[int, int]]) -> None:
    if points:
        axes.plot(*zip(*points, strict=True), "o", markersize=11, markerfacecolor="none",
                  markeredgecolor="#b30000")  # fmt: skip


def _counted(table: pd.DataFrame) -> str:
    known = table.dropna(subset=["predicted_rounds", "predicted_payload_bytes"])
    differ = (known["predicted_rounds"] != known["measured_rounds"]) | (
        known["predicted_payload_bytes"] != known["measured_payload_bytes"]
    )
    return f"{len(known):,} measurements, {int(differ.sum()):,} differ from their formulas"
