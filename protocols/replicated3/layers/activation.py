"""ReLU (POMIC algorithm 3): a sign bit, then an oblivious selection."""

from __future__ import annotations

from protocols.replicated3.constructions import Taken, select, sign
from protocols.replicated3.sharings import (
    BitHalves,
    Halves,
    Server,
    Share,
    complement,
    concatenate,
    elementwise,
    halves_to_share,
    in_thirds,
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


async def relu_with_choices(server: Server, x: Share) -> tuple[Share, list[Taken]]:
    """Return what `relu` does, and the choices that lead a gradient back."""

    async def third(server: Server, x: Share) -> tuple[Share, Taken]:
        value = share_to_halves(server, x, server.ring.bits)
        positive_part, passing = await relu_of_halves(server, value, value)
        y = await halves_to_share(server, positive_part)
        return y, Taken(server, x.size, [], passing)

    flat = x.flat()
    thirds = await in_thirds(server, third, flat.size, lambda part: (flat[part],))
    y = concatenate(server, [y for y, _ in thirds]).reshape(*x.shape)
    return y, [taken for _, taken in thirds]


async def relu_of_halves(server: Server, compared: Halves, selected: Halves) -> tuple[Halves, BitHalves]:
    """Return (max(x, 0), bit that is 1 where x ≥ 0); x is given for the comparison and the selection."""
    negative = await sign(server, narrow(server, compared, server.ring.value_bits))
    passing = complement(server, negative)
    return await select(server, selected, passing), passing
