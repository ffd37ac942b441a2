"""Products of values, and of rows and public angles, rescaled."""

from __future__ import annotations

from protocols.domains import Words
from protocols.family import NO_PADDING, Family, Kind, Padding, Value, composite


@composite
async def multiply(me: Family, x: Value, y: Value) -> Value:
    """Return x · y for integers, elementwise with broadcasting."""
    return await me.close(await me.product("mul", x, y), 0)


@composite
async def multiply_fixed(
    me: Family,
    x: Value,
    y: Value,
    shift: int | None = None,
    kind: Kind = "mul",
    stride: tuple[int, int] = (1, 1),
    padding: Padding = NO_PADDING,
) -> Value:
    """Return a product over 2^shift, 2^f by default: of fixed-point values, one of these."""
    return await me.close(await me.product(kind, x, y, stride, padding), shift)


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
