"""The command line. What a command needs is imported when it runs: `--help` answers at once."""

from __future__ import annotations

import sys
from contextlib import ExitStack, redirect_stdout
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="mpcsim",
    help="Run secure multi-party computation protocols over an emulated network.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

_Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on standard output, nothing else.")
]


@app.callback()
def _commands() -> None:
    """Make `run` a sub-command even where it is the only one."""


@app.command()
def run(
    scenario: Annotated[
        str,
        typer.Argument(
            metavar="SCENARIO", help="A scenario file, or the name of a shipped one (see `list`)."
        ),
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Replace a value of the scenario, as in network.latency=10ms. Repeatable.",
        ),
    ] = None,
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
    as_json: _Json = False,
) -> None:
    """Run a scenario, print what it cost and what came out, and keep the run record."""
    from mpcsim import determinism, log, profiling, record
    from mpcsim.progress import Progress
    from mpcsim.running import execute
    from mpcsim.scenario import load_scenario
    from scenarios import WORKLOADS

    log.configure()
    if out is not None:
        record.check_folder(out)
    changes = [*(overrides or []), *(["dry_run=true"] if dry_run else [])]
    loaded = load_scenario(scenario, changes, seed, _shipped())
    if check_determinism:
        determinism.check_possible(loaded)
    # What a workload prints is no part of the result.
    with (
        redirect_stdout(sys.stderr if as_json else sys.stdout),
        Progress() as progress,
        ExitStack() as more,
    ):
        profiler = more.enter_context(profiling.Profiler()) if profile else None
        done = execute(loaded, WORKLOADS, out, audit=check_determinism, watch=progress.watch)
    if profiler is not None:
        done.summary["profile"] = profiler.describe()
    if check_determinism:
        others = determinism.rows_of_another_process(loaded)
        roles = list(done.program.roles)
        done.summary["determinism"] = determinism.compare(done.run.audit or [], others, roles)
    if as_json:
        typer.echo(record.to_json(done.summary), nl=False)
    else:
        from analysis.printed import print_run

        print_run(done.summary, done.program.render, done.folder)


@app.command("audit-run", hidden=True)
def audit_run(scenario: Path, rows: Path) -> None:
    """Run a scenario and write one row for each message: the second run of --check-determinism."""
    from mpcsim import MpcsimError, determinism, workload
    from mpcsim.scenario import load_scenario
    from scenarios import WORKLOADS

    loaded = load_scenario(scenario)
    program = workload.build_program(loaded, WORKLOADS)
    try:
        finished = workload.run_program(program, loaded, audit=True)
    except MpcsimError as error:
        if error.run is None:
            raise
        finished = error.run
    determinism.write_rows(finished.audit or [], rows)


@app.command()
def trace(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run record.")],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The file to write; without it, RUN/trace.json."),
    ] = None,
) -> None:
    """Write a run's events in the Chrome trace event format, for ui.perfetto.dev."""
    from mpcsim import chrome, record

    found = record.read_record(run)
    file = out or run / "trace.json"
    roles = [party["role"] for party in found.summary["per_party"]]
    count = chrome.write_trace(found.events(), roles, file)
    typer.echo(f"{file}: {count} trace events; open it at ui.perfetto.dev")


