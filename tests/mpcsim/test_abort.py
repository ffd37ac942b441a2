"""Aborts: ⊥ for the party, news for those that wait for it, an outcome and no failure."""

import pytest

from analysis.replay import NotRetimable, build
from mpcsim import Network, PartyError, PeerAborted, UsageError, simulate

NETWORK = Network(latency="10 ms", bandwidth="1 Mbit/s")


async def _pair(party):
    if party.id == 0:
        party.send(1, bytes(1000))
        await party.sleep("5 ms")
        await party.abort("a MAC does not fit")
    await party.recv(0)
    try:
        await party.recv(0)
    except PeerAborted as error:
        return error.party, error.role, error.reason, party.now


def test_who_waits_hears_of_it_after_the_latency_and_after_what_was_sent():
    run = simulate(_pair, parties=2, network=NETWORK, trace=True)
    sent = (1000 + 10 + 3) * 8 / 1e6  # the message is on the link until then, its frame included
    party, role, reason, at = run.outputs[1]
    assert (party, role, reason) == (0, "party0", "a MAC does not fit")
    assert at == pytest.approx(sent + 0.010, abs=1e-4)
    assert run.outputs[0] is None
    assert run.outcomes == {"party0": "aborted", "party1": "finished"}
    assert run.aborts == {"party0": "a MAC does not fit"}
    assert (run.finished, run.messages, run.rounds) == (True, 1, 1)


@pytest.mark.parametrize("more", [{"transport": "tcp"}, {"downlink": "1 Mbit/s"}, {"overhead_bytes": 40}])
def test_over_every_kind_of_network(more):
    run = simulate(_pair, parties=2, network=Network(latency="10 ms", bandwidth="1 Mbit/s", **more))
    assert run.outcomes == {"party0": "aborted", "party1": "finished"}
    assert run.outputs[1][3] > 0.018


def test_a_program_that_does_not_catch_it_aborts_in_turn():
    async def chain(party):
        if party.id == 0:
            await party.abort("first")
        await party.recv(party.id - 1)

    run = simulate(chain, parties=4, network=NETWORK)
    assert set(run.outcomes.values()) == {"aborted"}
    assert run.aborts["party3"].endswith("party 0 (party0) aborted: first")
    assert run.makespan == pytest.approx(0.03)
    assert run.rounds == 3


def test_an_abort_in_a_gather_closes_the_rest_of_the_party():
    closed = []

    async def program(party):
        async def waits():
            try:
                await party.recv(1)
            finally:
                closed.append(party.id)

        async def aborts():
            await party.sleep("1 ms")
            await party.abort("enough")

        if party.id == 0:
            await party.gather(waits(), aborts())
        else:
            await party.recv_any([0])

    run = simulate(program, parties=3, network=NETWORK)
    assert closed == [0]
    assert run.outcomes == {"party0": "aborted", "party1": "aborted", "party2": "aborted"}


def test_a_choice_goes_on_without_who_aborted():
    async def program(party):
        if party.id == 1:
            await party.abort("no")
        if party.id == 2:
            await party.sleep("1 s")
            party.send(0, "yes")
        return await party.recv_any([1, 2]) if party.id == 0 else None

    run = simulate(program, parties=3, network=NETWORK)
    assert run.outputs[0] == (2, "yes")
    assert run.outcomes["party0"] == "finished"


def test_who_waits_later_hears_at_once_and_what_was_sent_to_it_is_dropped():
    async def program(party):
        if party.id == 0:
            await party.abort("no")
        party.send(0, "to nobody")
        await party.sleep("1 s")
        with pytest.raises(PeerAborted):
            await party.recv(0)
        return party.now

    assert simulate(program, parties=2, network=NETWORK).outputs[1] == 1.0


def test_a_failure_stays_a_failure():
    async def program(party):
        if party.id == 0:
            await party.abort("no")
        try:
            await party.recv(0)
        except PeerAborted:
            raise ValueError("mine") from None

    with pytest.raises(PartyError, match="mine"):
        simulate(program, parties=2)


@pytest.mark.parametrize("reason", [None, 3])
def test_a_reason_is_text(reason):
    async def program(party):
        await party.abort(reason)

    with pytest.raises(UsageError, match="takes text"):
        simulate(program, parties=1)


def test_compute_is_measured_up_to_the_abort():
    run = simulate(_pair, parties=2, network=NETWORK, compute="measured", trace=True)
    assert run.outcomes["party0"] == "aborted"


def test_a_run_with_an_abort_is_not_retimed():
    run = simulate(_pair, parties=2, network=NETWORK, trace=True)
    with pytest.raises(NotRetimable, match="aborted"):
        build(run.events, ["party0", "party1"], measured=False)


@pytest.mark.parametrize("faults", [(), ({"kind": "delay", "by": "1 ms", "source": 1},)])
def test_what_a_party_cleans_up_after_an_abort_is_sent_with_and_without_faults(faults):
    async def program(party):
        if party.id == 0:
            try:
                await party.abort("no")
            finally:
                party.send(1, "last words")
        return await party.recv(0)

    run = simulate(program, parties=2, network=NETWORK, faults=faults)
    assert run.outputs[1] == "last words"
