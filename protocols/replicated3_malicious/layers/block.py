"""ReLU, the largest of several, and a linear layer's sums through both, on as few bits as values take.

A layer's sums are shared mod 2^(k + f), k = value_bits + 1; both holders of a component round it, and what
wraps is a multiple of 2^k. Values stay mod 2^k until what is left of them is lifted to the ring. Each
third of a vector goes from end to end in its own rotation of the roles: role 0 deals for the next step
while the others finish the last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from protocols.domains import word_type
from protocols.family import Pooling
from protocols.layers import pooled_shape, windows
from protocols.replicated3.sharings import Bits, Share, add, concatenate, in_thirds, opposite, subtract
from protocols.replicated3_malicious.constructions import (
    Sum,
    lift_third,
    number,
    rounded,
    select,
    shared,
    sign,
)
from protocols.replicated3_malicious.sharings import Checked


async def joined(
    server: Checked, protocol: Callable[..., Any], size: int, cut: Callable[[slice], tuple[Any, ...]]
) -> Share:
    """Run a protocol on thirds of a vector with rotated roles, and join what it gives."""
    found: Sequence[Share] = await in_thirds(server, protocol, size, cut)
    return concatenate(server, found)


async def positive(server: Checked, x: Share, bits: int, compared: int) -> Share:
    """Return max(x, 0) mod 2^bits of a vector, whose lower `compared` bits say its sign."""
    negative = await sign(server, x, compared)
    return await select(server, opposite(server, negative), x, bits)


async def relu(server: Checked, x: Share) -> Share:
    """Return max(x, 0). Rounds: those of the sign, and 1."""
    ring, flat = server.ring, x.flat()

    async def third(server: Checked, x: Share) -> Share:
        return await positive(server, x, ring.bits, ring.value_bits)

    return (await joined(server, third, flat.size, lambda part: (flat[part],))).reshape(*x.shape)


async def less_than(server: Checked, x: Share, y: Share) -> Share:
    """Return the integer 1 where x < y. Rounds: those of the sign, and 1."""
    ring, flat = server.ring, subtract(server, x, y).flat()

    async def third(server: Checked, x: Share) -> Share:
        negative = await sign(server, x, ring.value_bits + 1)
        return await number(server, negative, x.size, ring.bits)

    return (await joined(server, third, flat.size, lambda part: (flat[part],))).reshape(*x.shape)


async def largest(server: Checked, x: Share, bits: int) -> Share:
    """Return the largest along the first axis of (entries, n), mod 2^bits: pairs compete."""
    while (entries := x.shape[0]) > 1:
        paired = entries - entries % 2
        even, odd = x[0:paired:2], x[1:paired:2]
        gap = subtract(server, even, odd)
        gain = await positive(server, gap.flat(), bits, server.ring.value_bits + 1)
        best = add(server, odd, gain.reshape(*odd.shape))
        x = concatenate(server, [best, x[paired:]])
    return x[0]


async def largest_of_rows(server: Checked, x: Share) -> Share:
    """Return the largest along the first axis of (entries, n).

    Rounds: those of a sign for each of ⌈log2⌉ levels, and 1.
    """

    async def third(server: Checked, x: Share) -> Share:
        return await largest(server, x, server.ring.bits)

    return await joined(server, third, x.shape[1], lambda part: (x[:, part],))


async def pool_and_relu_of_sum(
    server: Checked, z: Sum, pooling: Pooling | None, relu: bool, spans: Sequence[str], op: str
) -> Share:
    """Return shares of relu(maxpool(z / 2^f)) for the sum of a layer (n, h, w, c).

    Args:
        spans: names to attribute to: the sum, pooling, ReLU.

    Requires: nothing of the sum: products are reshared once, masked, before windows are cut; shares are
    what they are.

    ReLU's sign is found beside the lift: a selection on all bits of the ring costs less than a round more.

    Rounds: 1, a comparison and a selection a level of the pooling and for ReLU, less what role 0 deals
    ahead; without ReLU 2 for the lift. Of a sum without products 1 less.
    """
    ring = server.ring
    bits, f = ring.value_bits + 1, ring.fraction_bits
    with server.party.span(spans[0], op):
        x = rounded(server, await shared(server, z, bits + f), f, bits)
    if pooling is None:
        shape, entries = x.shape, x.reshape(1, -1)
    else:
        shape = pooled_shape(x.shape, pooling.window, pooling.stride)
        a, b = (windows(server.kernels, part, pooling.window, pooling.stride) for part in (x.a, x.b))
        entries = Share(a, b)

    async def third(server: Checked, x: Share) -> Share:
        if pooling is not None:
            with server.party.span(spans[1], "max pooling"):
                x = (await largest(server, x, bits)).reshape(1, -1)
        with server.party.span(spans[2], "relu" if relu else "lift"):
            if not relu:
                return await lift_third(server, x[0], bits)
            y, negative = await server.party.gather(
                lift_third(server, x[0], bits), sign(server, x[0], ring.value_bits)
            )
            return await select(server, opposite(server, negative), y, ring.bits)

    return (await joined(server, third, entries.shape[1], lambda part: (entries[:, part],))).reshape(*shape)


async def select_in_thirds(
    server: Checked, thirds: Sequence[tuple[Checked, Bits]], x: Share, bits: int
) -> Share:
    """Return bit · x for bits in thirds."""
    planes, flat = iter(part for _, part in thirds), x.flat()
    assert flat.a.dtype == word_type(bits)

    async def third(server: Checked, part: Share, plane: Bits) -> Share:
        return await select(server, plane, part, bits)

    found = await joined(server, third, flat.size, lambda part: (flat[part], next(planes)))
    return found.reshape(*x.shape)
