"""The second run of `mpcsim run --check-determinism`: a scenario in, one row for each message out."""

from __future__ import annotations

import sys
from pathlib import Path

from mpcsim import plugins
from mpcsim.errors import Interrupted, MpcsimError
from mpcsim.scenario import determinism, workload
from mpcsim.scenario_file import load_scenario


def main(scenario: Path, rows: Path) -> None:
    """Run a scenario and write its audit."""
    loaded = load_scenario(scenario)
    program = workload.build_program(loaded, plugins.workloads())
    try:
        finished = workload.run_program(program, loaded, audit=True)
    except (MpcsimError, Interrupted) as error:
        if error.run is None:
            raise
        finished = error.run
    determinism.write_rows(finished.audit or [], rows)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
