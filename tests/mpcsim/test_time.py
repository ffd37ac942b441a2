"""Time: the link law on cases worked out by hand, clocks, and measured compute."""

import asyncio
import time
from itertools import pairwise

import numpy as np
import pytest

from mpcsim import DeadlockError, Network, UsageError, simulate

MS = 1_000_000
# 977 elements of uint8 make a frame of 1000 bytes: 10 of channel, 4 of extension head, 9 of array
# head. At 8 Mbit/s it takes 1 ms.
_KILOBYTE = np.zeros(977, np.uint8)
_EIGHT = "8 Mbit/s"


def _kilobyte():
    return _KILOBYTE.copy()


def test_the_message_of_these_cases_has_a_thousand_wire_bytes():
    async def program(party):
        if party.id == 0:
            party.send(1, _kilobyte())
        else:
            await party.recv(0)

    assert simulate(program, parties=2).wire_bytes == 1000


async def _fan_out(party):
    """Party 0 sends one message to each other; each returns when it came."""
    if party.id == 0:
        for other in range(1, party.n):
            party.send(other, _kilobyte())
        return 0
    await party.recv(0)
    return round(party.now * 1e9)


def test_links_share_their_partys_uplink():
    run = simulate(_fan_out, parties=4, network=Network("10 ms", _EIGHT))
    assert run.outputs[1:] == [11 * MS, 12 * MS, 13 * MS]


def test_with_sharing_link_each_link_has_the_full_bandwidth():
    run = simulate(_fan_out, parties=4, network=Network("10 ms", _EIGHT, sharing="link"))
    assert run.outputs[1:] == [11 * MS] * 3


@pytest.mark.parametrize("sharing", ["uplink", "link"])
def test_messages_in_flight_overlap_and_only_their_transmissions_queue(sharing):
    async def program(party):
        if party.id == 0:
            for _ in range(3):
                party.send(1, _kilobyte())
            return None
        times = []
        for _ in range(3):
            await party.recv(0)
            times.append(round(party.now * 1e9))
        return times

    run = simulate(program, parties=2, network=Network("100 ms", _EIGHT, sharing=sharing))
    assert run.outputs[1] == [101 * MS, 102 * MS, 103 * MS]
    assert run.makespan_ns == 103 * MS


def test_an_uplink_that_was_idle_is_free_at_once():
    async def program(party):
        if party.id == 0:
            party.send(1, _kilobyte())
            await asyncio.sleep(0.5)
            party.send(1, _kilobyte())
            return None
        await party.recv(0)
        await party.recv(0)
        return round(party.now * 1e9)

    run = simulate(program, parties=2, network=Network("10 ms", _EIGHT))
    assert run.outputs[1] == 511 * MS


def test_the_two_directions_of_a_link_do_not_share():
    async def program(party):
        party.send(1 - party.id, _kilobyte())
        await party.recv(1 - party.id)

    assert simulate(program, parties=2, network=Network("10 ms", _EIGHT)).makespan_ns == 11 * MS


def test_a_network_without_bounds_takes_no_time():
    assert simulate(_fan_out, parties=3).makespan_ns == 0


def test_transmission_is_rounded_to_the_nearest_nanosecond():
    async def program(party):
        if party.id == 0:
            party.send(1, b"")  # 12 wire bytes
        else:
            await party.recv(0)

    def makespan(bandwidth):
        return simulate(program, parties=2, network=Network("0 s", bandwidth)).makespan_ns

    assert makespan("7 Gbit/s") == 14  # 13.71
    assert makespan("64 Gbit/s") == 2  # 1.5
    assert makespan("70 Gbit/s") == 1  # 1.37


# Virtual time


def test_asyncio_sleep_takes_virtual_time_and_no_real_time():
    async def program(party):
        await asyncio.sleep(3600 * (party.id + 1))
        return party.now

    start = time.perf_counter()
    run = simulate(program, parties=2)
    assert time.perf_counter() - start < 5
    assert run.outputs == [3600, 7200]
    assert run.makespan == 7200


def test_simultaneous_events_keep_the_order_in_which_they_were_asked_for():
    order = []

    async def program(party):
        await asyncio.sleep(1)
        order.append(party.id)

    simulate(program, parties=20)
    assert order == list(range(20))


def test_simulate_works_where_an_event_loop_already_runs():
    async def program(party):
        party.send(1 - party.id, party.id)
        return await party.recv(1 - party.id)

    async def notebook():
        before = asyncio.get_running_loop()
        runs = [simulate(program, parties=2, clock=clock) for clock in ("virtual", "wall")]
        assert asyncio.get_running_loop() is before
        return [run.outputs for run in runs]

    assert asyncio.run(notebook()) == [[1, 0], [1, 0]]


def test_waiting_for_something_that_virtual_time_cannot_bring_is_a_deadlock():
    async def program(party):
        await asyncio.get_running_loop().create_future()

    with pytest.raises(DeadlockError, match="waits for something outside the engine"):
        simulate(program, parties=1)


