"""All bits of numbers, and numbers of all their bits."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

from protocols.dealer2.actor import BYTE, Actor, Part, Piece, planes
from protocols.dealer2.bits import Monomial, bit_words, polynomials
from protocols.domains import Words


async def decompose(me: Actor, x: Words) -> Words:
    """Return planes (l, ⌈n/8⌉) of all bits of a vector.

    c = x + r is opened, r's bits are dealt, and c − r is subtracted bit by bit: all borrows by Sklansky's
    prefix network, whose nodes are pairs (less, equal), as in `carry`.

    Rounds: 1 + ⌈log2(l − 1)⌉. Source: Escudero et al. 2020 (edaBits); Sklansky 1960.
    """
    k, bits = me.kernels, me.ring.bits
    n, width = x.size, -(-x.size // 8)
    r = me.mask("bits", (n,))
    part = Part(k.add(x, r), bits)
    me.send(part)
    (own,) = await me.dealt("bits", [planes(bits, width)], lambda tools: [tools.bit_planes(r, 0, bits)])
    (c,) = await me.opened(part)
    public = k.bit_planes(c, 0, bits)
    differ = me_xor(me, own, public)
    less = k.and_(own, k.invert(public))  # [c_i < r_i]
    borrow = await _borrows(me, less[:-1], k.invert(differ[:-1]) if me.role == 0 else differ[:-1])
    found: Words = k.concatenate([differ[:1], k.xor(differ[1:], borrow)], 0)
    return found


def me_xor(me: Actor, own: Words, public: Words) -> Words:
    """Return the part of own ⊕ public."""
    return me.kernels.xor(own, public) if me.role == 0 else own


async def _borrows(me: Actor, less: Words, equal: Words) -> Words:
    """Return, for each place, whether all digits up to it compare as less."""
    k, leaves, span = me.kernels, len(less), 1
    while span < leaves:
        lesses, equals = [less[i] for i in range(leaves)], [equal[i] for i in range(leaves)]
        variables: list[Words] = []
        outputs: list[list[Monomial]] = []
        targets: list[tuple[int, bool]] = []
        for start in range(span, leaves, 2 * span):
            last, whole = start - 1, start >= 2 * span
            shared = len(variables)
            variables += [less[last], *([equal[last]] if whole else [])]
            for place in range(start, min(start + span, leaves)):
                at = len(variables)
                variables.append(equal[place])
                outputs.append([(shared, at)])
                targets.append((place, False))
                if whole:
                    outputs.append([(shared + 1, at)])
                    targets.append((place, True))
        found = await polynomials(me, k.stack(variables, 0), outputs)
        for (place, product), plane in zip(targets, found, strict=True):
            if product:
                equals[place] = plane
            else:
                lesses[place] = k.xor(less[place], plane)
        less, equal, span = k.stack(lesses, 0), k.stack(equals, 0), 2 * span
    return less


async def compose(me: Actor, bits: Words, n: int) -> Words:
    """Return the n numbers whose bits are in planes (l, ⌈n/8⌉).

    Bit j is masked by a dealt bit, which is needed as a number mod 2^(l−j) alone.

    Rounds: 1. Bits: 2l online, l(l + 1)/2 offline. Source: Rotaru, Wood 2019 (daBits), a bit each.
    """
    k, ring = me.kernels, me.ring
    d = me.mask("bits", bits.shape, BYTE)
    part = Part(k.xor(bits, d))
    me.send(part)

    def make(tools: ModuleType) -> Iterator[Words]:
        for row in range(len(bits)):
            yield bit_words(tools, d[row], n, ring.dtype)

    pieces = [Piece((n,), ring.dtype, ring.bits - row) for row in range(len(bits))]
    numbers = await me.dealt("d", pieces, make)
    (e,) = await me.opened(part)
    total: Words = k.zeros((n,), ring.dtype)
    for row, number in enumerate(numbers):
        chosen = bit_words(k, e[row], n, ring.dtype)
        sign = k.sub(k.full((), 1, ring.dtype), k.shift_left(chosen, 1))
        bit = k.add(me.public(chosen), k.mul(sign, number))
        total = k.add(total, k.shift_left(bit, row))
    return total
