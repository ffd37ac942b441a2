"""The results of a sweep for people: a table on the screen, one JSON object, the default figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.table import Table

from analysis.frames import settings_label
from analysis.sweep.results import CSV, PARQUET
from analysis.sweep.sweep import Sweep
from mpcsim import texts
from mpcsim.terminal import console
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
    varied = list(results.varied)
    table = Table(title=f"{results.name}: {sweep.count()}", title_justify="left", box=box.SIMPLE_HEAD)
    for key in varied:
        table.add_column(shown(key), no_wrap=True)
    for name in ("rounds", "makespan", "payload, sum", "payload, busiest"):
        table.add_column(name, justify="right")
    first = results.table.head(_MOST_ROWS)
    for row in first.to_dict("records"):
        table.add_row(*(shown(str(row[key])) for key in varied), *_costs(row))
    out.print(table)
    if len(results.table) > len(first):
        out.print(f"… and {len(results.table) - len(first)} more points in {results.folder / CSV}")
    for row in results.table[results.table["status"] == "failed"].to_dict("records"):
        out.print(
            f"failed: {settings_label({key: row[key] for key in varied})}: {row['error']} "
            f"(exit status {row['exit_status']})",
            soft_wrap=True,
        )
    for path in [results.folder / CSV, results.folder / PARQUET, *pictures]:
        out.print(str(path), soft_wrap=True)


def _costs(row: dict[Any, Any]) -> list[str]:
    if pd.isna(row.get("rounds")):
        return ["failed", "", "", ""]
    return [
        f"{row['rounds']:,}",
        format_time(round(row["makespan_s"] * 1e9)),
        format_bytes(row["payload_bytes"]),
        format_bytes(row["busiest_payload_bytes"]),
    ]
