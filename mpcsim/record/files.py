"""The files of a run record, and the columns of its table of events."""

from __future__ import annotations

from typing import Any

from mpcsim.engine import COLUMNS

SCENARIO, SUMMARY, EVENTS = "scenario.toml", "summary.json", "events.jsonl"
TABLE = "events.parquet"  # in place of the lines, where there are many
TEXTS = ("kind", "channel", "span")


def arrow_schema() -> Any:
    """Return the schema of the table: text or 64-bit integers, in the order of `COLUMNS`."""
    import pyarrow as arrow

    kinds = [(name, arrow.string() if name in TEXTS else arrow.int64()) for name in COLUMNS]
    return arrow.schema(kinds)