def test_an_unknown_clock_or_compute_is_refused_with_what_is_accepted():
    with pytest.raises(UsageError, match="accepted are virtual, wall"):
        simulate(_fan_out, clock="sundial")
    with pytest.raises(UsageError, match="accepted are none, measured"):
        simulate(_fan_out, compute="guessed")


# The wall clock


async def _two_rounds(party):
    with party.span("both"):

        async def shift(by):
            party.send((party.id + by) % 3, np.arange(party.id + 3))
            return int((await party.recv((party.id - by) % 3)).sum())

        return [await party.gather(shift(1), shift(2)) for _ in range(2)]


def test_the_wall_clock_really_waits_and_gives_the_same_outputs_rounds_and_bytes():
    network = Network("20 ms", "10 Mbit/s")
    start = time.perf_counter()
    wall = simulate(_two_rounds, parties=3, network=network, seed=3, clock="wall")
    took = time.perf_counter() - start
    virtual = simulate(_two_rounds, parties=3, network=network, seed=3)
    assert wall.outputs == virtual.outputs
    assert wall.rounds == virtual.rounds == 2
    assert wall.payload_bytes == virtual.payload_bytes
    assert wall.wire_bytes == virtual.wire_bytes
    assert took >= virtual.makespan
    assert virtual.makespan <= wall.makespan <= took


def test_asyncio_sleep_works_on_the_wall_clock():
    async def program(party):
        await asyncio.sleep(0.02 * (party.id + 1))
        return party.now

    run = simulate(program, parties=2, clock="wall")
    assert run.outputs[0] >= 0.019  # uvloop's timers count milliseconds
    assert run.outputs[1] >= 0.039


def test_a_sleeper_that_was_cancelled_does_not_hold_up_the_wall_clock():
    async def fail():
        await asyncio.sleep(0.01)
        raise ValueError("enough")

    async def program(party):
        try:
            await party.gather(asyncio.sleep(60), fail())
        except ValueError:
            return "caught"

    start = time.perf_counter()
    assert simulate(program, parties=1, clock="wall").outputs == ["caught"]
    assert time.perf_counter() - start < 10


def test_many_messages_on_the_wall_clock_take_time_in_proportion():
    async def program(party):
        for _ in range(3000):
            party.send(1 - party.id, 1)
            await party.recv(1 - party.id)

    start = time.perf_counter()
    simulate(program, parties=2, clock="wall", network=Network("10 us"))
    assert time.perf_counter() - start < 5


# Measured compute


def _work(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_measured_compute_charges_the_party_that_computes():
    async def program(party):
        if party.id == 0:
            _work(0.05)
            party.send(1, 1)
        else:
            await party.recv(0)

    run = simulate(program, parties=2, compute="measured", network=Network("1 ms"))
    spent = [party.compute_ns / 1e9 for party in run.per_party]
    assert 0.05 <= spent[0] < 0.1
    assert spent[1] < 0.02
    assert run.makespan >= 0.051  # the send was stamped after the work


def test_without_measuring_compute_takes_no_time():
    async def program(party):
        _work(0.02)

    run = simulate(program, parties=2)
    assert run.makespan_ns == 0
    assert [party.compute_ns for party in run.per_party] == [0, 0]


def test_parties_compute_in_parallel_in_virtual_time():
    async def program(party):
        _work(0.04)

    run = simulate(program, parties=3, compute="measured")
    assert 0.04 <= run.makespan < 0.08


def test_segments_of_one_party_never_overlap():
    """Children of a gather, and messages that come during work, wait for the party to be free."""

    async def worker(party):
        await party.recv("sender")
        start = party.now
        _work(0.02)
        return start, party.now

    async def receiver(party):
        first = await party.gather(worker(party), worker(party))
        return [*first, await worker(party)]

    async def sender(party):
        async def send():
            party.send("receiver", None)

        await party.gather(send(), send())
        party.send("receiver", None)

    run = simulate(
        roles={"receiver": receiver, "sender": sender}, compute="measured", network=Network("1 ms")
    )
    segments = sorted(run.outputs["receiver"])
    assert all(end <= start for (_, end), (start, _) in pairwise(segments))
    assert run.makespan >= 0.06


def test_compute_is_charged_to_the_span_that_did_it():
    async def program(party):
        with party.span("outer"):
            _work(0.02)
            with party.span("inner"):
                _work(0.04)
        _work(0.01)

    run = simulate(program, parties=1, compute="measured")
    inner, outer = run.span("inner").compute_ns[0] / 1e9, run.span("outer").compute_ns[0] / 1e9
    assert 0.04 <= inner < 0.055
    assert 0.06 <= outer < 0.08
    assert 0.07 <= run.per_party[0].compute_ns / 1e9 < 0.1
