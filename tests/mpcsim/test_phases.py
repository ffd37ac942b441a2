"""Phases: labels across spans, with totals of their own at their own time."""

import pytest

from analysis.replay import build, phase_times, replay
from mpcsim import Network, UsageError, simulate

NETWORK = Network(latency="10 ms", bandwidth="1 Mbit/s")
DEAL = 2 * (100 + 12) * 8 / 1e6  # seconds on the uplink, for two messages of 100 bytes
STEP = 0.01 + (10 + 12 - 1) * 8 / 1e6  # a message of 10 bytes in its frame


async def _dealer(party):
    with party.phase("offline"):
        for to in (1, 2):
            for _ in range(2):
                with party.span("deal"):
                    party.send(to, bytes(100))


async def _server(party):
    await party.sleep("1 s")
    for _ in range(2):
        with party.phase("offline"):
            await party.recv(0)
        with party.phase("online"), party.span("mul"):
            party.send(3 - party.id, bytes(10))
            await party.recv(3 - party.id)


def _run(network=NETWORK, **more):
    return simulate(
        roles={"dealer": _dealer, "s0": _server, "s1": _server}, network=network, trace=True, **more
    )


def test_a_dealer_that_runs_ahead_takes_its_own_time():
    run = _run()
    offline, online = run.phases["offline"], run.phases["online"]
    ideal = 2 * DEAL + 0.01
    assert list(run.phases) == ["offline", "online"]
    assert offline.makespan_ns / 1e9 == pytest.approx(ideal, rel=0.01)  # not 0, and not the second waited
    assert (offline.begin_ns, online.begin_ns) == (0, 10**9)
    assert online.end_ns == run.makespan_ns
    assert online.makespan_ns == run.makespan_ns - 10**9
    assert (offline.rounds, online.rounds, run.rounds) == (1, 2, 3)
    assert (offline.messages, offline.payload_bytes) == (4, 400)
    assert (online.messages, online.payload_bytes) == (4, 40)
    assert offline.wire_bytes + online.wire_bytes == run.wire_bytes
    assert [(span.name, span.phase) for span in run.spans] == [("deal", "offline"), ("mul", "online")]


_MORE = (
    {"jitter": {"distribution": "uniform", "maximum": "5 ms"}},
    {"transport": "tcp"},
    {"downlink": "2 Mbit/s"},
)


@pytest.mark.parametrize("more", _MORE)
def test_phases_are_retimed_like_a_run(more):
    run = _run(seed=3)
    for latency in ("1 ms", "700 ms"):
        other = Network(latency=latency, bandwidth="10 Mbit/s", **more)
        fresh = _run(other, seed=3)
        structure = build(run.events, ["dealer", "s0", "s1"], measured=False)
        found = phase_times(structure, replay(structure, other, 3), 2)
        assert found == [(one.makespan_ns, one.begin_ns, one.end_ns) for one in fresh.phases.values()]


def test_no_phase_and_nested_phases_and_odd_names():
    async def program(party):
        with party.phase("a"):
            party.send(1 - party.id, bytes(1))
            with party.phase("é/\n"), party.span("inner"):
                party.send(1 - party.id, bytes(2))
            party.send(1 - party.id, bytes(4))
        party.send(1 - party.id, bytes(8))
        for _ in range(4):
            await party.recv(1 - party.id)

    run = simulate(program, parties=2)
    assert {name: one.payload_bytes for name, one in run.phases.items()} == {"a": 10, "é/\n": 4}
    assert simulate(_server_alone, parties=1).phases == {}
    assert run.span("inner").phase == "é/\n"


async def _server_alone(party):
    with party.span("s"):
        pass


def test_a_phase_inside_a_gather_takes_its_messages_alone():
    async def program(party):
        async def pre():
            with party.phase("offline"):
                party.send(1 - party.id, bytes(100))
                await party.recv(1 - party.id)

        async def on():
            for _ in range(3):
                party.send(1 - party.id, bytes(1))
                await party.recv(1 - party.id)

        with party.phase("online"), party.span("both"):
            await party.gather(pre(), on())

    run = simulate(program, parties=2, network=Network(latency="10 ms"), compute="measured")
    offline, online = run.phases["offline"], run.phases["online"]
    assert (offline.payload_bytes, online.payload_bytes) == (200, 6)
    assert (offline.rounds, online.rounds) == (1, 3)
    assert online.makespan_ns > 2 * offline.makespan_ns > 0
    assert sum(online.compute_ns.values()) + sum(offline.compute_ns.values()) > 0
    assert run.span("both").phase == "online"
    assert run.span("both").payload_bytes == 206


def test_a_span_in_several_phases_has_none():
    async def program(party):
        with party.phase("offline" if party.id else "online"), party.span("s"):
            pass

    assert simulate(program, parties=2).span("s").phase is None


@pytest.mark.parametrize("name", ["", None, 3])
def test_a_phase_has_a_name(name):
    async def program(party):
        with party.phase(name):
            pass

    with pytest.raises(UsageError, match=r"party\.phase takes text"):
        simulate(program, parties=1)


def test_a_phase_costs_no_digest():
    async def program(party, phased):
        if phased:
            with party.phase("p"):
                party.send(1 - party.id, 1)
        else:
            party.send(1 - party.id, 1)
        await party.recv(1 - party.id)

    runs = [
        simulate(lambda party, one=one: program(party, one), parties=2, seed=1) for one in (True, False)
    ]
    assert runs[0].digest == runs[1].digest
