"""A step of training on shares: which protocol each layer is, forward and backward.

What does not wait for each other runs side by side: the ways of the gradient beside the rest of the
forward pass; a layer's update beside the backward pass of the layers before it; loss and accuracy beside
the backward pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import repeat
from typing import Any

from mpcsim import InputError
from protocols.domains import Words
from protocols.replicated3.constructions import (
    Taken,
    add_bias,
    conv2d_locally,
    matmul_locally,
    truncate_product,
)
from protocols.replicated3.layers import (
    Mean,
    average_pool2d,
    max_pool2d_with_choices,
    pool_and_relu_with_choices,
)
from protocols.replicated3.sharings import BitHalves, Server, Share, multiply_public
from protocols.replicated3.training import (
    Descent,
    Gradient,
    Scales,
    Sums,
    back_to_entries,
    bias_gradient_locally,
    conv2d_input_gradient_locally,
    conv2d_weight_gradient_locally,
    dense_input_gradient_locally,
    dense_weight_gradient_locally,
    descend,
    masked,
    routes,
    to_images,
)
from protocols.replicated3.training import loss as losses
from scenarios.clear import windows
from scenarios.networks import AveragePooling2D, Conv2D, Dense, Flatten, LayerPlan, MaxPooling2D

Watch = Callable[[str, Words, int], None]
"""Looks at this server's masked summands of a layer's sums, which are values times 2^shift."""


@dataclass(frozen=True)
class Model:
    """Shares of weights by name ("conv1/kernel", "conv1/bias", …), and of their velocities."""

    weights: Mapping[str, Share]
    velocities: Mapping[str, Share]


@dataclass(frozen=True)
class Metrics:
    """What a batch gave, as shares: summed loss (fixed point) and right answers (an integer), each (1,)."""

    loss: Share
    right: Share


@dataclass(frozen=True)
class _Kept:
    """What a block keeps for the backward pass.

    Attributes:
        x: the block's input.
        sums: shape of its linear layer's sums.
        taken: the choices of pooling and ReLU.
        ways: what `routes` makes of them, in time for the backward pass.
    """

    x: Share
    sums: tuple[int, ...]
    taken: list[Taken] = field(default_factory=list)
    ways: list[BitHalves | None] = field(default_factory=list)


@dataclass(frozen=True)
class _Step:
    """What a kernel or a bias is after a step."""

    name: str
    weight: Share
    velocity: Share


def check_trainable(plans: Sequence[LayerPlan], loss: str) -> None:
    """Refuse, by name, what has no backward pass here, and a loss that teaches nothing."""
    for plan in plans:
        if not isinstance(plan.layer, Conv2D | Dense | MaxPooling2D | AveragePooling2D | Flatten):
            raise InputError(f"{plan}: training accepts conv2d, maxpool2d, avgpool2d, flatten and dense")
        if plan.sources != (plan.index - 1,):
            raise InputError(f"{plan}: training accepts layers that read the one before them, no `from`")
        reaches = zip(plan.pads, plan.window, strict=True)
        if isinstance(plan.layer, Conv2D) and any(max(pads) >= size for pads, size in reaches):
            raise InputError(f"{plan}: training accepts padding below the kernel's size")
    if len(plans[-1].output) != 1 or plans[-1].kernel is None or plans[-1].relu:
        raise InputError(f"{plans[-1]}: accepted as the last layer: dense without activation")
    if loss == "softmax" and plans[-1].output == (1,):
        raise InputError(
            f"training.loss = 'softmax': {plans[-1]} has one output, whose softmax is 1 whatever it is; "
            "accepted: 'sigmoid', or an output for each class"
        )


@dataclass
class Pass:
    """One server's forward and backward pass over one batch.

    Attributes:
        descent: the step's public numbers, of kernels and of biases (which do not decay).
        reveals: whether loss and accuracy are computed.
        watch: called with the sums of every layer, if set.
    """

    server: Server
    plans: Sequence[LayerPlan]
    scales: Scales
    model: Model
    loss: str
    descent: tuple[Descent, Descent] | None = None
    reveals: bool = False
    watch: Watch | None = None

    async def train(self, x: Share, targets: Share) -> tuple[Model, Metrics | None]:
        """Return the model after one step on a batch, and what the batch gave before it.

        Args:
            x: images (n, h, w, c).
            targets: integers 0 or 1, (n, outputs).
        """
        logits, p, kept = await self._forward(0, x)
        assert self.descent is not None
        g = losses.slope(self.server, p, targets, self.descent[0].lift)
        metrics, steps = await self.server.party.gather(
            self._measure(logits, p, targets), self._backward(len(self._blocks) - 1, kept, g)
        )
        weights = {step.name: step.weight for step in steps}
        return Model(weights, {step.name: step.velocity for step in steps}), metrics

    async def answer(self, x: Share) -> Share:
        """Return the logits (n, outputs) of images."""
        for index in range(len(self._blocks)):
            x, _ = await self._layer(index, x)
        return x

    async def measure(self, x: Share, targets: Share) -> Metrics:
        """Return loss and right answers of a batch, without a step."""
        logits = await self.answer(x)
        metrics = await self._measure(logits, None, targets)
        assert metrics is not None
        return metrics

    @cached_property
    def _blocks(self) -> list[tuple[LayerPlan, LayerPlan | None]]:
        return _paired(self.plans)

    # Forward

    async def _forward(self, index: int, x: Share) -> tuple[Share, Share, list[_Kept]]:
        """Return (logits, probabilities, what leads back through each block) from the block `index` on."""
        if index == len(self._blocks):
            with self.server.party.span("loss", "loss"):
                return x, await losses.probabilities(self.server, self.loss, x), []
        y, kept = await self._layer(index, x)
        if not kept.taken:
            logits, p, later = await self._forward(index + 1, y)
            return logits, p, [kept, *later]
        ways, (logits, p, later) = await self.server.party.gather(
            self._ways(index, kept), self._forward(index + 1, y)
        )
        return logits, p, [_Kept(kept.x, kept.sums, ways=ways), *later]

    async def _ways(self, index: int, kept: _Kept) -> list[BitHalves | None]:
        with self.server.party.span(f"{self._blocks[index][0].name}.ways", "ways"):
            return await routes(kept.taken)

    async def _layer(self, index: int, x: Share) -> tuple[Share, _Kept]:
        plan, pooling = self._blocks[index]
        server, party = self.server, self.server.party
        if isinstance(plan.layer, Conv2D | Dense):
            return await self._linear(plan, pooling, x)
        if isinstance(plan.layer, MaxPooling2D):
            with party.span(plan.name, "max pooling"):
                y, taken = await max_pool2d_with_choices(server, x, plan.window, plan.stride, plan.pads)
            return y, _Kept(x, y.shape, taken)
        if isinstance(plan.layer, AveragePooling2D):
            with party.span(plan.name, "average pooling"):
                counts = windows.counts(plan)
                y = await average_pool2d(server, x, plan.window, plan.stride, plan.pads, counts)
            return y, _Kept(x, y.shape)
        return x.reshape(x.shape[0], -1), _Kept(x, x.shape)

    async def _linear(self, plan: LayerPlan, pooling: LayerPlan | None, x: Share) -> tuple[Share, _Kept]:
        server, bits = self.server, self.scales.weight
        kernel = self.model.weights[f"{plan.name}/kernel"]
        with server.party.span(plan.name, plan.layer.type):
            if isinstance(plan.layer, Conv2D):
                z = conv2d_locally(server, x, kernel, plan.stride, plan.pads)
            else:
                x = x.reshape(x.shape[0], -1)
                z = matmul_locally(server, x, kernel)
            if plan.bias:
                z = add_bias(server, z, self.model.weights[f"{plan.name}/bias"])
        if self.watch is not None:
            self.watch(str(plan), z, bits)
        if pooling is None and not plan.relu:
            with server.party.span(plan.name, plan.layer.type):
                return await truncate_product(server, z, bits), _Kept(x, z.shape)
        spans = (plan.name, pooling.name if pooling else "", f"{plan.name}.relu")
        window, stride = (pooling.window, pooling.stride) if pooling else (None, None)
        y, taken = await pool_and_relu_with_choices(server, z, window, plan.relu, spans, stride, bits)
        return y, _Kept(x, z.shape, taken)

    # Loss

    async def _measure(self, logits: Share, p: Share | None, targets: Share) -> Metrics | None:
        """Return the batch's metrics, where they are wanted; with p unknown they always are."""
        if p is not None and not self.reveals:
            return None
        server = self.server
        with server.party.span("metrics", "metrics"):
            if p is None:
                p = await losses.probabilities(server, self.loss, logits)
            loss, right = await server.party.gather(
                losses.total_loss(server, self.loss, p, targets),
                losses.count_right(server, logits, targets),
            )
        return Metrics(loss, right)

    # Backward

    async def _backward(self, index: int, blocks: Sequence[_Kept], g: Gradient) -> list[_Step]:
        """Take the gradient by block `index`'s output through it and those before; return their updates.

        Args:
            index: of the block.
            blocks: what the forward pass kept of each.
            g: the gradient.
        """
        plan, _ = self._blocks[index]
        kept = blocks[index]
        if isinstance(plan.layer, Conv2D | Dense):
            return await self._back_through_linear(index, blocks, g)
        if index == 0:
            return []
        with self.server.party.span(f"{plan.name}.gradient", "gradient"):
            if isinstance(plan.layer, MaxPooling2D):
                g = await self._back_through_pooling(plan, kept, g)
            elif isinstance(plan.layer, AveragePooling2D):
                g = await self._back_through_average(plan, kept, g)
            else:
                g = g.reshape(*kept.x.shape)
        return await self._backward(index - 1, blocks, g)

    async def _back_through_linear(self, index: int, blocks: Sequence[_Kept], g: Gradient) -> list[_Step]:
        server, kept = self.server, blocks[index]
        plan, pooling = self._blocks[index]
        with server.party.span(f"{plan.name}.gradient", "gradient"):
            g = await self._by_the_sums(pooling, kept, g)
        if index == 0:  # nobody asks for the gradient by the pixels
            return await self._update(plan, kept, g)
        kernel = self.model.weights[f"{plan.name}/kernel"]
        with server.party.span(f"{plan.name}.gradient", "gradient"):
            if isinstance(plan.layer, Conv2D):
                size = (kept.x.shape[1], kept.x.shape[2])
                z = conv2d_input_gradient_locally(server, g, kernel, size, plan.stride, plan.pads)
            else:
                z = dense_input_gradient_locally(server, g, kernel)
        if self.watch is not None:
            self.watch(f"{plan}, its gradient", z, self.scales.weight)
        before = Sums(z, self.scales.weight).reshape(z.shape[0], *plan.input)
        own, earlier = await server.party.gather(
            self._update(plan, kept, g), self._backward(index - 1, blocks, before)
        )
        return [*own, *earlier]

    async def _by_the_sums(self, pooling: LayerPlan | None, kept: _Kept, g: Gradient) -> Share:
        """Return the gradient by a linear layer's sums from that by its block's output."""
        server = self.server
        if not kept.ways and isinstance(g, Share):
            return g
        entries = await back_to_entries(server, g, kept.ways or repeat(None))
        if pooling is None:
            return entries.reshape(*kept.sums)
        return to_images(server, entries, kept.sums, pooling.window, pooling.stride)

    async def _back_through_pooling(self, plan: LayerPlan, kept: _Kept, g: Gradient) -> Share:
        entries = await back_to_entries(self.server, g, kept.ways)
        return self._scattered(plan, kept, entries)

    async def _back_through_average(self, plan: LayerPlan, kept: _Kept, g: Gradient) -> Sums:
        """Hand each place of a window the window's gradient times 1 / count, to be truncated later."""
        server, k = self.server, self.server.kernels
        if isinstance(g, Sums):
            g = (await back_to_entries(server, g, repeat(None))).reshape(*kept.sums)
        mean = Mean.of(server.ring, windows.counts(plan))
        share = server.ring.encode_integers(mean.factors)
        each = multiply_public(server, g.reshape(*kept.sums), share).flat()
        places = plan.window[0] * plan.window[1]
        entries = Share(k.stack([each.a] * places, 0), k.stack([each.b] * places, 0))
        sums = masked(server, self._scattered(plan, kept, entries))
        return Sums(sums.z, mean.shift)

    def _scattered(self, plan: LayerPlan, kept: _Kept, entries: Share) -> Share:
        """Return windows' entries summed onto the pooling layer's input, its padding cut off."""
        n, height, width, channels = kept.x.shape
        (top, bottom), (left, right) = plan.pads
        padded = (n, top + height + bottom, left + width + right, channels)
        images = to_images(self.server, entries, padded, plan.window, plan.stride)
        return images[:, top : top + height, left : left + width]

    async def _update(self, plan: LayerPlan, kept: _Kept, g: Share) -> list[_Step]:
        """Take a step with kernel and bias, in one vector each."""
        server, scales = self.server, self.scales
        assert self.descent is not None
        with server.party.span(f"{plan.name}.update", "update"):
            if isinstance(plan.layer, Conv2D):
                z = conv2d_weight_gradient_locally(server, kept.x, g, plan.window, plan.stride, plan.pads)
            else:
                z = dense_weight_gradient_locally(server, kept.x, g)
            if self.watch is not None:  # a mean gradient stays in the range of a gradient
                shift = scales.value + (kept.x.shape[0].bit_length() - 1)
                self.watch(f"{plan}, the gradient of its kernel", z, shift)
            steps: list[Any] = [self._descend(f"{plan.name}/kernel", self.descent[0], z)]
            if plan.bias:
                z = bias_gradient_locally(server, g, scales.value)
                steps.append(self._descend(f"{plan.name}/bias", self.descent[1], z))
            return await server.party.gather(*steps)

    async def _descend(self, name: str, descent: Descent, z: Words) -> _Step:
        weight, velocity = self.model.weights[name], self.model.velocities[name]
        return _Step(name, *await descend(self.server, self.scales, descent, weight, velocity, z))


def _paired(plans: Sequence[LayerPlan]) -> list[tuple[LayerPlan, LayerPlan | None]]:
    """Pair every convolution with the max pooling that can run inside its block, on its sums."""
    pairs: list[tuple[LayerPlan, LayerPlan | None]] = []
    for plan in plans:
        apart = all(step >= size for step, size in zip(plan.stride, plan.window, strict=True))
        pools = isinstance(plan.layer, MaxPooling2D) and apart and not any(map(any, plan.pads))
        if pools and pairs and isinstance(pairs[-1][0].layer, Conv2D) and pairs[-1][1] is None:
            pairs[-1] = (pairs[-1][0], plan)
        else:
            pairs.append((plan, None))
    return pairs
