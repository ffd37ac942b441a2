"""Waiting with an end: timeouts on `recv`, `party.sleep`, and what the record says of them."""

import pytest

from mpcsim import MpcsimError, Network, RecvTimeout, UsageError, simulate

TEN = Network("10 ms")


async def _patient(party, timeout):
    """Party 0 answers after 20 ms; party 1 waits that long, and says when and how it ended."""
    if party.id == 0:
        await party.sleep("20 ms")
        party.send(1, "late")
        return None
    with party.span("waiting"):
        try:
            return await party.recv(0, timeout=timeout), round(party.now * 1e3)
        except TimeoutError:
            when = round(party.now * 1e3)
            return await party.recv(0), when


def _waited(timeout, **options):
    run = simulate(lambda party: _patient(party, timeout), parties=2, network=TEN, **options)
    return run.outputs[1], run


def test_a_timeout_ends_a_wait_and_the_message_is_the_next_to_be_received():
    assert _waited(0.025)[0] == ("late", 25)
    assert _waited("25 ms")[0] == ("late", 25)


def test_a_message_in_time_ends_the_wait_and_the_timer_never_fires():
    (got, when), run = _waited(0.031)
    assert (got, when) == ("late", 30)
    assert run.makespan_ns == 30_000_000


def test_a_timeout_of_zero_takes_what_is_there():
    async def program(party):
        if party.id == 0:
            party.send(1, 1)
            return None
        await party.sleep(1)
        first = await party.recv(0, timeout=0)
        with pytest.raises(RecvTimeout):
            await party.recv(0, timeout=0)
        return first

    assert simulate(program, parties=2).outputs == [None, 1]


def test_an_old_timer_does_not_end_a_later_wait():
    async def program(party):
        if party.id == 0:
            for pause in (0.01, 0.05):
                await party.sleep(pause)
                party.send(1, pause)
            return None
        return [await party.recv(0, timeout=0.04), await party.recv(0)]

    assert simulate(program, parties=2).outputs[1] == [0.01, 0.05]


def test_a_timeout_that_nobody_catches_ends_the_run_with_party_link_span_and_seed():
    async def program(party):
        if party.id == 1:
            with party.span("round 3"):
                await party.recv(0, timeout=0.5)

    with pytest.raises(RecvTimeout) as caught:
        simulate(program, parties=2, seed=9)
    text = "\n".join([str(caught.value), *caught.value.__notes__])
    assert "party 1 (party1) had nothing from party 0 (party0) within 0.5 s in span 'round 3'" in text
    assert "seed: 9" in text
    assert isinstance(caught.value, MpcsimError)


def test_a_timeout_in_one_child_cancels_its_siblings():
    async def program(party):
        if party.id == 0:
            return None
        try:
            await party.gather(party.recv(0), party.recv(0, timeout=1))
        except TimeoutError:
            return party.now

    assert simulate(program, parties=2).outputs == [None, 1]


@pytest.mark.parametrize("timeout", [0.025, 0.031])
def test_a_run_that_used_a_timeout_says_so_whether_it_fired_or_not(timeout):
    _, run = _waited(timeout, trace=True)
    assert run.timeouts == 1
    kinds = [(event["kind"], event["value"]) for event in run.events if event["value"] == timeout * 1e9]
    assert kinds == [("timeout" if timeout == 0.025 else "recv", timeout * 1e9)]
    assert simulate(lambda party: _rest(party), parties=1).timeouts == 0


async def _rest(party):
    await party.sleep(1)


def test_sleep_takes_virtual_time_and_stands_in_the_trace():
    run = simulate(_rest, parties=2, trace=True)
    assert run.makespan == 1
    assert [event["value"] for event in run.events if event["kind"] == "sleep"] == [10**9] * 2


@pytest.mark.parametrize("clock", ["virtual", "wall"])
def test_timeouts_and_sleep_work_on_both_clocks(clock):
    async def program(party):
        if party.id == 0:
            await party.sleep(0.03)
            party.send(1, "x")
            return None
        with pytest.raises(RecvTimeout):
            await party.recv(0, timeout=0.01)
        return await party.recv(0, timeout=5)

    run = simulate(program, parties=2, clock=clock)
    assert run.outputs == [None, "x"]
    assert 0.03 <= run.makespan < 1


@pytest.mark.parametrize("wait", [-1, float("nan"), "soon", 1e10])
def test_a_wait_that_cannot_be_is_refused(wait):
    async def sleeping(party):
        await party.sleep(wait)

    async def receiving(party):
        await party.recv(1 - party.id, timeout=wait)

    for program, what in ((sleeping, "sleep"), (receiving, "timeout")):
        with pytest.raises(UsageError, match=what):
            simulate(program, parties=2)
