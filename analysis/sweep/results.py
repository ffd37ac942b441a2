"""The folder of a sweep: what was asked, the points that are done, and the table of results.

- `sweep.json`: the scenario, the axes, and the points with their keys;
- `points/KEY/`: the run record of a point (KEY is a hash of its resolved scenario);
- `points/KEY.json`: error and exit status of a point that failed;
- `results.csv`, `results.parquet`: one row a point. Times are seconds, sizes bytes.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.point import UNFINISHED, Outcome
from analysis.points import Axis, Point, typed
from mpcsim import InputError, MpcsimError
from mpcsim.record import read_record, unfinished
from mpcsim.scenario import Scenario
from mpcsim.texts import storable, to_json
from mpcsim.units import NANOSECONDS, parse_bandwidth, parse_time

FORMAT = 1
DESCRIPTION, CSV, PARQUET = "sweep.json", "results.csv", "results.parquet"
_SUMMARY = "summary.json"
_FAILED = ".failed"  # ends the name of the folder of a failed point's record
_TOTALS = ("rounds", "makespan_s", "messages", "payload_bytes", "wire_bytes")
_LONGEST_TEXT = 80


class Store:
    """The folder of a sweep that runs or ran.

    Args:
        folder: new, empty, or of an earlier sweep, whose finished points are used.

    Raises:
        InputError: the folder holds something else.
    """

    def __init__(self, folder: Path) -> None:
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder}: is not a folder")
        if folder.is_dir() and any(folder.iterdir()) and not (folder / DESCRIPTION).is_file():
            raise InputError(
                f"{folder}: is neither empty nor the folder of a sweep (it has no {DESCRIPTION})"
            )
        self.folder = folder
        self.points = folder / "points"

    @contextmanager
    def opened(self, description: Mapping[str, Any]) -> Iterator[None]:
        """Hold the folder, so that no other sweep writes there; clear what a killed one left half done.

        Raises:
            InputError: another sweep holds it, or it cannot be written.
        """
        try:
            self.points.mkdir(parents=True, exist_ok=True)
            with (self.folder / ".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for left in self.points.glob(".*"):
                    shutil.rmtree(left, ignore_errors=True)
                self._write(self.folder / DESCRIPTION, _json(description))
                yield
        except BlockingIOError:
            raise InputError(f"{self.folder}: another sweep is running in this folder") from None
        except OSError as error:
            raise InputError(f"{self.folder}: cannot be written: {error}") from None

    def record(self, key: str) -> Path | None:
        """Return the run record of a point, None where it is not there."""
        folder = self.points / key
        return folder if (folder / _SUMMARY).is_file() else None

    def was_run(self, key: str) -> bool:
        """Whether a point has the record of a run, not of a retiming."""
        folder = self.record(key)
        return folder is not None and "retimed_from" not in (_read(folder / _SUMMARY) or {})

    def failure(self, key: str) -> dict[str, Any] | None:
        """Return error and exit status of a point that failed."""
        return _read(self.points / f"{key}.json")

    def forget_failure(self, key: str) -> None:
        """Have a failed point tried again."""
        (self.points / f"{key}.json").unlink(missing_ok=True)
        shutil.rmtree(self.points / f"{key}{_FAILED}", ignore_errors=True)

    def finished(self, key: str) -> bool:
        """Whether a point needs no further work."""
        return self.record(key) is not None or self.failure(key) is not None

    def keep(self, key: str, outcome: Outcome) -> None:
        """Keep what came of a point, whole or not at all, in place of what was retimed before.

        A failed point's record, as far as its run went, lies beside the error.
        """
        if self.record(key) is not None:
            shutil.rmtree(self.points / key)
        if outcome.error is None:
            self._keep_files(self.points / key, outcome.files)
            return
        error, failed = outcome.error, self.points / f"{key}{_FAILED}"
        shutil.rmtree(failed, ignore_errors=True)
        if outcome.files:
            self._keep_files(failed, outcome.files)
            error += f"; its record: {failed}"
        text = _json({"error": error, "exit_status": outcome.exit_status})
        self._write(self.points / f"{key}.json", text)

    def _keep_files(self, folder: Path, files: Mapping[str, bytes]) -> None:
        scratch = Path(tempfile.mkdtemp(prefix=".", dir=self.points))
        fresh = scratch / folder.name
        for name, content in files.items():
            file = fresh / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        fresh.rename(folder)
        scratch.rmdir()

    def write_results(self, table: pd.DataFrame) -> None:
        """Write the table as CSV and Parquet."""
        self._write(self.folder / CSV, table.to_csv(index=False))
        scratch = self.folder / f".{PARQUET}"
        table.to_parquet(scratch, index=False)
        scratch.replace(self.folder / PARQUET)

    def _write(self, path: Path, text: str) -> None:
        scratch = path.with_name(f".{path.name}")
        scratch.write_text(text, encoding="utf-8")
        scratch.replace(path)


def describe(scenario: Scenario, axes: Sequence[Axis], points: Sequence[Point], zipped: bool) -> Any:
    """Return what `sweep.json` holds."""
    return {
        "format": FORMAT,
        "name": scenario.name,
        "workload": scenario.workload,
        "axes": [{"key": axis.key, "values": list(axis.values)} for axis in axes],
        "zip": zipped,
        "points": [{"key": point.key, "values": dict(point.values)} for point in points],
    }


# The table


@dataclass(frozen=True)
class Results:
    """The results of a sweep.

    Attributes:
        folder: where they are.
        name: of the scenario.
        axes: keys that `--set` gave, with their values.
        table: one row a point.
    """

    folder: Path
    name: str
    axes: dict[str, list[Any]]
    table: pd.DataFrame

    @property
    def varied(self) -> dict[str, list[Any]]:
        """The axes that have more than one value."""
        return {key: values for key, values in self.axes.items() if len(values) > 1}

    @property
    def good(self) -> pd.DataFrame:
        """The rows of the points that did not fail."""
        return self.table[self.table["status"] == "ok"].reset_index(drop=True)


def tabulate(
    store: Store, points: Sequence[tuple[str, Mapping[str, str]]], lost: Mapping[str, Outcome] | None = None
) -> pd.DataFrame:
    """Return one row for each point that is done.

    Args:
        store: where they are kept.
        points: key and values of each.
        lost: points that ended without an end, such as those whose worker died.
    """
    rows = []
    for key, values in points:
        found = _row(store, key)
        if found is None and lost and key in lost:
            found = _failed(lost[key].error, lost[key].exit_status)
        if found is not None:
            settings = {name: typed(value) for name, value in values.items()}
            rows.append({**settings, "point": key, **found})
    names = dict.fromkeys(name for row in rows for name in row)
    return pd.DataFrame({name: _column([row.get(name) for row in rows]) for name in names})


def _column(values: list[Any]) -> Any:
    """Return values as a column of one type, with gaps; as text where they are of several."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int} and all(abs(value or 0) < 2**63 for value in values):
        return pd.array(values, dtype="Int64")
    if kinds <= {int, float}:
        return pd.array([None if value is None else float(value) for value in values], dtype="Float64")
    if kinds == {bool}:
        return pd.array(values, dtype="boolean")
    return pd.array([None if value is None else storable(str(value)) for value in values], dtype="string")


