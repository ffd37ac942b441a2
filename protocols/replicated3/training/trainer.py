"""The steps of training on three honest servers, as `protocols.training` asks: on halves throughout.

A layer's sums stay halves through pooling and ReLU, and its gradient travels as sums, cut where they are
chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Any

from numpy.typing import NDArray

from protocols.domains import Words
from protocols.family import NO_PADDING, Family, Linear, Padding, Pooling
from protocols.replicated3.constructions import (
    add_bias,
    conv2d_locally,
    matmul_locally,
    multiply_locally,
    truncate_product,
)
from protocols.replicated3.layers import (
    Mean,
    average_pool2d,
    max_pool2d_with_choices,
    pool_and_relu_with_choices,
    relu_with_choices,
)
from protocols.replicated3.sharings import Server, Share, multiply_public
from protocols.replicated3.training import loss as losses
from protocols.replicated3.training.backward import (
    Gradient,
    Sums,
    back_to_entries,
    bias_gradient_locally,
    conv2d_input_gradient_locally,
    conv2d_weight_gradient_locally,
    dense_input_gradient_locally,
    dense_weight_gradient_locally,
    joined,
    masked,
    routes,
    to_images,
)
from protocols.replicated3.training.descent import descend, uniform
from protocols.training import Descent, Look, Scales, Trainer

Window = tuple[int, int]


class ReplicatedTrainer(Trainer):
    """One of three honest servers."""

    ahead = True

    def __init__(self, me: Family) -> None:
        super().__init__(me)
        self.server: Server = me.native

    # Forward

    async def forward(
        self, layer: Linear, pooling: Pooling | None, relu: bool, shift: int, look: Look | None
    ) -> tuple[Share, tuple[int, ...], list[Any]]:
        """Return a block's output, the shape of its sums, and what chose."""
        server = self.server
        with server.party.span(layer.name, layer.op):
            if layer.kind == "conv2d":
                z = conv2d_locally(server, layer.x, layer.kernel, layer.stride, layer.padding)
            elif layer.kind == "mul":
                z = multiply_locally(server, layer.x, layer.kernel)
            else:
                z = matmul_locally(server, layer.x, layer.kernel)
            if layer.bias is not None:
                z = add_bias(server, z, layer.bias)
        if look is not None:
            look(z, shift)
        if pooling is None and not relu:
            with server.party.span(layer.name, layer.op):
                return await truncate_product(server, z, shift), z.shape, []
        spans = (layer.name, pooling.name if pooling else "", f"{layer.name}.relu")
        window, stride = (pooling.window, pooling.stride) if pooling else (None, None)
        y, taken = await pool_and_relu_with_choices(server, z, window, relu, spans, stride, shift)
        return y, z.shape, taken

    async def relu(self, x: Share) -> tuple[Share, list[Any]]:
        """Return max(x, 0) of shares, and what chose."""
        return await relu_with_choices(self.server, x)

    async def max_pool(
        self, x: Share, window: Window, stride: Window | None = None, padding: Padding = NO_PADDING
    ) -> tuple[Share, list[Any]]:
        """Return maxima over windows, and what chose them."""
        return await max_pool2d_with_choices(self.server, x, window, stride, padding)

    async def average_pool(
        self, x: Share, window: Window, stride: Window, padding: Padding, counts: NDArray[Any]
    ) -> Share:
        """Return means over windows."""
        return await average_pool2d(self.server, x, window, stride, padding, counts)

    async def routes(self, taken: Sequence[Any]) -> list[Any]:
        """Return the ways of each third."""
        return await routes(taken)

    # Back

    async def back(self, g: Gradient, ways: Iterable[Any]) -> Share:
        """Return what each entry of windows gets."""
        return await back_to_entries(self.server, g, ways)

    async def value(self, g: Gradient) -> Share:
        """Return a gradient as a sharing: sums are truncated, lifted and shared."""
        if isinstance(g, Share):
            return g
        return (await back_to_entries(self.server, g, repeat(None))).reshape(*g.z.shape)

    def joined(self, g: Gradient, other: Gradient) -> Gradient:
        """Return the sum of two gradients: of sums where either is."""
        return joined(self.server, g, other)

    def to_images(self, entries: Share, shape: tuple[int, ...], window: Window, stride: Window) -> Share:
        """Return the sums of windows' entries at their places."""
        return to_images(self.server, entries, shape, window, stride)

    async def by_input(self, layer: Linear, g: Share, shift: int, look: Look | None) -> Sums:
        """Return masked sums of the gradient by a layer's input; no message."""
        server = self.server
        if layer.kind == "conv2d":
            size = (layer.x.shape[1], layer.x.shape[2])
            z = conv2d_input_gradient_locally(server, g, layer.kernel, size, layer.stride, layer.padding)
        else:
            z = dense_input_gradient_locally(server, g, layer.kernel)
        if look is not None:
            look(z, shift)
        return Sums(z, shift)

    async def by_sums(self, z: Words, shift: int, look: Look | None) -> Sums:
        """Return masked sums as they are; no message."""
        if look is not None:
            look(z, shift)
        return Sums(z, shift)

    async def by_average(
        self, g: Share, counts: NDArray[Any], spread: Callable[[Share], Share], places: int
    ) -> Sums:
        """Hand each place of a window the window's gradient times 1 / count, to be truncated later."""
        server, k = self.server, self.server.kernels
        mean = Mean.of(server.ring, counts)
        each = multiply_public(server, g, server.ring.encode_integers(mean.factors)).flat()
        entries = Share(k.stack([each.a] * places, 0), k.stack([each.b] * places, 0))
        return Sums(masked(server, spread(entries)).z, mean.shift)

    # Update

    async def update(
        self,
        layer: Linear,
        scales: Scales,
        steps: tuple[Descent, Descent],
        g: Share,
        held: Sequence[tuple[Share, Share]],
        look: Look | None,
    ) -> list[tuple[Share, Share]]:
        """Return (weight, velocity) of a kernel, and of its bias, after a step."""
        server, x = self.server, layer.x
        z: Words
        if layer.kind == "conv2d":
            window = (layer.kernel.shape[0], layer.kernel.shape[1])
            z = conv2d_weight_gradient_locally(server, x, g, window, layer.stride, layer.padding)
        else:
            z = dense_weight_gradient_locally(server, x, g)
        if look is not None:  # a mean gradient stays in the range of a gradient
            look(z, scales.value + (x.shape[0].bit_length() - 1))
        moves = [descend(server, scales, steps[0], *held[0], z)]
        if len(held) > 1:
            moves.append(
                descend(server, scales, steps[1], *held[1], bias_gradient_locally(server, g, scales.value))
            )
        return list(await server.party.gather(*moves))

    # Losses and first weights

    async def probabilities(self, loss: str, logits: Share) -> Share:
        """Return softmax of each row, or sigmoid of each output."""
        return await losses.probabilities(self.server, loss, logits)

    def slope(self, p: Share, targets: Share, lift: int) -> Share:
        """Return p − y, times `lift`."""
        return losses.slope(self.server, p, targets, lift)

    async def total_loss(self, loss: str, p: Share, targets: Share) -> Share:
        """Return the summed cross-entropy."""
        return await losses.total_loss(self.server, loss, p, targets)

    async def count_right(self, logits: Share, targets: Share) -> Share:
        """Return how many are classified as their targets say."""
        return await losses.count_right(self.server, logits, targets)

    async def classes(self, logits: Share) -> Share:
        """Return the class of each row."""
        return await losses.classes(self.server, logits)

    async def uniform(self, shape: tuple[int, ...], width: float, bits: int) -> Share:
        """Return first weights; see `uniform`."""
        return await uniform(self.server, shape, width, bits)
