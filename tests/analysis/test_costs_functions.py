"""Formulas of conversions and functions: small cases by hand, and the numbers behind them."""

import math

import pytest

from analysis.costs.algebra import LOCAL, exchange, messages, sequence
from analysis.costs.replicated3 import boolean, conversions, functions, halves, precision, truncations
from analysis.costs.replicated3.catalogue import OPERATIONS
from analysis.costs.replicated3.setting import Setting
from scenarios.probes import microbench

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


@pytest.mark.parametrize(
    ("ring", "L", "g", "guard", "apart", "steps"),
    [
        ((64, 16, 31), 64, 20, 3, None, 2),
        ((32, 8, 20), 37, 12, 3, None, 2),  # 20 + 3 + 12 and the margin of 2
        ((64, 24, 32), 64, 28, 2, None, 3),  # 30 bits for guard and g
        ((64, 20, 40), 64, 24, 1, 21, 3),  # 22 bits: one is guard, so that 1/x of 24 bits comes first
    ],
)
def test_a_division_has_what_its_last_product_leaves(ring, L, g, guard, apart, steps):
    found = precision.quotient(Setting(*ring))
    assert (found.L, found.near.g, found.guard, found.apart, found.near.steps) == (
        L,
        g,
        guard,
        apart,
        steps,
    )


@pytest.mark.parametrize(
    ("name", "ring", "L", "g", "degree"),
    [
        ("log", (64, 16, 31), 64, 20, 5),
        ("log", (32, 13, 18), 37, 17, 5),  # two factors of 17 and the margin of 3
        ("log", (64, 24, 32), 64, 28, 8),
        ("sqrt", (64, 20, 40), 64, 24, 8),  # degree 5 is within 2^−19.21
        ("rsqrt", (64, 16, 47), 64, 20, 5),
        ("rsqrt", (64, 24, 39), 64, 25, 8),  # a magnitude of 36 bits leaves 28 − 3
    ],
)
def test_a_polynomial_has_what_products_leave(name, ring, L, g, degree):
    found = precision.curve(Setting(*ring), name)
    assert (found.L, found.g, found.degree) == (L, g, degree)


def test_iterations_square_and_halve_the_error_until_it_is_small():
    assert precision.iterations(0.01, 14) == 1  # 0.01² / 2 = 2^−14.3
    assert precision.iterations(0.01, 15) == 2
    for error in (0.999, 0.9, 0.5, 0.07, 0.001):
        for bits in (5, 9, 17, 25):
            e, left = [error * (i / 500 - 1) for i in range(1001)], error
            for _ in range(precision.iterations(error, bits)):
                kappa = 2 * (math.hypot(2 - left, left) - (2 - left))
                e, left = [one * (one + kappa) - kappa for one in e], kappa + kappa**2 / 4
            assert max(map(abs, e)) <= 2.0**-bits * (1 + 1e-9)


@pytest.mark.parametrize(
    ("low", "high"), [(0.5, 1.0), (0.5, 1.25), *((2.0**-d, 1.0) for d in range(1, 11))]
)
def test_the_error_of_a_line_is_the_least_that_an_integer_slope_allows(low, high):
    places = [low + (high - low) * i / 500 for i in range(501)]

    def worst(slope, offset):
        return max(abs(1 - x * (offset - slope * x)) for x in places)

    tried = [worst(slope, slope * i / 200) for slope in range(1, 9) for i in range(200, 601)]
    assert precision.line_error(low, high) <= min(tried) * (1 + 1e-9)
    assert precision.line_error(low, high) >= min(tried) * 0.97


@pytest.mark.parametrize("ring", [(64, 16, 31), (32, 8, 20), (64, 24, 32), (32, 13, 18), (64, 16, 47)])
def test_the_window_of_an_exponential_reaches_from_half_a_unit_to_the_bound(ring):
    setting = Setting(*ring)
    found = precision.exponential(setting)
    doublings = setting.V - 1 - setting.f
    reach = (found.places - 1) * 2**found.step
    assert math.exp(reach) >= 2.0**doublings * 2.0 ** (setting.f + 1)
    assert found.fraction + doublings <= found.L - 3


def test_a_window_of_few_wide_steps_costs_less_than_one_of_many():
    found = precision.exponential(WIDE)
    assert (found.places, 2**found.step) == (4, 8)  # 21.5 = (14 + 17) ln 2 in three steps of 8
    assert found.fraction == 2 * 17 + math.ceil(8 * math.log2(math.e))
    assert precision.exponential(Setting(64, 16, 47)).places == 64  # no bits to spare for wider steps


def test_the_reciprocal_of_a_softmax_is_normalised_where_its_factors_do_not_fit_a_word():
    for ring, classes, g, normalised in [
        ((64, 16, 31), 10, 26, False),  # 16 + 2 · 4 + 2
        ((64, 16, 31), 1024, 28, False),  # cut from 38
        ((64, 24, 32), 10, 28, True),  # 24 + 4
        ((64, 24, 32), 3, 28, False),  # cut from 30
    ]:
        found = precision.softmax(Setting(*ring), classes)
        assert (found.near.g, found.normalised) == (g, normalised)


# Functions


