"""Views of protocols on tables, by enumeration: each column of the table is one random tape.

As in `tapes`, but the rows of a table lie along the last axis, and permutations are drawn whole: all n!.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import permutations
from math import factorial
from typing import Any

import numpy as np
from tapes import UNPACKED, Probe, Tape, ToyRing

from mpcsim import simulate
from protocols.replicated3.sharings import Choices, Server, Share

Mask = tuple[int, str]


@dataclass(frozen=True)
class TableServer(Server):
    """A server whose PRF is a tape, mod 2^bits, and who keeps what it receives."""

    tape: Any = None
    bits: int = 1
    dropped: frozenset[Mask] = frozenset()
    hidden: Mask | None = None
    chosen: int = 0
    received: list[Any] = field(default_factory=list)

    def random(self, key: int, purpose: str, shape: tuple[int, ...], dtype: Any = None) -> Any:
        assert (key - self.role) % 3 != 2, f"server {self.role} does not hold key {key}"
        name, n = (key, purpose, self.party.call(f"{key}/{purpose}")), shape[-1]
        gone = (key, purpose) in self.dropped
        if purpose.startswith("order"):
            if (key, purpose) == self.hidden:
                chosen = np.full(self.tape.size, self.chosen)
            else:
                chosen = self.tape.column(name, 1 if gone else factorial(n))
            places = np.array(list(permutations(range(n))), np.uint64)
            return np.stack([np.zeros(shape[1:], np.uint64), places[chosen]])
        outer = int(np.prod(shape[:-2], dtype=int))
        drawn = np.empty((outer, self.tape.size, n), np.uint32)
        for entry in range(outer):
            for row in range(n):
                drawn[entry, :, row] = self.tape.column((*name, entry, row), 1 if gone else 1 << self.bits)
        return drawn.reshape(shape)

    async def recv(self, role: int) -> Any:
        payload = await super().recv(role)
        self.received.extend(payload if isinstance(payload, list) else [payload])
        return payload


@dataclass(frozen=True)
class TableCase:
    """A protocol on one vector of shared rows mod 2^bits, or by ⊕.

    Attributes:
        protocol: takes a server and the share, (tapes, n).
        secrets: the vectors whose views must be alike.
    """

    name: str
    protocol: Callable[..., Awaitable[Any]]
    n: int
    bits: int
    secrets: Iterable[tuple[int, ...]]
    xor: bool = False
    dropped: frozenset[Mask] = frozenset()
    hidden: Mask | None = None
    chosen: int = 0

    def __str__(self) -> str:
        return self.name

    def without(self, *masks: Mask) -> "TableCase":
        """Return the case with draws that are always zero (a permutation: the identity)."""
        return replace(self, dropped=frozenset(masks))

    def masks(self) -> list[Mask]:
        """Return (key, purpose) of all draws."""
        probe = Probe()
        self._views(probe, next(iter(self.secrets)), 0)
        return list(dict.fromkeys(name[:2] for name in probe.radices if name[0] != "input"))

    def leaks(self, viewers: Iterable[int] = range(3)) -> set[int]:
        """Return which of the servers have views that differ between secrets; what they know is sampled."""
        return {viewer for viewer in viewers if self._leaks_to(viewer)}

    def leaks_order(self) -> set[int]:
        """Return the servers whose view differs between the values of the part of an order they lack."""
        return {viewer for viewer in range(3) if self._leaks_order_to(viewer)}

    def _leaks_order_to(self, viewer: int) -> bool:
        lacking = (viewer + 2) % 3
        case = replace(self, hidden=(lacking, f"order{lacking}"))
        probe, secret = Probe(), next(iter(self.secrets))
        case._views(probe, secret, viewer)
        known = [name for name in probe.radices if name[0] in (viewer, (viewer + 1) % 3, "input")]
        tape = Tape(probe.radices, known)
        views = [replace(case, chosen=one)._views(tape, secret, viewer) for one in range(factorial(self.n))]
        return not all(np.array_equal(views[0], view) for view in views)

    def _leaks_to(self, viewer: int) -> bool:
        probe = Probe()
        self._views(probe, next(iter(self.secrets)), viewer)
        known = [name for name in probe.radices if name[0] in (viewer, (viewer + 1) % 3, "input")]
        tape = Tape(probe.radices, known)
        views = [self._views(tape, secret, viewer) for secret in self.secrets]
        return not all(np.array_equal(views[0], view) for view in views)

    def _components(self, tape: Any, secret: tuple[int, ...], viewer: int) -> list[Any]:
        """Return the components: those that the viewer knows are free, the third makes up the secret."""
        rest = (viewer + 2) % 3
        parts = {
            part: np.stack(
                [tape.column(("input", part, row), 1 << self.bits) for row in range(self.n)], axis=-1
            ).astype(np.uint32)
            for part in range(3)
            if part != rest
        }
        a, b = parts.values()
        words = np.broadcast_to(np.array(secret, np.uint32), a.shape)
        total = words ^ a ^ b if self.xor else words - a - b
        parts[rest] = total & np.uint32((1 << self.bits) - 1)
        return [parts[part] for part in range(3)]

    def _views(self, tape: Any, secret: tuple[int, ...], viewer: int) -> Any:
        """Return the multiset of the viewer's views, each as a hash."""
        held = self._components(tape, secret, viewer)

        async def program(party: Any) -> TableServer:
            server = TableServer(
                party, ToyRing(2, 0, 2), (b"", b""), Choices(rotate=False), party.id, UNPACKED,
                tape=tape, bits=self.bits, dropped=self.dropped,
                hidden=self.hidden, chosen=self.chosen,
            )  # fmt: skip
            await self.protocol(server, Share(held[party.id], held[(party.id + 1) % 3]))
            return server

        servers = simulate(program, parties=3).outputs
        names = [name for name in tape.radices if name[0] in (viewer, (viewer + 1) % 3)]
        columns = [tape.column(name, tape.radices[name]) for name in names]
        columns += [held[(viewer + j) % 3][:, row] for j in (0, 1) for row in range(self.n)]
        for array in servers[viewer].received:
            block = array.reshape(-1, tape.size, self.n)
            columns += [block[entry, :, row] for entry in range(len(block)) for row in range(self.n)]
        factors = np.random.default_rng(1).integers(1, 2**63, len(columns), np.uint64) | np.uint64(1)
        hashed = np.zeros(tape.size, np.uint64)
        for column, factor in zip(columns, factors, strict=True):
            hashed += column.astype(np.uint64) * factor
        return np.sort(hashed)
