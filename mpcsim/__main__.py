"""The entry point: every error becomes one message on standard error and an exit status."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from mpcsim import extras, log
from mpcsim.causes import text
from mpcsim.cli import BROKEN_PIPE, UNFINISHED, build, ended, flushed, terminable, unread
from mpcsim.errors import InputError, MpcsimError
from mpcsim.texts import escaped

_TRACEBACK = "MPCSIM_DEBUG"


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit, with a status of `mpcsim.cli.exits`."""
    gc.set_threshold(200_000, 20, 500)  # starting up makes many objects, and no garbage
    # NumPy's threads would spin through small products in the clear, longer than those take.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if isinstance(sys.stdout, io.TextIOWrapper):  # a screen that cannot show a letter gets its escape
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with terminable():
            status = flushed(_run(arguments))
    except KeyboardInterrupt as stop:  # outside of a command, or a second one
        status = _failed(ended(stop))
    except OSError as error:  # of standard output
        status = _failed(error)
    sys.exit(status)


def _run(arguments: Sequence[str] | None) -> int:
    """Run the command line and return its exit status."""
    try:
        build()(arguments, prog_name="mpcsim")
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
            print("mpcsim:", "\n".join(map(escaped, words)), file=sys.stderr)
    return status


if __name__ == "__main__":
    main()
