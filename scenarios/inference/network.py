"""A declared network on shares: which protocol each layer is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from protocols.family import Family, Linear, Pooling, Value
from protocols.functions import relu
from protocols.layers import average_pool, block, max_pool
from scenarios.clear import windows
from scenarios.networks import (
    IMAGE,
    Add,
    AveragePooling2D,
    Conv2D,
    Dense,
    Flatten,
    LayerPlan,
    MaxPooling2D,
    readers,
)


@dataclass(frozen=True)
class Block:
    """Layers that run as one, from shares to shares.

    Attributes:
        linear: convolutions and dense layers whose sums are added up before anything is sent.
        shares: indices of the outputs that the block reads as shares, besides.
        head: the layer that the block is: the linear one, the `add` of several, or any other.
        pooling: the max pooling that runs inside the block, before the head's ReLU.
    """

    linear: tuple[LayerPlan, ...]
    shares: tuple[int, ...]
    head: LayerPlan
    pooling: LayerPlan | None = None

    @property
    def last(self) -> LayerPlan:
        """The layer whose output the block gives."""
        return self.pooling or self.head

    @property
    def sources(self) -> set[int]:
        """Indices of the outputs that the block reads."""
        return {*self.shares, *(source for linear in self.linear for source in linear.sources)}

    @property
    def sends(self) -> bool:
        """Whether servers exchange anything in it: reshaping and addition are local."""
        layer = self.head.layer
        local = isinstance(layer, Flatten) or (isinstance(layer, Add) and not self.head.relu)
        return bool(self.linear) or not local


def blocks(plans: Sequence[LayerPlan], join: bool) -> list[Block]:
    """Cut a network into blocks: of one layer each, unless they may `join`.

    The sums of a linear layer without ReLU that an `add` alone reads are truncated after the addition,
    with those of its other branch. Max pooling joins where it alone reads a block of sums, and its
    windows neither overlap nor are padded: then max(relu) = relu(max) comes first.
    """
    read, found = readers(plans), []
    waiting: dict[int, LayerPlan] = {}  # linear layers that their `add` takes in
    joined: set[int] = set()  # poolings that are part of a block already
    for plan in plans:
        linear = isinstance(plan.layer, Conv2D | Dense)
        following = read[plan.index][0] if join and len(read[plan.index]) == 1 else None
        if linear and not plan.relu and following is not None and isinstance(following.layer, Add):
            waiting[plan.index] = plan
        elif plan.index not in joined:
            sums = (plan,) if linear else tuple(waiting[s] for s in sorted(plan.sources) if s in waiting)
            shares = () if linear else tuple(s for s in plan.sources if s not in waiting)
            pooling = following if sums and following is not None and _joins(following) else None
            joined |= {pooling.index} if pooling else set()
            found.append(Block(sums, shares, plan, pooling))
    return found


def _joins(plan: LayerPlan) -> bool:
    apart = all(step >= size for step, size in zip(plan.stride, plan.window, strict=True))
    return isinstance(plan.layer, MaxPooling2D) and apart and not any(any(pad) for pad in plan.pads)


async def forward(
    me: Family,
    plans: Sequence[LayerPlan],
    weights: Mapping[str, Value],
    images: Value,
    *,
    staged: bool = False,
) -> Value:
    """Return the last layer's output (n, …) for images (n, h, w, c), all of them shared.

    Each layer is a span of its name; its ReLU is a span NAME.relu. The output of each block is handed
    to the run's observer as `layer/NAME`, and freed when no later block reads it.

    Args:
        me: this server's view of the family.
        plans: the layers.
        weights: values by LAYER/kernel and LAYER/bias.
        images: values (n, h, w, c).
        staged: this is one batch of several: each block that sends, but the first, is a stage of its own.
    """
    outputs = {IMAGE: images}
    chain = blocks(plans, me.fuses)
    last_read = {source: place for place, one in enumerate(chain) for source in one.sources}
    first = next(iter(one for one in chain if one.sends), None)
    for place, one in enumerate(chain):
        if staged and one.sends and one is not first:
            await next_stage(me)
        x = await _block(me, one, weights, outputs)
        for source in one.sources:
            if last_read[source] == place:
                del outputs[source]
        outputs[one.last.index] = x
        me.party.observe(f"layer/{one.last.name}", x)
    return x


async def next_stage(me: Family) -> None:
    """Wait until the batch before has left the next block of the network."""
    with me.party.span("waiting", "pipeline"):
        await me.party.stage()


async def _block(
    me: Family, one: Block, weights: Mapping[str, Value], outputs: Mapping[int, Value]
) -> Value:
    plan = one.head
    if one.linear:
        linear = [_linear(me, linear, weights, outputs[linear.sources[0]]) for linear in one.linear]
        shares = [outputs[source] for source in one.shares]
        joined = one.pooling
        pooling = Pooling(joined.name, joined.window, joined.stride) if joined else None
        return await block(me, linear, shares, plan.name, plan.layer.type, plan.relu, pooling)
    x, *others = (outputs[source] for source in one.shares)
    if isinstance(plan.layer, MaxPooling2D):
        with me.party.span(plan.name, "max pooling"):
            return await max_pool(me, x, plan.window, plan.stride, plan.pads)
    if isinstance(plan.layer, AveragePooling2D):
        with me.party.span(plan.name, "average pooling"):
            counts = windows.counts(plan)
            return await average_pool(me, x, plan.window, plan.stride, plan.pads, counts)
    if isinstance(plan.layer, Add):
        with me.party.span(plan.name, "add"):
            total = me.add(x, others[0])
        if not plan.relu:
            return total
        with me.party.span(f"{plan.name}.relu", "relu"):
            return await relu(me, total)
    return me.reshape(x, (x.shape[0], -1))


def _linear(me: Family, plan: LayerPlan, weights: Mapping[str, Value], x: Value) -> Linear:
    kernel, bias = weights[f"{plan.name}/kernel"], weights[f"{plan.name}/bias"] if plan.bias else None
    if isinstance(plan.layer, Conv2D):
        return Linear(
            plan.name, plan.layer.type, "conv2d", x, kernel, bias, plan.output, plan.stride, plan.pads
        )
    flat = me.reshape(x, (x.shape[0], -1))
    return Linear(plan.name, plan.layer.type, "matmul", flat, kernel, bias, plan.output)
