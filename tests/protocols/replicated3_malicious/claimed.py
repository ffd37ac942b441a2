"""Runs of the family whose ledgers are kept, and an oracle that checks claims in plain integers."""

from collections.abc import Callable
from typing import Any

import numpy as np

from mpcsim import simulate
from protocols import kernels
from protocols.domains import Ring
from protocols.family import Terms, bilinear
from protocols.replicated3_malicious import MaliciousChoices, ReplicatedMalicious
from protocols.replicated3_malicious.sharings import Bilinear, Rows

RING, CHOICES = Ring(), MaliciousChoices()


class Kept(ReplicatedMalicious):
    """The family, whose servers keep all that their ledgers had when it was settled."""

    name = "kept"

    async def settle(self) -> None:
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
            seen[party] = value

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
            relations += (
                _rows(mine, theirs, others) if isinstance(mine, Rows) else _maps(mine, theirs, others)
            )
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
            assert np.array_equal(one, two)
        for one, two in ((x, other_y), (other_x, y), (x, y)):
            wide = (part.astype(np.uint64) for part in (one, two))
            total += bilinear(kernels, term.kind, *wide, term.stride, term.padding)
    rest = total - left.t - right.t
    assert not np.any(rest << np.uint64(64 - own.bits))
    return int(np.prod(own.shape))
