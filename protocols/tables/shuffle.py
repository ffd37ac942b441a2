"""A secure shuffle in two rounds, its reveal, and its inverse.

The permutation is σ_c σ_b σ_a: σ_a comes from k_1 (servers 0, 1), σ_b from k_0 (0, 2), σ_c from k_2 (1, 2),
so that each server lacks one. Source: the two-round form of Araki et al. (CCS 2021, secure graph
analysis) of the shuffle of Laur, Willemson, Zhang (2011). docs/constructions.md#shuffles
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from protocols.domains import Words, word_type
from protocols.replicated3.sharings import Column, Server, Share, one_shape
from protocols.tables.seat import REVERSED, Seat

Halved = tuple[Words, Words]
"""Both components that server 0 holds."""


@dataclass(frozen=True)
class Shuffle:
    """A permutation of n rows for each column, in three parts of which each server knows two."""

    first: Words | None
    second: Words | None
    third: Words | None

    def reversed(self, seat: Seat) -> Shuffle:
        """Return the inverse, as the seat with servers 0 and 2 exchanged takes it."""
        back = [
            None if one is None else seat.kernels.inverted(one)
            for one in (self.third, self.second, self.first)
        ]
        return Shuffle(*back)


def draw_shuffle(seat: Seat, shape: tuple[int, ...]) -> Shuffle:
    """Return a uniform permutation of the last axis, one for each column of the shape; no message.

    Each part is the order of n numbers of 128 bits: within n²/2^129 of uniform.
    """
    held = ((0, 1), (1, 2), (2, 0))[seat.role]
    parts = [
        seat.kernels.order_of(seat.random(key, f"order{key}", (2, *shape), word_type(64)))
        if key in held
        else None
        for key in (1, 0, 2)
    ]
    return Shuffle(*parts)


async def move(
    seat: Seat,
    by: Shuffle,
    columns: Sequence[Column],
    places: tuple[Words, int] | None = None,
    ahead: Callable[[list[Halved]], None] | None = None,
) -> tuple[list[Share], Words | None]:
    """Return the columns in shuffled order, shared afresh, and beside them a revealed vector.

    Args:
        seat: of the server; the columns' shares are of its seat.
        by: the permutation. It may be kept for its own inverse, and must not be used for another reveal.
        columns: what travels.
        places: this server's half of numbers mod 2^bits that everyone is to learn in shuffled order: v at
            server 0, w at server 1; server 2 needs none and gives anything of the shape.
        ahead: what server 0 does with its new components before it waits for anything.

    Rounds: 2. Bits: 4 a bit of a column, 6 a bit of the revealed vector. Server 0 knows its new
    components at once.
    """
    k, role = seat.kernels, seat.role
    kinds = [(one.bits, one.xor) for one in columns]
    halves = [_half(seat, one) for one in columns]
    if places is not None:
        kinds.append((places[1], False))
        halves.append(places[0])
    shapes = [half.shape for half in halves]
    kept, count = len(columns), len(kinds)

    def masks(key: int, purpose: str, places: range) -> list[Words]:
        return [seat.random(key, f"{purpose}{i}", shapes[i], halves[i].dtype) for i in places]

    def both(i: int, one: Words, other: Words) -> Words:
        return _plus(seat, one, other, kinds[i][1])

    def less(i: int, one: Words, other: Words) -> Words:
        return _minus(seat, one, other, kinds[i][1])

    def packed(words: list[Words], first: int = 0) -> list[Words]:
        return [k.pack(one, kinds[first + i][0]) for i, one in enumerate(words)]

    async def received(role: int, first: int = 0) -> list[Words]:
        arrays = await seat.recv(role, count - first)
        return [
            k.unpack(one, kinds[first + i][0], shapes[first + i], halves[first + i].dtype)
            for i, one in enumerate(arrays)
        ]

    every, revealed = range(count), range(kept, count)
    if role == 0:
        ones, zeros = masks(1, "one", every), masks(0, "zero", every)
        x = [k.permuted(both(i, halves[i], ones[i]), by.first) for i in every]
        seat.send(1, packed([k.permuted(both(i, x[i], zeros[i]), by.second) for i in every]))
        fresh = list(zip(masks(0, "new0", range(kept)), masks(1, "new1", range(kept)), strict=True))
        if ahead is not None:
            ahead(fresh)
        seen = None
        if revealed:
            [one], [other] = await received(1, kept), await received(2, kept)
            seen = k.low_bits(k.add(one, other), kinds[kept][0])
        return [Share(a, b) for a, b in fresh], seen

    if role == 1:
        ones = masks(1, "one", every)
        seat.send(2, packed([k.permuted(less(i, halves[i], ones[i]), by.first) for i in every]))
        moved = [k.permuted(one, by.third) for one in await received(0)]
        fresh_masks, hidden = masks(1, "new1", range(kept)), masks(2, "hide", revealed)
        to_dealer = [k.sub(moved[kept], one) for one in hidden]
    else:
        zeros = masks(0, "zero", every)
        moved = [
            k.permuted(k.permuted(less(i, one, zeros[i]), by.second), by.third)
            for i, one in enumerate(await received(1))
        ]
        fresh_masks, hidden = masks(0, "new0", range(kept)), masks(2, "hide", revealed)
        to_dealer = [k.add(moved[kept], one) for one in hidden]
    out = [less(i, moved[i], fresh_masks[i]) for i in range(kept)] + moved[kept:]
    seat.send(3 - role, packed(out))
    if revealed:
        seat.send(0, packed(to_dealer, kept))
    sums = [both(i, out[i], one) for i, one in enumerate(await received(3 - role))]
    seen = k.low_bits(sums[kept], kinds[kept][0]) if revealed else None
    pairs = zip(fresh_masks, sums[:kept], strict=True)
    return [Share(mask, rest) if role == 1 else Share(rest, mask) for mask, rest in pairs], seen


def _half(seat: Seat, column: Column) -> Words:
    """Return v at server 0 and w at server 1; server 2 needs neither."""
    x = column.share
    return _plus(seat, x.a, x.b, column.xor) if seat.role == 0 else x.b


def _plus(seat: Seat, one: Words, other: Words, xor: bool) -> Words:
    words: Words = seat.kernels.xor(one, other) if xor else seat.kernels.add(one, other)
    return words


def _minus(seat: Seat, one: Words, other: Words, xor: bool) -> Words:
    words: Words = seat.kernels.xor(one, other) if xor else seat.kernels.sub(one, other)
    return words


async def shuffle(server: Server, columns: Sequence[Column]) -> tuple[list[Share], Shuffle]:
    """Return columns (…, n) in one fresh secret order of the last axis, and what undoes it.

    Rounds: 2. Bits: 4 a bit.

    Raises:
        InputError: columns of different shapes, or none.
    """
    seat, shape = Seat(server), one_shape(columns)
    by = draw_shuffle(seat, shape)
    moved, _ = await move(seat, by, columns)
    return moved, by


async def unshuffle(server: Server, by: Shuffle, columns: Sequence[Column]) -> list[Share]:
    """Return columns in the order that a shuffle took them out of.

    Rounds: 2. Bits: 4 a bit: the shuffle with servers 0 and 2 exchanged.

    Raises:
        InputError: columns of different shapes, or none.
    """
    one_shape(columns)
    seat = Seat(server, REVERSED)
    turned = [Column(seat.turn(one.share), one.bits, one.xor) for one in columns]
    back, _ = await move(seat, by.reversed(seat), turned)
    return [seat.turn(one) for one in back]
