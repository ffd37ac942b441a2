"""Messages: who gets what, on which channel, and what happens to those that nobody reads."""

import numpy as np
import pytest

from mpcsim import DeadlockError, Network, UsageError, simulate
from mpcsim.faults.rules import Duplicate


async def ring(party):
    party.send((party.id + 1) % party.n, party.id)
    return await party.recv((party.id - 1) % party.n)


def test_the_ring_of_the_design_runs_and_costs_one_round():
    run = simulate(ring, parties=3, network=Network(latency="88.5 ms", bandwidth="220 Mbit/s"), seed=1)
    assert run.outputs == [2, 0, 1]
    assert run.rounds == 1
    assert run.messages == 3
    assert run.payload_bytes == 3  # a small integer packs to one byte
    assert run.wire_bytes == 3 * 11
    assert run.makespan_ns == 88_500_000 + 400  # 88 bits at 220 Mbit/s


def test_messages_of_one_channel_arrive_in_the_order_in_which_they_were_sent():
    async def program(party):
        if party.id == 0:
            for number in range(50):
                party.send(1, np.zeros(1000 - 20 * number))  # later ones are smaller
                party.send(1, number)
            return None
        received = []
        for _ in range(50):
            await party.recv(0)
            received.append(await party.recv(0))
        return received

    run = simulate(program, parties=2, network=Network("5 ms", "1 Mbit/s"))
    assert run.outputs[1] == list(range(50))


def test_concurrent_sub_protocols_that_run_in_opposite_orders_keep_their_messages_apart():
    async def exchange(party, value, pause):
        for _ in range(pause):
            party.send(2, None)
            await party.recv(2)
        party.send(1 - party.id, value)
        return await party.recv(1 - party.id)

    async def echo(party, pause):
        for source in (0, 1):
            for _ in range(pause[source]):
                party.send(source, await party.recv(source))

    pauses = [(3, 0), (0, 3)]  # party 0 gets to its second child first, party 1 to its first

    async def program(party):
        if party.id == 2:
            children = (echo(party, [pauses[0][child], pauses[1][child]]) for child in (0, 1))
            return await party.gather(*children)
        return await party.gather(
            *(exchange(party, f"{party.id}{child}", pauses[party.id][child]) for child in (0, 1))
        )

    run = simulate(program, parties=3, network=Network(latency="1 ms"))
    assert run.outputs[:2] == [["10", "11"], ["00", "01"]]


def test_nested_and_repeated_gathers_have_channels_of_their_own():
    async def leaf(party, value):
        party.send(1 - party.id, (party.id, value))
        return await party.recv(1 - party.id)

    async def branch(party, value):
        return await party.gather(*(leaf(party, 10 * value + child) for child in range(2)))

    async def program(party):
        first = await party.gather(branch(party, 1), branch(party, 2))
        second = await party.gather(branch(party, 3), leaf(party, 4))
        return first + second

    run = simulate(program, parties=2)
    assert run.outputs[0] == [
        [(1, 10), (1, 11)],
        [(1, 20), (1, 21)],
        [(1, 30), (1, 31)],
        (1, 4),
    ]


def test_a_gather_of_nothing_returns_nothing():
    async def program(party):
        return await party.gather()

    assert simulate(program, parties=1).outputs == [[]]


def test_actors_of_different_structure_meet_on_a_named_channel():
    async def server(party):
        async def wait(name):
            with party.channel(name):
                return await party.recv("hospital")

        return await party.gather(wait("images"), wait("labels"))

    async def hospital(party):
        for name in ("labels", "images"):
            with party.channel(name):
                party.send("server", name)

    run = simulate(roles={"server": server, "hospital": hospital})
    assert run.outputs == {"server": ["images", "labels"], "hospital": None}


def test_waiting_twice_for_one_sender_on_one_channel_is_refused_with_advice():
    async def program(party):
        async def wait():
            with party.channel("same"):
                return await party.recv(0)

        if party.id == 1:
            await party.gather(wait(), wait())

    with pytest.raises(UsageError, match=r"two concurrent sub-protocols of party 1.*name channels"):
        simulate(program, parties=2)


@pytest.mark.parametrize("peer", [3, -1, 0, "hospital"])
def test_a_party_cannot_reach_itself_or_one_that_is_not_there(peer):
    async def sender(party):
        if party.id == 0:
            party.send(peer, 1)

    async def receiver(party):
        if party.id == 0:
            await party.recv(peer)

    for program in (sender, receiver):
        with pytest.raises(UsageError, match=r"party 0 .* the others are 1 \(party1\), 2 \(party2\)"):
            simulate(program, parties=3)


# Payloads


def _send_then(change):
    """Return a program whose party 0 sends an array, then changes it; party 1 returns what it got."""

    async def program(party):
        if party.id == 0:
            change(party)
            return None
        received = await party.recv(0)
        assert not received.flags.writeable
        return received

    return program


def test_writing_to_an_array_after_sending_it_raises():
    def change(party):
        array = np.arange(5)
        party.send(1, array)
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 9

    assert simulate(_send_then(change), parties=2).outputs[1].tolist() == [0, 1, 2, 3, 4]


def test_writing_to_an_array_inside_a_sent_list_raises_and_the_list_itself_was_copied():
    async def program(party):
        if party.id == 0:
            array, parts = np.arange(3), {"x": [1]}
            parts["x"].append(array)
            party.send(1, parts)
            parts["x"].append("late")
            with pytest.raises(ValueError, match="read-only"):
                array += 1
            return None
        return await party.recv(0)

    received = simulate(program, parties=2).outputs[1]
    assert len(received["x"]) == 2
    assert received["x"][1].tolist() == [0, 1, 2]


