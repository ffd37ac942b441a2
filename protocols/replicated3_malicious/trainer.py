"""Steps of training of which every message is a claim: those written once, over proven products and bits.

What a family of honest servers does with a layer's unsent sums is not provable; here every sum is reshared,
and what is reshared an observer may look at.
"""

from __future__ import annotations

from typing import Any

from protocols.replicated3.sharings import Bits, Share, concatenate, in_thirds
from protocols.replicated3_malicious.constructions import Sum, compose
from protocols.replicated3_malicious.sharings import BYTE, Checked
from protocols.training import INITIAL_BITS, Look, Trainer


class ProvenTrainer(Trainer):
    """One of three servers of which one may lie."""

    async def closed(self, z: Sum, shift: int, look: Look | None) -> Share:
        """Return z / 2^shift; the observer sees what is reshared, of each server its component."""
        x: Share = await self.me.close(z, 0)
        if look is not None:
            look(x.a, shift)
        return await self.me.close(self.me.as_sum(x), shift)  # type: ignore[no-any-return]

    async def drawn(self, count: int) -> Share:
        """Return integers uniform below 2^16: random bits, each component of which a key gives.

        A server lacks one key of three, so the bits are uniform to it; only their conversion sends.

        Rounds and bits: those of `compose` for 16 bits.
        """
        server: Any = self.me.server  # type: ignore[attr-defined]  # a view of this family

        async def third(server: Checked, size: int) -> Share:
            shape = (INITIAL_BITS, -(-size // 8))
            planes = [server.random((server.role + j) % 3, "initial", shape, BYTE) for j in (0, 1)]
            return await compose(server, Bits(*planes), size)

        cut = in_thirds(server, third, count, lambda part: (part.stop - part.start,))
        return concatenate(server, await cut)
