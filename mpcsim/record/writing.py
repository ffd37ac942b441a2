"""Writing a run record: whole or not at all."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import tomli_w

from mpcsim import texts
from mpcsim.errors import InputError
from mpcsim.record.files import EVENTS, SCENARIO, SUMMARY, TABLE, arrow_schema
from mpcsim.record.run import Run
from mpcsim.record.summaries import to_json
from mpcsim.scenario_file import Scenario

_MOST_LINES = 200_000
_BATCH = 2**16
_DIGITS = 12  # of the digest, in the name of a default folder


def default_folder(record: Mapping[str, Any]) -> Path:
    """Return runs/NAME-DIGEST for a summary."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", record["name"]).strip("-.") or "run"
    return Path("runs") / f"{name}-{record['digest'][:_DIGITS]}"


def check_folder(folder: Path) -> None:
    """Refuse a folder that is not new or empty.

    Raises:
        InputError: it holds something, or cannot be a folder.
    """
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists() or folder.is_symlink():
        what = "is not empty" if folder.is_dir() else "is not a folder"
        raise InputError(f"{folder}: {what}; accepted for a run record: a new or an empty folder")


def write_record(folder: Path | None, run: Run, scenario: Scenario, record: Mapping[str, Any]) -> Path:
    """Write a record, whole or not at all, and return its folder.

    Args:
        folder: the record's folder, new or empty; None for runs/NAME-DIGEST, where an earlier
            record of the same name and digest is replaced.
        run: for its events.
        scenario: what was run, with all overrides.
        record: what `summary` gave.

    Raises:
        InputError: the folder is in use, or cannot be written.
    """
    target = default_folder(record) if folder is None else folder
    if not (folder is None and _same_run(target, record)):
        check_folder(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        try:
            fresh = scratch / "new"
            fresh.mkdir()
            _write_files(fresh, run, scenario, record)
            if target.exists():
                target.rename(scratch / "old")
            fresh.rename(target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        raise InputError(f"{target}: the run record cannot be written: {error.strerror}") from None
    return target


def _same_run(folder: Path, record: Mapping[str, Any]) -> bool:
    try:
        found = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
        return all(found[key] == record[key] for key in ("name", "digest"))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):  # whatever else lies there
        return False


def _write_files(folder: Path, run: Run, scenario: Scenario, record: Mapping[str, Any]) -> None:
    (folder / SCENARIO).write_text(tomli_w.dumps(scenario.document), encoding="utf-8")
    (folder / SUMMARY).write_text(to_json(record), encoding="utf-8")
    if run.events is None:
        return
    if len(run.events) > _MOST_LINES and find_spec("pyarrow") is not None:
        _write_table(folder / TABLE, run.events)
    else:
        _write_lines(folder / EVENTS, run.events)


def _write_lines(file: Path, events: Sequence[dict[str, Any]]) -> None:
    encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode
    with file.open("w", encoding="utf-8") as stream:
        stream.writelines(encode(event) + "\n" for event in events)
        stream.flush()
        os.fsync(stream.fileno())


def _write_table(file: Path, events: Sequence[dict[str, Any]]) -> None:
    """Write events as a Parquet file with the columns that the lines would have as keys."""
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    schema = arrow_schema()
    rows = iter(events)
    with parquet.ParquetWriter(file, schema, write_page_checksum=True) as writer:
        while batch := list(islice(rows, _BATCH)):
            for event in batch:
                event["channel"] = texts.storable(event["channel"])  # a table holds UTF-8 alone
            writer.write_table(arrow.Table.from_pylist(batch, schema))
