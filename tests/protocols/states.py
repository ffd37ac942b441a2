"""Views with state: a message must be uniform whatever its receiver has computed before it comes.

Everything that a server computes passes through its kernels, so its state is what they took and gave: its
components, draws, sums, half-finished products. A message that only a combination with one of them gives
away looks uniform by itself. Here a server keeps every row of its state, one number for each value, and
each row of a message is held to each row of the state so far: sum, difference and exclusive or must be
uniform. Secrets are constants, their shares random.
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import numpy as np

from mpcsim import Party, simulate
from protocols import kernels
from protocols.domains.ring import Ring
from protocols.replicated3.sharings.server import Choices, Server
from protocols.replicated3.sharings.sharing import Share

N = 2048
RING = Ring(16, 4, 9)
_DIGIT = 4  # bits of a sum that are looked at, its lowest and its highest
_PARTS = 256  # rows of the state at a time
FAR = 7.0
"""Standard deviations: honest runs come to 6, with some 10^6 combinations and seeds that stay."""
_WORD = np.uint16


@dataclass(frozen=True)
class Message:
    """One row of a payload: its numbers, and how many rows of the state came before it."""

    words: Any
    before: int


@dataclass
class View:
    """What a server saw: the rows of its state in order, and the messages."""

    state: list[Any] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    known: set[bytes] = field(default_factory=set)

    def keep(self, value: Any) -> None:
        """Add an array's rows, where they hold a number or a bit for each value, once."""
        for row in rows(value):
            mark = row.tobytes()
            if mark not in self.known:
                self.known.add(mark)
                self.state.append(row)

    def receive(self, value: Any) -> None:
        """Add a payload's rows."""
        before = len(self.state)
        self.messages += [Message(row, before) for row in rows(value)]
        self.keep(value)


def rows(value: Any) -> Iterator[Any]:
    """Yield the rows of N numbers of an array; planes as numbers 0 and 1, and of limbs the lowest."""
    if not isinstance(value, np.ndarray) or value.ndim == 0:
        return
    if value.dtype == np.uint8 and value.shape[-1] == N // 8:
        value = np.unpackbits(value, axis=-1, bitorder="little")
    if value.dtype.names:  # elements of a field, in limbs
        value = value[value.dtype.names[0]]
    if value.size % N == 0 and value.dtype.kind == "u":
        yield from value.astype(_WORD).reshape(-1, N)


