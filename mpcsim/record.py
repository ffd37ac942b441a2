"""The run record: a folder with the resolved scenario, the summary and the events of a run."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import math
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from mpcsim import texts
from mpcsim.errors import InputError, Interrupted, MpcsimError
from mpcsim.memory import peak_memory_mb
from mpcsim.scenario import Scenario, load_scenario
from mpcsim.simulate import Run
from mpcsim.trace import COLUMNS

FORMAT = 1
_SCENARIO, _SUMMARY, _EVENTS = "scenario.toml", "summary.json", "events.jsonl"
_TABLE = "events.parquet"  # in place of the lines, where there are many
_MOST_LINES = 200_000
_BATCH = 2**16
_DIGITS = 12  # of the digest, in the name of a default folder


def summary(
    run: Run,
    scenario: Scenario,
    output: Mapping[str, Any],
    describe: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what `summary.json` holds: plain JSON, sums over parties where not said otherwise.

    Args:
        run: the run; where it did not finish, `error` says why and the rest goes as far as it went.
        scenario: what was run.
        output: the workload's own result.
        describe: blocks of the workload, such as `ring` and `protocol`.

    Raises:
        InputError: the output holds something that JSON cannot.
    """
    found = {
        "format": FORMAT,
        "mpcsim": version(),
        "name": scenario.name,
        "workload": scenario.workload,
        "seed": run.seed,
        "clock": run.clock,
        "compute": run.compute,
        "digest": run.digest,
        "rounds": run.rounds,
        "makespan_s": run.makespan,
        "makespan_ns": run.makespan_ns,
        "messages": run.messages,
        "payload_bytes": run.payload_bytes,
        "wire_bytes": run.wire_bytes,
        "per_party": [party.describe() for party in run.per_party],
        "links": [
            {"from": sender, "to": receiver} | dataclasses.asdict(traffic)
            for (sender, receiver), traffic in sorted(run.links.items())
        ],
        "wall_s": run.wall_s,
        "peak_memory_mb": peak_memory_mb(),
        "network": run.network.describe(),
        "ring": {},
        "protocol": {},
        **(describe or {}),
        "spans": [span.describe() for span in run.spans],
        "faults": run.faults,
        "timeouts": run.timeouts,
        "resent_segments": run.resent,
        **({"shared": run.shared} if run.shared else {}),
        **({"clock_reads": run.clock_reads} if run.clock_reads else {}),
        "error": None if run.error is None else _error(run.error),
        "output": output,
    }
    return {key: json_safe(value, key) for key, value in found.items()}


def _error(error: MpcsimError | Interrupted) -> dict[str, Any]:
    notes = [str(note) for note in getattr(error, "__notes__", [])]
    return {"kind": type(error).__name__, "text": str(error), "notes": notes}


def version() -> str:
    """Return the installed version of mpcsim."""
    try:
        return importlib.metadata.version("mpcsim")
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def json_safe(value: Any, where: str = "value") -> Any:
    """Return plain JSON for what a workload gives: NumPy becomes lists and numbers.

    What is no number becomes text ("nan", "inf", "-inf"), since JSON has no such numbers.

    Raises:
        InputError: naming the place of what JSON cannot hold.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, np.generic | np.ndarray):
        return json_safe(value.tolist(), where)
    if isinstance(value, bytes):
        return value.hex()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {part.name: getattr(value, part.name) for part in dataclasses.fields(value)}
    if isinstance(value, list | tuple):
        return [json_safe(item, f"{where}.{position}") for position, item in enumerate(value)]
    if isinstance(value, Mapping):
        safe = {texts.whole(str(key)): json_safe(item, f"{where}.{key}") for key, item in value.items()}
        if len(safe) == len(value):
            return safe
        raise InputError(f"{where}: two keys are the same text, and JSON has only text for keys")
    raise InputError(
        f"{where}: a run record cannot hold {type(value).__name__}; accepted: NumPy arrays, "
        "numbers, text, bytes, None, dataclasses, and lists or dicts of these"
    )


# Writing


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
        found = json.loads((folder / _SUMMARY).read_text(encoding="utf-8"))
        return all(found[key] == record[key] for key in ("name", "digest"))
    except (OSError, ValueError, KeyError, TypeError):  # damaged: any JSON, or none
        return False


def _write_files(folder: Path, run: Run, scenario: Scenario, record: Mapping[str, Any]) -> None:
    (folder / _SCENARIO).write_text(tomli_w.dumps(scenario.document), encoding="utf-8")
    (folder / _SUMMARY).write_text(to_json(record), encoding="utf-8")
    if run.events is None:
        return
    if len(run.events) > _MOST_LINES:
        _write_table(folder / _TABLE, run.events)
    else:
        encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode
        with (folder / _EVENTS).open("w", encoding="utf-8") as file:
            file.writelines(encode(event) + "\n" for event in run.events)
            file.flush()
            os.fsync(file.fileno())


def _write_table(file: Path, events: Sequence[dict[str, Any]]) -> None:
    """Write events as a Parquet file with the columns that the lines would have as keys."""
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    named = {"kind", "channel", "span"}
    kinds = [(name, arrow.string() if name in named else arrow.int64()) for name in COLUMNS]
    schema = arrow.schema(kinds)
    rows = iter(events)
    with parquet.ParquetWriter(file, schema) as writer:
        while batch := list(islice(rows, _BATCH)):
            for event in batch:
                event["channel"] = texts.storable(event["channel"])  # a table holds UTF-8 alone
            writer.write_table(arrow.Table.from_pylist(batch, schema))


def to_json(record: Mapping[str, Any]) -> str:
    """Return a summary as text."""
    return texts.to_json(record) + "\n"


# Reading


@dataclass(frozen=True)
class Record:
    """A run record that was read back."""

    folder: Path
    scenario: Scenario
    summary: dict[str, Any]

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield the events in order.

        Raises:
            InputError: the run kept none, or a line is damaged.
        """
        path = self.folder / _EVENTS
        if (self.folder / _TABLE).is_file():
            yield from _read_table(self.folder / _TABLE)
            return
        if not path.is_file():
            raise InputError(f"{self.folder}: no {_EVENTS}: the run kept no trace (engine.trace)")
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                try:
                    yield json.loads(line)
                except ValueError:
                    raise InputError(f"{path}: line {number} is damaged") from None


def _read_table(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow
    import pyarrow.parquet as parquet

    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(_BATCH):
                yield from batch.to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(f"{path}: damaged: {error}") from None


def read_record(folder: Path) -> Record:
    """Read a run record; its events are read when asked for.

    Raises:
        InputError: it is missing, damaged, or of another version of the format.
    """
    path = folder / _SUMMARY
    if not path.is_file():
        raise InputError(f"{folder}: no run record here: there is no {_SUMMARY}")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        form = found["format"]
    except (ValueError, KeyError, TypeError) as error:  # damaged: any JSON, or none
        raise InputError(f"{path}: damaged: {type(error).__name__}: {error}") from None
    if form != FORMAT:
        raise InputError(f"{path}: found format {form!r}; accepted: {FORMAT}")
    expected = ("name", "digest", "rounds", "makespan_s", "per_party", "spans", "output")
    missing = [key for key in expected if key not in found]
    if missing:
        raise InputError(f"{path}: damaged: no {', '.join(missing)}")
    return Record(folder, load_scenario(folder / _SCENARIO), found)
