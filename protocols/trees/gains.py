"""Which slots may test: those whose rows are not all alike, and whose best test gains enough."""

from __future__ import annotations

from protocols.replicated3.constructions import is_negative, is_zero, multiply, multiply_locally
from protocols.replicated3.sharings import (
    Server,
    Share,
    concatenate,
    in_thirds,
    multiply_public,
    reshare,
    subtract,
    widen_share,
)
from protocols.tables import opposite
from protocols.trees import wide
from protocols.trees.best import Best
from protocols.trees.places import Slots, stacked
from protocols.trees.shape import GAIN_BITS, Shape, within


async def pure_of(server: Server, slots: Slots, shape: Shape) -> Share | None:
    """Return 1 for slots whose rows are of one class: |G|² = Σ T_c²; of targets nothing yet."""
    if not shape.statistics.classes:
        return None
    square = await multiply(server, slots.sizes, slots.sizes)
    return await is_zero(server, subtract(server, square, slots.squares), 2 * shape.count_bits)


async def allowed_of(server: Server, best: Best, pure: Share | None, slots: Slots, shape: Shape) -> Share:
    """Return 1 for slots that are not pure, and gain enough."""
    checks = [] if pure is None else [pure]
    if best.score is not None and best.sides is not None:
        rows = zip((best.score, best.sides), shape.fraction_bits, strict=False)
        pair = await server.party.gather(
            *(widen_share(within(server, bits), row, server) for row, bits in rows)
        )
        wider = shape.gain_bits > server.ring.bits
        checks += await (_gains_widely if wider else _gains)(server, pair[0], pair[1], slots, shape)
    good = opposite(server, checks[0])
    for bad in checks[1:]:
        good = await multiply(server, good, opposite(server, bad))
    return good


async def _gains(server: Server, score: Share, sides: Share, slots: Slots, shape: Shape) -> list[Share]:
    """Return 1 for slots that gain nothing (of targets), and for those that gain too little (if asked)."""
    k, dtype, checks = server.kernels, server.ring.dtype, []
    terms = [(score, slots.sizes), (sides, slots.squares), (sides, slots.sizes)]
    found = await reshare(server, k.stack([multiply_locally(server, x, y) for x, y in terms], 0))
    gain = subtract(server, found[0], found[1])
    if not shape.statistics.classes:
        checks.append(is_zero(server, gain, server.ring.bits))
    if shape.gain:
        raised = multiply_public(server, gain, k.full((), 1 << GAIN_BITS, dtype))
        asked = multiply_public(server, found[2], k.full((), shape.gain, dtype))
        checks.append(is_negative(server, subtract(server, raised, asked), server.ring.bits))
    return await server.party.gather(*checks)


async def _gains_widely(
    server: Server, score: Share, sides: Share, slots: Slots, shape: Shape
) -> list[Share]:
    """Return the same, of numbers lifted to `gain_bits`."""
    every = stacked(server, [score, sides, slots.sizes, slots.squares], slots.sizes.shape[0])

    async def some(server: Server, every: Share) -> list[Share]:
        return await _compared_widely(server, every, shape)

    thirds = await in_thirds(server, some, every.shape[1], lambda part: (every[:, part],))
    return [concatenate(server, list(one)) for one in zip(*thirds, strict=True)]


async def _compared_widely(server: Server, every: Share, shape: Shape) -> list[Share]:
    bits = shape.gain_bits
    asked: list[tuple[wide.Check, list[wide.Term]]] = []
    lifted = await wide.shared(server, await wide.lifted(server, every, server.ring.bits, bits))
    score, sides, size, squares = (lifted[i] for i in range(4))
    if not shape.statistics.classes:
        asked.append((wide.is_zero, [(score, size, 1), (sides, squares, -1)]))
    if shape.gain:
        unit = 1 << GAIN_BITS
        terms = [(score, size, unit), (sides, squares, -unit), (sides, size, -shape.gain)]
        asked.append((wide.is_negative, terms))

    async def answered(check: wide.Check, terms: list[wide.Term]) -> Share:
        return await check(server, await wide.sum_of(server, wide.products(server, terms), bits))

    return await server.party.gather(*(answered(*one) for one in asked))
