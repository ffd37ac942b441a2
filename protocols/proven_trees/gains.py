"""Which slots may test, and the tests as everybody reads them."""

from __future__ import annotations

from protocols.proven_trees.places import Slots
from protocols.proven_trees.steps import (
    is_zero,
    known,
    negative,
    opposite,
    product,
    scaled,
    total,
)
from protocols.proven_trees.widths import hot_bits
from protocols.replicated3.sharings import Share, concatenate, subtract
from protocols.replicated3_malicious.constructions import lift
from protocols.replicated3_malicious.sharings import Checked
from protocols.trees import GAIN_BITS, Level, Shape


async def pure_of(server: Checked, slots: Slots, shape: Shape) -> Share | None:
    """Return 1 for slots whose rows are of one class: |G|² = Σ T_c²; of targets nothing yet."""
    if not shape.statistics.classes:
        return None
    square = await product(server, hot_bits(shape), slots.sizes, slots.sizes)
    gap = subtract(server, square, slots.squares)
    return await is_zero(server, gap, 2 * shape.count_bits, server.ring.bits)


async def level_of(server: Checked, best: Share, pure: Share | None, slots: Slots, shape: Shape) -> Level:
    """Return the tests of slots from their best candidates (5, slots), mod 2^l.

    Rounds: at most those of an equality or a gain's check, and 2.
    """
    m = shape.attributes
    allowed, hot, lifted = await server.party.gather(
        _allowed(server, best, pure, slots, shape),
        _one_hot(server, best[2], m, max(1, shape.tie_bits)),
        lift(server, best[3:], hot_bits(shape)),
    )
    bits, twice, found = server.ring.bits, lifted[0], lifted[1]
    tests = await product(server, bits, found, allowed)
    every = concatenate(server, [hot, twice.reshape(-1, 1)], 1)
    kept = await product(server, bits, every, tests.reshape(-1, 1))
    return Level(tests, kept[:, :m], kept[:, m])


async def _one_hot(server: Checked, number: Share, entries: int, bits: int) -> Share:
    """Return the one-hot vectors (slots, entries) of numbers (slots,), mod 2^l."""
    k, word = server.kernels, number.a.dtype
    index = known(server, k.astype(k.positions((entries,), word), word))
    gaps = subtract(server, number.reshape(-1, 1), index.reshape(1, -1))
    return await is_zero(server, gaps, bits, server.ring.bits)


async def _allowed(server: Checked, best: Share, pure: Share | None, slots: Slots, shape: Shape) -> Share:
    """Return 1 for slots that are not pure, and gain enough."""
    bad = [] if pure is None else [pure]
    if shape.gain_bits:
        bad += await _gains(server, best, slots, shape)
    good = opposite(server, bad[0])
    for one in bad[1:]:
        good = await product(server, server.ring.bits, good, opposite(server, one))
    return good


async def _gains(server: Checked, best: Share, slots: Slots, shape: Shape) -> list[Share]:
    """Return 1 for slots that gain nothing (of targets), and for those that gain too little (if asked)."""
    bits = shape.gain_bits
    rows = [one.reshape(1, -1) for one in (best[0], best[1], slots.sizes, slots.squares)]
    lifted = await lift(server, concatenate(server, rows), hot_bits(shape))
    score, sides, size, squares = (lifted[i] for i in range(4))

    async def nothing() -> Share:
        gain = await total(server, bits, (score, size), (scaled(server, sides, -1), squares))
        return await is_zero(server, gain, bits, server.ring.bits)

    async def too_little() -> Share:
        unit = 1 << GAIN_BITS
        short = await total(
            server,
            bits,
            (scaled(server, score, unit), size),
            (scaled(server, sides, -unit), squares),
            (scaled(server, sides, -shape.gain), size),
        )
        return await negative(server, short, bits, server.ring.bits)

    checks = [] if shape.statistics.classes else [nothing()]
    checks += [too_little()] if shape.gain else []
    return await server.party.gather(*checks)
