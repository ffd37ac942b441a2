"""Formulas of boosted trees against the measurement, to the byte of each server and to the round."""

import os

import numpy as np
import pytest
from test_costs_trees import CHOICES, cost_of, measured, nothing, same, setting_of

from analysis.costs import boosting
from analysis.costs.algebra import sequence
from mpcsim.paths import in_text
from protocols.boosting import Boosting, boost, logistic_curve, raw_scores
from protocols.replicated3.sharings import Choices
from protocols.trees import Level, Tree


def formula_of(shape):
    """Return what the formulas know of a shape."""
    return boosting.Boosting(
        shape.rows, shape.attributes, shape.height, shape.trees, shape.value_bits, shape.bins,
        shape.penalty, shape.classes, shape.least_rows, shape.digit,
    )  # fmt: skip


SIZES = [
    Boosting(2, 1, 1, 12, 1, 2),
    Boosting(3, 2, 2, 31, 2, 3, classes=False),
    Boosting(17, 5, 3, 12, 2, 4, penalty=7, digit=4),
    Boosting(33, 3, 2, 20, 1, 16, least_rows=3),
    Boosting(2000, 2, 2, 31, 1, 3),
]
if "MPCSIM_LONG" in os.environ:
    SIZES += [Boosting(40, 1, 4, 12, 1, 9, classes=False, digit=8), Boosting(500, 3, 1, 31, 1, 5)]
SMALL = Boosting(13, 3, 2, 12, 1, 4, penalty=2, least_rows=2)
WIDELY = Boosting(12, 2, 1, 12, 1, 3, penalty=30_000)


def named(shape):
    kind = "classes" if shape.classes else "targets"
    return f"{shape.rows}x{shape.attributes}x{shape.height}, {shape.bins} bins, {kind}"


def boosted(shape):
    async def protocol(server):
        values = nothing(server, shape.attributes, shape.rows)
        await boost(server, values, nothing(server, shape.rows), shape)

    return protocol


@pytest.mark.parametrize("shape", SIZES, ids=named)
def test_a_training_costs_what_the_formulas_say_and_so_does_each_span_of_it(shape):
    run, growth, setting = measured(boosted(shape)), formula_of(shape), setting_of(Choices())
    same(run, boosting.grow(setting, growth))
    found = {path[1:]: span for path, span in spans_of(run).items()}
    sent = {path: cost.sent for path, cost in boosting.spans(setting, growth).items()}
    assert {in_text(path): cost_of(found[path])[1] for path in sent} == {
        in_text(path): size for path, size in sent.items()
    }


def spans_of(run):
    """Return the spans of a run by path."""
    return {span.path: span for span in run.spans}


@pytest.mark.parametrize("choices", CHOICES.values(), ids=CHOICES)
@pytest.mark.parametrize("shape", [SMALL, WIDELY], ids=named)
def test_every_choice_has_its_formula(shape, choices):
    same(measured(boosted(shape), choices), boosting.grow(setting_of(choices), formula_of(shape)))


@pytest.mark.parametrize("rows", [1, 9])
def test_answers_cost_what_the_formula_says(rows):
    shape = SIZES[2]

    async def protocol(server):
        levels = tuple(
            Level(
                nothing(server, 1 << d), nothing(server, 1 << d, shape.attributes), nothing(server, 1 << d)
            )
            for d in range(shape.height)
        )
        tree = Tree(levels, nothing(server, 1 << shape.height, 1))
        values = nothing(server, shape.attributes, rows)
        await raw_scores(server, nothing(server, 1), [tree] * shape.trees, values, shape.value_bits)

    same(measured(protocol), boosting.raw_scores(setting_of(Choices()), rows, formula_of(shape)))


def test_the_curve_has_as_many_knots_as_the_formulas_say():
    assert len(logistic_curve().knots) == boosting.KNOTS


def test_a_tree_costs_the_same_whatever_came_before_it_but_for_the_bits_of_raw_scores():
    setting = setting_of(Choices())

    def sent(count):
        shape = boosting.Boosting(426, 30, 3, count, 31, 16, 1)
        return np.array(boosting.grow(setting, shape).sent)

    assert (sent(6) - sent(5) == sent(7) - sent(6)).all()  # 4·(T + 1) + 8 has as many bits
    one = boosting.Boosting(426, 30, 3, 6, 31, 16, 1)
    each = sequence(*boosting.tree(setting, one).values())
    assert (sent(6) - sent(5) == np.array(each.sent)).all()
