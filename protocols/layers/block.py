"""Linear layers, added up, and what follows them before anything else reads them."""

from __future__ import annotations

from collections.abc import Sequence

from protocols.family import Family, Linear, Pooling, Sum, Value, composite
from protocols.functions import relu as positive
from protocols.layers.pooling import max_pool


@composite
async def block(
    me: Family,
    linear: Sequence[Linear],
    shares: Sequence[Value],
    name: str,
    op: str,
    relu: bool,
    pooling: Pooling | None,
) -> Value:
    """Return relu(maxpool(the sum of linear layers and values)): summed before it is rescaled, once.

    Each linear layer is a span of its name; rescaling is attributed to `name`, ReLU to NAME.relu.
    """
    sums = await me.party.gather(*(_sum(me, one) for one in linear))
    z = sums[0]
    for other in sums[1:]:
        z = me.plus(z, other)
    for share in shares:
        z = me.bias(z, share)
    with me.party.span(name, op):
        x = await me.close(z)
    if pooling is not None:
        with me.party.span(pooling.name, "max pooling"):
            x = await max_pool(me, x, pooling.window, pooling.stride)
    if relu:
        with me.party.span(f"{name}.relu", "relu"):
            x = await positive(me, x)
    return x


async def _sum(me: Family, one: Linear) -> Sum:
    with me.party.span(one.name, one.op):
        return await me.linear(one)
