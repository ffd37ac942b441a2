"""Trees on shares are the exact tree of a recursion in the clear, node by node."""

import os
from fractions import Fraction

import numpy as np
import pytest
from harness import WIDE, opened, run

from mpcsim import InputError
from protocols.domains import Ring
from protocols.replicated3.sharings import Choices
from protocols.trees import GAIN_BITS, Shape, Statistics, check, grow
from scenarios.clear import trees as clear
from scenarios.trees import target_bits

LONG = bool(os.environ.get("MPCSIM_LONG"))
CHOICES = [Choices(), Choices("masked", radix=2, select="one_round")]


def in_turns(cases):
    """Return cases with choices: all with MPCSIM_LONG=1, else each case with one of them, in turns."""
    turns = [CHOICES if LONG else [CHOICES[place % len(CHOICES)]] for place in range(len(cases))]
    return [(*case, one) for case, chosen in zip(cases, turns, strict=True) for one in chosen]


def table(rng, rows, attributes, columns, spread=20, bits=0):
    values = rng.integers(-spread, spread, (attributes, rows), endpoint=True)
    if bits:
        return values, rng.integers(-(2**bits) + 1, 2**bits, (1, rows))
    return values, np.eye(columns, dtype=np.int64)[rng.integers(0, columns, rows)].T


def grown(values, statistics, shape, choices=None, ring=WIDE):
    """Return the opened tree as one of the clear, and the result."""

    async def protocol(server, values, statistics):
        return await grow(server, values, statistics, shape)

    result = run(protocol, values, statistics, ring=ring, choices=choices)
    one = result.servers
    tests, attributes, twice = [], [], []
    for depth in range(shape.height):
        levels = [tree.levels[depth] for tree in one]
        tests += opened([level.tests for level in levels], ring).tolist()
        hot = opened([level.attributes for level in levels], ring)
        assert set(hot.sum(1)) <= {0, 1}
        attributes += hot.argmax(1).tolist()
        twice += opened([level.twice for level in levels], ring).tolist()
    leaves = opened([tree.leaves for tree in one], ring)
    found = clear.ClearTree(np.array(tests, bool), np.array(attributes), np.array(twice), leaves)
    return found, result


def same(found, wanted):
    for name in ("tests", "attributes", "twice", "leaves"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name), name)


@pytest.mark.parametrize(
    ("rows", "attributes", "columns", "height", "choices"),
    in_turns(
        [(1, 1, 1, 1), (1, 2, 2, 2), (2, 1, 2, 1), (3, 2, 2, 3), (7, 3, 3, 2), (16, 1, 2, 4), (33, 5, 4, 3)]
    ),
)
def test_a_tree_of_classes_is_the_one_of_the_clear(rows, attributes, columns, height, choices):
    for seed in range(2):
        values, statistics = table(np.random.default_rng(seed), rows, attributes, columns, 4 + 20 * seed)
        shape = Shape(rows, attributes, Statistics(columns), height, 8)
        found, _ = grown(values, statistics, shape, choices)
        same(found, clear.grow(values, statistics, height))


@pytest.mark.parametrize(("rows", "height"), [(1, 5), (2, 6), (5, 6)])
def test_a_tree_may_have_many_more_slots_than_rows(rows, height):
    values, statistics = table(np.random.default_rng(rows), rows, 2, 2)
    shape = Shape(rows, 2, Statistics(2), height, 8)
    same(grown(values, statistics, shape)[0], clear.grow(values, statistics, height))


def test_a_tree_of_targets_is_the_one_of_the_clear():
    for seed, rows in enumerate([1, 2, 9, 30]):
        values, statistics = table(np.random.default_rng(seed), rows, 3, 1, bits=6)
        shape = Shape(rows, 3, Statistics(1, classes=False, bits=6), 3, 8)
        found, _ = grown(values, statistics, shape)
        same(found, clear.grow(values, statistics, 3, classes=False))


