"""The column "bound by" of a run's table of spans: what takes most of each span's critical path."""

from __future__ import annotations

from analysis.critical import Path as CriticalPath
from analysis.critical import Walker
from analysis.retime.retiming import load_once
from mpcsim import MpcsimError
from mpcsim.record import Record


def bound_by(record: Record) -> tuple[list[str] | None, str]:
    """Return a cell for each span of a record, as in "latency 98%", or None; and what to say below.

    There is none where the run kept no events, where it cannot be retimed, and where its events are so
    many that they are a table: reading them would take longer than a second after every run.
    """
    if not (record.folder / "events.jsonl").is_file():
        large = (record.folder / "events.parquet").is_file()
        return None, f"what bounds each span: mpcsim retime {record.folder}" if large else ""
    if record.summary["clock"] == "sockets":  # real time
        return None, ""
    try:
        retiming = load_once(record)
        walker = Walker(retiming.structure, retiming.over(retiming.network), retiming.network)
        cells = [cell(walker.span(one)) for one in retiming.occurrences]
    except MpcsimError:
        return None, ""
    return cells, "bound by: the largest part of the span's critical path, and its share of the time"


def cell(path: CriticalPath) -> str:
    """Return what a path is bound by, with its share."""
    return f"{path.bound_by} {path.share:.0%}" if path.bound_by else ""
