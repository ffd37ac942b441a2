"""Truncation: scaling a product at 2^(2f) down to 2^f.

Both forms start from additive shares z_i, one at each server, that a zero share has masked.

* `safe`: no value is ever wrong by more than one unit; 2 rounds, 3l + 3f bits.
* `fused`: 1 round, 3l bits; wrong by a multiple of 2^(l−f) with probability about |z| / 2^l.

What is shared already lies in halves: `truncate_share` is as safe in 1 round and l + 4s bits.

Neither realises the textbook functionality with an independent rounding bit: the rounding depends on
z_0, which server 0 knows (compare MP-SPDZ issue 1494, ePrint 2024/1127). What is held by test is that
every server's view is independent of the secrets.
"""

from __future__ import annotations

from functools import partial

from protocols.domains import Words, word_type
from protocols.replicated3.constructions.comparison import sign
from protocols.replicated3.constructions.selection import bit_to_share
from protocols.replicated3.sharings import (
    Halves,
    Server,
    Share,
    add,
    concatenate,
    elementwise,
    halves_to_share,
    in_thirds,
    reshare,
    share_to_halves,
    sum_to_halves,
    wraps,
)


async def truncate_product(server: Server, z: Words, shift: int | None = None) -> Share:
    """Return shares of z / 2^shift (2^f by default) for masked additive shares z_i, |z| < 2^(l−2).

    Requires: z_i that a zero share masks, each sent nowhere else (docs/constructions.md#multiplication).

    Rounds and bits: those of the truncation that the server's choices name; a shift by nothing is a
    plain reshare.
    """
    by = server.ring.fraction_bits if shift is None else shift
    if by == 0:
        return await reshare(server, z)
    protocol = {"safe": truncate_safe, "fused": truncate_fused}[server.choices.truncation]
    flat = z.reshape(-1)
    thirds = await in_thirds(server, partial(protocol, shift=by), flat.size, lambda part: (flat[part],))
    return concatenate(server, thirds).reshape(*z.shape)


async def truncate_fused(server: Server, z: Words, shift: int) -> Share:
    """Return shares of z / 2^shift, off by at most one unit but for rare wraps.

    Requires: z_i that a zero share masks, each sent nowhere else (docs/constructions.md#multiplication).

    v = z_0 and w = z_1 + z_2 are shifted apart, v as it is and w as −((−w) ≫ shift), as in SecureML's
    local truncation. Rounds: 1. Bits: 3l a value.
    Source: Mohassel, Zhang 2017, §4.1, on two-party halves.
    """
    k, bits = server.kernels, server.ring.bits
    x = await sum_to_halves(server, z, bits)
    if server.role == 0:
        return await halves_to_share(server, Halves(k.shift_right(x.half, shift, bits), bits))
    down = k.neg(k.shift_right(k.neg(x.half), shift, bits))
    return await halves_to_share(server, Halves(down, bits))


async def truncate_safe(server: Server, z: Words, shift: int) -> Share:
    """Return shares of z / 2^shift, off by at most one unit, without bias; |z| < 2^(l−2).

    Requires: z_i that a zero share masks, each sent nowhere else (docs/constructions.md#multiplication).

    Rounds: 2. Bits: 3l + 3 · shift a value.
    """
    x = await sum_to_halves(server, z, server.ring.bits)
    return await halves_to_share(server, await truncate_halves(server, x, shift))


async def truncate_halves(
    server: Server, x: Halves, shift: int, unbiased: bool = True, at_once: bool = False
) -> Halves:
    """Return x / 2^shift for halves mod 2^l, off by at most one unit, |x| < 2^(l−2).

    With 2^(l−2) added, x is not negative, and where v + w' wraps mod 2^l, shifting the halves apart errs by
    2^(l−s), s = shift, which s bits of the wrap undo. Without bias, 2^(l−2) − 1 is added and only
    2^(l−2) − 2^s taken off again: the other 2^s − 1 make up for what the two floors lose on average.

    Rounds: 2, of which server 0 sends the first and has its half at once; at once 1. Bits: 3s a value, at
    once 4s.
    """
    k, ring = server.kernels, server.ring
    if shift == 0:
        return x
    bits, added, taken = ring.bits, 0, 0
    if server.role != 0:
        taken = (1 << (bits - 2)) - (1 << shift if unbiased else 0)
        added = taken + ((1 << shift) - 1 if unbiased else 0)
    raised = k.add(x.half, k.full((), added, ring.dtype))
    wrapped = await wraps(server, raised, bits, shift, at_once)
    shifted = k.sub(k.shift_right(raised, shift, bits), k.full((), taken >> shift, ring.dtype))
    return Halves(k.sub(shifted, _upper(server, wrapped, shift)), bits)


