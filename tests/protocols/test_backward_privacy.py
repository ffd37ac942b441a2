"""Every server's view of the backward pass has the same distribution whatever the secrets are."""

import pytest
from tapes import Case, ToyRing, bit_halves, share, summands

from protocols.replicated3.constructions.maximum import Taken
from protocols.replicated3.sharings.server import Choices
from protocols.replicated3.sharings.sharing import BitHalves
from protocols.replicated3.training.backward import route
from protocols.replicated3.training.descent import descend
from protocols.training.schedule import Descent, Scales

TWO, THREE = ToyRing(2, 0, 2), ToyRing(3, 0, 3)
FIXED = Choices("masked", 1, rotate=False)


async def _way_of_two(server, positive, first):
    level = BitHalves(first.half.reshape(1, -1))
    way = await route(Taken(server, first.half.size, [level], positive))
    return BitHalves(way.half[0])


def _descent(batch):
    async def protocol(server, velocity, z):
        step = Descent(rate=1, momentum=1, decay=0, batch=batch, lift=1)
        _, following = await descend(server, Scales(0, 0, 1, 0, 1), step, velocity, velocity, z)
        return following

    return protocol


WAY = Case(
    "way of a window of two",
    _way_of_two,
    (bit_halves(), bit_halves()),
    TWO,
    FIXED,
    lambda positive, first: positive & first,
    spare=frozenset([(2, "and")]),
)
DESCENTS = [
    Case(
        f"a step of descent, the gradient times {batch}",
        _descent(batch),
        (share(3), summands(3)),
        THREE,
        FIXED,
        widths={"msb": 1, "cross": 1},
    )
    for batch in (1, 2)
]


def test_no_view_of_a_way_depends_on_the_choices():
    assert WAY.leaks() == set()


def test_each_output_of_the_prf_is_needed_for_a_way():
    for mask in WAY.masks():
        leaking = WAY.broken(dropped=frozenset([mask])).leaks()
        assert bool(leaking) != (mask in WAY.spare), f"without {mask}: {leaking}"


@pytest.mark.parametrize("case", DESCENTS, ids=str)
def test_no_view_of_a_step_depends_on_gradient_or_velocity(case):
    assert case.leaks(sampled=True) == set()


def test_a_step_that_masks_before_it_multiplies_is_found():
    """The gradient's own mask, times an even factor, does not hide the velocity's lowest bit."""
    flawed = DESCENTS[1].broken(dropped=frozenset([(key, "descent") for key in range(3)]))
    assert flawed.leaks(sampled=True)
