"""Shipped scenarios, ready to run again and again in this process."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from mpcsim import Run
from mpcsim.scenario import load_scenario
from mpcsim.scenario.workload import build_program, run_program
from scenarios import WORKLOADS

SHIPPED = Path(str(files("scenarios")))


def prepare(name: str, *overrides: str) -> Callable[[], Run]:
    """Return what runs a shipped scenario; loading it and drawing its data is left out."""
    scenario = load_scenario(name, list(overrides), None, SHIPPED)
    program = build_program(scenario, WORKLOADS)
    return lambda: run_program(program, scenario)
