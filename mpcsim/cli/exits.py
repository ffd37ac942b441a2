"""How a command ends: its exit status, signals, and what the code of others may raise.

Exit statuses: 0 good, 1 a check failed, 2 the input was unusable, 3 the run did not finish; 130 after
Ctrl-C and 143 after SIGTERM (128 and the signal's number), 141 where nobody reads the output any more.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from typer.core import TyperGroup

from mpcsim.causes import causes, place
from mpcsim.errors import Interrupted, MpcsimError, RunError, Terminated

UNFINISHED = MpcsimError.exit_status
BROKEN_PIPE = 128 + 13  # SIGPIPE


class Ended(MpcsimError):
    """A command that was ended from outside; typer would take the exception itself for its own."""

    def __init__(self, text: str, exit_status: int) -> None:
        super().__init__(text)
        self.exit_status = exit_status


class Commands(TyperGroup):
    """The commands; what would leave them as if typer had raised it becomes an error of ours."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            raise ended(stop) from stop.__cause__
        except BrokenPipeError:
            raise Ended("", BROKEN_PIPE) from None
        except SystemExit as end:
            if unread(end):
                raise Ended("", BROKEN_PIPE) from None
            raise RunError(f"sys.exit({end.code!r}) was called{place(end)}, and ended the command") from end


def unread(end: SystemExit) -> bool:
    """Return whether rich or typer ends the process because nobody reads its output any more."""
    return any(isinstance(cause, BrokenPipeError) for cause in causes(end))


def ended(stop: KeyboardInterrupt) -> Ended:
    """Return what a command ends with that the user or the system stopped."""
    status = stop.exit_status if isinstance(stop, Interrupted) else Interrupted.exit_status
    error = Ended(str(stop) or "interrupted", status)
    for note in getattr(stop, "__notes__", []):
        error.add_note(note)
    return error


@contextmanager
def terminable() -> Iterator[None]:
    """Have SIGTERM end what runs inside as Ctrl-C does, so that records are kept and workers end.

    A second one ends the process at once.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def terminate(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        raise Terminated("ended by SIGTERM")

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def flushed(status: int) -> int:
    """Write out what is left for standard output; return the exit status, another where nobody reads it."""
    try:
        if sys.stdout is not None:  # `>&-`
            sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more at its end, and would complain then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return status or BROKEN_PIPE
    return status