def recording(view: View) -> Any:
    """Return the kernels, whose arguments and results the view keeps; nothing is packed but planes."""

    def kept(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            result = function(*arguments, **more)
            for value in (*arguments, *(result if isinstance(result, tuple) else (result,))):
                view.keep(value)
            return result

        return call

    found = {name: kept(getattr(kernels, name)) for name in kernels.__all__}
    found["pack"] = kept(kernels.low_bits)
    found["unpack"] = lambda values, bits, shape, dtype: values.astype(dtype).reshape(shape)
    return SimpleNamespace(**found)


@dataclass(frozen=True)
class Watched(Server):
    """A server whose state and messages are kept, and some of whose masks may be left out."""

    view: View = field(default_factory=View)
    dropped: frozenset[tuple[int, str]] = frozenset()
    drawn: dict[tuple[int, str], None] = field(default_factory=dict)

    def random(self, key: int, purpose: str, shape: tuple[int, ...], dtype: Any = None) -> Any:
        words = super().random(key, purpose, shape, dtype)
        self.drawn[key, purpose] = None
        return np.zeros_like(words) if (key, purpose) in self.dropped else words

    async def recv(self, role: int) -> Any:
        payload = await super().recv(role)
        for part in payload if isinstance(payload, list) else [payload]:
            self.view.receive(part)
        return payload


Protocol = Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class Block:
    """A composed protocol on shares of constants.

    Attributes:
        secrets: one constant for each input; every input has N values.
        spare: masks, (key, purpose), that protect nothing: removing them shows nowhere.
        elsewhere: masks whose removal shows in no sum of two rows, but in combinations of more: enumerating
            the views of the block's parts finds those (`tapes`).
    """

    name: str
    protocol: Protocol
    secrets: tuple[int, ...] = (3,)
    choices: Choices = field(default=Choices(rotate=False))
    spare: frozenset[tuple[int, str]] = frozenset()
    elsewhere: frozenset[tuple[int, str]] = frozenset()

    def __str__(self) -> str:
        return self.name

    def run(self, dropped: frozenset[tuple[int, str]] = frozenset()) -> list[Watched]:
        """Run the block; return the servers with their views."""
        rng = np.random.default_rng(7)
        shares = []
        for secret in self.secrets:
            first, second = rng.integers(1 << RING.bits, size=(2, N), dtype=np.uint64).astype(RING.dtype)
            shares.append((first, second, np.asarray(secret).astype(RING.dtype) - first - second))

        async def program(party: Party) -> Watched:
            view = View()
            joined = await Server.join(party, RING, self.choices)
            server = Watched(
                party, RING, joined.keys, self.choices, party.id, recording(view), view, dropped
            )
            held = [Share(x[party.id], x[(party.id + 1) % 3]) for x in shares]
            for share in held:
                view.keep(share.a)
                view.keep(share.b)
            await self.protocol(server, *held)
            return server

        return simulate(program, parties=3, seed=11).outputs  # type: ignore[no-any-return]

    def masks(self) -> list[tuple[int, str]]:
        """Return the (key, purpose) of all draws."""
        return list(dict.fromkeys(mask for server in self.run() for mask in server.drawn))

    @cached_property
    def widths(self) -> list[list[int]]:
        """Return the bits of each message of each server, as they are with all masks in place."""
        return [[width(message) for message in server.view.messages] for server in self.run()]

    def worst(self, dropped: frozenset[tuple[int, str]] = frozenset(), state: bool = True) -> float:
        """Return the worst deviation of any message, by itself and beside each row of the state.

        What is plainly too far ends the search.
        """
        worst = 0.0
        for server, widths in zip(self.run(dropped), self.widths, strict=True):
            everything = np.array([np.zeros(N, _WORD), *server.view.state])
            bits = [
                message for message, wide in zip(server.view.messages, widths, strict=True) if wide == 1
            ]
            worst = max(worst, _correlation(bits, everything, state))
            for message, wide in zip(server.view.messages, widths, strict=True):
                if worst > 2 * FAR:
                    return worst
                if wide > 1:
                    beside = everything[: 1 + (message.before if state else 0)]
                    worst = max(worst, deviation(message.words, beside, wide))
        return worst


def width(message: Message) -> int:
    """Return how many bits a uniform message has."""
    return max(1, int(message.words.max()).bit_length())


def _signs(rows: Any) -> Any:
    """Return 1 and −1 for the lowest bits of rows."""
    return 1 - 2 * (rows & 1).astype(np.float32)


def _correlation(bits: list[Message], everything: Any, state: bool) -> float:
    """Return by how many standard deviations bits agree or disagree too often with any row before them."""
    if not bits:
        return 0.0
    agree = np.abs(_signs(np.array([message.words for message in bits])) @ _signs(everything).T)
    last = np.array([message.before if state else 0 for message in bits])
    return float(agree[np.arange(len(everything)) <= last[:, None]].max() / np.sqrt(N))


def deviation(words: Any, state: Any, bits: int) -> float:
    """Return the greatest deviation of word + s, word − s and word ⊕ s from uniform, over all rows s."""
    worst = 0.0
    for first in range(0, len(state), _PARTS):
        part = state[first : first + _PARTS]
        for total in (words - part, words + part, words ^ part):
            for low in {0, max(0, bits - _DIGIT)}:
                worst = max(worst, _chi_square(total >> low, min(_DIGIT, bits)))
    return worst


def _chi_square(rows: Any, bits: int) -> float:
    """Return the greatest deviation of χ² of the low bits of each row, as of a normal variable.

    Wilson, Hilferty 1931: the cube root of χ² over its mean is nearly normal.
    """
    cells = 1 << bits
    digits = (rows & (cells - 1)) + (cells * np.arange(len(rows), dtype=np.uint16))[:, None]
    counts = np.bincount(digits.reshape(-1), minlength=cells * len(rows)).reshape(-1, cells)
    expected, spread = N / cells, 2 / (9 * (cells - 1))
    largest = ((counts - expected) ** 2 / expected).sum(axis=1).max()
    return float(((largest / (cells - 1)) ** (1 / 3) - (1 - spread)) / np.sqrt(spread))
