"""Division, roots, logarithm, exponential and its kin: each within its stated bound, in every ring.

The bounds are held on few values here; on 10^5 values a ring and function by

    MPCSIM_LONG=1 .venv/bin/python -m pytest tests/protocols/test_functions.py
"""

import math
import os

import numpy as np
import pytest
from function_cases import CASES, NAMED, RINGS, exact, rows, softmax_bound, softmax_of
from harness import WIDE, over, run

from mpcsim import InputError
from protocols.domains.ring import Ring
from protocols.functions import TARGET, best_line, iterations
from protocols.replicated3.functions.division import divide, numerator_bits, reciprocal
from protocols.replicated3.functions.exponentials import exponential, sigmoid, softmax
from protocols.replicated3.functions.roots import inverse_square_root, logarithm, square_root
from protocols.replicated3.sharings.server import Choices

COUNT = 100_000 if "MPCSIM_LONG" in os.environ else 300
CHOICES = [Choices(), Choices("masked", select="one_round"), Choices(rotate=False), Choices("ripple")]
BEST = Choices(accuracy="best")
FUNCTIONS = list(CASES)
CLASSES = [1, 2, 3, 10, 17, 100, 512, 1024]
IMPOSSIBLE = {("division", ring) for ring in RINGS if 2 * ring.value_bits - ring.fraction_bits > 64} | {
    ("exponential", Ring(64, 1, 62))
}
"""What is refused whatever the accuracy: a product does not fit in any ring of 64 bits."""


def held(got, want, ring, bound):
    """Hold results to the exact ones by a bound."""
    unit = np.longdouble(2) ** -ring.fraction_bits
    error = np.abs(exact(ring, got) - want)
    assert (error <= bound.units * unit + bound.relative * np.abs(want)).all()
    return error / np.maximum(1, np.abs(want)) / unit


HAVE_RESULTS = [
    (name, ring) for ring in RINGS for name in FUNCTIONS if CASES[name].draw(ring, 9, seed=1)[0].size
]
"""Without 1 / x and 1 / √x where the bound is 1: no value has a result."""


@pytest.mark.parametrize(("name", "ring"), HAVE_RESULTS, ids=str)
def test_a_function_is_within_its_bound_in_every_ring(name, ring):
    case = CASES[name]
    inputs = case.draw(ring, COUNT, seed=1)
    if (name, ring) in IMPOSSIBLE:
        with pytest.raises(InputError, match=r"^ring: "):
            run(case.protocol, *inputs, ring=ring, choices=BEST)
        return
    got = run(case.protocol, *inputs, ring=ring, choices=BEST).values
    held(got, case.want(*(exact(ring, x) for x in inputs)), ring, case.bound(ring))


@over("classes", CLASSES)
@over("ring", [ring for ring in RINGS if ring not in NAMED][::3] + NAMED)
def test_a_softmax_is_within_its_bound_for_any_number_of_classes(classes, ring):
    x = rows(ring, classes, 10 * COUNT, seed=2)
    got = run(softmax, x, ring=ring, choices=BEST).values
    bound = softmax_bound(ring, classes)
    held(got, softmax_of(exact(ring, x)), ring, bound)
    sums = np.abs(got.sum(axis=1) - (1 << ring.fraction_bits))
    assert sums.max() <= classes * max(2, bound.units)


@over("name", FUNCTIONS)
@over("ring", NAMED)
def test_functions_are_within_two_bits_of_a_unit_in_the_named_rings(name, ring):
    case = CASES[name]
    assert case.bound(ring).target_units(ring) <= TARGET
    inputs = case.draw(ring, COUNT, seed=3)
    got = run(case.protocol, *inputs, ring=ring).values  # accepted without asking for the best
    want = case.want(*(exact(ring, x) for x in inputs))
    assert held(got, want, ring, case.bound(ring)).max() <= 4


@over("ring", NAMED)
def test_softmax_of_two_to_a_thousand_classes_is_within_two_bits_in_the_named_rings(ring):
    for classes in range(1, 1025):
        assert softmax_bound(ring, classes).target_units(ring) <= TARGET


@over("classes", [2, 10, 1024])
@over("ring", NAMED)
def test_probabilities_add_up_to_one(classes, ring):
    x = rows(ring, classes, 10 * COUNT, seed=4)
    got = run(softmax, x, ring=ring).values
    assert np.abs(got.sum(axis=1) - (1 << ring.fraction_bits)).max() <= 2 * classes
    assert (got >= -2).all()


@over("choices", CHOICES)
@over("name", FUNCTIONS)
def test_a_function_is_within_its_bound_under_every_choice(name, choices):
    case = CASES[name]
    for ring in (WIDE, Ring(32, 13, 18)):
        inputs = case.draw(ring, 200, seed=5)
        got = run(case.protocol, *inputs, ring=ring, choices=choices).values
        held(got, case.want(*(exact(ring, x) for x in inputs)), ring, case.bound(ring))


