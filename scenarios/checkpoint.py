"""Checkpoints: every actor writes its own state, atomically; a run goes on from the newest that all have.

A server's file holds its own shares and nobody else's: three folders on three machines would do as well as
the one folder of a simulation. The two newest checkpoints of each actor are kept, since a run may be
killed after one actor has written and before another has.
"""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpcsim import InputError

KEPT = 2
_NOTE = "note"
_FILE = re.compile(r"(?P<actor>.+)-(?P<step>\d{8})\.npz")


def fingerprint(what: Any) -> str:
    """Return the hash of what two runs must agree on, given as plain JSON."""
    return blake2b(json.dumps(what, sort_keys=True).encode(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class Store:
    """A folder of checkpoints of one scenario.

    Attributes:
        folder: where the files are; it is made when the first is written.
        fingerprint: of the scenario; files of another one are refused.
        actors: who writes; a checkpoint is complete when all of them have.
    """

    folder: Path
    fingerprint: str
    actors: Sequence[str]

    def save(self, actor: str, step: int, arrays: Mapping[str, NDArray[Any]], note: Any = None) -> None:
        """Write an actor's state after a step: to a temporary file, to the disk, then renamed."""
        about = {"fingerprint": self.fingerprint, "actor": actor, "step": step, "note": note}
        packed = {_NOTE: np.frombuffer(json.dumps(about).encode(), np.uint8)}
        buffer = io.BytesIO()
        np.savez(buffer, **packed, **arrays)  # type: ignore[arg-type]  # names are data, not options
        target = self._path(actor, step)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            scratch = target.with_suffix(".partial")
            with scratch.open("wb") as file:
                file.write(buffer.getbuffer())
                file.flush()
                os.fsync(file.fileno())
            scratch.replace(target)
            for old in sorted(self._steps(actor))[:-KEPT]:
                self._path(actor, old).unlink()
        except OSError as error:
            raise InputError(f"{target}: the checkpoint cannot be written: {error.strerror}") from None

    def newest(self) -> int:
        """Return the newest step that all actors have, 0 where there is nothing to go on from.

        Every actor writes a file of step 0 when it begins, so one without any file has lost it.

        Raises:
            InputError: some actors' files are missing, or belong to another scenario.
        """
        steps = {actor: self._steps(actor) for actor in self.actors}
        if set.union(*steps.values()) <= {0}:
            return 0
        common = set.intersection(*steps.values())
        if not common:
            missing = [actor for actor, found in steps.items() if not found]
            what = f"no file of {', '.join(missing)}" if missing else "no step that all actors have"
            raise InputError(
                f"{self.folder}: {what}; a run goes on from a checkpoint of all of "
                f"{', '.join(self.actors)} (checkpoint.resume = false starts anew)"
            )
        step = max(common)
        for actor in self.actors:
            self.load(actor, step)  # a file that cannot be used is refused before the run
        return step

    def load(self, actor: str, step: int) -> tuple[dict[str, NDArray[Any]], Any]:
        """Return an actor's arrays and note after a step.

        Raises:
            InputError: the file is missing, damaged, or of another scenario.
        """
        path = self._path(actor, step)
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            about = json.loads(arrays.pop(_NOTE).tobytes())
            found, of = about["fingerprint"], (about["actor"], about["step"])
        except FileNotFoundError:
            raise InputError(f"{path}: no such checkpoint") from None
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise InputError(f"{path}: damaged, or not a checkpoint ({error})") from None
        if found != self.fingerprint:
            raise InputError(
                f"{path}: a checkpoint of another scenario (fingerprint {found}, this one has "
                f"{self.fingerprint}); the model, the data, the seed and the tables ring, protocol, "
                "training and hospitals must be the same; name another checkpoint.folder"
            )
        if of != (actor, step):
            raise InputError(f"{path}: holds the state of {of[0]} after step {of[1]}, not what it is named")
        return arrays, about["note"]

    def _path(self, actor: str, step: int) -> Path:
        return self.folder / f"{actor}-{step:08d}.npz"

    def _steps(self, actor: str) -> set[int]:
        names = (_FILE.fullmatch(file.name) for file in self.folder.glob(f"{actor}-*.npz"))
        return {int(name["step"]) for name in names if name and name["actor"] == actor}
