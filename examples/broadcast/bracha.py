"""Bracha's reliable broadcast (Information and Computation 75, 1987): an engine-only protocol.

Party 0 sends a value. Who has it sends an echo to all; who has echoes of more than (n + f)/2 parties, or
"ready" of f + 1, sends "ready" to all; who has "ready" of 2f + 1 delivers. Of n > 3f parties f may do
anything; all others deliver the same value, or none does. A party counts its own messages too.
"""

from __future__ import annotations

from collections import defaultdict

from pydantic import BaseModel, ConfigDict, Field

from mpcsim import InputError, Party


class Settings(BaseModel):
    """What the scenario says."""

    model_config = ConfigDict(extra="forbid")

    faulty: int = Field(5, ge=0)
    value: str
    silent: list[int] = []


async def broadcast(party: Party, settings: Settings) -> str | None:
    """Return the value that this party delivers; None from one that is silent.

    Raises:
        InputError: a third of the parties or more may fail.
    """
    if party.n <= 3 * settings.faulty:
        raise InputError(f"faulty: {settings.faulty} of {party.n} parties; accepted: less than a third")
    if party.id in settings.silent:
        party.leave_channel()
        return None
    faulty = settings.faulty
    seen: dict[tuple[str, str], set[int]] = defaultdict(set)
    said: set[str] = set()

    def say(kind: str, value: str) -> None:
        if kind not in said:
            said.add(kind)
            for to in range(party.n):
                if to != party.id:
                    party.send(to, [kind, value])
            seen[kind, value].add(party.id)

    if party.id == 0:
        say("send", settings.value)
        say("echo", settings.value)
    while True:
        source, (kind, value) = await party.recv_any()
        if kind != "send":
            seen[kind, value].add(source)
        elif source == 0:
            say("echo", value)
        if 2 * len(seen["echo", value]) > party.n + faulty or len(seen["ready", value]) > faulty:
            say("ready", value)
        if len(seen["ready", value]) > 2 * faulty:
            party.leave_channel()  # who has 2f + 1 needs no more, and all others will have as many
            return value
