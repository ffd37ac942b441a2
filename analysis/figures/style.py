"""What all figures share: style, marks that are told apart in grey, units, and files that repeat exactly.

Colours differ in lightness and come with a hatch or a marker, so that none carries meaning alone. Files
hold no time and no random identifier: equal input gives equal bytes.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import Any, cast

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from mpcsim import InputError
from mpcsim.texts import shown
from mpcsim.units import NANOSECONDS, format_bytes, format_time

FORMATS = ("svg", "pdf", "png")
WIDTH, FONT = 7.0, 8.0
"""Inches and points by default: both columns of a two-column paper, and letters as in its captions."""

_NARROW = 5.0
"""Inches below which panels stand below each other: one column of such a paper has 3.3 to 3.5."""

_LETTERS_OF_TITLE = 13  # an inch, in the size of a title

INK, GRID = "#1a1a1a", "#d0d0d0"
FILLS = ("#1f4e79", "#f2b447", "#a6cee3", "#c8553d", "#e6e6e6", "#5b8c5a", "#f7d9c4", "#6d597a")
HATCHES = ("", "////", "....", "\\\\\\\\", "", "xxxx", "----", "++++")
LINES = ("#1f4e79", "#d98e04", "#c8553d", "#5b8c5a", "#6d597a", "#4aa3c7", "#1a1a1a", "#8c8c8c")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
MOST_SERIES = 8
"""Lines or fills that can be told apart."""

DASHES = ("-", "--", "-.", ":")


@dataclass(frozen=True)
class Page:
    """What a figure is drawn for.

    Attributes:
        width: inches.
        font: points of ordinary text; all other sizes follow it.
        titles: whether a figure says above its panels what it is of; a paper's caption says it below.

    Raises:
        InputError: a size that no page has.
    """

    width: float = WIDTH
    font: float = FONT
    titles: bool = True

    def __post_init__(self) -> None:
        for option, value, least, most in (
            ("--width", self.width, 2.5, 40.0),
            ("--font-size", self.font, 4.0, 24.0),
        ):
            if not least <= value <= most:
                raise InputError(f"{option}: found {value:g}; accepted: from {least:g} to {most:g}")

    @property
    def narrow(self) -> bool:
        """Whether panels stand below each other."""
        return self.width < _NARROW * self.font / FONT


_DEFAULT = Page()
_page: ContextVar[Page] = ContextVar("page", default=_DEFAULT)


def _style(page: Page) -> dict[str, Any]:
    sizes = {
        "axes.labelsize": 8, "axes.titlesize": 8.5, "figure.titlesize": 9, "font.size": 8,
        "legend.fontsize": 7.5, "legend.title_fontsize": 7.5, "xtick.labelsize": 7.5,
        "ytick.labelsize": 7.5,
    }  # fmt: skip
    return {
        "axes.axisbelow": True,
        "axes.edgecolor": INK,
        "axes.grid": True,
        "axes.linewidth": 0.7,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "font.family": ["DejaVu Sans"],
        "grid.color": GRID,
        "grid.linewidth": 0.5,
        "hatch.linewidth": 0.6,
        "legend.frameon": False,
        "legend.handlelength": 2.4,
        "lines.linewidth": 1.3,
        "lines.markersize": 4.5,
        "pdf.fonttype": 42,
        "savefig.dpi": 200,
        "savefig.facecolor": "white",
        "svg.fonttype": "none",
        "svg.hashsalt": "mpcsim",
    } | {key: points * page.font / FONT for key, points in sizes.items()}


_FONT_OF_SVG = ("'DejaVu Sans'", "'DejaVu Sans', Verdana, Arial, sans-serif")
"""What an SVG asks for, and what it should: the letters are text, and its reader may lack the font."""

_NO_TIME: dict[str, dict[str, None]] = {
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
    "png": {"Software": None},
}


@contextmanager
def styled(page: Page | None = None) -> Iterator[None]:
    """Have figures made and saved inside in our style, over matplotlib's defaults, for a page."""
    chosen = page or Page()
    token = _page.set(chosen)
    mpl.rcdefaults()
    try:
        with mpl.rc_context(cast(Any, _style(chosen))):
            yield
    finally:
        _page.reset(token)


def size(points: float) -> float:
    """Return the size of letters that are `points` on a page of the default size."""
    return points * _page.get().font / FONT


