"""The score of every candidate, and the best attribute at each place.

A test after place i of a slot G leaves l and r of its rows on either side; lower impurity is a greater
Σ l_c² / |l| + Σ r_c² / |r| = N / D, D = |l|·|r|, for counts l_c of classes (Gini) and for sums of targets
(variance) alike. At one place D is the same for all attributes, and so is what N has beyond
M = |G| Σ l_c² − 2 |l| Σ T_c l_c: N = M + |l| Σ T_c².
"""

from __future__ import annotations

from dataclasses import dataclass

from protocols.domains import Words, word_type
from protocols.replicated3.constructions import (
    dot_locally,
    is_zero,
    multiply_locally,
    select,
    sign,
)
from protocols.replicated3.sharings import (
    Halves,
    Server,
    Share,
    add_public,
    complement,
    concatenate,
    halves_to_share,
    in_thirds,
    lift,
    multiply_public,
    narrow_share,
    reshare,
    share_to_halves,
    subtract,
)
from protocols.tables import opposite, prefix_sums
from protocols.trees.local import repeated, turned
from protocols.trees.partition import Sorted
from protocols.trees.places import AtPlaces
from protocols.trees.shape import Shape, within

_FLAG_BITS = 3


@dataclass(frozen=True)
class Candidates:
    """The best candidate after each place, (n,) each, mod 2^l.

    Attributes:
        score: N, of whatever stands there.
        attribute: its number.
        twice: the sum of the two values that it divides.
        tied: 1 where those two are equal, so that it divides nothing.
    """

    score: Share
    attribute: Share
    twice: Share
    tied: Share


async def candidates(
    server: Server, table: Sorted, tied: Share, places: AtPlaces, shape: Shape
) -> Candidates:
    """Return the best attribute after each place, the lowest among equals.

    Rounds: 2, ⌈log2 m⌉ comparisons and selections, and 2.
    """
    small, k = within(server, shape.score_bits), server.kernels
    score = await _scores(small, table, places, shape)
    penalty = k.full((), 1 << (shape.score_bits - 2), small.ring.dtype)
    held = subtract(small, score, multiply_public(small, tied, penalty))
    following = Share(_shifted(small, table.values.a), _shifted(small, table.values.b))
    sums = Share(k.add(table.values.a, following.a), k.add(table.values.b, following.b))
    return await _best(server, held, sums, tied, shape)


def _shifted(server: Server, words: Words) -> Words:
    k = server.kernels
    moved: Words = k.concatenate([words[..., 1:], k.zeros((*words.shape[:-1], 1), words.dtype)], -1)
    return moved


async def _scores(small: Server, table: Sorted, places: AtPlaces, shape: Shape) -> Share:
    """Return N of every candidate (m, n), mod 2^score_bits. Rounds: 2. Bits: 9 · score_bits a candidate."""
    k = small.kernels
    size, count = narrow_share(small, places.size), narrow_share(small, places.count)
    totals, before = narrow_share(small, places.totals), narrow_share(small, places.before)
    travelling = shape.statistics.travelling
    sums = prefix_sums(small, table.statistics)
    left = subtract(small, sums, before[:travelling].reshape(travelling, 1, shape.rows))
    if shape.statistics.classes:  # of the last class are the rows that no other class has
        rest = repeated(small, count, shape.attributes).reshape(1, shape.attributes, shape.rows)
        if travelling:
            rest = subtract(
                small, rest, Share(k.sum(left.a, 0), k.sum(left.b, 0)).reshape(1, *rest.shape[1:])
            )
        left = concatenate(small, [left, rest])
    last = Share(left.a.transpose(1, 2, 0), left.b.transpose(1, 2, 0))
    among = turned(totals).reshape(1, shape.rows, -1)
    squares, mixed = dot_locally(small, last, last), dot_locally(small, last, among)
    both = await reshare(small, k.stack([squares, mixed], 0))
    one = multiply_locally(small, both[0], size.reshape(1, -1))
    other = multiply_locally(small, both[1], count.reshape(1, -1))
    common = multiply_locally(small, count, narrow_share(small, places.squares))
    score = k.add(k.sub(one, k.shift_left(other, 1)), common.reshape(1, -1))
    return await reshare(small, score)


