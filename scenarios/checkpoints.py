"""Checkpoints: every actor writes its own state, atomically; a run goes on from the newest that all have.

A server's file holds its own shares and nobody else's: three folders on three machines would do as well as
the one folder of a simulation. The two newest checkpoints of each actor are kept, since a run may be
killed after one actor has written and before another has.

Every run in the folder takes a number that no other has, and files say whose they are: a run that goes on
from stored shares draws other randomness than the one that stored them, so the files of two runs never make
up one state.
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
from mpcsim.errors import RunError

KEPT = 2
_NOTE = "note"
_FILE = re.compile(r"(?P<actor>.+)-(?P<step>\d{8})\.npz")
_TAKEN = re.compile(r"(?P<actor>.+)-run-(?P<run>\d+)")


GOES_ON = "a run of the same scenario without it goes on from there"


class Halted(RunError):
    """The run was told to stop after a number of steps, as if it had been killed."""


def fingerprint(what: Any) -> str:
    """Return the hash of what two runs must agree on, given as plain JSON."""
    return blake2b(json.dumps(what, sort_keys=True).encode(), digest_size=16).hexdigest()


@dataclass
class Store:
    """A folder of checkpoints of one scenario.

    Attributes:
        folder: where the files are; it is made when the first is written.
        fingerprint: of the scenario; files of another one are refused.
        actors: who writes; a checkpoint is complete when all of them have.
        same: what must be the same in all runs that use the folder, in words.
        run: number of the present run, from `begin` on.
        kept: how many checkpoints of each actor are kept, the newest.
    """

    folder: Path
    fingerprint: str
    actors: Sequence[str]
    same: str = "what decides the run"
    run: int = 0
    kept: int = KEPT

    def begin(self, start: int) -> int:
        """Take a number for a run that goes on from step `start`, and drop what other runs kept beyond it.

        Each actor marks the number as taken before anything is drawn: whatever becomes of the run, and
        whatever other processes do at the same time, no other run in this folder has it.

        Returns:
            The number, 1 for the first run.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.run = self._latest_run() + 1
            while not all(self._take(actor) for actor in self.actors):
                self.run += 1
            for actor in self.actors:
                for step in self._steps(actor):
                    if step > start:
                        self._path(actor, step).unlink(missing_ok=True)
        except OSError as error:
            raise InputError(f"{self.folder}: no run can begin here: {error.strerror}") from None
        return self.run

    def _latest_run(self) -> int:
        """Return the greatest number that a run in this folder has taken, 0 before the first.

        Where files were copied by hand, marks may be gone: what the files say counts too.
        """
        names = (_TAKEN.fullmatch(file.name) for file in self.folder.glob("*-run-*"))
        runs = [int(name["run"]) for name in names if name]
        for actor in self.actors:
            for step in self._steps(actor):
                try:
                    runs.append(self._read(self._path(actor, step))[1]["run"])
                except InputError:  # a damaged file tells no number; whoever loads it hears of it
                    continue
        return max(runs, default=0)

    def _take(self, actor: str) -> bool:
        """Mark the run's number as taken, unless it is."""
        try:
            (self.folder / f"{actor}-run-{self.run}").touch(exist_ok=False)
        except FileExistsError:
            return False
        folder = os.open(self.folder, os.O_RDONLY)  # whose fsync keeps the mark over a power failure
        os.fsync(folder)
        os.close(folder)
        return True

    def save(self, actor: str, step: int, arrays: Mapping[str, NDArray[Any]], note: Any = None) -> None:
        """Write an actor's state after a step: to a temporary file, to the disk, then renamed."""
        about = {
            "fingerprint": self.fingerprint,
            "actor": actor,
            "step": step,
            "run": self.run,
            "note": note,
        }
        packed = {_NOTE: np.frombuffer(json.dumps(about).encode(), np.uint8)}
        buffer = io.BytesIO()
        np.savez(buffer, **packed, **arrays)  # type: ignore[arg-type]  # names are data, not options
        target = self._path(actor, step)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            scratch = target.with_suffix(f".{self.run}.partial")
            with scratch.open("wb") as file:
                file.write(buffer.getbuffer())
                file.flush()
                os.fsync(file.fileno())
            scratch.replace(target)
            for old in sorted(self._steps(actor))[: -self.kept]:
                self._path(actor, old).unlink(missing_ok=True)
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
        for step in sorted(common, reverse=True):
            # a file that cannot be used is refused before the run
            if len({self._about(actor, step)["run"] for actor in self.actors}) == 1:
                return step
        missing = [actor for actor, found in steps.items() if not found]
        what = f"no file of {', '.join(missing)}" if missing else "no step that all actors have of one run"
        raise InputError(
            f"{self.folder}: {what}; a run goes on from a checkpoint of all of "
            f"{', '.join(self.actors)} (checkpoint.resume = false starts anew)"
        )

    def load(self, actor: str, step: int) -> tuple[dict[str, NDArray[Any]], Any]:
        """Return an actor's arrays and note after a step.

        Raises:
            InputError: the file is missing, damaged, or of another scenario.
        """
        arrays, about = self._checked(actor, step)
        return arrays, about["note"]

    def _about(self, actor: str, step: int) -> dict[str, Any]:
        """Return what a file says of itself."""
        return self._checked(actor, step)[1]

    def _checked(self, actor: str, step: int) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        path = self._path(actor, step)
        arrays, about = self._read(path)
        found, of = about["fingerprint"], (about["actor"], about["step"])
        if found != self.fingerprint:
            raise InputError(
                f"{path}: a checkpoint of another scenario (fingerprint {found}, this one has "
                f"{self.fingerprint}); {self.same} must be the same; name another checkpoint.folder"
            )
        if of != (actor, step):
            raise InputError(f"{path}: holds the state of {of[0]} after step {of[1]}, not what it is named")
        return arrays, about

    @staticmethod
    def _read(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            about: dict[str, Any] = json.loads(arrays.pop(_NOTE).tobytes())
            missing = sorted({"fingerprint", "actor", "step", "run", "note"} - set(about))
        except FileNotFoundError:
            raise InputError(f"{path}: no such checkpoint") from None
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:  # damaged
            raise InputError(f"{path}: damaged, or not a checkpoint ({error})") from None
        if missing:
            raise InputError(f"{path}: damaged, or not a checkpoint (it lacks {', '.join(missing)})")
        return arrays, about

    def _path(self, actor: str, step: int) -> Path:
        return self.folder / f"{actor}-{step:08d}.npz"

    def _steps(self, actor: str) -> set[int]:
        names = (_FILE.fullmatch(file.name) for file in self.folder.glob(f"{actor}-*.npz"))
        return {int(name["step"]) for name in names if name and name["actor"] == actor}
