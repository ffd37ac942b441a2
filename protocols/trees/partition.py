"""Rows move to their new slots in the order of every attribute: a stable partition inside each group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from protocols.domains import Words
from protocols.replicated3.constructions import bit_to_share
from protocols.replicated3.sharings import BitHalves, Server, Share, concatenate, in_thirds
from protocols.tables import Column, Seat, apply_order, draw_shuffle, move, rank_bits
from protocols.trees.local import repeated
from protocols.trees.shape import within


@dataclass(frozen=True)
class Sorted:
    """The rows in the order of each attribute, groups (the slots' rows) contiguous, ascending inside.

    Attributes:
        rows: (m, n) row numbers mod 2^b.
        values: (m, n) of the attribute, mod 2^threshold_bits.
        statistics: (columns, m, n), those that travel, mod 2^score_bits.
    """

    rows: Share
    values: Share
    statistics: Share


async def route(server: Server, order: Share, bit: Share) -> Share:
    """Return a bit of each row, given by row number (n,), in orders (m, n): shares by ⊕ of one bit.

    The lowest bit of additive shares is a share by ⊕. Rounds: 4. Bits: 6b + 4 a row and order.
    """
    k = server.kernels
    low = Share(k.low_bits(bit.a, 1), k.low_bits(bit.b, 1))
    [moved] = await apply_order(server, order, [Column(repeated(server, low, order.shape[0]), 1, xor=True)])
    return moved


async def partition(
    server: Server, bit: Share, left: Share, right: Share, columns: Sequence[Column]
) -> list[Share]:
    """Return columns (m, n) in which each group has its rows with bit 0 first, in their order.

    With o_i the number of ones before place i, a zero goes to left_i + i − o_i and a one to right_i + o_i.

    Args:
        server: with its choices.
        bit: (m, n), shares by ⊕.
        left: (n,) mod 2^b, at each place its group's start, less the zeros before that.
        right: (n,) mod 2^b, the zeros before its group's end.
        columns: what moves.

    Rounds: 2 (1 where selection takes one) for the bit as a number, 1 for the places, 2. Bits a row and
    order: 3b (4b), b + 6b, and 4 a bit of a column.
    """

    async def some(server: Server, bit: Share, *columns: Column) -> list[Share]:
        return await _partition(server, bit, left, right, columns)

    def cut(part: slice) -> tuple[Any, ...]:
        return (bit[part], *(Column(one.share[part], one.bits, one.xor) for one in columns))

    thirds = await in_thirds(server, some, bit.shape[0], cut)
    return [concatenate(server, [third[i] for third in thirds]) for i in range(len(columns))]


async def _partition(
    server: Server, bit: Share, left: Share, right: Share, columns: Sequence[Column]
) -> list[Share]:
    k, n = server.kernels, bit.shape[-1]
    b = rank_bits(n)
    small = within(server, b) if b > 1 else within(server, 2)
    own = k.xor(bit.a, bit.b) if server.role == 0 else (bit.b if server.role == 1 else bit.a)
    ones = await bit_to_share(small, BitHalves(k.low_bits(own, 1)))
    before = Share(k.sums_before(ones.a, -1), k.sums_before(ones.b, -1))
    index = k.astype(k.positions((n,), small.ring.dtype), small.ring.dtype)
    zero = _plus(server, left, index)
    gap_a = k.add(k.sub(right.a, zero.a), k.shift_left(before.a, 1))
    gap_b = k.add(k.sub(right.b, zero.b), k.shift_left(before.b, 1))
    place = k.product3(ones.a, ones.b, gap_a, gap_b, small.zero_share("places", bit.shape))
    place = k.add(place, k.sub(zero.a, before.a))
    if server.role == 2:
        server.send(1, k.pack(place, small.ring.bits))
    if server.role == 1:
        rest = k.unpack(await server.recv(2), small.ring.bits, bit.shape, small.ring.dtype)
        place = k.add(place, rest)
    seat = Seat(server)
    moved, seen = await move(seat, draw_shuffle(seat, bit.shape), columns, (place, b))
    order = k.inverted(k.as_order(seen, b))
    return [Share(k.permuted(one.a, order), k.permuted(one.b, order)) for one in moved]


def _plus(server: Server, x: Share, words: Words) -> Share:
    """Return x + c for words that all servers know, in the words' own ring; no message."""
    k = server.kernels
    return Share(
        k.add(x.a, words) if server.role == 0 else x.a, k.add(x.b, words) if server.role == 2 else x.b
    )
