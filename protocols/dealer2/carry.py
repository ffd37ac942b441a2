"""The sign bit: x + r is opened, and the sign of x follows from a comparison of its lower part with r's.

With c = x + r mod 2^k: sign(x) = top(c) ⊕ top(r) ⊕ [c' < r'], primes for the lower k − 1 bits. Both are
cut into digits. Of each digit of r' the one-hot vector is dealt, so that [c_d < r_d] and [c_d = r_d] are
sums of its entries, local, since c is public. A tree of arity a joins digits: within a group,
less = g_a ⊕ p_a g_{a−1} ⊕ p_a p_{a−1} g_{a−2} ⊕ … and equal = ∏ p, one opening of masked bits each.

Source: Escudero et al. 2020 (edaBits) for the masked opening; one-time tables as in Ishai et al. 2013; the
tree is Sklansky's 1960 with wider nodes. The combination is ours; docs/constructions.md#signs.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import numpy as np

from protocols.dealer2.actor import Actor, Part, planes
from protocols.dealer2.bits import Monomial, Opened, flipped, polynomials
from protocols.domains import Words


def digit_widths(bits: int, radix: int) -> list[int]:
    """Return the widths of the digits of a number, from the lowest: the last has what is left."""
    whole, rest = divmod(bits, radix)
    return [radix] * whole + ([rest] if rest else [])


async def below(
    me: Actor, x: Words, limits: Sequence[int], bits: int, radix: int, arity: int
) -> tuple[Words, Opened | None]:
    """Return planes (limits, ⌈n/8⌉) of [x < L], for public L and signed x − L of `bits` bits.

    x is opened once: c − L is public too, and what is dealt of r serves every limit.

    Rounds: 1 and those of `carry`. Bits: 2 · `bits` online; offline 1, and 2^w − 1 for each digit of w
    bits; and for each limit those of `carry`. For one bit and the limit 0 there is nothing to send.
    """
    k = me.kernels
    flat = x.reshape(-1)
    n, width = flat.size, -(-flat.size // 8)
    if bits == 1 and not any(limits):
        return k.bit_planes(flat, 0, 1), None
    r = me.mask("sign", (n,))
    part = Part(k.add(flat, r), bits)
    me.send(part)
    widths = digit_widths(bits - 1, radix)
    pieces = [planes(1, width), planes(sum((1 << digit) - 1 for digit in widths), width)]
    top, hot = await me.dealt("digits", pieces, lambda tools: _digits(tools, r, bits, widths))
    (low,) = await me.opened(part)
    moved = [k.sub(low, me.ring.encode_integers(np.asarray(limit))) for limit in limits]
    compared = [_compared(me, c, hot, widths, n) for c in moved]
    less, equal = (k.concatenate([pair[which] for pair in compared], 1) for which in (0, 1))
    found = (await carry(me, less, equal, arity)).reshape(len(limits), width)
    tops = k.stack([top[0]] * len(limits), 0)
    if me.role == 0:
        tops = k.xor(tops, k.concatenate([k.bit_planes(c, bits - 1, 1) for c in moved], 0))
    return k.xor(found, tops), Opened(x, r, bits, low, me.ring)


def _digits(tools: ModuleType, r: Words, bits: int, widths: list[int]) -> list[Words]:
    """Return, for the dealer, the top bit of r and the one-hot vectors of its digits, without entry 0."""
    n, low, vectors = r.size, 0, []
    for width in widths:
        vectors.append(tools.one_hot(tools.bit_planes(r, low, width), n)[1:])
        low += width
    return [tools.bit_planes(r, bits - 1, 1), tools.concatenate(vectors, 0)]


def _compared(me: Actor, c: Words, hot: Words, widths: list[int], n: int) -> tuple[Words, Words]:
    """Return planes [c_d < r_d] and [c_d = r_d], a row for each digit; local.

    Entry 0 of a one-hot vector is what the XOR of all entries, 1, leaves. `table_lookup` reads entries
    from 2^w − j up for a digit j, so it is given 2^w − 1 − c_d.
    """
    k = me.kernels
    turned = k.invert(c)
    less, equal, row, low = [], [], 0, 0
    for width in widths:
        own = hot[row : row + (1 << width) - 1]
        zeroth = flipped(me, k.xor_all(own))
        table = k.concatenate([zeroth.reshape(1, -1), own], 0)
        above, same = k.table_lookup(table, k.bit_planes(turned, low, width))
        less.append(above)
        equal.append(same)
        row += (1 << width) - 1
        low += width
    return k.stack(less, 0), k.stack(equal, 0)


def groups(leaves: int, arity: int) -> list[int]:
    """Return how many leaves each group of a level has, from the lowest: as equal as they can be."""
    count = -(-leaves // arity)
    least, more = divmod(leaves, count)
    return [least + 1] * more + [least] * (count - more)


async def carry(me: Actor, less: Words, equal: Words, arity: int) -> Words:
    """Return the plane (1, ·) that compares numbers whose digits compare so, from the lowest digit up.

    Rounds: ⌈log_a⌉ of the digits. Bits: of a group of s digits that has no lower one, 4(s − 1) online and
    2^s − s − 1 + … offline (see `group`).
    """
    k = me.kernels
    while (leaves := len(less)) > 1:
        variables: list[Words] = []
        outputs: list[list[Monomial]] = []
        tops, start = [], 0
        for number, size in enumerate(groups(leaves, arity)):
            rows, terms = group(size, number == 0, len(variables))
            for kind, leaf in rows:
                variables.append((less if kind == "less" else equal)[start + leaf])
            outputs += terms
            tops.append(start + size - 1)
            start += size
        if not variables:
            raise AssertionError(f"a tree of arity {arity} joins nothing")
        found = iter(await polynomials(me, k.stack(variables, 0), outputs))
        lesses, equals = [], []
        for number, top in enumerate(tops):
            lone = number > 0 and groups(leaves, arity)[number] == 1
            lesses.append(less[top] if lone else k.xor(less[top], next(found)))
            equals.append(equal[top] if number == 0 or lone else next(found))
        less, equal = k.stack(lesses, 0), k.stack(equals, 0)
    return less


def group(size: int, lowest: bool, first: int) -> tuple[list[tuple[str, int]], list[list[Monomial]]]:
    """Return the variables of a group, (which, leaf) each, and its outputs over them, from row `first` on.

    Outputs: what is added to the top leaf's `less`; and, unless nothing is lower, `equal` of the whole.
    A group of one leaf that is not the lowest has none.
    """
    if size == 1 and not lowest:
        return [], []
    rows = [("less", leaf) for leaf in range(size - 1)]
    rows += [("equal", leaf) for leaf in range(0 if not lowest else 1, size)]
    at = {row: first + number for number, row in enumerate(rows)}
    below = [
        (at["less", leaf], *(at["equal", upper] for upper in range(leaf + 1, size)))
        for leaf in range(size - 1)
    ]
    return rows, [below] if lowest else [below, [tuple(at["equal", leaf] for leaf in range(size))]]
