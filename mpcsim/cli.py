"""The command line. What a command needs is imported when it runs: `--help` answers at once."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from mpcsim import Run
    from mpcsim.scenario import Scenario
    from mpcsim.workload import Program

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
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The run record's folder, new or empty; without it, runs/NAME-DIGEST.",
        ),
    ] = None,
    as_json: _Json = False,
) -> None:
    """Run a scenario, print what it cost and what came out, and keep the run record."""
    from mpcsim import log, record
    from mpcsim.scenario import load_scenario

    log.configure()
    if out is not None:
        record.check_folder(out)
    loaded = load_scenario(scenario, overrides or [], seed, _shipped())
    # What a workload prints is no part of the result.
    with redirect_stdout(sys.stderr if as_json else sys.stdout):
        program, finished, summary = _execute(loaded)
    folder = record.write_record(out, finished, loaded, summary)
    if as_json:
        typer.echo(record.to_json(summary), nl=False)
    else:
        _print(summary, program, folder)


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


def _execute(scenario: Scenario) -> tuple[Program, Run, dict[str, Any]]:
    """Build a scenario's workload, run it, and summarise the run."""
    import structlog

    from mpcsim import MpcsimError, record, workload
    from scenarios import WORKLOADS

    program = workload.build_program(scenario, WORKLOADS)
    structlog.get_logger().info("run starts", scenario=scenario.name, parties=len(program.roles))
    try:
        run = workload.run_program(program, scenario)
    except MpcsimError as error:
        error.add_note(_again(scenario))
        raise
    structlog.get_logger().info("run ends", digest=run.digest, wall_s=round(run.wall_s, 3))
    output = program.summarize(run)
    return program, run, record.summary(run, scenario, output, program.describe)


def _again(scenario: Scenario) -> str:
    if scenario.seed is None:
        return "the scenario has no seed: with --seed N the same command repeats a run exactly"
    return f"seed {scenario.seed}: the same command repeats this run exactly"


def _print(summary: dict[str, Any], program: Program, folder: Path) -> None:
    """Print a run for people."""
    from rich.console import Console

    from analysis.tables import party_table, span_table
    from mpcsim.units import format_bytes, format_time

    def line(text: str) -> None:
        console.print(text, markup=False, soft_wrap=True)

    console = Console(highlight=False)
    measured = summary["compute"] == "measured"
    network, parties = summary["network"], summary["per_party"]
    line(
        f"{summary['name']}: workload {summary['workload']}, {len(parties)} parties, "
        f"seed {'none' if summary['seed'] is None else summary['seed']}, "
        f"clock {summary['clock']}, compute {summary['compute']}"
    )
    line(
        f"network: latency {network['latency']}, bandwidth {network['bandwidth']} for each "
        f"{network['sharing']}; {network['note']}"
    )
    line(
        f"{summary['rounds']} rounds, {format_time(summary['makespan_ns'])} of {summary['clock']} "
        f"time; all parties together sent {summary['messages']:,} messages with "
        f"{format_bytes(summary['payload_bytes'])} of payload, "
        f"{format_bytes(summary['wire_bytes'])} on the wire"
    )
    console.print(party_table(parties, measured=measured))
    if summary["spans"]:
        console.print(span_table(summary["spans"], measured=measured))
    if program.render is None:
        console.print_json(data=summary["output"])
    else:
        for part in program.render(summary["output"]):
            console.print(part, markup=False, soft_wrap=isinstance(part, str))
    line(
        f"took {summary['wall_s']:.3g} s of real time and at most "
        f"{summary['peak_memory_mb']:.0f} MB; record: {folder}"
    )
