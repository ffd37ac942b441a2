"""The commands that say what runs mean. What one needs is imported when it runs; `--help` is fast."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from mpcsim.cli import Json, ScenarioName, completion


def _kinds(incomplete: str) -> list[str]:
    """Return the kinds of figures, for the shell's completion."""
    with suppress(ImportError):  # an extra; a shell has no place for an error
        from analysis.figures import plot as plots

        return [kind.name for kind in plots.KINDS if kind.name.startswith(incomplete)]
    return []


def validate(
    scenario: Annotated[
        str | None,
        typer.Argument(
            metavar="[SCENARIO]",
            help="Validate every layer of this scenario; without it, every operation over a grid.",
            autocompletion=completion.scenarios,
        ),
    ] = None,
    claims: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Published claims to judge; without a scenario, in place of the shipped ones.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the tables as Markdown, CSV and LaTeX: new or empty."),
    ] = None,
    family: Annotated[
        str | None,
        typer.Option(metavar="F", help="The grid of this family alone; without it, of all families."),
    ] = None,
    parties: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Servers of the family, where it takes several.")
    ] = None,
    tcp: Annotated[
        bool,
        typer.Option("--tcp", help="Hold the emulator's TCP to measurements of real TCP instead (alone)."),
    ] = False,
    every: Annotated[
        bool, typer.Option("--all", help="Print every row with its formula, not only what differs.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Hold measured rounds and bytes to their formulas; exit status 1 where a row differs."""
    from mpcsim import InputError

    if tcp:
        if scenario or claims or out or family or parties:
            raise InputError("--tcp: stands alone; accepted beside it: --json")
        _validate_tcp(as_json=as_json)
        return
    from analysis.validate import judge as validation
    from analysis.validate import tables as validation_tables
    from mpcsim import log, record
    from mpcsim.terminal import console
    from mpcsim.texts import to_json

    if out is not None:
        record.check_folder(out)
    with redirect_stdout(sys.stderr if as_json else sys.stdout):
        if scenario and (family or parties):
            raise InputError(
                "--family, --parties: of the grid; a scenario says its own in [protocol] and [parties]"
            )
        found = (
            validation.validate_scenario(scenario, claims)
            if scenario
            else validation.validate_all(claims, family, parties)
        )
    written = validation_tables.write(found, out) if out is not None else []
    if as_json:
        typer.echo(to_json(found.describe()))
    else:
        screen = console()
        short = log.quiet()
        shown = (
            [found.verdict()]
            if short
            else validation_tables.screen(found, every=every, claims=claims is not None)
        )
        for part in shown:
            screen.show(part)
        for path in written:
            screen.say(str(path))
    found.check()


def _validate_tcp(*, as_json: bool) -> None:
    from analysis.validate import tcp_measured
    from mpcsim import log
    from mpcsim.terminal import console
    from mpcsim.texts import to_json

    log.configure()
    with redirect_stdout(sys.stderr):
        rows = tcp_measured.compare()
    if as_json:
        typer.echo(to_json({"rows": [row.describe() for row in rows]}))
    else:
        screen = console()
        for part in tcp_measured.screen(rows):
            screen.show(part)
    raise typer.Exit(0 if all(row.within for row in rows) else 1)


def compare(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN RUN…", help="Run records; ratios are to the first.")
    ],
    as_json: Json = False,
) -> None:
    """Set run records side by side: what differs, totals, and spans matched by path."""
    from analysis.compare import compare as compare_runs
    from mpcsim.terminal import console
    from mpcsim.texts import to_json

    found = compare_runs(runs)
    if as_json:
        typer.echo(to_json(found.describe()))
        return
    out = console()
    for part in found.screen():
        out.show(part)


def sweep(
    scenario: ScenarioName,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=V1,V2,…",
            help="Values of a key: a list (1 ms,10 ms), a range (1..8, 10..100:10, 1..1000:*10, "
            "10..50:10 ms), or one value. Several --set: every combination.",
            autocompletion=completion.keys,
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
    run_every_point: Annotated[
        bool,
        typer.Option(
            "--run-every-point", help="Retime no point from another's run; run those again that were."
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="New, empty, or an earlier sweep's; without it, runs/NAME-sweep-HASH."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run a scenario over many values of its keys, in parallel; started again, it goes on."""
    from analysis.figures import plot as plots
    from analysis.sweep import choose
    from analysis.sweep import screen as sweep_report
    from analysis.sweep import sweep as sweeps
    from mpcsim import plugins

    start = choose(engine, scheduler, jobs)
    planned = sweeps.plan(
        scenario, overrides or [], plugins.scenario_folders(), zipped=zipped, seed=seed, out=out
    )
    found = sweeps.run(planned, start, jobs=jobs, retry=retry, retimes=not run_every_point)
    pictures = []
    if not found.results.good.empty:
        folder = found.results.folder
        pictures = plots.plot([folder], out=folder / "figures")
    if as_json:
        typer.echo(sweep_report.to_json(found), nl=False)
    else:
        sweep_report.show(found, pictures)
    raise typer.Exit(found.exit_status())


def retime(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run record.")],
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=V1,V2,…",
            help="A key of the network, as in network.latency=10ms. Several values, or a range, make a "
            "grid (1 ms,10 ms or 10..100:10 ms); several --set: every combination.",
            autocompletion=completion.network_keys,
        ),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option("--csv", metavar="FILE", help="Write the grid as CSV (one row a network)."),
    ] = None,
    verified: Annotated[
        bool, typer.Option("--verify", help="Run every network after all, and fail where they differ.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say what a run would take over another network, and why, without running its protocol again."""
    from analysis.retime import screen as retime_report

    found = retime_report.retime(run, overrides or [], csv, verified=verified)
    found.show(as_json=as_json)
    raise typer.Exit(found.exit_status)


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
            "cost, formula, …; repeatable. "
            "Without it, all that the runs can feed.",
            autocompletion=_kinds,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where files go; without it, `figures` in RUN, or here."),
    ] = None,
    formats: Annotated[str, typer.Option("--format", help="Of svg, pdf, png.")] = "svg,pdf,png",
    span: Annotated[
        str | None,
        typer.Option(
            metavar="SPAN",
            help="Span of a message diagram: name, path (a/b) or JSON list of names; SPAN#2: its second "
            "occurrence.",
        ),
    ] = None,
    width: Annotated[
        float,
        typer.Option(metavar="INCHES", help="Of the page: 7 fills both columns of a paper, 3.4 one."),
    ] = 7.0,
    font_size: Annotated[
        float, typer.Option("--font-size", metavar="POINTS", help="Of ordinary text; the rest follows.")
    ] = 8.0,
    titles: Annotated[
        bool, typer.Option("--title/--no-title", help="Say above the panels what the figure is of.")
    ] = True,
) -> None:
    """Draw figures for papers, and print their files."""
    from analysis.figures import plot as plots

    for path in plots.plot(runs, kinds or [], out, formats, span, width, font_size, titles):
        typer.echo(str(path))


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run record.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The page; without it, RUN/report.html.")
    ] = None,
) -> None:
    """Write a run as one HTML page that opens offline: layers, critical path, other networks, messages."""
    from analysis import report as reports

    typer.echo(str(reports.write(run, out)))


