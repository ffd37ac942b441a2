"""The command line: the commands that packages register, each a function with typer's annotations.

`mpcsim.cli.commands` and `analysis.commands` hold the shipped ones; a user's package adds `mpcsim mine` by
an entry point of the group `mpcsim.commands`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint
from typing import Annotated, Any

import typer

from mpcsim import log, plugins
from mpcsim.cli.exits import Commands
from mpcsim.errors import InputError

LIST = "list"
_HELP: dict[str, Any] = {"help_option_names": ["-h", "--help"]}

Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print what it is about and errors: no tables, notes or logs.")
]


def build(arguments: Sequence[str] = ()) -> typer.Typer:
    """Return the command line with all registered commands; one that cannot be loaded says so when used.

    Where the first of the arguments is a command's name, it has that command alone: typer reads the
    parameters of all that it is given, and those of the others take longer than loading this one.
    """
    log.choose()
    app = typer.Typer(
        name="mpcsim",
        cls=Commands,
        help="Run secure multi-party computation protocols over an emulated network.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings=_HELP,
    )
    app.callback()(_commands)
    stale = plugins.stale()
    if stale is not None:
        log.note(stale)
    registered = plugins.entries(plugins.COMMANDS)
    called = [entry for entry in registered if entry.name in arguments[:1]]
    for entry in sorted(called or registered, key=lambda entry: entry.name == LIST):  # as help lists them
        (_add_lists if entry.name == LIST else _add)(app, entry)
    return app


def _add(app: typer.Typer, entry: EntryPoint) -> None:
    try:
        app.command(entry.name)(_quietable(plugins.load(entry)))
    except InputError as error:
        anything = {"allow_extra_args": True, "ignore_unknown_options": True}
        note = f"Cannot be loaded ({entry.value})."
        app.command(entry.name, help=note, context_settings=anything)(_broken(error))


def _add_lists(app: typer.Typer, entry: EntryPoint) -> None:
    """Add `list`, which lists by itself, and what packages register to be listed."""
    lists = typer.Typer(rich_markup_mode="rich")
    lists.callback(invoke_without_command=True)(plugins.load(entry))
    for listed in plugins.entries(plugins.LISTS):
        _add(lists, listed)
    app.add_typer(lists, name=LIST)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"mpcsim {version('mpcsim')}")
        raise typer.Exit


def _commands(
    quiet: Quiet = False,
    form: Annotated[
        str | None,
        typer.Option(
            "--log",
            metavar="FORM",
            help=f"Logs on standard error: {', '.join(log.FORMS)}; without it, text on a terminal and "
            f"warnings alone in a pipe. Also by the environment: {log.LOG}.",
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """Make a command a sub-command even where it is the only one, and say how it speaks."""
    log.choose(quiet=quiet, form=form)


def _quietable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a command that takes `--quiet` behind its name as well, unless it has one of its own."""
    signature = inspect.signature(function, eval_str=True)
    if "quiet" in signature.parameters:
        return function

    def command(*arguments: Any, quiet: bool, **options: Any) -> Any:
        if quiet:
            log.hush()
        return function(*arguments, **options)

    more = inspect.Parameter("quiet", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Quiet)
    parameters = [*signature.parameters.values(), more]
    command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # typer reads it
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    command.__doc__, command.__name__ = function.__doc__, function.__name__
    return command


def _broken(error: InputError) -> Callable[[], None]:
    def refuse() -> None:
        raise error

    return refuse
