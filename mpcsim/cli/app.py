"""The command line: the commands that packages register, each a function with typer's annotations.

`mpcsim.cli.commands` and `analysis.commands` hold the shipped ones; a user's package adds `mpcsim mine` by
an entry point of the group `mpcsim.commands`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint

import typer

from mpcsim import plugins
from mpcsim.cli.exits import Commands
from mpcsim.errors import InputError

LIST = "list"


def build() -> typer.Typer:
    """Return the command line with all registered commands; one that cannot be loaded says so when used."""
    app = typer.Typer(
        name="mpcsim",
        cls=Commands,
        help="Run secure multi-party computation protocols over an emulated network.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )
    app.callback()(_commands)
    stale = plugins.stale()
    if stale is not None:
        print(f"mpcsim: {stale}", file=sys.stderr)
    for entry in plugins.entries(plugins.COMMANDS):
        if entry.name != LIST:
            _add(app, entry)
    _add_lists(app)
    return app


def _add(app: typer.Typer, entry: EntryPoint) -> None:
    try:
        app.command(entry.name)(plugins.load(entry))
    except InputError as error:
        anything = {"allow_extra_args": True, "ignore_unknown_options": True}
        note = f"Cannot be loaded ({entry.value})."
        app.command(entry.name, help=note, context_settings=anything)(_broken(error))


def _add_lists(app: typer.Typer) -> None:
    """Add `list`, which lists by itself, and what packages register to be listed."""
    for entry in plugins.entries(plugins.COMMANDS):
        if entry.name == LIST:
            lists = typer.Typer(rich_markup_mode="rich")
            lists.callback(invoke_without_command=True)(plugins.load(entry))
            for listed in plugins.entries(plugins.LISTS):
                _add(lists, listed)
            app.add_typer(lists, name=LIST)


def _commands() -> None:
    """Make a command a sub-command even where it is the only one."""


def _broken(error: InputError) -> Callable[[], None]:
    def refuse() -> None:
        raise error

    return refuse
