"""Workloads: the functions that scenarios name, and how a scenario becomes programs of parties.

A workload is one function, of one of two kinds:

- `async def program(party)` or `async def program(party, settings)`: every party runs it. The
  scenario's top-level key `parties` (default 3) says how many there are.
- `def build(settings)` or `def build(settings, scenario)`, which returns a `Program`: programs by
  role, and what the run record says about the result.

`settings` holds the scenario's tables that are not the engine's: validated, where the parameter is
annotated with a pydantic model; else a plain dict.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
import traceback
import typing
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from mpcsim import log
from mpcsim.arguments import party_count
from mpcsim.causes import described, guarded
from mpcsim.engine import Party, Scheduler
from mpcsim.errors import InputError, ScenarioError
from mpcsim.faults import corrupt
from mpcsim.record import Run
from mpcsim.scenario_file import ENGINE_KEYS, Scenario, unknown, validate
from mpcsim.simulate import check_parties, simulate

Function = Callable[..., Any]


@dataclass(frozen=True)
class Program:
    """What a workload runs and how it reports.

    Attributes:
        roles: programs by role, servers first, then clients; a party's id is its position.
        summarize: gives the summary's `output` from the finished run.
        describe: further blocks of the summary, such as `ring` and `protocol`.
        render: what to print of the output: lines, or renderables of rich.
        observe: takes (name, party, value) of every `party.observe`; without it, `Run.observed` keeps them.
        begin: called before each run, for the text that sets its secret bytes apart from those of other
            runs with the same seed (`occasion` of `simulate`): for programs that go on from what is stored.
        prepare: called before a run with the roles that run in this process, to read what they alone may
            see; so what it refuses is refused before anything starts.
        calibrate: gives the lines of `mpcsim run --calibrate`, and what they say as a dict.
        public: gives `output` in place of `summarize` where the inputs of others are out of reach: of
            what parties returned, on several machines.
    """

    roles: Mapping[str, Callable[[Party], Awaitable[Any]]]
    summarize: Callable[[Run], dict[str, Any]]
    describe: Mapping[str, Any] = field(default_factory=dict)
    render: Callable[[dict[str, Any]], Iterable[Any]] | None = None
    observe: Callable[[str, int, Any], None] | None = None
    begin: Callable[[], str] | None = None
    prepare: Callable[[Collection[str]], None] | None = None
    public: Callable[[Run], dict[str, Any]] | None = None
    calibrate: Callable[[], tuple[dict[str, Any], Iterable[str]]] | None = None


def load_workload(
    reference: str, folder: Path, registry: Mapping[str, str], what: str = "workload"
) -> Function:
    """Return the function that a scenario names.

    Args:
        reference: a name of the registry, or "file.py:function".
        folder: where relative paths start.
        registry: shipped names, each with its "module:function".
        what: the key that names it.

    Raises:
        InputError: there is no such name, file or function, or the file cannot be imported.
    """
    if reference in registry:
        module_name, _, name = registry[reference].partition(":")
        function: Function = getattr(importlib.import_module(module_name), name)
        log.follow()
        return function
    file, _, name = reference.rpartition(":")
    if not file.endswith(".py"):
        problem = unknown(reference, list(registry), "name")
        raise InputError(f'{what}: {problem}, or "file.py:function"')
    path = folder / file
    if not path.is_file():
        raise InputError(f"{what}: {reference!r}: there is no file {path}")
    module = import_file(path.resolve(), what)
    found = getattr(module, name, None)
    if not inspect.isfunction(found):
        functions = [
            one for one, value in vars(module).items()
            if inspect.isfunction(value) and value.__module__ == module.__name__
        ]  # fmt: skip
        raise InputError(f"{what}: {path}: {unknown(name, functions, 'function')}")
    return found


def import_file(path: Path, what: str) -> Any:
    """Import a user's file; it may import its neighbours.

    Raises:
        InputError: it cannot be imported; `what` names the key that wanted it.
    """
    name = f"{path.stem}_{blake2b(str(path).encode(), digest_size=4).hexdigest()}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the user's code: sys.exit too, which would end us without a run
        del sys.modules[name]
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__)
                 if frame.filename == str(path)]  # fmt: skip
        where = f" (line {lines[-1]})" if lines else ""
        raise InputError(f"{what}: {path} cannot be imported{where}: {described(error)}") from error
    log.follow()
    return module


def calibrated(scenario: Scenario, registry: Mapping[str, str]) -> tuple[dict[str, Any], Iterable[str]]:
    """Return what a workload's calibration found, and lines for people; nothing runs.

    Raises:
        InputError: the workload has none, or refuses.
    """
    program = build_program(scenario, registry, only=())
    if program.calibrate is None:
        raise InputError(
            f"--calibrate: the workload {scenario.workload!r} has no calibration; accepted: "
            "private_inference, or a workload of yours whose program has one"
        )
    return program.calibrate()


def build_program(
    scenario: Scenario, registry: Mapping[str, str], only: Collection[str] | None = None
) -> Program:
    """Load a scenario's workload, hand it its settings, and have it read its inputs.

    Args:
        scenario: what is to run.
        registry: shipped workloads by name.
        only: roles whose inputs are read here; None: all.

    Raises:
        ScenarioError: the workload cannot be loaded, or refuses its settings.
    """
    try:
        function = load_workload(scenario.workload, scenario.folder, registry)
        made = _replicated if inspect.iscoroutinefunction(function) else _built
        program = made(function, scenario)
        if program.prepare is not None:
            with guarded(f"workload: {scenario.workload!r} failed", InputError, passing=Exception):
                program.prepare(program.roles if only is None else only)
        attacks = {
            role: load_workload(reference, scenario.folder, {}, f"adversaries.{number}.program")
            for number, (role, reference) in enumerate(scenario.adversaries)
        }
        return replace(program, roles=corrupt(program.roles, attacks)) if attacks else program
    except ScenarioError:
        raise
    except InputError as error:
        refused = scenario.refusal(error)
        refused.reason = error
        raise refused from error.__cause__


def _replicated(function: Function, scenario: Scenario) -> Program:
    """Have every party run `function`."""
    parameters = _parameters(function, scenario.workload, ("party", "settings"))
    tables = dict(scenario.tables)
    parties = party_count(tables.pop("parties", 3))
    if len(parameters) == 2:
        program: Callable[[Party], Awaitable[Any]] = partial(
            _with_settings, function, _settings(parameters[1], tables, ("parties",))
        )
    else:
        for key in tables:
            accepted = [*ENGINE_KEYS, "parties"]
            raise InputError(
                f"{key}: {unknown(key, accepted, 'key')}; {scenario.workload!r} takes no settings"
            )
        program = function
    roles = {f"party{id}": program for id in range(parties)}
    return Program(roles, summarize=lambda run: dict(run.outputs))


async def _with_settings(function: Function, settings: Any, party: Party) -> Any:
    return await function(party, settings)


def _built(function: Function, scenario: Scenario) -> Program:
    """Have `function` return the program."""
    parameters = _parameters(function, scenario.workload, ("settings", "scenario"))
    settings = _settings(parameters[0], scenario.tables, ())
    with guarded(f"workload: {scenario.workload!r} failed", InputError, passing=Exception):
        program = function(settings, scenario) if len(parameters) == 2 else function(settings)
    if not isinstance(program, Program):
        raise InputError(
            f"workload: {scenario.workload!r} returned {type(program).__name__}; accepted: "
            "mpcsim.scenario.Program (or write `async def`, for a program that every party runs)"
        )
    return program


def _parameters(function: Function, reference: str, names: tuple[str, str]) -> list[Any]:
    """Return the annotations of a workload's one or two parameters."""
    parameters = list(inspect.signature(function).parameters.values())
    plain = all(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)
    second_fits = len(parameters) < 2 or names[1] in ("settings", parameters[1].name)
    if not plain or len(parameters) not in (1, 2) or not second_fits:
        kind = "async def" if names[0] == "party" else "def"
        raise InputError(
            f"workload: {reference!r} has the signature {inspect.signature(function)}; accepted: "
            f"`{kind} {function.__name__}({names[0]})` or "
            f"`{kind} {function.__name__}({', '.join(names)})`"
        )
    with guarded(f"workload: {reference!r}: its annotations cannot be read", InputError):
        try:
            hints = typing.get_type_hints(function)
        except NameError as error:
            raise InputError(f"workload: {reference!r}: annotation not found: {error}") from None
    return [hints.get(parameter.name) for parameter in parameters]


