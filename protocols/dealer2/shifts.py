"""Truncation and the move to another ring: x + r is opened, and r >> s and the top bit of r are dealt."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

from protocols.dealer2.actor import Actor, Part, Piece
from protocols.domains import Ring, Words


async def shifted(me: Actor, x: Words, shift: int, out: Ring) -> Words:
    """Return parts, mod 2^L of `out`, of x / 2^shift, off by less than one unit; |x| < 2^(l−2).

    With x' = x + 2^(l−2), not negative and below 2^(l−1), c = x' + r wraps exactly where r's top bit is 1
    and c's is 0. So x' >> s is (c >> s) − (r >> s) + wrap · 2^(l−s), one more at most, without bias:
    there is never a gross error. Of the wrap only its lowest L − l + s bits count.

    Rounds: 1. Bits: 2l online, L + max(0, L − l + s) offline.
    Source: Dalskov, Escudero, Keller 2020, for the mask's top bit, after SecureML 2017; the wrap's few bits
    and the change of ring are ours.
    """
    k, ring = me.kernels, me.ring
    bits = ring.bits
    if not 0 <= shift <= bits - 2:
        raise AssertionError(f"a shift by {shift} in a ring of {bits} bits")
    added = 1 << (bits - 2)
    r = me.mask("shift", x.shape)
    raised = k.add(x, me.public(k.full(x.shape, added, ring.dtype)))
    part = Part(k.add(raised, r), bits)
    me.send(part)
    few = max(0, out.bits - bits + shift)
    pieces = [Piece(x.shape, out.dtype, out.bits)] + ([Piece(x.shape, out.dtype, few)] if few else [])

    def make(tools: ModuleType) -> Iterator[Words]:
        yield tools.astype(tools.shift_right(r, shift, bits), out.dtype)
        if few:
            yield tools.astype(tools.shift_right(r, bits - 1, bits), out.dtype)

    down, *top = await me.dealt("r", pieces, make)
    (c,) = await me.opened(part)
    moved = k.astype(k.shift_right(c, shift, bits), out.dtype)
    public = k.sub(moved, k.full((), added >> shift, out.dtype))
    words: Words = k.sub(me.public(public), down)
    if few:
        below = k.sub(k.full((), 1, out.dtype), k.astype(k.shift_right(c, bits - 1, bits), out.dtype))
        words = k.add(words, k.shift_left(k.mul(below, top[0]), bits - shift))
    return words


def shifted_apart(me: Actor, x: Words, shift: int) -> Words:
    """Return parts of x / 2^shift, each server's own shifted; no message.

    Off by one unit, or with probability |x| / 2^(l−1) by 2^(l−s). Source: Mohassel, Zhang 2017, §4.1.
    """
    k, bits = me.kernels, me.ring.bits
    if me.role == 0:
        return k.shift_right(x, shift, bits)  # type: ignore[no-any-return]
    words: Words = k.neg(k.shift_right(k.neg(x), shift, bits))
    return words