def _upper(server: Server, words: Words, count: int) -> Words:
    """Return the low `count` bits of words moved to the top of the ring."""
    moved: Words = server.kernels.shift_left(words, server.ring.bits - count)
    return moved


async def truncate_share(server: Server, x: Share, shift: int, at_once: bool = True) -> Share:
    """Return shares of x / 2^shift for shares of x as they are, off by at most one unit; |x| < 2^(l−2).

    A sharing lies in halves already: nothing is exchanged but what the wrap takes. Rounds and bits: those
    of `truncate_halves`, and l bits; none for a shift by nothing.
    """
    if shift == 0:
        return x

    async def third(server: Server, x: Share) -> Share:
        half = share_to_halves(server, x, server.ring.bits)
        return await halves_to_share(server, await truncate_halves(server, half, shift, at_once=at_once))

    return await elementwise(server, third, x)


async def truncate_exact(server: Server, x: Share, shift: int | None = None) -> Share:
    """Return shares of ⌊x / 2^shift⌋ exactly, for signed x, |x| < 2^(l−2).

    The floor of v + w is that of v plus that of w plus the carry out of their lower `shift` bits, which is
    a comparison, less the wrap of `truncate_halves`. Rounds: those of a comparison of `shift` + 1 bits and
    of the conversion of a bit, run beside the shift. Source: Catrina, Saxena 2010, §3 (their `Trunc`).
    """
    by = server.ring.fraction_bits if shift is None else shift

    async def third(server: Server, x: Share) -> Share:
        k, ring = server.kernels, server.ring
        half = share_to_halves(server, x, ring.bits)
        lower = Halves(k.low_bits(half.half, by), by + 1)
        floors = truncate_halves(server, half, by, unbiased=False)
        shifted, carry = await server.party.gather(floors, _carry(server, lower))
        return add(server, await halves_to_share(server, shifted), carry)

    return await elementwise(server, third, x)


async def _carry(server: Server, lower: Halves) -> Share:
    """Return the top bit of halves as a number."""
    return await bit_to_share(server, await sign(server, lower))


def rounded_locally(server: Server, z: Words, bits: int, shift: int | None = None) -> Words:
    """Return this server's part of z / 2^s mod 2^bits, bits ≤ l − s, for additive shares z_i; no message.

    The shift s is f by default. Each server adds half a unit and shifts its own z_i, halves going up at
    server 0 and down at the others, so that the sum is off by less than 1.5 units. What wraps is a multiple
    of 2^(l−s), which words mod 2^bits do not see.
    """
    k, ring = server.kernels, server.ring
    by = ring.fraction_bits if shift is None else shift
    if bits > ring.bits - by:
        raise AssertionError(f"halves mod 2^{bits} would see the wraps of a shift by {by}")
    half = ((1 << by) - (server.role != 0)) >> 1
    nearest = k.add(z, k.full((), half, ring.dtype))
    words: Words = k.astype(k.shift_right(nearest, by, ring.bits), word_type(bits))
    return words


async def sum_to_truncated_halves(server: Server, z: Words, bits: int, shift: int | None = None) -> Halves:
    """Return z / 2^s as halves mod 2^bits, bits ≤ l − s, for masked additive shares z_i.

    Requires: z_i that a zero share masks, each sent nowhere else (docs/constructions.md#multiplication).

    Off by less than 1.5 units, never by more. Rounds: 1. Bits: 2 · bits a value.
    """
    return await sum_to_halves(server, rounded_locally(server, z, bits, shift), bits)
