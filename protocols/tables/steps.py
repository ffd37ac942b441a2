"""What groups, joins and rankings are made of: each is written once, for every family that has tables."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from protocols.replicated3.constructions import is_zero, multiply
from protocols.replicated3.sharings import Column, Server, Share
from protocols.tables.orders import apply_inverse, apply_order
from protocols.tables.shuffle import shuffle, unshuffle
from protocols.tables.sort import Key, key_of, order_by, sort_by

OneShare = Coroutine[Any, Any, Share]
Shares = Coroutine[Any, Any, list[Share]]


@dataclass(frozen=True)
class Steps:
    """A family's own steps on shares (…, n), rows along the last axis.

    Attributes:
        server: whose ring and kernels they use.
        shuffle: columns in one fresh secret order, and what undoes it.
        unshuffle: by that, columns in the order they were in.
        key_of: a key of numbers, as this room's `key_of`.
        order_by: the stable order by keys, as `order_by`.
        sort_by: columns in that order, as `sort_by`.
        apply_order: each column's row order[i] at place i.
        apply_inverse: columns whose row order[i] is what stood at place i.
        is_zero: the integer 1 of the ring where x = 0 mod 2^bits, else 0.
        multiply: products in the ring, shapes as NumPy broadcasts them.
    """

    server: Server
    shuffle: Callable[[Sequence[Column]], Coroutine[Any, Any, tuple[list[Share], Any]]]
    unshuffle: Callable[[Any, Sequence[Column]], Shares]
    key_of: Callable[..., Coroutine[Any, Any, Key]]
    order_by: Callable[..., OneShare]
    sort_by: Callable[..., Shares]
    apply_order: Callable[[Share, Sequence[Column]], Shares]
    apply_inverse: Callable[[Share, Sequence[Column]], Shares]
    is_zero: Callable[[Share, int], OneShare]
    multiply: Callable[[Share, Share], OneShare]


def by_halves(server: Server) -> Steps:
    """Return the steps of `replicated3`: this room's, and the family's."""
    return Steps(
        server,
        shuffle=partial(shuffle, server),
        unshuffle=partial(unshuffle, server),
        key_of=partial(key_of, server),
        order_by=partial(order_by, server),
        sort_by=partial(sort_by, server),
        apply_order=partial(apply_order, server),
        apply_inverse=partial(apply_inverse, server),
        is_zero=partial(is_zero, server),
        multiply=partial(multiply, server),
    )
