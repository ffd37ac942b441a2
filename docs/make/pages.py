"""What generators of pages share: Markdown of tables. Pages are texts by their path in the site."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
Pages = dict[str, str]


def cell(text: str) -> str:
    """Return text as it can stand in a cell of a table: bars of mathematics do not end it."""
    return " ".join(text.split()).replace("|", "&#124;")


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; none without rows."""
    lines = [f"| {' | '.join(map(cell, row))} |" for row in rows]
    return "\n".join([f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", *lines]) if lines else ""


def plain(text: str) -> str:
    """Return text in which no character is Markdown's, save what stands in backquotes."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part[:1] == "`" else re.sub(r"([*_<>\[\]])", r"\\\1", part) for part in parts)
