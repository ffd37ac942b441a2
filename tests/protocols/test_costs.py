"""What a protocol sends, and in how many rounds: never a matter of how many values there are."""

from math import ceil, log2

import numpy as np
import pytest
from harness import COMPARISONS, NARROW, WIDE, over, run, values_of

from protocols.replicated3.constructions.arithmetic import multiply, multiply_fixed
from protocols.replicated3.constructions.comparison import is_negative, less_than, sign
from protocols.replicated3.constructions.maximum import argmax
from protocols.replicated3.constructions.selection import bit_to_share, select
from protocols.replicated3.constructions.truncation import sum_to_truncated_halves
from protocols.replicated3.layers.activation import relu
from protocols.replicated3.layers.block import pool_and_relu_of_sum
from protocols.replicated3.layers.pooling import average_pool2d, max_pool2d
from protocols.replicated3.sharings.server import Choices
from protocols.replicated3.sharings.sharing import BitHalves, halves_to_share, lift, reveal, share_to_halves

N = 800  # values; every plane of them is whole bytes
L, F, K = WIDE.bits, WIDE.fraction_bits, WIDE.value_bits


async def _twice(server, x):
    return await multiply(server, x, x)


async def _fixed_twice(server, x):
    return await multiply_fixed(server, x, x)


async def _less_than_zero(server, x):
    return await less_than(server, x, x)


async def _pool(server, x):
    return await max_pool2d(server, x.reshape(1, 2, -1, 1), (2, 2))


async def _mean(server, x):
    return await average_pool2d(server, x.reshape(1, 2, -1, 1), (2, 2))


async def _argmax(server, x):
    return await argmax(server, x.reshape(-1, 2))


async def _block(server, x):
    return await pool_and_relu_of_sum(server, x.a.reshape(1, 2, -1, 1), (2, 2), True, ["a", "b", "c"])


VECTOR = [reveal, _twice, _fixed_twice, is_negative, _less_than_zero, relu, _pool, _mean, _argmax, _block]


@over("choices", COMPARISONS)
@pytest.mark.parametrize("protocol", VECTOR, ids=lambda protocol: protocol.__name__.strip("_"))
def test_rounds_do_not_grow_with_the_number_of_values(protocol, choices):
    few, many = (run(protocol, values_of(16, n), choices=choices).cost.rounds for n in (20, 2000))
    assert few == many > 0


@pytest.mark.parametrize(
    "protocol", [_fixed_twice, relu, _block], ids=lambda protocol: protocol.__name__.strip("_")
)
def test_a_hundred_thousand_values_take_the_rounds_of_twelve(protocol):
    few, many = (run(protocol, values_of(16, n)).cost.rounds for n in (12, 100_000))
    assert few == many


def _digits(k, radix):
    """Return (digits, entries of their tables, ANDs of a whole share in the tree)."""
    d = ceil((k - 1) / radix)
    last = (k - 1) - (d - 1) * radix
    ands, joined = 0, d
    while joined > 2:
        pairs = joined // 2
        ands += 2 * pairs - 1
        joined -= pairs
    return d, (d - 1) * (2**radix - 1) + 2**last - 1, ands


def _table_bits(k, radix):
    d, entries, ands = _digits(k, radix)
    return 2 * entries + 2 * (2 * d - 1) + 3 * ands + (2 if d > 1 else 0)


def _table_rounds(k, radix):
    return 1 + ceil(log2(_digits(k, radix)[0]))


@over("radix", [1, 2, 3, 4, 8])
@over("k", [2, 8, 9, 31, 32, 33])
def test_the_table_comparison_sends_the_bits_and_takes_the_rounds_it_states(k, radix):
    async def protocol(server, x):
        return await sign(server, share_to_halves(server, x, k))

    cost = run(protocol, values_of(k, N), choices=Choices(radix=radix, rotate=False)).cost
    assert cost.payload_bytes * 8 == N * _table_bits(k, radix)
    assert cost.rounds == _table_rounds(k, radix)


@over("k", [3, 31, 33])
def test_the_masked_comparison_sends_the_residues_and_takes_the_rounds_it_states(k):
    async def protocol(server, x):
        return await sign(server, share_to_halves(server, x, k))

    cost = run(protocol, values_of(k, N), choices=Choices("masked", radix=1, rotate=False)).cost
    p = {3: 3, 31: 31, 33: 37}[k]  # the least prime above k − 1 digits
    in_a_word = int(64 / log2(p))
    words = (k - 1) * N / in_a_word
    assert cost.rounds == 2
    assert 3 * 8 * words <= cost.payload_bytes <= 3 * 8 * (words + 1)


