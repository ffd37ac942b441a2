"""Shuffles, shared orders and the radix sort: results, costs, refusals, dry runs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.costs.replicated3 import Setting, tables
from mpcsim import InputError, simulate
from protocols import kernels
from protocols.domains import Ring
from protocols.kernels import shapes
from protocols.replicated3.sharings import Choices, Server, Share
from protocols.tables import (
    Column,
    Key,
    apply_inverse,
    apply_order,
    by_halves,
    compose,
    group_sums,
    invert,
    key_of,
    order_by,
    prefix_sums,
    rank_bits,
    shuffle,
    sort,
    sort_by,
    top,
    unshuffle,
)

RING = Ring()


def dealt(values, bits, xor=False, seed=0):
    """Return the three components of words."""
    dtype = np.uint32 if bits <= 32 else np.uint64
    rng = np.random.default_rng(seed)
    values = np.asarray(values).astype(dtype)
    a, b = (rng.integers(0, 2**bits, values.shape, np.uint64).astype(dtype) for _ in range(2))
    return [a, b, values ^ a ^ b if xor else values - a - b]


def held(components, i):
    return Share(components[i], components[(i + 1) % 3])


def opened(shares, bits, xor=False):
    a, b, c = (one.a for one in shares)
    words = a ^ b ^ c if xor else a + b + c
    return words & words.dtype.type(2**bits - 1)


def run(protocol, *inputs, ring=RING, choices=None, dry=False):
    """Run on components; return the outputs by server, and what the operation alone cost."""

    async def program(party):
        server = await Server.join(party, ring, choices, shapes if dry else kernels)
        shares = [held(one, party.id) for one in inputs]
        with party.span("operation", "operation"):
            return await protocol(server, *shares)

    done = simulate(program, parties=3, seed=1)
    span = done.span("operation")
    sent = tuple(span.sent[i].payload_bytes if i in span.sent else 0 for i in range(3))
    return done.outputs, span.rounds, sent


def same_cost(found, cost):
    _, rounds, sent = found
    assert (rounds, sent) == (cost.rounds, cost.sent)


@pytest.mark.parametrize("shape", [(1,), (2,), (7,), (3, 5), (2, 2, 4)])
@pytest.mark.parametrize(("bits", "xor"), [(64, False), (9, False), (32, True), (1, True)])
def test_a_shuffle_moves_all_columns_alike_and_is_undone(shape, bits, xor):
    values = np.random.default_rng(3).integers(0, 2**bits, shape, np.uint64)
    rows = np.broadcast_to(np.arange(shape[-1]), shape)

    async def protocol(server, x, ids):
        with server.party.span("there"):
            moved, by = await shuffle(server, [Column(x, bits, xor), Column(ids, 8)])
        with server.party.span("back"):
            back = await unshuffle(server, by, [Column(moved[0], bits, xor)])
        return moved, back

    outputs, _, sent = run(protocol, dealt(values, bits, xor), dealt(rows, 8))
    got = opened([one[0][0] for one in outputs], bits, xor)
    order = opened([one[0][1] for one in outputs], 8).astype(int)
    assert (got == np.take_along_axis(values, order, -1)).all()
    assert (opened([one[1][0] for one in outputs], bits, xor) == values).all()
    there = tables.shuffle(values.size, [bits, 8])
    back = tables.unshuffle(values.size, [bits])
    assert sent == tuple(a + b for a, b in zip(there.sent, back.sent, strict=True))
    assert there.rounds == back.rounds == 2


def test_shuffles_of_three_rows_are_uniform():
    async def protocol(server, ids):
        return (await shuffle(server, [Column(ids, 2)]))[0][0]

    shape = (6000, 3)
    outputs, *_ = run(protocol, dealt(np.broadcast_to(np.arange(3), shape), 2))
    seen, counts = np.unique(opened(outputs, 2) @ np.array([9, 3, 1]), return_counts=True)
    assert len(seen) == 6
    assert ((counts - 1000) ** 2 / 1000).sum() < 25  # chi-square, 5 degrees of freedom


@pytest.mark.parametrize("shape", [(1,), (2,), (9,), (4, 6)])
def test_orders_are_applied_inverted_and_composed(shape):
    rng = np.random.default_rng(5)
    n, b = shape[-1], rank_bits(shape[-1])
    first, second = (rng.permuted(np.broadcast_to(np.arange(n), shape), axis=-1) for _ in range(2))
    values = rng.integers(0, 2**64, shape, np.uint64)
    inputs = dealt(first, b), dealt(second, b, seed=1), dealt(values, 64, seed=2)
    columns = values.size // n

    async def applied(server, p, q, x):
        return await apply_order(server, p, [Column(x, 64)])

    async def undone(server, p, q, x):
        return await apply_inverse(server, p, [Column(x, 64)])

    async def turned(server, p, q, x):
        return [await invert(server, p)]

    async def composed(server, p, q, x):
        return [await compose(server, p, q)]

    inverse = np.argsort(first, -1)
    for protocol, want, bits, cost in (
        (applied, np.take_along_axis(values, first, -1), 64, tables.apply_order(n, columns, [64])),
        (undone, np.take_along_axis(values, inverse, -1), 64, tables.apply_inverse(n, columns, [64])),
        (turned, inverse, b, tables.apply_inverse(n, columns, [b])),
        (composed, np.take_along_axis(first, second, -1), b, tables.apply_order(n, columns, [b])),
    ):
        found = run(protocol, *inputs)
        assert (opened([one[0] for one in found[0]], bits) == want).all()
        same_cost(found, cost)


@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 5), st.integers(1, 40)),
    bits=st.lists(st.integers(1, 12) | st.sampled_from([32, 33, 64]), min_size=1, max_size=3),
    digit=st.integers(1, 6),
    rotate=st.booleans(),
    seed=st.integers(0, 99),
)
def test_the_order_is_that_of_a_stable_sort_and_costs_its_formula(shape, bits, digit, rotate, seed):
    rng = np.random.default_rng(seed)
    few = [min(2**k, 2**63 if rng.random() < 0.5 else 3) for k in bits]
    keys = [
        rng.integers(0, 2**k, shape, np.uint64) % np.uint64(most) for k, most in zip(bits, few, strict=True)
    ]

    async def protocol(server, *shares):
        return await order_by(server, [Key(x, k) for x, k in zip(shares, bits, strict=True)], digit)

    inputs = [dealt(x, k, True) for x, k in zip(keys, bits, strict=True)]
    found = run(protocol, *inputs, choices=Choices(rotate=rotate))
    got = opened(found[0], rank_bits(shape[-1]))
    assert (got == np.lexsort(keys[::-1], axis=-1)).all()
    setting = Setting(rotate=rotate)
    same_cost(found, tables.order_by(setting, shape[1], shape[0], bits[::-1], digit))


@pytest.mark.parametrize("rotate", [True, False])
@pytest.mark.parametrize("digit", [1, 3, 4])
@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 17), (4, 64)])
def test_columns_travel_through_every_pass_in_no_round_more(shape, digit, rotate):
    rng = np.random.default_rng(7)
    high, low = rng.integers(0, 4, shape), rng.integers(0, 30, shape)
    first, second = rng.integers(-9, 9, shape), rng.integers(0, 2**20, shape)

    async def protocol(server, high, low, first, second):
        columns = [Column(first, 64), Column(second, 20, xor=True)]
        return await sort_by(server, [Key(high, 2), Key(low, 5)], columns, digit, carried=True)

    inputs = [dealt(high, 2, True), dealt(low, 5, True), dealt(first, 64), dealt(second, 20, True)]
    found = run(protocol, *inputs, choices=Choices(rotate=rotate))
    order = np.lexsort([low, high], axis=-1)
    got = RING.signed(opened([one[0] for one in found[0]], 64))
    assert (got == np.take_along_axis(first, order, -1)).all()
    got = opened([one[1] for one in found[0]], 20, True)
    assert (got == np.take_along_axis(second, order, -1)).all()
    setting = Setting(rotate=rotate)
    cost = tables.order_by(setting, shape[1], shape[0], [5, 2], digit, [64, 20])
    same_cost(found, cost)
    assert cost.rounds == tables.order_by(setting, shape[1], shape[0], [5, 2], digit).rounds
    nothing = [[shapes.zeros(shape, one[0].dtype)] * 3 for one in inputs]
    same_cost(run(protocol, *nothing, choices=Choices(rotate=rotate), dry=True), cost)


def test_a_pass_takes_three_rounds():
    setting = Setting()
    passes = [tables.order_by(setting, 1000, 1, [32], digit) for digit in (1, 2, 3, 4)]
    assert [one.rounds for one in passes] == [97, 49, 34, 25]  # 3 for each of 32, 16, 11, 8 passes, and 1


@pytest.mark.parametrize("digit", [1, 3, 4, 8])
@pytest.mark.parametrize("signed", [True, False])
def test_signed_and_whole_numbers_are_sorted(digit, signed):
    rng = np.random.default_rng(8)
    values = rng.integers(-(2**30), 2**30, (2, 50)) if signed else rng.integers(0, 2**31, (2, 50))

    async def protocol(server, x):
        key = await key_of(server, x, 31, signed)
        return await order_by(server, [key], digit)

    outputs, *_ = run(protocol, dealt(values, 64))
    assert (opened(outputs, 6) == np.argsort(values, -1, kind="stable")).all()


@pytest.mark.parametrize("ring", [Ring(), Ring(32, 8, 20), Ring(48, 16, 31)])
@pytest.mark.parametrize("shape", [(1,), (60,), (4, 20)])
def test_a_sort_returns_values_in_order_at_the_cost_of_its_formula_dry_too(ring, shape):
    edge = 2 ** (ring.value_bits - 1)
    values = np.random.default_rng(2).integers(-edge, edge, shape)
    inputs = [one & one.dtype.type(2**ring.bits - 1) for one in dealt(values, ring.bits)]

    async def protocol(server, x):
        return await sort(by_halves(server), x)

    found = run(protocol, inputs, ring=ring)
    assert (ring.signed(opened(found[0], ring.bits)) == np.sort(values, -1)).all()
    setting = Setting(l=ring.bits, f=ring.fraction_bits, V=ring.value_bits)
    cost = tables.sort(setting, shape[-1], values.size // shape[-1], ring.value_bits, 4)
    same_cost(found, cost)
    same_cost(run(protocol, [shapes.zeros(shape, ring.dtype)] * 3, ring=ring, dry=True), cost)


@pytest.mark.parametrize(("shape", "count"), [((1,), 1), ((9,), 3), ((3, 8), 8)])
def test_the_largest_come_first_with_their_rows_and_of_equals_the_lowest_row(shape, count):
    values = np.random.default_rng(4).integers(-4, 4, shape)

    async def protocol(server, x):
        return await top(by_halves(server), x, count)

    found = run(protocol, dealt(values, 64))
    order = np.argsort(-values, -1, kind="stable")[..., :count]
    assert (
        RING.signed(opened([one[0] for one in found[0]], 64)) == np.take_along_axis(values, order, -1)
    ).all()
    assert (opened([one[1] for one in found[0]], rank_bits(shape[-1])) == order).all()
    same_cost(found, tables.sort(Setting(), shape[-1], values.size // shape[-1], RING.value_bits, 4))


def test_prefix_sums_take_no_message():
    values = np.random.default_rng(4).integers(-9, 9, (2, 7))

    async def protocol(server, x):
        return prefix_sums(server, x)

    found = run(protocol, dealt(values, 64))
    assert (RING.signed(opened(found[0], 64)) == np.cumsum(values, -1)).all()
    assert found[1:] == (0, (0, 0, 0))


@pytest.mark.parametrize("shape", [(1,), (12,), (2, 9)])
@pytest.mark.parametrize("most", [1, 3])
def test_sums_by_group_come_once_for_each_key_and_zeros_after_them(shape, most):
    rng = np.random.default_rng(6)
    keys, first, second = rng.integers(-most, most, shape), *rng.integers(-50, 50, (2, *shape))

    async def protocol(server, k, x, y):
        return await group_sums(by_halves(server), k, [x, y], 8)

    found = run(protocol, dealt(keys, 64), dealt(first, 64, seed=1), dealt(second, 64, seed=2))
    got = [
        RING.signed(opened(one, 64)).reshape(-1, shape[-1])
        for one in (
            [out[0] for out in found[0]],
            [out[1][0] for out in found[0]],
            [out[1][1] for out in found[0]],
            [out[2] for out in found[0]],
        )
    ]
    tables_of = (a.reshape(-1, shape[-1]) for a in (keys, first, second))
    for row, (key, x, y) in enumerate(zip(*tables_of, strict=True)):
        want = [(one, x[key == one].sum(), y[key == one].sum(), 1) for one in np.unique(key)]
        want += [(0, 0, 0, 0)] * (shape[-1] - len(want))
        assert [tuple(part[row][i] for part in got) for i in range(shape[-1])] == want
    same_cost(found, tables.group_sums(Setting(), shape[-1], keys.size // shape[-1], 2, 8, 4))


def test_what_does_not_fit_is_refused():
    x = dealt(np.arange(6), 64)

    async def widths(server, x):
        await order_by(server, [Key(x, 64)], 9)

    async def bits(server, x):
        await key_of(server, x, 65)

    async def none(server, x):
        await order_by(server, [])

    async def carried_by_none(server, x):
        await sort_by(server, [], [Column(x, 64)], carried=True)

    async def empty(server, x):
        await order_by(server, [Key(x[:0], 64)])

    async def shapes_apart(server, x):
        await shuffle(server, [Column(x, 64), Column(x[:2], 64)])

    async def no_values(server, x):
        await group_sums(by_halves(server), x, [])

    async def too_many(server, x):
        await top(by_halves(server), x, 7)

    async def order_apart(server, x):
        await apply_order(server, x[:2], [Column(x, 64)])

    for protocol, message in (
        (widths, "digits of 9 bits: accepted are 1 to 8"),
        (bits, "65 bits: accepted are 1 to the ring's 64"),
        (none, "found the shapes none"),
        (carried_by_none, "found the shapes none"),
        (empty, "no row"),
        (no_values, "columns to sum: found the shapes none"),
        (too_many, "the top 7 of 6 rows: accepted are 1 to 6"),
        (shapes_apart, r"\(6,\), \(2,\)"),
        (order_apart, "does not fit"),
    ):
        with pytest.raises(InputError, match=message):
            run(protocol, x)
