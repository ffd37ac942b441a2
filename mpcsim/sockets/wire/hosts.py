"""The hosts file: where each party listens, how long to wait, how much to take, where certificates are."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from mpcsim.errors import InputError
from mpcsim.schema import shown, unknown, validate
from mpcsim.units import NANOSECONDS, parse_time

_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([kMG]?)B\s*")
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
_LEAST = 1 << 16


@dataclass(frozen=True)
class Limits:
    """What ends a run, and how soon; all in seconds, sizes in bytes.

    Attributes:
        wait: for all parties to come, from when this one listens.
        silence: of a peer that has sent nothing at all, not even a heartbeat.
        collect: that a party which is done waits for who collects the record.
        largest: of a message.
        queue: of what waits to be sent to one peer before `party.send` waits until it is half as much.
    """

    wait: float = 60.0
    silence: float = 10.0
    collect: float = 30.0
    largest: int = 1 << 32
    queue: int = 1 << 26

    @property
    def beat(self) -> float:
        """How often a heartbeat is sent."""
        return min(1.0, self.silence / 5)


@dataclass(frozen=True)
class Hosts:
    """Addresses by role, limits, and the folder of certificates (None: plaintext)."""

    parties: dict[str, tuple[str, int]]
    limits: Limits = field(default_factory=Limits)
    certificates: Path | None = None


class _Limits(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    wait: str = "60 s"
    silence: str = "10 s"
    collect: str = "30 s"
    largest: str = "4.294967296 GB"
    queue: str = "67.108864 MB"


class _Tls(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    folder: Annotated[str, Field(min_length=1)] = "certificates"


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    parties: dict[str, str]
    limits: _Limits = _Limits()
    tls: _Tls = _Tls()


def read_hosts(path: Path, roles: Sequence[str] | None = None) -> Hosts:
    """Read a hosts file.

    Args:
        path: the file; `[parties]` has ROLE = "HOST:PORT" for every role.
        roles: those of the scenario, which must all be there and no others.

    Raises:
        InputError: with file and key.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: not valid TOML: {error}") from None
    try:
        found = validate(_File, document)
        parties = {role: address(text, f"parties.{role}") for role, text in found.parties.items()}
        if roles is not None:
            _check_roles(parties, roles)
        limits = read_limits(found.limits.model_dump())
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return Hosts(parties, limits, path.parent / Path(found.tls.folder).expanduser())


def _check_roles(parties: dict[str, tuple[str, int]], roles: Sequence[str]) -> None:
    for role in roles:
        if role not in parties:
            raise InputError(f"parties.{role}: missing; accepted: HOST:PORT for each of {', '.join(roles)}")
    for role in parties:
        if role not in roles:
            raise InputError(f"parties.{role}: {unknown(role, list(roles), 'role')}")
    seen: dict[tuple[str, int], str] = {}
    for role, place in parties.items():
        if seen.setdefault(place, role) != role:
            raise InputError(
                f"parties.{role}: found the address of {seen[place]}; accepted: one of its own"
            )


def address(text: str, key: str) -> tuple[str, int]:
    """Return host and port of "HOST:PORT", "[::1]:PORT".

    Raises:
        InputError: it is none.
    """
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (host and colon and port.isdecimal() and 0 < int(port) < 65536):
        raise InputError(f"{key}: found {shown(text)}; accepted: HOST:PORT, as in 10.0.0.1:7100")
    return host, int(port)


def read_limits(found: dict[str, str]) -> Limits:
    """Return limits of a table of texts with units.

    Raises:
        InputError: with the key.
    """
    numbers: dict[str, float] = {}
    for key in ("wait", "silence", "collect"):
        try:
            seconds = parse_time(found[key]) / NANOSECONDS
        except InputError as error:
            raise InputError(f"limits.{key}: {error}") from None
        if not 0.1 <= seconds <= 86400:
            raise InputError(f"limits.{key}: found {found[key]!r}; accepted: 100 ms to 24 h")
        numbers[key] = seconds
    sizes: dict[str, int] = {}
    for key in ("largest", "queue"):
        size = _SIZE.fullmatch(found[key])
        count = round(float(size[1]) * _UNITS[size[2]]) if size else -1
        if not _LEAST <= count <= 1 << 40:
            raise InputError(
                f'limits.{key}: found {found[key]!r}; accepted: a size such as "2 GB", from 64 kB'
            )
        sizes[key] = count
    return Limits(numbers["wait"], numbers["silence"], numbers["collect"], sizes["largest"], sizes["queue"])
