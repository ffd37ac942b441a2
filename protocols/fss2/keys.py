"""Comparisons by dealt keys: x + r is opened, and each server evaluates its key at what it sees.

With c = x + r mod 2^k: [x < 0] = top(c) ⊕ top(r) ⊕ [c' < r'], primes for the lower k − 1 bits. What is
dealt is a key of the function top(r) ⊕ [c' < r'] of c': its two roots come from the servers' own keys, its
correction words from the dealer, to both alike. c − L is public too: one key serves any number of limits.

Source: Boyle et al. 2021 (ePrint 2020/1392), §3 and §4; docs/constructions.md#comparison-keys.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType

import numpy as np

from protocols.dealer2 import Actor, Opened, Part, Piece, planes
from protocols.domains import Words

_WORD = np.dtype(np.uint64)


async def below(me: Actor, x: Words, limits: Sequence[int], bits: int) -> tuple[Words, Opened | None]:
    """Return planes (limits, ⌈n/8⌉) of [x < L], for public L and signed x − L of `bits` bits.

    Rounds: 1. Bits: 2 · `bits` online; offline 2 keys of outputs of one bit. For one bit and the limit 0
    there is nothing to send.
    """
    k, flat = me.kernels, x.reshape(-1)
    n, low_bits = flat.size, bits - 1
    if bits == 1 and not any(limits):
        return k.bit_planes(flat, 0, 1), None
    r = me.mask("sign", (n,))
    part = Part(k.add(flat, r), bits)
    me.send(part)
    roots = me.drawn("root", (2, n), _WORD)
    levels, entries = k.tree_sizes(low_bits, 1)
    seeds, outputs = await me.handed(
        "key",
        [_seeds(levels, n), planes(levels + entries, -(-n // 8))],
        lambda tools: tools.deal_bit_trees(tools.stack(roots, 0), r, low_bits, _top(tools, r, bits)),
    )
    (low,) = await me.opened(part)
    moved = _moved(me, low, limits)
    found = k.walk_bit_trees(me.role, roots[0], moved, low_bits, seeds, outputs)
    if me.role == 0:
        tops = [k.bit_planes(row, low_bits, 1) for row in moved]
        found = k.xor(found, k.concatenate(tops, 0))
    return found, Opened(x, r, bits, low, me.ring)


async def reached(me: Actor, x: Words, limits: Sequence[int], bits: int) -> Words:
    """Return numbers (limits, *shape) of [x ≥ L], for public L and signed x − L of `bits` bits.

    Rounds: 1. Bits: 2 · `bits` online; offline 2 keys of outputs of one number.
    """
    k, ring, flat = me.kernels, me.ring, x.reshape(-1)
    r = me.mask("sign", flat.shape)
    part = Part(k.add(flat, r), bits)
    me.send(part)
    walk = await _words_key(me, r, bits, [])
    (low,) = await me.opened(part)
    moved = _moved(me, low, limits)
    (turned,) = walk(moved)
    tops = k.shift_right(moved, bits - 1, bits)
    own = k.sub(me.public(k.sub(k.full((), 1, ring.dtype), tops)), _signed(me, tops, turned))
    words: Words = own.reshape(len(limits), *x.shape)
    return words


async def where_positive(me: Actor, x: Words, bits: int, chosen: Sequence[Words]) -> list[Words]:
    """Return each of the chosen, of x's shape, where signed x of `bits` bits is not negative, else 0.

    Each y is opened as c = y + r, and y [x ≥ 0] = c [x ≥ 0] − r [x ≥ 0]: the key's outputs are the
    comparison and its product with each r. Where y is x, it is opened once.

    Rounds: 1. Bits: 2l online for each, and 2 · `bits` where x is not among them; offline 2 keys of
    outputs of one number more than there are chosen.
    """
    k, ring = me.kernels, me.ring
    n = x.size
    flat = [y.reshape(-1) for y in chosen]
    among = next((number for number, y in enumerate(chosen) if y is x), None)
    masks = [me.mask("chosen", (n,)) for _ in flat]
    parts = [Part(k.add(y, r), ring.bits) for y, r in zip(flat, masks, strict=True)]
    compared = me.mask("sign", (n,)) if among is None else masks[among]
    if among is None:
        parts.append(Part(k.add(x.reshape(-1), compared), bits))
    me.send(*parts)
    walk = await _words_key(me, compared, bits, masks)
    opened = await me.opened(*parts)
    low = opened[-1 if among is None else among]
    turned, *products = (found[0] for found in walk(low.reshape(1, -1)))
    top = k.shift_right(low, bits - 1, bits)
    straight = k.sub(k.full((), 1, ring.dtype), top)
    positive = k.sub(me.public(straight), _signed(me, top, turned))
    return [
        k.sub(k.mul(positive, c), k.sub(k.mul(straight, r), _signed(me, top, product))).reshape(x.shape)
        for c, r, product in zip(opened, masks, products, strict=False)
    ]


async def _words_key(
    me: Actor, r: Words, bits: int, factors: Sequence[Words]
) -> Callable[[Words], list[Words]]:
    """Return what evaluates a key of u = top(r) ⊕ [c' < r'] and of u times each factor, at c (points, n).

    The function is top(r) + (1 − 2 top(r)) [c' < r'], times 1 and each factor.
    """
    k, ring = me.kernels, me.ring
    n, many, low_bits = r.size, 1 + len(factors), bits - 1
    roots = me.drawn("root", (2, n), _WORD)
    levels, entries = k.tree_sizes(low_bits, ring.bits * many)

    def make(tools: ModuleType) -> tuple[Words, Words]:
        top = _top(tools, r, bits)
        sign = tools.sub(tools.full((), 1, ring.dtype), tools.shift_left(top, 1))
        times = [tools.full((n,), 1, ring.dtype), *factors]
        constant = tools.stack([tools.mul(top, one) for one in times], 0)
        payload = tools.stack([tools.mul(sign, one) for one in times], 0)
        both = tools.stack(roots, 0)
        dealt: tuple[Words, Words] = tools.deal_word_trees(both, r, low_bits, ring.bits, payload, constant)
        return dealt

    words = Piece((levels + entries, many, n), _WORD, ring.bits)
    seeds, outputs = await me.handed("spline", [_seeds(levels, n), words], make)

    def walk(points: Words) -> list[Words]:
        found = k.walk_word_trees(me.role, roots[0], points, low_bits, ring.bits, seeds, outputs)
        return list(k.astype(found, ring.dtype))

    return walk


def _signed(me: Actor, top: Words, words: Words) -> Words:
    """Return (1 − 2 top) · words: what u, which lacks c's top bit, makes of them."""
    k = me.kernels
    found: Words = k.mul(k.sub(k.full((), 1, me.ring.dtype), k.shift_left(top, 1)), words)
    return found


def _top(tools: ModuleType, r: Words, bits: int) -> Words:
    found: Words = tools.shift_right(r, bits - 1, bits)
    return found


def _moved(me: Actor, low: Words, limits: Sequence[int]) -> Words:
    """Return c − L for each limit, (limits, n)."""
    k = me.kernels
    found: Words = k.stack([k.sub(low, me.ring.encode_integers(np.asarray(one))) for one in limits], 0)
    return found


def _seeds(levels: int, n: int) -> Piece:
    return Piece((levels, 2, n), _WORD, 64)
