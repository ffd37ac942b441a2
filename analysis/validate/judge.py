"""`mpcsim validate`: predicted and measured cost, side by side, and whether they are equal."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

import tomli_w

from analysis.costs import network_of
from analysis.predict import SHIPPED, Row, measure, own_formulas
from analysis.predict import run as predict
from analysis.progress import Progress
from analysis.validate import claims, grid, growth
from mpcsim import CheckFailed, InputError
from mpcsim.errors import ScenarioError
from mpcsim.scenario import load_scenario
from mpcsim.texts import plural
from scenarios.families import DEFAULT, NotOffered, families, find
from scenarios.networks import ModelSettings, weights

_SHOWN = 20
_MICROBENCH = "microbench"


@dataclass(frozen=True)
class Validation:
    """What a validation found.

    Attributes:
        rows: formula against measurement.
        growth: how measured rounds and bits grow.
        judgements: published claims, judged.
    """

    rows: list[Row]
    growth: list[growth.Growth] = field(default_factory=list)
    judgements: list[claims.Judgement] = field(default_factory=list)

    def describe(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            "rows": [row.describe() for row in self.rows],
            "growth": [one.describe() for one in self.growth],
            "claims": [one.describe() for one in self.judgements],
        }

    def count(self) -> str:
        """Say how many rows are equal."""
        differ = sum(row.equal is False for row in self.rows)
        lacking = sum(not row.measured for row in self.rows)
        open_rows = sum(row.equal is None for row in self.rows) - lacking
        absent = f", {lacking} not offered" if lacking else ""
        unknown = f", {open_rows} without a formula" if open_rows else ""
        equal = len(self.rows) - differ - open_rows - lacking
        return f"{plural(len(self.rows), 'row')}: {equal:,} equal, {differ} differ{unknown}{absent}"

    def verdict(self) -> str:
        """Say in a line whether measurement and formula agree."""
        differ = any(row.equal is False for row in self.rows)
        return f"{'DIFFERENT' if differ else 'EQUAL, to the byte and the round'}: {self.count()}"

    def further(self) -> list[str]:
        """Say what else was looked at: small networks, other families, growth, claims."""
        by_family = Counter(row.family for row in self.rows)
        found = []
        if len(by_family) > 1:
            counts = ", ".join(f"{family} {count:,}" for family, count in by_family.items())
            found.append(f"rows by family: {counts}")
        if self.growth:
            found.append(f"growth: {plural(len(self.growth), 'fit')} of how rounds and bits grow")
        if self.judgements:
            verdicts = Counter(one.verdict for one in self.judgements)
            counts = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items())
            found.append(f"{plural(len(self.judgements), 'published claim')}: {counts}")
        return found

    def check(self) -> None:
        """Raise if a row differs.

        Raises:
            CheckFailed: naming the rows that differ.
        """
        differ = [row.difference() for row in self.rows if row.equal is False]
        if differ:
            more = [f"… and {len(differ) - _SHOWN} more"] if len(differ) > _SHOWN else []
            raise CheckFailed("\n  ".join([f"validate: {self.count()}", *differ[:_SHOWN], *more]))


def validate_scenario(scenario: str, file: Path | None = None) -> Validation:
    """Run a scenario and hold every span of it to its formula.

    Args:
        file: claims, of which those are judged that speak of the scenario's operation at its settings.

    Raises:
        InputError: the scenario or the file is not usable, there are no formulas for the workload, or none
            of the claims speaks of it.
    """
    claimed = claims.load(file) if file is not None else ()
    loaded = load_scenario(scenario, search=SHIPPED)
    predict.predictor(loaded.workload, own_formulas(loaded))  # refused before a long run
    predict.check_family(loaded.workload, loaded.tables.get("protocol", {}).get("family", DEFAULT))
    if file is not None:
        claims.check_measures(loaded.workload)
    measured = measure(scenario)
    rows = predict.rows(measured)
    return Validation(rows, [], claims.judge_in(claimed, measured, scenario) if file is not None else [])


def validate_all(
    file: Path | None = None, family: str | None = None, parties: int | None = None
) -> Validation:
    """Validate the grid of operations and of small networks, survey growth, judge claims.

    Args:
        file: claims, instead of the shipped ones.
        family: the one family; all, where there is none.
        parties: its servers, by default as many as it has.

    Raises:
        InputError: the file of claims is not usable, or there is no such family or number of servers.
    """
    claimed = claims.load(file or claims.SHIPPED)
    if family is not None:
        find(family, Path.cwd()).roster(parties)  # refused before the grid
        claimed = tuple(one for one in claimed if one.family == family and one.parties in (None, parties))
    elif parties is not None:
        raise InputError("validate: --parties goes with --family; accepted: both, or neither")
    chosen = [family] if family else list(families())
    runs = [len(list(grid.cells(None, one, parties))) + len(list(_networks(one))) for one in chosen]
    with Progress(sum(runs), what="measurement") as progress:
        done = progress.advance
        rows = [row for one in chosen for row in operation_rows(None, one, parties, done)]
        rows += [row for one in chosen for row in network_rows(one, parties, done)]
    surveyed = [row for one in chosen for row in growth.survey(one)]
    return Validation(rows, surveyed, claims.judge_all(claimed))


def operation_rows(
    operations: Sequence[str] | None = None,
    family: str = DEFAULT,
    parties: int | None = None,
    done: Callable[[], None] = lambda: None,
) -> Iterator[Row]:
    """Yield the rows of the microbench grid; of an operation that a family lacks, that it does.

    Args:
        operations: those of the microbench that are meant; None: all.
        family: whose protocols run.
        parties: its servers, by default as many as it has.
        done: called after each measurement.
    """
    for op, size, overrides in grid.cells(operations, family, parties):
        named = [f"workload.op={op}", f"workload.size={size}"]
        try:
            run = measure(_MICROBENCH, [*named, *overrides])
        except (ScenarioError, NotOffered) as refused:
            lacking = refused.reason if isinstance(refused, ScenarioError) else refused
            if not isinstance(lacking, NotOffered):
                raise
            params = {"n": size} | dict(one.split("=", 1) for one in overrides if one.startswith("ring."))
            of = find(family, Path.cwd())
            n = len(of.roster(parties).servers)
            reason = str(lacking).rpartition(": ")[2]
            yield Row(op, params, None, None, {}, reason, family=of.name, parties=n)
        else:
            yield from predict.rows(run)
        done()


def network_rows(
    family: str = DEFAULT, parties: int | None = None, done: Callable[[], None] = lambda: None
) -> Iterator[Row]:
    """Yield the rows of small networks with every kind of layer, of families with formulas of them.

    Args:
        family, parties, done: as of `operation_rows`.
    """
    of = grid.family_overrides(family, parties)
    for name, chosen in _networks(family):
        with _scenario_file(name, grid.MODELS[name]) as file:
            run = measure(file, [*of, *chosen])
            for row in predict.rows(run, f"{name}/"):
                yield replace(row, network=name)
        done()


def _networks(family: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the runs of small networks: which, and its overrides; of a family without formulas none."""
    if family != DEFAULT and network_of(family) is None:
        return
    choices = grid.network_choices() if family == DEFAULT else [{}]
    for name, (ring, images), choice in product(
        grid.MODELS, zip(grid.RINGS.values(), (1, 3), strict=True), choices
    ):
        chosen = [grid.override(key, value) for key, value in choice.items()]
        yield name, [*ring, *chosen, f"data.count={images}"]


@contextmanager
def _scenario_file(name: str, model: dict[str, Any]) -> Iterator[Path]:
    """Write an inference scenario of a network with random weights."""
    side, _, channels = model["input"]
    with tempfile.TemporaryDirectory(prefix="mpcsim-validate-") as folder:
        settings = ModelSettings.model_validate(model)
        weights.save(Path(folder) / "weights.npz", settings, weights.initial(settings))
        document = {
            "name": name,
            "workload": "private_inference",
            "seed": 1,
            "data": {"source": "ihc", "size": side, "channels": channels, "stride": 64},
            "model": model | {"weights": "weights.npz"},
        }
        file = Path(folder) / f"{name}.toml"
        file.write_text(tomli_w.dumps(document), encoding="utf-8")
        yield file
