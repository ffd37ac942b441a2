"""The wall clock: the same run in real time."""

import numpy as np

from mpcsim import Network, simulate


async def _probe(party):
    """Send one message of a thousand bytes round the ring, ten times."""
    after, before = (party.id + 1) % 3, (party.id - 1) % 3
    message = np.arange(1000).astype(np.uint8)
    for _ in range(10):
        if party.id != 0:
            message = await party.recv(before)
        party.send(after, message)
        if party.id == 0:
            message = await party.recv(before)
    return message.sum()


def test_the_makespan_of_the_probe_is_within_three_percent_of_the_virtual_one():
    network = Network("20 ms", "220 Mbit/s")
    virtual = simulate(_probe, parties=3, network=network)
    wall = [simulate(_probe, parties=3, network=network, clock="wall") for _ in range(2)]
    assert virtual.makespan <= min(run.makespan for run in wall) <= 1.03 * virtual.makespan
    for run in wall:
        assert (run.rounds, run.wire_bytes, run.outputs) == (30, virtual.wire_bytes, virtual.outputs)


def test_every_effect_of_the_network_works_in_real_time():
    network = Network(
        "2 ms",
        "8 Mbit/s",
        loss=0.2,
        retransmission_timeout="5 ms",
        jitter={"distribution": "uniform", "maximum": "1 ms"},
        downlink="8 Mbit/s",
    )
    virtual = simulate(_probe, parties=3, network=network, seed=1)
    wall = simulate(_probe, parties=3, network=network, seed=1, clock="wall")
    assert (wall.resent, wall.outputs, wall.rounds) == (virtual.resent, virtual.outputs, virtual.rounds)
    assert virtual.makespan <= wall.makespan <= 1.2 * virtual.makespan


def test_in_real_time_the_compute_of_all_parties_adds_up():
    """One process runs all: the makespan lies between compute in parallel and compute in series."""

    async def program(party):
        for _ in range(5):
            sum(range(300_000))
            party.send((party.id + 1) % 3, 1)
            await party.recv((party.id - 1) % 3)

    network = Network("5 ms")
    pure = simulate(program, parties=3, network=network).makespan
    parallel = simulate(program, parties=3, network=network, compute="measured")
    wall = simulate(program, parties=3, network=network, clock="wall", compute="measured")
    assert pure == 0.025
    assert parallel.makespan > pure + 0.01
    assert wall.makespan > pure + max(party.compute_ns for party in wall.per_party) / 1e9
    assert wall.rounds == parallel.rounds == 5


def test_a_slow_processor_is_slow_in_real_time():
    async def program(party):
        sum(range(1_000_000))
        return party.now

    run = simulate(program, parties=2, clock="wall", compute="measured", speed={"party1": 0.1})
    assert run.per_party[1].compute_ns > 5 * run.per_party[0].compute_ns
    assert run.makespan >= run.per_party[1].compute_ns / 1e9
