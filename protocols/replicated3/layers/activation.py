"""ReLU (POMIC algorithm 3): a sign bit, then an oblivious selection."""

from __future__ import annotations

from protocols.replicated3.constructions import select, sign
from protocols.replicated3.sharings import (
    BitHalves,
    Halves,
    Server,
    Share,
    complement,
    elementwise,
    halves_to_share,
    narrow,
    share_to_halves,
)


async def relu(server: Server, x: Share) -> Share:
    """Return max(x, 0), elementwise, for shares of any shape (POMIC algorithm 3).

    Rounds: the sign's + 2, less one that the dealing overlaps. Bits: the sign's + 5l (7l in one
    round).
    """

    async def third(server: Server, x: Share) -> Share:
        value = share_to_halves(server, x, server.ring.bits)
        positive_part, _ = await relu_of_halves(server, value, value)
        return await halves_to_share(server, positive_part)

    return await elementwise(server, third, x)


async def relu_of_halves(server: Server, compared: Halves, selected: Halves) -> tuple[Halves, BitHalves]:
    """Return (max(x, 0), bit that is 1 where x ≥ 0); x is given for the comparison and the selection."""
    negative = await sign(server, narrow(server, compared, server.ring.value_bits))
    passing = complement(server, negative)
    return await select(server, selected, passing), passing
