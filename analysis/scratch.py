"""Temporary folders of a sweep's points, and their end where a worker is killed before it can see to it.

A folder's name says whose it is: the process that runs the sweep. That one removes what its workers left; a
worker that outlives its sweep does so; and a sweep that starts removes those of sweeps that are gone.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "mpcsim-point-"
OWNER = "MPCSIM_SWEEP"
"""The environment's word for the process that runs the sweep."""


@contextmanager
def scratch() -> Iterator[Path]:
    """Give a temporary folder that is gone when the block ends."""
    owner = os.environ.get(OWNER) or str(os.getpid())
    with tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{owner}-") as folder:
        yield Path(folder)


def clear(owner: int) -> None:
    """Remove the folders of a sweep's points."""
    for folder in _place().glob(f"{_PREFIX}{owner}-*"):
        shutil.rmtree(folder, ignore_errors=True)


def clear_abandoned() -> None:
    """Remove the folders of sweeps of this machine that run no more."""
    for folder in _place().glob(f"{_PREFIX}*-*"):
        owner = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdecimal() and not _runs(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def _place() -> Path:
    return Path(tempfile.gettempdir())


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's
        return True
    return True
