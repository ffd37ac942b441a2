"""Numbers of 65 to 128 bits in two words: where products of scores and counts leave the ring of 64.

Only what a comparison of fractions needs: shares are lifted, multiplied, and their sums compared or tested
for zero, in the ring of integers mod 2^bits. docs/constructions.md#wide-products
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from protocols.domains import Words, word_type
from protocols.replicated3.constructions import all_ones, bit_to_share, sign
from protocols.replicated3.sharings import (
    BitHalves,
    Halves,
    Server,
    Share,
    share_to_halves,
    wraps,
)

_WORD = 64


@dataclass(frozen=True)
class Wide:
    """Integers mod 2^128: the lower 64 bits and the upper ones."""

    low: Words
    high: Words

    def __getitem__(self, index: Any) -> Wide:
        return Wide(self.low[index], self.high[index])


@dataclass(frozen=True)
class WideShare:
    """This server's two components of replicated shares mod 2^bits."""

    a: Wide
    b: Wide

    def __getitem__(self, index: Any) -> WideShare:
        return WideShare(self.a[index], self.b[index])


Term = tuple[WideShare, WideShare, int]
"""Two factors and a public one."""
Check = Callable[[Server, Halves], Awaitable[Share]]


# Arithmetic mod 2^128; no message


def plus(k: ModuleType, x: Wide, y: Wide, carried: int = 0) -> Wide:
    """Return x + y, and one more where `carried` is 1."""
    one, dtype = k.full((), 1, word_type(_WORD)), word_type(_WORD)
    entering = k.full((), carried, dtype)
    low = k.add(k.add(x.low, y.low), entering)
    lowest = k.add(k.add(k.and_(x.low, one), k.and_(y.low, one)), entering)
    halved = k.add(k.shift_right(x.low, 1, _WORD), k.shift_right(y.low, 1, _WORD))
    carry = k.shift_right(k.add(halved, k.shift_right(lowest, 1, _WORD)), _WORD - 1, _WORD)
    return Wide(low, k.add(k.add(x.high, y.high), carry))


def minus(k: ModuleType, x: Wide, y: Wide) -> Wide:
    """Return x − y = x + ¬y + 1."""
    return plus(k, x, Wide(k.invert(y.low), k.invert(y.high)), 1)


def times(k: ModuleType, x: Wide, y: Wide) -> Wide:
    """Return x · y, by words of 32 bits."""
    crossed = k.add(k.mul(x.low, y.high), k.mul(x.high, y.low))
    return Wide(k.mul(x.low, y.low), k.add(_upper_product(k, x.low, y.low), crossed))


def _upper_product(k: ModuleType, x: Words, y: Words) -> Words:
    """Return ⌊x · y / 2^64⌋ of words."""
    x0, y0 = k.low_bits(x, 32), k.low_bits(y, 32)
    x1, y1 = k.shift_right(x, 32, _WORD), k.shift_right(y, 32, _WORD)
    one, other = k.mul(x0, y1), k.mul(x1, y0)
    middle = k.add(
        k.shift_right(k.mul(x0, y0), 32, _WORD), k.add(k.low_bits(one, 32), k.low_bits(other, 32))
    )
    upper = k.add(k.shift_right(one, 32, _WORD), k.shift_right(other, 32, _WORD))
    found: Words = k.add(k.mul(x1, y1), k.add(upper, k.shift_right(middle, 32, _WORD)))
    return found


def raised(k: ModuleType, x: Wide, bits: int) -> Wide:
    """Return x · 2^bits, for 1 to 63 bits."""
    passing = k.shift_right(x.low, _WORD - bits, _WORD)
    return Wide(k.shift_left(x.low, bits), k.add(k.shift_left(x.high, bits), passing))


def constant(k: ModuleType, value: int) -> Wide:
    """Return an integer."""
    dtype, mask = word_type(_WORD), (1 << _WORD) - 1
    return Wide(k.full((), value & mask, dtype), k.full((), (value >> _WORD) & mask, dtype))


# On shares


async def lifted(server: Server, x: Share, own: int, bits: int) -> Halves:
    """Return as halves mod 2^bits what is shared mod 2^own, |x| < 2^(own − 2), bits − own ≤ 64.

    Rounds: 1. Bits: 4(bits − own).
    """
    k, offset = server.kernels, 0 if server.role == 0 else 1 << (own - 2)
    half = k.astype(share_to_halves(server, x, own).half, word_type(_WORD))
    above = k.low_bits(k.add(half, k.full((), offset, half.dtype)), own)
    wrapped = await wraps(server, above, own, bits - own)
    none = k.zeros(half.shape, half.dtype)
    exact = minus(k, Wide(above, none), constant(k, offset))
    total = minus(k, exact, Wide(none, wrapped) if own == _WORD else raised(k, Wide(wrapped, none), own))
    return Halves(total.low, bits, total.high)


