"""A server's seat where two of the three change places: reflections, which rotations cannot give."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from protocols.domains import Words
from protocols.replicated3.sharings import Server, Share

STRAIGHT = (0, 1, 2)
SWAPPED = (0, 2, 1)
"""Servers 1 and 2 have changed places; keys and components 0 and 1 go with them."""
REVERSED = (2, 1, 0)
"""Servers 0 and 2 have changed places; keys and components 1 and 2 go with them."""
_KEYS = {STRAIGHT: (0, 1, 2), SWAPPED: (1, 0, 2), REVERSED: (0, 2, 1)}


@dataclass(frozen=True)
class Seat:
    """A server in a role of its own for one protocol; `seats[r]` is the server that plays role r."""

    server: Server
    seats: tuple[int, int, int] = STRAIGHT

    @property
    def role(self) -> int:
        """The role it plays: the reflections are their own inverses."""
        return self.seats[self.server.role]

    @property
    def kernels(self) -> ModuleType:
        """The array operations."""
        return self.server.kernels

    def send(self, role: int, arrays: list[Any]) -> None:
        """Send arrays to the server in that role, in one message."""
        self.server.send(self.seats[role], *arrays)

    async def recv(self, role: int, count: int) -> list[Any]:
        """Await the next message of the server in that role: so many arrays."""
        payload = await self.server.recv(self.seats[role])
        return [payload] if count == 1 else list(payload)

    def random(self, key: int, purpose: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Words:
        """Return the next words of F(k_key), the key named as the roles are here."""
        return self.server.random(_KEYS[self.seats][key], purpose, shape, dtype)

    def turn(self, x: Share) -> Share:
        """Return a share of the server as one of this seat, or back: a reflection exchanges components."""
        return x if self.seats == STRAIGHT else Share(x.b, x.a)
