"""A linear layer's sums straight through pooling and ReLU, without shares in between."""

from __future__ import annotations

from collections.abc import Sequence

from protocols.activation import relu_of_halves
from protocols.boolean import negate
from protocols.comparison import sign
from protocols.maximum import tournament
from protocols.pooling import Window, pooled_shape, windows
from protocols.ring import Words
from protocols.selection import select
from protocols.server import Server, in_thirds
from protocols.sharing import Halves, Share, concatenate, halves_to_share, lift, narrow
from protocols.truncation import sum_to_truncated_halves


async def pool_and_relu_of_sum(
    server: Server,
    z: Words,
    window: Window | None,
    relu: bool,
    spans: Sequence[str],
    stride: Window | None = None,
) -> Share:
    """Return shares of relu(maxpool(z / 2^f)), for masked additive shares z_i (n, h, w, c) of a layer.

    max(relu) = relu(max), so pooling comes first and leaves fewer values for ReLU. Values stay halves
    mod 2^k, k = value_bits + 1, from the layer's sum to the end, where they are lifted to 2^l: sums
    that a window drops are never sent. Windows must not overlap.

    Args:
        spans: names to attribute to: the sum and its truncation, pooling, ReLU.
    """
    bits = server.ring.value_bits + 1
    if window is None:
        shape = z.shape
        entries = z.reshape(1, -1)
    else:
        shape = pooled_shape(z.shape, window, stride or window)
        entries = windows(server, z, window, stride or window)

    async def third(server: Server, z: Words) -> Share:
        with server.party.span(spans[0], "linear"):
            x = await sum_to_truncated_halves(server, z, bits)
        if window is not None:
            with server.party.span(spans[1], "max pooling"):
                x = await tournament(server, x)
        else:
            x = x[0]
        with server.party.span(spans[2], "relu" if relu else "lift"):
            return await _finish(server, x, relu)

    thirds = await in_thirds(server, third, entries.shape[1], lambda part: (entries[:, part],))
    return concatenate(server, thirds).reshape(*shape)


async def _finish(server: Server, x: Halves, relu: bool) -> Share:
    """Apply ReLU, lift to the ring and share.

    Selecting before lifting saves bits; where rounds matter (`one_round`), the lift runs beside the
    comparison and the selection comes last.
    """
    if not relu:
        return await halves_to_share(server, await lift(server, x))
    if server.choices.select == "one_round":
        lifted, negative = await server.party.gather(
            lift(server, x), sign(server, narrow(server, x, server.ring.value_bits))
        )
        chosen = await select(server, lifted, negate(server, negative))
        return await halves_to_share(server, chosen)
    return await halves_to_share(server, await lift(server, await relu_of_halves(server, x, x)))
