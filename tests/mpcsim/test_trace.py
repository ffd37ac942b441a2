"""The trace: uniform rows, in order by strand, and enough to run again over another network."""

import io

import numpy as np
import pandas
import pytest

from mpcsim import Network, RecvTimeout, simulate
from mpcsim.engine.trace import COLUMNS, KINDS, Trace
from mpcsim.faults.rules import Drop

NETWORK = Network("10 ms", "8 Mbit/s")


async def _protocol(party):
    """Two rounds of concurrent exchanges of unequal sizes, within spans, with a pause between."""

    async def exchange(child):
        with party.span("step", "exchange"):
            party.send((party.id + 1) % 3, np.zeros(100 * (child + 1) * (party.id + 1), np.uint8))
            await party.recv((party.id - 1) % 3)
            party.send((party.id + 2) % 3, np.zeros(300 * (3 - child), np.uint8))
            await party.recv((party.id - 2) % 3)

    for _ in range(2):
        with party.span("round"):
            await party.gather(*map(exchange, range(3)))
        await party.sleep(0.001 * party.id)
    with party.channel("named"):
        party.send((party.id + 1) % 3, np.zeros(999, np.uint8))
        return (await party.recv((party.id - 1) % 3)).size


def _run(network=NETWORK, **options):
    return simulate(_protocol, parties=3, network=network, seed=2, **options)


def test_every_event_has_the_same_keys_and_a_known_kind():
    events = _run(trace=True).events
    assert {tuple(event) for event in events} == {COLUMNS}
    assert {event["kind"] for event in events} == {
        "start", "send", "recv", "sleep", "fork", "end", "enter", "leave",
    }  # fmt: skip
    assert {event["kind"] for event in events} <= set(KINDS)


def test_a_trace_reads_as_a_sequence():
    events = _run(trace=True).events
    listed = list(events)
    assert len(events) == len(listed)
    assert events == listed
    assert events[-1] == listed[-1]
    assert events[3:9:2] == listed[3:9:2]
    assert events != listed[:-1]
    with pytest.raises(IndexError):
        events[len(events)]


def test_a_long_trace_is_packed_and_stays_the_same():
    async def chatter(party):
        for number in range(4000):
            party.send(1 - party.id, number)
            await party.recv(1 - party.id)

    events = simulate(chatter, parties=2, network=NETWORK, trace=True).events
    assert isinstance(events, Trace)
    assert len(events) == 2 * (2 * 4000 + 2)
    sends = [event for event in events if event["kind"] == "send"]
    assert [event["message"] for event in sends] == list(range(8000))
    assert all(event["arrival"] > event["t"] for event in sends)
    assert events[12345] == list(events)[12345]


def test_forks_name_their_children_and_starts_their_parents():
    events = list(_run(trace=True).events)
    starts = {event["strand"]: event["value"] for event in events if event["kind"] == "start"}
    forks = [event for event in events if event["kind"] == "fork"]
    assert len(forks) == 6
    for fork in forks:
        children = range(fork["peer"], fork["peer"] + fork["value"])
        assert [starts[child] for child in children] == [fork["strand"]] * 3
    assert [starts[strand] for strand in range(3)] == [None] * 3
    assert {event["strand"] for event in events if event["kind"] == "end"} == starts.keys()


def test_spans_are_entered_and_left_in_order_and_name_their_occurrence():
    events = [event for event in _run(trace=True).events if event["kind"] in ("enter", "leave")]
    by_strand = {}
    for event in events:
        stack = by_strand.setdefault(event["strand"], [])
        if event["kind"] == "enter":
            stack.append(event["occurrence"])
        else:
            assert stack.pop() == event["occurrence"]
    assert not any(by_strand.values())
    assert len({event["occurrence"] for event in events if event["span"] == "round"}) == 2
    assert {event["span"] for event in events} == {"round", "round/step"}


