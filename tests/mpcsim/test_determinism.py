"""Determinism: one seed, one digest, in every process."""

import os
import subprocess
import sys

import numpy as np
import pytest

from mpcsim import Network, simulate

_PROGRAM = """
import numpy as np
from mpcsim import Network, simulate

async def program(party):
    async def step(child):
        values = party.rng(f"shares{child}").integers(0, 100, 5)
        party.send((party.id + 1) % 3, {"name": "x", "values": values, "size": {1: 2.5}})
        received = await party.recv((party.id - 1) % 3)
        with party.channel(f"again/{child}"):
            party.send((party.id + 1) % 3, received["values"] + 1)
            return await party.recv((party.id - 1) % 3)
    return await party.gather(*(step(child) for child in range(5)))

run = simulate(program, parties=3, network=Network("3 ms", "5 Mbit/s"), seed=11)
print(run.digest)
"""


def test_two_processes_with_different_hash_seeds_have_the_same_digest():
    digests = set()
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(done.stdout)
    assert len(digests) == 1


async def _exchange(party, payload=b"same"):
    party.send(1 - party.id, payload)
    return await party.recv(1 - party.id)


def test_the_digest_covers_time_payload_and_channel():
    async def other_payload(party):
        return await _exchange(party, b"sane")

    async def other_channel(party):
        with party.channel("named"):
            return await _exchange(party)

    def digest(program=_exchange, **options):
        return simulate(program, parties=2, **options).digest

    same = digest()
    assert digest() == same
    assert digest(seed=4) == same  # nothing random is sent
    assert digest(other_payload) != same
    assert digest(other_channel) != same

    async def twice(party):
        await _exchange(party)
        await _exchange(party)

    slow, fast = (digest(twice, network=Network(latency)) for latency in ("2 ms", "1 ms"))
    assert slow != fast


def test_the_digest_tells_apart_arrays_of_equal_bytes_but_other_shape_or_type():
    arrays = [
        np.zeros(8, np.uint8),
        np.zeros((2, 4), np.uint8),
        np.zeros(8, np.int8),
        np.zeros(1, np.uint64),
    ]

    def digest(array):
        async def program(party):
            if party.id == 0:
                party.send(1, array)
            else:
                await party.recv(0)

        return simulate(program, parties=2).digest

    assert len({digest(array) for array in arrays}) == len(arrays)


async def _draw(party):
    return [party.rng(name).integers(0, 2**62) for name in ("a", "b", "a")], party.secret("k", 32)


def test_streams_of_one_seed_repeat_and_differ_by_party_and_name():
    first, again = (simulate(_draw, parties=2, seed=5).outputs for _ in range(2))
    assert first == again
    numbers = [number for drawn, _ in first for number in drawn]
    assert len(set(numbers)) == len(numbers)
    assert first[0][1] != first[1][1]
    assert simulate(_draw, parties=2, seed=6).outputs != first


def test_without_a_seed_secrets_come_from_the_operating_system():
    assert simulate(_draw, parties=2).outputs != simulate(_draw, parties=2).outputs


@pytest.mark.parametrize("trace", [False, True])
def test_keeping_a_trace_does_not_change_the_run(trace):
    run = simulate(_exchange, parties=2, seed=1, network=Network("1 ms"), trace=trace)
    assert run.digest == simulate(_exchange, parties=2, seed=1, network=Network("1 ms")).digest


def test_calls_on_one_channel_are_numbered_alike_at_every_party():
    async def child(party):
        return [party.call("prf"), party.call("prf"), party.call("other")]

    async def program(party):
        return [party.call("prf"), *(await party.gather(child(party), child(party)))]

    outputs = simulate(program, parties=3).outputs
    assert outputs[0] == outputs[1] == outputs[2]
    _, first, second = outputs[0]
    assert [number for _, number in first] == [0, 1, 0]
    assert first[0][0] != second[0][0]
