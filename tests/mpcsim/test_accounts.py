"""Accounts: rounds are depths, spans add up, bytes are counted where they are sent."""

import numpy as np
import pytest

from mpcsim import Network, UsageError, simulate


def _rounds(program, parties=3):
    return simulate(program, parties=parties).rounds


def test_a_chain_of_messages_counts_each_link():
    async def program(party):
        for sender in range(3):
            if party.id == sender:
                party.send((sender + 1) % 3, None)
            elif party.id == (sender + 1) % 3:
                await party.recv(sender)

    assert _rounds(program) == 3


def test_messages_that_do_not_depend_on_each_other_are_one_round():
    async def program(party):
        for _ in range(10):
            party.send((party.id + 1) % 3, None)
        for _ in range(10):
            await party.recv((party.id - 1) % 3)

    assert _rounds(program) == 1


async def _ping(party, times):
    for _ in range(times):
        party.send(1 - party.id, None)
        await party.recv(1 - party.id)


def test_a_gather_joins_by_the_maximum_of_its_children():
    async def program(party):
        await _ping(party, 1)
        await party.gather(_ping(party, 4), _ping(party, 2), _ping(party, 3))
        await _ping(party, 1)

    assert _rounds(program, parties=2) == 1 + 4 + 1


def test_the_same_sub_protocols_one_after_the_other_take_the_sum():
    async def program(party):
        for times in (4, 2, 3):
            await _ping(party, times)

    assert _rounds(program, parties=2) == 9


def test_a_message_of_smaller_depth_does_not_lower_the_receivers():
    async def program(party):
        if party.id == 2:
            party.send(0, "early")
            return
        await _ping(party, 3)
        if party.id == 0:
            await party.recv(2)
            party.send(1, None)
        else:
            await party.recv(0)

    assert _rounds(program) == 4


def test_work_without_messages_has_no_rounds():
    async def program(party):
        await party.gather(party.gather(), party.gather())

    assert _rounds(program) == 0


# Spans


async def _layers(party):
    """Two top-level spans, the first with two nested ones; unequal work at the parties."""
    with party.span("first", "conv"):
        await _ping(party, 2)
        with party.span("inner", "relu"):
            party.send(1 - party.id, np.zeros(10 + party.id, np.uint8))
            await party.recv(1 - party.id)
        with party.span("inner", "relu"):
            await _ping(party, 3)
    with party.span("second"):
        await party.gather(_ping(party, 1), _ping(party, 5))


def _layers_run():
    return simulate(_layers, parties=2, network=Network("7 ms", "1 Mbit/s"))


def test_consecutive_spans_add_up_to_the_run():
    run = _layers_run()
    first, second = run.span("first"), run.span("second")
    assert (first.rounds, second.rounds) == (6, 5)
    assert first.rounds + second.rounds == run.rounds
    assert first.makespan_ns + second.makespan_ns == run.makespan_ns
    for count in ("messages", "payload_bytes", "wire_bytes"):
        assert getattr(first, count) + getattr(second, count) == getattr(run, count)


def test_a_span_includes_its_nested_ones_whose_occurrences_add_up():
    run = _layers_run()
    inner = run.span("inner")
    assert (inner.parent, inner.op, inner.count, inner.rounds) == ("first", "relu", 2, 4)
    assert inner.messages == 2 + 6
    assert inner.payload_bytes == 10 + 11
    assert {party: traffic.payload_bytes for party, traffic in inner.sent.items()} == {0: 10, 1: 11}
    assert run.span("first").messages == inner.messages + 4


def test_spans_are_listed_in_order_with_parents_first():
    assert [span.name for span in _layers_run().spans] == ["first", "inner", "second"]


def test_an_unknown_span_is_refused_with_the_names_that_exist():
    with pytest.raises(UsageError, match="no span 'third'; its spans: first, inner, second"):
        _layers_run().span("third")


def test_a_childs_messages_belong_to_the_span_around_the_gather():
    async def program(party):
        async def child(name):
            with party.span(name):
                await _ping(party, 1)

        with party.span("outer"):
            await party.gather(child("a"), child("b"))

    run = simulate(program, parties=2)
    assert [(span.name, span.parent, span.messages) for span in run.spans] == [
        ("outer", None, 4),
        ("a", "outer", 2),
        ("b", "outer", 2),
    ]
    assert run.rounds == run.span("outer").rounds == 1


# Totals


def test_parties_and_links_add_up_to_the_totals():
    async def program(party):
        for other in range(3):
            if other != party.id:
                party.send(other, np.zeros(party.id * 10 + other, np.uint8))
        for other in range(3):
            if other != party.id:
                await party.recv(other)

    run = simulate(program, parties=3)
    assert run.links[(2, 1)].payload_bytes == 21
    assert run.per_party[2].sent.payload_bytes == 20 + 21
    for accounts in (run.links.values(), [party.sent for party in run.per_party]):
        assert sum(traffic.payload_bytes for traffic in accounts) == run.payload_bytes == 66
        assert sum(traffic.wire_bytes for traffic in accounts) == run.wire_bytes
        assert sum(traffic.messages for traffic in accounts) == run.messages == 6


def test_observed_values_cost_nothing_and_leave_the_digest_alone():
    def program(watched):
        async def body(party):
            if watched:
                party.observe("state", np.arange(party.id))
            await _ping(party, 1)

        return body

    plain, watched = (simulate(program(on), parties=2, seed=1) for on in (False, True))
    assert watched.digest == plain.digest
    assert watched.messages == plain.messages
    assert watched.observed["state"][1][0].tolist() == [0]
    assert plain.observed == {}


# The trace


def test_the_trace_holds_every_message_once_with_its_arrival():
    run = simulate(_layers, parties=2, network=Network("7 ms", "1 Mbit/s"), trace=True)
    sends = {event["message"]: event for event in run.events if event["kind"] == "send"}
    received = {event["message"]: event for event in run.events if event["kind"] == "recv"}
    assert len(sends) == run.messages
    assert received.keys() == sends.keys()
    assert all(received[number]["t"] >= sends[number]["arrival"] for number in sends)
    assert sum(event["wire_bytes"] for event in sends.values()) == run.wire_bytes
    assert {event["span"] for event in sends.values()} == {"first", "first/inner", "second"}
    times = [event["t"] for event in run.events]
    assert times == sorted(times)


def test_without_a_trace_no_events_are_kept():
    assert _layers_run().events is None
