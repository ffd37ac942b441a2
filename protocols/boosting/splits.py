"""The test of each slot: sums of residuals by bin, scores as fractions, and a tournament of all candidates.

A test leaves S_l, S_r of a slot's residuals and |l|, |r| of its rows on either side; better is a greater
S_l² / (|l| + λ) + S_r² / (|r| + λ) = N / D. An empty side gains nothing, so that it needs no check.
"""

from __future__ import annotations

import numpy as np

from protocols.boosting.bins import Bins
from protocols.boosting.shape import Boosting
from protocols.replicated3.constructions import (
    bit_to_share,
    is_negative,
    is_zero,
    matmul_locally,
    multiply,
    multiply_locally,
    select,
    sign,
)
from protocols.replicated3.sharings import (
    BitHalves,
    Server,
    Share,
    add,
    add_public,
    complement,
    concatenate,
    halves_to_share,
    in_thirds,
    public,
    reshare,
    share_to_halves,
    subtract,
    sum_to_halves,
)
from protocols.tables import opposite
from protocols.trees import Level, turned, wide

COLUMNS = 4
"""N, D, attribute, edge."""


async def split(
    server: Server, bins: Bins, residuals: Share, members: Share, shape: Boosting
) -> tuple[Level, Share]:
    """Return the tests of a level's slots, and 1 where a slot sends a row right: (slots, n).

    Args:
        server: with its choices.
        bins: of the table.
        residuals: (n,), in whole numbers.
        members: (slots, n): the one-hot vector of each row's slot.
        shape: public sizes.

    Of equal scores the lowest attribute wins, then the lowest edge; a slot tests where that raises its
    score. Rounds: 2 for the sums, 2 for scores, a tournament's, a test's, 4.
    """
    k, (slots, _) = server.kernels, members.shape
    weighed = await multiply(server, members, residuals.reshape(1, -1))
    statistics = concatenate(server, [weighed, members])
    totals = Share(k.sum(statistics.a, -1), k.sum(statistics.b, -1))
    m, edges, n = bins.right.shape
    every = bins.right.reshape(m * edges, n)
    sums = await reshare(server, matmul_locally(server, every, turned(statistics)))
    total, size = totals[:slots], totals[slots:]
    score, scale = await _fractions(server, sums[:, :slots], sums[:, slots:], total, size, shape)
    best = await _tournament(server, _entries(server, score, scale, m, edges), shape)
    tests, hot_attributes, hot_edges = await server.party.gather(
        _tests(server, best, total, size, shape), _hot(server, best[2], m), _hot(server, best[3], edges)
    )
    kept = await multiply(server, hot_attributes, tests.reshape(-1, 1))
    hot = await multiply(server, kept.reshape(slots, m, 1), hot_edges.reshape(slots, 1, edges))
    hot = hot.reshape(slots, m * edges)
    columns = concatenate(server, [every, bins.twice.reshape(-1, 1)], 1)
    read = await reshare(server, matmul_locally(server, hot, columns))
    return Level(tests, kept, read[:, n]), read[:, :n]


async def _fractions(
    server: Server, right: Share, count: Share, total: Share, size: Share, shape: Boosting
) -> tuple[Share, Share]:
    """Return N and D of every candidate and slot; N is 0 where a side has too few rows. Rounds: 2."""
    k, dtype = server.kernels, server.ring.dtype
    left = subtract(server, total.reshape(1, -1), right)
    rest = subtract(server, size.reshape(1, -1), count)
    penalty = k.full((), shape.penalty, dtype)
    raised, other = add_public(server, count, penalty), add_public(server, rest, penalty)
    pairs = [(left, left), (right, right), (raised, other)]
    first, enough = await server.party.gather(
        reshare(server, k.stack([multiply_locally(server, x, y) for x, y in pairs], 0)),
        _enough(server, rest, count, shape),
    )
    terms = k.add(multiply_locally(server, first[0], raised), multiply_locally(server, first[1], other))
    score = await reshare(server, terms)
    if enough is not None:
        score = await multiply(server, score, enough)
    return score, first[2]


async def _enough(server: Server, left: Share, right: Share, shape: Boosting) -> Share | None:
    """Return 1 where both sides have the least rows; nothing where one row, or none, will do."""
    if shape.least_rows == 1:
        return None
    k, ring = server.kernels, server.ring
    both = Share(k.stack([left.a, right.a], 0), k.stack([left.b, right.b], 0))
    gaps = add_public(server, both, ring.encode_integers(-shape.least_rows).reshape(()))
    enough = opposite(server, await is_negative(server, gaps, shape.count_bits))
    return await multiply(server, enough[0], enough[1])