def families(as_json: Json = False) -> None:
    """List the families of protocols: who computes, what they protect from, what a scenario may choose."""
    import json

    from mpcsim.terminal import Column, Sheet, console
    from scenarios.listing import rows

    found = rows()
    if as_json:
        typer.echo(json.dumps({"families": found}, indent=2, ensure_ascii=False))
        return
    table = Sheet([Column(name) for name in ("family", "servers", "helpers", "security", "[protocol]")])
    for one in found:
        helpers, choices = ", ".join(one["helpers"]), ", ".join(one["choices"])
        table.add(one["name"], one["servers"], helpers, one["security"]["text"], choices)
    out = console()
    out.show(table)
    out.say('\nanother: [protocol] family = "file.py:MyFamily" (docs/families.md)')


def functions(
    ring: Annotated[
        str, typer.Option(metavar="L,F,V", help="Bits, fraction bits and value bits of the ring.")
    ] = "64,16,31",
    classes: Annotated[int, typer.Option(metavar="N", help="Classes of the softmax.")] = 10,
    as_json: Json = False,
) -> None:
    """List what every function may be off by in a ring, its rounds and its bytes."""
    import json

    from analysis.validate import function_table
    from mpcsim.terminal import console

    sizes = function_table.parse(ring)
    found = function_table.rows(sizes, classes)
    if as_json:
        described: dict[str, Any] = {
            "ring": dict(zip(("bits", "fraction_bits", "value_bits"), sizes, strict=True))
        }
        rows = [row.describe() for row in found]
        typer.echo(
            json.dumps(described | {"classes": classes, "functions": rows}, indent=2, ensure_ascii=False)
        )
        return
    console().show(function_table.table(sizes, classes, found))
