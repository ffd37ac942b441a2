"""Scenarios: files read and checked, workloads found, programs run, runs recorded.

In flows a scenario file; out flows a `Run` and its record. Who needs its modules `keys`, `determinism` or
`workload` as a whole imports them. It may import the engine, the network, the record and `simulate`.
"""

from mpcsim.scenario.running import execute, run_scenario
from mpcsim.scenario.workload import Program, build_program, calibrated, import_file, run_program
from mpcsim.scenario_file import EngineSettings, Scenario, load_scenario, read_tables, unknown, validate

__all__ = [
    "EngineSettings",
    "Program",
    "Scenario",
    "build_program",
    "calibrated",
    "execute",
    "import_file",
    "load_scenario",
    "read_tables",
    "run_program",
    "run_scenario",
    "unknown",
    "validate",
]
