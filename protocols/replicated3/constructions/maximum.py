"""The largest of several values: pairs compete, and the winner is selected obliviously."""

from __future__ import annotations

from dataclasses import dataclass, field

from protocols.replicated3.constructions.comparison import sign
from protocols.replicated3.constructions.selection import select
from protocols.replicated3.sharings import (
    BitHalves,
    Halves,
    Server,
    Share,
    complement,
    concatenate,
    halves_to_share,
    in_thirds,
    narrow,
    share_to_halves,
)


@dataclass(frozen=True)
class Taken:
    """The choices that one third of a vector of windows made, in the roles of that third.

    Attributes:
        server: the server in its role.
        size: n, the number of windows.
        levels: of each level of the tournament, (pairs, n): 1 where the first of the pair won.
        positive: (n,), 1 where ReLU let the winner pass; None without ReLU.
    """

    server: Server
    size: int
    levels: list[BitHalves] = field(default_factory=list)
    positive: BitHalves | None = None


async def _not_less(server: Server, x: Halves, y: Halves) -> tuple[Halves, BitHalves]:
    """Return (x − y, bit that is 1 where x ≥ y) of values."""
    difference = Halves(server.kernels.sub(x.half, y.half), x.bits)
    negative = await sign(server, narrow(server, difference, server.ring.value_bits + 1))
    return difference, complement(server, negative)


async def _choose(server: Server, difference: Halves, y: Halves, first: BitHalves) -> Halves:
    """Return x where the bit is 1 and y elsewhere, given x − y."""
    gain = await select(server, difference, first)
    return Halves(server.kernels.add(y.half, gain.half), y.bits)


async def tournament(server: Server, x: Halves) -> Halves:
    """Return the maxima over the first axis: pairs compete, ⌈log2⌉ levels (POMIC algorithm 4)."""
    winner, _ = await tournament_with_levels(server, x)
    return winner


async def tournament_with_levels(server: Server, x: Halves) -> tuple[Halves, list[BitHalves]]:
    """Return what `tournament` does, and of each level, one bit a pair: 1 where the first one won.

    Among equals the first wins. Where a level has an odd number of entries, the last goes on unpaired.
    """
    k = server.kernels
    levels: list[BitHalves] = []
    while (entries := x.shape[0]) > 1:
        pairs = entries // 2
        even, odd = x[0 : 2 * pairs : 2], x[1 : 2 * pairs : 2]
        difference, first = await _not_less(server, even, odd)
        winners = await _choose(server, difference, odd, first)
        rest = [x.half[-1:]] if entries % 2 else []
        x = Halves(k.concatenate([winners.half, *rest], 0), x.bits)
        levels.append(first)
    return x[0], levels


async def argmax(server: Server, x: Share, few_rounds: bool = False) -> Share:
    """Return shares of the index of the largest value along the last axis, the first among equals.

    A tournament that carries values and indices. Rounds: ⌈log2 n⌉ comparisons and selections, of the
    server's choices; in few rounds two a level and one more (`Server.in_few_rounds`).
    """
    server = server.in_few_rounds() if few_rounds else server
    *leading, classes = x.shape
    rows = x.reshape(-1, classes)
    columns = Share(rows.a.T, rows.b.T)

    async def third(server: Server, x: Share) -> Share:
        value = share_to_halves(server, x, server.ring.bits)
        return await halves_to_share(server, await _argmax(server, value))

    thirds = await in_thirds(server, third, rows.shape[0], lambda part: (columns[:, part],))
    return concatenate(server, thirds).reshape(*leading)


async def _argmax(server: Server, x: Halves) -> Halves:
    """Return the index of the largest along the first axis, as an integer."""
    k = server.kernels
    index = Halves(k.zeros(x.shape, server.ring.dtype), x.bits)
    if server.role == 0:
        index = Halves(k.positions(x.shape, server.ring.dtype), x.bits)
    while (entries := x.shape[0]) > 1:
        paired = entries - entries % 2
        even, odd = slice(0, paired, 2), slice(1, paired, 2)
        difference, first = await _not_less(server, x[even], x[odd])
        gap = Halves(k.sub(index.half[even], index.half[odd]), x.bits)
        choices = [_choose(server, gap, index[odd], first)]
        if entries > 2:
            choices.append(_choose(server, difference, x[odd], first))
        chosen, *winners = await server.party.gather(*choices)
        index = Halves(k.concatenate([chosen.half, index.half[paired:]], 0), x.bits)
        x = Halves(k.concatenate([*(w.half for w in winners), x.half[paired:]], 0), x.bits)
        if not winners:
            break
    return index[0]
