"""One command line: what it says is done, and every error is one message on standard error."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence

from mpcsim import extras, log
from mpcsim.causes import text
from mpcsim.cli.app import build
from mpcsim.cli.exits import BROKEN_PIPE, UNFINISHED, ended, flushed, terminable, unread
from mpcsim.errors import InputError, MpcsimError
from mpcsim.texts import escaped

_TRACEBACK = "MPCSIM_DEBUG"


def obey(arguments: Sequence[str] | None) -> int:
    """Run a command line, by default the process's, and return its exit status (`mpcsim.cli.exits`)."""
    try:
        with terminable():
            return flushed(_run(sys.argv[1:] if arguments is None else arguments))
    except KeyboardInterrupt as stop:  # outside of a command, or a second one
        return _failed(ended(stop))
    except OSError as error:  # of standard output
        return _failed(error)


def _run(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit status."""
    try:
        build(arguments)([*arguments], prog_name="mpcsim")
    except SystemExit as end:  # typer's: `exits.Commands` lets nobody else's through
        if unread(end):
            return BROKEN_PIPE
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception as error:  # nothing may reach a user as a traceback
        return _failed(error)
    finally:
        log.forget()
    return 0


def _failed(error: Exception) -> int:
    """Say what went wrong, and return the exit status."""
    said, status = text(error), UNFINISHED
    hint = f"{_TRACEBACK}=1 shows the traceback"
    what = extras.missing(error) if isinstance(error, ModuleNotFoundError) else None
    if what is not None:
        lines, status = [what], InputError.exit_status
    elif isinstance(error, MpcsimError):
        lines, status = [said, *getattr(error, "__notes__", [])], error.exit_status
        lines += [hint] if error.__cause__ is not None else []
    else:
        lines = [f"unexpected {type(error).__name__}: {said}", hint]
    with contextlib.suppress(OSError):  # nobody may be there to read it
        if os.environ.get(_TRACEBACK):
            import traceback

            traceback.print_exception(error)
            lines = [line for line in lines if line != hint]
        if said or not isinstance(error, MpcsimError):
            words = "\n  ".join(lines).split("\n")  # what they quote may hold what a terminal obeys
            from mpcsim.terminal import Screen

            Screen(sys.stderr).say("mpcsim: " + "\n".join(map(escaped, words)))
    return status
