"""Tables for people: rows of a run record in, tables of rich out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.table import Table

from mpcsim.paths import span_paths
from mpcsim.texts import shown
from mpcsim.units import format_time

Row = Mapping[str, Any]
Column = tuple[Sequence[str] | None, str]


def party_table(parties: Sequence[Row], *, measured: bool) -> Table:
    """Return what each party sent, and its processor time where it was measured."""
    table = _table("Sent by each party")
    table.add_column("party")
    _numbers(table, "messages", "payload kB", "wire kB", *_compute("compute", measured))
    for id, party in enumerate(parties):
        cells = [
            f"{id} {shown(party['role'])}",
            f"{party['messages']:,}",
            _kilobytes(party["payload_bytes"]),
            _kilobytes(party["wire_bytes"]),
        ]
        table.add_row(*cells, *_compute(_seconds(party["compute_s"]), measured))
    return table


def span_table(spans: Sequence[Row], *, measured: bool, more: Mapping[str, Column] | None = None) -> Table:
    """Return the cost of each span, nested ones below and inside their parents.

    Args:
        spans: rows of the record.
        measured: whether compute was.
        more: further columns by title: a cell for each span, or None; and a line for below the table.
    """
    table = _table("Spans")
    table.caption = (
        "kB: payload sent, average over the parties that sent in the span, and the busiest of them"
    )
    columns = more or {}
    table.caption += "".join(f"\n{note}" for _, note in columns.values() if note)
    table.add_column("span")
    table.add_column("op")
    compute = _compute("compute (sum)", measured)
    _numbers(table, "rounds", "kB a party", "kB busiest", "time", *compute)
    kept = {title: cells for title, (cells, _) in columns.items() if cells is not None}
    for title in kept:
        table.add_column(title)
    for place, (path, span) in enumerate(zip(span_paths(spans), spans, strict=True)):
        sent = span["payload_bytes_per_party"].values()
        times = "" if span["count"] == 1 else f" ×{span['count']}"
        row = [
            "  " * (len(path) - 1) + shown(path[-1]) + times,
            shown(span["op"]) if span["op"] else "",
            str(span["rounds"]),
            _kilobytes(sum(sent) / len(sent) if sent else 0),
            _kilobytes(max(sent, default=0)),
            _seconds(span["makespan_s"]),
        ]
        further = [cells[place] for cells in kept.values()]
        table.add_row(*row, *_compute(_seconds(span["compute_s"]), measured), *further)
    return table


def phase_table(phases: Mapping[str, Row], *, measured: bool) -> Table:
    """Return what each phase cost."""
    table = _table("Phases")
    table.caption = "kB: payload of all parties together; time: for which the phase went on"
    table.add_column("phase")
    _numbers(
        table, "rounds", "messages", "kB", "begin", "end", "time", *_compute("compute (sum)", measured)
    )
    for name, row in phases.items():
        cells = [
            shown(name),
            str(row["rounds"]),
            f"{row['messages']:,}",
            _kilobytes(row["payload_bytes"]),
            *(_seconds(row[key]) for key in ("begin_s", "end_s", "makespan_s")),
        ]
        table.add_row(*cells, *_compute(_seconds(row["compute_s"]), measured))
    return table


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", caption_justify="left", box=box.SIMPLE_HEAD)


def _numbers(table: Table, *names: str) -> None:
    for name in names:
        table.add_column(name, justify="right")


def _compute(cell: str, measured: bool) -> list[str]:
    return [cell] if measured else []


def _kilobytes(count: float) -> str:
    return f"{count / 1000:,.1f}" if count else "0"


def _seconds(seconds: float) -> str:
    return format_time(round(seconds * 1e9))
