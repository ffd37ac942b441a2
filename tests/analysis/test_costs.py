"""Cost formulas: small cases by hand, the algebra, and symbols against whole numbers."""

from itertools import product

import pytest

from analysis.costs import numbers
from analysis.costs.algebra import (
    LOCAL,
    Cost,
    exchange,
    messages,
    reshare,
    reshares,
    rotated,
    sequence,
    together,
)
from analysis.costs.replicated3 import boolean, halves, layers, operations, signs
from analysis.costs.replicated3.setting import NoFormula, Setting
from mpcsim import InputError
from scenarios.networks import ModelSettings, shapes

# Sizes


@pytest.mark.parametrize(
    ("count", "p", "size"),
    [(0, 3, 0), (1, 3, 1), (6, 3, 2), (40, 3, 8), (41, 3, 9), (80, 3, 16), (2, 2, 1), (64, 2, 8)],
)
def test_residues_fill_words_and_the_last_is_cut(count, p, size):
    assert numbers.residues(count, p) == size  # 3^40 < 2^64 < 3^41; 3^6 − 1 has 10 bits


def test_as_many_residues_as_fit_go_to_a_word():
    for p in (2, 3, 5, 7, 11, 17, 31):
        d = numbers.residues_per_word(p)
        assert p**d <= 2**64 < p ** (d + 1)


def test_primes_start_where_they_are_asked_to():
    assert [numbers.prime_from(a) for a in (2, 3, 4, 5, 8, 9, 16, 17, 32)] == [
        2, 3, 5, 5, 11, 11, 17, 17, 37,
    ]  # fmt: skip


def test_thirds_cover_a_vector():
    assert [numbers.third(1, t) for t in range(3)] == [0, 0, 1]
    assert [numbers.third(2, t) for t in range(3)] == [0, 1, 1]
    assert [numbers.third(7, t) for t in range(3)] == [2, 2, 3]
    assert all(sum(numbers.third(n, t) for t in range(3)) == n for n in range(50))


def test_one_hot_entries_count_every_digit():
    for low, m in product(range(1, 40), range(1, 9)):
        widths = [min(m, low - start) for start in range(0, low, m)]
        assert numbers.one_hot_entries(low, m) == sum(2**width - 1 for width in widths)


def test_the_carry_tree_has_the_ands_of_its_layers():
    for digits in range(3, 65):
        left, ands, layers_ = digits, 0, 0
        while left > 2:
            pairs = left // 2
            ands += pairs + pairs - 1
            left -= pairs
            layers_ += 1
        assert boolean.carry_tree_ands(digits) == ands
        assert numbers.ceil_log2(digits) - 1 == layers_


# Algebra


def test_a_message_delays_its_receiver_alone():
    cost = sequence(messages((0, 1, 5)), messages((1, 2, 7)))
    assert cost.sent == (5, 7, 0)
    assert cost.rounds == 2
    assert cost.after((0, 0, 0)) == (0, 1, 2)


def test_steps_side_by_side_take_the_longer():
    cost = together(sequence(reshare(1), reshare(1)), messages((0, 1, 3)))
    assert (cost.sent, cost.rounds) == ((5, 2, 2), 2)
    assert together() == LOCAL


def test_who_does_not_wait_is_not_late():
    early = sequence(exchange(1), messages((0, 2, 1)))  # role 0 took no part in the exchange
    assert early.rounds == 1
    late = sequence(reshare(1), messages((0, 2, 1)))
    assert late.rounds == 2


def test_later_starts_are_carried_through():
    assert exchange(1).after((0, 5, 2)) == (0, 5, 6)


def test_casting_moves_roles_to_servers():
    cost = messages((0, 1, 4), (2, 0, 1)).cast(2)  # role 0 is server 2, role 1 server 0, role 2 server 1
    assert cost.sent == (0, 1, 4)
    assert cost.after((0, 0, 0)) == (1, 0, 1)


