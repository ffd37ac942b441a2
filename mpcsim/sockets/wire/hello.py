"""The handshake: what each end of a new connection says of itself, and what the other must find equal."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from mpcsim.errors import InputError
from mpcsim.record import version
from mpcsim.scenario_file import Scenario
from mpcsim.schema import shown

PROTOCOL = 1


def scenario_digest(scenario: Scenario) -> str:
    """Return a hash of all that a scenario says, but for where it lies; of a user's workload the file."""
    document = {key: value for key, value in scenario.document.items() if key != "folder"}
    found = hashlib.blake2b(json.dumps(document, sort_keys=True, default=str).encode(), digest_size=16)
    file = scenario.workload.rpartition(":")[0]
    if file.endswith(".py"):
        path = scenario.folder / file
        found.update(path.read_bytes() if path.is_file() else b"")
    return found.hexdigest()


@dataclass(frozen=True)
class Hello:
    """What one end says: the other's must be equal but for the role."""

    role: str
    to: str
    scenario: str
    parties: int
    reproducible: bool
    run: str = ""
    version: str = ""
    protocol: int = PROTOCOL

    def said(self) -> dict[str, Any]:
        """Return it as it travels."""
        return asdict(self) | {"version": version()}

    def refuse(self, found: Any, sender: str | None = None, certified: str | None = None) -> str:
        """Return what is wrong with what the other end said; "" where nothing is.

        Args:
            found: as it came.
            sender: the role that was dialled; None where the other end dialled.
            certified: the role of its certificate; None without TLS.
        """
        own = self.said()
        if not isinstance(found, dict) or found.keys() != own.keys() or not isinstance(found["role"], str):
            return "it sent no hello of mpcsim"
        role = found["role"]
        named = shown(role)
        if certified is not None and certified != role:
            return f"{named}: its certificate is that of {shown(certified)}"
        if sender is not None and role != sender:
            return f"{named} answered; expected: {shown(sender)}"
        if found["to"] != self.role:
            return f"{named} looks for {shown(found['to'])}; here is {shown(self.role)}"
        for key, what in (
            ("version", "version of mpcsim"), ("protocol", "protocol of the sockets"),
            ("scenario", "scenario, by its digest"), ("parties", "number of parties"),
            ("reproducible", "choice of --reproducible"), ("run", "run"),
        ):  # fmt: skip
            if found[key] != own[key]:
                return f"{named} has another {what}: {shown(found[key])}; here: {shown(own[key])}"
        return ""


class Refused(InputError):
    """One end of a connection cannot take part in this run."""

    exit_status = 3
