"""Runs of the family whose ledgers are kept, and an oracle that checks claims in plain integers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mpcsim import Run, simulate
from protocols import kernels, proven_tables, tables
from protocols.domains import Ring
from protocols.family import Terms, bilinear
from protocols.functions import equal, less_than, multiply, multiply_fixed, relu, truncate_exact
from protocols.layers import max_pool
from protocols.proven_tables import proven
from protocols.replicated3_malicious import MaliciousChoices, ReplicatedMalicious
from protocols.replicated3_malicious.sharings import Bilinear, Moved, Rows

RING, CHOICES = Ring(), MaliciousChoices()
RINGS = [RING, Ring(32, 8, 20), Ring(37, 5, 24), Ring(12, 2, 7)]


class Kept(ReplicatedMalicious):
    """The family, whose servers keep all that their ledgers had when it was settled."""

    name = "kept"

    async def settle(self, shows: bool = True, name: str = "") -> None:
        self.party.observe("claims", self.server.ledger.take())
        self.noted.clear()


def run(
    program: Callable[..., Any],
    inputs: list[Any],
    shape: tuple[int, ...],
    ring: Ring = RING,
    seed: int = 1,
    family: type[ReplicatedMalicious] = Kept,
    choices: MaliciousChoices = CHOICES,
    **more: Any,
) -> tuple[Any, dict[int, dict[int, list[Any]]]]:
    """Return the run of a program on values of one client, and what each server's ledger had, by place."""
    roster = family.roster()
    terms = Terms(ring, choices, roster)
    words = [ring.encode_integers(np.asarray(one)) for one in inputs]
    seen: dict[int, dict[int, list[Any]]] = {}

    async def server(party: Any) -> Any:
        me = await family.join(party, terms)
        values = []
        for number, one in enumerate(words):
            with party.channel(f"input/{number}"):
                values.append(await me.take("client", one.shape))
        result = await program(me, *values)
        await me.settle()
        with party.channel("result"):
            me.show(result, "client")

    async def client(party: Any) -> Any:
        for number, one in enumerate(words):
            with party.channel(f"input/{number}"):
                family.give(party, terms, one)
        with party.channel("result"):
            return await family.learn(party, terms, shape)

    def observe(name: str, party: int, value: Any) -> None:
        if name == "claims":
            for prover, claims in value.items():
                seen.setdefault(party, {0: [], 1: [], 2: []})[prover].extend(claims)

    found = simulate(
        roles={**dict.fromkeys(roster.actors, server), "client": client},
        seed=seed,
        observer=observe,
        **more,
    )
    return found, seen


def check(seen: dict[int, dict[int, list[Any]]]) -> int:
    """Assert that all claims hold, as their three holders know them; return how many there are."""
    relations = 0
    for prover in range(3):
        own, left, right = (seen[(prover + step) % 3][prover] for step in (0, 2, 1))
        assert len(own) == len(left) == len(right)
        for mine, theirs, others in zip(own, left, right, strict=True):
            assert type(mine) is type(theirs) is type(others)
            of = {Rows: _rows, Bilinear: _maps, Moved: _moved}[type(mine)]
            relations += of(mine, theirs, others)
    return relations


def _rows(own: Rows, left: Rows, right: Rows) -> int:
    assert own.bits == left.bits == right.bits
    assert own.terms == left.terms == right.terms
    assert own.count == left.count == right.count
    for mine, theirs in ((own.u, left.u), (own.v, right.v)):
        assert len(mine) == own.terms
        for one, two in zip(mine, theirs, strict=True):
            assert _ints(one, own.bits) == _ints(two, own.bits)
            assert np.asarray(one).size == own.count
    total = [0] * own.count
    for u, v in zip(own.u, own.v, strict=True):
        for place, (a, b) in enumerate(zip(_ints(u, own.bits), _ints(v, own.bits), strict=True)):
            total[place] = total[place] ^ (a & b) if own.bits == 0 else total[place] + a * b
    for place, (a, b) in enumerate(zip(_ints(left.t, own.bits), _ints(right.t, own.bits), strict=True)):
        if own.bits == 0:
            assert total[place] == a ^ b
        else:
            assert (total[place] - a - b) % 2**own.bits == 0
    return own.count


def _ints(words: Any, bits: int) -> list[int]:
    modulus = 2 ** (bits or 8)
    return [int(one) % modulus for one in np.asarray(words).reshape(-1)]


def _maps(own: Bilinear, left: Bilinear, right: Bilinear) -> int:
    assert own.terms == left.terms == right.terms
    total = np.zeros(own.shape, np.uint64)
    for number, term in enumerate(own.terms):
        (x, y), (other_x, other_y) = own.left[number], own.right[number]
        for one, two in ((x, left.left[number][0]), (other_y, right.right[number][1])):
            assert _ints(one, own.bits) == _ints(two, own.bits)
        for one, two in ((x, other_y), (other_x, y), (x, y)):
            wide = (part.astype(np.uint64) for part in (one, two))
            total += bilinear(kernels, term.kind, *wide, term.stride, term.padding)
    rest = total - left.t - right.t
    assert not np.any(rest << np.uint64(64 - own.bits))
    return int(np.prod(own.shape))


def _moved(own: Moved, left: Moved, right: Moved) -> int:
    assert own.xor == left.xor == right.xor
    assert own.widths == left.widths == right.widths
    assert (own.rows, own.count) == (left.rows, left.count) == (right.rows, right.count)
    knows, holds = (left, right) if own.by == "left" else (right, left)
    assert np.array_equal(own.order, knows.order)
    assert holds.order is None
    assert knows.x is None
    assert len(set(own.order.tolist())) == own.count
    for column, width in enumerate(own.widths):
        x = _ints(own.x[column], width)
        assert x == _ints(holds.x[column], width)
        parts = zip(_ints(left.t[column], width), _ints(right.t[column], width), strict=True)
        for place, (a, b) in zip(own.order, parts, strict=True):
            assert (x[place] ^ a ^ b if own.xor else x[place] - a - b) % 2**width == 0
    return own.count * len(own.widths)


