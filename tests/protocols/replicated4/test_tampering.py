"""Whoever alters any message of any operation: the result is right, or all who are honest abort."""

import os

import numpy as np
import pytest
from jointly import PROGRAMS, RINGS, SERVERS, SMALL, given, links, right, run

from mpcsim import Puppet
from mpcsim.faults import WITHHELD, Tamper
from protocols.replicated4.ledger import Ledger

ROLES = [f"server{i}" for i in range(SERVERS)] + ["client"]
WAYS = [
    {"how": "add", "value": 1},
    {"how": "add", "value": 128},
    {"how": "replace", "value": 7},
    {"how": "replace", "value": "nothing"},
    {"how": "replay"},
]
SIZE = 3
LONG = bool(os.environ.get("MPCSIM_LONG"))


def _outcome(name, source, ring=SMALL, size=SIZE, **more):
    """Return "right", "aborted" or, what must never be, "wrong", of those who are honest."""
    inputs = given(name, size)
    found = run(name, size, ring, *inputs, **more)
    honest = [role for place, role in enumerate(ROLES) if place != source]
    aborted = [role for role in honest if found.outcomes[role] == "aborted"]
    if len(aborted) == len(honest):
        return "aborted"
    return "wrong" if aborted or not right(name, ring, found, *inputs) else "right"


def _outcomes(name, way=None):
    """Tamper with messages in turn, in one way or each in turn; yield where, and what comes of it.

    Without MPCSIM_LONG=1 with every second one; ways and links go through all of both.
    """
    for number, (source, to, message) in enumerate(links(run(name, SIZE, SMALL))):
        if not LONG and number // len(WAYS) % 2:
            continue
        chosen = WAYS[number % len(WAYS)] if way is None else way
        rule = Tamper(source=source, to=to, messages=message, **chosen)
        yield source, to, message, chosen, _outcome(name, source, faults=[rule])


@pytest.mark.parametrize("way", WAYS if LONG else [None], ids=str)
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_message_that_is_altered_makes_all_abort_or_does_nothing(name, way):
    found = list(_outcomes(name, way))
    assert [one for one in found if one[-1] == "wrong"] == []
    assert any(one[-1] == "aborted" for one in found if one[0] < SERVERS and one[1] < SERVERS)


@pytest.mark.parametrize("name", ["multiply", "multiply_fixed", "relu", "conv2d"])
def test_without_digests_a_wrong_result_goes_through(name, monkeypatch):
    monkeypatch.setattr(Ledger, "agrees", lambda me, voucher, told: True)
    assert any(one[-1] == "wrong" for one in _outcomes(name, WAYS[0]))


@pytest.mark.parametrize("name", ["multiply_fixed", "reveal"])
def test_a_message_that_stays_away_makes_all_abort_where_patience_ends(name):
    for source, to, message in links(run(name, SIZE, SMALL)):
        if source == SERVERS:
            continue
        rule = Tamper(source=source, to=to, messages=message, how="withhold")
        assert _outcome(name, source, patience="2 s", faults=[rule]) != "wrong"


@pytest.mark.parametrize("liar", range(SERVERS))
@pytest.mark.parametrize("victim", range(SERVERS + 1))
def test_what_is_shown_is_right_whoever_lies_about_it(liar, victim):
    if victim == liar:
        return

    async def lie(party, honest):
        def send(to, payload):
            told = to if isinstance(to, int) else ROLES.index(to)
            shown = isinstance(payload, list) and len(payload) == 3 and told == SERVERS
            return [np.zeros_like(payload[0]), "?", bytes(16)] if shown and told == victim else payload

        return await honest(Puppet(party, send))

    assert _outcome("multiply", liar, adversaries={ROLES[liar]: lie}) == "right"


@pytest.mark.parametrize("liar", range(SERVERS))
@pytest.mark.parametrize("size", [1, 4])
def test_honest_servers_agree_though_one_says_different_things_to_each(liar, size):
    """Verdicts of one byte, echoes of four: the liar says that all is well, or not, as it likes."""
    for told in range(1, 2 ** (SERVERS - 1)):

        async def lie(party, honest, told=told):
            def send(to, payload):
                number = (ROLES.index(to) if isinstance(to, str) else to) % SERVERS
                if not (isinstance(payload, bytes) and len(payload) == size):
                    return payload
                return bytes(size) if told >> (number - (number > liar)) & 1 else payload

            return await honest(Puppet(party, send))

        assert _outcome("multiply", liar, adversaries={ROLES[liar]: lie}) != "wrong"


@pytest.mark.parametrize("quiet", range(SERVERS))
def test_a_server_that_falls_silent_at_the_end_keeps_nobody_from_the_result_alone(quiet):
    async def mute(party, honest):
        def send(to, payload):
            return WITHHELD if isinstance(payload, bytes) and len(payload) == 4 else payload

        return await honest(Puppet(party, send))

    assert _outcome("multiply", quiet, patience="2 s", adversaries={ROLES[quiet]: mute}) == "right"


def test_a_client_that_gives_servers_different_numbers_is_refused():
    for place in range(SERVERS):
        rule = Tamper(source=SERVERS, to=place, messages=0, how="add", value=1)
        assert _outcome("multiply", SERVERS, faults=[rule]) == "aborted"


@pytest.mark.parametrize(
    ("name", "ring"), [("multiply_fixed", RINGS[2])] + LONG * [("divide", RINGS[0]), ("sigmoid", RINGS[0])]
)
def test_the_digests_of_a_larger_ring_hold_as_well(name, ring):
    inputs = given(name, 2)
    for source, to, message in links(run(name, 2, ring, *inputs)):
        if source < SERVERS and to < SERVERS:
            rule = Tamper(source=source, to=to, messages=message, how="add", value=64)
            assert _outcome(name, source, ring, 2, faults=[rule]) != "wrong"


@pytest.mark.parametrize("dtype", [np.int8, np.bool_, np.uint16, np.float64])
def test_the_same_bytes_or_numbers_in_another_type_do_no_harm(dtype):
    """What an array's numbers are must not depend on what its digest does not say."""

    async def lie(party, honest):
        def send(to, payload):
            if isinstance(payload, list) and len(payload) == 3 and isinstance(payload[0], np.ndarray):
                first = payload[0].view(np.uint16 if dtype == np.uint16 else np.int8)
                return [first, payload[1].astype(np.uint16), payload[2]]
            if not isinstance(payload, np.ndarray):
                return payload
            same_bytes = np.dtype(dtype).itemsize == 1
            return payload.view(dtype) if same_bytes else payload.astype(dtype)

        return await honest(Puppet(party, send))

    for liar in range(SERVERS):
        assert _outcome("multiply_fixed", liar, adversaries={ROLES[liar]: lie}) != "wrong"