@pytest.mark.parametrize("view", [np.s_[1:4], np.s_[::2], np.s_[::-1], np.s_[:]])
def test_a_view_is_copied_so_that_its_base_stays_free(view):
    base = np.arange(6)
    expected = base[view].tolist()

    def change(party):
        party.send(1, base[view])
        base[:] = 77

    assert simulate(_send_then(change), parties=2).outputs[1].tolist() == expected


def test_an_array_travels_without_a_copy():
    sent = np.arange(5)
    run = simulate(_send_then(lambda party: party.send(1, sent)), parties=2)
    assert np.shares_memory(run.outputs[1], sent)


@pytest.mark.parametrize(
    "payload",
    [
        {1, 2},
        object(),
        np.array(["text"]),
        np.array([1 + 2j]),
        np.array([object()]),
        np.ma.masked_array([1, 2]),
        [1, {"deep": print}],
    ],
    ids=["set", "object", "texts", "complex", "objects", "masked", "deep"],
)
def test_a_payload_that_cannot_travel_is_refused(payload):
    async def program(party):
        if party.id == 0:
            party.send(1, payload)

    with pytest.raises(UsageError, match="accepted are"):
        simulate(program, parties=2)


# What nobody reads, and what never comes


def test_a_run_that_ends_with_unread_messages_is_an_error():
    async def program(party):
        if party.id == 0:
            party.send(1, "a")
            party.send(1, "b")

    with pytest.raises(DeadlockError, match=r"2 messages were never read:\s+2 from party 0 to party 1"):
        simulate(program, parties=2, network=Network(latency="1 s"))


def test_a_deadlock_names_party_peer_channel_span_and_stack():
    async def inner_step(party):
        return await party.recv("right")

    async def left(party):
        with party.span("outer"), party.span("conv1"):
            await party.gather(inner_step(party))

    async def right(party):
        with party.channel("elsewhere"):
            party.send("left", 1)

    with pytest.raises(DeadlockError) as caught:
        simulate(roles={"left": left, "right": right})
    text = str(caught.value)
    assert "party 0 (left) waits for party 1 (right)" in text
    assert "channel '/0.0'" in text
    assert "span 'outer/conv1'" in text
    assert "inner_step (mpcsim/test_messages.py:" in text
    assert "1 messages were never read:\n  1 from party 1 to party 0" in text


def test_a_deadlock_of_many_parties_stays_readable():
    async def program(party):
        await party.recv((party.id + 1) % party.n)

    with pytest.raises(DeadlockError, match="100 wait") as caught:
        simulate(program, parties=100)
    assert len(str(caught.value).splitlines()) < 30


# What two messages share: nothing that can change


class _Marked(str):
    """Text that can be written on."""


def _changeable():
    """Return a payload with an object that can change in every place where one can be."""
    text = _Marked("x")
    text.notes = []
    inner = [1, 2]
    return [inner, inner, {"key": [3], text: text}, ([4], {"deep": {"er": [5]}}), np.arange(3), b"b", None]


def _objects(payload):
    """Return every object of a payload that somebody could change."""
    inside = []
    if isinstance(payload, list | tuple):
        inside = payload
    elif isinstance(payload, dict):
        inside = (*payload, *payload.values())
    can_change = isinstance(payload, list | dict) or hasattr(payload, "__dict__")
    can_change = can_change or (isinstance(payload, np.ndarray) and payload.flags.writeable)
    return [payload] * can_change + [found for item in inside for found in _objects(item)]


def _apart(payloads):
    found = [id(one) for payload in payloads for one in _objects(payload)]
    return len(found) == len(set(found))


def test_the_objects_of_a_payload_that_can_change_are_seen():
    shared = [1]
    assert not _apart([shared, [shared]])
    assert not _apart([_changeable()])  # one list twice
    assert len(_objects(_changeable())) == 12


@pytest.mark.parametrize("faults", [(), (Duplicate(),)], ids=["once", "duplicated"])
@pytest.mark.parametrize("network", [Network(), Network("1 ms", "1 Mbit/s", downlink="1 Mbit/s")])
def test_two_messages_never_share_an_object_that_can_change(faults, network):
    """The sender keeps the payload, sends it to two parties and twice, and writes to it afterwards."""
    kept = []

    async def program(party):
        if party.id == 0:
            payload = _changeable()
            kept.append(payload)
            for to in (1, 2, 1):
                party.send(to, payload)
            payload[0].append(99)
            payload[2]["key"].clear()
            payload.append("more")
            return []
        got = [await party.recv(0) for _ in range((2 if party.id == 1 else 1) * (1 + len(faults)))]
        for payload in got:
            assert payload[0] == payload[1] == [1, 2]
            assert payload[2] == {"key": [3], "x": "x"}
            payload[0].append(7)  # a receiver's own business
            payload[3][1]["deep"]["er"].append(8)
            assert len(payload) == 7
        return got

    run = simulate(program, parties=3, network=network, faults=faults, seed=1)
    assert _apart([kept[0][3:], *run.outputs[1], *run.outputs[2]])


def test_what_arrives_is_plain_whatever_class_of_the_senders_own_it_was():
    class Number(int):
        pass

    class Half(float):
        pass

    class Raw(bytes):
        pass

    sent = [Number(3), Half(0.5), Raw(b"r"), _Marked("t"), Number(2**90), True, {Number(1): _Marked("v")}]

    async def program(party):
        if party.id == 0:
            party.send(1, sent)
            party.send(1, sent[3])
            return None
        return [await party.recv(0), await party.recv(0)]

    got, alone = simulate(program, parties=2).outputs[1]
    assert got == sent
    assert alone == "t"
    kinds = [type(value) for value in [*got[:-1], *got[-1], *got[-1].values(), alone]]
    assert kinds == [int, float, bytes, str, int, bool, int, str, str]
