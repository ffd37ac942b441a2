"""Views by enumeration: a protocol runs once on a vector whose element i sees random tape i.

The coroutines run unchanged on toy rings. Every draw of the PRF, and every free component of the inputs'
shares, is a column of the table of all tapes; messages travel unpacked, value by value. A server's view
of element i is then what it knows of the input, every output of its two keys and all it receives, and
the multiset of views over all elements is the exact distribution. It must not depend on the secret.

Where all tapes are too many, what one server knows is sampled (its components, its keys' outputs) and what
it does not know is enumerated: exact for each of the samples.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from math import prod
from types import SimpleNamespace
from typing import Any

import numpy as np

from mpcsim import Party, simulate
from protocols import kernels
from protocols.domains.ring import Ring, word_type
from protocols.replicated3.constructions import carry_masked
from protocols.replicated3.sharings.server import Choices, Server
from protocols.replicated3.sharings.sharing import BitHalves, Bits, Halves, Share

LIMIT = 2**21
_SAMPLES = 32
_FEWEST_SAMPLES = 4
_PROBES = 16  # elements of the run that finds out what is drawn; planes of them are two bytes wide


class ToyRing(Ring):
    """A ring too small for any fixed-point number, where only the views matter."""

    def __post_init__(self) -> None:
        pass


Name = tuple[Any, ...]


class Tape:
    """A table of independent uniform draws, one column a draw.

    Args:
        radices: the outcomes of each draw.
        sampled: names of draws that are not enumerated but drawn anew a few times; all outcomes of the
            others go with each sample.
    """

    def __init__(self, radices: Mapping[Name, int], sampled: Iterable[Name] = ()) -> None:
        self.radices = radices
        drawn = set(sampled)
        every = prod(radix for name, radix in radices.items() if name not in drawn)
        samples = min(_SAMPLES, max(LIMIT // every, _FEWEST_SAMPLES)) if drawn else 1
        self.size = every * samples
        if self.size > LIMIT:
            raise AssertionError(f"{self.size} tapes are too many to enumerate")
        rng = np.random.default_rng(0)
        self._columns: dict[Name, Any] = {}
        stride, index = 1, np.arange(self.size, dtype=np.uint32)
        for name, radix in radices.items():
            if name in drawn:
                self._columns[name] = rng.integers(radix, size=samples, dtype=np.uint8).repeat(every)
            else:
                self._columns[name] = (index // np.uint32(stride) % np.uint32(radix)).astype(np.uint8)
                stride *= radix

    def column(self, name: Name, radix: int) -> Any:
        """Return the draw of that name on every tape."""
        if self.radices[name] != radix:
            raise AssertionError(f"{name} is drawn mod {self.radices[name]} and mod {radix}")
        return self._columns[name]


class Probe:
    """Takes note of what is drawn."""

    def __init__(self) -> None:
        self.size = _PROBES
        self.radices: dict[Name, int] = {}

    def column(self, name: Name, radix: int) -> Any:
        """Note the draw; return zeros."""
        if self.radices.setdefault(name, radix) != radix:
            raise AssertionError(f"{name} is drawn mod {self.radices[name]} and mod {radix}")
        return np.zeros(self.size, np.uint8)


UNPACKED = SimpleNamespace(
    **{name: getattr(kernels, name) for name in kernels.__all__}
    | {
        "pack": kernels.low_bits,
        "unpack": lambda values, bits, shape, dtype: values.astype(dtype).reshape(shape),
        "pack_mod": lambda values, p: values.copy(),
        "unpack_mod": lambda values, p, count: values.reshape(count),
    }
)
"""The kernels, with messages of one value for each element."""


@dataclass(frozen=True)
class Flaws:
    """What a negative control breaks: draws that are zero, draws that repeat another's output."""

    dropped: frozenset[tuple[int, str]] = frozenset()
    reused: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class TapeServer(Server):
    """A server whose PRF is a tape, and who keeps what it receives."""

    tape: Any = None
    widths: Mapping[str, int] = field(default_factory=dict)
    flaws: Flaws = Flaws()
    received: list[Any] = field(default_factory=list)

    def random(self, key: int, purpose: str, shape: tuple[int, ...], dtype: Any = None) -> Any:
        modulus = 1 << self.widths.get(purpose, 1 if purpose == "flip" else self.ring.bits)
        return self.draw(key, purpose, modulus, shape, dtype or self.ring.dtype)

    def draw(self, key: int, purpose: str, modulus: int, shape: tuple[int, ...], dtype: Any) -> Any:
        """Return columns of the tape in this shape: values, or planes of bits where it is that wide."""
        if (key - self.role) % 3 == 2:
            raise AssertionError(f"server {self.role} does not hold key {key}")
        purpose = dict(self.flaws.reused).get(purpose, purpose)
        channel, call = (0, 0) if self.flaws.reused else self.party.call(f"{key}/{purpose}")
        planes = shape[-1] != self.tape.size and shape[-1] == -(-self.tape.size // 8)
        radix = 2 if planes else modulus
        radix = 1 if (key, purpose) in self.flaws.dropped else radix
        rows = [
            self.tape.column((key, purpose, channel, call, row), radix)
            for row in range(prod(shape) // shape[-1])
        ]
        drawn = np.stack(rows)
        if planes:
            return np.packbits(drawn, axis=-1, bitorder="little").reshape(shape)
        return drawn.astype(dtype).reshape(shape)

    async def recv(self, role: int) -> Any:
        payload = await super().recv(role)
        self.received.extend(payload if isinstance(payload, list) else [payload])
        return payload

    @staticmethod
    def residues(server: "TapeServer", key: int, purpose: str, modulus: int, shape: tuple[int, ...]) -> Any:
        """Stand in for `carry_masked._residues`."""
        return server.draw(key, purpose, modulus, shape, np.uint8)


@dataclass(frozen=True)
class Dealing:
    """How the servers hold a secret mod 2^bits.

    Attributes:
        held: which components, of all that add up to the secret, each server knows.
        build: makes of them what the protocol takes.
    """

    bits: int
    held: tuple[tuple[int, ...], ...]
    build: Callable[..., Any]

    def components(self, tape: Any, number: int, secret: int, viewer: int) -> list[Any]:
        """Return the components: all free but one that the viewer does not know."""
        count = 1 + max(map(max, self.held))
        rest = max(set(range(count)) - set(self.held[viewer]))
        parts = [
            tape.column(("input", number, part), 1 << self.bits) for part in range(count) if part != rest
        ]
        total = np.full(tape.size, secret, np.int64) - sum(part.astype(np.int64) for part in parts)
        parts.insert(rest, (total % (1 << self.bits)).astype(np.uint8))
        return parts


_REPLICATED = ((0, 1), (1, 2), (2, 0))
_TWO_PARTY = ((0,), (1,), (1,))


def share(bits: int) -> Dealing:
    """A `Share`."""
    return Dealing(bits, _REPLICATED, lambda a, b: Share(_words(a, bits), _words(b, bits)))


def summands(bits: int) -> Dealing:
    """A server's own masked z_i."""
    return Dealing(bits, ((0,), (1,), (2,)), lambda z: _words(z, bits))


def halves(bits: int) -> Dealing:
    """A `Halves`."""
    return Dealing(bits, _TWO_PARTY, lambda half: Halves(_words(half, bits), bits))


def bit_halves() -> Dealing:
    """A `BitHalves`."""
    return Dealing(1, _TWO_PARTY, lambda half: BitHalves(_words(half, 1)))


def bits() -> Dealing:
    """A `Bits` of one plane."""
    return Dealing(1, _REPLICATED, lambda a, b: Bits(_plane(a), _plane(b)))


def _words(column: Any, bits: int) -> Any:
    return column.astype(word_type(bits))


def _plane(column: Any) -> Any:
    return np.packbits(column[None], axis=-1, bitorder="little")


@dataclass(frozen=True)
class Case:
    """A protocol on a toy ring.

    Attributes:
        inputs: how each input is held.
        want: the result, mod 2^bits of it, from the secrets; None where a toy ring cannot tell.
        widths: bits that matter of the words drawn for a purpose; those of the ring by default.
        secrets: tuples of inputs; all that there are by default.
        spare: outputs of the PRF, (key, purpose), that protect nothing.
    """

    name: str
    protocol: Callable[..., Awaitable[Any]]
    inputs: tuple[Dealing, ...]
    ring: Ring
    choices: Choices = field(default=Choices(rotate=False))
    want: Callable[..., int] | None = None
    widths: Mapping[str, int] = field(default_factory=dict)
    secrets: tuple[tuple[int, ...], ...] = ()
    spare: frozenset[tuple[int, str]] = frozenset()
    flaws: Flaws = Flaws()

    def __str__(self) -> str:
        return self.name

    def broken(self, **flaws: Any) -> "Case":
        """Return the case with a flaw."""
        return replace(self, flaws=Flaws(**flaws))

    def all_secrets(self) -> Iterable[tuple[int, ...]]:
        """Return what the views must not depend on."""
        return self.secrets or product(*(range(1 << dealing.bits) for dealing in self.inputs))

    def drawn(self, viewer: int = 0) -> dict[Name, int]:
        """Return what is drawn, with its radix: first the inputs' free components."""
        probe = Probe()
        self._run(probe, next(iter(self.all_secrets())), viewer)
        return probe.radices

    def masks(self) -> list[tuple[int, str]]:
        """Return the (key, purpose) of all draws with more than one outcome."""
        names = [name for name, radix in self.drawn().items() if radix > 1 and name[0] != "input"]
        return list(dict.fromkeys((name[0], name[1]) for name in names))

    def leaks(self, sampled: bool = False) -> set[int]:
        """Return the servers whose view has not the same distribution for all secrets.

        Args:
            sampled: sample what the viewer knows, and enumerate the rest; by default all is enumerated.
        """
        return {viewer for viewer in range(3) if self._leaks_to(viewer, sampled)}

    def _leaks_to(self, viewer: int, sampled: bool) -> bool:
        drawn = self.drawn(viewer)
        tape = Tape(drawn, [name for name in drawn if sampled and self._knows(viewer, name)])
        first = None
        for secret in self.all_secrets():
            view = self._view(self._run(tape, secret, viewer)[viewer], tape, secret)
            first = first or view
            if not all(map(np.array_equal, first, view)):
                return True
        return False

    def _knows(self, viewer: int, name: Name) -> bool:
        if name[0] == "input":
            _, number, part = name
            return part in self.inputs[number].held[viewer]
        return name[0] in (viewer, (viewer + 1) % 3)

    def _run(self, tape: Any, secret: tuple[int, ...], viewer: int) -> list[TapeServer]:
        components = [
            dealing.components(tape, number, one, viewer)
            for number, (dealing, one) in enumerate(zip(self.inputs, secret, strict=True))
        ]

        async def program(party: Party) -> tuple[TapeServer, Any]:
            server = TapeServer(
                party,
                self.ring,
                (b"", b""),
                self.choices,
                party.id,
                UNPACKED,
                tape,
                self.widths,
                self.flaws,
            )
            held = [
                dealing.build(*(parts[j] for j in dealing.held[party.id]))
                for dealing, parts in zip(self.inputs, components, strict=True)
            ]
            return server, await self.protocol(server, *held)

        real = carry_masked._residues
        carry_masked._residues = TapeServer.residues
        try:
            outputs = simulate(program, parties=3).outputs
        finally:
            carry_masked._residues = real
        if self.want is not None and self.flaws == Flaws() and tape.size > _PROBES:
            self._check(tape, [result for _, result in outputs], self.want(*secret))
        return [server for server, _ in outputs]

    def _check(self, tape: Any, results: list[Any], want: int) -> None:
        first, second, third = results
        modulus = 1 << self.ring.bits
        if isinstance(first, Share):
            got = first.a + second.a + third.a
        elif isinstance(first, Halves):
            modulus, got = 1 << first.bits, first.half + second.half
        elif isinstance(first, BitHalves):
            modulus, got = 2, first.half ^ second.half
        else:
            parts = [p.a for p in results] if isinstance(first, Bits) else [first, second]
            planes = np.bitwise_xor.reduce(np.stack(parts))
            modulus, got = 2, np.unpackbits(planes.reshape(-1), count=tape.size, bitorder="little")
        np.testing.assert_array_equal(got % modulus, want % modulus)

    def _view(self, server: TapeServer, tape: Tape, secret: tuple[int, ...]) -> tuple[Any, Any]:
        """Return (bits of each column, the sorted codes of all views)."""
        columns = []
        for number, (dealing, one) in enumerate(zip(self.inputs, secret, strict=True)):
            parts = dealing.components(tape, number, one, server.role)
            columns += [parts[j] for j in dealing.held[server.role]]
        columns += [
            tape.column(name, radix)
            for name, radix in tape.radices.items()
            if name[0] != "input" and self._knows(server.role, name)
        ]
        for payload in server.received:
            columns += per_element(payload, tape.size)
        widths = [int(column.max()).bit_length() for column in columns]
        if sum(widths) > 64:
            raise AssertionError(f"a view of {sum(widths)} bits does not fit a word")
        code = np.zeros(tape.size, np.uint64)
        for column, width in zip(columns, widths, strict=True):
            code = (code << np.uint64(width)) | column.astype(np.uint64)
        code.sort()
        return np.array(widths), code


def per_element(payload: Any, size: int) -> list[Any]:
    """Return the columns of an unpacked payload, one value for each element."""
    if payload.shape[-1] == size or payload.size % size == 0:
        return list(payload.reshape(-1, size))
    return list(np.unpackbits(payload, axis=-1, count=size, bitorder="little").reshape(-1, size))
