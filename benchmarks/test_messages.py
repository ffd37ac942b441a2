"""The engine alone: messages without arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np

from mpcsim import Network, Party, simulate

ROUNDS = 5_000
FORKS = 500


async def _ring(party: Party, payload: Any) -> None:
    for _ in range(ROUNDS):
        party.send((party.id + 1) % party.n, payload)
        await party.recv((party.id - 1) % party.n)


async def _forks(party: Party) -> None:
    async def exchange() -> None:
        party.send((party.id + 1) % party.n, 1)
        await party.recv((party.id - 1) % party.n)

    for _ in range(FORKS):
        await party.gather(*(exchange() for _ in range(10)))


def _network() -> Network:
    return Network(latency="1 ms", bandwidth="1 Gbit/s")


def test_messages_with_a_number(measure: Any) -> None:
    measure(lambda: simulate(lambda party: _ring(party, 1), parties=3, network=_network(), seed=1))


def test_messages_with_a_kilobyte(measure: Any) -> None:
    payload = np.arange(128, dtype=np.uint64)
    measure(lambda: simulate(lambda party: _ring(party, payload), parties=3, network=_network(), seed=1))


def test_messages_of_concurrent_subprotocols(measure: Any) -> None:
    measure(lambda: simulate(_forks, parties=3, network=_network(), seed=1))
