"""Where text and tables are printed: names of users are text there, and nothing is cut.

A pipe gets every line whole, as wide as it is. On a terminal lines break between words, and a table that is
too wide first breaks its texts, then leaves out the columns that are least needed, and says which; what is
still too wide goes on below, with the first column said again.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, TextIO

from mpcsim.texts import shown

_PIPE = 100_000  # columns: more than a table has
_GAP = 2  # columns between two cells
_NARROW = 12  # a text is not broken into lines shorter than that, where there is another way
_NAME = 40  # a name, which the first column has, is broken where it is longer than that
_WORD = re.compile(r"\s*\S+(?:(?<=\d) (?:B|kB|MB|GB|ns|us|ms|s)[,;.)]?(?=\s|$))?|\s+$")
_STYLES = {"bold": "1", "dim": "2", "italic": "3", "bad": "1;31"}  # as a terminal takes them (ECMA-48)

Line = tuple[str, str]
"""A line of a table, and its style or ""."""


class Screen:
    """A terminal or a pipe.

    Args:
        file: where it is; None: standard output.
        width: in columns; None: the terminal's own, and a pipe's has no end.

    Attributes:
        is_terminal: whether somebody looks at it; `FORCE_COLOR` says so of a pipe.
    """

    def __init__(self, file: TextIO | None = None, width: int | None = None) -> None:
        self.file = sys.stdout if file is None else file
        self.is_terminal = self.file.isatty() or bool(os.environ.get("FORCE_COLOR"))
        self.width = width or (shutil.get_terminal_size().columns if self.is_terminal else _PIPE)
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") in ("dumb", "unknown")
        self._styled = self.is_terminal and not plain
        self._rule = "─" if (self.file.encoding or "utf").lower().startswith("utf") else "-"

    def say(self, text: str) -> None:
        """Print text; on a terminal its lines break between words, and words (paths) stay whole."""
        for one in text.split("\n"):
            for part in broken(one, self.width):
                self._print(part)

    def show(self, part: Any) -> None:
        """Print a line, a table, or what rich can render."""
        if isinstance(part, str):
            self.say(part)
        elif isinstance(part, Sheet):
            for text, style in part.lines(self.width, self._rule):
                self._print(text.rstrip(), style)
        else:
            from rich.console import Console

            console = Console(file=self.file, width=self.width, highlight=False, markup=False, emoji=False)
            with console.capture() as captured:
                console.print(part)
            for line in captured.get().splitlines():
                self._print(line.rstrip())

    def _print(self, text: str, style: str = "") -> None:
        if style and text and self._styled:
            text = f"\x1b[{_STYLES[style]}m{text}\x1b[0m"
        print(text, file=self.file)


def console() -> Screen:
    """Return standard output as it is now."""
    return Screen()


def broken(text: str, width: int) -> list[str]:
    """Return a line's text as lines of at most so many columns, words whole."""
    if columns_of(text) <= width:
        return [text]
    indent = text[: len(text) - len(text.lstrip(" "))]
    more = indent + "  " if len(indent) + 20 < width else ""
    lines = [""]
    for word in re.findall(r"\s*\S+", text):
        if lines[-1] and columns_of(lines[-1] + word) > width:
            lines.append(more + word.lstrip())
        else:
            lines[-1] += word
    return lines


def columns_of(text: str) -> int:
    """Return how many columns of a terminal a text takes: letters of East Asian scripts take two.

    As terminals count, letter by letter (`wcwidth` of the C library): marks that stand on a letter take
    none, nor do the vowels and last consonants of a Korean syllable that is written in its parts.
    """
    return len(text) if text.isascii() else sum(map(_columns, text))


_SOFT_HYPHEN = "\xad"  # which is shown
_KOREAN_PARTS = (("\u1160", "\u11ff"), ("\ud7b0", "\ud7fb"))


def _columns(letter: str) -> int:
    if unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return int(letter == _SOFT_HYPHEN)
    if any(first <= letter <= last for first, last in _KOREAN_PARTS):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def _words(text: str) -> list[str]:
    """Return a text's words, each with the spaces before it; a number and its unit are one."""
    return _WORD.findall(text)


