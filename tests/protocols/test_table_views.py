"""No server's view of a shuffle, a reveal or a sort depends on rows or order: by enumeration."""

from itertools import permutations, product

import pytest
from table_views import TableCase

from protocols.tables import (
    Column,
    Key,
    Seat,
    apply_inverse,
    apply_order,
    draw_shuffle,
    gathered,
    opened,
    order_by,
    scattered,
    shuffle,
    sort_by,
    unshuffle,
)
from protocols.tables.shuffle import move


def vectors(n, bits):
    return list(product(range(1 << bits), repeat=n))


def moved(bits, xor=False):
    async def protocol(server, x):
        await shuffle(server, [Column(x, bits, xor)])

    return protocol


async def _back(server, x):
    await unshuffle(server, draw_shuffle(Seat(server), x.shape), [Column(x, 1)])


def revealed(bits):
    async def protocol(server, x):
        half = x.a + x.b if server.role == 0 else x.b
        seat = Seat(server)
        await move(seat, draw_shuffle(seat, x.shape), [], (half, bits))

    return protocol


async def _applied(server, x):
    await apply_order(server, x, [Column(x, 1)])


async def _undone(server, x):
    await apply_inverse(server, x, [Column(x, 1)])


async def _used_again(server, x):
    order = await opened(server, x)
    there = await scattered(server, order, [Column(x, 1)])
    await gathered(server, order, [Column(there[0], 1)])


async def _sorted(server, x):
    await order_by(server, [Key(x, 1)], 1)


async def _carried(server, x):
    await sort_by(server, [Key(x, 1)], [Column(x, 1, xor=True)], 1, carried=True)


ORDERS = [list(permutations(range(n))) for n in range(4)]
CASES = [
    *(TableCase(f"shuffle of {n}", moved(1), n, 1, vectors(n, 1)) for n in (2, 3)),
    *(TableCase(f"shuffle of {n} by xor", moved(1, True), n, 1, vectors(n, 1), True) for n in (2, 3)),
    TableCase("shuffle of 2 mod 4", moved(2), 2, 2, vectors(2, 2)),
    *(TableCase(f"un-shuffle of {n}", _back, n, 1, vectors(n, 1)) for n in (2, 3)),
    *(TableCase(f"reveal of {n}", revealed(n - 1), n, n - 1, ORDERS[n]) for n in (2, 3)),
    TableCase("order applied", _applied, 2, 1, ORDERS[2]),
    TableCase("order undone", _undone, 2, 1, ORDERS[2]),
    TableCase("order used again", _used_again, 2, 1, ORDERS[2]),
    TableCase("sort", _sorted, 2, 1, vectors(2, 1), True),
    TableCase("sort that carries", _carried, 2, 1, vectors(2, 1), True),
]
BY_NAME = {case.name: case for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_no_view_depends_on_rows_or_order(case):
    assert case.leaks() == set()


SHUFFLES = [case for case in CASES if "shuffle" in case.name]


@pytest.mark.parametrize("case", SHUFFLES, ids=str)
def test_no_view_depends_on_the_part_of_the_order_that_the_server_lacks(case):
    assert case.leaks_order() == set()


@pytest.mark.parametrize(
    ("name", "mask", "leaking"),
    [
        # What a mask hides, and whom from: rows, or (below) the order.
        ("shuffle of 2", (0, "zero0"), {1}),
        ("shuffle of 2", (0, "new00"), {1}),
        ("shuffle of 2", (1, "new10"), {2}),
        ("un-shuffle of 2", (0, "zero0"), {1}),
        ("un-shuffle of 2", (0, "new00"), {1}),
        ("un-shuffle of 2", (2, "new10"), {0}),
        ("reveal of 2", (1, "one0"), {2}),
        ("reveal of 2", (0, "zero0"), {1}),
        ("reveal of 2", (2, "hide0"), {0}),
        ("reveal of 2", (0, "order0"), {1}),
        ("reveal of 2", (1, "order1"), {2}),
        ("reveal of 2", (2, "order2"), {0}),
        ("order used again", (0, "zero0"), {1}),
        ("order used again", (0, "new00"), {1}),
        ("sort", (1, "digit"), {2}),
        ("sort", (1, "hot"), {2}),
        ("sort", (2, "order2"), {0}),
        ("sort", (2, "hide1"), {0}),
        ("sort that carries", (1, "hot"), {2}),
        ("sort that carries", (2, "hide1"), {0}),
    ],
)
def test_a_missing_mask_is_found(name, mask, leaking):
    assert BY_NAME[name].without(mask).leaks() == leaking


def test_a_missing_mask_that_hides_the_order_is_found():
    assert BY_NAME["shuffle of 2"].without((1, "one0")).leaks_order() == {2}
    assert BY_NAME["shuffle of 2"].without((0, "zero0")).leaks_order() == {1}
