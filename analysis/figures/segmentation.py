"""Masks that a hospital learnt: of each tile the picture, the true mask, and the mask from shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from analysis.figures import style as figures
from analysis.figures.sources import Sources
from mpcsim.record import Record
from scenarios.data import DataSettings, class_name, load_data

_TILES = 6
_BLANK: dict[str, Any] = {"xticks": [], "yticks": []}


def has_masks(summary: Mapping[str, Any]) -> bool:
    """Return whether a run revealed maps whose truth is known."""
    output = summary.get("output")
    inference = summary.get("workload") == "private_inference"
    return inference and isinstance(output, Mapping) and bool(output.get("overlap"))


def draw(found: Sources) -> dict[str, Figure]:
    """Draw the masks of every run that has some: one file each, and numbered where there are several."""
    runs = [record for record in found.records if has_masks(record.summary)]
    marks = ["" if len(runs) == 1 else f"-{place}" for place in range(1, len(runs) + 1)]
    return {f"segmentation{mark}": _masks(run) for mark, run in zip(marks, runs, strict=True)}


def _masks(record: Record) -> Figure:
    """Draw a row a tile: the picture where it ships, truth, and what came of shares."""
    summary, output = record.summary, record.summary["output"]
    truth, mask = np.array(output["labels"][:_TILES]), np.array(output["predictions"][:_TILES])
    pictures = _pictures(record, len(truth))
    columns: list[tuple[str, Any]] = [("truth", truth), ("on shares", mask)]
    if pictures is not None:
        columns.insert(0, ("tile", pictures))
    figure = figures.new(0.6 + 2.1 * len(truth))
    panels = figure.subplots(len(truth), len(columns), squeeze=False, subplot_kw=_BLANK)
    classes = output["classes"]
    colours = ListedColormap([figures.FILLS[place % len(figures.FILLS)] for place in range(len(classes))])
    for place, row in enumerate(panels):
        for axes, (title, images) in zip(row, columns, strict=True):
            if title == "tile":
                axes.imshow(images[place], cmap="gray")
            else:
                axes.imshow(images[place], cmap=colours, vmin=-0.5, vmax=len(classes) - 0.5)
            if place == 0:
                axes.set_title(title)
    names = [class_name(classes, place) for place in range(len(classes))]
    patches = [Patch(facecolor=colours(place), label=name) for place, name in enumerate(names)]
    figures.legend_below(figure, patches, names)
    overlaps = ", ".join(
        f"{name} {share:.1%}" for name, share in zip(names, output["overlap"], strict=False)
    )
    figures.head(figure, f"{figures.words(summary['name'])}: intersection over union {overlaps}")
    return figure


def _pictures(record: Record, count: int) -> Any:
    """Return the tiles in [0, 1]: a record has none of a hospital's pixels, but the micrograph ships."""
    data = record.scenario.tables.get("data", {})
    if data.get("source", "ihc") != "ihc":
        return None
    settings = DataSettings.model_validate(data | {"pixels": "unit"})
    return load_data(settings, None, record.scenario.seed or 0).images[:count]
