"""Sharing, revealing, and what is local on shares."""

import numpy as np
import pytest
from harness import NARROW, RINGS, SHAPES, TOY, WIDE, edges, over, run, signed, values_of

from mpcsim import InputError, simulate
from protocols.domains.ring import Ring
from protocols.replicated3.constructions.arithmetic import multiply_fixed
from protocols.replicated3.sharings.server import Server
from protocols.replicated3.sharings.sharing import (
    add,
    add_public,
    concatenate,
    halves_to_share,
    lift,
    multiply_public,
    narrow,
    public,
    receive_from_client,
    receive_reveal,
    reveal,
    reveal_to_client,
    share_by_client,
    share_to_halves,
    subtract,
    sum_to_halves,
)

RING = Ring(64, 16, 31)


async def _unchanged(server, x):
    return x


def _of_shape(shape, bits, seed=0):
    return values_of(bits, int(np.prod(shape)), seed).reshape(shape)


@over("ring", RINGS)
@over("shape", [*SHAPES, (0,), (2, 0, 3)])
def test_what_a_client_shares_opens_to_the_same_values(ring, shape):
    x = _of_shape(shape, ring.bits)
    np.testing.assert_array_equal(run(_unchanged, x, ring=ring).values, x)


@over("ring", RINGS)
@over("shape", [*SHAPES, (0,)])
def test_all_three_servers_learn_what_is_revealed(ring, shape):
    x = _of_shape(shape, ring.bits)
    for words in run(reveal, x, ring=ring).servers:
        np.testing.assert_array_equal(signed(words, ring.bits), x)
        np.testing.assert_array_equal(ring.signed(words), x)


@over("ring", RINGS)
def test_a_client_learns_what_is_revealed_to_it(ring):
    x = _of_shape((4, 5), ring.bits)

    async def dealer(party):
        share_by_client(party, ring, x.astype(ring.dtype))

    async def serve(party):
        server = await Server.join(party, ring)
        reveal_to_client(server, await receive_from_client(server, "dealer"), "reader")

    async def reader(party):
        return ring.signed(await receive_reveal(party, ring, x.shape))

    roles = {**{f"server{i}": serve for i in range(3)}, "dealer": dealer, "reader": reader}
    np.testing.assert_array_equal(simulate(roles=roles, seed=1).outputs["reader"], x)


@over("ring", RINGS)
def test_sums_and_public_operands_are_exact_mod_the_ring_and_cost_nothing(ring):
    x, y, c = (_of_shape((3, 7), ring.bits, seed) for seed in range(3))
    words = c.astype(ring.dtype)

    async def local(server, x, y):
        terms = [
            add(server, x, y),
            subtract(server, x, y),
            add_public(server, x, words),
            multiply_public(server, x, words),
            public(server, words),
        ]
        return concatenate(server, terms)

    result = run(local, x, y, ring=ring)
    exact = [a.astype(object) for a in (x, y, c)]
    want = np.concatenate(
        [exact[0] + exact[1], exact[0] - exact[1], exact[0] + exact[2], exact[0] * exact[2], exact[2]]
    )
    modulus = 1 << ring.bits
    np.testing.assert_array_equal(result.values.astype(object) % modulus, want % modulus)
    assert (result.cost.rounds, result.cost.payload_bytes) == (0, 0)


@over("bits", [1, 2, 7, 20, 31, 32, 33, 63, 64])
def test_a_share_is_halves_mod_any_smaller_power_of_two(bits):
    x = values_of(64, 500)

    async def protocol(server, x):
        return narrow(server, share_to_halves(server, x, 64), bits)

    want = signed(x.astype(np.uint64), bits)
    np.testing.assert_array_equal(run(protocol, x).values, want)


@over("ring", RINGS)
@over("shape", [*SHAPES, (0,)])
def test_halves_become_shares_of_the_same_values(ring, shape):
    async def protocol(server, x):
        return await halves_to_share(server, share_to_halves(server, x, ring.bits))

    x = _of_shape(shape, ring.bits)
    np.testing.assert_array_equal(run(protocol, x, ring=ring).values, x)


