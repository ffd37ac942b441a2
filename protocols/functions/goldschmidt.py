"""Goldschmidt's iterations to a quotient from a line near the inverse of the divisor; see `lines`."""

from __future__ import annotations

from protocols.family import Family, Value
from protocols.functions.lines import Iterations, Start
from protocols.functions.products import multiply_fixed


async def goldschmidt(
    me: Family,
    x: Value,
    bits: int,
    start: Start,
    steps: Iterations,
    kept: int,
    out: int,
    numerator: Value | None = None,
) -> Value:
    """Return numerator / x, elementwise, for x at scale 2^bits in the range of the line `start`.

    Args:
        kept: fraction bits of the results between iterations.
        out: fraction bits of the last result.
        numerator: with `kept` fraction bits; None for the number 1.

    1 + `steps.count` products one after the other, two side by side but for the last and, without a
    numerator, for the first.
    """
    line = me.scale(x, me.ring.encode_integers(start.slope))
    w = me.add_public(me.negate(line), me.constant(start.offset, bits))
    if numerator is None:
        result, scale, product = w, bits, await multiply_fixed(me, x, w, bits)
    else:
        scale = kept
        result, product = await me.party.gather(
            multiply_fixed(me, numerator, w, bits), multiply_fixed(me, x, w, bits)
        )
    error = me.add_public(me.negate(product), me.constant(1, bits))
    *shifts, last = steps.shifts
    for shift in shifts:
        raised, lifted = me.constant(1 + shift, bits), me.constant(shift, bits)
        result, squared = await me.party.gather(
            multiply_fixed(me, result, me.add_public(error, raised), bits + scale - kept),
            multiply_fixed(me, error, me.add_public(error, lifted), bits),
        )
        error, scale = me.subtract_public(squared, lifted), kept
    raised = me.constant(1 + last, bits)
    return await multiply_fixed(me, result, me.add_public(error, raised), bits + scale - out)
