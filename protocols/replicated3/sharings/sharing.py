"""Sharings: replicated shares, their Boolean counterpart, and the two-party halves in between.

* `Share`: x = x_0 + x_1 + x_2 mod 2^l; server i holds (x_i, x_{i+1}) (Araki et al. 2016).
* `Bits`: the same over XOR, packed by bit plane.
* `Halves`: x = v + w mod 2^k; v is known to server 0, w to both server 1 and server 2. Every share is
  in this form already (v = x_0 + x_1, w = x_2), and much is local in it.
* `BitHalves`: the same over XOR.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpcsim import Party
from protocols import kernels as real_kernels
from protocols.correlated import prf
from protocols.domains import Ring, Words, word_type
from protocols.replicated3.sharings.server import FIRST_THREE, Server, Servers, in_thirds

Shape = tuple[int, ...]
Planes = NDArray[np.uint8]


@dataclass(frozen=True)
class Share:
    """This server's two components of replicated shares, of any shape."""

    a: Words
    b: Words

    @property
    def shape(self) -> Shape:
        """Shape of the shared array."""
        return self.a.shape

    @property
    def size(self) -> int:
        """Number of shared values."""
        return self.a.size

    def __getitem__(self, index: Any) -> Share:
        return Share(self.a[index], self.b[index])

    def reshape(self, *shape: int) -> Share:
        """Return the same values in another shape."""
        return Share(self.a.reshape(shape), self.b.reshape(shape))

    def flat(self) -> Share:
        """Return the same values as a vector."""
        return self.reshape(-1)


@dataclass(frozen=True)
class Bits:
    """This server's two components of Boolean replicated shares: planes of n packed bits each."""

    a: Planes
    b: Planes

    def __getitem__(self, index: Any) -> Bits:
        return Bits(self.a[index], self.b[index])


@dataclass(frozen=True)
class Halves:
    """This server's half of values mod 2^bits: v at server 0, w at servers 1 and 2.

    Attributes:
        half: words, of which the lower bits count.
        bits: of a value.
        upper: of values of more than 64 bits the words above `half`: only signs and equalities take these.
    """

    half: Words
    bits: int
    upper: Words | None = None

    @property
    def shape(self) -> Shape:
        """Shape of the values."""
        return self.half.shape

    def __getitem__(self, index: Any) -> Halves:
        return Halves(self.half[index], self.bits)

    def flat(self) -> Halves:
        """Return the same values as a vector."""
        upper = None if self.upper is None else self.upper.reshape(-1)
        return Halves(self.half.reshape(-1), self.bits, upper)


@dataclass(frozen=True)
class BitHalves:
    """This server's half of single bits, as words 0 or 1: β at server 0, c at servers 1 and 2."""

    half: Words


# Clients


def share_by_client(
    party: Party,
    ring: Ring,
    words: Words,
    kernels: ModuleType = real_kernels,
    servers: Servers = FIRST_THREE,
) -> None:
    """Send shares of ring elements to the three servers, on the present channel.

    The components x_0 and x_1 travel as seeds of a PRF; x_2 = x − x_0 − x_1 goes to servers 1 and 2.
    Bits: 2l a value, and four seeds. Rounds: 1.
    """
    seeds = [party.secret(f"share/{party.call('share')}/{j}", prf.KEY_BYTES) for j in (0, 1)]
    rest = words
    for seed in seeds:
        rest = kernels.sub(rest, _component(seed, ring, words.shape, kernels))
    packed = kernels.pack(rest, ring.bits)
    shape = list(words.shape)
    party.send(servers[0], [shape, seeds[0], seeds[1]])
    party.send(servers[1], [shape, seeds[1], packed])
    party.send(servers[2], [shape, packed, seeds[0]])


async def receive_from_client(server: Server, client: int | str) -> Share:
    """Return the shares that a client sent with `share_by_client`, on the present channel."""
    return (await await_client(server, client))()


async def await_client(server: Server, client: int | str) -> Callable[[], Share]:
    """Return what unpacks the shares that a client sent; until then they are seeds, and one copy of x_2."""
    shape, *components = await server.party.recv(client)

    def unpacked(one: bytes | Planes) -> Words:
        if isinstance(one, bytes):
            return _component(one, server.ring, tuple(shape), server.kernels)
        words: Words = server.kernels.unpack(one, server.ring.bits, tuple(shape), server.ring.dtype)
        return words

    return lambda: Share(*map(unpacked, components))


def _component(seed: bytes, ring: Ring, shape: Shape, kernels: ModuleType) -> Words:
    words: Words = kernels.expand_words(seed, prf.nonce(0, "component", 0), shape, ring.dtype)
    return words


def reveal_to_client(server: Server, x: Share, client: int | str) -> None:
    """Send this server's masked component to a client, who learns the sum and nothing else.

    Each server sends x_i + F(k_i) − F(k_{i+1}). Bits: l a value and server. Rounds: 1.
    """
    masked = server.kernels.add(x.a, server.zero_share("reveal", x.shape))
    server.party.send(client, server.kernels.pack(masked, server.ring.bits))