@pytest.mark.parametrize("parties", range(1, 8))
def test_costs_compose_for_any_number_of_servers(parties):
    ring = messages(*((i, (i + 1) % parties, i + 1) for i in range(parties - 1)), parties=parties)
    assert ring.sent == (*range(1, parties), 0)
    assert ring.rounds == min(1, parties - 1)
    chain = sequence(*(messages((i, i + 1, 5), parties=parties) for i in range(parties - 1)))
    assert chain.rounds == parties - 1 if parties > 1 else chain == LOCAL
    if parties > 1:
        assert chain.sent == (*[5] * (parties - 1), 0)
        assert chain.after((0,) * parties) == tuple(range(parties))
        assert reshare(3, parties).sent == (3,) * parties
        assert sequence(reshare(1, parties), reshare(2, parties)).rounds == 2
        cast = messages((0, 1, 7), parties=parties).cast(parties - 1)
        assert cast.sent == (*[0] * (parties - 1), 7)
        assert cast.after((0,) * parties) == (1, *[0] * (parties - 1))
        turned = rotated(lambda n: messages((0, 1, n), parties=parties), 23, parties=parties)
        assert sum(turned.sent) == 23
        assert max(turned.sent) - min(turned.sent) <= 1
    small, large = messages((0, 1, 1)), reshare(4, max(parties, 4))
    assert sequence(small, large).sent == together(large, small).sent == (5, *[4] * (len(large.sent) - 1))


def test_a_cost_whose_parts_do_not_fit_is_refused():
    with pytest.raises(InputError, match="a cost of 2 servers with delays of 3"):
        Cost((1, 2), LOCAL.delay)
    with pytest.raises(InputError, match="from -1 to 0"):
        messages((-1, 0, 1))


def test_layers_of_reshares_are_a_round_each():
    assert reshares(9, 4).rounds == 4
    assert reshares(9, 4).sent == (9, 9, 9)


@pytest.mark.parametrize(("n", "sent"), [(0, (0, 0, 0)), (1, (0, 0, 8)), (2, (0, 8, 8)), (4, (8, 8, 16))])
def test_roles_rotate_over_thirds_that_are_not_empty(n, sent):
    cost = rotated(lambda size: halves.to_share(Setting(), size), n)
    assert cost.sent == sent
    assert cost.rounds == (1 if n else 0)
    assert rotated(lambda size: halves.to_share(Setting(), size), n, rotate=False).sent == (8 * n, 0, 0)


# Operations by hand


def test_reveal_and_multiplication_are_one_ring_element_a_server():
    for operation in (operations.reveal, operations.multiply):
        assert operation(Setting(l=64), 3).sent == (24, 24, 24)
        assert operation(Setting(l=32), 3).rounds == 1


def test_safe_truncation_of_one_value():
    cost = operations.truncate(Setting(l=64, f=16), 1)
    assert cost.sent == (10, 10, 10)  # every role: 8 of the value and 2 of the correction
    assert cost.rounds == 2
    assert operations.truncate(Setting(l=64, f=0), 1).rounds == 1


def test_fused_truncation_of_two_values():
    cost = operations.truncate(Setting(truncation="fused"), 2)
    assert (cost.sent, cost.rounds) == ((16, 16, 16), 1)


@pytest.mark.parametrize(
    ("k", "dealer", "others", "rounds"),
    [
        (5, 30, 1, 1),  # one digit: 15 entries to two roles; generate alone
        (9, 60, 4, 2),  # two digits: g, g, p and the last AND
        (13, 91, 7, 3),  # three: g g g p p, a layer of one AND, and the last AND
        (15, 2 * 48 + 3, 7 + 3 + 1, 3),  # four, the last of two bits: a layer of g, g, p
    ],
)
def test_signs_by_table(k, dealer, others, rounds):
    cost = signs.sign(Setting(radix=4), 8, k)
    assert (cost.sent, cost.rounds) == ((dealer, others, others), rounds)


def test_the_sign_of_one_bit_is_local():
    assert signs.sign(Setting(), 100, 1) == LOCAL


def test_sign_by_masked_digits():
    cost = signs.sign(Setting(comparison="masked", radix=2), 1, 5)
    assert cost.sent == (2, 1, 1)  # 6 entries mod 3 in 10 bits; 2 residues in 4
    assert cost.rounds == 2
    assert cost.after((0, 0, 0)) == (2, 0, 1)