def joined(server: Server, parts: Sequence[Halves]) -> Halves:
    """Return wide halves one after the other, along their first axis; no message."""
    k = server.kernels
    wide = [_wide(one) for one in parts]
    low, high = k.concatenate([one.low for one in wide]), k.concatenate([one.high for one in wide])
    return Halves(low, parts[0].bits, high)


async def shared(server: Server, x: Halves) -> WideShare:
    """Return shares of wide halves: server 0 splits v. Rounds: 1. Bits: those of x."""
    k, own = server.kernels, _wide(x)
    if server.role == 2:
        rest = _unpacked(server, await server.recv(0), x.bits, own)
        return WideShare(own, rest)
    mask = _random(server, 1, "split", own)
    if server.role == 1:
        return WideShare(mask, own)
    rest = minus(k, own, mask)
    server.send(2, *_packed(server, rest, x.bits))
    return WideShare(rest, mask)


def products(server: Server, terms: Sequence[Term]) -> Wide:
    """Return this server's masked z_i of Σ c · x · y, elementwise, for public c; no message."""
    k = server.kernels
    first = terms[0][0].a
    total = minus(k, _random(server, server.role, "product", first),
                  _random(server, (server.role + 1) % len(server.servers), "product", first))  # fmt: skip
    for x, y, scale in terms:
        own = plus(k, times(k, x.a, plus(k, y.a, y.b)), times(k, x.b, y.a))
        total = plus(k, total, times(k, own, constant(k, scale)))
    return total


async def sum_of(server: Server, z: Wide, bits: int) -> Halves:
    """Return masked additive shares z_i as halves: v = z_0, w = z_1 + z_2. Rounds: 1. Bits: 2 · bits.

    Requires: z_i that a zero share masks, each sent nowhere else (docs/constructions.md#multiplication).
    """
    if server.role == 0:
        return Halves(z.low, bits, z.high)
    other = 3 - server.role
    server.send(other, *_packed(server, z, bits))
    total = plus(server.kernels, z, _unpacked(server, await server.recv(other), bits, z))
    return Halves(total.low, bits, total.high)


def added(server: Server, x: Halves, y: Halves, factor: int = 1) -> Halves:
    """Return factor · x + y of wide halves, the factor being a power of two; no message."""
    k = server.kernels
    scaled = _wide(x) if factor == 1 else raised(k, _wide(x), factor.bit_length() - 1)
    total = plus(k, scaled, _wide(y))
    return Halves(total.low, x.bits, total.high)


async def is_zero(server: Server, x: Halves) -> Share:
    """Return shares of the integer 1 where wide halves of a vector add up to 0, else 0.

    Rounds and bits: those of an equality of so many bits.
    """
    k = server.kernels
    own = _wide(x) if server.role == 0 else minus(k, _wide(x), constant(k, 1))
    plane = await all_ones(server, Halves(own.low, x.bits, own.high))
    words = k.from_planes(plane.reshape(1, -1), x.half.size, server.ring.dtype)
    return await bit_to_share(server, BitHalves(words))


async def is_negative(server: Server, x: Halves) -> Share:
    """Return shares of the integer 1 where wide halves are negative, else 0."""
    return await bit_to_share(server, await sign(server, x))


def _wide(x: Halves) -> Wide:
    if x.upper is None:
        raise AssertionError(f"halves mod 2^{x.bits} are of one word")
    return Wide(x.half, x.upper)


def _random(server: Server, key: int, purpose: str, like: Wide) -> Wide:
    return Wide(
        server.random(key, f"{purpose}/low", like.low.shape, like.low.dtype),
        server.random(key, f"{purpose}/high", like.low.shape, like.low.dtype),
    )


def _packed(server: Server, x: Wide, bits: int) -> list[Words]:
    return [server.kernels.pack(x.low, _WORD), server.kernels.pack(x.high, bits - _WORD)]


def _unpacked(server: Server, arrays: Sequence[Words], bits: int, like: Wide) -> Wide:
    k, shape, dtype = server.kernels, like.low.shape, like.low.dtype
    low, high = arrays
    return Wide(k.unpack(low, _WORD, shape, dtype), k.unpack(high, bits - _WORD, shape, dtype))
