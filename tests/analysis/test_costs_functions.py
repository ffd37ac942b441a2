"""Formulas of conversions and functions: small cases by hand, and the numbers behind them."""

import math

import pytest

from analysis.costs import boolean, conversions, functions, truncations
from analysis.costs.algebra import LOCAL, exchange, messages
from analysis.costs.catalogue import OPERATIONS
from analysis.costs.setting import Setting
from scenarios import microbench

WIDE = Setting(l=64, f=16, V=31)
NARROW = Setting(l=32, f=8, V=20)
RINGS = [WIDE, NARROW]


def _plain(**changes):
    return Setting(**{"rotate": False} | changes)


# Boolean steps, 8 values: a plane is one byte


@pytest.mark.parametrize(("bits", "layers"), [(1, []), (2, [1]), (3, [2]), (5, [4, 2]), (8, [7, 7, 3])])
def test_an_and_of_all_bits_is_a_tree(bits, layers):
    found = boolean.all_of(8, bits)
    ands = max(bits - 2, 0)
    assert found.sent == (ands, ands + (bits > 1), ands + (bits > 1))
    assert found.rounds == math.ceil(math.log2(bits))


@pytest.mark.parametrize(
    ("bits", "shared", "last", "rounds"),
    [
        (1, 0, 0, 0),
        (2, 0, 1, 1),  # bit 1 with bit 0
        (4, 2, 2, 2),  # bits 1 and 3; then 2 and 3
        (5, 2 + 2, 1, 3),  # 1, 3; 2, 3; 4
    ],
)
def test_prefix_ands_take_one_and_a_bit_and_layer(bits, shared, last, rounds):
    found = boolean.prefix_ands(8, bits)
    assert found.sent == (shared, shared + last, shared + last)
    assert found.rounds == rounds


# Conversions


def test_a_sum_of_bits_by_hand():
    assert conversions.sum_bits(8, 1) == messages((0, 2, 1))
    assert conversions.sum_bits(8, 2).sent == (2, 2, 2)  # two generates, no carry to combine
    found = conversions.sum_bits(8, 4)  # four; then carries over three: {1: g}, {2: g}
    assert (found.sent, found.rounds) == ((4 + 2, 4 + 2, 4 + 2), 4)


def test_numbers_of_bits_by_hand():
    found = conversions.from_bits(_plain(l=4), 3)  # 9, 6 and 3 bits of β; 12 bits exchanged; 12 to share
    assert found.sent == (2 + 1 + 1 + 2, 2, 2)
    assert found.rounds == 2


def test_equality_of_one_digit_and_of_three():
    one = conversions.equal(_plain(l=8, V=4, digit=4), 8)
    assert one.sent == (2 * 15 + 8, 1 + 8, 1 + 8)
    assert one.rounds == 2
    three = conversions.equal(_plain(l=8, V=9, digit=4), 8)  # digits of 4, 4 and 1 bits
    assert three.sent == (2 * 31 + 1 + 8, 3 + 1 + 1 + 8, 3 + 1 + 1 + 8)
    assert three.rounds == 1 + 2 + 1


def test_injection_is_a_select_and_l_bits():
    slow, fast = (conversions.inject(_plain(l=8, select=form), 1) for form in ("two_rounds", "one_round"))
    assert (slow.sent, slow.rounds) == ((2 + 1, 1, 1), 2)
    assert (fast.sent, fast.rounds) == ((2 * 2 + 1, 1, 1), 1)


def test_exact_truncation_runs_shift_and_carry_side_by_side():
    found = conversions.truncate_exactly(_plain(l=64, f=4, radix=4), 8)
    # halves: 4 bits dealt, 4 exchanged; a sign of one digit of 4 bits; a bit to a share; a share
    assert found.sent == (4 + 2 * 15 + 64 + 64, 4 + 1 + 64, 4 + 1 + 64)
    assert found.rounds == 2


def test_a_shift_by_nothing_is_a_reshare():
    assert truncations.product(WIDE, 1, 0).sent == (8, 8, 8)
    assert truncations.product(WIDE, 1, 16).rounds == 2
    assert truncations.of_halves(8, 3).sent == (3, 3, 3)


# Magnitudes and tables


def test_a_leading_bit_by_hand():
    found = functions.leading_bit(8, 3)  # three bits: 3 generates, carry over two; AND of the upper two
    assert found.sent == (3 + 1, 3 + 1 + 1, 3 + 1 + 1)
    # role 1 waits for what was dealt to role 2 and has its bits in round 2; role 2 has them in round 1, and
    # the carry from role 0: it only waits in the end, for role 1
    assert found.after((0, 0, 0)) == (3, 2, 3)


@pytest.mark.parametrize(("k", "entries"), [(2, 2), (3, 4), (4, 4), (5, 8), (31, 32), (33, 64)])
def test_tables_have_an_entry_for_every_place(k, entries):
    setting = _plain(l=8)
    assert functions.look_up_place(setting, 1, k, 1).sent == (entries + 1, 1, 1)
    assert functions.look_up_place(setting, 1, k, 2).sent == (entries + 2, 2, 2)
    in_three_parts = functions.look_up_place(_plain(l=8, select="one_round"), 1, k, 1)
    assert in_three_parts.sent == (2 * entries + 1, 1, 1)


# Precision


def test_precision_is_what_the_ring_leaves():
    assert functions.Precision.of(WIDE) == functions.Precision(24, 3)  # of 30 bits
    assert functions.Precision.of(NARROW) == functions.Precision(8, 1)  # of 9
    assert functions.Precision.of(Setting(l=64, f=10, V=46)) == functions.Precision(12, 3)


