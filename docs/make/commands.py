"""A page for each command, from the help that the command line itself gives."""

from __future__ import annotations

import re
from typing import Any

import sessions
import typer.main
from pages import Pages, plain, table

from mpcsim.cli.app import build

HELP = "<!-- help -->"
_INDEX = """# Commands

{table}

`mpcsim COMMAND --help` says the same in a terminal. A scenario is a file, or the bare name of a shipped one
(`mpcsim list`). A package of yours may add commands ([architecture](../architecture.md)).

## Exit status

| status | meaning |
|---|---|
| 0 | good |
| 1 | a check failed: a formula, a determinism check, a verification |
| 2 | the input was unusable; the message says where, what was found and what is accepted |
| 3 | the run did not finish; its record goes as far as it went, and says so |
| 130, 143 | Ctrl-C, SIGTERM: the record so far is kept |
| 141 | nobody reads the output |
"""


def pages() -> Pages:
    """Return a page for every command that is registered, and one that lists them."""
    found: Pages = {}
    rows = []
    for name, command in sorted(_walk(typer.main.get_command(build()), "")):
        path = f"commands/{name.replace(' ', '_')}.md"
        found[path] = _page(name, command)
        rows.append((f"[`mpcsim {name}`]({path.removeprefix('commands/')})", plain(command.help or "")))
    return {"commands/index.md": _INDEX.format(table=table(("command", "what it does"), rows)), **found}


def _walk(group: Any, name: str) -> list[tuple[str, Any]]:
    found = []
    for part, command in group.commands.items():
        whole = f"{name} {part}".strip()
        found.append((whole, command))
        if hasattr(command, "commands"):
            found += _walk(command, whole)
    return found


def _page(name: str, command: Any) -> str:
    """Return the help of a command, inside what is written about it by hand where there is something."""
    written = sessions.WRITTEN / f"{name.replace(' ', '_')}.md"
    if not written.is_file():
        return f"# mpcsim {name}\n\n{_help(name, command)}\n"
    return sessions.printed(written.read_text(encoding="utf-8")).replace(HELP, _help(name, command))


def _help(name: str, command: Any) -> str:
    given = [one for one in command.params if one.name != "help" and not getattr(one, "hidden", False)]
    arguments = [one for one in given if one.param_type_name == "argument"]
    options = [one for one in given if one.param_type_name == "option"]
    usage = [f"mpcsim {name}", *(_argument(one) for one in arguments), *(["[OPTIONS]"] if options else [])]
    parts = [
        plain(" ".join((command.help or "").split())),
        f"```text\n{' '.join(usage)}\n```",
        table(("argument", "meaning"), [(f"`{_argument(one)}`", _meaning(one)) for one in arguments]),
        table(("option", "meaning"), [(_option(one), _meaning(one)) for one in options]),
    ]
    return "\n\n".join(part for part in parts if part)


def _argument(one: Any) -> str:
    return str(one.metavar or one.name.upper())


def _option(one: Any) -> str:
    names = ", ".join(f"`{name}`" for name in (*one.opts, *one.secondary_opts))
    return names if one.is_flag else f"{names} `{one.metavar or one.name.upper()}`"


def _meaning(one: Any) -> str:
    text = plain(re.sub(r"\s+", " ", one.help or ""))
    shown = one.default not in (None, False) and not callable(one.default) and one.default != ()
    return f"{text} Default: `{one.default}`." if shown else text
