"""Slots and places: what goes either way between them is what an expansion in the clear gives."""

import numpy as np
import pytest
from test_tables import RING, dealt, run

from protocols.replicated3.sharings import narrow_share
from protocols.tables import Column
from protocols.trees.lots import Lots, lots_of
from protocols.trees.shape import within


def added(outputs, index):
    """Return the words that the servers' components add up to."""
    return sum(one[index].a for one in outputs)


SIZES = [
    [5], [3, 4], [0, 7], [7, 0], [1, 1, 1, 1], [0, 0, 6, 0], [2, 0, 0, 3], [0, 9, 1, 0, 0, 0, 3, 1],
    [0] * 30 + [2, 0], [1, 0] * 16,
]  # fmt: skip


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_what_slots_hold_comes_to_their_places_and_sums_of_places_to_slots(sizes):
    rng, n, slots = np.random.default_rng(sum(sizes)), sum(sizes), len(sizes)
    numbers = np.repeat(np.arange(slots), sizes)
    starts = np.cumsum(sizes) - sizes
    mine = [rng.integers(0, 2**bits, slots, np.uint64) for bits in (64, 7)]
    theirs = [rng.integers(0, 2**bits, n, np.uint64) for bits in (64, 7)]

    async def protocol(server, numbers, starts, *columns):
        lots = Lots(n, 1, None) if slots == 1 else await lots_of(server, numbers, starts)
        short = within(server, 7)
        kept = [Column(columns[0], 64), Column(narrow_share(short, columns[1]), 7)]
        summed = [Column(columns[2], 64), Column(narrow_share(short, columns[3]), 7)]
        there, back = await server.party.gather(lots.to_places(server, kept), lots.to_slots(server, summed))
        again = await lots.to_places(server, kept)  # by the same order, under fresh masks
        return there + back + again

    inputs = [numbers, starts, *mine, *theirs]
    outputs, rounds, _ = run(protocol, *(dealt(one, 64, seed=i) for i, one in enumerate(inputs)), ring=RING)
    assert rounds == (0 if slots == 1 else 10)
    sums = [np.array([one[numbers == slot].sum() for slot in range(slots)], np.uint64) for one in theirs]
    wanted = [mine[0][numbers], mine[1][numbers], *sums, mine[0][numbers], mine[1][numbers]]
    for index, one in enumerate(wanted):
        mask = np.uint64(2 ** (7 if index % 2 else 64) - 1)
        np.testing.assert_array_equal(
            added(outputs, index).astype(np.uint64) & mask, one & mask, str(index)
        )
