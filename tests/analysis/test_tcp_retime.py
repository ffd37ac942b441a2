"""TCP on programs and networks of random shape: repeatable, in order, whole, retimed in both directions."""

import os

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from random_programs import random_program
from test_retime import NETWORKS, assert_retimed

from analysis.critical.path import Walker
from analysis.replay.reading import build
from analysis.replay.stepping import replay
from mpcsim import Network, simulate
from mpcsim.engine.clock import VirtualClock
from mpcsim.network.tcp_keys import OFF
from mpcsim.tcp.emulation import emulate

KEYS = st.fixed_dictionaries(
    {},
    optional={
        "profile": st.sampled_from(["linux", "linux-tuned", "warm"]),
        "initial_window": st.one_of(st.integers(1, 40), st.just("unlimited")),
        "segment_bytes": st.integers(1, 3000),
        "header_bytes": st.integers(0, 100),
        "restart": st.booleans(),
        "unused_window": st.booleans(),
        "hystart": st.booleans(),
        "send_buffer": st.sampled_from(["unlimited", "4096 B", "20 kB", "4 MB"]),
        "receive_buffer": st.sampled_from(["unlimited", "4096 B", "20 kB", "6 MB"]),
        "receive_growth": st.booleans(),
        "delayed_ack": st.sampled_from(["0 ms", "1 ms", "40 ms"]),
        "ack_bytes": st.integers(0, 100),
        "burst": st.one_of(st.integers(1, 50), st.just("unlimited")),
        "host_cost": st.sampled_from(["0 us", "80 us", "3 ms"]),
        "router_buffer": st.sampled_from(["unlimited", "5 kB", "100 kB"]),
    },
)
PLAIN = sorted(name for name, network in NETWORKS.items() if "overhead_bytes" not in network)
MANY = 200 if os.environ.get("MPCSIM_LONG") else 25
EVERYWHERE = settings(max_examples=MANY, deadline=None, suppress_health_check=list(HealthCheck))


@given(
    seed=st.integers(0, 10_000),
    source=st.sampled_from(sorted(NETWORKS)),
    target=st.sampled_from(sorted(NETWORKS)),
    parties=st.integers(2, 4),
    tcp=KEYS,
)
@example(  # a probe that goes after the run has ended is no part of it
    seed=5575, source="a downlink", target="everything", parties=4, tcp={"initial_window": "unlimited"}
)
@EVERYWHERE
def test_a_record_retimed_to_tcp_and_back_equals_a_fresh_run(seed, source, target, parties, tcp):
    over = NETWORKS[target] | {"transport": "tcp", "tcp": tcp}
    assert_retimed(random_program(seed), NETWORKS[source], over, seed, parties)
    assert_retimed(random_program(seed), over, NETWORKS[source], seed, parties)


@given(seed=st.integers(0, 10_000), network=st.sampled_from(PLAIN), parties=st.integers(2, 4))
@EVERYWHERE
def test_with_every_effect_off_it_is_the_ideal_law_to_the_nanosecond(seed, network, parties):
    if network == "loss":
        return
    ideal = NETWORKS[network]
    runs = [
        simulate(random_program(seed), parties=parties, network=Network(**ideal, **more), seed=seed)
        for more in ({}, {"transport": "tcp", "tcp": OFF})
    ]
    assert runs[0].makespan_ns == runs[1].makespan_ns
    assert runs[0].digest == runs[1].digest


@given(
    seed=st.integers(0, 10_000),
    network=st.sampled_from(sorted(NETWORKS)),
    tcp=KEYS,
    sends=st.lists(
        st.tuples(st.integers(0, 10**9), st.integers(0, 2), st.integers(1, 2), st.integers(1, 60_000)),
        min_size=1,
        max_size=20,
    ),
)
@example(  # the last segment is probed for while it is under way, and both are acknowledged together
    seed=0,
    network="a downlink",
    tcp={
        "router_buffer": "100 kB", "burst": "unlimited", "delayed_ack": "1 ms", "segment_bytes": 22,
        "receive_growth": False, "send_buffer": "4096 B", "initial_window": "unlimited", "restart": False,
    },
    sends=[(0, 0, 2, 321), (0, 0, 2, 2342)],
)  # fmt: skip
@EVERYWHERE
def test_every_message_arrives_once_and_in_order_and_every_byte_is_acknowledged(seed, network, tcp, sends):
    def once():
        clock = VirtualClock()
        described = Network(**NETWORKS[network], transport="tcp", tcp=tcp)
        emulator = emulate(described, ["a", "b", "c"], clock, seed)
        came = []
        for number, (when, sender, shift, size) in enumerate(sorted(sends)):
            to = (sender + shift) % 3

            def send(when=when, sender=sender, to=to, size=size, number=number):
                emulator.submit(when, sender, to, size, lambda *found: came.append((clock.now, *found)),
                                (sender, to, number))  # fmt: skip

            clock.at(when, send)
        clock.run()
        clock.close()
        return came, emulator

    came, emulator = once()
    broken = [one for one in emulator._connections.values() if one.broken]
    if not broken:
        assert sorted(number for *_, number in came) == list(range(len(sends)))
        assert emulator.under_way() == []
    for link in {(sender, to) for _, sender, to, _ in came}:
        numbers = [number for _, sender, to, number in came if (sender, to) == link]
        assert numbers == sorted(numbers)
    for one in emulator._connections.values():
        if not one.broken:
            assert one.following == one.written
            if one.lossy or emulator.rules.clocked:
                assert one.una == one.written
                assert one.under_way == 0
    assert once()[0] == came


