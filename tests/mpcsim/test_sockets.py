"""Programs on sockets do what they do in the simulation, whatever they send."""

import numpy as np
import pytest
from socket_parties import LENIENT, LIMITS, Group, settled  # noqa: F401

from mpcsim import simulate

pytestmark = [LENIENT, pytest.mark.usefixtures("settled")]


async def chatter(party):
    """Everything that a party can do: gathers, spans, phases, channels, tuples, sizes from nothing on."""
    after, before = (party.id + 1) % party.n, (party.id - 1) % party.n
    got = []
    for size in (0, 1, 7, 5000, 70_000):
        with party.span(f"size {size}"):
            party.send(after, np.arange(size, dtype=np.int64) * (party.id + 1))
            got.append(int((await party.recv(before)).sum()))
    payload = (1, [2.5, "text", b"bytes", None, 2**70], {"key": (True, np.float32(1.5))}, "x" * 5000)
    with party.phase("online"), party.span("odd", "exchange"):
        party.send(after, payload)
        other = await party.recv(before)
        assert other == (1, [2.5, "text", b"bytes", None, 2**70], {"key": (True, 1.5)}, "x" * 5000)
        assert type(other) is tuple

    async def child(number):
        with party.span("child"):
            party.send(after, number)
            return await party.recv(before) + int.from_bytes(party.secret("mask", 2), "big")

    got += await party.gather(*(child(number) for number in range(5)))
    with party.channel("by name"):
        party.send(after, np.zeros((3, 0, 2), np.uint8))
        got.append((await party.recv(before)).shape)
    return got


def facts(run):
    spans = {
        tuple(span.path): (
            span.rounds,
            span.count,
            span.op,
            span.phase,
            {i: vars_of(t) for i, t in span.sent.items()},
        )
        for span in run.spans
    }
    phases = {name: (phase.rounds, phase.payload_bytes) for name, phase in run.phases.items()}
    links = {link: vars_of(traffic) for link, traffic in run.links.items()}
    return run.rounds, links, spans, phases, run.payload_digest


def vars_of(traffic):
    return traffic.messages, traffic.payload_bytes, traffic.wire_bytes


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("parties", [1, 2, 3, 5])
def test_the_same_costs_payloads_and_outputs_as_simulated(tmp_path, tls, parties):
    if parties == 1:

        async def program(party):
            return party.id
    else:
        program = chatter
    group = Group(tmp_path, program, parties, tls=tls, reproducible=True).start().join()
    real = group.merged()
    virtual = simulate(roles=group.program.roles, seed=5, payloads=True)
    assert facts(real) == facts(virtual)
    assert real.outputs == virtual.outputs
    assert {one["kind"] for one in real.events} <= {
        one["kind"] for one in simulate(chatter, trace=True).events
    }


def test_keys_come_from_the_operating_system_whatever_the_seed(tmp_path):
    async def program(party):
        return party.secret("key", 16), party.rng("mask").integers(1 << 60)

    runs = [Group(tmp_path, program, 2).start().join().merged().outputs for _ in range(2)]
    virtual = simulate(roles={f"party{i}": program for i in range(2)}, seed=5).outputs
    assert runs[0] != runs[1]
    assert virtual not in runs
    again = Group(tmp_path, program, 2, reproducible=True).start().join().merged().outputs
    assert again == virtual


def test_timeouts_sleep_and_clocks_are_real(tmp_path):
    async def program(party):
        if party.id == 0:
            await party.sleep("200 ms")
            party.send(1, "late")
            return party.now
        with pytest.raises(TimeoutError):
            await party.recv(0, timeout="50 ms")
        early = party.now
        return early, await party.recv(0), party.now

    run = Group(tmp_path, program, 2).start().join().merged()
    early, text, late = run.outputs["party1"]
    assert 0.05 <= early < 0.2 <= late
    assert text == "late"
    assert run.timeouts == 1
    assert run.makespan >= 0.2


def test_a_slow_receiver_keeps_a_senders_memory_bounded(tmp_path):
    held = []

    async def program(party):
        if party.id == 0:
            exchange = party._scheduler.transport._network
            for number in range(60):
                party.send(1, np.full(1 << 18, number, np.uint8))
                held.append(exchange.links[1].queued)
            return None
        import time

        time.sleep(0.5)  # busy: nothing is read meanwhile
        return [int((await party.recv(0))[0]) for _ in range(60)]

    run = Group(tmp_path, program, 2).start().join().merged()
    assert run.outputs["party1"] == list(range(60))
    assert 0 < max(held) <= LIMITS.queue + (1 << 18) + 4096


def test_two_that_flood_each_other_both_get_on(tmp_path):
    async def program(party):
        for number in range(40):
            party.send(1 - party.id, np.full(1 << 18, number, np.uint8))
        return sum([int((await party.recv(1 - party.id))[0]) for _ in range(40)])

    assert set(Group(tmp_path, program, 2).start().join().merged().outputs.values()) == {780}


def test_long_work_without_an_await_is_no_silence(tmp_path):
    async def program(party):
        if party.id == 0:
            import time

            time.sleep(2.5 * LIMITS.silence)
        party.send(1 - party.id, 1)
        return await party.recv(1 - party.id)

    assert Group(tmp_path, program, 2, tls=True).start().join().merged().outputs == {
        "party0": 1,
        "party1": 1,
    }
