"""Tables for people: rows of a run record in, tables out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mpcsim.paths import span_paths
from mpcsim.terminal import Column, Sheet, repeated, span_name
from mpcsim.texts import shown
from mpcsim.units import format_time

Row = Mapping[str, Any]
Further = tuple[Sequence[str] | None, str]
_AVERAGE = "kB a party: payload sent, average over the parties that sent in the span"
_BUSIEST = "kB busiest: payload sent by the party that sent most in the span"


def party_table(parties: Sequence[Row], *, measured: bool) -> Sheet:
    """Return what each party sent, and its processor time where it was measured."""
    table = Sheet(
        [
            Column("party"),
            Column("messages", number=True, leaves=1),
            Column("payload kB", number=True),
            Column("wire kB", number=True),
            *_compute("compute", measured),
        ],
        "Sent by each party",
    )
    for id, party in enumerate(parties):
        table.add(
            f"{id} {shown(party['role'])}",
            f"{party['messages']:,}",
            _kilobytes(party["payload_bytes"]),
            _kilobytes(party["wire_bytes"]),
            *([_seconds(party["compute_s"])] if measured else []),
        )
    return table


def span_table(spans: Sequence[Row], *, measured: bool, more: Mapping[str, Further] | None = None) -> Sheet:
    """Return the cost of each span, nested ones below and inside their parents.

    Args:
        spans: rows of the record.
        measured: whether compute was.
        more: further columns by title: a cell for each span, or None; and a line for below the table.
    """
    columns = more or {}
    kept = {title: cells for title, (cells, _) in columns.items() if cells is not None}
    table = Sheet(
        [
            Column("span"),
            Column("op", leaves=1),
            Column("rounds", number=True),
            Column("kB a party", number=True, leaves=3, note=_AVERAGE),
            Column("kB busiest", number=True, note=_BUSIEST),
            Column("time", number=True),
            *_compute("compute (sum)", measured),
            *(Column(title, leaves=2, note=columns[title][1]) for title in kept),
        ],
        "Spans",
        repeated(spans),
    )
    for place, (path, span) in enumerate(zip(span_paths(spans), spans, strict=True)):
        sent = span["payload_bytes_per_party"].values()
        table.add(
            span_name(path, span["count"]),
            shown(span["op"]) if span["op"] else "",
            f"{span['rounds']:,}",
            _kilobytes(sum(sent) / len(sent) if sent else 0),
            _kilobytes(max(sent, default=0)),
            _seconds(span["makespan_s"]),
            *([_seconds(span["compute_s"])] if measured else []),
            *(cells[place] for cells in kept.values()),
        )
    return table


def phase_table(phases: Mapping[str, Row], *, measured: bool) -> Sheet:
    """Return what each phase cost."""
    table = Sheet(
        [
            Column("phase"),
            Column("rounds", number=True),
            Column("messages", number=True, leaves=2),
            Column("kB", number=True),
            Column("begin", number=True, leaves=1),
            Column("end", number=True, leaves=1),
            Column("time", number=True),
            *_compute("compute (sum)", measured),
        ],
        "Phases",
        ["kB: payload of all parties together; time: for which the phase went on"],
    )
    for name, row in phases.items():
        table.add(
            shown(name),
            f"{row['rounds']:,}",
            f"{row['messages']:,}",
            _kilobytes(row["payload_bytes"]),
            *(_seconds(row[key]) for key in ("begin_s", "end_s", "makespan_s")),
            *([_seconds(row["compute_s"])] if measured else []),
        )
    return table


def _compute(title: str, measured: bool) -> list[Column]:
    return [Column(title, number=True)] if measured else []


def _kilobytes(count: float) -> str:
    """Return kilobytes to a tenth; fewer than fifty bytes to the byte, which is not nothing."""
    return f"{count / 1000:,.{3 if count < 50 else 1}f}" if count else "0"


def _seconds(seconds: float) -> str:
    return format_time(round(seconds * 1e9))
