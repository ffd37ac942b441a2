"""The results of a sweep for people: a table on the screen, one JSON object, the default figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.frames import settings_label
from analysis.sweep.results import CSV, PARQUET
from analysis.sweep.sweep import Sweep
from mpcsim import log, texts
from mpcsim.terminal import Column, Sheet, console
from mpcsim.texts import shown
from mpcsim.units import format_bytes, format_time

_MOST_ROWS = 40


def to_json(sweep: Sweep) -> str:
    """Return the results as one JSON object."""
    results = sweep.results
    rows = json.loads(results.table.to_json(orient="records", double_precision=15))
    found = {
        "folder": str(results.folder),
        "name": results.name,
        "points": len(results.table),
        "failed": int((results.table["status"] == "failed").sum()),
        "ran": sweep.ran,
        "retimed": sweep.retimed,
        "reused": sweep.reused,
        "rows": rows,
    }
    return texts.to_json(found) + "\n"


def show(sweep: Sweep, pictures: list[Path]) -> None:
    """Print the table, the failures, and where the files are."""
    out = console()
    results = sweep.results
    if log.quiet():
        out.say(str(results.folder / CSV))
        return
    varied = list(results.varied)
    costs = [
        Column("rounds", number=True),
        Column("makespan", number=True),
        Column("payload, sum", number=True, leaves=1),
        Column("payload, busiest", number=True, leaves=2),
    ]
    table = Sheet([*(Column(shown(key)) for key in varied), *costs], f"{results.name}: {sweep.count()}")
    first = results.table.head(_MOST_ROWS)
    for row in first.to_dict("records"):
        table.add(*(shown(str(row[key])) for key in varied), *_costs(row))
    if len(results.table) > len(first):
        table.notes.append(f"… and {len(results.table) - len(first)} more points in {results.folder / CSV}")
    out.show(table)
    out.say("")
    for row in results.table[results.table["status"] == "failed"].to_dict("records"):
        out.say(
            f"failed: {settings_label({key: row[key] for key in varied})}: {row['error']} "
            f"(exit status {row['exit_status']})"
        )
    for path in [results.folder / CSV, results.folder / PARQUET, *pictures]:
        out.say(str(path))


def _costs(row: dict[Any, Any]) -> list[str]:
    if pd.isna(row.get("rounds")):
        return ["failed", "", "", ""]
    return [
        f"{row['rounds']:,}",
        format_time(round(row["makespan_s"] * 1e9)),
        format_bytes(row["payload_bytes"]),
        format_bytes(row["busiest_payload_bytes"]),
    ]
