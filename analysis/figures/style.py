"""What all figures share: style, marks that are told apart in grey, units, and files that repeat exactly.

Colours differ in lightness and come with a hatch or a marker, so that none carries meaning alone. Files
hold no time and no random identifier: equal input gives equal bytes.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from mpcsim import InputError
from mpcsim.texts import shown
from mpcsim.units import NANOSECONDS, format_bytes, format_time

FORMATS = ("svg", "pdf", "png")
_LETTERS_AN_INCH = 15
WIDTH = 7.0
"""Inches: the text width of a page."""

INK, GRID = "#1a1a1a", "#d0d0d0"
FILLS = ("#1f4e79", "#f2b447", "#a6cee3", "#c8553d", "#e6e6e6", "#5b8c5a", "#f7d9c4", "#6d597a")
HATCHES = ("", "////", "....", "\\\\\\\\", "", "xxxx", "----", "++++")
LINES = ("#1f4e79", "#d98e04", "#c8553d", "#5b8c5a", "#6d597a", "#4aa3c7", "#1a1a1a", "#8c8c8c")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
MOST_SERIES = 8
"""Lines or fills that can be told apart."""

DASHES = ("-", "--", "-.", ":")

_STYLE: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": INK,
    "axes.grid": True,
    "axes.labelsize": 8,
    "axes.linewidth": 0.7,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 8.5,
    "figure.titlesize": 9.5,
    "font.family": ["DejaVu Sans"],
    "font.size": 8,
    "grid.color": GRID,
    "grid.linewidth": 0.5,
    "hatch.linewidth": 0.6,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "legend.handlelength": 2.4,
    "lines.linewidth": 1.3,
    "lines.markersize": 4.5,
    "pdf.fonttype": 42,
    "savefig.dpi": 200,
    "savefig.facecolor": "white",
    "svg.fonttype": "path",
    "svg.hashsalt": "mpcsim",
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
}
_NO_TIME: dict[str, dict[str, None]] = {
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
    "png": {"Software": None},
}


def styled() -> Any:
    """Return the context in which figures are made and saved: matplotlib's defaults, then our style."""
    mpl.rcdefaults()
    return mpl.rc_context(cast(Any, _STYLE))


def new(height: float, width: float = WIDTH) -> Figure:
    """Return an empty figure (inches) whose parts are laid out without overlap."""
    return Figure(figsize=(width, height), layout="constrained")


def read_formats(text: str) -> list[str]:
    """Read "svg,pdf,png".

    Raises:
        InputError: an unknown format, or none.
    """
    found = [one.strip().lower() for one in text.split(",") if one.strip()]
    for one in found:
        if one not in FORMATS:
            raise InputError(f"--format: found {one!r}; accepted: {', '.join(FORMATS)}")
    if not found:
        raise InputError(f"--format: empty; accepted: {', '.join(FORMATS)}")
    return list(dict.fromkeys(found))


def save(figures: Mapping[str, Figure], folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write figures by file name, and return the paths.

    Raises:
        InputError: the folder cannot be written.
    """
    paths = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for stem, figure in figures.items():
            for form in formats:
                path = folder / f"{stem}.{form}"
                with warnings.catch_warnings():  # where the font lacks a letter, its box stands
                    warnings.filterwarnings("ignore", "Glyph .* missing from font")
                    figure.savefig(path, format=form, metadata=_NO_TIME[form])
                paths.append(path)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written: {error.strerror or error}") from None
    return paths


# Words


def words(text: object) -> str:
    """Return what a user named as it stands in a figure: not long, visible, and no mathematics."""
    return plain(shown(str(text)))


def plain(text: str) -> str:
    """Return text in which a "$" is a "$", not the begin of mathematics."""
    return text.replace("$", r"\$")


# Marks


def bar_style(place: int) -> dict[str, Any]:
    """Return fill and hatch of the series at a place."""
    return {
        "facecolor": FILLS[place % len(FILLS)],
        "hatch": HATCHES[place % len(HATCHES)],
        "edgecolor": INK,
        "linewidth": 0.5,
    }


def line_style(place: int) -> dict[str, Any]:
    """Return colour, marker and dashes of the series at a place."""
    return {
        "color": LINES[place % len(LINES)],
        "marker": MARKERS[place % len(MARKERS)],
        "linestyle": DASHES[place % len(DASHES)],
        "markeredgecolor": "white",
        "markeredgewidth": 0.4,
    }


BEHIND = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
"""What stands behind a number beside a bar, so that no grid line crosses it."""


def legend_below(figure: Figure, handles: Sequence[Any], names: Sequence[str], title: str = "") -> None:
    """Put one legend for all panels below them, in as many columns as fit."""
    longest = max(len(name) for name in names)
    names = [f" {name}" if name.startswith("_") else name for name in names]  # "_" would leave it out
    room = _LETTERS_AN_INCH * figure.get_figwidth()
    columns = max(1, min(len(names), int(room / (longest + 9))))
    figure.legend(handles, names, loc="outside lower center", ncols=columns, title=title or None)


# Units


def byte_unit(most: float) -> tuple[float, str]:
    """Return the decimal unit for an axis that reaches `most` bytes, and what to divide by."""
    for factor, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if most >= factor:
            return factor, unit
    return 1.0, "B"


def time_unit(most: float) -> tuple[float, str]:
    """Return the unit for an axis that reaches `most` seconds, and what to divide by."""
    for factor, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if most >= factor:
            return factor, unit
    return 1e-9, "ns"


def show_bytes(count: float) -> str:
    """Return a size for a label."""
    return format_bytes(count)


def show_time(seconds: float) -> str:
    """Return a time for a label, in three digits."""
    if seconds == 0:
        return "0 s"
    text = format_time(round(seconds * NANOSECONDS))
    number, unit = text.split(" ")
    return f"{float(number):.3g} {unit}" if float(number) < 1000 else f"{float(number):.0f} {unit}"


def whole_numbers(axes: Axes, axis: str = "x") -> None:
    """Have few ticks, at whole numbers."""
    getattr(axes, f"{axis}axis").set_major_locator(MaxNLocator(nbins=4, integer=True))


def plain_numbers(axis: Axis) -> None:
    """Write the ticks of a logarithmic axis as 0.1, 1, 10."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def bare(axes: Axes, *, grid: str) -> None:
    """Draw grid lines for one axis alone, and no ticks along the other."""
    other = "y" if grid == "x" else "x"
    axes.grid(visible=False, axis=other)  # type: ignore[arg-type]  # "x" or "y"
    axes.tick_params(axis=other, length=0)  # type: ignore[arg-type]  # "x" or "y"
