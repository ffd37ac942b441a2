"""A linear layer's sums straight through pooling and ReLU, without shares in between."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from mpcsim import InputError
from protocols.domains import Words
from protocols.layers import pooled_shape, windows
from protocols.replicated3.constructions import Taken, rounded_locally, select, sign, tournament_with_levels
from protocols.replicated3.layers.activation import relu_of_halves
from protocols.replicated3.layers.pooling import Window
from protocols.replicated3.sharings import (
    BitHalves,
    Halves,
    Server,
    Share,
    complement,
    concatenate,
    halves_to_share,
    in_thirds,
    lift,
    narrow,
    sum_to_halves,
)


async def pool_and_relu_of_sum(
    server: Server,
    z: Words | Iterable[Words],
    window: Window | None,
    relu: bool,
    spans: Sequence[str],
    stride: Window | None = None,
) -> Share:
    """Return shares of relu(maxpool(z / 2^f)), for masked additive shares z_i (n, h, w, c) of a layer.

    max(relu) = relu(max), so pooling comes first and leaves fewer values for ReLU. Values stay halves
    mod 2^k, k = value_bits + 1, from the layer's sum to the end, where they are lifted to 2^l: sums
    that a window drops are never sent.

    Requires: windows that do not overlap. Their thirds have rotated roles: of a sum in two windows, one
    server could get all three z_i. And z_i that a zero share masks, each sent nowhere else.

    Args:
        z: all at once, or strips of images, one after the other: a strip is rounded to k bits and dropped
            before the next is made, so that a large layer's sums never stand in memory together.
        spans: names to attribute to: the sum and its truncation, pooling, ReLU.

    Raises:
        InputError: windows overlap.
    """
    y, _ = await pool_and_relu_with_choices(server, z, window, relu, spans, stride)
    return y


async def pool_and_relu_with_choices(
    server: Server,
    z: Words | Iterable[Words],
    window: Window | None,
    relu: bool,
    spans: Sequence[str],
    stride: Window | None = None,
    shift: int | None = None,
) -> tuple[Share, list[Taken]]:
    """Return what `pool_and_relu_of_sum` does, and the choices that lead a gradient back.

    Requires: what `pool_and_relu_of_sum` does.

    Args:
        shift: the sums are at 2^shift times the scale of the result; f by default.

    Raises:
        InputError: windows overlap.
    """
    bits = server.ring.value_bits + 1
    strips = [z] if isinstance(z, np.ndarray) else z
    sums = server.kernels.concatenate([rounded_locally(server, strip, bits, shift) for strip in strips], 0)
    if window is None:
        shape = sums.shape
        entries = sums.reshape(1, -1)
    else:
        shape = pooled_shape(sums.shape, window, stride or window)
        _check_apart(shape, window, stride or window)
        entries = windows(server.kernels, sums, window, stride or window)
    del sums

    async def third(server: Server, sums: Words) -> tuple[Share, Taken]:
        with server.party.span(spans[0], "linear"):
            x = await sum_to_halves(server, sums, bits)
        levels: list[BitHalves] = []
        if window is not None:
            with server.party.span(spans[1], "max pooling"):
                winner, levels = await tournament_with_levels(server, x)
        else:
            winner = x[0]
        with server.party.span(spans[2], "relu" if relu else "lift"):
            y, positive = await _finish(server, winner, relu)
        return y, Taken(server, sums.shape[1], levels, positive)

    thirds = await in_thirds(server, third, entries.shape[1], lambda part: (entries[:, part],))
    y = concatenate(server, [y for y, _ in thirds]).reshape(*shape)
    return y, [taken for _, taken in thirds]


def _check_apart(pooled: Sequence[int], window: Window, stride: Window) -> None:
    """Refuse windows that share an entry: each sum may be sent once, in one rotation of the roles."""
    if any(
        step < size and count > 1 for count, size, step in zip(pooled[1:3], window, stride, strict=True)
    ):
        raise InputError(
            f"windows of {window} every {stride} overlap: sums that are not yet shared may be in one "
            "window alone, or they would be revealed; truncate them to shares, and pool those"
        )


async def _finish(server: Server, x: Halves, relu: bool) -> tuple[Share, BitHalves | None]:
    """Apply ReLU, lift to the ring and share; return the bit that let values pass, too.

    Selecting before lifting saves bits; where rounds matter (`one_round`), the lift runs beside the
    comparison and the selection comes last.
    """
    if not relu:
        return await halves_to_share(server, await lift(server, x)), None
    if server.choices.select == "one_round":
        lifted, negative = await server.party.gather(
            lift(server, x), sign(server, narrow(server, x, server.ring.value_bits))
        )
        positive = complement(server, negative)
        return await halves_to_share(server, await select(server, lifted, positive)), positive
    chosen, positive = await relu_of_halves(server, x, x)
    return await halves_to_share(server, await lift(server, chosen)), positive