@pytest.mark.parametrize(
    "network",
    [
        Network("10 ms", "8 Mbit/s", downlink="8 Mbit/s"),
        Network("10 ms", jitter={"distribution": "uniform", "maximum": "5 ms"}),
        Network("10 ms", loss=0.2, retransmission_timeout="30 ms"),
    ],
    ids=["downlink", "jitter", "loss"],
)
def test_arrivals_stand_in_the_trace_whatever_held_a_message_up(network):
    events = list(_run(network, trace=True).events)
    arrivals = {event["message"]: event["arrival"] for event in events if event["kind"] == "send"}
    for event in events:
        if event["kind"] == "recv":
            assert event["t"] >= arrivals[event["message"]] >= 10_000_000


def test_a_message_that_never_arrived_has_no_arrival():
    async def program(party):
        if party.id == 0:
            party.send(1, 1)
        else:
            with pytest.raises(RecvTimeout):
                await party.recv(0, timeout=1)

    events = simulate(program, parties=2, faults=[Drop()], trace=True).events
    assert [event["arrival"] for event in events if event["kind"] == "send"] == [None]


def test_measured_compute_stands_between_the_events_of_a_strand():
    def work():
        return sum(range(300_000))

    async def program(party):
        work()
        party.send(1 - party.id, 1)
        work()
        await party.recv(1 - party.id)

    run = simulate(program, parties=2, compute="measured", trace=True)
    assert sum(event["compute_ns"] for event in run.events) == sum(
        party.compute_ns for party in run.per_party
    )
    for kind in ("send", "recv"):
        assert all(event["compute_ns"] > 500_000 for event in run.events if event["kind"] == kind)


def test_pandas_reads_the_events(tmp_path):
    import json

    text = "".join(json.dumps(event) + "\n" for event in _run(trace=True).events)
    table = pandas.read_json(io.StringIO(text), lines=True)
    assert tuple(table.columns) == COLUMNS
    sends = table[table["kind"] == "send"]
    assert sends["wire_bytes"].sum() == _run().wire_bytes


# Enough to run again


def _replay(events, network):
    """Run the strands of a trace over another network, with bytes in place of payloads."""
    strands = {}
    for event in events:
        strands.setdefault(event["strand"], []).append(event)
    channels = {event["strand"]: event["channel"] for event in events if event["kind"] == "start"}

    def payload(event):
        size = event["wire_bytes"] - 10
        return b"x" * (size - 2 if size < 2**8 else size - 3)

    async def run(party, number):
        spans = []
        for event in strands[number]:
            kind = event["kind"]
            named = event["channel"] != channels[number]
            if kind in ("send", "recv") and named:
                with party.channel(event["channel"].removeprefix("@")):
                    await act(party, event)
            elif kind == "enter":
                spans.append(party.span(event["span"].rpartition("/")[2]))
                spans[-1].__enter__()
            elif kind == "leave":
                spans.pop().__exit__(None, None, None)
            elif kind == "fork":
                children = range(event["peer"], event["peer"] + event["value"])
                await party.gather(*(run(party, child) for child in children))
            else:
                await act(party, event)

    async def act(party, event):
        if event["kind"] == "send":
            party.send(event["peer"], payload(event))
        elif event["kind"] == "recv":
            await party.recv(event["peer"])
        elif event["kind"] == "sleep":
            await party.sleep(event["value"] / 1e9)

    return simulate(lambda party: run(party, party.id), parties=3, network=network, seed=2)


@pytest.mark.parametrize(
    "network",
    [
        Network("1 ms", "100 Mbit/s"),
        Network("50 ms", "1 Mbit/s", sharing="link"),
        Network("3 ms", "2 Mbit/s", downlink="3 Mbit/s", overhead_bytes=40, segment_bytes=500),
        Network(
            "3 ms",
            "2 Mbit/s",
            jitter={"distribution": "exponential", "scale": "2 ms"},
            loss=0.1,
            retransmission_timeout="20 ms",
        ),
    ],
    ids=["fast", "slow", "downlink", "random"],
)
def test_a_trace_is_enough_to_get_the_time_on_another_network_exactly(network):
    events = list(_run(trace=True).events)
    fresh, again = _run(network), _replay(events, network)
    assert again.makespan_ns == fresh.makespan_ns
    assert [span.makespan_ns for span in again.spans] == [span.makespan_ns for span in fresh.spans]
    assert again.rounds == fresh.rounds
    assert again.wire_bytes == fresh.wire_bytes
