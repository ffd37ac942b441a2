"""Adversaries: programs in the place of honest ones, and messages that are tampered with."""

import json

import numpy as np
import pytest

from mpcsim import DeadlockError, InputError, Network, Puppet, simulate
from mpcsim.__main__ import main
from mpcsim.faults import WITHHELD, Tamper
from mpcsim.faults.tampering import added

NETWORK = Network(latency="10 ms")


async def _commit(party):
    """Send the own number to all, and return the sum of all."""
    for to in range(party.n):
        if to != party.id:
            party.send(to, party.id + 1)
    return party.id + 1 + sum([await party.recv(one) for one in range(party.n) if one != party.id])


def test_an_attack_may_run_the_honest_program_on_a_puppet():
    heard = []

    async def lie(party, honest):
        def send(to, payload):
            return payload + 100 if to == 0 else payload

        def receive(source, payload):
            heard.append((source, payload))
            return payload

        return await honest(Puppet(party, send, receive))

    run = simulate(_commit, parties=3, network=NETWORK, adversaries={"party2": lie})
    assert run.outputs == [106, 6, 6]
    assert heard == [(0, 1), (1, 2)]
    assert run.adversaries == ["party2"]


def test_a_rushing_adversary_sees_the_others_first():
    async def rush(party, _honest):
        theirs = [await party.recv(one) for one in (0, 1)]
        for to in (0, 1):
            party.send(to, -sum(theirs))
        return theirs

    run = simulate(_commit, parties=3, network=NETWORK, adversaries={"party2": rush})
    assert run.outputs == [0, 0, [1, 2]]
    assert (run.rounds, run.makespan) == (2, 0.02)


def test_what_an_adversary_floods_or_ignores_is_no_error():
    async def flood(party, honest):
        party.send(0, "more")
        with party.channel("elsewhere"):
            party.send(1, "more")

    async def program(party):
        if party.id == 1:
            party.send(2, "never read")

    run = simulate(program, parties=3, adversaries={"party2": flood})
    assert run.finished


def test_a_withheld_message_leaves_the_honest_waiting():
    async def mute(party, honest):
        return await honest(Puppet(party, lambda to, payload: WITHHELD))

    with pytest.raises(DeadlockError, match=r"waits for party 2 \(party2\)"):
        simulate(_commit, parties=3, adversaries={"party2": mute})


@pytest.mark.parametrize(("attacks", "said"), [({"nobody": _commit}, r"adversaries\.0\.role"),
                                               ({"party1": 3}, r"adversaries\.0\.program")])  # fmt: skip
def test_attacks_that_cannot_be_are_refused(attacks, said):
    with pytest.raises(InputError, match=said):
        simulate(_commit, parties=2, adversaries=attacks)


# Tampering


async def _stream(party):
    if party.id == 0:
        for number in range(4):
            with party.channel("even" if number % 2 == 0 else "odd"):
                party.send(1, [number, np.array([number, 255], np.uint8)])
        return None
    found = []
    for number in range(4):
        with party.channel("even" if number % 2 == 0 else "odd"):
            one, two = await party.recv(0)
            found.append((one, two.tolist()))
    return found


def _tampered(**rule):
    return simulate(_stream, parties=2, network=NETWORK, faults=[Tamper(**rule)], trace=True)


HONEST = [(number, [number, 255]) for number in range(4)]


@pytest.mark.parametrize(
    ("rule", "places"),
    [
        ({"how": "add", "value": 3, "messages": 1}, {1: (4, [4, 2])}),
        ({"how": "add", "value": -1, "channel": "even"}, {0: (-1, [255, 254]), 2: (1, [1, 254])}),
        ({"how": "replace", "value": 7, "messages": 3}, {3: (7, [7, 7])}),
        ({"how": "replay", "messages": 2}, {2: HONEST[0]}),
        ({"how": "replay", "messages": 0}, {}),
        ({"how": "swap", "messages": 1}, {1: HONEST[3], 3: HONEST[1]}),
        ({"how": "add", "value": 1, "channel": "none"}, {}),
    ],
)
def test_what_tampering_does(rule, places):
    run = _tampered(**rule)
    assert run.outputs[1] == [places.get(place, value) for place, value in enumerate(HONEST)]
    acts = {act["kind"] for act in run.faults}
    assert acts == ({f"tamper: {rule['how']}"} if rule.get("channel") != "none" else set())


