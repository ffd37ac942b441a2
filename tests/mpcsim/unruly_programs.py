"""Programs that go wrong in every way that a run can: raise, time out, crash, deadlock, or end well."""

import asyncio

import numpy as np

from mpcsim import MpcsimError, Network, simulate
from mpcsim.errors import RecvTimeout
from mpcsim.faults.rules import Corrupt, Crash, Delay, Drop, Duplicate, Partition

NETWORKS = (
    Network("10 ms"),
    Network("1 ms", "1 Mbit/s"),
    Network(
        "5 ms",
        "2 Mbit/s",
        loss=0.2,
        retransmission_timeout="20 ms",
        downlink="1 Mbit/s",
        jitter={"distribution": "uniform", "maximum": "3 ms"},
    ),
)


def unruly_program(seed):
    """Return a program of random shape in which much can go wrong; `seed` decides what."""

    async def part(party, numbers, depth):
        for place in range(int(numbers.integers(1, 4 if depth == 0 else 3))):
            kind = int(numbers.integers(0, 9 if depth < 2 else 5))
            name = f"step{int(numbers.integers(0, 3))}"
            right, left = (party.id + 1) % party.n, (party.id - 1) % party.n
            with party.span(name):
                if kind <= 1:
                    party.send(right, np.zeros(int(numbers.integers(1, 500)), np.uint8))
                    await party.recv(left)
                elif kind == 2:
                    party.send(right, b"x")
                    try:
                        await party.recv(left, timeout=float(numbers.integers(1, 40)) / 1e3)
                    except RecvTimeout:
                        await party.sleep(0.001)
                elif kind == 3 and not depth:
                    with party.channel("meeting"):
                        party.send(right, place)
                        await party.recv(left)
                    await asyncio.sleep(0.002 * int(numbers.integers(0, 2)))
                elif kind == 4 and (seed + place) % 4 == 0 and party.id == 0:
                    raise ValueError("so it goes")
                else:
                    await fork(party, numbers, depth, place)
            if numbers.integers(0, 3) == 0:
                await party.stage()

    async def fork(party, numbers, depth, place):
        async def child(number):
            try:
                await part(party, np.random.default_rng([seed, depth, place, number]), depth + 1)
            finally:
                with party.span("cleaning"):
                    if seed % 5 == 0:
                        party.send((party.id + 1) % party.n, "bye")

        count = int(numbers.integers(1, 3))
        try:
            await party.gather(*[child(number) for number in range(count)])
        except ValueError:
            if numbers.integers(0, 2):
                raise

    async def program(party):
        with party.span("all"):
            await part(party, np.random.default_rng(seed), 0)

    return program


def unruly_faults(seed, parties):
    """Return rules of faults, often none."""
    numbers = np.random.default_rng([seed, 77])
    one = int(numbers.integers(0, parties))
    rules = (
        Drop(messages=int(numbers.integers(0, 6))),
        Duplicate(source=one, messages=[0, 2]),
        Delay(by="30 ms", messages=1),
        Corrupt(messages=[6, 7]),
        Crash(party=one, at=f"{int(numbers.integers(0, 60))} ms"),
        Crash(party=one, after_messages=int(numbers.integers(0, 5))),
        Partition(source=one, start="5 ms", end="20 ms"),
    )
    count = int(numbers.choice([0, 0, 0, 1, 2]))
    chosen = numbers.choice(len(rules), count, replace=False)
    return [] if {4, 5} <= set(chosen) else [rules[number] for number in sorted(chosen)]


def unruly_run(seed, **options):
    """Return a run of such a program, finished or not."""
    numbers = np.random.default_rng([seed, 78])
    parties = int(numbers.integers(2, 5))
    faults = unruly_faults(seed, parties)
    network = NETWORKS[int(numbers.integers(0, len(NETWORKS)))]
    try:
        return simulate(
            unruly_program(seed),
            parties=parties,
            network=network,
            seed=seed,
            faults=faults,
            trace=True,
            **options,
        ), faults
    except MpcsimError as error:
        if error.run is None:
            raise
        return error.run, faults
