"""The hash over payloads alone: of each (from, to, channel) in order, whatever the times."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mpcsim import Network, Party, Run, simulate


def _run(
    network: Network, *, last: int = 3, swapped: bool = False, size: int = 4, asked: bool = True
) -> Run:
    """Two channels from party 0 to 1 and one back; `swapped` exchanges the first two messages of one."""

    async def talk(party: Party) -> Any:
        async def channel(values: list[Any]) -> Any:
            if party.id == 0:
                for value in values:
                    party.send(1, value)
                return None
            return [await party.recv(0) for _ in values]

        vector = np.arange(size)
        first = [vector, 1] if not swapped else [1, vector]
        await party.gather(channel(first), channel([2, last]))
        if party.id == 1:
            party.send(0, "done")
        else:
            await party.recv(1)

    return simulate(talk, parties=2, network=network, seed=1, payloads=asked)


@pytest.mark.parametrize("size", [0, 4, 10_000])
def test_it_does_not_depend_on_time(size: int) -> None:
    near = _run(Network("1 ms", "1 Gbit/s"), size=size)
    far = _run(Network("250 ms", "1 Mbit/s"), size=size)
    assert near.payload_digest == far.payload_digest
    assert near.digest != far.digest
    assert len(near.payload_digest) == 32


@pytest.mark.parametrize("changed", [{"last": 4}, {"swapped": True}, {"size": 10_000}])
def test_it_depends_on_every_payload_and_their_order(changed: dict[str, Any]) -> None:
    network = Network("1 ms", "1 Gbit/s")
    assert _run(network).payload_digest != _run(network, **changed).payload_digest


def test_it_is_kept_where_it_is_asked_for_and_changes_nothing_else() -> None:
    network = Network("1 ms", "1 Gbit/s")
    with_it, without = _run(network), _run(network, asked=False)
    assert without.payload_digest == ""
    assert with_it.digest == without.digest
