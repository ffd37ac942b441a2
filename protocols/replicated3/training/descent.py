"""Stochastic gradient descent on shares: scales, first weights, the update.

With l = 64, f = 16 and value_bits = 31 the numbers of training are kept like this:

| what | fraction bits | magnitude below |
|---|---|---|
| images, outputs of layers | 16 (f) | 2^14 |
| gradients by outputs of layers, not divided by the batch | 24 | 2^6 |
| weights and biases | 30 | 2^14 in products |
| velocities | 18 | 2^10 |

Weights carry far more bits than values, so that an update of a small rate is not lost; products with them
are shifted by the weights' own scale, which costs nothing. w − rate · ṽ is exact, with ṽ what is kept of v
(`schedule` has the public integers of a step), and the one truncation of an update is that
of ṽ, whose error is below one unit and without bias.
"""

from __future__ import annotations

import math
from dataclasses import replace

from protocols.domains import Words
from protocols.replicated3.constructions import bit_to_share, sign, truncate_product
from protocols.replicated3.sharings import (
    Halves,
    Server,
    Share,
    add_public,
    concatenate,
    halves_to_share,
    in_thirds,
    multiply_public,
    subtract,
)
from protocols.training import INITIAL_BITS, Descent, Scales, grid


async def descend(
    server: Server, scales: Scales, step: Descent, weight: Share, velocity: Share, z: Words
) -> tuple[Share, Share]:
    """Return (weight, velocity) after a step; any shape.

    Args:
        z: z_i of the gradient, summed over the batch, at 2^(value + gradient bits). It need not be masked,
            and its mask would not last: a multiple of a uniform number is not uniform. The sum is masked.

    Rounds and bits: those of one truncation of `velocity`, `safe` whatever the choice: the sum fills the
    ring so far that `fused` would destroy one weight in a thousand.
    """
    k, ring = server.kernels, server.ring

    def times(words: Words, factor: int) -> Words:
        product: Words = k.mul(words, ring.encode_integers(factor))
        return product

    total = k.add(times(z, step.batch), times(velocity.a, step.momentum))
    if step.decay:
        total = k.add(total, times(weight.a, step.decay))
    total = k.add(total, server.zero_share("descent", total.shape))
    careful = replace(server, choices=replace(server.choices, truncation="safe"))
    following = await truncate_product(careful, total, scales.update)
    moved = multiply_public(server, following, ring.encode_integers(step.rate))
    return subtract(server, weight, moved), following


async def uniform(server: Server, shape: tuple[int, ...], width: float, bits: int) -> Share:
    """Return values uniform on a grid of 2^16 points in (−width, width), at scale 2^bits, known to nobody.

    r = v + w mod 2^16 with v = F(k_0) + F(k_1), known to server 0, and w = F(k_2), known to servers 1 and
    2, is uniform to each of them. The carry of v + w is a comparison. The points are odd multiples of half
    the grid's step, so the distribution is symmetrical.

    Rounds: those of a comparison of 16 bits and of a bit's conversion. Bits: those, and l.
    """
    k, ring = server.kernels, server.ring
    count = math.prod(shape)
    step, middle = grid(width, bits)

    async def third(server: Server, size: int) -> Share:
        if server.role == 0:
            own = k.add(server.random(0, "initial", (size,)), server.random(1, "initial", (size,)))
        else:
            own = server.random(2, "initial", (size,))
        own = k.low_bits(own, INITIAL_BITS)
        parts, carry = await server.party.gather(
            halves_to_share(server, Halves(own, ring.bits)),
            _bit(server, Halves(own, INITIAL_BITS + 1)),
        )
        wrapped = multiply_public(server, carry, ring.encode_integers(1 << INITIAL_BITS))
        return subtract(server, parts, wrapped)

    thirds = await in_thirds(server, third, count, lambda part: (part.stop - part.start,))
    number = multiply_public(server, concatenate(server, thirds), ring.encode_integers(step))
    return add_public(server, number, ring.encode_integers(-middle)).reshape(*shape)


async def _bit(server: Server, x: Halves) -> Share:
    return await bit_to_share(server, await sign(server, x))