def narrow() -> bool:
    """Whether the page is one column of a two-column paper, on which panels stand below each other."""
    return _page.get().narrow


def new(height: float, share: float = 1.0, least: float = 0.0) -> Figure:
    """Return an empty figure whose parts are laid out without overlap.

    Args:
        height: inches, on a page of the default font.
        share: of the page's width, where that is not narrow.
        least: inches of width that it needs.
    """
    page = _page.get()
    width = max(least, page.width * (1.0 if page.narrow else share))
    return Figure(figsize=(width, height * max(1.0, page.font / FONT)), layout="constrained")


def across(height: float, count: int, **options: Any) -> tuple[Figure, list[Axes]]:
    """Return a figure with panels beside each other; on a narrow page below each other.

    Args:
        height: inches of a panel and what is around it.
        count: how many.
        options: of `subplots`, for panels beside each other.
    """
    if not narrow():
        figure = new(height)
        return figure, list(figure.subplots(1, count, squeeze=False, **options)[0])
    figure = new(height * count * 0.9)
    kept = {key: value for key, value in options.items() if key != "width_ratios"}
    return figure, list(figure.subplots(count, 1, squeeze=False, **kept)[:, 0])


def head(figure: Figure, title: str) -> None:
    """Say above a figure what it is of, in lines that fit, where the page has titles."""
    page = _page.get()
    if page.titles and title:
        letters = int(_LETTERS_OF_TITLE * figure.get_figwidth() * FONT / page.font)
        whole = _BETWEEN.sub("\u00a0", title)  # a number stays beside its unit
        lines = "\n".join(fill(line, letters) for line in whole.split("\n"))
        figure.suptitle(lines.replace("\u00a0", " "))


_BETWEEN = re.compile(r"(?<=\d) (?=[^\W\d])")


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
                if form == "svg":
                    text = path.read_text(encoding="utf-8")
                    path.write_text(text.replace(*_FONT_OF_SVG), encoding="utf-8")
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


def legend_letters(figure: Figure) -> int:
    """Return how many letters a line of a legend below a figure has room for."""
    return int(15 * figure.get_figwidth() * FONT / _page.get().font)


def tell_apart(axes: Axes) -> None:
    """Have lines that lie on each other seen: those below are broader, and their marks larger."""
    lines = axes.get_lines()
    for place, line in enumerate(lines):
        above = sum(_together(line, other) for other in lines[place + 1 :])
        line.set_linewidth(line.get_linewidth() + 1.7 * above)
        line.set_markersize(line.get_markersize() + 2.4 * above)


def _together(line: Line2D, other: Line2D) -> bool:
    """Whether most points of a line are those of another, as far as a reader can see."""
    mine, theirs = _points(line), _points(other)
    shared = [x for x in mine if x in theirs]
    close = sum(abs(mine[x] - theirs[x]) <= _CLOSE * max(abs(mine[x]), abs(theirs[x])) for x in shared)
    return bool(shared) and 2 * close >= len(shared)


def _points(line: Line2D) -> dict[float, float]:
    across, upward = (np.asarray(values, float).tolist() for values in line.get_data())
    return dict(zip(across, upward, strict=True))


_CLOSE = 0.02  # of a value: about the breadth of a line


def legend_below(figure: Figure, handles: Sequence[Any], names: Sequence[str], title: str = "") -> None:
    """Put one legend for all panels below them, in as many columns as fit."""
    longest = max(len(name) for name in names)
    names = [f" {name}" if name.startswith("_") else name for name in names]  # "_" would leave it out
    room = legend_letters(figure)
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


def logarithmic(axes: Axes, axis: str, least: float, most: float) -> None:
    """Have a logarithmic axis whose ticks are plain numbers, several in each decade where these are few."""
    getattr(axes, f"set_{axis}scale")("log")
    drawn: Axis = getattr(axes, f"{axis}axis")
    few = most < 100 * least
    drawn.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if few else (1.0,)))
    plain_numbers(drawn)


def bare(axes: Axes, *, grid: str) -> None:
    """Draw grid lines for one axis alone, and no ticks along the other."""
    other = "y" if grid == "x" else "x"
    axes.grid(visible=False, axis=other)  # type: ignore[arg-type]  # "x" or "y"
    axes.tick_params(axis=other, length=0)  # type: ignore[arg-type]  # "x" or "y"
