"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from mpcsim.cli import completion

Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on standard output, nothing else.")
]

ScenarioName = Annotated[
    str,
    typer.Argument(
        metavar="SCENARIO",
        help="A scenario file, a run record, or the name of a shipped one (see `list`).",
        autocompletion=completion.scenarios,
    ),
]

Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Replace a value of the scenario, as in network.latency=10ms. Repeatable.",
        autocompletion=completion.keys,
    ),
]