async def receive_reveal(
    party: Party,
    ring: Ring,
    shape: Shape,
    kernels: ModuleType = real_kernels,
    servers: Servers = FIRST_THREE,
) -> Words:
    """Return what the three servers reveal to this client."""
    parts = [await party.recv(server) for server in servers]
    first, *others = (kernels.unpack(part, ring.bits, shape, ring.dtype) for part in parts)
    total: Words = first
    for words in others:
        total = kernels.add(total, words)
    return total


async def reveal(server: Server, x: Share) -> Words:
    """Return the shared values, to all three servers.

    Rounds: 1. Bits: 3l a value (server i sends x_i to server i+1). Source: POMIC §4.1.
    """
    k, ring = server.kernels, server.ring
    server.send((server.role + 1) % 3, k.pack(x.a, ring.bits))
    missing = k.unpack(await server.recv((server.role + 2) % 3), ring.bits, x.shape, ring.dtype)
    total: Words = k.low_bits(k.add(k.add(x.a, x.b), missing), ring.bits)
    return total


# Local steps on shares


def add(server: Server, x: Share, y: Share) -> Share:
    """Return x + y (POMIC §4.1); no message."""
    return Share(server.kernels.add(x.a, y.a), server.kernels.add(x.b, y.b))


def subtract(server: Server, x: Share, y: Share) -> Share:
    """Return x − y (POMIC §4.1); no message."""
    return Share(server.kernels.sub(x.a, y.a), server.kernels.sub(x.b, y.b))


def negate(server: Server, x: Share) -> Share:
    """Return −x; no message."""
    return Share(server.kernels.neg(x.a), server.kernels.neg(x.b))


def public(server: Server, words: Words) -> Share:
    """Return the shares (c, 0, 0) of ring elements that all servers know."""
    zero = server.kernels.zeros(words.shape, server.ring.dtype)
    return Share(words if server.role == 0 else zero, words if server.role == 2 else zero)


def add_public(server: Server, x: Share, words: Words) -> Share:
    """Return x + c for ring elements c that all servers know; no message."""
    return add(server, x, public(server, words))


def multiply_public(server: Server, x: Share, words: Words) -> Share:
    """Return c · x for ring elements c that all servers know, without truncation; no message."""
    return Share(server.kernels.mul(x.a, words), server.kernels.mul(x.b, words))


async def elementwise(
    server: Server, protocol: Callable[..., Coroutine[Any, Any, Share]], *inputs: Share
) -> Share:
    """Run a protocol on shares of equal shapes, value by value, in thirds with rotated roles."""
    flat = [x.flat() for x in inputs]
    thirds = await in_thirds(server, protocol, flat[0].size, lambda part: tuple(x[part] for x in flat))
    return concatenate(server, thirds).reshape(*inputs[0].shape)


def concatenate(server: Server, shares: Sequence[Share], axis: int = 0) -> Share:
    """Return shares joined along an axis."""
    return Share(
        server.kernels.concatenate([x.a for x in shares], axis),
        server.kernels.concatenate([x.b for x in shares], axis),
    )


# Between the forms


def share_to_halves(server: Server, x: Share, bits: int) -> Halves:
    """Return x mod 2^bits as v = x_0 + x_1 and w = x_2; no message."""
    k = server.kernels
    own = (k.add(x.a, x.b), x.b, x.a)[server.role]
    return Halves(k.astype(own, word_type(bits)), bits)


def narrow(server: Server, x: Halves, bits: int) -> Halves:
    """Return halves mod a smaller power of two; no message."""
    return Halves(server.kernels.astype(x.half, word_type(bits)), bits)


def planes_of(server: Server, x: Halves, low: int, count: int) -> Planes:
    """Return bits low … low + count − 1 of this server's half of a vector, as planes; no message."""
    k, end, word = server.kernels, low + count, 64
    parts: list[Planes] = []
    if x.upper is None:
        word = end
    if low < word:
        parts.append(k.bit_planes(x.half, low, min(end, word) - low))
    if x.upper is not None and end > word:
        first = max(low, word)
        parts.append(k.bit_planes(x.upper, first - word, end - first))
    planes: Planes = parts[0] if len(parts) == 1 else k.concatenate(parts, 0)
    return planes


async def halves_to_share(server: Server, x: Halves) -> Share:
    """Return shares of halves mod 2^l: server 0 splits v in F(k_1) and the rest.

    Rounds: 1 (server 0 may be ahead). Bits: l a value.
    """
    k, ring = server.kernels, server.ring
    if x.bits != ring.bits:
        raise AssertionError(f"halves mod 2^{x.bits} are not in the ring mod 2^{ring.bits}: lift first")
    if server.role == 0:
        mask = server.random(1, "split", x.shape)
        rest = k.sub(x.half, mask)
        server.send(2, k.pack(rest, ring.bits))
        return Share(rest, mask)
    if server.role == 1:
        return Share(server.random(1, "split", x.shape), x.half)
    rest = k.unpack(await server.recv(0), ring.bits, x.shape, ring.dtype)
    return Share(x.half, rest)


