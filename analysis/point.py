"""One point of a sweep, as a worker process runs it: a scenario in, a run record as bytes out."""

from __future__ import annotations

import sys
import threading
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

from analysis.scratch import scratch
from mpcsim import MpcsimError, log
from mpcsim.scenario import Scenario

_ONE_AT_A_TIME = threading.Lock()
"""A Dask worker has many threads; a run measures its process, so it has it to itself."""

_FOLDERS = ("record of the run so far", "the run itself finished; its record")
"""How notes begin that name a folder which is gone when the point is done; what was in it is kept."""
UNFINISHED = 3
"""Exit status of a run that did not finish."""


@dataclass(frozen=True)
class Outcome:
    """What came of a point: the files of its run record; an error and its exit status, where it failed.

    A point that failed has the record as far as the run went, if it began.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    error: str | None = None
    exit_status: int = 0


def solve(scenario: Scenario) -> Outcome:
    """Run a scenario. Every error becomes an outcome, so that the other points go on."""
    with (
        _ONE_AT_A_TIME,
        redirect_stdout(sys.stderr),
        scratch() as place,
    ):
        folder = place / "record"
        error, status = None, 0
        try:
            _run(scenario, folder)
        except MpcsimError as problem:
            notes = [note for note in getattr(problem, "__notes__", []) if not note.startswith(_FOLDERS)]
            error, status = "; ".join([str(problem), *notes]), problem.exit_status
        except (Exception, KeyboardInterrupt) as problem:  # a user's code; workers ignore Ctrl-C themselves
            error, status = f"unexpected {type(problem).__name__}: {problem}", UNFINISHED
        return Outcome(_files(folder), error, status)


def _run(scenario: Scenario, folder: Path) -> None:
    from mpcsim import plugins
    from mpcsim.scenario import execute

    with log.warnings_alone():
        execute(scenario, plugins.workloads(), folder)


def _files(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder, none where there is no such folder."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}