@given(
    size=st.integers(1, 3_000_000),
    latency=st.sampled_from(["0 ms", "50 us", "10 ms", "250 ms"]),
    bandwidth=st.sampled_from(["1 Mbit/s", "100 Mbit/s", "10 Gbit/s", "unlimited"]),
    tcp=KEYS,
)
@EVERYWHERE
def test_a_single_message_is_never_earlier_than_by_the_ideal_law(size, latency, bandwidth, tcp):
    def arrival(**more):
        clock, found = VirtualClock(), []
        network = Network(latency=latency, bandwidth=bandwidth, **more)
        emulator = emulate(network, ["a", "b"], clock, 1)
        emulator.submit(0, 0, 1, size, lambda: found.append(clock.now), ())
        clock.run()
        clock.close()
        return found[0]

    segments = tcp.get("segment_bytes", 1448)
    tcp = tcp | {
        "segment_bytes": max(segments, size // 5000 + 1)
    }  # a test of some thousand segments at most
    rounding = size // tcp["segment_bytes"] + 2  # each burst's transmission is rounded to the nanosecond
    assert arrival(transport="tcp", tcp=tcp) >= arrival() - rounding


def test_a_whole_run_may_be_earlier_over_tcp_since_connections_share_an_uplink():
    """The answer to a small message does not wait until the large one before it has left."""

    async def program(party):
        if party.id == 0:
            party.send(1, np.zeros(10**7, np.uint8))
            party.send(2, b"question")
            await party.recv(2)
            await party.sleep(0.3)
        else:
            await party.recv(0)
            if party.id == 2:
                party.send(0, b"answer")

    link = {"latency": "10 ms", "bandwidth": "220 Mbit/s"}
    ideal = simulate(program, parties=3, network=Network(**link)).makespan_ns
    tcp = Network(**link, transport="tcp", tcp={"profile": "warm"})
    assert simulate(program, parties=3, network=tcp).makespan_ns < ideal


@pytest.mark.parametrize("profile", ["linux", "linux-tuned", "warm"])
def test_measured_compute_is_replayed_over_tcp(profile):
    network = Network(latency="3 ms", bandwidth="8 Mbit/s", transport="tcp", tcp={"profile": profile})
    run = simulate(random_program(7), network=network, seed=1, compute="measured", trace=True)
    structure = build(run.events, [party.role for party in run.per_party], measured=True)
    assert replay(structure, network, 1).makespan_ns == run.makespan_ns


# The critical path


def path_of(program, network, parties=2):
    """Return the critical path of a run over a network, and its makespan."""
    run = simulate(program, parties=parties, network=network, seed=1, trace=True)
    structure = build(run.events, [party.role for party in run.per_party], measured=False)
    return Walker(structure, replay(structure, network, 1), network).run().parts, run.makespan_ns


@given(
    seed=st.integers(0, 10_000),
    network=st.sampled_from(sorted(NETWORKS)),
    parties=st.integers(2, 4),
    tcp=KEYS,
)
@EVERYWHERE
def test_the_parts_of_a_critical_path_over_tcp_add_up_to_the_makespan(seed, network, parties, tcp):
    over = Network(**NETWORKS[network], transport="tcp", tcp=tcp)
    parts, makespan = path_of(random_program(seed), over, parties)
    assert sum(parts.values()) == makespan
    assert min(parts.values()) >= 0


MS = 1_000_000
LINK = {"latency": "10 ms", "bandwidth": "12 Mbit/s", "transport": "tcp"}
FRAME = 23  # bytes of a message beside its array: channel, type, shape
SLOW = OFF | {"header_bytes": 52, "initial_window": 10, "burst": 1}


def bytes_of(segments):
    return np.zeros(segments * 1448 - FRAME, np.uint8)


async def receiver(party, messages):
    for _ in range(messages):
        await party.recv(0)


def test_what_slow_start_idles_is_the_part_window():
    """Thirty segments: 21 − 10 ms of the first round, 21 − 20 of the second would be more."""

    async def program(party):
        if party.id == 0:
            party.send(1, bytes_of(30))
        else:
            await receiver(party, 1)

    parts, makespan = path_of(program, Network(**LINK, tcp=SLOW))
    assert parts["window"] == 11 * MS
    assert (parts["transmission"], parts["latency"], makespan) == (30 * MS, 10 * MS, 51 * MS)


def test_what_a_window_idles_that_idling_has_closed_is_the_part_restart():
    async def program(party):
        if party.id == 0:
            party.send(1, bytes_of(30))
            await party.sleep(1)
            party.send(1, bytes_of(30))
        else:
            await receiver(party, 2)

    parts, _ = path_of(program, Network(**LINK, tcp=SLOW | {"restart": True}))
    assert (parts["window"], parts["restart"], parts["waiting"]) == (0, 11 * MS, 1000 * MS)


def test_what_waits_behind_acknowledgements_is_the_part_acknowledgement():
    """Forty segments are acknowledged by 20·52 bytes, which the answer waits for."""

    async def program(party):
        if party.id == 0:
            party.send(1, bytes_of(40))
            await party.recv(1)
        else:
            await party.recv(0)
            party.send(0, b"x")

    over = Network(**LINK, tcp=OFF | {"header_bytes": 52, "ack_bytes": 52, "burst": 40})
    parts, _ = path_of(program, over)
    assert parts["acknowledgement"] == round(20 * 52 * 8 * 1000 / 12)
