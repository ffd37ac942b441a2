"""Boosted trees on shares are those of the clear, node by node and step by step, whatever the table."""

import os

import numpy as np
import pytest
from harness import WIDE, opened, over, run

from mpcsim import InputError
from protocols.boosting import FINE, STEP, Boosting, boost, check, logistic_curve, raw_scores
from protocols.domains import Ring
from protocols.replicated3.sharings import Choices
from scenarios.clear import boosted as clear

FEWEST = Choices("masked", radix=2, select="one_round")
FIXED = Choices(rotate=False)


def table(seed, rows, attributes, classes, spread):
    """Draw values, of which few are different where the spread is small, and targets that follow them."""
    rng = np.random.default_rng(seed)
    values = rng.integers(-spread, spread, (attributes, rows), endpoint=True)
    noisy = values.sum(0) + rng.normal(size=rows) * spread / 2
    if classes:
        return values, (noisy > 0).astype(np.int64) << FINE
    return values, np.rint(noisy / max(1, np.abs(noisy).max()) * 2 ** (FINE - 1)).astype(np.int64)


def grown(values, targets, shape, choices=None, ring=WIDE):
    """Return base, trees (tests, attributes, twice, leaves) and raw scores of the same rows, opened."""

    async def protocol(server, values, targets):
        found = await boost(server, values, targets, shape)
        raw = await raw_scores(server, found.base, found.trees, values, shape.value_bits)
        return found, raw

    result = run(protocol, values, targets, ring=ring, choices=choices)

    def of(read):
        return opened([read(found) for found, _ in result.servers], ring)

    trees = []
    for t in range(shape.trees):
        tests, attributes, twice = [], [], []
        for d in range(shape.height):
            tests += of(lambda one, t=t, d=d: one.trees[t].levels[d].tests).tolist()
            attributes += of(lambda one, t=t, d=d: one.trees[t].levels[d].attributes).argmax(1).tolist()
            twice += of(lambda one, t=t, d=d: one.trees[t].levels[d].twice).tolist()
        trees.append((tests, attributes, twice, of(lambda one, t=t: one.trees[t].leaves)))
    return of(lambda one: one.base), trees, opened([raw for _, raw in result.servers], ring)


def equal(found, wanted, values):
    base, trees, raw = found
    assert base.tolist() == [wanted.base]
    for (tests, attributes, twice, leaves), tree in zip(trees, wanted.trees, strict=True):
        np.testing.assert_array_equal(tests, tree.tests)
        np.testing.assert_array_equal(attributes, tree.attributes)
        np.testing.assert_array_equal(twice, tree.twice)
        np.testing.assert_array_equal(leaves, tree.leaves)
    np.testing.assert_array_equal(raw, wanted.raw_scores(values))


CASES = [
    # rows, attributes, height, trees, bins, spread
    (2, 1, 1, 1, 2, 3),
    (3, 2, 2, 2, 3, 1),
    (9, 3, 3, 2, 4, 2),
    (40, 4, 2, 2, 6, 30),
    (37, 2, 3, 1, 16, 3),
]


@pytest.mark.parametrize(("rows", "attributes", "height", "trees", "bins", "spread"), CASES)
@pytest.mark.parametrize("classes", [True, False], ids=["classes", "targets"])
def test_boosted_trees_are_those_of_the_clear(rows, attributes, height, trees, bins, spread, classes):
    shape = Boosting(rows, attributes, height, 8, trees, bins, classes=classes)
    values, targets = table(rows, rows, attributes, classes, spread)
    wanted = clear.boost(values, targets, shape, shape.residual_bits(WIDE))
    equal(grown(values, targets, shape), wanted, values)


@over("choices", [FEWEST, FIXED])
def test_they_are_with_other_choices(choices):
    shape = Boosting(30, 3, 2, 8, 2, 6, shrinkage=1024, penalty=3, least_rows=4, digit=4)
    values, targets = table(1, 30, 3, True, 9)
    wanted = clear.boost(values, targets, shape, shape.residual_bits(WIDE))
    assert any(tree.tests.any() for tree in wanted.trees)
    equal(grown(values, targets, shape, choices), wanted, values)


