"""The score of every candidate, the best attribute at each place, and what competes over places.

The mathematics is that of `protocols.trees.scores`: docs/constructions.md#trees, steps 2 and 3.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocols.domains import Words
from protocols.proven_trees.places import AtPlaces
from protocols.proven_trees.steps import is_zero, known, narrow, opposite, product, scaled, total
from protocols.proven_trees.widths import hot_bits
from protocols.replicated3.sharings import Share, add, concatenate, in_thirds, subtract
from protocols.replicated3.sharings import opposite as flipped
from protocols.replicated3_malicious.constructions import lift_third, select, sign
from protocols.replicated3_malicious.sharings import Checked
from protocols.tables import prefix_sums
from protocols.trees import FLAG_BITS, Shape, turned, within


@dataclass(frozen=True)
class Table:
    """The rows in the order of each attribute, slots' rows contiguous, ascending inside.

    Attributes:
        values: (m, n) of the attribute, mod 2^threshold_bits.
        statistics: (travelling, m, n), mod 2^score_bits.
    """

    values: Share
    statistics: Share


async def scores(server: Checked, table: Table, places: AtPlaces, shape: Shape) -> tuple[Share, Share]:
    """Return N of every candidate (m, n), mod 2^score_bits, and D (n,), mod 2^H. Rounds: 2."""
    bits, n = shape.score_bits, shape.rows
    size, count, squares, totals, earlier = (
        narrow(server, one, bits)
        for one in (places.size, places.count, places.squares, places.totals, places.before)
    )
    left = subtract(server, prefix_sums(server, table.statistics), earlier.reshape(-1, 1, n))
    if shape.statistics.classes:  # of the last class are the rows that no other class has
        left = _with_rest(server, left, count)
        totals = _with_rest(server, totals, size)
    last = Share(left.a.transpose(1, 2, 0), left.b.transpose(1, 2, 0))
    among = turned(totals).reshape(1, n, -1)
    own, mixed = await server.party.gather(
        product(server, bits, last, last, "dot"), product(server, bits, last, among, "dot")
    )
    twice = scaled(server, count, -2).reshape(1, -1)
    score, common, sides = await server.party.gather(
        total(server, bits, (own, size.reshape(1, -1)), (mixed, twice)),
        product(server, bits, count, squares),
        product(server, hot_bits(shape), places.count, subtract(server, places.size, places.count)),
    )
    return add(server, score, common.reshape(1, -1)), sides


def _with_rest(server: Checked, parts: Share, whole: Share) -> Share:
    """Return parts (columns, …, n) and what they leave of a whole (n,); no message."""
    k = server.kernels
    rest = subtract(server, whole, Share(k.sum(parts.a, 0), k.sum(parts.b, 0)))
    full = Share(*(k.add(k.zeros(parts.shape[1:], one.dtype), one) for one in (rest.a, rest.b)))
    return concatenate(server, [parts, full.reshape(1, *full.shape)])


async def ties(server: Checked, table: Table, shape: Shape) -> Share:
    """Return 1 where the value after a place equals the one at it, else 0, (m, n) mod 2^score_bits.

    0 after the last place. Rounds: those of an equality of values, as a number.
    """
    k, (m, n) = server.kernels, table.values.shape
    none = k.zeros((m, 1), server.word(shape.score_bits))
    if n == 1:
        return Share(none, none)
    gaps = subtract(server, table.values[:, 1:], table.values[:, :-1])
    found = await is_zero(server, gaps, shape.value_bits, shape.score_bits)
    return concatenate(server, [found, Share(none, none)], -1)


async def candidates(
    server: Checked, table: Table, tied: Share, score: Share, sides: Share, enough: Share, shape: Shape
) -> Share:
    """Return the candidate after each place, (5, n) mod 2^H.

    Its rows are N, D, attribute, twice the threshold, and whether there is one. Where there is none, N = −1
    and D = 1: it loses against every other, and its D is no zero. Rounds: those of the tournament of
    attributes, and 2.
    """
    k, bits = server.kernels, hot_bits(shape)
    held = subtract(server, score, scaled(server, tied, 1 << (shape.score_bits - 2)))
    following = (_shifted(server, part) for part in (table.values.a, table.values.b))
    sums = add(server, table.values, Share(*following))
    best, attribute, twice, flag = await _best(server, held, sums, tied, shape)
    good = await product(server, bits, enough, opposite(server, flag))
    one = known(server, k.full(sides.shape, 1, sides.a.dtype))
    pair = concatenate(
        server, [part.reshape(1, -1) for part in (add(server, best, one), subtract(server, sides, one))]
    )
    kept = await product(server, bits, pair, good.reshape(1, -1))
    rows = [subtract(server, kept[0], one), add(server, kept[1], one), attribute, twice, good]
    return concatenate(server, [row.reshape(1, -1) for row in rows])


def _shifted(server: Checked, words: Words) -> Words:
    k = server.kernels
    moved: Words = k.concatenate([words[..., 1:], k.zeros((*words.shape[:-1], 1), words.dtype)], -1)
    return moved


async def _best(server: Checked, score: Share, sums: Share, tied: Share, shape: Shape) -> list[Share]:
    """Return N, attribute, twice and tied of the winner at each place, (n,) each; places go in thirds."""

    async def some(server: Checked, score: Share, sums: Share, tied: Share) -> list[Share]:
        return await _tournament(server, score, sums, tied, shape)

    thirds = await in_thirds(
        server, some, shape.rows, lambda part: (score[:, part], sums[:, part], tied[:, part])
    )
    return [concatenate(server, [third[i] for third in thirds]) for i in range(4)]


async def _tournament(server: Checked, score: Share, sums: Share, tied: Share, shape: Shape) -> list[Share]:
    """Return what the best of (m, places) has, mod 2^H: the lowest attribute among equals."""
    k = server.kernels
    index = known(server, k.positions(score.shape, server.word(shape.index_bits)))
    columns = [
        (score, shape.score_bits),
        (index, shape.index_bits),
        (sums, shape.threshold_bits),
        (narrow(server, tied, FLAG_BITS), FLAG_BITS),
    ]
    while (entries := columns[0][0].shape[0]) > 1:
        paired = entries - entries % 2
        gaps = [(subtract(server, one[0:paired:2], one[1:paired:2]), bits) for one, bits in columns]
        first = flipped(server, await sign(server, gaps[0][0].flat(), shape.score_bits))
        gains = await server.party.gather(*(select(server, first, gap.flat(), bits) for gap, bits in gaps))
        columns = [
            (_next(server, one, paired, gain), bits)
            for (one, bits), gain in zip(columns, gains, strict=True)
        ]
    wide = within(server, hot_bits(shape))
    return await server.party.gather(*(lift_third(wide, one[0], bits) for one, bits in columns))


def _next(server: Checked, x: Share, paired: int, gain: Share) -> Share:
    second = x[1:paired:2]
    return concatenate(server, [add(server, second, gain.reshape(*second.shape)), x[paired:]])
