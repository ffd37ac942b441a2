"""Measured compute: what is charged, to whom, and what is not."""

import gc
import logging
import time

import numpy as np
import pytest

from mpcsim import Network, simulate

_MESSAGES = 3000


def _work(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def _charged(program, parties=2, **options):
    run = simulate(program, parties=parties, compute="measured", **options)
    return [party.compute_ns / 1e9 for party in run.per_party], run


def test_sealing_hashing_and_metering_payloads_is_not_charged():
    """Sealing a thousand arrays takes a millisecond; the parties' own code is a loop."""

    async def program(party):
        data = [np.zeros(8) for _ in range(1000)]
        for _ in range(50):
            party.send(1 - party.id, data)
            await party.recv(1 - party.id)

    started = time.process_time()
    spent, _ = _charged(program)
    took = time.process_time() - started
    assert took > 0.05
    assert sum(spent) < took / 5


def test_small_messages_spans_and_traces_are_not_charged():
    async def program(party):
        for number in range(_MESSAGES):
            with party.span("step"):
                party.send(1 - party.id, number)
                await party.recv(1 - party.id)

    started = time.process_time()
    spent, _ = _charged(program, trace=True)
    took = time.process_time() - started
    assert sum(spent) < took / 4


def test_one_partys_work_is_not_charged_to_another():
    async def program(party):
        if party.id == 0:
            for _ in range(5):
                _work(0.01)
                party.send(1, None)
        else:
            for _ in range(5):
                await party.recv(0)

    spent, run = _charged(program, network=Network("1 ms"))
    assert 0.05 <= spent[0] < 0.07
    assert spent[1] < 0.002
    assert run.makespan >= 0.051


def test_one_partys_garbage_is_not_collected_at_the_expense_of_another():
    """Party 0 makes cycles; party 1 allocates next, and would be the one to pay for them."""
    running, collected = [], []

    async def program(party):
        for _ in range(20):
            running.append(party.id)
            if party.id == 0:
                for _ in range(3000):
                    cycle = []
                    cycle.append(cycle)
            else:
                _ = [[] for _ in range(1000)]
            running.pop()
            await party.sleep(0.001)

    def note(phase, _):
        if phase == "start":
            collected.append(list(running))

    gc.callbacks.append(note)
    try:
        _charged(program)
    finally:
        gc.callbacks.remove(note)
    assert gc.isenabled()
    assert collected  # between segments, of which none is charged for it
    assert not any(collected)


def test_a_party_of_half_the_speed_takes_twice_as_long():
    async def program(party):
        _work(0.02)
        return party.now

    _, run = _charged(program, speed={"party1": 0.5})
    fast, slow = run.outputs
    assert 0.02 <= fast < 0.03
    assert 0.04 <= slow < 0.06
    assert run.per_party[1].compute_ns == pytest.approx(2 * run.per_party[0].compute_ns, rel=0.3)


def test_what_concurrent_children_spend_adds_up():
    async def child(party):
        _work(0.005)
        await party.sleep(0.001)
        _work(0.005)

    async def program(party):
        await party.gather(*(child(party) for _ in range(4)))

    spent, run = _charged(program, parties=1)
    assert 0.04 <= spent[0] < 0.06
    assert run.makespan >= spent[0]


def test_real_waiting_is_no_compute():
    async def program(party):
        time.sleep(0.05)
        logging.getLogger("nobody").info("idle")

    spent, run = _charged(program, parties=1)
    assert spent[0] < 0.01
    assert run.makespan < 0.01


def test_compute_is_accounted_for_once_by_party_and_by_span():
    async def program(party):
        with party.span("a"):
            _work(0.01)
            with party.span("b"):
                _work(0.01)
        with party.span("c"):
            party.send(1 - party.id, 0)
            _work(0.01)
            await party.recv(1 - party.id)

    spent, run = _charged(program)
    by_span = sum(sum(run.span(name).compute_ns.values()) for name in ("a", "c"))  # b is within a
    assert by_span / 1e9 == pytest.approx(sum(spent), rel=0.02)