@app.command()
def validate(
    scenario: Annotated[
        str | None,
        typer.Argument(
            metavar="[SCENARIO]",
            help="Validate every layer of this scenario; without it, every operation over a grid.",
        ),
    ] = None,
    claims: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Published claims to judge, in place of the shipped ones (grid only)."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the tables as Markdown, CSV and LaTeX: new or empty."),
    ] = None,
    as_json: _Json = False,
) -> None:
    """Hold measured rounds and bytes to their formulas; exit status 1 where a row differs."""
    import json

    from rich.console import Console

    from analysis import validate as validation
    from analysis import validation_tables
    from mpcsim import record

    if out is not None:
        record.check_folder(out)
    with redirect_stdout(sys.stderr if as_json else sys.stdout):
        found = validation.validate_scenario(scenario) if scenario else validation.validate_all(claims)
    written = validation_tables.write(found, out) if out is not None else []
    if as_json:
        typer.echo(json.dumps(found.describe(), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        console = Console(highlight=False)
        console.width = max(console.width, validation_tables.LEAST_WIDTH)
        for part in validation_tables.screen(found):
            console.print(part)
        console.print("\n".join([found.count(), *map(str, written)]), markup=False, soft_wrap=True)
    found.check()


@app.command()
def compare(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN RUN…", help="Run records; ratios are to the first.")
    ],
    as_json: _Json = False,
) -> None:
    """Set run records side by side: what differs, totals, and spans matched by path."""
    import json

    from rich.console import Console

    from analysis.compare import compare as compare_runs

    found = compare_runs(runs)
    if as_json:
        typer.echo(json.dumps(found.describe(), indent=2, ensure_ascii=False))
        return
    console = Console(highlight=False)
    for part in found.screen():
        console.print(part)


@app.command()
def sweep(
    scenario: Annotated[
        str, typer.Argument(metavar="SCENARIO", help="A scenario file, or the name of a shipped one.")
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=V1,V2,…",
            help="Values of a key: a list (1 ms,10 ms), a range (1..8, 10..100:10, 1..1000:*10, "
            "10..50:10 ms), or one value. Several --set: every combination.",
        ),
    ] = None,
    zipped: Annotated[
        bool, typer.Option("--zip", help="Take the lists side by side, not every combination.")
    ] = False,
    seed: Annotated[int | None, typer.Option(help="Replace the scenario's seed.", min=0)] = None,
    jobs: Annotated[
        int | None, typer.Option(help="Processes at a time; by default one for each core.", min=1)
    ] = None,
    engine: Annotated[str, typer.Option(help="local, or dask with --scheduler.")] = "local",
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Dask scheduler, as in tcp://10.0.0.1:8786.")
    ] = None,
    retry: Annotated[
        bool, typer.Option("--retry-failed", help="Run the points again that failed before.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="New, empty, or an earlier sweep's; without it, runs/NAME-sweep-HASH."
        ),
    ] = None,
    as_json: _Json = False,
) -> None:
    """Run a scenario over many values of its keys, in parallel; started again, it goes on."""
    from analysis import sweep as sweeps
    from analysis import sweep_report
    from analysis.sweep_engines import choose

    start = choose(engine, scheduler, jobs)
    planned = sweeps.plan(scenario, overrides or [], _shipped(), zipped=zipped, seed=seed, out=out)
    found = sweeps.run(planned, start, jobs=jobs, retry=retry)
    pictures = sweep_report.draw(found)
    if as_json:
        typer.echo(sweep_report.to_json(found), nl=False)
    else:
        sweep_report.show(found, pictures)
    raise typer.Exit(found.exit_status())


@app.command()
def retime(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run record.")],
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=V1,V2,…",
            help="A key of the network, as in network.latency=10ms. Several values, or a range, make a "
            "grid (1 ms,10 ms or 10..100:10 ms); several --set: every combination.",
        ),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option("--csv", metavar="FILE", help="Write the grid as CSV (one row a network)."),
    ] = None,
    as_json: _Json = False,
) -> None:
    """Say what a run would take over another network, and why, without running its protocol again."""
    from analysis import retime_report

    found = retime_report.retime(run, overrides or [], csv)
    found.show(as_json=as_json)
    raise typer.Exit(found.exit_status)


@app.command()
def plot(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN…", help="Run records, sweeps, or what `validate --out` wrote."),
    ],
    kinds: Annotated[
        list[str] | None,
        typer.Option(
            "--kind",
            metavar="KIND",
            help="layers, layers-sum, compare, messages (with --span), latency, bandwidth, network, sweep, "
            "formula, …; repeatable. "
            "Without it, all that the runs can feed.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where files go; without it, `figures` in RUN, or here."),
    ] = None,
    formats: Annotated[str, typer.Option("--format", help="Of svg, pdf, png.")] = "svg,pdf,png",
    span: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Span of a message diagram; NAME#2: its second occurrence."),
    ] = None,
) -> None:
    """Draw figures for papers, and print their files."""
    from analysis import plot as plots

    for path in plots.plot(runs, kinds or [], out, formats, span):
        typer.echo(str(path))


@app.command()
def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run record.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The page; without it, RUN/report.html.")
    ] = None,
) -> None:
    """Write a run as one HTML page that opens offline: layers, critical path, other networks, messages."""
    from analysis import report as reports

    typer.echo(str(reports.write(run, out)))


@app.command("list")
def list_shipped(as_json: _Json = False) -> None:
    """List the scenarios that ship with mpcsim, and the workloads that a scenario can name."""
    import json

    from scenarios import WORKLOADS

    found = {file.stem: _description(file) for file in sorted(_shipped().glob("*.toml"))}
    if as_json:
        rows = [{"name": name, "description": text} for name, text in found.items()]
        typer.echo(json.dumps({"scenarios": rows, "workloads": list(WORKLOADS)}, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("scenario", "what it runs", box=None, pad_edge=False)
    for name, text in found.items():
        table.add_row(name, text)
    console = Console(highlight=False)
    console.print(table)
    console.print(f'\nworkloads: {", ".join(WORKLOADS)}, or "file.py:function"', markup=False)


def _shipped() -> Path:
    """Return the folder of the shipped scenarios."""
    from importlib.resources import files

    return Path(str(files("scenarios")))


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
