"""Between arithmetic and Boolean shares, and bits times numbers."""

from __future__ import annotations

from mpcsim import InputError
from protocols.domains import Words
from protocols.replicated3.constructions.adder import sum_bits
from protocols.replicated3.constructions.carry_table import all_ones
from protocols.replicated3.constructions.selection import bit_to_share, select
from protocols.replicated3.sharings import (
    BitHalves,
    Bits,
    Halves,
    Server,
    Share,
    bits_to_halves,
    elementwise,
    exchange,
    halves_to_share,
    in_thirds,
    share_to_halves,
)


async def to_bits(server: Server, x: Share, bits: int | None = None) -> list[tuple[Server, Bits]]:
    """Return Boolean shares of the lower `bits` bits (all l by default), lowest plane first.

    The vector is cut in thirds with rotated roles: a pair of the server in its role and the planes of
    its third comes back for each. Rounds: 2 + ⌈log2(bits − 1)⌉ (A2B, ABY3 §5.3).
    """
    flat, width = x.flat(), bits or server.ring.bits

    async def third(server: Server, x: Share) -> tuple[Server, Bits]:
        return server, await sum_bits(server, share_to_halves(server, x, width))

    return await in_thirds(server, third, flat.size, lambda part: (flat[part],))


async def from_bits(server: Server, x: Bits, n: int) -> Share:
    """Return arithmetic shares of the numbers mod 2^l whose lower bits are Boolean shares.

    With halves β ⊕ c of a number, x = β + c − 2 (β ∧ c), and β ∧ c = Σ 2^j β_j c_j is linear in the bits
    that server 0 knows: it deals bit j of β as a number mod 2^(l−1−j), servers 1 and 2 add up those where
    their own bit is set, and mask what they exchange.

    Rounds: 2. Bits: Σ_j (l − 1 − j) + 3l a number. Source: docs/constructions.md#conversions.
    """
    k, ring = server.kernels, server.ring
    planes = bits_to_halves(server, x)
    count = min(len(planes), ring.bits - 1)  # the product of the highest bit leaves the ring
    own = k.from_planes(planes, n, ring.dtype)
    if server.role == 0:
        masks = [server.random(1, f"bit{j}", (n,)) for j in range(count)]
        rests = [
            k.pack(k.sub(_bit(server, planes, j, n), masks[j]), ring.bits - 1 - j) for j in range(count)
        ]
        server.send(2, *rests)
        both = k.add(*(server.random(key, "cross", (n,)) for key in (0, 1)))
        return await halves_to_share(server, Halves(k.sub(own, k.shift_left(both, 1)), ring.bits))
    if server.role == 1:
        parts = [server.random(1, f"bit{j}", (n,)) for j in range(count)]
    else:
        received = await server.recv(0)
        parts = [
            k.unpack(part, ring.bits - 1 - j, (n,), ring.dtype)
            for j, part in enumerate(received if count > 1 else [received][:count])
        ]
    total = k.zeros((n,), ring.dtype)
    for j, part in enumerate(parts):
        total = k.add(total, k.shift_left(k.mul(part, _bit(server, planes, j, n)), j))
    mine = k.sub(total, server.random(2 - server.role, "cross", (n,)))
    product = k.add(mine, await exchange(server, mine, ring.bits))
    return await halves_to_share(server, Halves(k.sub(own, k.shift_left(product, 1)), ring.bits))


def _bit(server: Server, planes: Words, j: int, n: int) -> Words:
    bit: Words = server.kernels.from_planes(planes[j : j + 1], n, server.ring.dtype)
    return bit


def bit_halves(server: Server, plane: Bits, shape: tuple[int, ...]) -> BitHalves:
    """Return one plane of Boolean shares as halves, a word 0 or 1 for each value; no message."""
    k = server.kernels
    half = bits_to_halves(server, plane)
    n = 1
    for side in shape:
        n *= side
    return BitHalves(k.from_planes(half.reshape(1, -1), n, server.ring.dtype).reshape(shape))


async def from_bit(server: Server, plane: Bits, n: int) -> Share:
    """Return arithmetic shares 0 or 1 of one plane of n Boolean shares (bit to arithmetic)."""
    return await bit_to_share(server, bit_halves(server, plane, (n,)))


async def inject(server: Server, plane: Bits, x: Share) -> Share:
    """Return b · x for Boolean shares b and arithmetic shares x of a vector (bit injection, ABY3 §5.4).

    Rounds: 2 or 1 by the choice of `select`, and l bits more than it.

    Raises:
        InputError: the plane does not have one bit for each value.
    """
    if plane.a.shape[-1] != -(-x.size // 8):
        raise InputError(f"bit injection does not fit: {plane.a.shape[-1]} bytes of bits, {x.size} values")
    half = share_to_halves(server, x, server.ring.bits)
    return await halves_to_share(server, await select(server, half, bit_halves(server, plane, x.shape)))


async def is_zero(server: Server, x: Share, bits: int | None = None) -> Share:
    """Return shares of the integer 1 where x ≡ 0 mod 2^bits (a value's bits by default), else 0.

    v + w ≡ 0 where v + (w − 1) is all ones, that is where every digit of the two propagates: the tables of
    the comparison give those bits, and a tree of ANDs joins them.
    """
    width = bits or server.ring.value_bits

    async def third(server: Server, x: Share) -> Share:
        k = server.kernels
        half = share_to_halves(server, x, width)
        if server.role != 0:
            half = Halves(k.sub(half.half, k.full((), 1, half.half.dtype)), width)
        plane = await all_ones(server, half)
        words = k.from_planes(plane.reshape(1, -1), x.size, server.ring.dtype)
        return await bit_to_share(server, BitHalves(words))

    return await elementwise(server, third, x)
