"""Rotary positions: pairs of each row turned by public angles."""

from __future__ import annotations

from protocols.domains import Words
from protocols.family import Family, Value


async def rotary(me: Family, x: Value, cosines: Words, sines: Words) -> Value:
    """Return rows turned by angles: column j of x with column j + width/2, for an even width.

    Args:
        x: values (…, width).
        cosines, sines: of each place, with f fraction bits, as they broadcast to x; a pair's are equal.

    A truncation a value; off by its unit and (|x| + |its pair|)/2 units. Source: Su et al. 2021, halves of
    a row paired.
    """
    k, half = me.kernels, x.shape[-1] // 2

    def quarter(part: Words) -> Words:
        turned: Words = k.concatenate([k.neg(part[..., half:]), part[..., :half]], part.ndim - 1)
        return turned

    z = me.add(me.scale(x, cosines), me.scale(me.local(quarter, x), sines))
    found: Value = await me.close(me.as_sum(z))
    return found
