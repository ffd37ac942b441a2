"""The laws of links beyond latency and bandwidth, each on cases worked out by hand.

A message of these cases has 1000 wire bytes: 977 elements of uint8, 10 bytes of channel, 4 of extension
head, 9 of array head. At 8 Mbit/s it takes 1 ms.
"""

from decimal import Decimal, localcontext
from fractions import Fraction
from functools import partial
from math import sqrt
from statistics import fmean, median, stdev

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpcsim import Network, simulate
from mpcsim.engine.clock import VirtualClock
from mpcsim.network.downlink import Downlink
from mpcsim.network.jitter import Exponential, Normal, Pareto, Uniform
from mpcsim.network.streams import ONE, Stream, minus_log

MS = 1_000_000
EIGHT = "8 Mbit/s"


def _kilobyte():
    return np.zeros(977, np.uint8)


def _arrivals(network, sends, parties=3, seed=1):
    """Return by receiver when messages came in, for sends (time in ms, from, to)."""

    async def program(party):
        async def send():
            for time, sender, to in sorted(sends):
                if sender == party.id:
                    await party.sleep(time / 1000 - party.now)
                    party.send(to, _kilobyte())

        async def receive(source):
            times = []
            for _ in range(sum((s, t) == (source, party.id) for _, s, t in sends)):
                with party.channel("line"):
                    await party.recv(source)
                times.append(round(party.now * 1e9))
            return times

        async def in_channel():
            with party.channel("line"):
                await send()

        others = [other for other in range(party.n) if other != party.id]
        _, *times = await party.gather(in_channel(), *map(receive, others))
        return {other: at for other, at in zip(others, times, strict=True) if at}

    return simulate(program, parties=parties, network=network, seed=seed).outputs


# Links that differ


def test_a_matrix_gives_each_directed_link_its_own_latency_and_bandwidth():
    network = Network(
        latency=[["0 s", "1 ms", "2 ms"], ["3 ms", "0 s", "4 ms"], ["5 ms", "6 ms", "0 s"]],
        bandwidth=[["1 Mbit/s", EIGHT, "4 Mbit/s"], [EIGHT] * 3, ["unlimited"] * 3],
        sharing="link",
    )
    got = _arrivals(network, [(0, a, b) for a in range(3) for b in range(3) if a != b])
    assert got[1][0] == [2 * MS]
    assert got[2][0] == [4 * MS]  # 2 ms at half the rate, and 2 ms of latency
    assert got[0][1] == [4 * MS]
    assert got[1][2] == [6 * MS]  # unlimited: latency alone


def test_a_table_of_links_changes_the_links_that_it_names_and_the_more_precise_entry_wins():
    network = Network(
        "10 ms",
        links=[{"source": "party0", "to": "party1", "latency": "1 ms"}, {"source": 0, "latency": "2 ms"}],
    )
    got = _arrivals(network, [(0, 0, 1), (0, 0, 2), (0, 1, 0)])
    assert (got[1][0], got[2][0], got[0][1]) == ([1 * MS], [2 * MS], [10 * MS])


def test_a_link_of_half_the_rate_occupies_the_shared_uplink_twice_as_long():
    network = Network("0 s", EIGHT, links=[{"source": 0, "to": 1, "bandwidth": "4 Mbit/s"}])
    got = _arrivals(network, [(0, 0, 1), (0, 0, 2)])
    assert (got[1][0], got[2][0]) == ([2 * MS], [3 * MS])


def test_an_inter_region_profile_gives_half_the_published_round_trip():
    network = Network(profile="ibm-cloud", regions=["london", "frankfurt", "tokyo"], bandwidth="unlimited")
    got = _arrivals(network, [(0, 0, 1), (0, 0, 2), (0, 2, 0)])
    assert got[1][0] == [6_500_000]  # 13 ms there and back
    assert got[2][0] == [121_500_000]
    assert got[0][2] == [122_000_000]  # the other direction was measured too


@pytest.mark.parametrize(("profile", "ns"), [("lan", 100_000 + 800), ("pomic-wan", 88_500_000 + 36_364)])
def test_ready_made_profiles_have_their_latency_and_bandwidth(profile, ns):
    assert _arrivals(Network(profile=profile), [(0, 0, 1)])[1][0] == [ns]


# Overhead


