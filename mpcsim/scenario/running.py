"""From a scenario to a run record: what `mpcsim run` does between reading and printing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mpcsim import log, plugins, record
from mpcsim.errors import CheckFailed, InputError, Interrupted, MpcsimError, RunError
from mpcsim.record import Record, Run
from mpcsim.scenario import workload
from mpcsim.scenario.workload import Program
from mpcsim.scenario_file import Scenario, load_scenario

if TYPE_CHECKING:
    from mpcsim.engine import Scheduler


@dataclass(frozen=True)
class Finished:
    """A run that finished, with its summary and the folder of its record."""

    scenario: Scenario
    program: Program
    run: Run
    summary: dict[str, Any]
    folder: Path

    @property
    def record(self) -> Record:
        """Its record, as the files hold it."""
        return Record(self.folder, self.scenario, self.summary, self.run.events)


def run_scenario(
    name: str | Path, *changes: str, seed: int | None = None, out: Path | None = None
) -> Finished:
    """Run a scenario as `mpcsim run` does, from Python.

    Args:
        name: a file, or the name of a shipped one.
        changes: "KEY=VALUE", as `--set` takes them.
        seed: replaces the scenario's.
        out: the record's folder, new or empty; None for runs/NAME-DIGEST.

    Raises:
        ScenarioError: the file, a key or a value is not usable; and what `execute` raises.
    """
    scenario = load_scenario(name, changes, seed, plugins.scenario_folders())
    return execute(scenario, plugins.workloads(), out)


def execute(
    scenario: Scenario,
    registry: Mapping[str, str],
    out: Path | None,
    *,
    audit: bool = False,
    watch: Callable[[Scheduler], None] | None = None,
    runner: Callable[[Program, Scenario], Run] | None = None,
) -> Finished:
    """Build a scenario's workload, run it, summarise the run and write its record.

    Args:
        scenario: what to run.
        registry: shipped workloads by name.
        out: the record's folder; None for runs/NAME-DIGEST.
        audit: keep what a check of determinism compares.
        watch: called with the scheduler before the run starts.
        runner: runs the program elsewhere than in the simulator, as on sockets.

    Raises:
        MpcsimError: the run did not finish; its record up to there is written, and a note says where.
        CheckFailed: it finished without the abort that the scenario expects; its record is written.
        InputError: it finished, and its workload cannot summarise it, or JSON cannot hold what it says; the
            record is written all the same. What the workload raises of ours goes on as it is.
    """
    program = workload.build_program(scenario, registry, None if runner is None else ())
    log.info("run starts", scenario=scenario.name, parties=len(program.roles))
    try:
        if runner is None:
            run = workload.run_program(program, scenario, audit=audit, watch=watch)
        else:
            run = runner(program, scenario)
    except (MpcsimError, Interrupted) as error:
        if runner is None:
            error.add_note(_again(scenario))
        if error.run is not None:
            error.add_note(_keep_unfinished(out, error.run, scenario, program))
        raise
    log.info("run ends", time_s=run.makespan, digest=run.digest, wall_s=round(run.wall_s, 3))
    output, problem = _output(program, run)
    summary = record.summary(run, scenario, output, program.describe, problem)
    folder = record.write_record(out, run, scenario, summary)
    if problem is None and summary["output_error"] is not None:
        problem = InputError(summary["output_error"]["text"])
    if problem is not None:
        problem.add_note(f"the run itself finished; its record, without that: {folder}")
        raise problem
    if scenario.expect == "abort" and not run.aborts.keys() - set(run.adversaries):
        outcomes = ", ".join(f"{role} {outcome}" for role, outcome in run.outcomes.items())
        raise CheckFailed(f'expect = "abort": no honest party aborted: {outcomes}; record: {folder}')
    return Finished(scenario, program, run, summary, folder)


def _keep_unfinished(out: Path | None, run: Run, scenario: Scenario, program: Program) -> str:
    """Write the record of a run that did not finish; say where it is, or why there is none."""
    summary = record.summary(run, scenario, {}, program.describe)
    try:
        return f"record of the run so far: {record.write_record(out, run, scenario, summary)}"
    except InputError as error:
        return f"no record of the run so far: {error}"


def _output(program: Program, run: Run) -> tuple[Mapping[str, Any], BaseException | None]:
    """Summarise a run; where its workload cannot, return what is to be raised once the record is written.

    A run in which a party crashed may have nothing to summarise; one in which parties aborted has what its
    workload makes of it, or nothing.
    """
    try:
        if run.sockets is not None and not run.sockets["observed"] and program.public is not None:
            return program.public(run), None
        return program.summarize(run), None
    except (MpcsimError, KeyboardInterrupt) as error:
        if run.aborts and not isinstance(error, KeyboardInterrupt):
            return _nothing(run, error)
        return {}, error
    except (Exception, SystemExit) as error:  # a user's code may raise anything: keep the run
        if run.aborts:
            return _nothing(run, error)
        said = f"{type(error).__name__}: {error}"
        crashed = [role for role, outcome in run.outcomes.items() if outcome == "crashed"]
        problem: MpcsimError
        if crashed:
            problem = RunError(
                f"{', '.join(crashed)} crashed, as the faults said, and the others finished; the workload "
                f"cannot summarise such a run: {said}"
            )
        else:
            problem = InputError(f"the workload cannot summarise its run: {said}")
        problem.__cause__ = error
        return {}, problem


def _nothing(run: Run, error: BaseException) -> tuple[Mapping[str, Any], None]:
    """Return the result of a run whose parties aborted and whose workload cannot make anything of it."""
    said = {"error": str(error)} if isinstance(error, MpcsimError) else {}  # Python's words help nobody
    log.info("no result", aborted=list(run.aborts), **said)
    return {}, None


def _again(scenario: Scenario) -> str:
    if scenario.seed is None:
        return "the scenario has no seed: with --seed N the same command repeats a run exactly"
    return f"seed {scenario.seed}: the same command repeats this run exactly"
