"""Truncation: scaling a product at 2^(2f) down to 2^f.

Both forms start from additive shares z_i, one at each server, that a zero share has masked.

* `safe`: no value is ever wrong by more than one unit; 2 rounds, 3l + 3f bits.
* `fused`: 1 round, 3l bits; wrong by a multiple of 2^(l−f) with probability about |z| / 2^l.

Neither realises the textbook functionality with an independent rounding bit: the rounding depends on
z_0, which server 0 knows (compare MP-SPDZ issue 1494, ePrint 2024/1127). What is held by test is that
every server's view is independent of the secrets.
"""

from __future__ import annotations

from protocols.ring import Words, word_type
from protocols.server import Server, in_thirds
from protocols.sharing import Halves, Share, concatenate, exchange, halves_to_share, reshare, sum_to_halves


async def truncate_product(server: Server, z: Words) -> Share:
    """Return shares of z / 2^f for masked additive shares z_i of any shape, |z| < 2^(l−2).

    Rounds and bits: those of the truncation that the server's choices name.
    """
    if server.ring.fraction_bits == 0:
        return await reshare(server, z)
    protocol = {"safe": truncate_safe, "fused": truncate_fused}[server.choices.truncation]
    flat = z.reshape(-1)
    thirds = await in_thirds(server, protocol, flat.size, lambda part: (flat[part],))
    return concatenate(server, thirds).reshape(*z.shape)


async def truncate_fused(server: Server, z: Words) -> Share:
    """Return shares of z / 2^f, off by at most one unit but for rare wraps.

    v = z_0 and w = z_1 + z_2 are shifted apart, v as it is and w as −((−w) ≫ f), as in SecureML's
    local truncation. Rounds: 1. Bits: 3l a value.
    Source: Mohassel, Zhang 2017, §4.1, on two-party halves.
    """
    k, ring = server.kernels, server.ring
    f, bits = ring.fraction_bits, ring.bits
    if server.role == 0:
        return await halves_to_share(server, Halves(k.shift_right(z, f, bits), bits))
    w = k.add(z, await exchange(server, z, bits))
    return await halves_to_share(server, Halves(k.neg(k.shift_right(k.neg(w), f, bits)), bits))


async def truncate_safe(server: Server, z: Words) -> Share:
    """Return shares of z / 2^f, off by at most one unit, without bias; |z| < 2^(l−2).

    With 2^(l−2) added, v + w' wraps mod 2^l exactly where msb(v) or msb(w') is set; shifting the halves
    apart then errs by 2^(l−f) (msb(w') + (1 − msb(w')) · msb(v)), of which only the product needs
    a message: f bits of it. 2^f − 1 is added beforehand, since the two floors lose one unit on average.
    Rounds: 2. Bits: 3l + 3f a value. Source: the wrap argument of ABY3's truncation pairs, made exact
    for halves.
    """
    k, ring = server.kernels, server.ring
    f, bits = ring.fraction_bits, ring.bits
    if server.role == 0:
        msb_mask = server.random(1, "msb", z.shape)
        server.send(2, k.pack(k.sub(k.shift_right(z, bits - 1, bits), msb_mask), f))
        share = await halves_to_share(server, Halves(k.shift_right(z, f, bits), bits))
        lost = [_upper(server, server.random(key, "cross", z.shape)) for key in (0, 1)]
        return Share(k.sub(share.a, lost[0]), k.sub(share.b, lost[1]))
    offset = 1 << (bits - 2)
    both = k.add(z, await exchange(server, z, bits))
    w = k.add(both, k.full((), offset + (1 << f) - 1, ring.dtype))
    if server.role == 1:
        msb_share = server.random(1, "msb", z.shape)
    else:
        msb_share = k.unpack(await server.recv(0), f, z.shape, ring.dtype)
    msb = k.shift_right(w, bits - 1, bits)
    clear = k.sub(k.full((), 1, ring.dtype), msb)
    mask = server.random(2 - server.role, "cross", z.shape)
    own = k.sub(k.mul(clear, msb_share), mask)
    wraps = k.add(msb, k.add(own, await exchange(server, own, f)))
    shifted = k.sub(k.shift_right(w, f, bits), k.full((), offset >> f, ring.dtype))
    half = Halves(k.sub(shifted, _upper(server, wraps)), bits)
    share = await halves_to_share(server, half)
    lost_here = _upper(server, mask)
    if server.role == 1:
        return Share(k.sub(share.a, lost_here), share.b)
    return Share(share.a, k.sub(share.b, lost_here))


def _upper(server: Server, words: Words) -> Words:
    """Return the low f bits of words moved to the top of the ring."""
    ring = server.ring
    moved: Words = server.kernels.shift_left(words, ring.bits - ring.fraction_bits)
    return moved


async def sum_to_truncated_halves(server: Server, z: Words, bits: int) -> Halves:
    """Return z / 2^f as halves mod 2^bits, bits ≤ l − f, for masked additive shares z_i.

    Each server shifts its own z_i; what wraps is a multiple of 2^(l−f), which halves mod 2^bits do not
    see. The three floors lose 1.5 units on average, which server 0 adds beforehand: off by less than
    1.5 units, never by more. Rounds: 1. Bits: 2 · bits a value.
    """
    k, ring = server.kernels, server.ring
    f = ring.fraction_bits
    if bits > ring.bits - f:
        raise AssertionError(f"halves mod 2^{bits} would see the wraps of a shift by {f}")
    if server.role == 0:
        z = k.add(z, k.full((), (3 << f) >> 1, ring.dtype))
    shifted = k.astype(k.shift_right(z, f, ring.bits), word_type(bits))
    return await sum_to_halves(server, shifted, bits)
