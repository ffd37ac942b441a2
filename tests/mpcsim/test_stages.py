"""Children of a gather that go through their stages one after the other."""

import pytest

from mpcsim import DeadlockError, Network, PartyError, UsageError, simulate

LATENCY = Network(latency="10 ms")


async def turn(party):
    """One round round the ring."""
    party.send((party.id + 1) % party.n, party.id)
    return await party.recv((party.id - 1) % party.n)


def pipeline(children, rounds, seen=None):
    """Return a program of children that spend `rounds[s]` rounds in their stage s."""

    async def child(party, number):
        for stage, count in enumerate(rounds):
            await party.stage()
            if seen is not None and party.id == 0:
                seen.append(("in", stage, number))
            for _ in range(count):
                await turn(party)
            if seen is not None and party.id == 0:
                seen.append(("out", stage, number))
        return number

    async def program(party):
        with party.span("all"):
            return await party.gather(*(child(party, number) for number in range(children)))

    return program


@pytest.mark.parametrize("children", [1, 2, 7])
@pytest.mark.parametrize("rounds", [(1,), (3, 1), (1, 2, 5, 1), (2, 0, 2)])
def test_equal_children_take_one_path_and_then_the_longest_stage_each(children, rounds):
    run = simulate(pipeline(children, rounds), network=LATENCY)
    wanted = sum(rounds) + (children - 1) * max(rounds)
    assert run.rounds == run.span("all").rounds == wanted
    assert run.makespan_ns == wanted * 10_000_000
    assert run.outputs == [list(range(children))] * 3


def test_one_child_is_in_a_stage_at_a_time_in_order():
    seen = []
    simulate(pipeline(5, (1, 4, 2)), network=LATENCY, seed=1)
    simulate(pipeline(5, (1, 4, 2), seen), network=LATENCY)
    for stage in range(3):
        visits = [(kind, child) for kind, at, child in seen if at == stage]
        assert visits == [(kind, child) for child in range(5) for kind in ("in", "out")]


@pytest.mark.parametrize("compute", ["none", "measured"])
def test_parties_agree_on_the_order_whatever_the_network(compute):
    network = Network(latency="1 ms", jitter={"distribution": "exponential", "scale": "30 ms"})
    run = simulate(pipeline(6, (2, 1, 3)), network=network, seed=4, compute=compute)
    assert run.rounds == 6 + 5 * 3


def test_a_child_that_ends_early_leaves_all_its_stages():
    async def child(party, stages):
        for _ in range(stages):
            await party.stage()
            await turn(party)

    async def program(party):
        await party.gather(child(party, 1), child(party, 3), child(party, 0), child(party, 2))

    # 1 | 2 to 4 | at once, but behind nobody in no stage | 1, since who was before it has ended
    assert simulate(program, network=LATENCY).rounds == 4


def test_a_depth_is_joined_even_where_nothing_had_to_wait():
    async def first(party):
        await party.stage()
        await turn(party)
        await turn(party)
        await party.stage()

    async def second(party):
        await party.sleep("1 s")
        await party.stage()
        await turn(party)

    async def program(party):
        await party.gather(first(party), second(party))

    assert simulate(program, network=LATENCY).rounds == 3


def test_outside_a_gather_there_is_nothing_to_wait_for():
    async def program(party):
        await party.stage()
        await turn(party)
        await party.stage()

    assert simulate(program, network=LATENCY, trace=True).rounds == 1


def test_an_error_in_a_stage_ends_the_run_and_a_deadlock_names_who_queues():
    async def fails(party):
        await party.stage()
        raise ValueError("no")

    async def waits(party):
        await party.stage()
        await party.recv((party.id + 1) % party.n)

    async def queues(party):
        await party.stage()

    with pytest.raises(PartyError, match="ValueError: no"):
        simulate(lambda party: _both(party, fails(party), queues(party)))
    with pytest.raises(DeadlockError, match="waits for the sub-protocol before it to leave a stage"):
        simulate(lambda party: _both(party, waits(party), queues(party)))


async def _both(party, *children):
    await party.gather(*children)


def test_a_party_is_called_from_its_own_coroutine():
    parties = []

    async def program(party):
        parties.append(party)

    simulate(program, parties=2)
    with pytest.raises(UsageError, match="outside its own coroutine"):
        parties[0].stage().send(None)


def test_an_observer_takes_the_values_in_place_of_the_run():
    taken = []

    async def program(party):
        party.observe("state", party.id)
        await turn(party)

    for compute in ("none", "measured"):
        taken.clear()
        run = simulate(program, compute=compute, observer=lambda *one: taken.append(one))
        assert sorted(taken) == [("state", 0, 0), ("state", 1, 1), ("state", 2, 2)]
        assert run.observed == {}