def _row(store: Store, key: str) -> dict[str, Any] | None:
    folder = store.record(key)
    if folder is None:
        failure = store.failure(key)
        return None if failure is None else _failed(failure["error"], failure["exit_status"])
    try:
        record = read_record(folder)
    except InputError as error:
        raise InputError(f"{error}; remove this folder to have the point run again") from None
    return _good(record.summary) if record.finished else _failed(unfinished(record.summary), UNFINISHED)


def _good(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of a point that has the record of a run that finished."""
    network, output = summary["network"], summary["output"]
    sent = [party["payload_bytes"] for party in summary["per_party"]]
    bits = _or_none(parse_bandwidth, network.get("bandwidth"))
    latency = _or_none(parse_time, network.get("latency"))
    return {
        "status": "ok",
        "error": None,
        "exit_status": 0,
        "retimed": "retimed_from" in summary,
        "latency_s": None if latency is None else latency / NANOSECONDS,
        "bandwidth_bit_s": bits,
        **{total: summary[total] for total in _TOTALS},
        "busiest_payload_bytes": max(sent, default=0),
        "compute_s": float(sum(party["compute_s"] for party in summary["per_party"])),
        "wall_s": summary["wall_s"],
        **{
            f"phases.{storable(name)}.{key}": phase[key]
            for name, phase in summary.get("phases", {}).items()
            for key in (*_TOTALS, "compute_s")
        },
        **{f"output.{storable(name)}": value for name, value in output.items() if _scalar(value)},
    }


def _failed(error: str | None, exit_status: int) -> dict[str, Any]:
    return {"status": "failed", "error": error, "exit_status": exit_status, "retimed": False}


def _scalar(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= _LONGEST_TEXT
    return isinstance(value, bool | int | float)


def _or_none(parse: Any, text: object) -> int | None:
    try:
        found: int | None = parse(text)
    except MpcsimError:
        return None
    return found


# Reading


def read_results(folder: Path) -> Results:
    """Read the results of a sweep, finished or interrupted.

    Raises:
        InputError: there is no sweep, it is damaged or of another format, or no point is done.
    """
    found = _read(folder / DESCRIPTION)
    if found is None:
        raise InputError(f"{folder}: no sweep here: there is no {DESCRIPTION}, or it is damaged")
    if found.get("format") != FORMAT:
        raise InputError(f"{folder}: found sweep format {found.get('format')!r}; accepted: {FORMAT}")
    try:
        points = [(str(point["key"]), dict(point["values"])) for point in found["points"]]
        axes = {axis["key"]: [typed(value) for value in axis["values"]] for axis in found["axes"]}
        name = str(found["name"])
    except (KeyError, TypeError, AttributeError, ValueError) as error:  # damaged: any JSON
        raise InputError(f"{folder}: damaged sweep: {type(error).__name__}: {error}") from None
    table = tabulate(Store(folder), points)
    if table.empty:
        raise InputError(f"{folder}: an empty sweep: none of its {len(points)} points is done")
    return Results(folder, name, axes, table)


def _json(value: Any) -> str:
    return to_json(value, default=str) + "\n"


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
