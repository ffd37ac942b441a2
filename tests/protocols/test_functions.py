"""Division, roots, logarithm, exponential and its kin: each within its stated error over its range."""

import math

import numpy as np
import pytest
from harness import NARROW, WIDE, over, run

from mpcsim import InputError
from protocols.division import Precision, divide, iterations, reciprocal
from protocols.exponential import exponential, sigmoid, softmax
from protocols.ring import Ring
from protocols.roots import inverse_square_root, logarithm, square_root
from protocols.server import Choices

MIDDLE = Ring(64, 12, 28)
RINGS = [WIDE, MIDDLE, NARROW]
CHOICES = [Choices(), Choices("masked", select="one_round"), Choices(rotate=False), Choices("ripple")]


def unit(ring):
    return 2.0**-ring.fraction_bits


def precision(ring):
    """What a factor near one is known to, relatively: the working precision of the ring."""
    return 2.0 ** -Precision.of(ring).bits


def magnitudes(ring, count, least=1):
    """Return positive values of a ring over all magnitudes, the ends and the powers of two included."""
    rng = np.random.default_rng(count)
    top = 2 ** (ring.value_bits - 1) - 1
    spread = np.exp(rng.uniform(np.log(least), np.log(top), count)).astype(np.int64)
    powers = [1 << i for i in range(ring.value_bits - 1) if 1 << i >= least]
    around = [p + d for p in powers for d in (-1, 0, 1) if least <= p + d <= top]
    return np.unique(np.concatenate([spread, around, [least, top]]))


def evaluate(protocol, *inputs, ring, choices=None):
    """Return (the result, the inputs) as real numbers."""
    got = run(protocol, *inputs, ring=ring, choices=choices).values * unit(ring)
    return got, [np.asarray(x) * unit(ring) for x in inputs]


@over("choices", CHOICES)
@over("ring", RINGS)
def test_a_quotient_of_any_signs_and_sizes_is_within_its_error(ring, choices):
    rng = np.random.default_rng(0)
    size = magnitudes(ring, 600)
    b = np.concatenate([size, -size])
    most = np.minimum(np.abs(b) * unit(ring) * ring.bound * 0.99, ring.bound) / unit(ring) - 1
    a = (rng.uniform(-1, 1, b.size) * np.maximum(most, 0)).astype(np.int64)
    got, (x, y) = evaluate(divide, a, b, ring=ring, choices=choices)
    want = x / y
    assert (np.abs(got - want) <= 2 * unit(ring) + np.abs(want) * 16 * precision(ring)).all()


def test_dividing_by_zero_leaves_the_other_quotients_alone():
    got, _ = evaluate(divide, [1 << 16, 6 << 16], [0, 3 << 16], ring=WIDE, choices=Choices(rotate=False))
    assert abs(got[1] - 2) < 2**-14


@over("ring", RINGS)
def test_a_reciprocal_is_within_its_error(ring):
    b = magnitudes(ring, 300, least=math.ceil(2.0**ring.fraction_bits / ring.bound) + 1)
    got, (y,) = evaluate(reciprocal, np.concatenate([b, -b]), ring=ring)
    assert (np.abs(got - 1 / y) <= 2 * unit(ring) + 16 * precision(ring) / np.abs(y)).all()


@over("ring", RINGS)
def test_a_logarithm_is_within_its_error_over_all_magnitudes(ring):
    got, (x,) = evaluate(logarithm, magnitudes(ring, 1000), ring=ring)
    assert np.abs(got - np.log(x)).max() <= 4 * unit(ring)


@over("ring", RINGS)
def test_a_square_root_is_within_its_error_over_all_magnitudes(ring):
    got, (x,) = evaluate(square_root, magnitudes(ring, 1000), ring=ring)
    error = 2 * unit(ring) + np.sqrt(x) * max(2.0**-16, 8 * precision(ring))
    assert (np.abs(got - np.sqrt(x)) <= error).all()


def test_the_square_root_of_zero_is_zero():
    got, _ = evaluate(square_root, [0, 0, 1 << 16], ring=WIDE)
    assert list(got[:2]) == [0, 0]
    assert abs(got[2] - 1) < 2**-14


@over("ring", RINGS)
def test_an_inverse_square_root_is_within_its_error_over_all_magnitudes(ring):
    got, (x,) = evaluate(inverse_square_root, magnitudes(ring, 1000), ring=ring)
    error = 2 * unit(ring) + max(2.0**-15, 8 * precision(ring)) / np.sqrt(x)
    assert (np.abs(got - 1 / np.sqrt(x)) <= error).all()


@over("choices", CHOICES)
@over("ring", RINGS)
def test_an_exponential_is_within_its_error_and_zero_far_below(ring, choices):
    top = math.log(ring.bound)
    rng = np.random.default_rng(1)
    dense = np.concatenate([rng.uniform(-25, top, 600), np.linspace(top - 0.01, top - unit(ring), 50)])
    small = np.concatenate([dense, -np.geomspace(1, ring.bound - 1, 100), np.arange(-24, math.floor(top))])
    x = np.maximum(np.floor(small / unit(ring)), -(2.0 ** (ring.value_bits - 1))).astype(np.int64)
    got, (exact,) = evaluate(exponential, x, ring=ring, choices=choices)
    want = np.exp(exact)
    assert (np.abs(got - want) <= 2 * unit(ring) + want * 2.0 ** (2 - _factor_bits(ring))).all()
    assert (got[exact < -24] == 0).all()


def _factor_bits(ring):
    """Half of what a product has room for, beside the largest result and four bits."""
    return (ring.bits - 4 - math.ceil(math.log2(ring.bound))) // 2