def places(run: Run) -> Iterator[tuple[int, int, int]]:
    """Yield sender, receiver and number on the link of every message between servers."""
    for source in range(3):
        for to in range(3):
            if source != to:
                count = run.links[source, to].messages if (source, to) in run.links else 0
                yield from ((source, to, number) for number in range(count))


# Programs


@dataclass(frozen=True)
class Program:
    """A small run of one operation, and what comes out of it."""

    run: Callable[..., Any]
    inputs: Callable[[np.random.Generator, int], list[Any]]
    want: Callable[..., Any]
    units: float = 0.0
    shape: Callable[[int], tuple[int, ...]] = lambda size: (size,)


def _vectors(count: int) -> Callable[[np.random.Generator, int], list[Any]]:
    return lambda rng, size: [rng.integers(-7, 8, size) for _ in range(count)]


def _scaled(ring: Ring, x: Any) -> Any:
    return x / 2.0**ring.fraction_bits


async def _dot(me: Any, x: Any, y: Any) -> Any:
    return await multiply_fixed(me, me.stack([x, y], 1), me.stack([y, y], 1), kind="dot")


async def _matmul(me: Any, x: Any, y: Any) -> Any:
    column, row = me.reshape(x, (-1, 1)), me.reshape(y, (1, -1))
    return await multiply(me, *(await _both(me, column, row)))


async def _both(me: Any, column: Any, row: Any) -> Any:
    found = await multiply_fixed(me, column, row, 0, kind="matmul")
    return found, me.public(me.ring.encode_integers(np.ones(found.shape)))


async def _conv(me: Any, x: Any, w: Any) -> Any:
    z = await me.product("conv2d", x, w, (1, 1), ((1, 1), (1, 1)))
    return await me.close(me.bias(z, me.cut(x, (slice(None), slice(None), slice(None), slice(0, 2))), 0), 0)


def _convolved(ring: Ring, x: Any, w: Any) -> Any:
    wide = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    rows, columns = x.shape[1:3]
    total = sum(wide[:, i : i + rows, j : j + columns] @ w[i, j] for i in range(3) for j in range(3))
    return total + x[..., :2]


async def _bits(me: Any, x: Any) -> Any:
    return await me.compose(await me.decompose(x))


async def _algebra(me: Any, x: Any, y: Any) -> Any:
    b, c = await me.negative(x), await me.negative(y)
    both = await me.both(b, me.opposite(c))
    return me.add(await me.to_value(me.xor(both, c)), await me.select(both, y))


async def _widened(me: Any, x: Any) -> Any:
    wide = me.widened(min(64, me.ring.bits + 8))
    return me.narrow(await me.widen(x, wide), wide)


async def _pool(me: Any, x: Any, y: Any) -> Any:
    return me.reshape(await max_pool(me, me.reshape(me.stack([x, y]), (1, 2, -1, 1)), (2, 1)), (-1,))


async def _shuffled(me: Any, x: Any) -> Any:
    bits = me.ring.bits
    columns = [tables.Column(x, bits), tables.Column(x, bits, xor=True)]
    (one, two), by = await proven_tables.shuffle(me, columns)
    [back] = await proven_tables.unshuffle(me, by, [tables.Column(one, bits)])
    return me.add(back, me.subtract(two, two))


async def _sorted(me: Any, x: Any) -> Any:
    return await tables.sort(proven(me), x, 4, 2)


OPERATIONS = {
    "multiply": Program(multiply, _vectors(2), lambda ring, x, y: x * y),
    "multiply_fixed": Program(multiply_fixed, _vectors(2), lambda ring, x, y: _scaled(ring, x * y), 1.5),
    "dot": Program(_dot, _vectors(2), lambda ring, x, y: _scaled(ring, x * y + y * y), 1.5),
    "matmul": Program(
        _matmul, _vectors(2), lambda ring, x, y: x[:, None] * y, shape=lambda size: (size, size)
    ),
    "conv2d": Program(
        _conv,
        lambda rng, size: [rng.integers(-1, 2, (1, 2, size, 3)), rng.integers(-1, 2, (3, 3, 3, 2))],
        _convolved,
        shape=lambda size: (1, 2, size, 2),
    ),
    "relu": Program(relu, _vectors(1), lambda ring, x: np.maximum(x, 0)),
    "less_than": Program(less_than, _vectors(2), lambda ring, x, y: x < y),
    "equal": Program(equal, _vectors(2), lambda ring, x, y: x == y),
    "truncate_exact": Program(truncate_exact, _vectors(1), lambda ring, x: np.floor(_scaled(ring, x)), 0),
    "bits": Program(_bits, _vectors(1), lambda ring, x: x),
    "algebra": Program(
        _algebra,
        _vectors(2),
        lambda ring, x, y: (((x < 0) & (y >= 0)) ^ (y < 0)) + np.where((x < 0) & (y >= 0), y, 0),
    ),
    "widened": Program(_widened, _vectors(1), lambda ring, x: x),
    "max_pool": Program(_pool, _vectors(2), lambda ring, x, y: np.maximum(x, y)),
}
"""Those of any family in which a server may lie."""
PROGRAMS = OPERATIONS | {
    "shuffle": Program(_shuffled, _vectors(1), lambda ring, x: x),
    "sort": Program(_sorted, _vectors(1), lambda ring, x: np.sort(x)),
}
"""What every message of is tampered with."""
