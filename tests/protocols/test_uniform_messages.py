"""Every message looks random to whoever receives it, whatever is computed.

The inputs are public constants, shared as (c, 0, 0): a message that its sender forgot to mask shows.
"""

from itertools import pairwise

import numpy as np
import pytest
from harness import Recorder, over

from mpcsim import simulate
from protocols import kernels
from protocols.domains.ring import Ring
from protocols.replicated3.constructions.adder import sum_bits
from protocols.replicated3.constructions.arithmetic import multiply, multiply_fixed, reshare
from protocols.replicated3.constructions.carry_masked import _residues
from protocols.replicated3.constructions.comparison import inside, is_negative, sign
from protocols.replicated3.constructions.maximum import argmax
from protocols.replicated3.constructions.selection import bit_to_share
from protocols.replicated3.constructions.truncation import sum_to_truncated_halves
from protocols.replicated3.layers.activation import relu
from protocols.replicated3.layers.pooling import average_pool2d, max_pool2d
from protocols.replicated3.sharings.boolean import and_layer
from protocols.replicated3.sharings.server import Choices
from protocols.replicated3.sharings.sharing import (
    BitHalves,
    Bits,
    Share,
    halves_to_share,
    lift,
    public,
    reveal_to_client,
    share_to_halves,
)

RING = Ring()
N = 48_000
FAR = 6.0  # standard deviations of χ²


def _received(protocol, choices=None, n=N):
    """Return the payloads that each server received in a protocol on n shares of 1."""

    async def program(party):
        server = await Recorder.join(party, RING, choices or Choices(rotate=False))
        server.received.clear()
        await protocol(server, public(server, np.ones(n, RING.dtype)))
        return server.received

    return simulate(program, parties=3, seed=5).outputs


def deviation(counts):
    """Return by how many standard deviations χ² of equally likely outcomes is above its mean."""
    expected = counts.sum() / counts.size
    freedom = counts.size - 1
    return (((counts - expected) ** 2 / expected).sum() - freedom) / np.sqrt(2 * freedom)


def _worst(messages):
    """Return the worst deviation of the bytes of each message, and of their differences in place."""
    worst = 0.0
    for message in messages:
        flat = message.reshape(-1)
        assert flat.size >= 1000, "too short to judge"
        worst = max(worst, deviation(np.bincount(flat, minlength=256)))
    for one, other in pairwise(messages):
        size = min(one.size, other.size)
        both = one.reshape(-1)[:size] ^ other.reshape(-1)[:size]
        worst = max(worst, deviation(np.bincount(both, minlength=256)))
    return worst


async def _product(server, x):
    return await multiply(server, x, x)


async def _fixed_product(server, x):
    return await multiply_fixed(server, x, x)


async def _unmasked_product(server, x):
    return await reshare(server, server.kernels.product3(x.a, x.b, x.a, x.b, None))


async def _pool(server, x):
    return await max_pool2d(server, x.reshape(1, 2, -1, 1), (2, 2))


async def _mean(server, x):
    return await average_pool2d(server, x.reshape(1, 2, -1, 1), (1, 2))


async def _mean_of_three(server, x):
    return await average_pool2d(server, x.reshape(1, 3, -1, 1), (3, 1))


async def _argmax(server, x):
    return await argmax(server, x.reshape(-1, 3))


async def _split(server, x):
    return await halves_to_share(server, share_to_halves(server, x, 64))


async def _lift(server, x):
    return await lift(server, share_to_halves(server, x, 32))


async def _truncated(server, x):
    z = server.kernels.add(x.a, server.zero_share("product", x.shape))
    return await sum_to_truncated_halves(server, z, 40)


async def _bit(server, x):
    return await bit_to_share(server, BitHalves(share_to_halves(server, x, 1).half & np.uint32(1)))


async def _and(server, x):
    planes = server.kernels.bit_planes(x.a, 0, 1), server.kernels.bit_planes(x.b, 0, 1)
    return await and_layer(server, Bits(*planes), Bits(*planes))


async def _bits(server, x):
    return await sum_bits(server, share_to_halves(server, x, 16))


async def _inside(server, x):
    return await inside(server, x, [-3, 0, 1 << 16], [(0, 2), (1, None)], 31)


PROTOCOLS = [
    _product, _fixed_product, _split, _lift, _truncated, _bit, _and, _bits, _mean, _mean_of_three,
    is_negative, relu, _pool, _argmax, _inside,
]  # fmt: skip
CHOICES = [
    Choices(rotate=False),
    Choices(radix=1, rotate=False),
    Choices(truncation="fused", select="one_round", rotate=False),
    Choices("tree", rotate=False),
    Choices("prefix", rotate=False),
    Choices("ripple", rotate=False),
]


@over("choices", CHOICES)
@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.__name__.strip("_"))
def test_messages_are_uniform_bytes(protocol, choices):
    received = _received(protocol, choices)
    assert any(received)
    for messages in received:
        assert _worst(messages) < FAR


def test_digits_of_the_masked_comparison_are_uniform_residues():
    async def protocol(server, x):
        return await sign(server, share_to_halves(server, x, 31))

    p, digits = 17, 15
    received = _received(protocol, Choices("masked", radix=2, rotate=False), n=1000)
    counts = {0: [digits, digits], 1: [], 2: [3 * digits]}
    for messages, rows in zip(received, counts.values(), strict=True):
        assert len(messages) == len(rows)
        for message, row in zip(messages, rows, strict=True):
            residues = kernels.unpack_mod(message, p, row * 1000).reshape(row, 1000)
            assert deviation(np.bincount(residues.reshape(-1), minlength=p)) < FAR
            for one, other in pairwise(residues):
                assert deviation(np.bincount((one.astype(int) - other) % p, minlength=p)) < FAR


@pytest.mark.parametrize("modulus", [1, 2, 3, 4, 7, 16, 17])
def test_both_holders_draw_the_same_uniform_residues(modulus):
    async def program(party):
        server = await Recorder.join(party, RING)
        return [_residues(server, (server.role + j) % 3, "residues", modulus, (3, 5000)) for j in (0, 1)]

    outputs = simulate(program, parties=3, seed=1).outputs
    for i, (own, following) in enumerate(outputs):
        assert own.max() < modulus
        np.testing.assert_array_equal(following, outputs[(i + 1) % 3][0])
        if modulus > 1:
            assert deviation(np.bincount(own.reshape(-1), minlength=modulus)) < FAR


def test_a_product_reshared_without_a_zero_share_is_caught():
    assert max(_worst(messages) for messages in _received(_unmasked_product)) > 100


def test_it_is_caught_on_random_shares_too():
    async def protocol(server, x):
        held = (server.random((server.role + j) % 3, "component", x.shape) for j in (0, 1))
        return await _unmasked_product(server, Share(*held))

    assert max(_worst(messages) for messages in _received(protocol)) > 20


def test_a_client_receives_uniform_messages_that_add_up():
    words = np.full(N, 7, RING.dtype)

    async def serve(party):
        server = await Recorder.join(party, RING)
        reveal_to_client(server, public(server, words), "client")

    async def client(party):
        return [await party.recv(server) for server in range(3)]

    parts = simulate(roles={**{f"server{i}": serve for i in range(3)}, "client": client}, seed=1).outputs[
        "client"
    ]
    assert _worst(parts) < FAR
    np.testing.assert_array_equal(sum(part.view(np.uint64) for part in parts), words)