@pytest.mark.parametrize("how", ["withhold", "swap"])
def test_a_message_that_stays_away(how):
    with pytest.raises(DeadlockError, match=f"tamper: {how}"):
        _tampered(how=how, messages=3)


@pytest.mark.parametrize("rule", [{"how": "add"}, {"how": "swap", "value": 1}, {"how": "add", "value": "x"},
                                  {"how": "burn"}])  # fmt: skip
def test_rules_that_cannot_be_are_refused(rule):
    with pytest.raises(InputError, match=r"faults\.0"):
        simulate(_stream, parties=2, faults=[{"kind": "tamper"} | rule])


@pytest.mark.parametrize("kind", ["u1", "<i8", ">i4", "u8", "f8", "?"])
@pytest.mark.parametrize("shape", [(), (0,), (2, 3)])
@pytest.mark.parametrize("value", [1, -5, 2**70 + 1])
def test_arrays_keep_their_kind_and_shape_and_wrap(kind, shape, value):
    before = np.full(shape, 1, kind)
    after = added(before, value)
    assert (after.dtype, after.shape) == (before.dtype, shape)
    if kind == "?":
        assert not np.any(after ^ (value % 2 == 0))
    elif kind == "f8":
        assert np.all(after == 1.0 + value)
    else:
        bits = 8 * before.dtype.itemsize
        assert all((int(one) - 1 - value) % 2**bits == 0 for one in after.reshape(-1))
    assert np.all(before == 1)


USER = """
async def program(party):
    for to in range(party.n):
        if to != party.id:
            party.send(to, party.id)
    found = [await party.recv(one) for one in range(party.n) if one != party.id]
    if 99 in found:
        await party.abort("a value is out of range")
    return found

async def lie(party, honest):
    for to in range(party.n):
        if to != party.id:
            party.send(to, 99)
    return "done"
"""


@pytest.mark.parametrize("more", [(), ("--processes",)])
def test_a_scenario_with_an_adversary_and_an_abort_that_is_expected(tmp_path, more):
    (tmp_path / "user.py").write_text(USER)
    (tmp_path / "s.toml").write_text(
        'workload = "user.py:program"\nexpect = "abort"\nseed = 1\n'
        '[[adversaries]]\nrole = "party2"\nprogram = "user.py:lie"\n'
    )
    with pytest.raises(SystemExit) as ended:
        main(["run", str(tmp_path / "s.toml"), "--out", str(tmp_path / "run"), *more])
    assert ended.value.code == 0
    found = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert found["outcomes"] == {"party0": "aborted", "party1": "aborted", "party2": "finished"}
    assert found["adversaries"] == ["party2"]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('role = "party9"\nprogram = "user.py:lie"', "adversaries.0.role"),
        ('role = "party1"\nprogram = "user.py:nothing"', "adversaries.0.program"),
        ('role = "party1"', "adversaries.0.program"),
        ('role = "party1"\nprogram = "user.py:lie"\n' * 2, "adversaries.1.role"),
    ],
)  # fmt: skip
def test_tables_that_cannot_be_are_refused(tmp_path, capsys, table, said):
    (tmp_path / "user.py").write_text(USER)
    (tmp_path / "s.toml").write_text(
        'workload = "user.py:program"\n' + table.replace("role", "[[adversaries]]\nrole")
    )
    with pytest.raises(SystemExit) as ended:
        main(["run", str(tmp_path / "s.toml")])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
