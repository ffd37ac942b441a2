"""The engine's own commands. What a command needs is imported when it runs: `--help` answers at once."""

from __future__ import annotations

import sys
from contextlib import ExitStack, redirect_stdout
from pathlib import Path
from typing import Annotated

import typer

from mpcsim.cli.options import Json, Overrides, ScenarioName


def run(
    scenario: ScenarioName,
    overrides: Overrides = None,
    seed: Annotated[int | None, typer.Option(help="Replace the scenario's seed.", min=0)] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Shapes alone, no data: same costs, no values (--set dry_run=true)."
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The run record's folder, new or empty; without it, runs/NAME-DIGEST.",
        ),
    ] = None,
    check_determinism: Annotated[
        bool,
        typer.Option(
            "--check-determinism",
            help="Run again in another process and compare event by event; exit status 1 on a difference.",
        ),
    ] = False,
    profile: Annotated[
        bool, typer.Option("--profile", help="Show where processor time went, by span and by function.")
    ] = False,
    makespans: Annotated[
        bool,
        typer.Option(
            "--makespans", help="Add the makespan by the link law and over TCP to the JSON (`makespans`)."
        ),
    ] = False,
    processes: Annotated[
        bool,
        typer.Option(
            "--processes", help="Every party a process of its own on this machine, over TCP and TLS."
        ),
    ] = False,
    hosts: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Collect the record of parties that run elsewhere (`mpcsim party`), by this hosts file.",
        ),
    ] = None,
    plaintext: Annotated[
        bool, typer.Option("--plaintext", help="On sockets: without TLS, for measurements.")
    ] = False,
    reproducible: Annotated[
        bool,
        typer.Option(
            "--reproducible", help="On sockets: keys from the scenario's seed, for comparisons; no secrecy."
        ),
    ] = False,
    calibrate: Annotated[
        bool,
        typer.Option(
            "--calibrate",
            help="Run nothing: propose fraction_bits and value_bits, from the clear twin on the data.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Run a scenario, print what it cost and what came out, and keep the run record."""
    from mpcsim import log, plugins, record
    from mpcsim.cli.printed import print_run
    from mpcsim.cli.progress import Progress
    from mpcsim.cli.socket_commands import socket_runner
    from mpcsim.scenario import calibrated, execute
    from mpcsim.scenario_file import load_scenario

    log.configure()
    if out is not None:
        record.check_folder(out)
    changes = [*(overrides or []), *(["dry_run=true"] if dry_run else [])]
    loaded = load_scenario(scenario, changes, seed, plugins.scenario_folders())
    if calibrate:
        found, said = calibrated(loaded, plugins.workloads())
        typer.echo(record.to_json(found) if as_json else "\n".join(said), nl=not as_json)
        return
    if check_determinism:
        from mpcsim.scenario import determinism

        determinism.check_possible(loaded)
    runner = socket_runner(
        loaded,
        processes=processes,
        hosts=hosts,
        plaintext=plaintext,
        reproducible=reproducible,
        unfit={"--check-determinism": check_determinism, "--profile": profile},
    )
    # What a workload prints is no part of the result.
    with (
        redirect_stdout(sys.stderr if as_json else sys.stdout),
        Progress() as progress,
        ExitStack() as more,
    ):
        if profile:
            from mpcsim.cli.profiling import Profiler

            profiler = more.enter_context(Profiler())
        done = execute(
            loaded, plugins.workloads(), out, audit=check_determinism, watch=progress.watch, runner=runner
        )
    if profile:
        done.summary["profile"] = profiler.describe()
    if check_determinism:
        others = determinism.rows_of_another_process(loaded)
        roles = list(done.program.roles)
        done.summary["determinism"] = determinism.compare(done.run.audit or [], others, roles)
    if makespans:
        for entry in plugins.entries(plugins.MAKESPANS):
            done.summary["makespans"] = plugins.load(entry)(done.record, always=True)
    if as_json:
        typer.echo(record.to_json(done.summary), nl=False)
    elif log.quiet():
        typer.echo(done.folder)
    else:
        print_run(done.record, done.program.render)


def trace(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run record.")],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The file to write; without it, RUN/trace.json."),
    ] = None,
) -> None:
    """Write a run's events in the Chrome trace event format, for ui.perfetto.dev."""
    from mpcsim import record
    from mpcsim.record import chrome
    from mpcsim.texts import plural

    found = record.read_record(run)
    file = out or run / "trace.json"
    roles = [party["role"] for party in found.summary["per_party"]]
    count = chrome.write_trace(
        found.events(), roles, file, finished=found.finished, phases=list(found.summary.get("phases", {}))
    )
    typer.echo(f"{file}: {plural(count, 'trace event')}; open it at ui.perfetto.dev")
    if not found.finished:
        typer.echo(record.unfinished(found.summary))


def list_shipped(context: typer.Context, as_json: Json = False) -> None:
    """List the scenarios that ship with mpcsim, and the workloads that a scenario can name."""
    if context.invoked_subcommand is not None:
        return
    import json

    from mpcsim import plugins

    files = {file.stem: file for folder in plugins.scenario_folders() for file in folder.glob("*.toml")}
    found = {name: _description(files[name]) for name in sorted(files)}
    workloads = list(plugins.workloads())
    if as_json:
        rows = [{"name": name, "description": text} for name, text in found.items()]
        typer.echo(json.dumps({"scenarios": rows, "workloads": workloads}, indent=2))
        return
    from mpcsim.terminal import Column, Sheet, console

    table = Sheet(
        [Column("scenario"), Column("what it runs")],
        notes=["first sentences; --json has all that a scenario says of itself, and so has its file"],
    )
    for name, text in found.items():
        table.add(name, _first_sentence(text))
    out = console()
    out.show(table)
    out.say(f'\nworkloads: {", ".join(workloads)}, or "file.py:function"')


def _first_sentence(text: str) -> str:
    import re

    found = re.search(r"(?<!\bal)\.(?=\s+[A-Z0-9])", text)  # "et al. 2019" goes on
    return text[: found.end()] if found else text


def _description(file: Path) -> str:
    """Return a scenario's `description`, or else the comment that opens its file."""
    import tomllib
    from itertools import takewhile

    text = file.read_text(encoding="utf-8")
    described = tomllib.loads(text).get("description")
    if described:
        return str(described)
    comment = takewhile(lambda line: line.startswith("#"), text.splitlines())
    return " ".join(line.strip("# ") for line in comment)
