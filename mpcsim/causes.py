"""What the code of others raised, in words: the first cause first, and where it arose."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mpcsim import extras
from mpcsim.errors import MpcsimError

_ENGINE = str(Path(__file__).parent)
_PYTHON = str(Path(traceback.__file__).parent)


def text(error: BaseException) -> str:
    """Return an error's text, also where that raises."""
    try:
        return str(error)
    except (Exception, SystemExit) as problem:  # it is a user's code
        return f"(its text raises {type(problem).__name__})"


def described(error: BaseException) -> str:
    """Return an error's kind and text, after those that were raised before it: the first cause first."""
    return "; then, while that was handled, ".join(map(line, causes(error)))


def line(error: BaseException) -> str:
    """Return an error as its kind and its text."""
    kind, said = type(error).__name__, text(error)
    return f"{kind}: {said}" if said else kind


def causes(error: BaseException) -> list[BaseException]:
    """Return an error and those that led to it, the first one first."""
    found = [error]
    while True:
        last = found[-1]
        before = last.__cause__ or (None if last.__suppress_context__ else last.__context__)
        if before is None or any(before is one for one in found):
            return found[::-1]
        found.append(before)


def place(error: BaseException) -> str:
    """Return where in the protocol an error arose: its innermost frame outside the engine and Python."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if not _is_inside(frame.filename)
    ]
    if not frames:
        return ""
    file = "/".join(Path(frames[-1].filename).parts[-2:])
    return f" at {frames[-1].name} ({file}:{frames[-1].lineno})"


def _is_inside(file: str) -> bool:
    return file.startswith(_ENGINE) or (file.startswith(_PYTHON) and "site-packages" not in file)


@contextmanager
def guarded(
    what: str, kind: type[MpcsimError], passing: type[BaseException] = MpcsimError
) -> Iterator[None]:
    """Turn whatever a user's function raises, SystemExit as well, into an error of ours of that kind.

    What is one already, Ctrl-C, and what is `passing`, goes on as it is.
    """
    try:
        yield
    except (MpcsimError, KeyboardInterrupt, BrokenPipeError, passing):
        raise
    except BaseException as error:  # the code of others
        if isinstance(error, ModuleNotFoundError) and extras.missing(error) is not None:
            raise  # said once for all, with the line that installs it
        raise kind(f"{what}{place(error)}: {described(error)}") from error
