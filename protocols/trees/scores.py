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
    multiply,
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
    public,
    reshare,
    share_to_halves,
    subtract,
)
from protocols.tables import opposite, prefix_sums
from protocols.trees.local import repeated, turned
from protocols.trees.partition import Sorted
from protocols.trees.places import AtPlaces, Candidates, stacked
from protocols.trees.shape import FLAG_BITS, Shape, within


@dataclass(frozen=True)
class Found:
    """The best attribute after each place, (n,) each.

    Attributes:
        score, sides, attribute: N, of whatever stands there, D, and its number, mod 2^fraction_bits each.
        twice: the sum of the two values that it divides, mod 2^threshold_bits.
        tied: 1 where those two are equal, so that it divides nothing, mod 2^slot_bits.
    """

    score: Share
    attribute: Share
    twice: Share
    tied: Share
    sides: Share


async def best_attributes(
    server: Server, table: Sorted, tied: Share, score: Share, sides: Share, shape: Shape
) -> Found:
    """Return the best attribute after each place, the lowest among equals.

    Rounds: ⌈log2 m⌉ comparisons and selections, and 2.
    """
    small, k = within(server, shape.score_bits), server.kernels
    penalty = k.full((), 1 << (shape.score_bits - 2), small.ring.dtype)
    held = subtract(small, score, multiply_public(small, tied, penalty))
    following = Share(_shifted(small, table.values.a), _shifted(small, table.values.b))
    sums = Share(k.add(table.values.a, following.a), k.add(table.values.b, following.b))
    return await _best(server, held, sums, tied, sides, shape)


def _shifted(server: Server, words: Words) -> Words:
    k = server.kernels
    moved: Words = k.concatenate([words[..., 1:], k.zeros((*words.shape[:-1], 1), words.dtype)], -1)
    return moved


async def scores(server: Server, table: Sorted, places: AtPlaces, shape: Shape) -> tuple[Share, Share]:
    """Return N of every candidate (m, n), and D (n,), mod 2^score_bits. Rounds: 2."""
    small = within(server, shape.score_bits)
    k, size, count = small.kernels, places.size, counted(small, places)
    totals = places.totals
    left = subtract(small, prefix_sums(small, table.statistics), places.before.reshape(-1, 1, shape.rows))
    if shape.statistics.classes:  # of the last class are the rows that no other class has
        left = _with_rest(small, left, repeated(small, count, shape.attributes))
        totals = _with_rest(small, totals, size)
    last = Share(left.a.transpose(1, 2, 0), left.b.transpose(1, 2, 0))
    among = turned(totals).reshape(1, shape.rows, -1)
    squares, mixed = dot_locally(small, last, last), dot_locally(small, last, among)
    both = await reshare(small, k.stack([squares, mixed], 0))
    one = multiply_locally(small, both[0], size.reshape(1, -1))
    other = multiply_locally(small, both[1], count.reshape(1, -1))
    common = multiply_locally(small, count, places.squares)
    score = k.add(k.sub(one, k.shift_left(other, 1)), common.reshape(1, -1))
    found, sides = await small.party.gather(
        reshare(small, score), multiply(small, count, subtract(small, size, count))
    )
    return found, sides


def counted(small: Server, places: AtPlaces) -> Share:
    """Return the rows of a place's slot that are not after it; no message."""
    k, dtype, (n,) = small.kernels, small.ring.dtype, places.start.shape
    numbers = k.add(k.astype(k.positions((n,), dtype), dtype), k.full((), 1, dtype))
    return subtract(small, public(small, numbers), places.start)


def _with_rest(server: Server, parts: Share, whole: Share) -> Share:
    """Return parts (columns, …) and what they leave of a whole; no message."""
    k = server.kernels
    rest = subtract(server, whole, Share(k.sum(parts.a, 0), k.sum(parts.b, 0)))
    return concatenate(server, [parts, rest.reshape(1, *whole.shape)])


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


async def _best(
    server: Server, score: Share, sums: Share, tied: Share, sides: Share, shape: Shape
) -> Found:
    """Hold a tournament of the attributes at each place, places in thirds."""

    async def some(server: Server, score: Share, sums: Share, tied: Share, sides: Share) -> list[Share]:
        return await _tournament(server, score, sums, tied, sides, shape)

    thirds = await in_thirds(
        server,
        some,
        shape.rows,
        lambda part: (score[:, part], sums[:, part], tied[:, part], sides[part]),
    )
    return Found(*(concatenate(server, [third[i] for third in thirds]) for i in range(5)))


async def _tournament(
    server: Server, score: Share, sums: Share, tied: Share, sides: Share, shape: Shape
) -> list[Share]:
    k = server.kernels
    dtype = word_type(shape.index_bits)
    index = k.zeros(score.shape, dtype) if server.role else k.positions(score.shape, dtype)
    columns = [
        share_to_halves(server, score, shape.score_bits),
        Halves(index, shape.index_bits),
        share_to_halves(server, sums, shape.threshold_bits),
        share_to_halves(server, tied, FLAG_BITS),
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
    score_bits, side_bits, name_bits = shape.fraction_bits
    score_half, name, twice, flag = (one[0] for one in columns)
    return await server.party.gather(
        _widened(server, score_half, score_bits),
        _widened(server, name, name_bits),
        _widened(server, twice, shape.threshold_bits),
        _widened(server, flag, shape.slot_bits),
        _sides(server, sides, shape.score_bits, side_bits),
    )


async def _sides(server: Server, sides: Share, own: int, bits: int) -> Share:
    if bits <= own:
        return narrow_share(within(server, bits), sides)
    return await _widened(server, share_to_halves(server, sides, own), bits)


async def _widened(server: Server, x: Halves, bits: int) -> Share:
    ring = within(server, bits)
    return await halves_to_share(ring, await lift(ring, x))


async def masked(server: Server, found: Found, places: AtPlaces, enough: Share, shape: Shape) -> Candidates:
    """Return the candidates after places: where there is none, N = −1, D = 1, and no cut.

    Such a one loses against every other, and its D is no zero. A cut is what the place leaves of its slot,
    negative. Rounds: 2.
    """
    border, short = within(server, shape.slot_bits), within(server, shape.cut_bits)
    small = within(server, shape.score_bits)
    good = await multiply(border, enough, opposite(border, found.tied))
    flag = narrow_share(short, good)
    after = narrow_share(short, subtract(small, counted(small, places), places.size))
    numbers = [(found.score, 1), (found.sides, -1)]
    score, sides, cut = await server.party.gather(
        *(
            _unless(within(server, bits), x, good, offset)
            for (x, offset), bits in zip(numbers, shape.fraction_bits, strict=False)
        ),
        multiply(short, after, flag),
    )
    rows = [score, sides, found.attribute, found.twice, flag, cut]
    groups, first = [], 0
    for count, bits in shape.candidate:
        groups.append(stacked(within(server, bits), rows[first : first + count], shape.rows))
        first += count
    return tuple(groups)


async def _unless(server: Server, x: Share, good: Share, offset: int) -> Share:
    """Return x where there is a candidate, else −offset, which is 1 or −1. Rounds: 1."""
    k, dtype = server.kernels, server.ring.dtype
    one = k.full((), 1, dtype)
    shift = one if offset == 1 else k.neg(one)
    kept = await multiply(server, add_public(server, x, shift), narrow_share(server, good))
    return add_public(server, kept, k.neg(shift))
