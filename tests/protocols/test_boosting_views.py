"""Nothing of boosted trees shows while they grow: views by enumeration, opened orders, messages."""

import types
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from tapes import Case, ToyRing, share
from test_opened_orders import distance
from test_tables import dealt, run
from test_tree_views import FIXED, known, worst
from test_uniform_messages import FAR

from protocols import kernels
from protocols.boosting import Boosting, boost, raw_scores
from protocols.boosting.bins import bins_of
from protocols.boosting.splits import less
from protocols.replicated3.sharings import Choices, Share
from protocols.tables import Shuffle
from protocols.trees import Level, Tree

TABLES, ROWS = 6000, 3


async def _compared(server, score, base, other_score, other_base):
    one, other = (
        Share(server.kernels.stack([x.a, y.a], 0), server.kernels.stack([x.b, y.b], 0))
        for x, y in ((score, base), (other_score, other_base))
    )
    return await less(server, one, other, 2)


COMPARED = Case(
    "cross product of few bits",
    _compared,
    (share(2), share(2), share(2), share(2)),
    ToyRing(2, 0, 2),
    Choices(radix=1, rotate=False),
    secrets=((0, 0, 0, 0), (1, 1, 0, 1), (0, 1, 1, 1), (3, 1, 2, 3)),
)


def test_no_view_of_a_comparison_of_candidates_depends_on_them():
    assert COMPARED.leaks(sampled=True) == set()


def test_a_comparison_of_candidates_whose_products_are_not_masked_is_found():
    dropped = frozenset((key, "product") for key in (0, 1))
    assert COMPARED.broken(dropped=dropped).leaks(sampled=True) == {1, 2}


def opened(row):
    """Return the orders of all attributes, one number each, that server 0 sees opened by bins."""
    shape, seen = Boosting(ROWS, TABLES, 1, 8, 1, 3), []

    def noted(words, bits):
        order = kernels.as_order(words, bits)
        if order.size == TABLES * ROWS:
            seen.append(order.reshape(TABLES, ROWS) @ np.array([9, 3, 1]))
        return order

    async def counted(server, x):
        if server.party.id == 0:
            own = types.SimpleNamespace(**vars(kernels) | {"as_order": noted})
            server = replace(server, kernels=own)
        await bins_of(server, x, shape)

    values = np.broadcast_to(np.array(row), (TABLES, ROWS))
    run(counted, dealt(values, 64), choices=FIXED)
    return seen


@pytest.mark.parametrize("row", [(5, 5, 5), (3, 1, 2)], ids=["ties", "all different"])
def test_orders_that_bins_open_are_uniform_and_independent(row):
    orders = opened(row)
    assert len(orders) >= 7  # the sort's passes, values in order, firsts there and back, bins back
    for one in orders:
        assert distance(one, 6) < FAR
    for one, other in pairwise(orders):
        assert distance(27 * one + other, 36) < FAR


def test_an_order_of_bins_that_is_not_shuffled_is_found(monkeypatch):
    def straight(seat, shape):
        held = ((0, 1), (1, 2), (2, 0))[seat.role]
        rows = np.broadcast_to(np.arange(shape[-1]), shape)
        return Shuffle(*(rows if key in held else None for key in (1, 0, 2)))

    monkeypatch.setattr("protocols.tables.orders.draw_shuffle", straight)
    assert max(distance(one, 6) for one in opened((3, 1, 2))) > 100


@pytest.mark.parametrize("classes", [True, False], ids=["classes", "targets"])
def test_messages_of_a_training_are_uniform_bytes(classes):
    async def protocol(server):
        shape = Boosting(300, 2, 2, 31, 1, 8, classes=classes, least_rows=2)
        await boost(server, known(server, 2, 300), known(server, 300), shape)

    assert worst(protocol) < FAR


def test_messages_of_answers_are_uniform_bytes():
    async def protocol(server):
        levels = [
            Level(known(server, 1 << d), known(server, 1 << d, 2), known(server, 1 << d)) for d in range(2)
        ]
        trees = [Tree(tuple(levels), known(server, 4, 1))] * 2
        await raw_scores(server, known(server, 1), trees, known(server, 2, 3000), 31)

    assert worst(protocol) < FAR