def test_what_is_far_below_is_exactly_zero():
    x = -np.arange(12, 900) * (1 << 16)
    assert (run(exponential, x).values == 0).all()


def test_dividing_by_zero_leaves_the_other_quotients_alone():
    got = run(divide, [1 << 16, 6 << 16], [0, 3 << 16], choices=Choices(rotate=False)).values
    assert abs(got[1] - (2 << 16)) <= 4


def test_the_square_root_of_zero_is_zero():
    for ring in RINGS:
        assert list(run(square_root, [0, 0], ring=ring, choices=BEST).values) == [0, 0]


def test_functions_keep_the_shape_of_their_input():
    x = np.full((2, 3, 1), 1 << 16)
    for protocol in (softmax, *(case.protocol for name, case in CASES.items() if name != "division")):
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


def test_a_line_near_an_inverse_is_off_by_its_error_and_no_more():
    for low, high in [(0.5, 1.0), (0.5, 1.25), *((2.0**-d, 1.0) for d in range(1, 11))]:
        x = np.linspace(low, high, 4097)
        line = best_line(low, high)
        worst = np.abs(1 - x * (line.offset - line.slope * x)).max()
        assert worst <= line.error * (1 + 1e-12)
        assert worst >= line.error * 0.999
        assert line.error < 1


@over("error", [0.995, 0.9, 0.5, 0.0858, 0.001])
def test_iterations_take_every_error_below_the_precision(error):
    for bits in (1, 9, 17, 25):
        steps = iterations(error, bits)
        e = np.linspace(-error, error, 4097)
        for shift in steps.shifts:
            e = e * (e + shift) - shift
        assert np.abs(e).max() <= steps.error * (1 + 1e-9) + 1e-15
        assert steps.error <= 2.0**-bits


CEILINGS = [
    (divide, 21, 192),
    (exponential, 5, 46),
    (logarithm, 21, 180),
    (square_root, 23, 190),
    (sigmoid, 17, 115),
]


@pytest.mark.parametrize(("operation", "rounds", "size"), CEILINGS, ids=[c[0].__name__ for c in CEILINGS])
def test_functions_stay_below_what_they_took_before_of_rounds_and_bytes(operation, rounds, size):
    x = np.full(1000, 1 << 16)
    result = run(operation, x, x) if operation is divide else run(operation, x)
    assert result.cost.rounds <= rounds
    assert result.cost.payload_bytes / 3000 <= size
    assert max(result.sent()) <= 1.1 * sum(result.sent()) / 3


@over("protocol", [sigmoid, softmax, divide, logarithm, square_root])
def test_functions_do_not_go_wrong_where_products_are_truncated_by_fused(protocol):
    x = np.full((2000, 1), 1 << 16)
    inputs = [x, x] if protocol is divide else [x]
    safe, fused = (
        run(protocol, *inputs, choices=Choices(truncation=truncation)) for truncation in ("safe", "fused")
    )
    assert np.abs(safe.values - fused.values).max() <= 4
    assert safe.cost.rounds == fused.cost.rounds


def test_a_ring_that_leaves_too_little_precision_is_refused_by_name_unless_the_best_will_do():
    ring = Ring(64, 31, 32)
    x = np.full((2, 3), 1 << 30)
    named = {
        "logarithm": logarithm,
        "square root": square_root,
        "inverse square root": inverse_square_root,
        "reciprocal": reciprocal,
        "sigmoid": sigmoid,
        "softmax of 3": softmax,
    }
    for name, protocol in named.items():
        with pytest.raises(InputError, match=rf'^ring: {name} is within .*accuracy = "best"'):
            run(protocol, x, ring=ring)
        assert run(protocol, x, ring=ring, choices=BEST).values.shape == x.shape


def test_a_numerator_that_fits_no_ring_is_refused_by_the_rule():
    ring = Ring(64, 10, 43)
    assert numerator_bits(ring) == 74
    with pytest.raises(InputError, match=r"2 · value_bits − fraction_bits ≤ 64, found 2 · 43 − 10 = 76"):
        run(divide, [1], [1], ring=ring)
    assert math.isclose(run(reciprocal, [1 << 10], ring=ring).values[0], 1 << 10, abs_tol=4)


def test_an_exponential_without_room_is_refused_by_name():
    with pytest.raises(InputError, match="an exponential has no room"):
        run(exponential, [1], ring=Ring(64, 1, 62), choices=BEST)
    with pytest.raises(InputError, match="compares 65 bits"):
        run(softmax, [[1, 1]], ring=Ring(64, 0, 63), choices=BEST)
