"""What a figure can be drawn from: run records, sweeps and validations, read from their folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from analysis.sweep import DESCRIPTION, Results, read_results
from mpcsim import InputError
from mpcsim.record import Record, read_record

VALIDATION = "validation.csv"
_VALIDATION_COLUMNS = (
    "op", "params", "predicted_rounds", "predicted_payload_bytes", "measured_rounds",
    "measured_payload_bytes",
)  # fmt: skip


@dataclass(frozen=True)
class Sources:
    """What was given, by what it is; `span` is the span that a message diagram shows."""

    records: list[Record] = field(default_factory=list)
    sweeps: list[Results] = field(default_factory=list)
    validations: list[pd.DataFrame] = field(default_factory=list)
    span: str | None = None

    def what(self) -> str:
        """Say what was given."""
        counts = {
            "run record": len(self.records),
            "sweep": len(self.sweeps),
            "validation": len(self.validations),
        }
        parts = [f"{count} {what}{'s' * (count > 1)}" for what, count in counts.items() if count]
        return " and ".join(parts) or "nothing"


def read(paths: Sequence[Path]) -> Sources:
    """Read folders of runs, sweeps and validations.

    Raises:
        InputError: one is none of these, or is damaged.
    """
    found = Sources()
    for path in paths:
        if (path / DESCRIPTION).is_file():
            found.sweeps.append(read_results(path))
        elif path.name == VALIDATION and path.is_file():
            found.validations.append(_validation(path))
        elif (path / VALIDATION).is_file():
            found.validations.append(_validation(path / VALIDATION))
        elif path.is_dir():
            found.records.append(read_record(path))
        else:
            raise InputError(
                f"{path}: no such folder; accepted: a run record, a sweep (mpcsim sweep), or what "
                "`mpcsim validate --out DIR` wrote"
            )
    return found


def _validation(path: Path) -> pd.DataFrame:
    try:
        kinds = dict.fromkeys(("op", "params", "network"), str)  # an operation may be called "nan"
        gaps = {column: [""] for column in _VALIDATION_COLUMNS[2:]}
        table = pd.read_csv(path, dtype=kinds, keep_default_na=False, na_values=gaps)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: damaged: {error}") from None
    missing = [column for column in _VALIDATION_COLUMNS if column not in table]
    if missing:
        raise InputError(f"{path}: damaged or of an older version: no column {', '.join(missing)}")
    return table if "network" in table else table.assign(network="")