def test_division_of_one_value_by_hand():
    found = functions.divide(_plain(l=32, f=8, V=20), 1)
    bits = 20 + 2 * (9 + 9 + 8 + 8 + 3) - 18  # generates of 20 bits; prefix carries over 19
    leading = 9 + 9 + 8 + 8  # and 3 of the last layer
    products = 2 + 2 + 2 + 1  # normalise; first; one of two iterations; the last
    wraps = (1 + 1) + (2 + 2) + (2 + 2) + 2  # bytes of shifts by 7 and 8; 12; 12; 15 bits
    word, lifts = 5, 2  # bytes of 37 bits; of a and b from 32 to 37 bits, a byte a message
    assert found.sent[0] == (
        bits + leading + 32 * 37 // 8 + word + lifts * (2 + word) + word * products + wraps
    )
    assert found.sent[1] == found.sent[2] == bits + leading + 3 + word + lifts + word * products + wraps
    assert found.rounds == (2 + 5) + 5 + 1 + 4 * 2  # bits; leading; what is looked up; products


def test_a_reciprocal_reads_its_numerator_where_a_division_multiplies_it():
    division, inverse = (OPERATIONS[op].cost(_plain(), 8) for op in ("div", "reciprocal"))
    assert division.rounds == inverse.rounds
    product = 3 * 8 * 8 + 3 * 11  # 8 values; a shift of 30 − 16 − 3 bits
    table = 2 * 8 * 8 + 8 * 8
    assert division.bytes - inverse.bytes == product - table


@pytest.mark.parametrize(
    ("degree", "products", "linear", "rounds"), [(5, 3, 1, 6), (8, 4, 1, 8), (11, 5, 2, 8)]
)
def test_polynomials_by_hand(degree, products, linear, rounds):
    found = functions.polynomial(_plain(), 8, degree, 24, 8)
    others = products * (64 + 24) + 8 + linear * 24  # 8 values; the last product is cut by 8 bits more
    assert found.sent == (others + linear * 64, others, others)
    assert found.rounds == rounds


def test_a_polynomial_of_degree_two_is_a_square_and_then_linear():
    found = functions.polynomial(_plain(), 8, 2, 24, 8)
    assert found.sent == (64 + 24 + 2 * 32 + 64, 64 + 24 + 32, 64 + 24 + 32)
    assert found.rounds == 3


def test_a_table_in_place_of_a_polynomial_lowers_rounds_or_bytes_but_not_both():
    """What docs/constructions.md, "Logarithm and roots", says of the alternatives."""
    near, values = Setting(l=24, f=16, V=20), 240
    product = functions.product(WIDE, values, 20)

    def found(entries, tables, products):
        table = functions.look_up(near, values, entries, tables)
        cost = sequence(table, halves.to_share(WIDE, values), *[product] * products)
        return int(cost.rounds), round(cost.bytes / 3 / values)

    polynomial = functions.polynomial(WIDE, values, precision.curve(WIDE, "log").degree, 20, 4)
    assert (int(polynomial.rounds), round(polynomial.bytes / 3 / values)) == (6, 37)
    assert [found(64, 2, 1), found(128, 2, 1)] == [(4, 81), (4, 145)]
    assert found(32, 1, 3) == (8, 68)


def test_means_by_hand():
    assert functions.average(_plain(), 8, {1}) == LOCAL
    exact = functions.average(_plain(), 8, {4})
    assert exact.sent == (2 * 2 + 64, 2, 2)
    assert functions.average(_plain(), 8, {4, 2}).sent == exact.sent
    assert functions.average(_plain(), 8, {4, 9}).sent == (2 * 15 + 64, 15, 15)
    assert exact.rounds == 1
    narrow = functions.average(_plain(l=16, f=8, V=10), 8, {9})  # 10 + 9 + 2 bits are needed
    assert narrow.sent == (2 * 5 + 2 * 9 + 16, 5 + 9, 5 + 9)
    assert narrow.rounds == 2


@pytest.mark.parametrize("op", ["div", "sqrt", "log", "exp", "sigmoid", "softmax"])
def test_functions_truncate_safely_whatever_the_choice(op):
    safe, fused = (OPERATIONS[op].cost(_plain(truncation=name), 8) for name in ("safe", "fused"))
    assert safe == fused


def test_the_shifts_of_goldschmidt_by_hand():
    # 27 fraction bits, 20 between three iterations: 8 values take 8 bytes a bit of a shift
    near = precision.Convergence(27, 20, 3)
    found = functions.goldschmidt(_plain(), 8, near, 15, numerator=False)
    products, shifts = 1 + 2 * 2 + 1, 27 + (27 + 7 + 27) + (27 + 27) + (27 + 20 - 15)
    assert found.bytes == 3 * (products * 8 * 8 + shifts)
    beside = functions.goldschmidt(_plain(), 8, near, 15, numerator=True)
    assert beside.bytes == 3 * ((products + 1) * 8 * 8 + shifts + 27 - 7)
    assert found.rounds == beside.rounds == 2 * (1 + 3)


@pytest.mark.parametrize("rows", [24, 240])
def test_rounds_of_functions_do_not_grow_with_the_values(rows):
    for op in ("div", "log", "sqrt", "exp", "sigmoid", "softmax"):
        assert OPERATIONS[op].cost(WIDE, rows).rounds == OPERATIONS[op].cost(WIDE, 3).rounds


# Ceilings


@pytest.mark.parametrize(
    ("op", "rounds", "size"),
    [
        ("compare", 6, 21), ("relu", 6, 27), ("maxpool", 12, 80), ("div", 21, 192), ("exp", 5, 46),
        ("log", 21, 180), ("sqrt", 23, 190), ("sigmoid", 17, 115),
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
