"""Products of values, rescaled."""

from __future__ import annotations

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
