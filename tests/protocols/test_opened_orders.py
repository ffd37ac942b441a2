"""Orders that sorts, groups and joins open are uniform, and independent of one another, whatever the data.

The messages around them are held by `test_table_views`. Here whole protocols run on thousands of tables of
three rows side by side, and every order that a server sees opened is counted.
"""

import types
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from test_tables import dealt, run

from protocols import kernels
from protocols.replicated3.sharings import Choices
from protocols.tables import (
    Column,
    apply_order,
    by_halves,
    draw_shuffle,
    group_maxima,
    group_sums,
    invert,
    join,
    shuffle,
    spread_first,
    top,
)
from protocols.tables.orders import numbers

TABLES, ROWS = 6000, 3


async def _sums(server, x):
    await group_sums(by_halves(server), x, [x], 4)


async def _maxima(server, x):
    await group_maxima(by_halves(server), x, x, 4, 4)


async def _top(server, x):
    await top(by_halves(server), x, 2, 4)


async def _spread(server, x):
    await spread_first(by_halves(server), x, [x])


async def _join(server, x):
    await join(by_halves(server), x[:, :1], x[:, 1:], [x[:, 1:]], 4)


PROTOCOLS = {"sums": _sums, "maxima": _maxima, "top": _top, "spread": _spread, "join": _join}


def opened(protocol, row):
    """Return the orders that server 0 sees opened, one number of 0 … 26 for each table."""
    seen = []

    def noted(words, bits):
        order = kernels.as_order(words, bits)
        seen.append(order.reshape(-1, ROWS) @ np.array([9, 3, 1]))
        return order

    async def counted(server, x):
        if server.party.id == 0:
            own = types.SimpleNamespace(**vars(kernels) | {"as_order": noted})
            server = replace(server, kernels=own)
        await protocol(server, x)

    values = np.broadcast_to(np.array(row), (TABLES, ROWS))
    run(counted, dealt(values, 64), choices=Choices(rotate=False))
    return seen


def distance(cells, count):
    """Return chi-square against the uniform distribution, in deviations from what it should be."""
    _, found = np.unique(cells, return_counts=True)
    want = TABLES / count
    square = ((found - want) ** 2 / want).sum() + (count - len(found)) * want
    return (square - (count - 1)) / np.sqrt(2 * (count - 1))


@pytest.mark.parametrize("row", [(0, 0, 0), (0, 1, 1)])
@pytest.mark.parametrize("name", PROTOCOLS)
def test_opened_orders_are_uniform_and_independent(name, row):
    orders = opened(PROTOCOLS[name], row)
    assert len(orders) >= 2
    for one in orders:
        assert distance(one, 6) < 6
    for one, other in pairwise(orders):
        assert distance(27 * one + other, 36) < 6


def test_one_shuffle_for_two_orders_is_found(monkeypatch):
    kept = {}

    def again(seat, shape):
        return kept.setdefault(seat.server.party.id, draw_shuffle(seat, shape))

    async def applied_twice(server, x):
        order = await invert(server, numbers(server, x.shape))
        for _ in range(2):
            await apply_order(server, order, [Column(x, 64)])

    assert all(distance(27 * a + b, 36) < 6 for a, b in pairwise(opened(applied_twice, (0, 1, 1))))
    monkeypatch.setattr("protocols.tables.orders.draw_shuffle", again)
    first, second, third = opened(applied_twice, (0, 1, 1))
    assert max(distance(one, 6) for one in (first, second, third)) < 6
    assert distance(27 * second + third, 36) > 100


def test_a_shuffle_alone_opens_nothing():
    async def moved(server, x):
        await shuffle(server, [Column(x, 64)])

    assert opened(moved, (0, 1, 1)) == []
