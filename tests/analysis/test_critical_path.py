"""The critical path: its parts add up, its messages are causes, halving gains what retiming says."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from random_programs import random_program

from analysis.critical import halving as critical_halving
from analysis.critical.halving import all_sends, halved_latency, halvings, textbook
from analysis.critical.path import PARTS, Walker, sends_within
from analysis.replay.reading import build
from analysis.replay.stepping import replay
from mpcsim import Network, simulate
from mpcsim.faults.rules import Duplicate

MS = 1_000_000


def walked(program, network, compute="none", **more):
    """Return (structure, timing, walker) of a run over its own network."""
    run = simulate(program, network=network, seed=1, trace=True, compute=compute, **more)
    roles = [party.role for party in run.per_party]
    structure = build(run.events, roles, measured=compute == "measured")
    timing = replay(structure, network, 1)
    assert timing.makespan_ns == run.makespan_ns
    return structure, timing, Walker(structure, timing, network)


async def ring(party):
    with party.span("lap"):
        if party.id:
            await party.recv(party.id - 1)
        party.send((party.id + 1) % party.n, np.zeros(10_000 - 20, np.uint8))
        if not party.id:
            await party.recv(party.n - 1)


def test_a_ring_is_latency_and_transmission_of_each_hop():
    structure, timing, walker = walked(ring, Network(latency="10 ms", bandwidth="8 Mbit/s"))
    path = walker.run()
    assert path.parts["latency"] == 30 * MS
    assert path.parts["transmission"] == timing.makespan_ns - 30 * MS
    assert path.bound_by == ("latency" if path.parts["transmission"] < 30 * MS else "bandwidth")
    assert [structure.party_of(send) for send in path.messages] == [0, 1, 2]


async def burst(party):
    if party.id == 0:
        for _ in range(3):
            party.send(1, np.zeros(1_000_000, np.uint8))
    elif party.id == 1:
        for _ in range(3):
            await party.recv(0)


def test_a_burst_queues_on_its_uplink_and_is_bound_by_bandwidth():
    _, timing, walker = walked(burst, Network(latency="1 ms", bandwidth="8 Mbit/s"))
    path = walker.run()
    took = (timing.makespan_ns - 1 * MS) // 3
    assert (path.parts["transmission"], path.parts["queueing"]) == (took, 2 * took)
    assert path.bound_by == "bandwidth"
    assert len(path.messages) == 1


def test_sleep_is_waiting_and_jitter_and_loss_are_other():
    async def sleeper(party):
        await party.sleep("50 ms")
        party.send(1 - party.id, 1)
        await party.recv(1 - party.id)

    _, _, walker = walked(sleeper, Network(latency="1 ms"), parties=2)
    assert walker.run().parts == dict.fromkeys(PARTS, 0) | {"latency": MS, "waiting": 50 * MS}
    assert walker.run().bound_by == "waiting"
    jitter = {"distribution": "uniform", "minimum": "5 ms", "maximum": "5 ms"}
    _, _, walker = walked(sleeper, Network(latency="1 ms", jitter=jitter), parties=2)
    assert walker.run().parts["other"] == 5 * MS
    lossy = Network(latency="1 ms", loss=0.9, retransmission_timeout="7 ms")
    _, timing, walker = walked(sleeper, lossy, parties=2)
    assert timing.resent
    assert walker.run().parts["other"] % (7 * MS) == 0


NETWORKS = [
    {"latency": "5 ms", "bandwidth": "3 Mbit/s"},
    {"latency": "5 ms", "bandwidth": "30 Mbit/s", "sharing": "link", "downlink": "4 Mbit/s"},
    {
        "latency": "1 ms",
        "bandwidth": "9 Mbit/s",
        "jitter": {"distribution": "exponential", "scale": "3 ms"},
    },
    {"latency": "1 ms", "loss": 0.3, "retransmission_timeout": "9 ms", "bandwidth": "9 Mbit/s"},
]


@pytest.mark.parametrize("network", NETWORKS, ids=["plain", "downlink", "jitter", "loss"])
@pytest.mark.parametrize("compute", ["none", "measured"])
def test_the_parts_add_up_to_the_makespan_of_the_run_and_of_every_span(network, compute):
    for seed in range(6):
        structure, timing, walker = walked(random_program(seed), Network(**network), compute)
        path = walker.run()
        assert sum(path.parts.values()) == timing.makespan_ns
        assert min(path.parts.values()) >= 0
        for one in structure.occurrences[1:]:
            entered = max(timing.times[at] for at in one.enters)
            left = max(timing.times[at] for at in one.leaves)
            assert sum(walker.span([one]).parts.values()) == left - entered


def test_each_message_on_the_path_is_sent_after_the_one_before_arrived():
    for seed in range(6):
        _, timing, walker = walked(random_program(seed), Network(**NETWORKS[0]))
        sends = walker.run().messages
        for first, second in pairwise(sends):
            assert timing.arrivals[first] <= timing.times[second]


def test_the_path_of_measured_compute_holds_the_code_that_kept_the_party_busy():
    async def worker(party):
        async def part(size):
            party.send(1 - party.id, 1)
            await party.recv(1 - party.id)
            sum(range(size))

        await party.gather(*(part(200_000) for _ in range(4)))

    _, timing, walker = walked(worker, Network(latency="10 us"), "measured", parties=2)
    path = walker.run()
    assert sum(path.parts.values()) == timing.makespan_ns
    assert path.bound_by == "compute"
    assert path.parts["compute"] > 0.8 * timing.makespan_ns


def test_halving_is_what_a_run_over_the_halved_network_takes():
    network = {"latency": "10 ms", "bandwidth": "3 Mbit/s"}
    structure, _, _ = walked(random_program(4), Network(**network))
    found = halvings(structure, Network(**network), 1, ())
    halved = {
        "latency": network | {"latency": "5 ms"},
        "bandwidth": network | {"bandwidth": "6 Mbit/s"},
    }
    assert set(found) == set(halved)
    for name, other in halved.items():
        run = simulate(random_program(4), network=Network(**other), seed=1)
        assert found[name].makespan_ns == run.makespan_ns
    links = [{"source": 0, "latency": "40 ms"}]
    some = Network(latency="10 ms", links=links)
    halved = Network(latency="5 ms", links=[{"source": 0, "latency": "20 ms"}])
    assert replay(structure, halved_latency(some), 1).times == replay(structure, halved, 1).times


def test_halved_compute_halves_what_compute_bounds():
    async def worker(party):
        sum(range(2_000_000))

    structure, timing, _ = walked(worker, Network(), "measured")
    found = halvings(structure, Network(), 1, ())
    assert abs(found["compute"].makespan_ns * 2 - timing.makespan_ns) < 10


def test_the_textbook_bound_of_a_ring_is_its_makespan_but_for_bytes_that_overlap():
    network = Network(latency="10 ms", bandwidth="8 Mbit/s")
    structure, timing, _ = walked(ring, network)
    bound = textbook(structure, network, 3, all_sends(structure))
    assert bound["rounds_latency_s"] == 0.03
    assert bound["busiest_wire_bytes"] * 3 * 8 / 8e6 == pytest.approx(timing.makespan_ns / 1e9 - 0.03)
    assert bound["certain_s"] <= timing.makespan_ns / 1e9


def test_a_certain_bound_is_never_above_the_makespan():
    for seed in range(8):
        for network in NETWORKS[:2]:
            run = simulate(random_program(seed), network=Network(**network), seed=1, trace=True)
            structure = build(run.events, ["a", "b", "c"], measured=False)
            bound = textbook(structure, Network(**network), run.rounds, all_sends(structure))
            assert bound["certain_s"] <= run.makespan


def test_the_sends_of_a_span_are_those_inside_it_and_inside_its_parts():
    async def program(party):
        with party.span("outer"):
            party.send((party.id + 1) % 3, b"1")
            with party.span("inner"):
                party.send((party.id + 1) % 3, b"22")
        party.send((party.id + 1) % 3, b"333")
        for _ in range(3):
            await party.recv((party.id - 1) % 3)

    structure, _, _ = walked(program, Network())
    outer, inner = (
        [one for one in structure.occurrences if one.path == path]
        for path in (("outer",), ("outer", "inner"))
    )
    assert len(sends_within(structure, outer)) == 6
    assert len(sends_within(structure, inner)) == 3
    assert len(all_sends(structure)) == 9


def test_a_network_that_was_changed_is_still_a_network_to_the_emulator():
    network = Network(latency="4 ms", downlink="1 Mbit/s", overhead_bytes=10)
    faster = critical_halving.doubled_bandwidth(network)
    assert faster.resolve(["a", "b"]).downlinks == [2_000_000] * 2
    assert faster.overhead_bytes == 10
    assert dataclasses.is_dataclass(network)


@pytest.mark.parametrize("downlink", ["unlimited", "4 kbit/s"])
@pytest.mark.parametrize("compute", ["none", "measured"])
@pytest.mark.parametrize("pause", ["0 s", "1 s"])
def test_a_message_that_comes_twice_arrives_when_its_first_copy_does(downlink, compute, pause):
    async def program(party):
        if party.id == 0:
            party.send(1, [1, 2, 3])
        elif party.id == 1:
            await party.recv(0)
            with party.span("between"):
                await party.sleep(pause)
            await party.recv(0)

    network, faults = Network("1 ms", "8 kbit/s", downlink=downlink), [Duplicate()]
    run = simulate(program, network=network, seed=1, trace=True, compute=compute, faults=faults)
    structure = build(run.events, ["party0", "party1", "party2"], measured=compute == "measured")
    timing = replay(structure, network, 1, faults)
    (send,) = structure.sends.values()
    assert timing.times == structure.times
    assert timing.arrivals == structure.arrivals
    first = next(event["t"] for event in run.events if event["kind"] == "recv")
    assert 0 <= first - timing.arrivals[send] < MS  # what code took, where it is measured
    path = Walker(structure, timing, network).run()
    assert sum(path.parts.values()) == timing.makespan_ns
    assert path.parts["latency"] == MS
    assert path.parts["waiting"] == (1000 * MS if pause == "1 s" else 0)
    assert (path.parts["other"] > 0) == (pause == "0 s" or downlink != "unlimited")
