"""Any number of parties, from one to many, with roles and without."""

import tracemalloc
from contextlib import suppress

import pytest

from mpcsim import DeadlockError, Network, simulate


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


def _peak(parties):
    """Return the most memory, in bytes, that a ring of so many parties takes."""

    async def ring(party):
        party.send((party.id + 1) % party.n, 1)
        await party.recv((party.id - 1) % party.n)

    tracemalloc.start()
    try:
        run = simulate(ring, parties=parties, network=Network("1 ms", "1 Gbit/s"))
        assert len(run.links) == parties
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_grows_with_the_links_that_are_used():
    _peak(10)
    few, many = _peak(500), _peak(4000)
    assert many < 8 * 1.3 * few


def test_accounts_of_links_are_those_of_the_messages():
    async def program(party):
        for number in range(party.id + 1):
            for other in {(party.id + 1) % party.n, (party.id + 2) % party.n}:
                party.send(other, [number] * other)
        for other in range(party.n):
            if party.id in {(other + 1) % party.n, (other + 2) % party.n} - {other}:
                for _ in range(other + 1):
                    await party.recv(other)

    run = simulate(program, parties=5)
    assert list(run.links) == sorted(run.links)
    assert {link: account.messages for link, account in run.links.items()} == {
        (id, (id + step) % 5): id + 1 for id in range(5) for step in (1, 2)
    }
    for id, party in enumerate(run.per_party):
        sent = [account for (sender, _), account in run.links.items() if sender == id]
        assert party.sent.payload_bytes == sum(account.payload_bytes for account in sent)
        assert party.sent.wire_bytes == sum(account.wire_bytes for account in sent)
    assert (0, 3) not in run.links
    for link in ((0, 3), (7, 0), (-1, 0), (0, 99)):
        with pytest.raises(KeyError):
            run.links[link]


def test_spans_and_gathers_thousands_deep_are_collected_without_recursion():
    depth = 1500

    async def program(party, left=depth):
        with party.span(f"s{left % 3}"):
            if left:
                await party.gather(program(party, left - 1))
            else:
                party.send(1 - party.id, "x")
                await party.recv(1 - party.id)

    run = simulate(program, parties=2)
    assert len(run.spans) == depth + 1
    assert {span.messages for span in run.spans} == {2}
    assert {span.rounds for span in run.spans} == {1}


def test_a_deadlock_of_many_parties_is_said_at_once(calls):
    """Each of n parties sends to all and reads from nobody: n² messages, counted once."""

    async def program(party):
        for other in range(party.n):
            if other != party.id:
                party.send(other, 1)
        await party.sleep(1)
        with party.channel("nobody"):
            await party.recv((party.id + 1) % party.n)

    def cost(parties):
        with suppress(DeadlockError):
            simulate(program, parties=parties)

    with pytest.raises(DeadlockError, match=r"\A.*\n120 wait:\n(.*\n){20}  … and 100 more\n14280 messages"):
        simulate(program, parties=120)
    assert calls(lambda: cost(150)) < 7 * calls(lambda: cost(60))  # 6.3 times the messages


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