def test_overhead_is_added_to_every_segment_and_takes_time_but_is_no_wire_byte():
    network = Network("0 s", EIGHT, overhead_bytes=40, segment_bytes=400)  # 1000 bytes: 3 segments
    assert _arrivals(network, [(0, 0, 1)])[1][0] == [1_120_000]
    whole = Network("0 s", EIGHT, overhead_bytes=40)
    assert _arrivals(whole, [(0, 0, 1)])[1][0] == [1_040_000]

    async def program(party):
        if party.id == 0:
            party.send(1, _kilobyte())
        else:
            await party.recv(0)

    assert simulate(program, parties=2, network=network).wire_bytes == 1000


# Jitter


def test_every_distribution_keeps_its_minimum_and_its_moments():
    laws = {
        Uniform(distribution="uniform", minimum="1 ms", maximum="3 ms"): (2.0, sqrt(4 / 12), 2.0),
        Exponential(distribution="exponential", minimum="1 ms", scale="2 ms"): (3.0, 2.0, 1 + 2 * 0.6931),
        Normal(distribution="normal", mean="10 ms", deviation="1 ms"): (10.0, 1.0, 10.0),
        Pareto(distribution="pareto", minimum="1 ms", scale="4 ms", shape=5): (
            2.0,
            1.29,
            1 + 4 * (2**0.2 - 1),
        ),
    }
    for law, (mean, deviation, middle) in laws.items():
        stream = Stream(3, law.distribution)
        drawn = [law.draw(stream) / MS for _ in range(4000)]
        assert min(drawn) >= float(law.minimum.split()[0])
        assert fmean(drawn) == pytest.approx(mean, rel=0.05)
        assert stdev(drawn) == pytest.approx(deviation, rel=0.15)
        assert median(drawn) == pytest.approx(middle, rel=0.05)


def test_a_normal_is_truncated_at_its_minimum_by_drawing_again():
    law = Normal(distribution="normal", minimum="5 ms", mean="5 ms", deviation="1 ms")
    stream = Stream(1, "n")
    drawn = [law.draw(stream) / MS for _ in range(3000)]
    assert min(drawn) >= 5
    assert fmean(drawn) == pytest.approx(5 + sqrt(2 / np.pi), rel=0.01)  # a half-normal


def test_jitter_keeps_links_in_order_and_is_never_below_latency_and_minimum():
    network = Network("10 ms", jitter={"distribution": "exponential", "minimum": "1 ms", "scale": "9 ms"})
    (times,) = _arrivals(network, [(time, 0, 1) for time in range(50)])[1].values()
    assert times == sorted(times)
    assert all(time >= (sent + 11) * MS for sent, time in enumerate(times))
    assert len(set(times)) > 5


def test_each_link_draws_from_a_stream_of_its_own():
    network = Network("10 ms", jitter={"distribution": "uniform", "maximum": "9 ms"})
    alone = _arrivals(network, [(0, 0, 1), (50, 0, 1)])
    with_others = _arrivals(network, [(0, 0, 1), (50, 0, 1), (0, 0, 2), (0, 2, 1), (1, 2, 1)])
    assert alone[1][0] == with_others[1][0]
    assert with_others[1][0][0] != with_others[1][2][0]
    assert _arrivals(network, [(0, 0, 1)], seed=2)[1][0] != alone[1][0][:1]


# Loss


def _lossy(seed, **more):
    network = Network("10 ms", EIGHT, loss=0.5, retransmission_timeout="100 ms", **more)
    return _arrivals(network, [(0, 0, 1)], seed=seed)[1][0][0]


def test_a_lost_message_is_sent_again_a_timeout_after_its_transmission():
    """Attempt k leaves at k · (1 + 100) ms, so the message is there 11 ms after such a time."""
    times = {seed: _lossy(seed) for seed in range(12)}
    assert {(time - 11 * MS) % (101 * MS) for time in times.values()} == {0}
    assert len(set(times.values())) > 1


def test_the_fraction_of_lost_attempts_is_the_given_one():
    network = Network("1 ms", loss=0.2, retransmission_timeout="10 ms")

    async def program(party):
        for _ in range(2000):
            party.send(1 - party.id, 1)
            await party.recv(1 - party.id)

    run = simulate(program, parties=2, network=network, seed=1)
    attempts = run.messages + run.resent
    assert run.resent / attempts == pytest.approx(0.2, abs=0.02)


