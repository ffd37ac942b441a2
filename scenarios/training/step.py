"""A step of training on shares: which protocol each layer is, forward and backward.

What does not wait for each other runs side by side: the ways of the gradient beside the rest of the
forward pass; a layer's update beside the backward pass of the layers before it; loss and accuracy beside
the backward pass. Branches run one after the other, in the order of the graph; where they part, the
gradients of those that read an output are added. In one file: each kind of layer, forward beside backward.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

from mpcsim import InputError
from protocols.domains import Ring, Words
from protocols.family import Family, Linear, Pooling, Value
from protocols.training import Descent, Look, Scales, Trainer, normalise, trainer_of
from scenarios.clear import windows
from scenarios.networks import (
    IMAGE,
    Add,
    AveragePooling2D,
    BatchNormalisation,
    Conv2D,
    Dense,
    Flatten,
    LayerPlan,
    MaxPooling2D,
    led,
    trained_blocks,
)

Watch = Callable[[str, Words, int], None]
"""Looks at this server's masked summands of a layer's sums, which are values times 2^shift."""


@dataclass(frozen=True)
class Model:
    """Shares of weights by name ("conv1/kernel", "conv1/bias", …), and of their velocities."""

    weights: Mapping[str, Value]
    velocities: Mapping[str, Value]


@dataclass(frozen=True)
class Metrics:
    """What a batch gave, as shares: summed loss (fixed point) and right answers (an integer), each (1,)."""

    loss: Value
    right: Value


@dataclass(frozen=True)
class _Kept:
    """What a block keeps for the backward pass.

    Attributes:
        x: the block's input.
        sums: shape of its linear layer's sums.
        taken: the choices of pooling and ReLU.
        ways: what `routes` makes of them, in time for the backward pass.
        linear: its linear layer, if that is what it is.
        normed: its channels, of a layer that normalises a batch.
    """

    x: Value
    sums: tuple[int, ...]
    taken: list[Any] = field(default_factory=list)
    ways: list[Any] = field(default_factory=list)
    linear: Linear | None = None
    normed: normalise.Normed | None = None


@dataclass(frozen=True)
class _Step:
    """What a kernel or a bias is after a step."""

    name: str
    weight: Value
    velocity: Value


_TRAINED = Conv2D | Dense | MaxPooling2D | AveragePooling2D | Flatten | Add | BatchNormalisation


def check_channels(ring: Ring, plans: Sequence[LayerPlan], batches: Collection[int]) -> None:
    """Refuse, by layer, batches over which a channel cannot be normalised."""
    for plan in plans:
        for images in batches if isinstance(plan.layer, BatchNormalisation) else ():
            try:
                channels(ring, plan, images)
            except InputError as error:
                raise InputError(f"{plan}, a batch of {images}: {error}") from None


def channels(ring: Ring, plan: LayerPlan, images: int) -> normalise.Channels:
    """Return how a layer normalises the channels of so many images.

    Raises:
        InputError: it cannot.
    """
    count = images * math.prod(plan.output[:-1])
    return normalise.Channels.of(Scales.of(ring), ring, count, plan.layer.epsilon)


def check_trainable(plans: Sequence[LayerPlan], loss: str) -> None:
    """Refuse, by name, what has no backward pass here, and a loss that teaches nothing."""
    for plan in plans:
        if not isinstance(plan.layer, _TRAINED):
            raise InputError(
                f"{plan}: training accepts conv2d, maxpool2d, avgpool2d, flatten, dense, add and batch_norm"
            )
        if isinstance(plan.layer, Conv2D) and (plan.layer.groups > 1 or plan.product.weights):  # type: ignore[union-attr]  # a convolution has one
            raise InputError(f"{plan}: training accepts convolutions of one group and dilation 1")
        if isinstance(plan.layer, Dense) and plan.layer.rows:
            raise InputError(f"{plan}: training accepts dense layers of all numbers, not of rows")
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
        me: its view of the family.
        descent: the step's public numbers, of kernels and of biases (which do not decay).
        reveals: whether loss and accuracy are computed.
        watch: called with the sums of every layer, if set.
    """

    me: Family
    plans: Sequence[LayerPlan]
    scales: Scales
    model: Model
    loss: str
    descent: tuple[Descent, Descent] | None = None
    reveals: bool = False
    watch: Watch | None = None

    async def train(self, x: Value, targets: Value) -> tuple[Model, Metrics | None]:
        """Return the model after one step on a batch, and what the batch gave before it.

        Args:
            x: images (n, h, w, c).
            targets: integers 0 or 1, (n, outputs).
        """
        logits, p, kept = await self._forward(0, {IMAGE: x})
        assert self.descent is not None
        slopes = {self.plans[-1].index: self._trainer.slope(p, targets, self.descent[0].lift)}
        metrics, steps = await self.me.party.gather(
            self._measure(logits, p, targets), self._backward(len(self._blocks) - 1, kept, slopes)
        )
        weights = {step.name: step.weight for step in steps}
        return Model(weights, {step.name: step.velocity for step in steps}), metrics

    async def answer(self, x: Value) -> Value:
        """Return the logits (n, outputs) of images."""
        outputs = {IMAGE: x}
        for index, (plan, pooling) in enumerate(self._blocks):
            x, _ = await self._layer(index, outputs, learns=False)
            outputs[(pooling or plan).index] = x
        return x

    async def measure(self, x: Value, targets: Value) -> Metrics:
        """Return loss and right answers of a batch, without a step."""
        logits = await self.answer(x)
        metrics = await self._measure(logits, None, targets)
        assert metrics is not None
        return metrics

    @cached_property
    def _trainer(self) -> Trainer:
        found: Trainer = trainer_of(self.me)
        return found

    @cached_property
    def _blocks(self) -> list[tuple[LayerPlan, LayerPlan | None]]:
        return trained_blocks(self.plans)

    def _look(self, name: str) -> Look | None:
        return None if self.watch is None else partial(self.watch, name)

    # Forward

    async def _forward(self, index: int, outputs: dict[int, Value]) -> tuple[Value, Value, list[_Kept]]:
        """Return (logits, probabilities, what leads back through each block) from the block `index` on.

        Args:
            outputs: of the blocks before, by their last layers; it takes in those that follow.
        """
        if index == len(self._blocks):
            logits = outputs[self.plans[-1].index]
            with self.me.party.span("loss", "loss"):
                return logits, await self._trainer.probabilities(self.loss, logits), []
        plan, pooling = self._blocks[index]
        outputs[(pooling or plan).index], kept = await self._layer(index, outputs)
        if not (kept.taken and self._trainer.ahead):
            ways = await self._trainer.routes(kept.taken) if kept.taken else []
            logits, p, later = await self._forward(index + 1, outputs)
        else:
            ways, (logits, p, later) = await self.me.party.gather(
                self._ways(index, kept), self._forward(index + 1, outputs)
            )
        return logits, p, [replace(kept, taken=[], ways=ways), *later]

    async def _ways(self, index: int, kept: _Kept) -> list[Any]:
        with self.me.party.span(f"{self._blocks[index][0].name}.ways", "ways"):
            return await self._trainer.routes(kept.taken)

    async def _layer(
        self, index: int, outputs: Mapping[int, Value], learns: bool = True
    ) -> tuple[Value, _Kept]:
        """Return a block's output and what it keeps.

        Args:
            learns: whether channels are normalised by the batch, not by what earlier ones left.
        """
        plan, pooling = self._blocks[index]
        me, party = self.me, self.me.party
        x, *others = (outputs[source] for source in plan.sources)
        if isinstance(plan.layer, Add):
            return await self._added(plan, me.add(x, *others))
        if isinstance(plan.layer, Conv2D | Dense):
            return await self._linear(plan, pooling, x)
        if isinstance(plan.layer, BatchNormalisation):
            return await self._normalised(plan, pooling, x, learns)
        if isinstance(plan.layer, MaxPooling2D):
            with party.span(plan.name, "max pooling"):
                y, taken = await self._trainer.max_pool(x, plan.window, plan.stride, plan.pads)
            return y, _Kept(x, y.shape, taken)
        if isinstance(plan.layer, AveragePooling2D):
            with party.span(plan.name, "average pooling"):
                counts = windows.counts(plan)
                y = await self._trainer.average_pool(x, plan.window, plan.stride, plan.pads, counts)
            return y, _Kept(x, y.shape)
        return me.reshape(x, (x.shape[0], math.prod(x.shape[1:]))), _Kept(x, x.shape)

    async def _added(self, plan: LayerPlan, x: Value) -> tuple[Value, _Kept]:
        if not plan.relu:
            return x, _Kept(x, x.shape)
        with self.me.party.span(f"{plan.name}.relu", "relu"):
            y, taken = await self._trainer.relu(x)
        return y, _Kept(x, x.shape, taken)

    async def _linear(self, plan: LayerPlan, pooling: LayerPlan | None, x: Value) -> tuple[Value, _Kept]:
        convolves = isinstance(plan.layer, Conv2D)
        layer = Linear(
            plan.name,
            plan.layer.type,
            "conv2d" if convolves else "matmul",
            x if convolves else self.me.reshape(x, (x.shape[0], math.prod(x.shape[1:]))),
            self.model.weights[f"{plan.name}/kernel"],
            self.model.weights[f"{plan.name}/bias"] if plan.bias else None,
            plan.output,
            plan.stride,
            plan.pads,
        )
        y, sums, taken = await self._summed(plan, pooling, layer)
        return y, _Kept(layer.x, sums, taken, linear=layer)

    async def _summed(
        self, plan: LayerPlan, pooling: LayerPlan | None, layer: Linear
    ) -> tuple[Value, tuple[int, ...], list[Any]]:
        joined = Pooling(pooling.name, pooling.window, pooling.stride) if pooling else None
        return await self._trainer.forward(
            layer, joined, plan.relu, self.scales.weight, self._look(str(plan))
        )

    async def _normalised(
        self, plan: LayerPlan, pooling: LayerPlan | None, x: Value, learns: bool
    ) -> tuple[Value, _Kept]:
        """Normalise channels by the batch or by running statistics; then a layer of sums, one a value."""
        me, rows = self.me, self.me.reshape(x, (-1, x.shape[-1]))
        scale, shift, mean, variance = (self.model.weights[f"{plan.name}/{part}"] for part in plan.parts)
        normed = None
        with me.party.span(f"{plan.name}.statistics", "statistics"):
            if learns:
                normed = await normalise.normed(me, rows, scale, channels(me.ring, plan, x.shape[0]))
                deviations, factor = normed.deviations, normed.scale
            else:
                norm = normalise.remembering(me.ring, plan.layer.epsilon)
                deviations, factor = await normalise.recalled(
                    me, rows, scale, mean, variance, self.scales, norm
                )
        layer = Linear(
            plan.name, plan.layer.type, "mul", me.reshape(deviations, x.shape), factor, shift, plan.output
        )
        y, sums, taken = await self._summed(plan, pooling, layer)
        return y, _Kept(x, sums, taken, normed=normed)

    # Loss

    async def _measure(self, logits: Value, p: Value | None, targets: Value) -> Metrics | None:
        """Return the batch's metrics, where they are wanted; with p unknown they always are."""
        if p is not None and not self.reveals:
            return None
        trainer, party = self._trainer, self.me.party
        with party.span("metrics", "metrics"):
            if p is None:
                p = await trainer.probabilities(self.loss, logits)
            loss, right = await party.gather(
                trainer.total_loss(self.loss, p, targets), trainer.count_right(logits, targets)
            )
        return Metrics(loss, right)

    # Backward

    async def _backward(
        self, index: int, blocks: Sequence[_Kept], slopes: Mapping[int, Any]
    ) -> list[_Step]:
        """Take gradients through block `index` and those before; return their updates.

        Args:
            index: of the block.
            blocks: what the forward pass kept of each.
            slopes: gradients by outputs of this block and those before, from the blocks after it, as the
                trainer hands them from layer to layer.
        """
        if index < 0:
            return []
        plan, pooling = self._blocks[index]
        kept, g = blocks[index], slopes[(pooling or plan).index]
        if kept.linear is not None:
            return await self._back_through_linear(index, blocks, slopes, g)
        if kept.normed is not None:
            return await self._back_through_normalised(index, blocks, slopes, g)
        if not led(plan):
            return await self._backward(index - 1, blocks, slopes)
        with self.me.party.span(f"{plan.name}.gradient", "gradient"):
            if isinstance(plan.layer, Add):
                g = await self._by_the_sums(None, kept, g)
            elif isinstance(plan.layer, MaxPooling2D):
                g = self._scattered(plan, kept, await self._trainer.back(g, kept.ways))
            elif isinstance(plan.layer, AveragePooling2D):
                g = await self._back_through_average(plan, kept, g)
            else:
                g = g.reshape(*kept.x.shape)
        return await self._backward(index - 1, blocks, self._handed(plan, slopes, g))

    def _handed(self, plan: LayerPlan, slopes: Mapping[int, Any], g: Any) -> dict[int, Any]:
        """Return the gradients with one more by each of a layer's inputs; none is wanted by the pixels."""
        found = dict(slopes)
        for source in plan.sources:
            if source != IMAGE:
                found[source] = self._trainer.joined(found[source], g) if source in found else g
        return found

    async def _back_through_linear(
        self, index: int, blocks: Sequence[_Kept], slopes: Mapping[int, Any], g: Any
    ) -> list[_Step]:
        party, kept = self.me.party, blocks[index]
        plan, pooling = self._blocks[index]
        assert kept.linear is not None
        with party.span(f"{plan.name}.gradient", "gradient"):
            g = await self._by_the_sums(pooling, kept, g)
        if led(plan):
            with party.span(f"{plan.name}.gradient", "gradient"):
                before = await self._trainer.by_input(
                    kept.linear, g, self.scales.weight, self._look(f"{plan}, its gradient")
                )
            slopes = self._handed(plan, slopes, before.reshape(kept.x.shape[0], *plan.input))
        if index == 0:
            return await self._update(plan, kept.linear, g)
        own, earlier = await party.gather(
            self._update(plan, kept.linear, g), self._backward(index - 1, blocks, slopes)
        )
        return [*own, *earlier]

    async def _back_through_normalised(
        self, index: int, blocks: Sequence[_Kept], slopes: Mapping[int, Any], g: Any
    ) -> list[_Step]:
        me, kept = self.me, blocks[index]
        plan, pooling = self._blocks[index]
        assert kept.normed is not None
        how = channels(me.ring, plan, kept.x.shape[0])
        with me.party.span(f"{plan.name}.gradient", "gradient"):
            g = await self._by_the_sums(pooling, kept, g)
            rows = me.reshape(g, (-1, g.shape[-1]))
            found = await normalise.slopes(me, kept.normed, rows, how, self.scales)
            if led(plan):
                z = await normalise.by_input(me, kept.normed, found)
                look = self._look(f"{plan}, its gradient")
                before = await self._trainer.by_sums(z, self.scales.weight, look)
                slopes = self._handed(plan, slopes, before.reshape(*kept.x.shape))
        if index == 0:
            return await self._renormalise(plan, kept.normed, found, how)
        own, earlier = await me.party.gather(
            self._renormalise(plan, kept.normed, found, how), self._backward(index - 1, blocks, slopes)
        )
        return [*own, *earlier]

    async def _renormalise(
        self, plan: LayerPlan, normed: normalise.Normed, found: normalise.Slopes, how: normalise.Channels
    ) -> list[_Step]:
        """Take a step with scale and shift, and move the running statistics towards the batch's."""
        assert self.descent is not None
        trainer, scales = self._trainer, self.scales
        names = [f"{plan.name}/{part}" for part in plan.parts]
        held = [(self.model.weights[name], self.model.velocities[name]) for name in names]
        kernel, bias = self.descent
        with self.me.party.span(f"{plan.name}.update", "update"):
            scale, shift, running = await self.me.party.gather(
                trainer.moved(scales, kernel, found.scale, held[0]),
                trainer.moved(scales, bias, found.shift, held[1]),
                normalise.remembered(
                    self.me, normed, (held[2][0], held[3][0]), how, scales, plan.layer.average
                ),
            )
        mean, variance = ((one, still) for one, (_, still) in zip(running, held[2:], strict=True))
        pairs = zip(names, (scale, shift, mean, variance), strict=True)
        return [_Step(name, *pair) for name, pair in pairs]

    async def _by_the_sums(self, pooling: LayerPlan | None, kept: _Kept, g: Any) -> Value:
        """Return the gradient by a layer's sums from that by its block's output."""
        if not kept.ways:
            return self.me.reshape(await self._trainer.value(g), kept.sums)
        entries = await self._trainer.back(g, kept.ways)
        if pooling is None:
            return self.me.reshape(entries, kept.sums)
        return self._trainer.to_images(entries, kept.sums, pooling.window, pooling.stride)

    async def _back_through_average(self, plan: LayerPlan, kept: _Kept, g: Any) -> Any:
        """Hand each place of a window the window's gradient times 1 / count."""
        by_means = self.me.reshape(await self._trainer.value(g), kept.sums)
        places = plan.window[0] * plan.window[1]
        spread = partial(self._scattered, plan, kept)
        return await self._trainer.by_average(by_means, windows.counts(plan), spread, places)

    def _scattered(self, plan: LayerPlan, kept: _Kept, entries: Value) -> Value:
        """Return windows' entries summed onto the pooling layer's input, its padding cut off."""
        n, height, width, channels = kept.x.shape
        (top, bottom), (left, right) = plan.pads
        padded = (n, top + height + bottom, left + width + right, channels)
        images = self._trainer.to_images(entries, padded, plan.window, plan.stride)
        return images[:, top : top + height, left : left + width]

    async def _update(self, plan: LayerPlan, layer: Linear, g: Value) -> list[_Step]:
        """Take a step with kernel and bias, in one vector each."""
        assert self.descent is not None
        names = [f"{plan.name}/{part}" for part in ("kernel", *(["bias"] if plan.bias else []))]
        held = [(self.model.weights[name], self.model.velocities[name]) for name in names]
        look = self._look(f"{plan}, the gradient of its kernel")
        with self.me.party.span(f"{plan.name}.update", "update"):
            found = await self._trainer.update(layer, self.scales, self.descent, g, held, look)
        return [_Step(name, *pair) for name, pair in zip(names, found, strict=True)]