def test_iterations_square_the_error_until_it_is_small():
    assert functions.iterations(0.5, 8) == 3
    assert functions.iterations(0.5, 9) == 4
    assert functions.iterations(2.0**-20, 10) == 1
    error = functions.CATRINA_SAXENA_ERROR
    for setting in RINGS:
        bits = functions.Precision.of(setting).bits
        count = functions.iterations(error, bits)
        assert error ** (2**count) <= 2.0**-bits
        assert count == 1 or error ** (2 ** (count - 1)) > 2.0**-bits


def test_errors_of_lines_are_the_greatest_over_their_ranges():
    places = [i / 4096 for i in range(2048, 4097)]
    assert max(abs(1 - x * (2.9142 - 2 * x)) for x in places) == pytest.approx(0.0858, abs=1e-4)
    for d in (1, 2, 4):
        low = 2.0**-d
        slope = round(16 * 8 / (4 * low + (1 + low) ** 2)) / 16
        worst = max(abs(1 - x * slope * (1 + low - x)) for i in range(4097) if (x := i / 4096) >= low)
        assert functions.line_error(low) == pytest.approx(worst, abs=1e-6)


def test_the_window_of_an_exponential_reaches_from_half_a_unit_to_the_bound():
    for setting in RINGS:
        for doublings in (0, setting.V - 1 - setting.f):
            entries = functions.window(setting, doublings)
            needed = math.log(2.0**doublings) - math.log(2.0 ** -(setting.f + 1))
            assert entries > needed
            assert entries & (entries - 1) == 0


# Functions


def test_division_of_one_value_by_hand():
    found = functions.divide(_plain(l=32, f=8, V=20), 1)
    bits = 20 + 2 * (9 + 9 + 8 + 8 + 3) - 18  # generates of 20 bits; prefix carries over 19
    leading = 9 + 9 + 8 + 8  # and 3 of the last layer
    products = 2 + 2 + 2 + 1  # normalise; first; one of two iterations; the last
    wraps = (2 + 2) + (1 + 1) + (1 + 1) + 2  # bytes of shifts by 11 and 10; 8; 8; 9 bits
    assert found.sent[0] == bits + leading + 4 * (32 + 1 + products) + wraps
    assert found.sent[1] == found.sent[2] == bits + leading + 3 + 4 * (1 + products) + wraps
    assert found.rounds == (2 + 5) + 5 + 1 + 4 * 2  # bits; leading; what is looked up; products


@pytest.mark.parametrize("setting", RINGS)
def test_inverse_functions_cost_what_the_functions_do(setting):
    for one, other in (("div", "reciprocal"), ("sqrt", "rsqrt")):
        assert OPERATIONS[one].cost(setting, 13) == OPERATIONS[other].cost(setting, 13)


def test_a_quintic_is_three_products_deep():
    found = functions.quintic(_plain(), 1, 24, 8)
    assert found.sent == (4 * 8 + 3 * 3 + 4,) * 3
    assert found.rounds == 6


@pytest.mark.parametrize("op", ["div", "sqrt", "log", "exp", "sigmoid", "softmax"])
def test_functions_truncate_safely_whatever_the_choice(op):
    safe, fused = (OPERATIONS[op].cost(_plain(truncation=name), 8) for name in ("safe", "fused"))
    assert safe == fused


def test_the_shifts_of_a_reciprocal_by_hand():
    # 27 fraction bits, a line within 2^−4, three iterations: 8 values take 8 bytes a bit of a shift
    found = functions.reciprocal_between(_plain(), 8, 27, 0.5, 28 - 16)
    products, shifts = 1 + 2 * 2 + 1, (27 + 4) + 2 * (27 + 27) + (27 + 12 + 4)
    assert found.bytes == 3 * (products * 8 * 8 + shifts)


@pytest.mark.parametrize("rows", [24, 240])
def test_rounds_of_functions_do_not_grow_with_the_values(rows):
    for op in ("div", "log", "sqrt", "exp", "sigmoid", "softmax"):
        assert OPERATIONS[op].cost(WIDE, rows).rounds == OPERATIONS[op].cost(WIDE, 3).rounds


# Ceilings


@pytest.mark.parametrize(
    ("op", "rounds", "size"),
    [
        ("compare", 6, 21), ("relu", 6, 27), ("maxpool", 12, 80), ("div", 28, 250), ("exp", 18, 190),
        ("log", 28, 260), ("sqrt", 30, 310), ("sigmoid", 34, 300),
    ],
)  # fmt: skip
def test_every_operation_is_at_or_below_the_best_that_peers_reach(op, rounds, size):
    for n in (999, 100_000):
        found = OPERATIONS[op].cost(WIDE, n)
        assert found.rounds <= rounds
        assert found.bytes / 3 / n <= size
        assert max(found.sent) <= 1.1 * found.bytes / 3


def test_low_round_variants_reach_theirs():
    fast = Setting(comparison="masked", radix=2)
    for op, rounds, size in (("relu", 4, 30), ("maxpool", 8, 90)):
        found = OPERATIONS[op].cost(fast, 1000)
        assert found.rounds <= rounds
        assert found.bytes / 3 / 1000 <= size


def test_no_operation_is_without_a_formula():
    assert set(OPERATIONS) == set(microbench.OPERATIONS)


def test_local_is_what_no_bits_cost():
    assert boolean.prefix_ands(8, 1) == LOCAL
    assert boolean.all_of(8, 2) == exchange(1)
