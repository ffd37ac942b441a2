"""The commands of runs on real sockets, and what `mpcsim run` needs for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mpcsim.cli.options import Overrides, ScenarioName
from mpcsim.log import note
from mpcsim.texts import plural

if TYPE_CHECKING:
    from mpcsim.record import Run
    from mpcsim.scenario import Program, Scenario

_Seed = Annotated[int | None, typer.Option(help="Replace the scenario's seed.", min=0)]
_OPEN = "keys and masks come from the scenario's seed (--reproducible): this run keeps no secrets"


def socket_runner(
    scenario: Scenario,
    *,
    processes: bool,
    hosts: Path | None,
    plaintext: bool,
    reproducible: bool,
    unfit: Mapping[str, bool],
) -> Callable[[Program, Scenario], Run] | None:
    """Return what runs a scenario on sockets; None where the options ask for a simulation.

    Raises:
        InputError: options that do not fit together.
    """
    from mpcsim.errors import InputError

    if not processes and hosts is None:
        for name, given in (("--plaintext", plaintext), ("--reproducible", reproducible)):
            if given:
                raise InputError(f"{name}: is about sockets; accepted with --processes or --hosts")
        return None
    if processes and hosts is not None:
        raise InputError("give either --processes, for this machine, or --hosts, for several")
    for name, given in unfit.items():
        if given:
            raise InputError(f"{name}: is about simulations; on sockets it has nothing to look at")
    _check_seed(scenario, reproducible=reproducible)
    from mpcsim.sockets import Options, Where, read_hosts, run_processes

    options = Options(plaintext, reproducible)

    def run(program: Program, scenario: Scenario) -> Run:
        found = None if hosts is None else read_hosts(hosts, list(program.roles))
        if reproducible:
            note(_OPEN)
        return run_processes(program, scenario, Where(found, options))

    return run


def _check_seed(scenario: Scenario, *, reproducible: bool) -> None:
    if reproducible and scenario.seed is None:
        raise scenario.refusal("seed: missing: --reproducible derives keys and masks from it")


def party(
    scenario: ScenarioName,
    role: Annotated[str, typer.Option(metavar="ROLE", help="Whose program runs here.")],
    hosts: Annotated[Path, typer.Option(metavar="FILE", help="The hosts file, alike for every party.")],
    overrides: Overrides = None,
    seed: _Seed = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keep what this party knows of the run here (party.json)."),
    ] = None,
    plaintext: Annotated[
        bool, typer.Option("--plaintext", help="Without TLS, for measurements; alike for every party.")
    ] = False,
    reproducible: Annotated[
        bool,
        typer.Option("--reproducible", help="Keys from the scenario's seed; alike for every party."),
    ] = False,
    no_secrets: Annotated[
        bool,
        typer.Option("--no-secrets", help="Say once more that --reproducible may give every secret away."),
    ] = False,
) -> None:
    """Run one party of a scenario on this machine; the others run on theirs."""
    from mpcsim import log, plugins, record
    from mpcsim.errors import InputError, MpcsimError
    from mpcsim.scenario import build_program, load_scenario
    from mpcsim.sockets import Options, keep_part, read_hosts, run_party

    log.configure()
    if reproducible and not no_secrets:
        raise InputError(
            "--reproducible: whoever knows the seed can compute every key and mask of this run; "
            "accepted for tests, with --no-secrets beside it"
        )
    if out is not None:
        record.check_folder(out)
    loaded = load_scenario(scenario, overrides or [], seed, plugins.scenario_folders())
    _check_seed(loaded, reproducible=reproducible)
    program = build_program(loaded, plugins.workloads(), [role])
    found = read_hosts(hosts, list(program.roles))
    if reproducible:
        note(_OPEN)
    part: dict[str, Any] = {}
    try:
        part = run_party(loaded, program, role, found, Options(plaintext, reproducible))
    except (MpcsimError, KeyboardInterrupt) as error:
        part = getattr(error, "part", {})
        if part:
            folder = out or Path("runs") / f"{loaded.name}-{found_name(role)}"
            error.add_note(f"what this party knows of the run: {keep_part(folder, part, loaded, role)}")
        raise
    sent = sum(row[1] for row in part["links"].values())
    folder = out or Path("runs") / f"{loaded.name}-{found_name(role)}"
    file = keep_part(folder, part, loaded, role)
    typer.echo(
        f"{role}: {plural(part['depth'], 'round')} in {part['finished_at'] / 1e9:.3f} s, "
        f"{sent:,} B of payload sent; {file}"
    )


def found_name(role: str) -> str:
    """Return a role as a part of a folder's name."""
    from mpcsim.sockets import certificates

    return certificates.file_name(role)


def certificates(
    scenario: ScenarioName,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="The folder of the certificates, new or empty.")
    ] = Path("certificates"),
    overrides: Overrides = None,
    days: Annotated[int, typer.Option(help="How long they are valid.", min=1, max=3650)] = 365,
) -> None:
    """Make a certificate and a key for each role of a scenario, for mutual TLS."""
    from mpcsim import plugins
    from mpcsim.scenario import build_program, load_scenario
    from mpcsim.sockets import certificates

    loaded = load_scenario(scenario, overrides or [], None, plugins.scenario_folders())
    program = build_program(loaded, plugins.workloads(), ())
    for folder in certificates.make(out, list(program.roles), days):
        typer.echo(f"{folder}: for the machine of {folder.name} alone; key.pem is its secret")
    typer.echo("The authority's key was thrown away: to add or to replace one, make all anew.")
