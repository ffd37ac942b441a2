"""From a scenario to a run record: what `mpcsim run` does between reading and printing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from mpcsim import record, workload
from mpcsim.errors import Interrupted, MpcsimError, RunError
from mpcsim.scenario import Scenario
from mpcsim.simulate import Run
from mpcsim.workload import Program

if TYPE_CHECKING:
    from mpcsim.scheduler import Scheduler


@dataclass(frozen=True)
class Finished:
    """A run that finished, with its summary and the folder of its record."""

    program: Program
    run: Run
    summary: dict[str, Any]
    folder: Path


def execute(
    scenario: Scenario,
    registry: Mapping[str, str],
    out: Path | None,
    *,
    audit: bool = False,
    watch: Callable[[Scheduler], None] | None = None,
) -> Finished:
    """Build a scenario's workload, run it, summarise the run and write its record.

    Args:
        scenario: what to run.
        registry: shipped workloads by name.
        out: the record's folder; None for runs/NAME-DIGEST.
        audit: keep what a check of determinism compares.
        watch: called with the scheduler before the run starts.

    Raises:
        MpcsimError: the run did not finish; its record up to there is written, and a note says where.
    """
    program = workload.build_program(scenario, registry)
    log = structlog.get_logger()
    log.info("run starts", scenario=scenario.name, parties=len(program.roles))
    try:
        run = workload.run_program(program, scenario, audit=audit, watch=watch)
    except (MpcsimError, Interrupted) as error:
        error.add_note(_again(scenario))
        if error.run is not None:
            summary = record.summary(error.run, scenario, {}, program.describe)
            folder = record.write_record(out, error.run, scenario, summary)
            error.add_note(f"record of the run so far: {folder}")
        raise
    log.info("run ends", time_s=run.makespan, digest=run.digest, wall_s=round(run.wall_s, 3))
    summary = record.summary(run, scenario, _output(program, run), program.describe)
    return Finished(program, run, summary, record.write_record(out, run, scenario, summary))


def _output(program: Program, run: Run) -> dict[str, Any]:
    """Summarise a run; one in which a party crashed may have nothing to summarise."""
    try:
        return program.summarize(run)
    except Exception as error:  # a workload's code may miss a crashed party's output in any way
        crashed = [act["party"] for act in run.faults if act["kind"] == "crash"]
        if not crashed or isinstance(error, MpcsimError):
            raise
        raise RunError(
            f"{', '.join(crashed)} crashed, as the faults said, and the others finished; the workload "
            f"cannot summarise such a run: {type(error).__name__}: {error}"
        ) from error


def _again(scenario: Scenario) -> str:
    if scenario.seed is None:
        return "the scenario has no seed: with --seed N the same command repeats a run exactly"
    return f"seed {scenario.seed}: the same command repeats this run exactly"
