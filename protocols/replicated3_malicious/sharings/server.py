"""A server that believes no message: what cannot be one ends the run, what it says is kept for a proof."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, NoReturn, Self

import numpy as np

from mpcsim import Party, RecvTimeout
from mpcsim.units import NANOSECONDS, parse_time
from protocols.correlated import prf
from protocols.domains import Ring, Words
from protocols.replicated3.sharings import Choices, Server, Share
from protocols.replicated3_malicious.sharings.ledger import Bilinear, Claim, Ledger, Moved, Part, rows
from protocols.replicated3_malicious.sharings.tokens import TOKEN, Tokens

Shape = tuple[int, ...]
BYTE = np.dtype(np.uint8)


def seconds(patience: str | None, times: int) -> float | None:
    """Return so many times the patience; None for ever."""
    return None if patience is None else times * parse_time(patience) / NANOSECONDS


async def heard(party: Party, source: int | str, patience: str | None, times: int = 1) -> Any:
    """Return the next message of a party; abort where none comes in so many times the patience."""
    try:
        return await party.recv(source, seconds(patience, times))
    except RecvTimeout:
        await party.abort(f"{source} is silent")


@dataclass(frozen=True)
class Checked(Server):
    """One of the three servers, in one role.

    Attributes:
        ledger: its claims, and those that it will check.
        patience: how long it waits for a message before it aborts; None: for ever.
        tokens: what it says when it has found nothing wrong, and how it knows the others'.
    """

    ledger: Ledger = field(default_factory=lambda: Ledger(0), kw_only=True)
    patience: str | None = field(default=None, kw_only=True)
    tokens: Tokens = field(kw_only=True)

    @classmethod
    async def enter(
        cls,
        party: Party,
        ring: Ring,
        names: tuple[str, str, str],
        kernels: ModuleType,
        patience: str | None,
    ) -> Self:
        """Agree on one key with each of the two others, and tell both the image of the first token.

        Whatever the one after says is its key: a key that it does not use itself shows in its proofs.

        Rounds: 1. Bytes: a key and two images a server.
        """
        place = names.index(party.role)
        own = party.secret("correlated randomness", prf.KEY_BYTES)
        me = cls(
            party, ring, (own, own), Choices(), place, kernels,
            servers=names, ledger=Ledger(place), patience=patience, tokens=Tokens(party.secret),
        )  # fmt: skip
        with party.channel("keys"):
            image = me.tokens.image()
            me.send(place + 2, own + image)
            me.send(place + 1, image)
            said = [await me.recv(place + step) for step in (1, 2)]
        if [isinstance(one, bytes) and len(one) for one in said] != [prf.KEY_BYTES + TOKEN, TOKEN]:
            await me.refuse("a key")
        following, images = said[0][: prf.KEY_BYTES], (said[0][prf.KEY_BYTES :], said[1])
        me.tokens.images = {(place + step) % 3: one for step, one in enumerate(images, 1)}
        object.__setattr__(me, "keys", (own, following))
        return me

    # Messages

    async def refuse(self, what: str) -> NoReturn:
        """Abort: something is not as an honest party would have it."""
        await self.party.abort(f"{what} is not as it should be")

    async def heard(self, source: int | str) -> Any:
        """Return the next message of a party; abort where none comes in time."""
        return await heard(self.party, source, self.patience)

    async def recv(self, role: int) -> Any:
        """Await the next message of the server in that role."""
        return await self.heard(self.servers[self._place(role)])

    async def bytes_from(self, source: int | str, shapes: Sequence[Shape]) -> list[Words]:
        """Return arrays of bytes of those shapes, one message; abort where it is anything else."""
        payload = await self.heard(source)
        parts = [payload] if len(shapes) == 1 else payload
        fits = isinstance(parts, list) and len(parts) == len(shapes)
        if not fits or not all(
            isinstance(part, np.ndarray) and part.dtype == BYTE and part.shape == shape
            for part, shape in zip(parts, shapes, strict=True)
        ):
            await self.refuse(f"the form of a message of {source}")
        return list(parts)

    async def words(self, role: int, shape: Shape, *bits: int) -> list[Words]:
        """Return arrays of words of one shape and of so many bits each, which came in one message."""
        sizes = [(-(-math.prod(shape) * one // 8),) for one in bits]
        parts = await self.bytes_from(self.servers[self._place(role)], sizes)
        k = self.kernels
        return [k.unpack(part, one, shape, self.word(one)) for part, one in zip(parts, bits, strict=True)]

    async def planes(self, role: int, shape: Shape) -> Words:
        """Return planes of bits."""
        (found,) = await self.bytes_from(self.servers[self._place(role)], [shape])
        return found

    def say(self, role: int, words: Sequence[Words], *bits: int) -> None:
        """Send arrays of words, of so many bits each, in one message."""
        self.send(role, *(self.kernels.pack(one, size) for one, size in zip(words, bits, strict=True)))

    @staticmethod
    def word(bits: int) -> np.dtype[Any]:
        """Return the word type of values mod 2^bits."""
        return np.dtype(np.uint32 if bits <= 32 else np.uint64)

    # Claims

    def claim(
        self,
        prover: int,
        bits: int,
        shape: Sequence[int],
        *,
        u: Callable[[], Sequence[Words]],
        v: Callable[[], Sequence[Words]],
        left: Callable[[], Words],
        right: Callable[[], Words],
    ) -> None:
        """Note that Σ u · v = left + right mod 2^bits (0: of bits), which the server in a role proves.

        Each is a function, called where this server knows it: u and `left` at role prover − 1, v and
        `right` at role prover + 1, u and v at the prover.
        """
        self._note(prover, lambda part: rows(part, bits, shape, u, v, left, right))

    def claim_maps(self, prover: int, claim: Callable[[str], Bilinear]) -> None:
        """Note a sum of bilinear maps that the server in a role proves."""
        self._note(prover, claim)

    def claim_moved(
        self,
        prover: int,
        by: Part,
        widths: Sequence[int],
        rows: tuple[int, int],
        *,
        order: Callable[[], Words],
        x: Callable[[], Sequence[Words]],
        left: Callable[[], Sequence[Words]],
        right: Callable[[], Sequence[Words]],
        xor: bool = False,
    ) -> None:
        """Note that columns moved by an order are left + right, which the server in a role proves.

        Each is a function, called where this server knows it: the order at the verifier `by`, x at the
        other one, `left` at role prover − 1, `right` at role prover + 1, order and x at the prover.
        """

        def flat(columns: Sequence[Words]) -> tuple[Words, ...]:
            return tuple(one.reshape(-1) for one in columns)

        def of(part: Part) -> Moved:
            known = order().reshape(-1) if part in ("prover", by) else None
            columns = flat(x()) if part != by else None
            t = None if part == "prover" else flat(left() if part == "left" else right())
            return Moved(xor, tuple(widths), *rows, by, known, columns, t)

        self._note(prover, of)

    def _note(self, prover: int, claim: Callable[[Part], Claim]) -> None:
        place = self._place(prover)
        address = self.party.call(f"claim/{place}")
        self.ledger.note(place, address, claim(self.ledger.part(place)))

    def component(self, x: Share, j: int) -> Words:
        """Return component j of a share, which this server must hold."""
        held = (j - self.role) % 3
        if held == 2:
            raise AssertionError(f"server in role {self.role} does not hold component {j}")
        return (x.a, x.b)[held]

    def sharing(self, zero: Words | None, one: Words | None, two: Words | None) -> Share:
        """Return a share of components, of which the third is not this server's to know."""
        parts = (zero, one, two)
        a, b = parts[self.role], parts[(self.role + 1) % 3]
        if a is None or b is None:
            raise AssertionError(f"server in role {self.role} lacks a component")
        return Share(a, b)
