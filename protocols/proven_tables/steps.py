"""What groups, joins and rankings of `protocols.tables` are made of, where every message is proven."""

from __future__ import annotations

from functools import partial

from protocols.proven_tables.orders import apply_inverse, apply_order
from protocols.proven_tables.shuffle import shuffle, unshuffle
from protocols.proven_tables.sort import key_of, order_by, sort_by
from protocols.replicated3.sharings import Share, concatenate, in_thirds
from protocols.replicated3_malicious import ReplicatedMalicious
from protocols.replicated3_malicious.constructions import multiply, number, zero
from protocols.replicated3_malicious.sharings import Checked
from protocols.tables import Steps


def proven(me: ReplicatedMalicious) -> Steps:
    """Return the steps of `replicated3_malicious`: this room's, and the family's."""
    return Steps(
        me.server,
        shuffle=partial(shuffle, me),
        unshuffle=partial(unshuffle, me),
        key_of=partial(key_of, me),
        order_by=partial(order_by, me),
        sort_by=partial(sort_by, me),
        apply_order=partial(apply_order, me),
        apply_inverse=partial(apply_inverse, me),
        is_zero=partial(is_zero, me),
        multiply=partial(multiply, me.server, bits=me.ring.bits),
    )


async def is_zero(me: ReplicatedMalicious, x: Share, bits: int) -> Share:
    """Return the integer 1 of the ring where x = 0 mod 2^bits, else 0. Rounds: those of `zero`, and 2."""
    flat, out = x.flat(), me.ring.bits

    async def some(server: Checked, part: Share) -> Share:
        return await number(server, await zero(server, part, bits), part.size, out)

    parts = await in_thirds(me.server, some, flat.size, lambda part: (flat[part],))
    return concatenate(me.server, parts).reshape(*x.shape)