def _entries(server: Server, score: Share, scale: Share, m: int, edges: int) -> Share:
    """Return the candidates' columns (4, candidates, slots)."""
    k, dtype = server.kernels, server.ring.dtype
    empty = k.zeros(score.shape, dtype)

    def numbers(values: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Share:
        column = server.ring.encode_integers(values).reshape(-1, 1)
        return public(server, k.add(empty, column))

    each = np.arange(m * edges)
    columns = [score, scale, numbers(each // edges), numbers(each % edges)]
    return concatenate(server, [one.reshape(1, *score.shape) for one in columns])


async def _tournament(server: Server, entries: Share, shape: Boosting) -> Share:
    """Return the best candidate of each slot, (4, slots), the first among equals.

    Pairs compete, ⌈log2 candidates⌉ stages of 1, a sign, a selection and 1.
    """

    async def some(server: Server, one: Share, other: Share) -> Share:
        return await _better(server, one, other, shape)

    while (count := entries.shape[1]) > 1:
        paired = count - count % 2
        one = entries[:, 0:paired:2].reshape(COLUMNS, -1)
        other = entries[:, 1:paired:2].reshape(COLUMNS, -1)

        def cut(part: slice, one: Share = one, other: Share = other) -> tuple[Share, Share]:
            return one[:, part], other[:, part]

        thirds = await in_thirds(server, some, one.shape[1], cut)
        winners = concatenate(server, thirds, 1).reshape(COLUMNS, paired // 2, -1)
        entries = concatenate(server, [winners, entries[:, paired:]], 1)
    return entries[:, 0]


async def _better(server: Server, one: Share, other: Share, shape: Boosting) -> Share:
    """Return of each pair of candidates (4, pairs) the better one, the first among equals."""
    k, bits = server.kernels, server.ring.bits
    wins = complement(server, await less(server, one, other, shape.cross_bits(server.ring)))
    gap = subtract(server, one, other)
    every = BitHalves(k.add(k.zeros(gap.shape, wins.half.dtype), wins.half.reshape(1, -1)))
    gain = await halves_to_share(server, await select(server, share_to_halves(server, gap, bits), every))
    return add(server, other, gain)


async def less(server: Server, one: Share, other: Share, bits: int) -> BitHalves:
    """Return 1 where N·D′ − N′·D < 0, of so many bits, for fractions (N, D, …) along the first axis.

    Rounds: 1 and a sign's. Bits: twice `bits`, and those of a sign. What the ring does not hold is compared
    in a wider one: 2 rounds more (docs/constructions.md#wide-products).
    """
    k = server.kernels
    if bits > server.ring.bits:
        fractions = concatenate(server, [one[:2], other[:2]])
        lifted = await wide.shared(server, await wide.lifted(server, fractions, server.ring.bits, bits))
        crossed = wide.products(server, [(lifted[0], lifted[3], 1), (lifted[2], lifted[1], -1)])
        return await sign(server, await wide.sum_of(server, crossed, bits))
    cross = k.sub(multiply_locally(server, one[0], other[1]), multiply_locally(server, other[0], one[1]))
    return await sign(server, await sum_to_halves(server, cross, bits))


async def _tests(server: Server, best: Share, total: Share, size: Share, shape: Boosting) -> Share:
    """Return 1 where the best test raises a slot's score: S²/(|G| + λ) < N/D. Rounds: 4 and a sign's."""
    square = await multiply(server, total, total)
    raised = add_public(server, size, server.kernels.full((), shape.penalty, server.ring.dtype))
    now = concatenate(server, [square.reshape(1, -1), raised.reshape(1, -1)])

    async def some(server: Server, now: Share, best: Share) -> Share:
        return await bit_to_share(server, await less(server, now, best, shape.cross_bits(server.ring)))

    thirds = await in_thirds(server, some, now.shape[1], lambda part: (now[:, part], best[:2, part]))
    return concatenate(server, thirds)


async def _hot(server: Server, index: Share, count: int) -> Share:
    """Return the one-hot vectors of numbers (slots,) below count, (slots, count)."""
    numbers = public(server, server.ring.encode_integers(np.arange(count)).reshape(1, -1))
    return await is_zero(
        server, subtract(server, index.reshape(-1, 1), numbers), max(1, (count - 1).bit_length())
    )
