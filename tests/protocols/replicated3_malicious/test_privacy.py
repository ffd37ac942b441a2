"""Before the check every message is uniform to its receiver, whatever that one said before: lies included.

The inputs are public constants: a message that its sender forgot to mask shows, alone or beside another
that the receiver got or sent. The packed bytes of a message are what is looked at.
"""

import numpy as np
import pytest

from mpcsim import Puppet, simulate
from protocols import kernels, proven_tables, tables
from protocols.domains import Ring
from protocols.family import Terms
from protocols.functions import equal, less_than, multiply, multiply_fixed, relu
from protocols.replicated3_malicious import MaliciousChoices, ReplicatedMalicious, constructions
from protocols.replicated3_malicious.sharings import Checked

N = 49_152  # a plane of a third is 2048 bytes
FAR = 6.5  # standard deviations of χ²
RING = Ring(16, 4, 9)


async def _bits(me, x):
    return await me.compose(await me.decompose(x))


async def _checked(me, x, y):
    await multiply(me, await multiply(me, x, y), y)
    await me.settle()


async def _moved(me, x):
    columns = [tables.Column(x, 16), tables.Column(x, 16, xor=True)]
    (one, _), by = await proven_tables.shuffle(me, columns)
    await proven_tables.unshuffle(me, by, [tables.Column(one, 16)])


async def _placed(me, x):
    for turns in range(3):
        server = me.server.rotated(turns)
        hot = await constructions.one_hot(server, me.reshape(x, (1, N)), 1, 16)
        await constructions.multiply(server, hot, hot, 16)


PROGRAMS = {
    "multiply": (multiply_fixed, 2), "relu": (relu, 1), "less than": (less_than, 2), "equal": (equal, 2),
    "bits": (_bits, 1), "moved rows": (_moved, 1), "digits": (_placed, 1), "cut": (_checked, 2),
    "sacrifice": (_checked, 2), "mac": (_checked, 2),
}  # fmt: skip
BASELINES = ("cut", "sacrifice", "mac")
"""Whose check opens what is hidden by random numbers, before it knows of a lie."""


def _deviation(words):
    counts = np.bincount(words.reshape(-1), minlength=256)
    expected = counts.sum() / 256
    return (((counts - expected) ** 2 / expected).sum() - 255) / np.sqrt(2 * 255)


def _worst(name, place, lies, masked=True, monkeypatch=None):
    """Return the greatest deviation of what a server gets, alone and beside what it got and sent before."""
    program, count = PROGRAMS[name]
    choices = MaliciousChoices(verification=name, security=16) if name in BASELINES else MaliciousChoices()
    terms = Terms(RING, choices, ReplicatedMalicious.roster())
    words = np.full(N, 3, RING.dtype)
    known, worst = [], []

    async def server(party):
        me = await ReplicatedMalicious.join(party, terms)
        await program(me, *[me.public(words)] * count)

    def sent(to, payload):
        lie = [
            one + np.uint8(1) if lies and isinstance(one, np.ndarray) else one for one in _parts(payload)
        ]
        known.extend(one for one in lie if isinstance(one, np.ndarray))
        return lie if isinstance(payload, list) else lie[0]

    def received(source, payload):
        for one in _parts(payload):
            if isinstance(one, np.ndarray) and one.size >= 1024:
                alike = [other for other in known if other.size == one.size]
                flat = one.reshape(-1)
                worst.append(_deviation(flat))
                worst.extend(_deviation(flat ^ other.reshape(-1)) for other in alike)
                known.append(one)
        return payload

    async def watched(party, honest):
        return await honest(Puppet(party, sent, received))

    if not masked:
        monkeypatch.setattr(Checked, "random", lambda me, key, purpose, shape, dtype=None: kernels.zeros(
            shape, dtype or me.ring.dtype))  # fmt: skip
    roles = dict.fromkeys(terms.roster.servers, server)
    simulate(roles=roles, seed=3, adversaries={f"server{place}": watched})
    assert len(worst) > 2
    return max(worst)


def _parts(payload):
    return payload if isinstance(payload, list) else [payload]


@pytest.mark.parametrize("lies", [False, True], ids=["honest", "lying"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_every_message_is_uniform_to_a_server_whether_it_lies_or_not(name, lies):
    for place in range(3):
        assert _worst(name, place, lies) < FAR


@pytest.mark.parametrize("name", PROGRAMS)
def test_without_masks_it_shows(name, monkeypatch):
    assert _worst(name, 0, False, False, monkeypatch) > FAR
