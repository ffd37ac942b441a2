"""Bilinear products by dealt triples, and the selection by a bit.

With masks a, b and dealt c = a ∘ b, the servers open E = x − a and F = y − b; then x ∘ y = E ∘ F + E ∘ b +
a ∘ F + c, for any bilinear ∘: a matrix product opens its inputs, not its products.
Source: Beaver 1991; for matrices Mohassel, Zhang 2017 (SecureML), §4.2.
"""

from __future__ import annotations

from types import ModuleType

from protocols.dealer2.actor import BYTE, Actor, Part, Piece
from protocols.dealer2.bits import Bits, bit_words
from protocols.domains import Words
from protocols.family import Kind, Padding, Shape, bilinear
from protocols.kernels import shapes


async def product(
    me: Actor, kind: Kind, x: Words, y: Words, stride: tuple[int, int], padding: Padding
) -> Words:
    """Return parts of x ∘ y, not rescaled.

    Rounds: 1. Bits: 2l an element of both inputs online, l an element of the result offline.
    """
    ring, k = me.ring, me.kernels
    result: Shape = bilinear(shapes, kind, x, y, stride, padding).shape
    a, b = me.mask("a", x.shape), me.mask("b", y.shape)
    parts = Part(k.sub(x, a), ring.bits), Part(k.sub(y, b), ring.bits)
    me.send(*parts)
    (c,) = await me.dealt(
        "c",
        [Piece(result, ring.dtype, ring.bits)],
        lambda tools: [bilinear(tools, kind, a, b, stride, padding)],
    )
    e, f = await me.opened(*parts)
    other = k.add(b, f) if me.role == 0 else b  # E ∘ F once
    z = k.add(bilinear(k, kind, e, other, stride, padding), bilinear(k, kind, a, f, stride, padding))
    words: Words = k.add(z, c)
    return words


async def select(me: Actor, bit: Bits, x: Words) -> Words:
    """Return parts of bit · x, of one shape.

    With a masked bit e = bit ⊕ d and x = c − r: bit · x = e(c − r) + (1 − 2e)(d c − d r); d and d r are
    dealt as numbers. Where the bit is the sign of this very x, the lower bits of c have been opened for the
    comparison, and only the upper ones follow. Ours; the bit as in Rotaru, Wood 2019 (daBits).

    Rounds: 1. Bits: 2 + 2(l − those opened before) online, 2l offline.
    """
    ring, k = me.ring, me.kernels
    flat = x.reshape(-1)
    n, width = flat.size, bit.plane.shape[-1]
    known = bit.opened if bit.opened is not None and bit.opened.of is x else None
    if known is not None and known.ring != ring:  # a mask of another ring hides no more than that
        known = None
    r = me.mask("select", (n,)) if known is None else known.mask
    below = 0 if known is None else known.bits
    d = me.mask("bit", (1, width), BYTE)
    masked = Part(k.xor(bit.plane.reshape(1, -1), d))
    above = Part(k.shift_right(k.add(flat, r), below, ring.bits), ring.bits - below)
    parts = [masked] if above.bits == 0 else [masked, above]
    me.send(*parts)
    piece = Piece((n,), ring.dtype, ring.bits)
    number, product_ = await me.dealt("d", [piece, piece], lambda tools: _with_mask(tools, d, r, n))
    e, *upper = await me.opened(*parts)
    if known is None:
        c = upper[0]
    elif not upper:
        c = known.low
    else:
        c = _joined(me, known.low, upper[0], k.add(flat, r), below)
    chosen = bit_words(k, e, n, ring.dtype)
    own = k.sub(me.public(c), r)
    cross = k.sub(k.mul(number, c), product_)
    sign = k.sub(k.full((), 1, ring.dtype), k.shift_left(chosen, 1))
    words: Words = k.add(k.mul(chosen, own), k.mul(sign, cross))
    return words.reshape(x.shape)


def _with_mask(tools: ModuleType, d: Words, r: Words, n: int) -> list[Words]:
    """Return the dealer's d as numbers, and d · r."""
    number = bit_words(tools, d, n, r.dtype)
    return [number, tools.mul(number, r)]


def _joined(me: Actor, low: Words, upper: Words, own: Words, below: int) -> Words:
    """Return the sum of both servers' words from its lower bits and the sum of what is above them.

    Each server knows its own word, so the other's too: the lower bits, and the rest.
    """
    k, bits = me.kernels, me.ring.bits
    rest = k.shift_left(k.sub(upper, k.shift_right(own, below, bits)), below)
    words: Words = k.add(k.add(own, k.low_bits(k.sub(low, own), below)), rest)
    return words