def test_later_messages_of_a_link_wait_for_a_lost_one():
    network = Network("10 ms", links=[{"source": 0, "to": 1, "loss": 0.5}], retransmission_timeout="100 ms")
    sends = [(time, 0, 1) for time in range(0, 40, 2)]
    (times,) = _arrivals(network, sends)[1].values()
    assert times == sorted(times)
    assert max(np.diff(times)) >= 60 * MS  # a gap, where one was lost
    assert len(set(times)) < len(times)  # and those behind it came with it


def test_a_retransmission_occupies_the_uplink_again():
    """Party 0 loses its message to 1; the message to 2 that is sent just before the second attempt
    delays that attempt by its transmission."""
    seed = next(seed for seed in range(20) if _lossy(seed) == 112 * MS)
    network = Network(
        "10 ms", EIGHT, links=[{"source": 0, "to": 1, "loss": 0.5}], retransmission_timeout="100 ms"
    )
    got = _arrivals(network, [(0, 0, 1), (100.5, 0, 2)], seed=seed)
    assert got[2][0] == [111_500_000]
    assert got[1][0] == [112_500_000]


def test_only_lost_segments_are_sent_again():
    network = Network("0 s", EIGHT, loss=0.3, retransmission_timeout="100 ms", segment_bytes=100)
    times = {_arrivals(network, [(0, 0, 1)], seed=seed)[1][0][0] for seed in range(20)}
    # 1000 bytes take 1 ms, a lost segment 0.1 ms: with one retransmission of k segments, the
    # message is there at 101 + k/10 ms.
    once = {time for time in times if 101 * MS < time <= 102 * MS}
    assert once
    assert once <= {101 * MS + k * MS // 10 for k in range(1, 11)}


# Downlink


def test_two_senders_share_a_downlink_equally():
    got = _arrivals(Network("10 ms", EIGHT, downlink=EIGHT), [(0, 1, 0), (0, 2, 0)])
    assert got[0] == {1: [12 * MS], 2: [12 * MS]}


def test_a_downlink_as_fast_as_the_uplink_changes_nothing_for_one_sender():
    sends = [(0, 1, 0), (0, 1, 0), (5, 1, 0)]
    limited = _arrivals(Network("10 ms", EIGHT, downlink=EIGHT), sends)
    assert limited == _arrivals(Network("10 ms", EIGHT), sends)


def test_rates_change_when_a_flow_starts_and_when_one_ends():
    """From 10 ms party 1's message is alone; from 10.5 both have half; at 11.5 the first is done
    (0.5 ms alone and 1 ms at half rate), and the second needs the other half: 12 ms."""
    got = _arrivals(Network("10 ms", EIGHT, downlink=EIGHT), [(0, 1, 0), (0.5, 2, 0)])
    assert got[0] == {1: [11_500_000], 2: [12_000_000]}


def test_a_slow_link_keeps_its_rate_and_leaves_the_rest_to_the_others():
    """Max-min: the 1 Mbit/s link takes 1 of 8, the other gets 7: 8000 bits take 8/7 ms."""
    network = Network(
        "0 s", "unlimited", downlink=EIGHT, links=[{"source": 1, "to": 0, "bandwidth": "1 Mbit/s"}]
    )
    got = _arrivals(network, [(0, 1, 0), (0, 2, 0)])
    assert got[0] == {1: [8 * MS], 2: [round(Fraction(8, 7) * MS)]}


def test_messages_of_one_link_are_one_flow_and_stay_in_order():
    """Party 1 sends two messages, party 2 one; each link gets half: 4 Mbit/s, 2 ms a message."""
    got = _arrivals(Network("0 s", "unlimited", downlink=EIGHT), [(0, 1, 0), (0, 1, 0), (0, 2, 0)])
    assert got[0] == {1: [2 * MS, 3 * MS], 2: [2 * MS]}


def test_a_downlink_can_be_given_to_one_party_alone():
    network = Network("0 s", "unlimited", downlink={"party0": EIGHT})
    got = _arrivals(network, [(0, 1, 0), (0, 1, 2)])
    assert (got[0][1], got[2][1]) == ([1 * MS], [0])


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(1, 4000)), min_size=1, max_size=12
    ),
    st.sampled_from([None, 3_000_000, 8_000_000]),
)
def test_a_downlink_is_work_conserving_and_serves_every_message(arrivals, cap):
    """What arrives is served, never faster than the rate, and at the rate while several are there."""
    clock = VirtualClock()
    downlink, done = Downlink(clock, 8_000_000), []
    for time, flow, bits in arrivals:
        clock.at(
            time * 1000, downlink.arrive, flow, bits, cap, lambda bits=bits: done.append((clock.now, bits))
        )
    clock.run()
    clock.close()
    assert sorted(bits for _, bits in done) == sorted(bits for _, _, bits in arrivals)
    assert downlink.pending() == []
    first, total = min(time for time, _, _ in arrivals) * 1000, sum(bits for _, _, bits in arrivals)
    assert done[-1][0] >= first + total * 125 - len(arrivals)  # 125 ns a bit
    if cap is None:
        assert done[-1][0] <= max(time for time, _, _ in arrivals) * 1000 + total * 125 + len(arrivals)


