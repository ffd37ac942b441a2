"""Shared orders, opened under a fresh shuffle once all they depend on is verified; rows moved by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mpcsim import InputError
from protocols.proven_tables.shuffle import Shuffle, draw_shuffle, shuffled, unshuffle
from protocols.replicated3.sharings import Column, Share, one_shape
from protocols.replicated3_malicious import ReplicatedMalicious
from protocols.replicated3_malicious.constructions import Order
from protocols.tables import rank_bits


@dataclass(frozen=True)
class Opening:
    """An order that all know under a fresh shuffle: rows may be moved by it, either way, many times.

    Attributes:
        by: the shuffle, kept for the moves.
        rows: the order of the shuffled rows.
    """

    by: Shuffle
    rows: Order


async def opened(
    me: ReplicatedMalicious, order: Share, columns: Sequence[Column] = ()
) -> tuple[Opening, list[Share]]:
    """Open an order (…, n) under a fresh shuffle; further columns are shuffled with it.

    Nothing else may be under way: all that was sent before is verified here.

    Rounds: 3, a verification, 1. Bits: 9b a row, 6 a bit of a column.
    """
    server, shape = me.server, order.shape
    bits = rank_bits(shape[-1])
    by = draw_shuffle(server, shape)
    *moved, places = await shuffled(server, by, [*columns, Column(order, bits)])
    rows = server.kernels.as_order(await me.disclose(places, bits), bits)
    await _be_an_order(me, rows)
    return Opening(by, rows), moved


async def _be_an_order(me: ReplicatedMalicious, rows: Order) -> None:
    if not me.terms.dry and (np.sort(rows, -1) != np.arange(rows.shape[-1])).any():
        await me.server.refuse("an opened order")


async def gathered(me: ReplicatedMalicious, order: Opening, columns: Sequence[Column]) -> list[Share]:
    """Return each column's row order[i] at place i. Rounds: 3. Bits: 6 a bit of a column."""
    taken = [Column(permuted(me, one.share, order.rows), one.bits, one.xor) for one in columns]
    return await unshuffle(me, order.by, taken)


async def scattered(me: ReplicatedMalicious, order: Opening, columns: Sequence[Column]) -> list[Share]:
    """Return columns whose row order[i] is what stood at place i. Rounds: 3. Bits: 6 a bit of a column."""
    back = me.kernels.inverted(order.rows)
    return [permuted(me, one, back) for one in await shuffled(me.server, order.by, columns)]


async def apply_order(me: ReplicatedMalicious, order: Share, columns: Sequence[Column]) -> list[Share]:
    """Return each column's row order[i] at place i. Rounds: those of `opened` and 3.

    Raises:
        InputError: columns that do not have the order's shape.
    """
    _fitting(order, columns)
    opening, _ = await opened(me, order)
    return await gathered(me, opening, columns)


async def apply_inverse(me: ReplicatedMalicious, order: Share, columns: Sequence[Column]) -> list[Share]:
    """Return columns whose row order[i] is what stood at place i. Rounds: those of `opened`.

    Raises:
        InputError: columns that do not have the order's shape.
    """
    _fitting(order, columns)
    opening, moved = await opened(me, order, columns)
    back = me.kernels.inverted(opening.rows)
    return [permuted(me, one, back) for one in moved]


def _fitting(order: Share, columns: Sequence[Column]) -> None:
    shape = one_shape(columns)
    if shape != order.shape:
        raise InputError(f"an order of shape {order.shape} does not fit columns of shape {shape}")


def permuted(me: ReplicatedMalicious, x: Share, rows: Order) -> Share:
    """Return rows in an order that all know; no message."""
    return Share(me.kernels.permuted(x.a, rows), me.kernels.permuted(x.b, rows))
