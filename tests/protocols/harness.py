"""Protocols run as a whole: a client shares, three servers compute, the result is opened outside."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from mpcsim import Party, Run, simulate
from mpcsim.metering.meter import SpanCost
from protocols.domains.ring import Ring, Words
from protocols.replicated3.sharings.server import Choices, Server
from protocols.replicated3.sharings.sharing import (
    BitHalves,
    Halves,
    Share,
    receive_from_client,
    share_by_client,
)

Protocol = Callable[..., Awaitable[Any]]

WIDE = Ring(64, 16, 31)
NARROW = Ring(32, 8, 20)
ODD = Ring(37, 5, 24)
TOY = Ring(12, 2, 7)
RINGS = [WIDE, NARROW, ODD, TOY]

COMPARISONS = [
    Choices(),
    Choices(radix=1, select="one_round", rotate=False),
    Choices(radix=3, select="one_round"),
    Choices("masked"),
    Choices("masked", radix=1, select="one_round"),
    Choices("masked", radix=3, rotate=False),
    Choices("tree"),
    Choices("prefix", select="one_round"),
    Choices("ripple", rotate=False),
]

SHAPES = [(1,), (2,), (3,), (7,), (8,), (9,), (1000,), (2, 3, 5), (1, 1, 1, 1)]


def over(name: str, values: Sequence[Any]) -> pytest.MarkDecorator:
    """Run a test for each value, named after what it sets apart."""
    return pytest.mark.parametrize(name, values, ids=_label)


def _label(value: Any) -> str:
    if isinstance(value, Ring):
        return f"l{value.bits}f{value.fraction_bits}k{value.value_bits}"
    if isinstance(value, Choices):
        turned = "rotated" if value.rotate else "fixed"
        return f"{value.comparison}{value.radix or ''}-{value.select}-{value.truncation}-{turned}"
    if isinstance(value, tuple):
        return "x".join(map(str, value))
    return value.__name__ if callable(value) else str(value)


@dataclass(frozen=True)
class Recorder(Server):
    """A server that keeps every payload it receives from the others."""

    received: list[Any] = field(default_factory=list)

    async def recv(self, role: int) -> Any:
        payload = await super().recv(role)
        self.received.extend(payload if isinstance(payload, list) else [payload])
        return payload


@dataclass(frozen=True)
class Result:
    """What came of a protocol: the opened values, the servers' own results, the run."""

    values: Any
    servers: list[Any]
    run: Run

    @property
    def cost(self) -> SpanCost:
        """Cost of the protocol alone."""
        return self.run.span("operation")

    def sent(self) -> list[int]:
        """Payload bytes of the protocol alone, by server."""
        sent = self.cost.sent
        return [sent[i].payload_bytes if i in sent else 0 for i in range(3)]


def run(
    protocol: Protocol, *inputs: Any, ring: Ring = WIDE, choices: Choices | None = None, seed: int = 1
) -> Result:
    """Run a protocol on shares of signed integers, which a client deals."""
    words = [np.asarray(x).astype(np.int64).astype(ring.dtype) for x in inputs]

    async def client(party: Party) -> None:
        for number, each in enumerate(words):
            with party.channel(f"input/{number}"):
                share_by_client(party, ring, each)

    async def serve(party: Party) -> Any:
        server = await Server.join(party, ring, choices)
        shares = []
        for number in range(len(words)):
            with party.channel(f"input/{number}"):
                shares.append(await receive_from_client(server, "client"))
        with party.span("operation"):
            return await protocol(server, *shares)

    done = simulate(roles={**{f"server{i}": serve for i in range(3)}, "client": client}, seed=seed)
    servers = [done.outputs[f"server{i}"] for i in range(3)]
    return Result(opened(servers, ring), servers, done)


def opened(servers: Sequence[Any], ring: Ring) -> Any:
    """Return the signed integers that three servers' results stand for, and hold copies to each other."""
    first, second, third = servers
    if isinstance(first, Share):
        for one, following in ((first, second), (second, third), (third, first)):
            np.testing.assert_array_equal(signed(one.b, ring.bits), signed(following.a, ring.bits))
        return signed(first.a + second.a + third.a, ring.bits)
    if isinstance(first, Halves):
        np.testing.assert_array_equal(signed(second.half, first.bits), signed(third.half, first.bits))
        return signed(first.half + second.half, first.bits)
    if isinstance(first, BitHalves):
        np.testing.assert_array_equal(second.half, third.half)
        return first.half ^ second.half
    return None


def signed(words: Words, bits: int) -> Any:
    """Return the two's complement integers that the low bits of words stand for, by an own formula."""
    low = words.astype(np.uint64) & np.uint64(2**bits - 1)
    if bits == 64:
        return low.view(np.int64)
    low = low.astype(np.int64)
    return low - ((low >> (bits - 1)) << bits)


def edges(bits: int) -> list[int]:
    """Return the signed integers of so many bits at which something may break."""
    top = 1 << (bits - 1)
    around = {sign * (1 << i) + d for i in range(bits) for sign in (1, -1) for d in (-1, 0, 1)}
    return sorted(x for x in around | {-top, -1, 0, top - 1} if -top <= x < top)


def values_of(bits: int, count: int, seed: int = 0) -> Any:
    """Return signed integers of so many bits: the edges, then uniform and small ones."""
    rng = np.random.default_rng([bits, count, seed])
    top = 1 << (bits - 1)
    drawn = rng.integers(-top, top - 1, count, endpoint=True)
    drawn >>= rng.integers(0, bits, count)
    at_edges = np.array(edges(bits)[:count], dtype=np.int64)
    drawn[: at_edges.size] = at_edges
    return rng.permutation(drawn)