def test_they_are_where_no_test_is_left_and_where_steps_are_cut():
    shape = Boosting(12, 2, 2, 8, 2, 4, shrinkage=1024)
    flat = np.full((2, 12), -7)
    targets = (np.arange(12) % 2).astype(np.int64) << FINE
    wanted = clear.boost(flat, targets, shape, shape.residual_bits(WIDE))
    assert not any(tree.tests.any() for tree in wanted.trees)
    equal(grown(flat, targets, shape), wanted, flat)


@over("choices", [Choices(), FEWEST] if "MPCSIM_LONG" in os.environ else [FEWEST])
@pytest.mark.parametrize("penalty", [30_000] + ([3_000_000] if "MPCSIM_LONG" in os.environ else []))
def test_they_are_where_products_take_two_words(penalty, choices):
    """A large penalty is as large as many rows: scores are compared mod 2^65 to 2^128."""
    shape = Boosting(30, 2, 2, 8, 1, 5, penalty=penalty, shrinkage=1024)
    assert 64 < shape.cross_bits(WIDE) <= 128
    values, targets = table(4, 30, 2, True, 20)
    wanted = clear.boost(values, targets, shape, shape.residual_bits(WIDE))
    assert any(tree.tests.any() for tree in wanted.trees)
    equal(grown(values, targets, shape, choices), wanted, values)


@pytest.mark.parametrize("rows", [2, 426, 1000, 1500, 5000, 100_000, 400_000])
def test_numbers_fit_their_words_whatever_the_rows(rows):
    """N and N·D′ at their largest, for residuals of 1 and sides of half the rows."""
    shape = Boosting(rows, 3, 3, 31, 2, 2)
    check(shape, WIDE)
    bits, side = shape.residual_bits(WIDE), rows // 2 + 1
    score = (rows * (rows + 2) ** 2 // 4) << 2 * bits
    assert score < 2**62
    assert score * side**2 < 2 ** (shape.cross_bits(WIDE) - 1)
    assert bits >= (11 if rows <= 426 else 8 if rows <= 5000 else 4)


def test_a_narrower_ring_leaves_residuals_fewer_bits():
    ring, shape = Ring(56, 8, 20), Boosting(30, 2, 2, 8, 2, 4)
    assert shape.residual_bits(ring) < shape.residual_bits(WIDE) == 12 or shape.residual_bits(ring) == 12
    values, targets = table(2, 30, 2, True, 20)
    wanted = clear.boost(values, targets, shape, shape.residual_bits(ring))
    equal(grown(values, targets, shape, ring=ring), wanted, values)


def test_pieces_follow_the_logistic_curve():
    curve = logistic_curve()
    x = np.arange(-12 << STEP, 12 << STEP, 7)
    piece = np.searchsorted(curve.knots, x, side="right")
    exact = 1 / (1 + np.exp(-x / 2**STEP))
    for pieces, wanted in ((curve.probability, exact), (curve.curvature, exact * (1 - exact))):
        found = (pieces[piece, 0] + pieces[piece, 1] * x) / 2**FINE
        assert np.abs(found - wanted).max() < 0.0021
        assert found.min() > 0


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"height": 11}, r"trees\.height = 11"),
        ({"rows": 1, "bins": 2}, "at least 2 rows"),
        ({"bins": 1}, r"trees\.bins = 1: accepted are 2 to the 40 rows"),
        ({"bins": 41}, r"trees\.bins = 41"),
        ({"least_rows": 41}, r"trees\.least_rows = 41"),
        ({"shrinkage": 0}, r"trees\.shrinkage = 0"),
        ({"shrinkage": 1025}, r"trees\.shrinkage = 1\.0"),
        ({"penalty": 0}, r"trees\.penalty = 0"),
        ({"trees": 0}, "0 boosted trees"),
        ({"rows": 600_000}, "leave residuals 3 bits: the ring's 64 must leave 4"),
        ({"value_bits": 62}, "numbers of 66 bits: the ring has 64"),
        ({"value_bits": 1}, "values of 1 bits"),
    ],
)
def test_what_is_no_sum_of_trees_is_refused(change, named):
    sizes = {"rows": 40, "attributes": 2, "height": 2, "value_bits": 8, "trees": 2, "bins": 4}
    with pytest.raises(InputError, match=named):
        check(Boosting(**(sizes | change)), WIDE)
