"""Shared orders: applied to rows, inverted, composed. An order holds at place i the number of a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mpcsim import InputError
from protocols.domains import Words, word_type
from protocols.replicated3.sharings import Column, Server, Share, one_shape
from protocols.tables.seat import Seat
from protocols.tables.shuffle import Shuffle, draw_shuffle, move, unshuffle


def rank_bits(n: int) -> int:
    """Return the bits of row numbers 0 … n − 1, at least one."""
    return max(1, (n - 1).bit_length())


def numbers(server: Server, shape: tuple[int, ...]) -> Share:
    """Return public row numbers along the last axis, as shares mod 2^b; no message."""
    k, dtype = server.kernels, word_type(rank_bits(shape[-1]))
    zero = k.zeros(shape, dtype)
    order = (shape[-1], *shape[:-1])
    rows = k.astype(k.positions(order, dtype).transpose(*range(1, len(order)), 0), dtype)
    return Share(rows if server.role == 0 else zero, rows if server.role == 2 else zero)


def _revealed_half(server: Server, order: Share) -> Words:
    return server.kernels.add(order.a, order.b) if server.role == 0 else order.b


@dataclass(frozen=True)
class Opening:
    """An order that all know under a fresh shuffle: rows may be moved by it, either way, many times.

    Attributes:
        by: the shuffle, kept for the moves.
        rows: the order of the shuffled rows.
        bits: of a row number.
    """

    by: Shuffle
    rows: NDArray[np.intp]
    bits: int


async def opened(server: Server, order: Share) -> Opening:
    """Open an order under a fresh shuffle. Rounds: 2. Bits: 6b a row."""
    seat, bits = Seat(server), rank_bits(order.shape[-1])
    by = draw_shuffle(seat, order.shape)
    _, seen = await move(seat, by, [], (_revealed_half(server, order), bits))
    return Opening(by, server.kernels.as_order(seen, bits), bits)


async def gathered(server: Server, order: Opening, columns: Sequence[Column]) -> list[Share]:
    """Return each column's row order[i] at place i. Rounds: 2. Bits: 4 a bit of a column."""
    taken = [Column(_permuted(server, one.share, order.rows), one.bits, one.xor) for one in columns]
    return await unshuffle(server, order.by, taken)


async def scattered(server: Server, order: Opening, columns: Sequence[Column]) -> list[Share]:
    """Return columns whose row order[i] is what stood at place i. Rounds: 2. Bits: 4 a bit of a column."""
    moved, _ = await move(Seat(server), order.by, columns)
    back = server.kernels.inverted(order.rows)
    return [_permuted(server, one, back) for one in moved]


async def apply_order(server: Server, order: Share, columns: Sequence[Column]) -> list[Share]:
    """Return each column's row order[i] at place i.

    The order is revealed under a fresh shuffle, rows are gathered in the open and un-shuffled.
    Rounds: 4. Bits: 6b a row for the order, 4 a bit of a column.

    Raises:
        InputError: columns that do not have the order's shape.
    """
    _fitting(order, columns)
    return await gathered(server, await opened(server, order), columns)


async def apply_inverse(server: Server, order: Share, columns: Sequence[Column]) -> list[Share]:
    """Return columns whose row order[i] is what stood at place i: the inverse of `apply_order`.

    Rounds: 2. Bits: 6b a row for the order, 4 a bit of a column.

    Raises:
        InputError: columns that do not have the order's shape.
    """
    bits = _fitting(order, columns)
    seat, k = Seat(server), server.kernels
    by = draw_shuffle(seat, order.shape)
    moved, seen = await move(seat, by, columns, (_revealed_half(server, order), bits))
    rows = k.inverted(k.as_order(seen, bits))
    return [_permuted(server, one, rows) for one in moved]


async def invert(server: Server, order: Share) -> Share:
    """Return the inverse of a shared order. Rounds: 2. Bits: 10b a row."""
    rows = Column(numbers(server, order.shape), rank_bits(order.shape[-1]))
    return (await apply_inverse(server, order, [rows]))[0]


async def compose(server: Server, first: Share, second: Share) -> Share:
    """Return the order that takes rows by `first`, then by `second`. Rounds: 4. Bits: 10b a row."""
    return (await apply_order(server, second, [Column(first, rank_bits(first.shape[-1]))]))[0]


def _fitting(order: Share, columns: Sequence[Column]) -> int:
    shape = one_shape(columns)
    if shape != order.shape:
        raise InputError(f"an order of shape {order.shape} does not fit columns of shape {shape}")
    return rank_bits(shape[-1])


def _permuted(server: Server, x: Share, rows: Words) -> Share:
    return Share(server.kernels.permuted(x.a, rows), server.kernels.permuted(x.b, rows))
