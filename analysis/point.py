"""One point of a sweep, as a worker process runs it: a scenario in, a run record as bytes out."""

from __future__ import annotations

import logging
import sys
import tempfile
import threading
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

from mpcsim import MpcsimError
from mpcsim.scenario import Scenario

_ONE_AT_A_TIME = threading.Lock()
"""A Dask worker has many threads; a run measures its process, so it has it to itself."""

_FOLDER = "record of the run so far"  # a note on a folder that is gone when the point is done
UNFINISHED = 3
"""Exit status of a run that did not finish."""


@dataclass(frozen=True)
class Outcome:
    """What came of a point: the files of its run record, or an error and its exit status."""

    files: dict[str, bytes] = field(default_factory=dict)
    error: str | None = None
    exit_status: int = 0


def solve(scenario: Scenario) -> Outcome:
    """Run a scenario. Every error becomes an outcome, so that the other points go on."""
    with _ONE_AT_A_TIME, redirect_stdout(sys.stderr):
        try:
            return Outcome(_run(scenario))
        except MpcsimError as error:
            notes = [note for note in getattr(error, "__notes__", []) if not note.startswith(_FOLDER)]
            text = "; ".join([str(error), *notes])
            return Outcome(error=text, exit_status=error.exit_status)
        except (Exception, KeyboardInterrupt) as error:  # a user's code; workers ignore Ctrl-C themselves
            text = f"unexpected {type(error).__name__}: {error}"
            return Outcome(error=text, exit_status=UNFINISHED)


def _run(scenario: Scenario) -> dict[str, bytes]:
    import structlog

    from mpcsim import plugins
    from mpcsim.scenario import execute

    quiet = structlog.make_filtering_bound_logger(logging.WARNING)
    structlog.configure(wrapper_class=quiet, logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    with tempfile.TemporaryDirectory(prefix="mpcsim-point-") as scratch:
        folder = execute(scenario, plugins.workloads(), Path(scratch) / "record").folder
        return {
            str(file.relative_to(folder)): file.read_bytes()
            for file in sorted(folder.rglob("*"))
            if file.is_file()
        }
