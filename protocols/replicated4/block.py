"""Sums of a layer, pooled and then activated, on halves mod a small power of two."""

from __future__ import annotations

from protocols.domains import Words, word_type
from protocols.family import Pooling
from protocols.layers import pooled_shape, windows
from protocols.replicated4 import bits as boolean
from protocols.replicated4.products import halved, shifted
from protocols.replicated4.seat import Seat
from protocols.replicated4.sharing import Bits, Share, Sum, half


async def block(
    me: Seat, z: Sum | Share, name: str, op: str, relu: bool, pooling: Pooling | None, radix: int
) -> Share:
    """Return relu(maxpool(z / 2^f)), of which at least one, within one unit.

    A sum mod 2^(k + f), k = V + 1, is rounded by shifting both halves: what wraps is a multiple of 2^k.
    Pairs compete on halves mod 2^k. What wins is lifted to shares mod 2^l beside its sign, which selects.

    Requires: nothing of the terms: they are spread once, masked, whatever windows they are in.

    Rounds: 1; a sign and 2 a level; 2, or with ReLU a sign and 2. Bits: 4(k + f) a sum; a sign and 8k a
    pair; 2l + 6(l − k), and with ReLU a sign and 8l.
    """
    k, value_bits = me.kernels, me.ring.value_bits + 1
    with me.party.span(name, op):
        x, shape = await rounded(me, z, value_bits), z.shape
    if pooling is not None:
        with me.party.span(pooling.name, "max pooling"):
            entries = windows(k, x.reshape(shape), pooling.window, pooling.stride)
            shape = pooled_shape(shape, pooling.window, pooling.stride)
            x = await largest(me, entries, value_bits, radix)
            if not relu:
                return (await shifted(me, x, value_bits, 0, me.ring)).apply(lambda one: one.reshape(shape))
    with me.party.span(f"{name}.relu", "relu"):
        lifted, negative = await me.party.gather(
            shifted(me, x, value_bits, 0, me.ring), boolean.sign(me, x, value_bits - 1, radix)
        )
        found = await boolean.select(me, boolean.opposite(me, negative), lifted)
    return found.apply(lambda one: one.reshape(shape))


async def rounded(me: Seat, z: Sum | Share, bits: int) -> Words:
    """Return this couple's half mod 2^bits of z / 2^f, a vector.

    Requires: nothing of the terms: `halved` has them masked.

    Rounds: 1. Bits: 4 (bits + f). Of shares, whose halves couples know: none.
    """
    k, f = me.kernels, me.ring.fraction_bits
    mine = half(me, z.parts) if isinstance(z, Share) else await halved(me, z, bits + f)
    up = k.full((), (1 << f) - 1 if me.place < 2 else 0, me.ring.dtype)
    moved = k.shift_right(k.add(mine, up), f, bits + f)
    words: Words = k.astype(moved, word_type(bits)).reshape(-1)
    return words


async def largest(me: Seat, x: Words, bits: int, radix: int) -> Words:
    """Return this couple's half of the largest along the first axis of (entries, n): pairs compete."""
    k = me.kernels
    while (entries := len(x)) > 1:
        paired = entries - entries % 2
        second = x[1:paired:2]
        difference = k.sub(x[0:paired:2], second)
        less = await boolean.sign(me, difference, bits, radix)
        first = boolean.opposite(me, Bits((difference.size,), less.plane))
        gain = await boolean.select_half(me, first, difference.reshape(-1), bits)
        x = k.concatenate([k.add(second, gain.reshape(second.shape)), x[paired:]], 0)
    found: Words = x[0]
    return found