def _settings(annotation: Any, tables: dict[str, Any], also: tuple[str, ...]) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        with guarded(f"workload: {annotation.__name__} failed", InputError):
            return validate(annotation, tables, (*ENGINE_KEYS, *also))
    return tables


def run_program(
    program: Program,
    scenario: Scenario,
    *,
    audit: bool = False,
    watch: Callable[[Scheduler], None] | None = None,
) -> Run:
    """Run a scenario's program over its network.

    Args:
        program: what the scenario's workload runs.
        scenario: for network, faults, seed and engine.
        audit: keep a row for each message, see `simulate`.
        watch: called with the scheduler before the run starts.

    Raises:
        ScenarioError: the network, a fault or a speed does not fit the parties.
        MpcsimError: the run did not finish; `run` of the error is how far it went.
    """
    engine = scenario.engine
    try:
        check_parties(list(program.roles), scenario.network, scenario.faults, engine.speed)
    except InputError as error:
        raise scenario.refusal(error) from None
    return simulate(
        roles=program.roles,
        network=scenario.network,
        seed=scenario.seed,
        occasion="" if program.begin is None else program.begin(),
        compute=engine.compute,
        clock=engine.clock,
        trace=engine.trace,
        faults=scenario.faults,
        speed=engine.speed,
        check_payloads=engine.check_payloads,
        audit=audit,
        payloads=True,
        watch=watch,
        observer=program.observe,
    )
