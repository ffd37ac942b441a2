"""Means of leaves on any family: exact floors of quotients, of targets of either sign."""

import os

import numpy as np
import pytest

from mpcsim import simulate
from protocols.domains import Ring
from protocols.family import Terms
from protocols.paths import MEAN_BITS, means
from scenarios.families import families

FAMILIES = families()
RING = Ring(64, 16, 31)
BITS, ROWS = 12, 4000
NAMES = FAMILIES if os.environ.get("MPCSIM_LONG") else ["plain", "replicated3", "replicated3_malicious"]


def _found(name, sums, sizes):
    family = FAMILIES[name]
    terms = Terms(RING, family.Choices(), family.roster())

    async def client(party):
        for channel, each in (("sums", sums), ("sizes", sizes)):
            with party.channel(channel):
                family.give(party, terms, RING.encode_integers(each))
        return RING.signed(await family.learn(party, terms, sums.shape))

    async def server(party):
        me, given = await family.join(party, terms), []
        for channel in ("sums", "sizes"):
            with party.channel(channel):
                given.append(await me.take("client", sums.shape))
        with me.online():
            found = await means(me, *given, BITS, ROWS)
            await me.settle()
        me.show(found, "client")

    run = simulate(roles={**dict.fromkeys(terms.roster.actors, server), "client": client}, seed=3)
    return run.outputs["client"]


@pytest.mark.parametrize("name", NAMES)
def test_means_are_floors_of_exact_quotients(name):
    rng = np.random.default_rng(list(FAMILIES).index(name))
    most = (1 << BITS) - 1
    sizes = np.array([1, 1, 2, 3, 3, ROWS, ROWS, *rng.integers(1, ROWS, 4)])
    edges = [most, -most, -1, 2, -2, -most * ROWS, most * ROWS]
    sums = np.array([*edges, *(rng.integers(-most, most + 1) * one for one in sizes[7:])])
    assert np.array_equal(_found(name, sums, sizes), (sums << (MEAN_BITS - BITS)) // sizes)
