"""Receiving from any of several, quorums, channels that are left; and their replay."""

import random

import pytest

from analysis.replay import NotRetimable, build, replay
from mpcsim import DeadlockError, Network, UsageError, simulate


def _matrix(milliseconds):
    return [
        ["" if i == j else f"{one} ms" for j, one in enumerate(row)] for i, row in enumerate(milliseconds)
    ]


async def _collect(party):
    """Party 0 takes what comes first from the others, who send twice."""
    if party.id:
        party.send(0, party.id)
        party.send(0, 10 + party.id)
        return None
    return [await party.recv_any() for _ in range(2 * (party.n - 1))]


def test_the_first_to_arrive_is_the_first_to_be_received():
    network = Network(latency=_matrix([[0] * 4, [30] * 4, [10] * 4, [20] * 4]))
    found = simulate(_collect, parties=4, network=network).outputs[0]
    assert found == [(2, 2), (2, 12), (3, 3), (3, 13), (1, 1), (1, 11)]


def test_equal_times_are_taken_in_the_order_of_arrival():
    assert [one for one, _ in simulate(_collect, parties=4).outputs[0]] == [1, 1, 2, 2, 3, 3]


def test_what_waits_is_taken_in_the_order_in_which_it_came():
    async def program(party):
        if party.id:
            await party.sleep(f"{party.id} ms")
            party.send(0, "a")
            await party.sleep("2 ms")  # 3 and 4: party 1 is before party 2
            party.send(0, "b")
            return None
        await party.recv_any([1])
        await party.sleep("1 s")
        return [source for source, _ in [await party.recv_any() for _ in range(3)]]

    assert simulate(program, parties=3).outputs[0] == [2, 1, 2]


def test_a_quorum_and_a_channel_that_is_left():
    async def program(party):
        with party.channel("votes"):
            if party.id:
                await party.sleep(f"{party.id} ms")
                party.send("party0", party.id)
                return None
            found = await party.recv_quorum(["party1", "party2", "party3"], 2)
            party.leave_channel()
        await party.sleep("1 s")
        return found

    run = simulate(program, parties=4, trace=True)
    assert run.outputs[0] == [(1, 1), (2, 2)]
    with pytest.raises(DeadlockError, match="1 messages were never read"):
        simulate(_without_leaving, parties=4)


async def _without_leaving(party):
    if party.id:
        party.send(0, None)
    else:
        await party.recv_quorum(None, 2)


def test_rounds_of_a_quorum_are_those_of_what_it_took():
    async def program(party):
        if party.id == 2:
            await party.recv(1)
            party.send(0, "late")
        elif party.id == 1:
            party.send(2, None)
            party.send(0, "soon")
        else:
            found = await party.recv_any([1, 2])
            party.leave_channel()
            return found
        return None

    run = simulate(program, parties=3, network=Network(latency="1 ms"))
    assert (run.outputs[0], run.rounds) == ((1, "soon"), 1)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda party: party.recv_any([]), "one source or more"),
        (lambda party: party.recv_any([1, 1]), "each once"),
        (lambda party: party.recv_any([0]), "cannot receive from"),
        (lambda party: party.recv_any(["nobody"]), "cannot reach"),
        (lambda party: party.recv_any("party1"), "a list of sources"),
        (lambda party: party.recv_quorum([1], 2), "0 to 1"),
        (lambda party: party.recv_quorum([1], True), "0 to 1"),
    ],
)
def test_misuse_is_refused(call, said):
    async def program(party):
        if party.id == 0:
            await call(party)

    with pytest.raises(UsageError, match=said):
        simulate(program, parties=2)


def test_who_waits_for_any_is_listed_in_a_deadlock():
    async def program(party):
        if party.id == 0:
            await party.recv_any([1, 2])

    with pytest.raises(DeadlockError, match=r"any of parties 1 \(party1\), 2 \(party2\)"):
        simulate(program, parties=3)


def test_receiving_on_a_channel_that_was_left_is_refused():
    async def program(party):
        party.leave_channel()
        await party.recv(1 - party.id)

    with pytest.raises(UsageError, match="that it left"):
        simulate(program, parties=2)


@pytest.mark.parametrize("compute", ["none", "measured"])
def test_a_replay_chooses_alike_or_is_refused_by_name(compute):
    fast = Network(latency=_matrix([[0] * 3, [100] * 3, [300] * 3]))
    run = simulate(_collect, parties=3, network=fast, trace=True, compute=compute)
    structure = build(run.events, ["party0", "party1", "party2"], measured=compute == "measured")
    same = Network(latency=_matrix([[0] * 3, [400] * 3, [900] * 3]))
    found = replay(structure, same)
    if compute == "none":
        assert found.makespan_ns == simulate(_collect, parties=3, network=same).makespan_ns
    other = Network(latency=_matrix([[0] * 3, [900] * 3, [400] * 3]))
    with pytest.raises(NotRetimable, match="party0 receives first from party2, and in the run from party1"):
        replay(structure, other)


def _random_program(seed):
    async def program(party):
        draws = random.Random(f"{seed}/{party.id}")
        for step in range(4):
            with party.channel(f"step {step}"):
                for to in range(party.n):
                    if to != party.id:
                        party.send(to, bytes(draws.randrange(2000)))
                await party.recv_quorum(None, draws.randrange(1, party.n))
                if draws.random() < 0.5:
                    await party.sleep(draws.random() / 50)
                party.leave_channel()

    return program


@pytest.mark.parametrize("seed", range(12))
def test_replays_of_random_programs_equal_runs_or_are_refused(seed):
    program = _random_program(seed)
    draws = random.Random(seed)
    first = Network(
        latency=_matrix([[draws.randrange(1, 50) for _ in range(4)] for _ in range(4)]),
        bandwidth="5 Mbit/s",
    )
    run = simulate(program, parties=4, network=first, trace=True)
    structure = build(run.events, [f"party{id}" for id in range(4)], measured=False)
    assert replay(structure, first).makespan_ns == run.makespan_ns
    for bandwidth, jitter in (
        ("4 Mbit/s", None),
        ("50 Mbit/s", {"distribution": "uniform", "maximum": "3 ms"}),
    ):
        other = Network(
            latency=first.latency, bandwidth=bandwidth, **({"jitter": jitter} if jitter else {})
        )
        fresh = simulate(program, parties=4, network=other, seed=seed, trace=True)
        try:
            found = replay(structure, other, seed)
        except NotRetimable:
            assert _received(run) != _received(fresh)
        else:
            assert found.makespan_ns == fresh.makespan_ns
            assert _received(run) == _received(fresh)


def _received(run):
    """Return by party from whom it received, in order."""
    found = {}
    for event in run.events:
        if event["kind"] == "recv":
            found.setdefault(event["party"], []).append(event["peer"])
    return found
