"""The last verdict: of two honest servers both go on or neither does, whatever the third says to whom."""

import itertools
import os
from collections import Counter

import numpy as np
import pytest
from claimed import PROGRAMS, RING, run

from mpcsim import Network, Puppet, simulate
from mpcsim.faults import WITHHELD
from protocols import kernels
from protocols.replicated3_malicious import MaliciousChoices, ReplicatedMalicious, verdicts
from protocols.replicated3_malicious.sharings import Checked

LONG = bool(os.environ.get("MPCSIM_LONG"))
NAMES = ("server0", "server1", "server2")
WAYS = ("as it should be", "another", "nothing")
HONEST, GARBLED = (WAYS[0], "nothing"), ("another", "another")
"""Of token and what is handed on."""
PATIENCE = "1 s"
TOKENS = 5, 7
"""Number of the token among a server's messages in a product of two, to the one after and before it."""


class _Gone(Exception):
    """The liar has had enough."""


def _liar(ways, stops=None, first=(1, 1)):
    """Return an adversary that says each of its last words in a way of its own, and stops after some.

    Args:
        ways: by receiver (the one after, the one before) and word.
        stops: after so many words it aborts.
        first: number of the first of these words on each of the two links; the rest is as it should be.
    """

    async def lie(party, honest):
        sent, said = Counter(), itertools.count()

        def change(to, payload):
            if to not in NAMES:
                return payload
            link = (NAMES.index(to) - NAMES.index(party.role)) % 3 - 1
            number = sent[to] - first[link]
            sent[to] += 1
            if not 0 <= number < len(ways[link]):
                return payload
            if stops is not None and next(said) >= stops:
                raise _Gone
            way = ways[link][number]
            if way == "nothing":
                return WITHHELD
            return payload if way == WAYS[0] else bytes(32)

        try:
            return await honest(Puppet(party, change))
        except _Gone:
            await party.abort("enough")

    return lie


def _end(step, place, liar, network=None):
    """Return how the two honest servers end that do nothing but hear each other's verdict."""

    async def server(party):
        await step(await Checked.enter(party, RING, NAMES, kernels, PATIENCE))

    found = simulate(
        roles=dict.fromkeys(NAMES, server), seed=3, network=network, adversaries={NAMES[place]: liar}
    )
    return [found.outcomes[name] for name in NAMES if name != NAMES[place]]


def _all_ways(words):
    return itertools.product(itertools.product(WAYS, repeat=words), repeat=2)


@pytest.mark.parametrize("place", range(3))
def test_whatever_a_liar_says_to_whom_both_honest_servers_go_on_or_neither(place):
    ends = Counter()
    for number, ways in enumerate(_all_ways(3)):
        if LONG or number % 3 == place:
            one, other = _end(verdicts.release, place, _liar(ways))
            assert one == other, ways
            ends[one] += 1
    assert set(ends) == {"finished", "aborted"}


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("stops", range(7))
def test_wherever_a_liar_stops_both_honest_servers_go_on_or_neither(place, stops):
    for ways in [(WAYS[:1] * 3,) * 2, (WAYS[:1] * 3, WAYS[2:] * 3), (WAYS[2:] * 3, WAYS[:1] * 3)]:
        one, other = _end(verdicts.release, place, _liar(ways, stops))
        assert one == other, ways


@pytest.mark.parametrize("late", ["0.9 s", "1.1 s", "1.9 s", "2.5 s", "4.5 s"])
@pytest.mark.parametrize("place", range(3))
def test_however_late_a_liar_is_with_one_both_honest_servers_go_on_or_neither(place, late):
    after = (place + 1) % 3
    slow = Network(latency="10 ms", links=[{"source": place, "to": after, "latency": late}])
    for ways in itertools.product(WAYS, repeat=2):
        liar = _liar((("as it should be", ways[0], WAYS[0]), ("as it should be", ways[1], WAYS[0])))
        one, other = _end(verdicts.release, place, liar, slow)
        assert one == other, ways


def test_a_plain_word_of_each_splits_them():
    """The control: what `release` is for."""
    ends = [_end(verdicts.agree, 0, _liar(ways)) for ways in _all_ways(1)]
    assert any(one != other for one, other in ends)


def _computed(liar, place):
    """Return how honest servers end, and the client's output, where a server lies about a product's end."""
    program = PROGRAMS["multiply"]
    inputs = program.inputs(np.random.default_rng(3), 2)
    found, _ = run(
        program.run,
        inputs,
        program.shape(2),
        family=ReplicatedMalicious,
        choices=MaliciousChoices(patience=PATIENCE),
        adversaries={NAMES[place]: liar},
    )
    honest = {found.outcomes[name] for name in NAMES if name != NAMES[place]}
    return honest, found.outputs["client"], RING.encode_integers(program.want(RING, *inputs))


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("ways", [(("another",), ()), ((), ("another",))])
def test_two_images_of_one_token_end_the_run_before_any_token_is_out(ways, place):
    honest, found, _ = _computed(_liar(ways, first=(0, 0)), place)
    assert honest == {"aborted"}
    assert found is None


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("ways", [(GARBLED, HONEST), (HONEST, GARBLED)])
def test_a_token_that_one_alone_is_given_is_enough_for_both(ways, place):
    honest, found, want = _computed(_liar(ways, first=TOKENS), place)
    assert honest == {"finished"}
    assert np.array_equal(found, want)


@pytest.mark.parametrize("place", range(3))
def test_a_token_that_neither_is_given_ends_both(place):
    honest, found, _ = _computed(_liar((("nothing",), ("another",)), first=TOKENS), place)
    assert honest == {"aborted"}
    assert found is None
