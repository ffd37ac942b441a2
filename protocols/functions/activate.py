"""Activations by tables of pieces: which piece, by one batch of comparisons; its line and polynomial.

With secret coefficients, sums over the marks of the pieces, a line and all polynomials are one evaluation.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from protocols.family import Family, Sum, Value, composite
from protocols.functions.activations import Activation
from protocols.functions.normalise import inside
from protocols.functions.pieces import Core, Jumps, Pieces, pieces
from protocols.functions.products import multiply


@composite
async def activate(me: Family, x: Value, activation: Activation) -> Value:
    """Return an activation of values of any size, elementwise; see `evaluate`. Error: `Pieces.bound`.

    Raises:
        InputError: the ring leaves it too little room.
    """
    return await evaluate(me, x, pieces(me.ring, activation))


async def evaluate(me: Family, x: Value, table: Pieces) -> Value:
    """Return what a table says of values of any size, elementwise.

    Powers of y are computed beside the comparisons, from whatever x is: outside the rings they are void,
    and meet coefficients that are exactly zero. What is cut before it meets a power again is zero
    only within a unit: so y^height is taken times the mark of the rings, beside the innermost block. A
    family in which void numbers may not be cut takes x times that mark first.
    """
    wide = me.widened(table.bits)
    x = await me.widen(x, wide)
    core = table.core
    comparing = inside(wide, x, table.limits, table.marks, table.compared)
    if core is None:
        marks = await comparing
        slope, constant = (_jumped(wide, marks, one) for one in (table.slope, table.constant))
        z = wide.plus(await wide.product("mul", slope, x), wide.as_sum(constant))
        return me.narrow(await wide.close(z, table.scale - me.ring.fraction_bits), wide)
    if wide.wraps:
        marks, powers = await wide.party.gather(comparing, _powers(wide, x, core))
        within = _summed(wide, marks, core.inside)
        held = x
    else:
        marks = await comparing
        within = _summed(wide, marks, core.inside)
        held = await multiply(wide, within, x)
        powers = await _powers(wide, held, core)
    return me.narrow(await _of_curve(wide, x, held, powers, marks, within, table, core), wide)


async def _of_curve(
    me: Family, x: Value, held: Value, powers: list[Value], marks: Value, within: Value, table: Pieces,
    core: Core,
) -> Value:  # fmt: skip
    """Return the line and the polynomials, by Horner's rule in y^height."""
    f, near, shape = me.ring.fraction_bits, core.near, core.shape
    factors = [_jumped(me, marks, one) for one in core.coefficients]
    slope = [] if core.odd else [(_jumped(me, marks, table.slope), x)]
    constant = _jumped(me, marks, table.constant)

    def block(number: int) -> list[tuple[Value, Value]]:
        first, last = number * shape.height, number == shape.blocks - 1
        return [(factors[first + i], powers[i]) for i in range(1, shape.height + last)]

    async def innermost() -> Value:
        number = shape.blocks - 1
        z = me.plus(await _dot(me, block(number)), me.as_sum(factors[number * shape.height]))
        return await me.close(z, near)

    inner: list[tuple[Value, Value]] = []
    apart = [multiply(me, within, held)] if core.odd and me.wraps else []
    if shape.blocks > 1:
        top = powers[shape.height]
        raised = [multiply(me, within, top)] if me.wraps and not core.odd else []
        found, *masked = await me.party.gather(innermost(), *raised, *apart)
        multiplier = masked.pop(0) if raised else top
        held, apart = (masked[0], []) if apart else (held, [])
        inner = [(found, multiplier)]
        for number in range(shape.blocks - 2, 0, -1):
            z = await _dot(me, [*block(number), *inner])
            z = me.plus(z, me.as_sum(factors[number * shape.height]))
            inner = [(await me.close(z, near), multiplier)]
    if not core.odd:
        z = me.plus(await _dot(me, [*block(0), *inner, *slope]), me.as_sum(constant))
        return await me.close(z, table.scale - f)

    async def whole() -> Value:
        z = me.plus(await _dot(me, [*block(0), *inner]), me.as_sum(factors[0]))
        return await me.close(z, near)

    found, *masked = await me.party.gather(whole(), *apart)
    z = me.plus(await me.product("mul", found, masked[0] if masked else held), me.as_sum(constant))
    return await me.close(z, table.scale - f)


async def _powers(me: Family, x: Value, core: Core) -> list[Value]:
    """Return None, y, …, y^height: each the product of its halves, a level for each doubling."""
    f, near = me.ring.fraction_bits, core.near
    scaled = me.scale(x, me.ring.encode_integers(core.kappa))
    bits = [0, near if core.square else f + core.cut]
    if core.square:
        lifted = max(0, near - 2 * f - core.cut)
        raised = me.scale(scaled, me.constant(1, lifted)) if lifted else scaled
        squared = await _multiplied(me, raised, x, 2 * f + core.cut + lifted - near)
        first = me.add_public(squared, me.constant(-1, near))
    else:
        first = me.add_public(scaled, me.constant(1, bits[1]))
    found: list[Value] = [None, first]
    while len(found) <= core.shape.height:
        known = len(found) - 1
        pairs = [((i + 1) // 2, i // 2) for i in range(known + 1, min(2 * known, core.shape.height) + 1)]
        found += await me.party.gather(
            *(_multiplied(me, found[a], found[b], bits[a] + bits[b] - near) for a, b in pairs)
        )
        bits += [near] * len(pairs)
    return found


async def _multiplied(me: Family, x: Value, y: Value, shift: int) -> Value:
    return await me.close(await me.product("mul", x, y), shift)


async def _dot(me: Family, terms: Sequence[tuple[Value, Value]]) -> Sum:
    """Return the sum of products of pairs, as one sum."""
    left, right = zip(*terms, strict=True)
    if len(terms) == 1:
        return await me.product("mul", left[0], right[0])
    return await me.product("dot", me.stack(left, -1), me.stack(right, -1))


def _jumped(me: Family, marks: Value, by: Jumps) -> Value:
    """Return an integer that depends on the piece; local."""
    return me.add_public(_summed(me, marks, by.jumps), me.ring.encode_integers(np.int64(by.base)))


def _summed(me: Family, marks: Value, weights: Sequence[int]) -> Value:
    """Return the sum of marks times public integers; local."""
    column = me.ring.encode_integers(np.asarray(weights, np.int64))
    return me.total(me.scale(marks, column.reshape(-1, *[1] * (len(marks.shape) - 1))), 0)
