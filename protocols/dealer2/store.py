"""What was dealt ahead and kept: a folder with one file a server, consumed by one later run.

A run with `protocol.keep` computes nothing: its servers know shapes alone (`dry_run`), and the dealer deals
for them in earnest. Server 0 keeps its key; server 1 its key and each piece, under its address. In a run
with `protocol.stored` each server reads its own file, which is then marked as used; a piece that is
taken is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgpack
import numpy as np

from mpcsim import InputError
from protocols.domains import Words

_KEPT = "dealt for another scenario; accepted: the one that it was dealt for, once"


def _file(folder: str, role: str) -> Path:
    return Path(folder) / f"{role}.dealt"


def check_new(folder: str, servers: Sequence[str]) -> None:
    """Refuse to store where something is kept already.

    Raises:
        InputError: a server's file is there.
    """
    for server in servers:
        if _file(folder, server).exists():
            raise InputError(
                f"protocol.keep = {folder!r}: {_file(folder, server).name} is there; accepted: a new folder"
            )


def check_kept(folder: str, servers: Sequence[str], terms: dict[str, Any]) -> None:
    """Refuse what cannot be used.

    Raises:
        InputError: nothing is kept there, it was used, or it was dealt for other terms.
    """
    for server in servers:
        file = _file(folder, server)
        if not file.is_file():
            raise InputError(
                f"protocol.stored = {folder!r}: there is no {file.name}; accepted is a folder that a run "
                "with protocol.keep and dry_run = true has filled"
            )
        if file.with_suffix(".used").exists():
            raise InputError(
                f"protocol.stored = {folder!r}: {file.name} has been used by a run; accepted: each once"
            )
        with file.open("rb") as stream:
            found = next(iter(msgpack.Unpacker(stream)))["terms"]
        if found != terms:
            differ = ", ".join(
                f"{key} = {terms.get(key)!r} (dealt for {found.get(key)!r})"
                for key in sorted(terms.keys() | found.keys())
                if terms.get(key) != found.get(key)
            )
            raise InputError(f"protocol.stored = {folder!r}: {differ}: {_KEPT}")


@dataclass
class Shelf:
    """One server's file.

    Attributes:
        key: the server's key.
        pieces: what is left to take, by address.
        size: bytes of the file.
    """

    file: Path
    key: bytes = b""
    pieces: dict[str, list[bytes]] = field(default_factory=dict)
    size: int = 0
    taken: set[str] = field(default_factory=set)

    @classmethod
    def new(cls, folder: str, role: str, terms: dict[str, Any], key: bytes) -> Shelf:
        """Return an empty one, its file begun."""
        file = _file(folder, role)
        file.parent.mkdir(parents=True, exist_ok=True)
        found = cls(file, key)
        found._append({"terms": terms, "key": key}, "xb")
        return found

    @classmethod
    def open(cls, folder: str, role: str) -> Shelf:
        """Return what is kept, marked as used from now on.

        Raises:
            InputError: it is used already.
        """
        file = _file(folder, role)
        try:
            file.with_suffix(".used").touch(exist_ok=False)
        except FileExistsError:
            raise InputError(
                f"protocol.stored: {file} has been used by a run; accepted: each once"
            ) from None
        with file.open("rb") as stream:
            head, *rest = msgpack.Unpacker(stream, max_buffer_size=0)
        return cls(file, head["key"], dict(rest), file.stat().st_size)

    def put(self, address: str, pieces: Sequence[Words]) -> None:
        """Keep what is dealt at an address."""
        self._append([address, [np.ascontiguousarray(piece).tobytes() for piece in pieces]], "ab")

    def take(self, address: str) -> list[Words]:
        """Return what is kept at an address, as bytes; for once.

        Raises:
            InputError: nothing is, or it was taken.
        """
        found = self.pieces.pop(address, None)
        if found is None:
            raise self.foreign(f"{address} {'was taken' if address in self.taken else 'is not there'}")
        self.taken.add(address)
        return [np.frombuffer(piece, np.uint8) for piece in found]

    def foreign(self, why: str) -> InputError:
        """Return the refusal of pieces that do not fit what is computed."""
        return InputError(f"protocol.stored: {self.file}: {why}: {_KEPT}")

    def _append(self, what: Any, mode: str) -> None:
        packed = msgpack.packb(what)
        with self.file.open(mode) as stream:
            stream.write(packed)
        self.size += len(packed)
