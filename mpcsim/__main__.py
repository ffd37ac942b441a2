"""The entry point: every error becomes one message on standard error and an exit status."""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from mpcsim import extras
from mpcsim.cli import build
from mpcsim.errors import InputError, MpcsimError

_TRACEBACK = "MPCSIM_DEBUG"
_UNEXPECTED = 3


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 good, 1 a check failed, 2 bad input, 3 the run failed."""
    gc.set_threshold(50_000, 20, 500)  # starting up makes many objects, and no garbage
    # NumPy's threads would spin through small products in the clear, longer than those take.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if isinstance(sys.stdout, io.TextIOWrapper):  # a screen that cannot show a letter gets its escape
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        build()(arguments, prog_name="mpcsim")
        status = 0
    except MpcsimError as error:
        notes = getattr(error, "__notes__", [])
        hint = [] if error.__cause__ is None or os.environ.get(_TRACEBACK) else [_hint()]
        _fail(error, "\n  ".join([str(error), *notes, *hint]))
        status = error.exit_status
    except ModuleNotFoundError as error:
        what = extras.missing(error)
        _fail(error, what or f"unexpected {type(error).__name__}: {error}\n  {_hint()}")
        status = _UNEXPECTED if what is None else InputError.exit_status
    except Exception as error:  # the last resort: no traceback reaches a user
        _fail(error, f"unexpected {type(error).__name__}: {error}\n  {_hint()}")
        status = _UNEXPECTED
    sys.exit(status)


def _fail(error: Exception, text: str) -> None:
    if os.environ.get(_TRACEBACK):
        import traceback

        traceback.print_exception(error)
    print(f"mpcsim: {text}", file=sys.stderr)


def _hint() -> str:
    return f"{_TRACEBACK}=1 shows the traceback"


if __name__ == "__main__":
    main()
