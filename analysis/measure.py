"""Measurements: scenarios run in this process, and the cost that their meters show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import scenarios
from analysis.costs.catalogue import Formula
from analysis.costs.setting import Setting
from analysis.rows import cost
from mpcsim import Run, workload
from mpcsim.scenario import Scenario, load_scenario

SHIPPED = [Path(scenarios.__file__).parent]


Formulas = Mapping[str, Formula]
"""By the name of the operation."""


@dataclass(frozen=True)
class Measured:
    """A finished run with what it was a run of, and the formulas that the workload brings along."""

    scenario: Scenario
    run: Run
    output: dict[str, Any]
    setting: Setting | None
    formulas: Formulas | None = None

    def span(self, name: str, parties: int = 3) -> dict[str, Any]:
        """Return rounds and payload bytes of a span."""
        span = self.run.span(name)
        sent = [span.sent[i].payload_bytes if i in span.sent else 0 for i in range(parties)]
        return cost(span.rounds, sent)

    def whole(self) -> dict[str, Any]:
        """Return rounds and payload bytes of the run."""
        return cost(self.run.rounds, [party.sent.payload_bytes for party in self.run.per_party])


def measure(scenario: str | Path, overrides: Sequence[str] = ()) -> Measured:
    """Run a scenario file, or a shipped scenario by name.

    Raises:
        MpcsimError: the scenario is refused, or the run does not finish.
    """
    loaded = load_scenario(scenario, [*overrides, "engine.trace=false"], None, SHIPPED)
    program = workload.build_program(loaded, scenarios.WORKLOADS)
    run = workload.run_program(program, loaded)
    tables = program.describe
    setting = (
        Setting.read(tables["ring"], tables["protocol"])
        if tables.get("ring") and tables.get("protocol")
        else None
    )
    return Measured(loaded, run, program.summarize(run), setting, own_formulas(loaded))


def own_formulas(scenario: Scenario) -> Formulas | None:
    """Return the `FORMULAS` of the file that a scenario's workload is in, if it is not one of ours.

    Raises:
        InputError: the workload cannot be loaded.
    """
    if scenario.workload in scenarios.WORKLOADS:
        return None
    function = workload.load_workload(scenario.workload, scenario.folder, scenarios.WORKLOADS)
    formulas: Formulas | None = function.__globals__.get("FORMULAS")
    return formulas
