"""A secure shuffle that is proven, in three passes, and its inverse: docs/malicious.md#shuffles.

The permutation is made of three, each an output of a key, so that each server lacks one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from protocols.replicated3.sharings import Column, Share, one_shape
from protocols.replicated3_malicious import ReplicatedMalicious
from protocols.replicated3_malicious.constructions import Order, drawn_order, moved_by
from protocols.replicated3_malicious.sharings import Checked

_PASSES = (1, 2, 0)
"""The keys whose permutations are applied, in this order."""


@dataclass(frozen=True)
class Shuffle:
    """A permutation of n rows for each column: by key the order of a pass, None where a server lacks it."""

    orders: tuple[Order | None, Order | None, Order | None]
    back: bool = False

    def reversed(self, server: Checked) -> Shuffle:
        """Return the inverse."""
        zero, one, two = (None if one is None else server.kernels.inverted(one) for one in self.orders)
        return Shuffle((zero, one, two), not self.back)


def draw_shuffle(server: Checked, shape: tuple[int, ...]) -> Shuffle:
    """Return a uniform permutation of the last axis, one for each column of the shape; no message."""
    zero, one, two = (drawn_order(server, key, shape) for key in sorted(_PASSES))
    return Shuffle((zero, one, two))


async def shuffled(server: Checked, by: Shuffle, columns: Sequence[Column]) -> list[Share]:
    """Return columns (…, n) in the order of a shuffle. Rounds: 3. Bits: 6 a bit."""
    moved = list(columns)
    for key in reversed(_PASSES) if by.back else _PASSES:
        shares = await moved_by(server, key, by.orders[key], moved)
        moved = [Column(share, one.bits, one.xor) for share, one in zip(shares, moved, strict=True)]
    return [one.share for one in moved]


async def shuffle(me: ReplicatedMalicious, columns: Sequence[Column]) -> tuple[list[Share], Shuffle]:
    """Return columns (…, n) in one fresh secret order of the last axis, and what undoes it.

    Rounds: 3. Bits: 6 a bit.

    Raises:
        InputError: columns of different shapes, or none.
    """
    by = draw_shuffle(me.server, one_shape(columns))
    return await shuffled(me.server, by, columns), by


async def unshuffle(me: ReplicatedMalicious, by: Shuffle, columns: Sequence[Column]) -> list[Share]:
    """Return columns in the order that a shuffle took them out of. Rounds: 3. Bits: 6 a bit.

    Raises:
        InputError: columns of different shapes, or none.
    """
    one_shape(columns)
    return await shuffled(me.server, by.reversed(me.server), columns)