async def ties(server: Server, table: Sorted, shape: Shape) -> Share:
    """Return 1 where the value after a place equals the one at it, else 0, (m, n) mod 2^score_bits.

    0 after the last place. Rounds and bits: those of an equality of values, n − 1 an attribute.
    """
    small = within(server, shape.score_bits)
    k, (m, n) = small.kernels, table.values.shape
    nothing = Share(k.zeros((m, 1), small.ring.dtype), k.zeros((m, 1), small.ring.dtype))
    if n == 1:
        return nothing
    gaps = subtract(small, table.values[:, 1:], table.values[:, :-1])
    return concatenate(small, [await is_zero(small, gaps, shape.value_bits), nothing], -1)


async def _best(server: Server, score: Share, sums: Share, tied: Share, shape: Shape) -> Candidates:
    """Hold a tournament of the attributes at each place, places in thirds."""

    async def some(server: Server, score: Share, sums: Share, tied: Share) -> list[Share]:
        return await _tournament(server, score, sums, tied, shape)

    thirds = await in_thirds(
        server, some, shape.rows, lambda part: (score[:, part], sums[:, part], tied[:, part])
    )
    return Candidates(*(concatenate(server, [third[i] for third in thirds]) for i in range(4)))


async def _tournament(server: Server, score: Share, sums: Share, tied: Share, shape: Shape) -> list[Share]:
    k = server.kernels
    dtype = word_type(shape.index_bits)
    index = k.zeros(score.shape, dtype) if server.role else k.positions(score.shape, dtype)
    columns = [
        share_to_halves(server, score, shape.score_bits),
        Halves(index, shape.index_bits),
        share_to_halves(server, sums, shape.threshold_bits),
        share_to_halves(server, tied, _FLAG_BITS),
    ]
    while (entries := columns[0].shape[0]) > 1:
        paired = entries - entries % 2
        gaps = [Halves(k.sub(one.half[0:paired:2], one.half[1:paired:2]), one.bits) for one in columns]
        first = complement(server, await sign(server, gaps[0]))
        gains = await server.party.gather(*(select(server, gap, first) for gap in gaps))
        columns = [
            Halves(k.concatenate([k.add(one.half[1:paired:2], gain.half), one.half[paired:]]), one.bits)
            for one, gain in zip(columns, gains, strict=True)
        ]
    return await server.party.gather(*(_widened(server, one[0]) for one in columns))


async def _widened(server: Server, x: Halves) -> Share:
    return await halves_to_share(server, await lift(server, x))


async def masked(server: Server, found: Candidates, places: AtPlaces, enough: Share) -> Share:
    """Return (5, n): N, D, attribute, twice the threshold and 1 of each place's candidate.

    Where there is none, N = −1, D = 1 and the last is 0: it loses against every other, and its D is no
    zero. Rounds: 2.
    """
    k, dtype = server.kernels, server.ring.dtype
    one = k.full((), 1, dtype)
    right = subtract(server, places.size, places.count)
    free = opposite(server, found.tied)
    sides = multiply_locally(server, places.count, right)
    some = multiply_locally(server, enough, free)
    both = await reshare(server, k.stack([sides, some], 0))
    sides_share, good = both[0], both[1]
    raised = Share(k.stack([found.score.a, sides_share.a], 0), k.stack([found.score.b, sides_share.b], 0))
    offsets = k.stack([k.add(k.zeros(good.shape, dtype), one), k.sub(k.zeros(good.shape, dtype), one)], 0)
    raised = add_public(server, raised, offsets)
    kept = await reshare(server, multiply_locally(server, raised, good.reshape(1, -1)))
    kept = add_public(server, kept, k.neg(offsets))
    rest = [x.reshape(1, -1) for x in (found.attribute, found.twice, good)]
    return concatenate(server, [kept, *rest])
