"""`mpcsim sweep`: a scenario over many values of its keys, in parallel, resumable.

Finished points are kept in the sweep's folder under a hash of their resolved scenario: started again,
a sweep runs what is missing. Points that differ from another in `network` alone are retimed from its
record where `analysis.retime` can do that, and run where it cannot, or where every point shall be run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import tomli_w

from analysis import points as sweep_grid
from analysis.point import UNFINISHED, Outcome, solve
from analysis.points import Point, typed
from analysis.progress import Progress
from analysis.retime import retime_point
from analysis.sweep.engines import Engine, LocalEngine, compute
from analysis.sweep.results import Results, Store, describe, tabulate
from mpcsim import InputError, MpcsimError, RunError, plugins
from mpcsim.record import read_record, to_json
from mpcsim.scenario import Scenario, build_program
from mpcsim.texts import plural


@dataclass(frozen=True)
class Plan:
    """A sweep that was read, before anything runs.

    Attributes:
        points: in the order of the results.
        description: what `sweep.json` holds.
        folder: where the sweep keeps its points.
    """

    points: list[Point]
    description: dict[str, Any]
    folder: Path


@dataclass(frozen=True)
class Sweep:
    """A sweep that ended.

    Attributes:
        results: the table and its axes.
        reused: points that an earlier start had finished.
        ran: points that ran now.
        retimed: points that were retimed now.
    """

    results: Results
    reused: int
    ran: int
    retimed: int

    def exit_status(self) -> int:
        """Return the greatest exit status of any point."""
        return int(self.results.table["exit_status"].max())

    def count(self) -> str:
        """Say how many points there are and where they came from."""
        failed = int((self.results.table["status"] == "failed").sum())
        return (
            f"{plural(len(self.results.table), 'point')}: {self.ran} run, {self.retimed} retimed, "
            f"{self.reused} from before; {failed} failed"
        )


def plan(
    scenario: str,
    overrides: Sequence[str],
    shipped: Sequence[Path],
    *,
    zipped: bool = False,
    seed: int | None = None,
    out: Path | None = None,
) -> Plan:
    """Read a sweep's scenario and values, and resolve every point.

    Args:
        scenario: a file, or the name of a shipped one.
        overrides: "KEY=VALUES", see `sweep_grid`.
        shipped: the folders of the shipped scenarios.
        zipped: take the lists side by side, not as a product.
        seed: replaces the scenario's own.
        out: the sweep's folder; by default runs/NAME-sweep-HASH, where HASH stands for the scenario and
            for which keys vary: more values of the same keys use the same folder.

    Raises:
        InputError: nothing varies, or a scenario is refused (the message names the point).
    """
    axes = sweep_grid.read_axes(overrides, zipped=zipped)
    points = sweep_grid.resolve(scenario, axes, shipped, zipped=zipped, seed=seed)
    first = points[0].scenario
    if out is None:
        varied = {axis.key for axis in axes if len(axis.values) > 1}
        fixed = {axis.key: axis.values for axis in axes if len(axis.values) == 1}
        identity = repr((first.name, str(first.folder), first.workload, seed, sorted(varied), fixed))
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", first.name).strip("-.") or "run"
        out = Path("runs") / f"{name}-sweep-{blake2b(identity.encode(), digest_size=4).hexdigest()}"
    return Plan(points, describe(first, axes, points, zipped), out)


def run(
    planned: Plan,
    engine: Callable[[], Engine],
    *,
    jobs: int | None = None,
    retry: bool = False,
    retimes: bool = True,
) -> Sweep:
    """Compute the points that are missing, and write the results.

    Args:
        planned: what to run.
        engine: makes the engine that runs points.
        jobs: processes for retiming, which stays on this machine.
        retry: run the points again that failed.
        retimes: retime points where that can be done; False: run all, those that were retimed before too.

    Raises:
        InputError: the folder is not usable; every point was refused.
        RunError: the engine failed; what was finished is kept and tabulated, as after Ctrl-C.
    """
    _refuse_if_none_can_run(planned)
    store = Store(planned.folder)
    with store.opened(planned.description):
        points = {point.key: point for point in planned.points}
        if retry:
            for key in points:
                store.forget_failure(key)
        work = _Work(store, points, jobs, retimes)
        try:
            work.solve(engine)
        except KeyboardInterrupt as stop:
            stop.add_note(_kept(store))
            raise
        except MpcsimError as error:
            error.add_note(_kept(store))
            raise
        finally:
            rows = [(point.key, point.values) for point in planned.points]
            table = tabulate(store, rows, work.lost)
            if not table.empty:
                store.write_results(table)
    _refuse_if_all_failed(planned, store, work)
    axes = {axis["key"]: list(map(typed, axis["values"])) for axis in planned.description["axes"]}
    results = Results(planned.folder, planned.description["name"], axes, table)
    return Sweep(results, len(points) - len(work.missing), work.ran, work.retimed)


def _refuse_if_none_can_run(planned: Plan) -> None:
    """Have the shipped workload look at every point, until it accepts one: nothing is read, nothing runs.

    Raises:
        InputError: it accepts none.
    """
    registry = plugins.workloads()
    refusals: list[InputError] = []
    for point in planned.points:
        if point.scenario.workload not in registry:
            return  # the user's own code runs where the points do
        try:
            build_program(point.scenario, registry, only=())
        except InputError as error:
            refusals.append(error)
        except Exception:  # what it is, the point itself says
            return
        else:
            return
    raise InputError(f"none of {plural(len(planned.points), 'point')} can run; the first: {refusals[0]}")


def _kept(store: Store) -> str:
    return f"finished points are kept in {store.folder}: the same command goes on from there"


def _refuse_if_all_failed(planned: Plan, store: Store, work: _Work) -> None:
    first = planned.points[0]
    for point in planned.points:
        if store.record(point.key) is not None:
            return
    failure = store.failure(first.key) or {}
    lost = work.lost.get(first.key)
    text = failure.get("error") or (lost.error if lost else "failed")
    status = failure.get("exit_status", UNFINISHED)
    kind = InputError if status == InputError.exit_status else RunError
    raise kind(f"all {len(planned.points)} points failed; the first, {first.name}: {text}")


class _Work:
    """The missing points of a sweep: which are run, which are retimed, and what became of them."""

    def __init__(
        self, store: Store, points: dict[str, Point], jobs: int | None, retimes: bool = True
    ) -> None:
        self.store = store
        self.points = points
        self.missing = {
            key: point
            for key, point in points.items()
            if not store.finished(key) or not (retimes or store.failure(key) or store.was_run(key))
        }
        self.jobs = jobs
        self.retimes = retimes
        self.lost: dict[str, Outcome] = {}
        self.ran = self.retimed = 0

    def solve(self, engine: Callable[[], Engine]) -> None:
        """Compute every missing point."""
        bases = self._bases() if self.retimes else {}
        direct = [key for key in self.missing if key not in bases]
        done = len(self.points) - len(self.missing)
        with Progress(len(self.points), done, even=not bases) as progress:
            self._run(engine, direct, progress)
            if bases:
                refused = self._retime(bases, progress)
                self._run(engine, refused, progress)

    def _bases(self) -> dict[str, str]:
        """Return, for each point that can be retimed, the point to retime it from.

        That is a point that differs in `network` alone, finished before or run now.
        """
        chosen: dict[str, str] = {}
        bases: dict[str, str] = {}
        for key, point in self.points.items():
            if self.store.was_run(key):
                chosen.setdefault(point.structure, key)
        for key, point in self.missing.items():
            engine = point.scenario.engine
            if engine.clock != "virtual" or not engine.trace:
                continue
            base = chosen.setdefault(point.structure, key)
            if base != key:
                bases[key] = base
        return bases

    def _run(self, engine: Callable[[], Engine], keys: Sequence[str], progress: Progress) -> None:
        if not keys:
            return
        tasks = {key: (self.missing[key].scenario,) for key in keys}
        with engine() as opened, closing(compute(opened, solve, tasks)) as outcomes:
            for key, outcome, ended in outcomes:
                self.ran += 1
                if ended:
                    self.store.keep(key, outcome)
                else:
                    self.lost[key] = outcome
                progress.advance(failed=outcome.error is not None)

    def _retime(self, bases: dict[str, str], progress: Progress) -> list[str]:
        """Retime points, and return those that have to be run after all."""
        tasks = {}
        for key, base in bases.items():
            folder = self.store.record(base)
            if folder is not None:
                tasks[key] = (folder, self.missing[key].scenario)
        refused = [key for key in bases if key not in tasks]
        with LocalEngine(self.jobs) as engine, closing(compute(engine, retime, tasks)) as outcomes:
            for key, outcome, _ in outcomes:
                if outcome.error is not None:
                    refused.append(key)
                    continue
                self.retimed += 1
                self.store.keep(key, outcome)
                progress.advance()
        return refused


def retime(folder: Path, scenario: Scenario) -> Outcome:
    """Return the record of a scenario, retimed from the run in `folder`; its error where that cannot be."""
    try:
        summary = retime_point(read_record(folder), scenario) | {"retimed_from": folder.name}
    except MpcsimError as error:
        return Outcome(error=str(error), exit_status=error.exit_status)
    return Outcome(
        {
            "scenario.toml": tomli_w.dumps(scenario.document).encode(),
            "summary.json": to_json(summary).encode(),
        }
    )
