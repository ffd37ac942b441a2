"""Pieces of the page: tables whose columns sort, what is absent and why, times and sizes in cells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import Any

from mpcsim.texts import escaped
from mpcsim.units import format_bytes, format_time

Cells = Sequence[tuple[str, Any]]
"""(what is shown, what it is sorted by)."""


def absent(what: str, why: str) -> str:
    """Return what stands where a part of the page cannot be."""
    return f'<p class="absent">{escape(what)}: {escape(escaped(why))}</p>'


def duration(seconds: float) -> str:
    """Return a time as people read it."""
    return format_time(round(seconds * 1e9))


def time_cell(seconds: float) -> tuple[str, float]:
    """Return the cell of a time."""
    return duration(seconds), seconds


def bytes_cell(count: int) -> tuple[str, int]:
    """Return the cell of a size."""
    return format_bytes(count), count


def table(name: str, columns: Sequence[str], rows: Sequence[Cells], caption: str) -> str:
    """Return a table whose columns sort; what numbers are sorted by is in `data-v`."""
    numeric = [
        bool(rows) and all(isinstance(row[place][1], int | float) for row in rows) and place > 0
        for place in range(len(columns))
    ]
    head = "".join(
        f'<th scope="col"{_class(number)} aria-sort="none"><button type="button">{escape(column)}</button>'
        "</th>"
        for column, number in zip(columns, numeric, strict=True)
    )
    body = ""
    for row in rows:
        cells = [
            f'<td{_class(number)} data-v="{escape(escaped(str(value)))}">{escape(text)}</td>'
            for (text, value), number in zip(row[1:], numeric[1:], strict=True)
        ]
        text, value = _broken(escape(row[0][0])), escape(escaped(str(row[0][1])))
        body += f'<tr><th scope="row" data-v="{value}">{text}</th>{"".join(cells)}</tr>'
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(caption)}"><table id="{name}">'
        f"<caption><span>{escape(caption)}</span></caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _broken(name: str) -> str:
    """Let a path's name go on in another line between its parts."""
    return re.sub(r"([/.])(?=\w)", r"\1<wbr>", name)


def _class(number: bool) -> str:
    return ' class="n"' if number else ""