def _progressive_filling(caps, rate):
    """Return max-min rates by raising all flows together, freezing each at its cap: the definition."""
    rates, free = [Fraction(0)] * len(caps), set(range(len(caps)))
    while free and sum(rates) < rate:
        room = (rate - sum(rates)) / len(free)
        step = min([room, *(caps[flow] - rates[flow] for flow in free if caps[flow] is not None)])
        for flow in free:
            rates[flow] += step
        free -= {flow for flow in free if caps[flow] is not None and rates[flow] >= caps[flow]}
    return rates


def _fluid(arrivals, rate):
    """Return when each message is served, in exact fractions, by the definition of the law."""
    arrivals = sorted(enumerate(arrivals), key=lambda entry: entry[1][0])
    queues, done, now = {}, {}, Fraction(0)
    while arrivals or queues:
        flows = list(queues)
        rates = _progressive_filling([queues[flow][0][2] for flow in flows], rate)
        ends = [now + queues[flow][0][1] / speed for flow, speed in zip(flows, rates, strict=True)]
        upcoming = Fraction(arrivals[0][1][0]) if arrivals else None
        then = min(ends + ([upcoming] if upcoming is not None else []))
        for flow, speed in zip(flows, rates, strict=True):
            queues[flow][0][1] -= speed * (then - now)
        now = then
        for flow in flows:
            if queues[flow][0][1] == 0:
                done[queues[flow].pop(0)[0]] = now
                if not queues[flow]:
                    del queues[flow]
        while arrivals and arrivals[0][1][0] == now:
            number, (_, flow, bits, cap) = arrivals.pop(0)
            queues.setdefault(flow, []).append([number, Fraction(bits), cap])
    return done


_CAPS = [None, Fraction(2_000_000, 10**9), Fraction(5_000_000, 10**9), Fraction(20_000_000, 10**9)]


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 800_000), st.integers(0, 3), st.integers(1, 4000)), max_size=10),
    st.lists(st.sampled_from(range(4)), min_size=4, max_size=4),
)
def test_a_downlink_serves_as_the_definition_of_max_min_fairness_says(messages, kinds):
    arrivals = [(time, flow, bits, _CAPS[kinds[flow]]) for time, flow, bits in messages]
    clock = VirtualClock()
    downlink, done = Downlink(clock, 8_000_000), {}
    for number, (time, flow, bits, cap) in enumerate(arrivals):
        rate = None if cap is None else int(cap * 10**9)
        served = partial(lambda number: done.setdefault(number, clock.now), number)
        clock.at(time, downlink.arrive, flow, bits, rate, served)
    clock.run()
    clock.close()
    want = _fluid(arrivals, Fraction(8_000_000, 10**9))
    assert done.keys() == want.keys()
    for number, time in done.items():
        assert abs(time - want[number]) <= len(arrivals)  # each completion is rounded once


def test_a_stream_gives_the_same_numbers_on_every_machine():
    """SplitMix64 of the state 0 starts with these (Vigna's reference implementation)."""
    stream = Stream(0, "x")
    stream._state = 0
    assert [stream.draw() for _ in range(3)] == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert Stream(1, "a").exponential() / ONE == pytest.approx(2.52563241577958366031083, rel=1e-15)


@given(st.integers(1, ONE) | st.integers(0, 64).map(lambda power: 2**power))
def test_logarithms_in_fixed_point_are_exact_to_some_units_in_the_last_of_64_places(number):
    with localcontext(prec=60):
        want = -(Decimal(number) / ONE).ln() * ONE
        assert abs(minus_log(number) - want) <= 100
