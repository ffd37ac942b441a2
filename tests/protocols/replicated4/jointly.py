"""Small runs of every operation on four servers, with or without someone who tampers."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from claimed import OPERATIONS, Program
from claimed import run as run_family

from mpcsim import Run
from protocols.domains import Ring
from protocols.family import Linear, Pooling
from protocols.functions import divide, sigmoid
from protocols.layers import average_pool, block
from protocols.replicated4.family import Replicated4, Replicated4Choices

RINGS = [Ring(), Ring(32, 8, 20), Ring(37, 5, 24), Ring(12, 2, 7)]
SMALL = RINGS[3]
SERVERS = 4


async def _opened(me: Any, x: Any) -> Any:
    return me.public(await me.open(x))


async def _mean(me: Any, x: Any, y: Any) -> Any:
    images = me.reshape(me.stack([x, y]), (1, 2, -1, 1))
    return me.reshape(await average_pool(me, images, (2, 1)), (-1,))


async def _block(me: Any, x: Any, w: Any, more: Any) -> Any:
    linear = Linear("conv", "conv2d", "conv2d", x, w, None, (2, x.shape[2], 2))
    pooling = Pooling("pool", (2, 1), (2, 1))
    return await block(me, [linear], [more], "conv", "conv2d", True, pooling)


def _blocked(ring: Ring, x: Any, w: Any, more: Any) -> Any:
    sums = _scaled_sums(ring, x, w) + more
    return np.maximum(sums.max(axis=1, keepdims=True), 0)


def _scaled_sums(ring: Ring, x: Any, w: Any) -> Any:
    return np.einsum("nhwc,cf->nhwf", x, w[0, 0]) / 2.0**ring.fraction_bits


def _images(rng: np.random.Generator, size: int) -> list[Any]:
    shapes = (1, 2, size, 3), (1, 1, 3, 2), (1, 2, size, 2)
    return [rng.integers(-3, 4, shape) for shape in shapes]


PROGRAMS: dict[str, Program] = OPERATIONS | {
    "reveal": Program(_opened, lambda rng, size: [rng.integers(-7, 8, size)], lambda ring, x: x),
    "mean": Program(
        _mean,
        lambda rng, size: [rng.integers(-7, 8, size) for _ in range(2)],
        lambda ring, x, y: (x + y) / 2,
        1.0,
    ),
    "block": Program(_block, _images, _blocked, 1.0, shape=lambda size: (1, 1, size, 2)),
}


async def _quotient(me: Any, x: Any) -> Any:
    return await divide(me, x, me.add_public(x, me.ring.encode_integers(np.asarray(100 << 16))))


REALS = {
    "divide": Program(
        _quotient,
        lambda rng, size: [rng.integers(-7, 8, size) << 16],
        lambda ring, x: x / (x / 2**16 + 100),
        4.0,
    ),
    "sigmoid": Program(
        sigmoid,
        lambda rng, size: [rng.integers(-7, 8, size) << 16],
        lambda ring, x: 2**16 / (1 + np.exp(-x / 2**16)),
        4.0,
    ),
}
"""Functions of many messages, on the ring by default."""


def _program(name: str) -> Program:
    return (PROGRAMS | REALS)[name]


def given(name: str, size: int) -> list[Any]:
    """Return inputs of a program."""
    return _program(name).inputs(np.random.default_rng(size), size)


def run(name: str, size: int, ring: Ring, *inputs: Any, patience: str = "", **more: Any) -> Run:
    """Return the run of a program on numbers of one client, to whom the result is shown."""
    program = _program(name)
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
    program = _program(name)
    got = ring.signed(found.outputs["client"])
    return bool((np.abs(got - program.want(ring, *inputs)) <= program.units).all())


def links(found: Run) -> Iterator[tuple[int, int, int]]:
    """Yield sender, receiver and number on the link of every message."""
    for (source, to), traffic in sorted(found.links.items()):
        yield from ((source, to, number) for number in range(traffic.messages))
