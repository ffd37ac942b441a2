"""Small runs of every operation on four servers, with or without someone who tampers."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from claimed import PROGRAMS as OPERATIONS
from claimed import Program
from claimed import run as run_family

from mpcsim import Run
from protocols.domains import Ring
from protocols.layers import average_pool
from protocols.replicated4.family import Replicated4, Replicated4Choices

RINGS = [Ring(), Ring(32, 8, 20), Ring(37, 5, 24), Ring(12, 2, 7)]
SMALL = RINGS[3]
SERVERS = 4


async def _opened(me: Any, x: Any) -> Any:
    return me.public(await me.open(x))


async def _mean(me: Any, x: Any, y: Any) -> Any:
    images = me.reshape(me.stack([x, y]), (1, 2, -1, 1))
    return me.reshape(await average_pool(me, images, (2, 1)), (-1,))


PROGRAMS: dict[str, Program] = OPERATIONS | {
    "reveal": Program(_opened, lambda rng, size: [rng.integers(-7, 8, size)], lambda ring, x: x),
    "mean": Program(
        _mean,
        lambda rng, size: [rng.integers(-7, 8, size) for _ in range(2)],
        lambda ring, x, y: (x + y) / 2,
        1.0,
    ),
}


def given(name: str, size: int) -> list[Any]:
    """Return inputs of a program."""
    return PROGRAMS[name].inputs(np.random.default_rng(size), size)


def run(name: str, size: int, ring: Ring, *inputs: Any, patience: str = "", **more: Any) -> Run:
    """Return the run of a program on numbers of one client, to whom the result is shown."""
    program = PROGRAMS[name]
    found, _ = run_family(
        program.run,
        list(inputs) or given(name, size),
        program.shape(size),
        ring,
        family=Replicated4,
        choices=Replicated4Choices(patience=patience, **more.pop("choices", {})),
        **more,
    )
    return found  # type: ignore[no-any-return]


def right(name: str, ring: Ring, found: Run, *inputs: Any) -> bool:
    """Return whether the client learned what it should."""
    program = PROGRAMS[name]
    got = ring.signed(found.outputs["client"])
    return bool((np.abs(got - program.want(ring, *inputs)) <= program.units).all())


def links(found: Run) -> Iterator[tuple[int, int, int]]:
    """Yield sender, receiver and number on the link of every message."""
    for (source, to), traffic in sorted(found.links.items()):
        yield from ((source, to, number) for number in range(traffic.messages))