@over("bits", [1, 7, 32, 40, 64])
def test_summands_become_halves(bits):
    async def protocol(server, x):
        z = x.a if bits > 32 else x.a.astype(np.uint32)
        return await sum_to_halves(server, z, bits)

    x = values_of(64, 300)
    np.testing.assert_array_equal(run(protocol, x).values, signed(x.astype(np.uint64), bits))


@pytest.mark.parametrize(
    ("ring", "bits"),
    [
        (WIDE, 3),
        (WIDE, 32),
        (WIDE, 33),
        (WIDE, 63),
        (WIDE, 64),
        (NARROW, 20),
        (NARROW, 31),
        (TOY, 9),
        (TOY, 12),
    ],
)
def test_halves_are_lifted_over_the_whole_range_that_is_promised(ring, bits):
    async def protocol(server, x):
        return await lift(server, share_to_halves(server, x, bits))

    x = values_of(bits - 1 if bits < ring.bits else bits, 1000)
    if bits < ring.bits:
        x = x[x > -(1 << (bits - 2))]
    np.testing.assert_array_equal(run(protocol, x, ring=ring).values, x)


@over("ring", RINGS)
def test_reals_are_encoded_to_the_nearest_unit_and_decoded_again(ring):
    unit = 2.0**-ring.fraction_bits
    scaled = values_of(ring.value_bits, 1000)
    words = ring.encode(scaled * unit)
    np.testing.assert_array_equal(signed(words, ring.bits), scaled)
    np.testing.assert_array_equal(ring.decode(words), scaled * unit)
    inside = scaled[np.abs(scaled) < 2 ** (ring.value_bits - 1) - 1]
    for shift in (-0.49, 0.49):
        np.testing.assert_array_equal(signed(ring.encode((inside + shift) * unit), ring.bits), inside)


@over("bits", range(2, 65))
def test_words_of_every_ring_stand_for_twos_complement_integers(bits):
    ring = Ring(bits, 0, bits - 1)
    want = np.array(edges(bits), np.int64)
    np.testing.assert_array_equal(ring.signed(ring.encode_integers(want)), want)


@pytest.mark.parametrize("servers", [(0, 1, 2), (2, 0, 1), (4, 1, 3), ("d", "b", "a"), (3, "c", 0)])
def test_any_three_parties_in_any_order_can_be_the_servers(servers):
    values = [1.5, -2.0, 0.25]
    names = ["a", "b", "c", "d", "e"]
    chosen = {names[one] if isinstance(one, int) else one for one in servers}

    async def server(party):
        me = await Server.join(party, RING, servers=servers)
        client = next(name for name in names if name not in chosen)
        x = await receive_from_client(me, client)
        product = await multiply_fixed(me, x, x)
        reveal_to_client(me, product, client)
        return RING.decode(await reveal(me, product))

    async def client(party):
        share_by_client(party, RING, RING.encode(values), servers=servers)
        return RING.decode(await receive_reveal(party, RING, (3,), servers=servers))

    async def idle(party):
        return None

    outsiders = [name for name in names if name not in chosen]
    programs = {
        name: server if name in chosen else client if name == outsiders[0] else idle for name in names
    }
    run = simulate(roles=programs, seed=1)
    for name in [*chosen, outsiders[0]]:
        assert np.allclose(run.outputs[name], np.square(values), atol=2**-15)


@pytest.mark.parametrize("servers", [(0, 1, 1), (0, 2), (1, 2, 3)])
def test_three_different_servers_are_needed_and_this_one_among_them(servers):
    async def server(party):
        await Server.join(party, RING, servers=servers)

    with pytest.raises(InputError, match="needs three servers, here the parties"):
        simulate(roles={"a": server, "b": server, "c": server}, seed=1)