async def reshare(server: Server, z: Words) -> Share:
    """Return replicated shares of masked additive shares z_i.

    Requires: z_i that a zero share masks, each sent nowhere else (docs/constructions.md#multiplication).

    Rounds: 1. Bits: 3l a value (server i sends z_i to server i − 1). Source: Araki et al. 2016.
    """
    k, ring = server.kernels, server.ring
    server.send((server.role + 2) % 3, k.pack(z, ring.bits))
    received = await server.recv((server.role + 1) % 3)
    return Share(z, k.unpack(received, ring.bits, z.shape, ring.dtype))


async def exchange(server: Server, own: Words, bits: int) -> Words:
    """Servers 1 and 2 send each other words mod 2^bits and return what they got.

    Requires: words that are masked by an output of a key that the other lacks, or summands z_i.

    Rounds: 1. Bits: 2 · bits a value.
    """
    k = server.kernels
    other = 3 - server.role
    server.send(other, k.pack(own, bits))
    got: Words = k.unpack(await server.recv(other), bits, own.shape, own.dtype)
    return got


async def sum_to_halves(server: Server, z: Words, bits: int) -> Halves:
    """Return masked additive shares z_i as halves mod 2^bits: v = z_0, w = z_1 + z_2.

    Requires: z_i that a zero share masks, each sent nowhere else (docs/constructions.md#multiplication).

    Rounds: 1. Bits: 2 · bits.
    """
    if server.role == 0:
        return Halves(z, bits)
    return Halves(server.kernels.add(z, await exchange(server, z, bits)), bits)


async def wraps(server: Server, words: Words, bits: int, width: int, at_once: bool = True) -> Words:
    """Return halves mod 2^width of [v + w ≥ 2^bits], for v + w mod 2^bits below 2^(bits − 1).

    The sum wraps where msb(v) or msb(w) is set: msb(w) + (1 − msb(w)) · msb(v). Server 0 deals msb(v): at
    once in three parts, the third to both others, who do not wait for it; or in two, a part a message.

    Rounds: 1, or 2 of which server 0 sends the first ahead. Bits: 4 · width, or 3 · width, a value.
    Source: the wrap argument of SecureML's truncation, made exact.
    """
    k, ring, shape = server.kernels, server.ring, words.shape
    if server.role == 0:
        rest = k.shift_right(words, bits - 1, bits)
        for key in (0, 1) if at_once else (1,):
            rest = k.sub(rest, server.random(key, "msb", shape))
        packed = k.pack(rest, width)
        for party in (1, 2) if at_once else (2,):
            server.send(party, packed)
        back: Words = k.add(server.random(0, "cross", shape), server.random(1, "cross", shape))
        return back
    msb = k.shift_right(words, bits - 1, bits)
    clear = k.sub(k.full((), 1, ring.dtype), msb)
    key = 2 - server.role  # server 1 shares k_1 with server 0, server 2 shares k_0
    if at_once or server.role == 1:
        part = server.random(key, "msb", shape)
    else:
        part = k.unpack(await server.recv(0), width, shape, ring.dtype)
    own = k.sub(k.mul(clear, part), server.random(key, "cross", shape))
    total: Words = k.add(k.add(msb, own), await exchange(server, own, width))
    if at_once:
        rest = k.unpack(await server.recv(0), width, shape, ring.dtype)
        total = k.add(total, k.mul(clear, rest))
    return total


async def lift(server: Server, x: Halves) -> Halves:
    """Return halves mod 2^l of signed values given mod 2^k, |x| < 2^(k−2).

    With 2^(k−2) added the sum v + w is not negative, and where it wraps mod 2^k the correction needs l − k
    bits. Rounds: 1. Bits: 4(l − k) a value.
    """
    k, bits, ring = server.kernels, x.bits, server.ring
    upper = ring.bits - bits
    words = k.astype(k.low_bits(x.half, bits), ring.dtype)
    if upper == 0:
        return Halves(words, bits)
    offset = k.full((), 0 if server.role == 0 else 1 << (bits - 2), ring.dtype)
    raised = k.low_bits(k.add(words, offset), bits)
    wrapped = await wraps(server, raised, bits, upper)
    return Halves(k.sub(k.sub(raised, offset), k.shift_left(wrapped, bits)), ring.bits)


async def widen_share(server: Server, x: Share, wide: Server) -> Share:
    """Return shares mod the wide server's ring of values |x| < 2^(l−2) shared mod 2^l.

    Rounds: 2, and bits: 4(L − l) + L a value, L bits of the wider ring; none where the rings are equal.
    """
    if wide.ring.bits == server.ring.bits:
        return x
    return await halves_to_share(wide, await lift(wide, share_to_halves(server, x, server.ring.bits)))


def narrow_share(server: Server, x: Share) -> Share:
    """Return shares mod this server's ring of values shared in a wider one; no message."""
    k, dtype = server.kernels, server.ring.dtype
    return Share(k.astype(x.a, dtype), k.astype(x.b, dtype))
