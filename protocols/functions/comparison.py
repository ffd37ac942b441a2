"""Comparisons and what is made of them: ReLU, the largest of several and its place, exact truncation."""

from __future__ import annotations

from collections.abc import Sequence

from protocols.family import Family, Value, composite

LONG = 32
"""Values of a row from which on its largest is looked for in few rounds by what has many rows."""


@composite
async def where_positive(me: Family, x: Value, bits: int, chosen: Sequence[Value]) -> list[Value]:
    """Return each of the chosen, of x's shape, where signed x of `bits` bits is not negative, else 0.

    Rounds: those of a sign, and of selections side by side.
    """
    bit = me.opposite(await me.negative(x, bits))
    if len(chosen) == 1 and chosen[0] is x:  # on this channel, as digests of runs have it
        return [await me.select(bit, x)]
    return list(await me.party.gather(*(me.select(bit, one) for one in chosen)))


@composite
async def relu(me: Family, x: Value) -> Value:
    """Return max(x, 0), elementwise. Rounds: those of a sign and a selection."""
    (found,) = await where_positive(me, x, me.ring.value_bits, [x])
    return found


@composite
async def less_than(me: Family, x: Value, y: Value) -> Value:
    """Return the integer 1 where x < y and 0 elsewhere; a difference has one bit more than a value."""
    return await me.to_value(await me.negative(me.subtract(x, y), me.ring.value_bits + 1))


@composite
async def equal(me: Family, x: Value, y: Value) -> Value:
    """Return the integer 1 where x = y and 0 elsewhere: neither is less. Two signs side by side, an AND."""
    bits = me.ring.value_bits + 1
    less, more = await me.party.gather(
        me.negative(me.subtract(x, y), bits), me.negative(me.subtract(y, x), bits)
    )
    return await me.to_value(me.opposite(me.xor(less, more)))  # never both


@composite
async def truncate_exact(me: Family, x: Value) -> Value:
    """Return ⌊x / 2^f⌋ exactly: a truncation is at most one off, and two signs say where."""
    f = me.ring.fraction_bits
    if f == 0:
        return x
    found = await me.close(me.as_sum(x))
    rest = me.subtract(x, me.scale(found, me.constant(1, f)))  # from −2^f to 2^(f+1) − 1
    over = me.add_public(rest, me.ring.encode_integers(-(1 << f)))
    low, below = await me.party.gather(me.negative(rest, f + 3), me.negative(over, f + 3))
    down, up = await me.party.gather(me.to_value(low), me.to_value(me.opposite(below)))
    return me.add(me.subtract(found, down), up)


@composite
async def maximum(me: Family, x: Value, few_rounds: bool = False) -> Value:
    """Return the largest along the last axis: pairs compete, ⌈log2⌉ levels of a sign and a selection.

    `few_rounds` asks for the constructions of fewest rounds where the family has several. Source: POMIC
    algorithm 4.
    """
    rows = me.local(lambda part: part.reshape(-1, x.shape[-1]).T, x)
    return me.reshape(await largest(me, rows), x.shape[:-1])


async def largest(me: Family, x: Value) -> Value:
    """Return the largest along the first axis of (entries, n); an entry without a partner goes on."""
    while (entries := x.shape[0]) > 1:
        paired = entries - entries % 2
        first, second = me.cut(x, slice(0, paired, 2)), me.cut(x, slice(1, paired, 2))
        difference = me.subtract(first, second)
        (gain,) = await where_positive(me, difference, me.ring.value_bits + 1, [difference])
        x = me.concatenate([me.add(second, gain), me.cut(x, slice(paired, None))])
    return me.cut(x, 0)


async def minimum(me: Family, x: Value, few_rounds: bool = False) -> Value:
    """Return the least along the last axis: less the largest of −x."""
    return me.negate(await maximum(me, me.negate(x), few_rounds))


async def larger(me: Family, x: Value, y: Value) -> Value:
    """Return the larger of two values of one shape, elementwise."""
    return await maximum(me, me.stack([x, y], -1))


async def smaller(me: Family, x: Value, y: Value) -> Value:
    """Return the smaller of two values of one shape, elementwise."""
    return await minimum(me, me.stack([x, y], -1))


async def absolute(me: Family, x: Value) -> Value:
    """Return |x|, elementwise: 2 max(x, 0) − x."""
    positive = await relu(me, x)
    return me.subtract(me.add(positive, positive), x)


@composite
async def argmax(me: Family, x: Value, few_rounds: bool = False) -> Value:
    """Return the place of the largest along the last axis, as an integer; of equals, the first.

    `few_rounds` as in `maximum`.
    """
    k, shape = me.kernels, x.shape
    x = me.local(lambda part: part.reshape(-1, shape[-1]).T, x)
    place = me.public(k.positions(x.shape, me.ring.dtype))
    while (entries := x.shape[0]) > 1:
        paired = entries - entries % 2
        even, odd = slice(0, paired, 2), slice(1, paired, 2)
        difference = me.subtract(me.cut(x, even), me.cut(x, odd))
        gap = me.subtract(me.cut(place, even), me.cut(place, odd))
        chosen = [gap, difference] if entries > 2 else [gap]
        step, *gain = await where_positive(me, difference, me.ring.value_bits + 1, chosen)
        left = slice(paired, None)
        place = me.concatenate([me.add(me.cut(place, odd), step), me.cut(place, left)])
        if not gain:
            break
        x = me.concatenate([me.add(me.cut(x, odd), gain[0]), me.cut(x, left)])
    return me.reshape(me.cut(place, 0), shape[:-1])
