"""First rows of groups: maxima with arguments, values spread over groups, joins; their costs, dry too."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_tables import dealt, opened, run, same_cost

from analysis.costs.replicated3 import Setting, tables
from mpcsim import InputError
from protocols.domains import Ring
from protocols.kernels import shapes
from protocols.replicated3.sharings import Choices
from protocols.tables import as_before, by_halves, group_maxima, join, spread_first

RING = Ring()
RINGS = {64: RING, 32: Ring(32, 8, 20)}


def words(values, bits, seed=0):
    """Return components of signed numbers in the ring."""
    return [one & one.dtype.type(2**bits - 1) for one in dealt(values, bits, seed=seed)]


def learned(shares, ring=RING):
    return ring.signed(opened(shares, ring.bits))


def setting_of(ring, **choices):
    return Setting(l=ring.bits, f=ring.fraction_bits, V=ring.value_bits, **choices)


@settings(max_examples=12, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 17)),
    most=st.integers(1, 6),
    bits=st.sampled_from([64, 32]),
    rotate=st.booleans(),
    seed=st.integers(0, 99),
)
def test_maxima_come_once_for_each_key_with_the_first_row_that_has_them(shape, most, bits, rotate, seed):
    rng, ring, n = np.random.default_rng(seed), RINGS[bits], shape[-1]
    keys, values = rng.integers(-most, most, shape), rng.integers(-3, 3, shape)

    async def protocol(server, keys, values):
        return await group_maxima(by_halves(server), keys, values, 4, 5)

    inputs = words(keys, bits), words(values, bits, 1)
    found = run(protocol, *inputs, ring=ring, choices=Choices(rotate=rotate))
    got = [learned([out[part] for out in found[0]], ring) for part in range(4)]
    for row, (key, x) in enumerate(zip(keys, values, strict=True)):
        want = []
        for one in np.unique(key):
            best = x[key == one].max()
            want.append((one, best, np.flatnonzero((key == one) & (x == best))[0], 1))
        want += [(0, 0, 0, 0)] * (n - len(want))
        assert [tuple(part[row][i] for part in got) for i in range(n)] == want
    cost = tables.group_maxima(setting_of(ring, rotate=rotate), n, shape[0], 4, 5, 4)
    same_cost(found, cost)
    empty = [[shapes.zeros(shape, ring.dtype)] * 3] * 2
    same_cost(run(protocol, *empty, ring=ring, choices=Choices(rotate=rotate), dry=True), cost)


@pytest.mark.parametrize("shape", [(1,), (2,), (13,), (3, 6)])
@pytest.mark.parametrize("bits", RINGS)
def test_every_row_has_what_the_first_of_its_group_has(shape, bits):
    rng, ring = np.random.default_rng(4), RINGS[bits]
    same = rng.integers(0, 2, shape)
    same[..., 0] = 0
    first, second = rng.integers(-(2**19), 2**19, (2, *shape))

    async def protocol(server, same, x, y):
        return await spread_first(by_halves(server), same, [x, y])

    inputs = words(same, bits), words(first, bits, 1), words(second, bits, 2)
    found = run(protocol, *inputs, ring=ring)
    at = np.maximum.accumulate(np.where(same == 1, 0, np.arange(shape[-1])), -1)
    for part, values in enumerate((first, second)):
        got = learned([out[part] for out in found[0]], ring)
        assert (got == np.take_along_axis(values, at, -1)).all()
    cost = tables.spread_first(setting_of(ring), shape[-1], same.size // shape[-1], 2)
    same_cost(found, cost)
    assert cost.rounds <= 11


@settings(max_examples=12, deadline=None)
@given(
    sides=st.integers(1, 3),
    left=st.integers(1, 11),
    right=st.integers(1, 11),
    bits=st.sampled_from([64, 32]),
    rotate=st.booleans(),
    seed=st.integers(0, 99),
)
def test_a_join_finds_the_first_row_with_the_key_and_costs_its_formula(
    sides, left, right, bits, rotate, seed
):
    rng, ring = np.random.default_rng(seed), RINGS[bits]
    mine, theirs = rng.integers(-8, 8, (sides, left)), rng.integers(-8, 8, (sides, right))
    first, second = rng.integers(-(2**19), 2**19, (2, sides, right))

    async def protocol(server, mine, theirs, x, y):
        matched, columns = await join(by_halves(server), mine, theirs, [x, y], 4, 3)
        return [matched, *columns]

    inputs = [words(one, bits, seed) for seed, one in enumerate((mine, theirs, first, second))]
    found = run(protocol, *inputs, ring=ring, choices=Choices(rotate=rotate))
    matched, *columns = (learned([out[part] for out in found[0]], ring) for part in range(3))
    for side in range(sides):
        for row, key in enumerate(mine[side]):
            at = np.flatnonzero(theirs[side] == key)
            assert matched[side][row] == (len(at) > 0)
            for got, values in zip(columns, (first, second), strict=True):
                assert got[side][row] == (values[side][at[0]] if len(at) else 0)
    cost = tables.join(setting_of(ring, rotate=rotate), left + right, sides, 2, 4, 3)
    same_cost(found, cost)
    empty = [[shapes.zeros(one.shape, ring.dtype)] * 3 for one in (mine, theirs, first, second)]
    same_cost(run(protocol, *empty, ring=ring, choices=Choices(rotate=rotate), dry=True), cost)


def test_rounds_do_not_grow_with_rows():
    for formula in (
        lambda n: tables.join(Setting(), n, 1, 1, 31, 4),
        lambda n: tables.group_maxima(Setting(), n, 1, 31, 31, 4),
    ):
        assert formula(10).rounds == formula(10**6).rounds


def test_the_rounds_that_the_page_states():
    assert tables.join(Setting(), 1000, 1, 1, 31, 4).rounds == 53
    assert tables.group_maxima(Setting(), 1000, 1, 31, 31, 4).rounds == 74


def test_what_does_not_fit_is_refused():
    x = dealt(np.arange(6), 64)

    async def maxima(server, x):
        await group_maxima(by_halves(server), x, x[:2])

    async def spread(server, x):
        await spread_first(by_halves(server), x, [])

    async def side(server, x):
        await join(by_halves(server), x.reshape(2, 3), x, [x])

    async def columns(server, x):
        await join(by_halves(server), x, x, [x[:3]])

    async def wide(server, x):
        await join(by_halves(server), x, x, [x], 65)

    for protocol, message in (
        (maxima, r"values of groups: found the shapes \(2,\); accepted: that of the keys, \(6,\)"),
        (spread, "columns to spread: found the shapes none"),
        (side, r"keys of shapes \(2, 3\) and \(6,\)"),
        (columns, r"columns to join: found the shapes \(3,\)"),
        (wide, "65 bits: accepted are 1 to the ring's 64"),
    ):
        with pytest.raises(InputError, match=message):
            run(protocol, x)


def test_a_row_is_as_the_one_before_it():
    async def protocol(server, x):
        return await as_before(by_halves(server), x, 8)

    outputs, *_ = run(protocol, dealt([[3, 3, 4], [259, 3, 0]], 64))
    assert learned(outputs).tolist() == [[0, 1, 0], [0, 1, 0]]  # equal mod 2^8