@over("choices", CHOICES)
@over("ring", RINGS)
def test_a_sigmoid_of_any_value_is_within_its_error(ring, choices):
    rng = np.random.default_rng(2)
    x = np.concatenate(
        [rng.uniform(-14, 14, 600), rng.uniform(-1, 1, 200) * ring.bound, np.arange(-12, 13)]
    )
    words = np.clip(np.floor(x / unit(ring)), -(2 ** (ring.value_bits - 1)), 2 ** (ring.value_bits - 1) - 1)
    got, (exact,) = evaluate(sigmoid, words.astype(np.int64), ring=ring, choices=choices)
    assert np.abs(got - (1 + np.tanh(exact / 2)) / 2).max() <= 2 * unit(ring)


@over("classes", [1, 2, 3, 10, 17])
@over("ring", [WIDE, MIDDLE])
def test_a_softmax_is_within_its_error_for_any_number_of_classes(classes, ring):
    rng = np.random.default_rng(classes)
    x = rng.normal(size=(60, classes)) * 3
    x[:20] *= 100
    x[20:24] = 1.5
    limit = ring.bound - 1
    words = np.floor(np.clip(x, -limit, limit) / unit(ring)).astype(np.int64)
    got, (exact,) = evaluate(softmax, words, ring=ring)
    powers = np.exp(exact - exact.max(axis=1, keepdims=True))
    assert np.abs(got - powers / powers.sum(axis=1, keepdims=True)).max() <= 2 * unit(ring)
    assert np.abs(got.sum(axis=1) - 1).max() <= (classes + 1) * unit(ring)


def test_functions_keep_the_shape_of_their_input():
    x = np.full((2, 3, 1), 1 << 16)
    for protocol in (logarithm, square_root, exponential, sigmoid, softmax):
        assert run(protocol, x).values.shape == x.shape


@pytest.mark.parametrize(
    "protocol", [logarithm, square_root, exponential, sigmoid], ids=lambda p: p.__name__
)
def test_rounds_do_not_grow_with_the_number_of_values(protocol):
    few, many = (run(protocol, np.full(size, 1 << 16)).cost.rounds for size in (3, 3000))
    assert few == many


def test_concurrent_functions_take_the_rounds_of_the_longest():
    async def both(server, x):
        roots, powers = await server.party.gather(square_root(server, x), exponential(server, x))
        return [roots, powers]

    async def one_after_the_other(server, x):
        return [await square_root(server, x), await exponential(server, x)]

    x = np.full(50, 1 << 16)
    alone = [run(protocol, x).cost.rounds for protocol in (square_root, exponential)]
    assert run(both, x).cost.rounds == max(alone)
    assert run(one_after_the_other, x).cost.rounds > max(alone)


def test_iterations_square_the_error_below_the_precision():
    for error in (0.5, 0.36, 0.0858, 0.01):
        for bits in (8, 16, 24):
            assert error ** (2 ** iterations(error, bits)) <= 2.0**-bits * (1 + 1e-9)


CEILINGS = [
    (divide, 28, 250),
    (exponential, 18, 190),
    (logarithm, 28, 260),
    (square_root, 30, 310),
    (sigmoid, 34, 300),
]


@pytest.mark.parametrize(("operation", "rounds", "size"), CEILINGS, ids=[c[0].__name__ for c in CEILINGS])
def test_functions_stay_below_their_ceilings_of_rounds_and_bytes(operation, rounds, size):
    x = np.full(1000, 1 << 16)
    result = run(operation, x, x) if operation is divide else run(operation, x)
    assert result.cost.rounds <= rounds
    assert result.cost.payload_bytes / 3000 <= size
    assert max(result.sent()) <= 1.1 * sum(result.sent()) / 3


TIGHT = Ring(64, 16, 20)


@over("protocol", [exponential, sigmoid, logarithm, square_root, inverse_square_root, divide])
def test_functions_are_right_in_a_ring_whose_values_have_few_bits(protocol):
    x = magnitudes(TIGHT, 300, least=1 << 12)
    if protocol is exponential:
        x = np.concatenate([x[x < math.log(TIGHT.bound) * 2**16], -x])
    want = {
        exponential: np.exp,
        sigmoid: lambda v: (1 + np.tanh(v / 2)) / 2,
        logarithm: np.log,
        square_root: np.sqrt,
        inverse_square_root: lambda v: 1 / np.sqrt(v),
        divide: lambda v: v / v,
    }[protocol]
    got, (exact, *_) = evaluate(protocol, *([x, x] if protocol is divide else [x]), ring=TIGHT)
    assert (np.abs(got - want(exact)) <= 4 * unit(TIGHT) * np.maximum(1, want(exact))).all()


@over("protocol", [sigmoid, softmax, divide, logarithm, square_root])
def test_functions_do_not_go_wrong_where_products_are_truncated_by_fused(protocol):
    x = np.full((2000, 1), 1 << 16)
    inputs = [x, x] if protocol is divide else [x]
    safe, fused = (
        run(protocol, *inputs, choices=Choices(truncation=truncation)) for truncation in ("safe", "fused")
    )
    assert np.abs(safe.values - fused.values).max() <= 4
    assert safe.cost.rounds == fused.cost.rounds


def test_rings_without_room_for_a_function_are_refused_by_the_rule():
    with pytest.raises(InputError, match=r"2 · value_bits − fraction_bits ≤ bits"):
        run(divide, [1], [1], ring=Ring(64, 10, 43))
    with pytest.raises(InputError, match=r"value_bits ≤ bits − 9 = 55"):
        run(logarithm, [1], ring=Ring(64, 3, 60))
