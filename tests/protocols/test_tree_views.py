"""Nothing of a tree shows while it grows: views by enumeration, opened orders, messages.

What is new in trees is enumerated: a partition, and the cross product that goes straight into halves. Of
whole trainings every order that is opened is counted, and every message is judged.
"""

import os
import types
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise, product

import numpy as np
import pytest
from harness import Recorder
from table_views import TableCase
from tapes import Case, ToyRing, share
from test_opened_orders import distance
from test_tables import dealt, run
from test_uniform_messages import FAR, deviation

from mpcsim import simulate
from protocols import kernels
from protocols.domains import Ring
from protocols.replicated3.sharings import Choices, Share, public
from protocols.tables import Shuffle
from protocols.trees import Level, Shape, Statistics, best, grow, partition, walk

TABLES, ROWS = 6000, 3
FIXED = Choices(rotate=False)


async def _parted(server, x):
    """Part two rows of one group by their bits x: the group starts at 0, the zeros end where ones begin."""
    k = server.kernels
    nothing = Share(k.zeros(x.shape, x.a.dtype), k.zeros(x.shape, x.a.dtype))
    ones = Share(k.sum(x.a, -1).reshape(-1, 1), k.sum(x.b, -1).reshape(-1, 1))
    two = k.full((), 2, x.a.dtype)
    zeros = Share(
        k.sub(two, ones.a) if server.role == 0 else k.neg(ones.a),
        k.sub(two, ones.b) if server.role == 2 else k.neg(ones.b),
    )
    bit = Share(k.low_bits(x.a, 1), k.low_bits(x.b, 1))
    await partition.partition(server, bit, nothing, zeros, [])


LONG = "MPCSIM_LONG" in os.environ
PARTED = TableCase(
    "partition", _parted, 2, 2, list(product((0, 1), repeat=2)) if LONG else [(0, 1), (1, 1)]
)


def test_no_view_of_a_partition_depends_on_the_bits():
    assert PARTED.leaks() == set()


@pytest.mark.parametrize(
    ("mask", "viewer"),
    [((0, "places"), 1), ((1, "beta"), 2)]
    + ([((0, "cross"), 1), ((2, "hide0"), 0), ((2, "order2"), 0)] if LONG else []),
    ids=str,
)
def test_a_mask_that_a_partition_lacks_is_found(mask, viewer):
    viewers = range(3) if LONG else [viewer]
    assert PARTED.without(mask).leaks(viewers) == {viewer}


class Toy:
    """What a comparison of fractions asks of a shape, in a ring small enough to enumerate."""

    wide, fraction_bits, tie_bits = False, (2, 2, 2), 1


async def _compared(server, score, base, other_score, other_base):
    empty = Share(score.a & 0, score.b & 0)
    return await best._loses(server, [score, base, empty], [other_score, other_base, empty], Toy())


COMPARED = Case(
    "cross product",
    _compared,
    (share(2), share(2), share(2), share(2)),
    ToyRing(2, 0, 2),
    Choices(radix=1, rotate=False),
    secrets=((0, 0, 0, 0), (1, 1, 0, 1), (0, 1, 1, 1), (3, 1, 2, 3)),
)


def test_no_view_of_a_comparison_of_fractions_depends_on_them():
    assert COMPARED.leaks(sampled=True) == set()


def test_a_comparison_of_fractions_whose_products_are_not_masked_is_found():
    dropped = frozenset((key, "product") for key in (0, 1))
    assert COMPARED.broken(dropped=dropped).leaks(sampled=True) == {1, 2}


# Orders that are opened


def opened(row, labels):
    """Return the orders of all attributes, one number each, that server 0 sees opened in a training."""
    shape, seen = Shape(ROWS, TABLES, Statistics(2), 2, 8), []

    def noted(words, bits):
        order = kernels.as_order(words, bits)
        if order.size == TABLES * ROWS:
            seen.append(order.reshape(TABLES, ROWS) @ np.array([9, 3, 1]))
        return order

    async def counted(server, x, classes):
        if server.party.id == 0:
            own = types.SimpleNamespace(**vars(kernels) | {"as_order": noted})
            server = replace(server, kernels=own)
        await grow(server, x, classes, shape)

    values = np.broadcast_to(np.array(row), (TABLES, ROWS))
    classes = np.eye(2, dtype=np.int64)[list(labels)].T
    run(counted, dealt(values, 64), dealt(classes, 64, seed=1), choices=FIXED)
    return seen


@pytest.mark.parametrize(("row", "labels"), [((5, 5, 5), (0, 0, 0)), ((1, 2, 3), (0, 1, 1))])
def test_orders_that_a_training_opens_are_uniform_and_independent(row, labels):
    orders = opened(row, labels)
    assert len(orders) >= 4  # the sort's passes, what follows it, a level's route and its partition
    for one in orders:
        assert distance(one, 6) < FAR
    for one, other in pairwise(orders):
        assert distance(27 * one + other, 36) < FAR


def test_an_order_that_is_not_shuffled_is_found(monkeypatch):
    def straight(seat, shape):
        held = ((0, 1), (1, 2), (2, 0))[seat.role]
        rows = np.broadcast_to(np.arange(shape[-1]), shape)
        return Shuffle(*(rows if key in held else None for key in (1, 0, 2)))

    monkeypatch.setattr("protocols.trees.partition.draw_shuffle", straight)
    assert max(distance(one, 6) for one in opened((1, 2, 3), (0, 1, 1))) > 100


# Messages


def worst(protocol):
    """Return the worst deviation of the bytes of all long messages that servers receive."""

    async def program(party):
        server = await Recorder.join(party, Ring(), FIXED)
        server.received.clear()
        await protocol(server)
        return server.received

    messages = [one for received in simulate(program, parties=3, seed=5).outputs for one in received]
    long = [one.reshape(-1) for one in messages if one.size >= 1000]
    assert len(long) > 20
    return max(deviation(np.bincount(one, minlength=256)) for one in long)


def known(server, *shape):
    return public(server, np.ones(shape, np.uint64))


def test_messages_of_a_training_are_uniform_bytes():
    async def protocol(server):
        shape = Shape(300, 3, Statistics(3), 2, 31)
        await grow(server, known(server, 3, 300), known(server, 3, 300), shape)

    assert worst(protocol) < FAR


def test_messages_of_wide_comparisons_are_uniform_bytes():
    async def protocol(server):
        shape = Shape(600, 2, Statistics(1, False, 16), 1, 31, least_gain=Fraction(1, 9))
        assert shape.cross_bits > 64
        await grow(server, known(server, 2, 600), known(server, 1, 600), shape)

    assert worst(protocol) < FAR


def test_messages_of_rows_that_go_down_are_uniform_bytes():
    async def protocol(server):
        levels = [
            Level(known(server, 1 << d), known(server, 1 << d, 2), known(server, 1 << d)) for d in range(4)
        ]
        await walk(server, levels, known(server, 2, 3000), 31)

    assert worst(protocol) < FAR


async def _bare(server):
    half = known(server, 3000)
    server.send((server.role + 1) % 3, server.kernels.pack(half.a, 64))
    await server.recv((server.role + 2) % 3)


def test_a_message_that_is_not_masked_would_be_found():
    async def protocol(server):
        for _ in range(8):
            await _bare(server)

    assert worst(protocol) > 100
