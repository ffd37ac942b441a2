"""Protocols of random shape, for tests that hold for every protocol."""

import numpy as np


def random_program(seed):
    """Return a protocol of random shape: exchanges, forks in forks, stages, sleeps, spans, all sizes."""

    async def exchange(party, numbers, depth):
        for place in range(int(numbers.integers(1, 4))):
            kind = int(numbers.integers(0, 4 if depth < 3 else 2))
            with party.span(f"step{place}"):
                sizes = numbers.integers(1, 4000, size=party.n)
                if kind <= 1:
                    shift = 1 + int(numbers.integers(0, party.n - 1))
                    party.send((party.id + shift) % party.n, np.zeros(sizes[party.id], np.uint8))
                    await party.recv((party.id - shift) % party.n)
                elif kind == 2:
                    waits = numbers.integers(0, 3_000_000, size=party.n)
                    await party.sleep(int(waits[party.id]) / 1e9)
                else:
                    children = [
                        exchange(party, np.random.default_rng([seed, depth, place, child]), depth + 1)
                        for child in range(int(numbers.integers(1, 4)))
                    ]
                    await party.gather(*children)
                if numbers.integers(0, 3) == 0:
                    await party.stage()

    async def program(party):
        with party.span("all"):
            await exchange(party, np.random.default_rng(seed), 0)
            for to in range(party.n):
                if to != party.id:
                    party.send(to, party.id)
            for source in range(party.n):
                if source != party.id:
                    await party.recv(source)

    return program
