"""Measurements: scenarios run in this process, and the cost that their meters show."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import scenarios
from analysis.costs import FamilySetting, Formula, operations
from analysis.costs.replicated3 import Setting
from analysis.predict.rows import cost
from mpcsim import InputError
from mpcsim.paths import Path as SpanPath
from mpcsim.paths import span_paths
from mpcsim.record import Record
from mpcsim.scenario import Scenario, load_scenario, workload
from scenarios.families import DEFAULT, families, find

SHIPPED = [Path(scenarios.__file__).parent]


Formulas = Mapping[str, Formula]
"""By the name of the operation."""


@dataclass(frozen=True)
class Measured:
    """What a finished run cost, what it was a run of, and the formulas that the workload brings along.

    Attributes:
        scenario: what was run.
        output: the workload's own.
        setting: of the protocols, None where the workload says none.
        rounds: of the whole run.
        rows: its spans, as a record has them.
        sent: payload bytes by party.
        roles: by party.
        formulas: of a workload that is not ours.
        family: whose protocols ran.
        parties: how many servers it had.
    """

    scenario: Scenario
    output: Mapping[str, Any]
    setting: Setting | FamilySetting | None
    rounds: int
    rows: Sequence[Mapping[str, Any]]
    sent: list[int]
    roles: list[str]
    formulas: Formulas | None = None
    family: str = DEFAULT
    parties: int = 3

    @classmethod
    def of_record(cls, record: Record) -> Measured:
        """Return what a run record says.

        Raises:
            InputError: the run did not finish, or in an abort, or its workload cannot be loaded.
        """
        summary = record.summary
        if summary.get("error"):
            raise InputError("the run did not finish")
        _refuse_aborted(summary.get("aborts", {}), summary.get("adversaries", []))
        sent = [party["payload_bytes"] for party in summary["per_party"]]
        roles = [party["role"] for party in summary["per_party"]]
        setting, formulas = _setting(summary), own_formulas(record.scenario)
        rounds, rows = summary["rounds"], summary["spans"]
        return cls(
            record.scenario, summary["output"], setting, rounds, rows, sent, roles, formulas,
            *_family(summary),
        )  # fmt: skip

    def told(self, name: str) -> Any:
        """Return what the workload's output says.

        Raises:
            InputError: it does not say so.
        """
        if name not in self.output:
            raise InputError(f"the output of the workload {self.scenario.workload!r} has no {name!r}")
        return self.output[name]

    def span(self, name: str, parties: int | None = None, *, last: bool = False) -> dict[str, Any]:
        """Return rounds and payload bytes of the first span of a name.

        Args:
            name: of the span.
            parties: how many are shown at least: the servers (all, where no role is called so). Whoever
                else sends in the span is shown whatever is asked for: no byte goes uncounted.
            last: the last span of the name in its stead.

        Raises:
            InputError: the run has none.
        """
        for row in reversed(self.rows) if last else self.rows:
            if row["name"] == name:
                return self._cost(row, self._servers if parties is None else parties)
        raise InputError(f"the run has no span {name!r}")

    def spans(self) -> dict[SpanPath, dict[str, Any]]:
        """Return rounds and payload bytes of every span, of all parties."""
        return {
            path: self._cost(row, len(self.sent))
            for path, row in zip(span_paths(self.rows), self.rows, strict=True)
        }

    def whole(self) -> dict[str, Any]:
        """Return rounds and payload bytes of the run."""
        return cost(self.rounds, self.sent)

    @property
    def _servers(self) -> int:
        """How many parties there are up to the last server; all, where no role is called so."""
        servers = [number for number, role in enumerate(self.roles) if role.startswith("server")]
        return max(servers, default=len(self.roles) - 1) + 1

    @staticmethod
    def _cost(row: Mapping[str, Any], parties: int) -> dict[str, Any]:
        sent = row["payload_bytes_per_party"]
        shown = max([parties, *(int(party) + 1 for party, size in sent.items() if size)])
        return cost(row["rounds"], [sent.get(str(party), 0) for party in range(shown)])


def measure(scenario: str | Path, overrides: Sequence[str] = ()) -> Measured:
    """Run a scenario file, or a shipped scenario by name.

    Raises:
        MpcsimError: the scenario is refused, or the run does not finish.
        InputError: it ends in an abort.
    """
    loaded = load_scenario(scenario, [*overrides, "engine.trace=false"], None, SHIPPED)
    program = workload.build_program(loaded, scenarios.WORKLOADS)
    setting = _setting(program.describe)  # refused before the run, where no formula knows it
    run = workload.run_program(program, loaded)
    _refuse_aborted(run.aborts, run.adversaries)
    rows = [span.describe() for span in run.spans]
    sent = [party.sent.payload_bytes for party in run.per_party]
    roles = [party.role for party in run.per_party]
    output, formulas = program.summarize(run), own_formulas(loaded)
    family = _family(program.describe)
    return Measured(loaded, output, setting, run.rounds, rows, sent, roles, formulas, *family)


def _refuse_aborted(aborts: Collection[Any], adversaries: Iterable[str]) -> None:
    """Raise InputError where some party aborted."""
    if aborts:
        who = ", ".join(adversaries) or "nobody that is declared"
        raise InputError(
            f"expect: this run ends in an abort (adversaries: {who}); formulas are those of whole runs; "
            "accepted: runs that finish, such as this one with --set 'adversaries=[]' --set expect=finish"
        )


def _family(tables: Mapping[str, Any]) -> tuple[str, int]:
    """Return the family that the blocks of a record name, and its number of servers."""
    return tables.get("family", DEFAULT), tables.get("parties", {}).get("n", 3)


def setting_of(scenario: Scenario) -> Setting | FamilySetting | None:
    """Return ring and choices of a scenario that need not run; None where its workload has none.

    Raises:
        InputError: its workload refuses it, or has tables that no formula knows.
    """
    return _setting(workload.build_program(scenario, scenarios.WORKLOADS).describe)


def _setting(tables: Mapping[str, Any]) -> Setting | FamilySetting | None:
    ring, protocol = tables.get("ring"), tables.get("protocol")
    if tables.get("family", DEFAULT) != DEFAULT:
        return FamilySetting.read(tables["ring"], tables["protocol"], tables["parties"])
    return Setting.read(ring, protocol) if ring and protocol else None


def formulas_of(family: str, folder: Path | None = None) -> Formulas:
    """Return the formulas of a family: ours, or `FORMULAS` of the file that it is in.

    Raises:
        InputError: there is no such family.
    """
    if family in families():
        return operations(family)
    module = sys.modules[find(family, folder).__module__]
    formulas: Formulas = getattr(module, "FORMULAS", {})
    return formulas


def own_formulas(scenario: Scenario) -> Formulas | None:
    """Return the `FORMULAS` of the file that a scenario's workload is in; of one of ours, its family's.

    Raises:
        InputError: the workload cannot be loaded.
    """
    if scenario.workload in scenarios.WORKLOADS:
        if scenario.workload != "microbench":
            return None
        return formulas_of(scenario.tables.get("protocol", {}).get("family", DEFAULT), scenario.folder)
    function = workload.load_workload(scenario.workload, scenario.folder, scenarios.WORKLOADS)
    formulas: Formulas | None = function.__globals__.get("FORMULAS")
    return formulas
