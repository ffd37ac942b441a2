"""What the family computes is what NumPy computes, in every ring, shape and choice."""

import numpy as np
import pytest
from dealt import NARROW, ODD, RINGS, WIDE, run, terms_of
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.functions import steps

SHAPES = [(0,), (1,), (7,), (8,), (9,), (100,), (2, 3, 5)]


def numbers(bits, shape, seed=0):
    """Return signed integers of so many bits, the edges among them."""
    rng = np.random.default_rng([bits, seed])
    top = 1 << (bits - 1)
    found = rng.integers(-top, top - 1, shape, endpoint=True) >> rng.integers(0, bits, shape)
    edges = np.array([-top, top - 1, 0, -1, 1])[: found.size]
    found.reshape(-1)[: edges.size] = edges
    return found


def label(ring):
    return f"l{ring.bits}"


@pytest.mark.parametrize("ring", RINGS, ids=label)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_sign_and_selection(ring, shape):
    x = numbers(ring.value_bits, shape)

    async def relu(me, x):
        return await me.select(me.opposite(await me.negative(x)), x)

    async def other(me, x, y):
        return await me.select(await me.negative(x), y)

    async def number(me, x):
        return await me.to_value(await me.negative(x))

    terms = terms_of(ring)
    y = numbers(ring.bits - 1, shape, 1)
    np.testing.assert_array_equal(run(relu, x, terms=terms).values, np.maximum(x, 0))
    np.testing.assert_array_equal(run(other, x, y, terms=terms).values, np.where(x < 0, y, 0))
    np.testing.assert_array_equal(run(number, x, terms=terms).values, x < 0)


@settings(max_examples=25, deadline=None)
@given(
    radix=st.sampled_from([1, 2, 3, 4, 6, 8]), arity=st.sampled_from([2, 3, 4, 8]),
    bits=st.integers(1, 31), n=st.integers(1, 20), dealing=st.sampled_from(["ahead", "on_demand"]),
)  # fmt: skip
def test_every_digit_and_tree_compares_alike(radix, arity, bits, n, dealing):
    x = numbers(bits, (n,), n) if bits > 1 else -np.arange(n) % 2 - 1

    async def number(me, x):
        return await me.to_value(await me.negative(x, bits))

    terms = terms_of(NARROW, radix=radix, arity=arity, dealing=dealing)
    np.testing.assert_array_equal(run(number, x, terms=terms).values, x < 0)


@pytest.mark.parametrize("ring", RINGS, ids=label)
@pytest.mark.parametrize("shift", [1, 5, 20])
def test_a_truncation_is_never_off_by_more_than_one_unit(ring, shift):
    x = numbers(ring.bits - 2, (5000,))

    async def cut(me, x):
        return await me.close(me.as_sum(x), shift)

    found = run(cut, x, terms=terms_of(ring)).values
    off = found - (x >> shift)
    assert set(np.unique(off)) <= {0, 1}
    large = np.abs(x) > 1 << (shift + 2)
    assert abs(np.mean((found * 2.0**shift - x)[large]) / 2.0**shift) < 0.05  # without bias


def test_a_local_truncation_sends_nothing_and_is_right_for_small_numbers():
    x = numbers(20, (1000,))

    async def cut(me, x):
        return await me.close(me.as_sum(x), 5)

    done = run(cut, x, terms=terms_of(truncation="local"))
    assert done.sent() == [0, 0, 0]
    assert np.abs(done.values - (x >> 5)).max() <= 1


PRODUCTS = [
    ("mul", (4, 1), (1, 3), lambda x, y: x * y),
    ("dot", (5, 4), (5, 4), lambda x, y: (x * y).sum(-1)),
    ("matmul", (2, 3, 4), (4, 5), lambda x, y: x @ y),
]


@pytest.mark.parametrize("ring", RINGS, ids=label)
@pytest.mark.parametrize(
    ("kind", "left", "right", "want"), PRODUCTS, ids=lambda v: v if isinstance(v, str) else ""
)
def test_products(ring, kind, left, right, want):
    x, y = numbers(12, left), numbers(12, right, 1)

    async def product(me, x, y):
        return await me.close(await me.product(kind, x, y), 0)

    np.testing.assert_array_equal(run(product, x, y, terms=terms_of(ring)).values, want(x, y))


@pytest.mark.parametrize("ring", RINGS, ids=label)
@pytest.mark.parametrize("n", [1, 9])
def test_bits_and_back(ring, n):
    x = numbers(ring.bits, (n,)) if ring.bits < 64 else numbers(63, (n,)) * 2 + 1

    async def there_and_back(me, x):
        return await me.compose(await me.decompose(x))

    async def place(me, x):
        return await me.to_value(me.pick(await me.decompose(x), 3))

    np.testing.assert_array_equal(run(there_and_back, x, terms=terms_of(ring)).values, x)
    np.testing.assert_array_equal(run(place, x, terms=terms_of(ring)).values, (x >> 3) & 1)


def test_conjunctions_and_exclusive_ors():
    x, y = np.repeat([0, 1], 6), np.tile([0, 1], 6)

    async def both(me, x, y):
        return await me.to_value(await me.both(await me.from_value(x), await me.from_value(y)))

    async def xor(me, x, y):
        return await me.to_value(me.xor(await me.from_value(x), await me.from_value(y)))

    np.testing.assert_array_equal(run(both, x, y).values, x & y)
    np.testing.assert_array_equal(run(xor, x, y).values, x ^ y)


def test_limits_are_compared_after_one_opening():
    x, limits = numbers(20, (3, 5)), [-70, 0, 1, 500]

    async def places(me, x):
        return await steps(me, x, limits, 22)

    want = np.stack([x >= limit for limit in limits])
    np.testing.assert_array_equal(run(places, x, terms=terms_of(ODD)).values, want)


def test_a_wider_ring_and_back():
    x = numbers(20, (100,))

    async def squared(me, x):
        wide = me.widened(64)
        y = await me.widen(x, wide)
        return me.narrow(await wide.close(await wide.product("mul", y, y), 20), wide)

    assert np.abs(run(squared, x, terms=terms_of(NARROW)).values - (x * x >> 20)).max() <= 1


def test_a_selection_in_another_ring_than_the_comparison_opens_anew():
    x = numbers(20, (100,))

    async def chosen(me, x):
        less = await me.negative(x)
        lifted = me.widened(40)
        return lifted.narrow(await lifted.select(less, x), lifted)

    np.testing.assert_array_equal(run(chosen, x, terms=terms_of(ODD)).values, np.where(x < 0, x, 0))


@pytest.mark.parametrize("dealing", ["ahead", "on_demand"])
def test_the_dealer_adds_no_depth_where_it_runs_ahead(dealing):
    async def five(me, x):
        for _ in range(5):
            x = await me.close(await me.product("mul", x, x), 0)
        return x

    rounds = run(five, [1, 1], terms=terms_of(WIDE, dealing=dealing)).run.span("operation").rounds
    assert rounds == (5 if dealing == "ahead" else 10)
