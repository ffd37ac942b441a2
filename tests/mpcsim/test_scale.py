"""Any number of parties, from one to many, with roles and without."""

import pytest

from mpcsim import Network, simulate


async def _all_to_all(party):
    for other in range(party.n):
        if other != party.id:
            party.send(other, party.id)
    return sum([await party.recv(other) for other in range(party.n) if other != party.id])


@pytest.mark.parametrize("parties", [1, 2, 3, 10, 200])
def test_any_number_of_parties_exchange_all_to_all(parties):
    run = simulate(_all_to_all, parties=parties, network=Network("10 ms", "1 Gbit/s"))
    total = parties * (parties - 1) // 2
    assert run.outputs == [total - id for id in range(parties)]
    assert run.messages == len(run.links) == parties * (parties - 1)
    assert run.rounds == min(parties - 1, 1)


def test_a_thousand_parties_pass_a_token_round():
    async def program(party):
        if party.id:
            await party.recv(party.id - 1)
        if party.id < party.n - 1:
            party.send(party.id + 1, "token")

    run = simulate(program, parties=1000, network=Network("1 ms"))
    assert (run.rounds, run.makespan) == (999, 0.999)


def test_a_hundred_senders_share_one_downlink():
    """Each gets a hundredth: all messages, of 12 wire bytes, are there after 1200 bytes at 8 Mbit/s."""

    async def program(party):
        if party.id:
            party.send(0, "x")
        else:
            for other in range(1, party.n):
                await party.recv(other)

    run = simulate(program, parties=101, network=Network("1 ms", downlink={"party0": "8 Mbit/s"}))
    assert run.wire_bytes == 1200
    assert run.makespan_ns == 1_000_000 + 1_200_000


def test_roles_name_parties_of_any_kind():
    async def server(party):
        return await party.recv("hospital")

    async def hospital(party):
        for server in ("server0", "server1"):
            party.send(server, server[-1])

    run = simulate(roles={"server0": server, "server1": server, "hospital": hospital})
    assert run.outputs == {"server0": "0", "server1": "1", "hospital": None}