@pytest.mark.parametrize(
    ("rows", "bits", "gain", "choices"),
    in_turns([(40, 20, 0), (200, 20, 0), (61, 21, Fraction(1, 40))]),
)
def test_scores_that_64_bits_do_not_hold_are_compared_exactly(rows, bits, gain, choices):
    values, statistics = table(np.random.default_rng(rows), rows, 3, 1, bits=bits)
    statistics = np.where(values[0] > 0, np.abs(statistics), -np.abs(statistics))
    shape = Shape(rows, 3, Statistics(1, classes=False, bits=bits), 3, 8, least_gain=Fraction(gain))
    assert min(shape.cross_bits, shape.gain_bits) > WIDE.bits
    found, _ = grown(values, statistics, shape, choices)
    asked = Fraction(shape.gain, rows << (GAIN_BITS + 2 * bits))
    same(found, clear.grow(values, statistics, 3, classes=False, least_gain=asked, scale=1 << bits))
    assert found.tests.any()


def test_a_table_of_many_rows_grows_the_tree_of_the_clear():
    rows = 8192  # the first whose scores take more than 64 bits
    values, statistics = table(np.random.default_rng(1), rows, 2, 2, 3000)
    shape = Shape(rows, 2, Statistics(2), 1, 16)
    assert shape.cross_bits > WIDE.bits
    same(grown(values, statistics, shape)[0], clear.grow(values, statistics, 1))


@pytest.mark.skipif("MPCSIM_LONG" not in os.environ, reason="8 192 rows; the bits of every size are below")
def test_targets_of_many_rows_keep_the_bits_that_a_word_has_room_for():
    rows = 8192  # the first whose scores leave 11 bits
    values, statistics = table(np.random.default_rng(1), rows, 1, 1, 3000, bits=target_bits(rows))
    shape = Shape(rows, 1, Statistics(1, False, target_bits(rows)), 1, 16)
    same(grown(values, statistics, shape)[0], clear.grow(values, statistics, 1, classes=False))


@pytest.mark.parametrize("power", range(18))
def test_targets_have_room_in_every_table_that_is_accepted(power):
    for rows in (1 << power, (2 << power) - 1):
        check(Shape(rows, 30, Statistics(1, False, target_bits(rows)), 10, 31), WIDE)


def test_targets_of_more_rows_are_refused():
    rows = 1 << 18
    with pytest.raises(InputError, match="at most 262143 rows"):
        check(Shape(rows, 1, Statistics(1, False, target_bits(rows)), 1, 8), WIDE)


@pytest.mark.parametrize(
    ("shape", "ring", "found"),
    [
        (Shape(2**21, 1, Statistics(2), 1, 8), WIDE, "at most 2097151 rows"),
        (Shape(8192, 1, Statistics(1, False, 12), 1, 8), WIDE, "at most 8191 rows"),
        (
            Shape(1000, 30, Statistics(2), 1, 8),
            Ring(48, 8, 20),
            "the ring has 48; accepted: ring.bits = 64",
        ),
    ],
    ids=["classes", "targets", "a narrow ring"],
)
def test_scores_that_no_word_holds_are_refused_with_what_is_accepted(shape, ring, found):
    with pytest.raises(InputError, match=found):
        check(shape, ring)


@pytest.mark.parametrize(
    "size", [Shape(2**21 - 1, 30, Statistics(2), 10, 31), Shape(8191, 9, Statistics(1, False, 12), 9, 8)]
)
def test_the_largest_tables_are_accepted(size):
    check(size, WIDE)


@pytest.mark.parametrize(("least_rows", "least_gain"), [(3, 0), (1, Fraction(1, 20)), (10, 0), (30, 0)])
def test_sides_have_enough_rows_and_tests_gain_enough(least_rows, least_gain):
    values, statistics = table(np.random.default_rng(least_rows), 40, 3, 3)
    shape = Shape(40, 3, Statistics(3), 3, 8, least_rows, Fraction(least_gain))
    found, _ = grown(values, statistics, shape)
    wanted = clear.grow(values, statistics, 3, least_rows=least_rows, least_gain=Fraction(least_gain))
    same(found, wanted)
    assert wanted.tests.sum() < 7


def test_rows_that_are_all_alike_are_divided_by_nothing():
    values, statistics = np.full((2, 12), -5), np.eye(2, dtype=np.int64)[np.arange(12) % 2].T
    found, _ = grown(values, statistics, Shape(12, 2, Statistics(2), 2, 8))
    assert not found.tests.any()
    np.testing.assert_array_equal(found.leaves, [[6, 6], [0, 0], [0, 0], [0, 0]])
