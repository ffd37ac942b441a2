"""Where text and tables are printed: names of users are text there, and nothing is cut.

A pipe gets every line whole, as wide as it is. On a terminal lines break between words, and a table that is
too wide first breaks its texts, then leaves out the columns that are least needed, and says which; what is
still too wide goes on below, with the first column said again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import wrap
from typing import Any, Literal

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from mpcsim.texts import shown

_PIPE = 100_000  # columns: more than a table has
_GAP = 2  # columns between two cells
_NARROW = 12  # a text is not broken into lines shorter than that, where there is another way


class Screen(Console):
    """Standard output, which reads no markup and no emoji codes in what it prints."""

    def __init__(self) -> None:
        super().__init__(highlight=False, markup=False, emoji=False)
        if not self.is_terminal:
            self.width = _PIPE

    def say(self, text: str) -> None:
        """Print text; on a terminal its lines break between words, and words (paths) stay whole."""
        for one in text.split("\n"):
            self.print("\n".join(broken(one, self.width)), soft_wrap=True)

    def show(self, part: Any) -> None:
        """Print a line, or what rich can render."""
        if isinstance(part, str):
            self.say(part)
        elif self.is_terminal:
            self.print(part)
        else:
            with self.capture() as captured:
                self.print(part)
            self.file.writelines(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def console() -> Screen:
    """Return standard output as it is now."""
    return Screen()


def broken(text: str, width: int) -> list[str]:
    """Return a line's text as lines of at most so many columns, words whole."""
    if len(text) <= width:
        return [text]
    indent = text[: len(text) - len(text.lstrip(" "))]
    more = indent + "  " if len(indent) + 20 < width else ""
    return wrap(text, width, subsequent_indent=more, break_long_words=False, break_on_hyphens=False)


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: its heading.
        number: whether it stands on the right and is never broken.
        leaves: columns of the highest number leave first where the screen is narrow; 0: it stays.
    """

    title: str
    number: bool = False
    leaves: int = 0


@dataclass
class Sheet:
    """A table for people, that fits the screen on which it is printed.

    Attributes:
        columns: its columns; the first says what a row is.
        title: a line above.
        notes: lines below.
        rows: cells, with a style or None.
    """

    columns: Sequence[Column]
    title: str = ""
    notes: list[str] = field(default_factory=list)
    rows: list[tuple[Sequence[str], str | None]] = field(default_factory=list)

    def add(self, *cells: str, style: str | None = None) -> None:
        """Add a row."""
        self.rows.append((cells, style))

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield title, the table or its pieces, and notes, for a screen's width."""
        width = options.max_width
        if self.title:
            yield from _lines(["", self.title], width, "italic")
        kept, gone = self.kept(width)
        for piece in self._pieces(kept, width):
            yield self._table(piece, width)
        left_out = [self.columns[place].title for place in gone]
        more = [f"left out at {width} columns: {', '.join(left_out)}"] if left_out else []
        yield from _lines([*self.notes, *more], width, "dim")

    def kept(self, width: int) -> tuple[list[int], list[int]]:
        """Return the columns that are shown on a screen of that width, and those that are not."""
        kept = list(range(len(self.columns)))
        for rank in sorted({one.leaves for one in self.columns} - {0}, reverse=True):
            if self._least(kept) <= width:
                break
            kept = [place for place in kept if self.columns[place].leaves != rank]
        return kept, [place for place in range(len(self.columns)) if place not in kept]

    def _least(self, places: Sequence[int]) -> int:
        return sum(self._bounds(place)[0] for place in places) + _GAP * (len(places) - 1)

    def _bounds(self, place: int) -> tuple[int, int]:
        """Return how narrow a column may be, and how wide it is of itself."""
        column = self.columns[place]
        cells = max((cell_len(cells[place]) for cells, _ in self.rows), default=0)
        words = max(map(cell_len, column.title.split()), default=0)
        whole = max(cells, cell_len(column.title))
        if column.number:
            return max(cells, words), whole
        return max(min(whole, _NARROW), words), whole

    def _pieces(self, kept: list[int], width: int) -> Iterator[list[int]]:
        """Yield the columns of each piece of the table: all, where they fit."""
        piece: list[int] = []
        for place in kept:
            if len(piece) > 1 and self._least([*piece, place]) > width:
                yield piece
                piece = kept[:1]
            piece.append(place)
        yield piece

    def _table(self, places: list[int], width: int) -> Table:
        table = Table(
            box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1), collapse_padding=True
        )
        room = width - _GAP * (len(places) - 1)
        sizes = _shared(room, [self._bounds(place) for place in places])
        for place, size in zip(places, sizes, strict=True):
            column = self.columns[place]
            side: Literal["left", "right"] = "right" if column.number else "left"
            table.add_column(Text(column.title), justify=side, overflow="fold", width=size)
        for cells, style in self.rows:
            table.add_row(*(Text(cells[place]) for place in places), style=style)
        return table


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


def _lines(texts: Sequence[str], width: int, style: str) -> Iterator[Text]:
    for text in texts:
        for one in text.split("\n"):
            for part in broken(one, width) if one else [""]:
                yield Text(part, style=style, no_wrap=True, overflow="ignore")


def span_name(path: Sequence[str], count: int) -> str:
    """Return a span as a table names it: inside its parents, and how often it was entered."""
    return "  " * (len(path) - 1) + shown(path[-1]) + ("" if count == 1 else f" ×{count}")


def repeated(spans: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what `name ×2` says, for below a table that has such a name."""
    if all(span["count"] == 1 for span in spans):
        return []
    return ["name ×2: the span was entered twice, and its row is both together; ×3 and so on likewise"]
