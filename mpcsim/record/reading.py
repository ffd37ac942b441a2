"""Reading a run record: whatever is damaged is refused here, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from mpcsim.errors import InputError
from mpcsim.record.files import EVENTS, SUMMARY, TABLE, arrow_schema
from mpcsim.record.files import SCENARIO as SCENARIO_FILE
from mpcsim.scenario_file import Scenario, load_scenario

_LINES = 4096  # read as one JSON document: faster than one by one
_BATCH = 2**14
Event = dict[str, Any]


@dataclass(frozen=True)
class Record:
    """A run record that was read back and checked: keys are there, of their types, and fit together.

    Attributes:
        folder: where it is.
        scenario: what was run.
        summary: its `summary.json`.
        run_events: of a run of this process, which need not be read back.
    """

    folder: Path
    scenario: Scenario
    summary: dict[str, Any]
    run_events: Sequence[Event] | None = field(default=None, repr=False, compare=False)

    @property
    def finished(self) -> bool:
        """Whether the run came to its end; else `summary["error"]` says why, and totals go so far."""
        return bool(self.summary["finished"])

    def events(self) -> Iterator[Event]:
        """Yield the events in order, each as the engine can have written it.

        Raises:
            InputError: the run kept none, or one is damaged or does not fit those before it.
        """
        lines, table = self.folder / EVENTS, self.folder / TABLE
        if self.run_events is not None:
            yield from self.run_events
        elif table.is_file():
            yield from self._checked(_read_table(table), table, "row")
        elif lines.is_file():
            yield from self._checked(_read_lines(lines), lines, "line")
        else:
            why = "was retimed" if self.summary.get("retimed_from") else "kept no trace (engine.trace)"
            raise InputError(f"{self.folder}: no {EVENTS}: the run {why}")

    def _checked(self, batches: Iterator[list[Event]], path: Path, what: str) -> Iterator[Event]:
        from mpcsim.record.event_checks import EventCheck, Unfit  # likewise

        check = EventCheck(self.summary, self.scenario.faults)
        try:
            for batch in batches:
                check.take(batch)
                yield from batch
            check.finish()
        except Unfit as error:
            place = f"{what} {check.number}: " if error.here else ""
            raise InputError(f"{path}: damaged: {place}{error}") from None


def _read_lines(path: Path) -> Iterator[list[Event]]:
    done = 0
    try:
        with path.open("rb") as file:
            while lines := list(islice(file, _LINES)):
                try:
                    yield json.loads(b"[" + b",".join(lines) + b"]")
                except (ValueError, RecursionError):
                    raise InputError(_first_damaged(path, lines, done)) from None
                done += len(lines)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def _first_damaged(path: Path, lines: list[bytes], done: int) -> str:
    for number, line in enumerate(lines, done + 1):
        try:
            json.loads(line)
        except UnicodeDecodeError as error:
            return f"{path}: damaged: line {number} is not UTF-8 text (byte {error.start})"
        except (ValueError, RecursionError) as error:
            return f"{path}: damaged: line {number} is no JSON: {error}"
    return f"{path}: damaged: between lines {done + 1} and {done + len(lines)}"


def _read_table(path: Path) -> Iterator[list[Event]]:
    import pyarrow
    import pyarrow.parquet as parquet

    try:
        with parquet.ParquetFile(path, page_checksum_verification=True) as file:
            if file.schema_arrow != arrow_schema():
                raise InputError(
                    f"{path}: damaged: found the columns {', '.join(file.schema_arrow.names)}; accepted: "
                    f"{', '.join(arrow_schema().names)}, as text and 64-bit integers"
                )
            for batch in file.iter_batches(_BATCH):
                batch.validate(full=True)
                yield batch.to_pylist()
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: damaged: {str(error).strip()}") from None


def read_record(folder: Path) -> Record:
    """Read a run record; its events are read, and checked, when asked for.

    Raises:
        InputError: it is missing, damaged, or of another version of the format.
    """
    path = folder / SUMMARY
    if not path.is_file():
        raise InputError(f"{folder}: no run record here: there is no {SUMMARY}")
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: damaged: not UTF-8 text (byte {error.start})") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: damaged: no JSON: {error}") from None
    from mpcsim.record.summary_checks import check_summary  # models that a run does without

    scenario = load_scenario(folder / SCENARIO_FILE)
    return Record(folder, scenario, check_summary(found, scenario, path))
