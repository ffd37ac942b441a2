"""The link probe equals the link law to the nanosecond, whatever the sizes and rates."""

import math
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpcsim import Network, simulate
from scenarios.probes.link_probe import LinkProbe, Probe, link_probe


def _probe(message_bytes, repeats, network, **options):
    program = link_probe(LinkProbe(workload=Probe(message_bytes=message_bytes, repeats=repeats)))
    run = simulate(roles=program.roles, network=network, seed=1, **options)
    return run, program.summarize(run)


def test_a_hop_worked_out_by_hand():
    run, output = _probe(1000, 1, Network("88.5 ms", "220 Mbit/s"))
    assert output["wire_bytes_per_message"] == 1000 + 23
    # 8 · 1023 bit / 220 Mbit/s = 37.2 us
    assert run.makespan_ns == 3 * (88_500_000 + 37_200) == output["predicted_ns"]


@settings(deadline=None)
@given(
    st.integers(0, 5000),
    st.integers(1, 20),
    st.integers(0, 10**6),
    st.integers(1, 10**10) | st.none(),
    st.sampled_from(["uplink", "link"]),
)
def test_the_makespan_equals_the_link_law(message_bytes, repeats, latency, rate, sharing):
    bandwidth = "unlimited" if rate is None else f"{rate} bit/s"
    run, output = _probe(message_bytes, repeats, Network(f"{latency} ns", bandwidth, sharing))
    hops = 3 * repeats
    assert run.rounds == run.messages == output["hops"] == hops
    assert run.payload_bytes == hops * message_bytes
    assert output["wire_bytes_per_message"] * hops == run.wire_bytes
    bits = 8 * output["wire_bytes_per_message"]
    hop = 0 if rate is None else math.floor(Fraction(bits * 10**9, rate) + Fraction(1, 2))
    assert run.makespan_ns == hops * (hop + latency) == output["predicted_ns"]
    assert output["equal"]


def test_a_run_that_takes_real_time_is_said_to_differ():
    _, output = _probe(10, 1, Network("1 ms"), clock="wall")
    assert output["equal"] is False
    assert output["makespan_ns"] > output["predicted_ns"]


def test_a_run_on_sockets_is_not_held_to_the_link_law():
    program = link_probe(LinkProbe(workload=Probe(message_bytes=10, repeats=1)))
    run = replace(simulate(roles=program.roles, network=Network("1 ms"), seed=1), sockets={})
    output = program.summarize(run)
    assert output["equal"] is None
    assert output["predicted_ns"] == run.makespan_ns
    assert "not held to" in program.render(output)[1]


@pytest.mark.parametrize("table", [{"repeats": 0}, {"message_bytes": -1}, {"hops": 3}])
def test_a_probe_refuses_what_it_cannot_send(table):
    with pytest.raises(ValueError, match=next(iter(table))):
        Probe(**table)