@pytest.mark.parametrize(
    ("comparison", "k", "dealer", "others", "rounds"),
    [
        ("ripple", 2, 1, 1, 2),
        ("ripple", 9, 8 + 7, 7 + 1, 9),  # 8 planes dealt; 7 ANDs of three servers, the last of two
        ("tree", 2, 1, 1, 2),
        ("tree", 3, 2, 2 + 1, 3),
        ("tree", 5, 4 + 3, 4 + 3 + 1, 3),  # four generates; a layer of g, g, p; the last AND (0→2→1→0)
        ("prefix", 2, 1, 1, 2),
        ("prefix", 5, 4 + 5, 4 + 5, 4),  # layers {1: g; 3: g, p} and {2: g; 3: g}
    ],
)
def test_signs_by_the_classical_adders(comparison, k, dealer, others, rounds):
    cost = signs.sign(Setting(comparison=comparison), 8, k)
    assert (cost.sent, cost.rounds) == ((dealer, others, others), rounds)


def test_the_prefix_network_has_the_ands_of_its_layers():
    for bits in range(1, 65):
        generates = propagates = 0
        for layer in range(numbers.ceil_log2(bits)):
            combined = [i for i in range(bits) if i >> layer & 1]
            generates += len(combined)
            propagates += sum(i >= 2 << layer for i in combined)
        assert generates + propagates == 2 * numbers.ones_below(bits) - (bits - 1)


def test_a_construction_without_a_formula_is_named():
    with pytest.raises(
        NoFormula, match="comparison 'oracle'; there are formulas for masked, prefix, ripple, table"
    ):
        signs.sign(Setting(comparison="oracle"), 8, 5)


def test_relu_of_one_value_without_rotation():
    cost = operations.relu(Setting(V=5, rotate=False), 1)
    assert cost.sent == (30 + 16 + 8, 1 + 8, 1 + 8)
    assert cost.rounds == 2  # tables; A and β came with them; cross terms


def test_one_round_select_saves_a_round_where_the_dealer_is_late():
    slow = Setting(comparison="masked", radix=2)
    fast = Setting(comparison="masked", radix=2, select="one_round")
    assert (operations.relu(slow, 9).rounds, operations.relu(fast, 9).rounds) == (4, 3)
    assert (operations.less_than(slow, 9).rounds, operations.less_than(fast, 9).rounds) == (4, 3)


def test_pooling_takes_a_level_for_each_doubling():
    setting = Setting(comparison="masked", radix=2, select="one_round", rotate=False)
    for entries, depth in ((1, 0), (2, 1), (3, 2), (4, 2), (9, 4)):
        assert halves.levels(entries) == depth
        assert operations.max_pool(setting, 5, entries).rounds == max(1, 2 * depth + 1)
    assert operations.argmax(setting, 5, 3).rounds == 5


def test_a_client_sends_seeds_and_one_component():
    assert operations.client_input(Setting(l=64), (2, 3)) == (34, 66, 66)
    assert operations.client_input(Setting(l=32), (300,)) == (35, 19 + 1200, 19 + 1200)
    assert operations.client_output(Setting(l=32), 5) == (20, 20, 20)
    assert operations.keys(Setting()).sent == (16, 16, 16)


@pytest.mark.parametrize(
    ("value", "size"), [(0, 1), (127, 1), (128, 2), (255, 2), (256, 3), (65536, 5), (2**32, 9)]
)
def test_whole_numbers_weigh_what_msgpack_makes_of_them(value, size):
    assert operations.integer_bytes(value) == size


# Layers


def test_a_convolution_costs_its_outputs():
    setting = Setting()
    cost = layers.conv2d(setting, 2, (28, 27), (3, 3), 8, (2, 2), (1, 1))
    assert cost == operations.truncate(setting, 2 * 14 * 14 * 8)
    assert layers.dense(setting, 3, 10) == operations.truncate(setting, 30)


def test_spans_of_a_network_follow_its_layers():
    model = ModelSettings.model_validate(
        {
            "input": [5, 5, 1],
            "layers": [
                {"type": "conv2d", "filters": 2, "kernel": 2, "activation": "relu"},
                {"type": "maxpool2d", "size": 2},
                {"type": "dense", "units": 3},
            ],
        }
    )
    setting = Setting(comparison="masked", radix=2, select="one_round")
    spans, whole = layers.follow(setting, layers.blocks(setting, shapes(model), 1))
    assert list(spans) == ["conv1", "pool1", "conv1.relu", "dense1"]
    assert [span.rounds for span in spans.values()] == [1, 4, 2, 2]
    assert whole.rounds == 9
    assert spans["conv1"].sent == [
        48 + 48,
        32 + 48,
        32 + 48,
    ]  # 8 windows: thirds of 2, 3, 3; 4·32 bits each
    assert sum(spans["dense1"].sent) == 3 * (8 + 2) * 3