def _folded(text: str, width: int) -> list[str]:
    """Return a cell's text as lines of at most so many columns: broken between words, and longer words."""
    lines = [""]
    for word in _words(text):
        if columns_of(lines[-1] + word) <= width:
            lines[-1] += word
            continue
        if lines[-1]:
            lines.append("")
        for letter in word.lstrip() if lines[:-1] else word:
            if columns_of(lines[-1] + letter) > width:
                lines.append("")
            lines[-1] += letter
    return lines


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: its heading.
        number: whether it stands on the right and is never broken.
        leaves: columns of the highest number leave first where the screen is narrow, of those the last; 0:
            it stays.
        note: a line below the table that says what the column holds; it leaves with its column.
    """

    title: str
    number: bool = False
    leaves: int = 0
    note: str = ""

    def placed(self, text: str, width: int) -> str:
        """Return a line of a cell, so many columns wide."""
        spaces = " " * (width - columns_of(text))
        return spaces + text if self.number else text + spaces


@dataclass
class Sheet:
    """A table for people, that fits the screen on which it is printed.

    Attributes:
        columns: its columns; the first says what a row is.
        title: a line above.
        notes: lines below.
        rows: cells, and whether the row is bad news.
    """

    columns: Sequence[Column]
    title: str = ""
    notes: list[str] = field(default_factory=list)
    rows: list[tuple[Sequence[str], bool]] = field(default_factory=list)

    def add(self, *cells: str, bad: bool = False) -> None:
        """Add a row."""
        self.rows.append((cells, bad))

    def lines(self, width: int, rule: str = "─") -> Iterator[Line]:
        """Yield title, the table or its pieces with a rule below heads, and notes, for a screen's width."""
        if self.title:
            yield from _lines(["", self.title], width, "italic")
        kept, gone = self.kept(width)
        for piece in self._pieces(kept, width):
            yield from self._table(piece, width, rule)
        told = dict.fromkeys(self.columns[place].note for place in kept if self.columns[place].note)
        left_out = [self.columns[place].title for place in gone]
        more = [f"left out at {width} columns: {', '.join(left_out)}"] if left_out else []
        yield from _lines([*told, *self.notes, *more], width, "dim")

    def kept(self, width: int) -> tuple[list[int], list[int]]:
        """Return the columns that are shown on a screen of that width, and those that are not."""
        kept = list(range(len(self.columns)))
        for rank in sorted({one.leaves for one in self.columns} - {0}, reverse=True):
            if self._least(kept) <= width:
                break
            for last in reversed([place for place in kept if self.columns[place].leaves == rank]):
                if self._least(kept) > width:
                    kept.remove(last)
        return kept, [place for place in range(len(self.columns)) if place not in kept]

    def _least(self, places: Sequence[int]) -> int:
        return sum(self._bounds(place)[0] for place in places) + _GAP * (len(places) - 1)

    def _bounds(self, place: int) -> tuple[int, int]:
        """Return how narrow a column may be, and how wide it is of itself."""
        column = self.columns[place]
        cells = max((columns_of(cells[place]) for cells, _ in self.rows), default=0)
        words = max(map(columns_of, column.title.split()), default=0)
        whole = max(cells, columns_of(column.title))
        if column.number:
            return max(cells, words), whole
        least = min(whole, _NARROW)
        if place == 0:
            names = (columns_of(word) for row, _ in self.rows for word in _words(row[0]))
            least = max(least, min(max(names, default=0), _NAME))
        return max(least, words), whole

    def _pieces(self, kept: list[int], width: int) -> Iterator[list[int]]:
        """Yield the columns of each piece of the table: all, where they fit."""
        piece: list[int] = []
        for place in kept:
            if len(piece) > 1 and self._least([*piece, place]) > width:
                yield piece
                piece = kept[:1]
            piece.append(place)
        yield piece

    def _table(self, places: list[int], width: int, rule: str) -> Iterator[Line]:
        room = width - _GAP * (len(places) - 1)
        sizes = _shared(room, [self._bounds(place) for place in places])
        columns = [self.columns[place] for place in places]

        def row(cells: Sequence[str], *, low: bool = False) -> Iterator[str]:
            """Yield a row's lines; short cells stand at its top, or low."""
            folded = [_folded(cell, size) for cell, size in zip(cells, sizes, strict=True)]
            height = max(map(len, folded))
            if low:
                folded = [[""] * (height - len(cell)) + cell for cell in folded]
            for texts in zip_longest(*folded, fillvalue=""):
                parts = zip(columns, texts, sizes, strict=True)
                yield (" " * _GAP).join(column.placed(text, size) for column, text, size in parts)

        for line in row([column.title for column in columns], low=True):
            yield line, "bold"
        yield rule * (sum(sizes) + _GAP * (len(sizes) - 1)), ""
        for cells, bad in self.rows:
            for line in row([cells[place] for place in places]):
                yield line, "bad" if bad else ""


def _shared(room: int, bounds: Sequence[tuple[int, int]]) -> list[int]:
    """Return each column's width: what it needs, and of the rest of the room as much as it would take."""
    sizes = [least for least, _ in bounds]
    spare = room - sum(sizes)
    wanting = [place for place, (least, whole) in enumerate(bounds) if whole > least]
    while spare > 0 and wanting:
        for place in list(wanting):
            each = max(1, spare // len(wanting))
            given = min(each, bounds[place][1] - sizes[place], spare)
            sizes[place] += given
            spare -= given
            if sizes[place] == bounds[place][1] or not spare:
                wanting.remove(place)
    return [max(1, min(size, room)) for size in sizes]


def _lines(texts: Sequence[str], width: int, style: str) -> Iterator[Line]:
    for text in texts:
        for one in text.split("\n"):
            for part in broken(one, width):
                yield part, style


def span_name(path: Sequence[str], count: int) -> str:
    """Return a span as a table names it: inside its parents, and how often it was entered."""
    return "  " * (len(path) - 1) + shown(path[-1]) + ("" if count == 1 else f" ×{count}")


def repeated(spans: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what `name ×2` says, for below a table that has such a name."""
    if all(span["count"] == 1 for span in spans):
        return []
    return ["name ×2: the span was entered twice, and its row is both together; ×3 and so on likewise"]