def _adder_bits(form, k):
    """Return the bits of a carry by a classical adder; `prefix` for k − 1 a power of two."""
    n = k - 1
    if form == "ripple":
        return n + 3 * (n - 1) + 2
    if form == "tree":
        return 3 * n + 3 * _digits(k, 1)[2] + 2
    levels = ceil(log2(n))
    return 3 * n + 3 * (levels * n // 2 + levels * n // 2 - (n - 1))


# A layer of ANDs passes each server's lag on to the next: where the server that waited for the dealt bits
# has handed it to server 0 by the last exchange, which is between 1 and 2, a round fewer is on the chain.
ADDERS = [
    ("ripple", 9, 9),
    ("ripple", 10, 9),
    ("ripple", 17, 17),
    ("ripple", 31, 30),
    ("tree", 9, 5),
    ("tree", 10, 6),
    ("tree", 31, 6),
    ("prefix", 9, 5),
    ("prefix", 33, 7),
]


@pytest.mark.parametrize(("form", "k", "rounds"), ADDERS)
def test_the_classical_adders_send_the_bits_and_take_the_rounds_they_state(form, k, rounds):
    async def protocol(server, x):
        return await sign(server, share_to_halves(server, x, k))

    cost = run(protocol, values_of(k, N), choices=Choices(form, rotate=False)).cost
    assert cost.payload_bytes * 8 == N * _adder_bits(form, k)
    assert cost.rounds == rounds
    assert cost.rounds <= (k if form == "ripple" else 2 + ceil(log2(k - 1)))


def _bits(protocol, form="two_rounds", ring=WIDE, truncation="safe"):
    """Return (bits a value, rounds) with fixed roles."""
    choices = Choices(select=form, truncation=truncation, rotate=False)
    cost = run(protocol, values_of(16, N), ring=ring, choices=choices).cost
    return cost.payload_bytes * 8 / N, cost.rounds


def test_sharing_by_a_client_sends_two_ring_elements_and_four_seeds():
    async def nothing(server, x):
        return x

    client = [run(nothing, values_of(16, n)).run.per_party[3].sent.payload_bytes for n in (N, 2 * N)]
    assert client[1] - client[0] == N * 2 * L // 8
    assert 4 * 16 <= client[0] - N * 2 * L // 8 <= 4 * 16 + 30  # and the shape


def test_arithmetic_costs_what_its_docstrings_say():
    assert _bits(reveal) == (3 * L, 1)
    assert _bits(_twice) == (3 * L, 1)
    assert _bits(_fixed_twice, truncation="fused") == (3 * L, 1)
    assert _bits(_fixed_twice) == (3 * L + 3 * F, 2)
    assert _bits(_fixed_twice, ring=NARROW) == (3 * 32 + 3 * 8, 2)


def test_the_steps_between_the_forms_cost_what_their_docstrings_say():
    async def split(server, x):
        return await halves_to_share(server, share_to_halves(server, x, L))

    async def lifted(server, x):
        return await lift(server, share_to_halves(server, x, K))

    async def truncated(server, x):
        return await sum_to_truncated_halves(server, x.a, K)

    assert _bits(split) == (L, 1)
    assert _bits(lifted) == (4 * (L - K), 1)
    assert _bits(truncated) == (2 * K, 1)


@pytest.mark.parametrize(
    ("form", "value", "bit", "rounds"), [("two_rounds", 4, 3, 2), ("one_round", 6, 4, 1)]
)
def test_selection_costs_what_its_docstrings_say(form, value, bit, rounds):
    def one_bit(server, x):
        return BitHalves(share_to_halves(server, x, 1).half & np.uint32(1))

    async def chosen(server, x):
        return await select(server, share_to_halves(server, x, K), one_bit(server, x))

    async def converted(server, x):
        return await bit_to_share(server, one_bit(server, x))

    assert _bits(chosen, form) == (value * K, rounds)
    assert _bits(converted, form) == (bit * L, rounds)


def test_relu_is_the_sum_of_its_parts_and_dealing_overlaps():
    assert _bits(relu) == (_table_bits(K, 4) + 5 * L, _table_rounds(K, 4) + 1)
    assert _bits(relu, "one_round") == (_table_bits(K, 4) + 7 * L, _table_rounds(K, 4) + 1)


@over("choices", [choices for choices in COMPARISONS if choices.rotate])
@pytest.mark.parametrize("protocol", VECTOR, ids=lambda protocol: protocol.__name__.strip("_"))
def test_rotated_servers_send_alike(protocol, choices):
    size = {"_pool": 4000, "_block": 4000, "_mean": 4000, "_argmax": 2000}.get(protocol.__name__, 1000)
    sent = run(protocol, values_of(16, size), choices=choices).sent()
    assert max(sent) <= 1.1 * np.mean(sent)


def test_with_fixed_roles_the_dealer_sends_more():
    sent = run(relu, values_of(16, 1000), choices=Choices(rotate=False)).sent()
    assert max(sent) > 1.1 * np.mean(sent)
