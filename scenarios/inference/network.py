"""A declared network on shares: which protocol each layer is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from protocols.domains import Words
from protocols.replicated3.constructions import add_bias, conv2d_locally, matmul_locally, truncate_product
from protocols.replicated3.layers import average_pool2d, max_pool2d, pool_and_relu_of_sum, relu
from protocols.replicated3.sharings import Server, Share, add
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

STRIP = 1 << 19
"""Sums of a layer that stand in memory at a time, where its block rounds them."""


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
    server: Server,
    plans: Sequence[LayerPlan],
    weights: Mapping[str, Share],
    images: Share,
    *,
    staged: bool = False,
) -> Share:
    """Return shares of the last layer's output (n, …) for shared images (n, h, w, c).

    Each layer is a span of its name; its ReLU is a span NAME.relu. The output of each block is handed
    to the run's observer as `layer/NAME`, and freed when no later block reads it.

    Args:
        server: this server.
        plans: the layers.
        weights: shares by LAYER/kernel and LAYER/bias.
        images: shares (n, h, w, c).
        staged: this is one batch of several: each block that sends, but the first, is a stage of its own.
    """
    outputs = {IMAGE: images}
    chain = blocks(plans, server.choices.layers == "blocks")
    last_read = {source: place for place, block in enumerate(chain) for source in block.sources}
    first = next(iter(block for block in chain if block.sends), None)
    for place, block in enumerate(chain):
        if staged and block.sends and block is not first:
            await next_stage(server)
        x = await _block(server, block, weights, outputs)
        for source in block.sources:
            if last_read[source] == place:
                del outputs[source]
        outputs[block.last.index] = x
        server.party.observe(f"layer/{block.last.name}", x)
    return x


async def next_stage(server: Server) -> None:
    """Wait until the batch before has left the next block of the network."""
    with server.party.span("waiting", "pipeline"):
        await server.party.stage()


async def _block(
    server: Server, block: Block, weights: Mapping[str, Share], outputs: Mapping[int, Share]
) -> Share:
    if block.linear:
        return await _sums_block(server, block, weights, outputs)
    plan, (x, *others) = block.head, [outputs[source] for source in block.shares]
    if isinstance(plan.layer, MaxPooling2D):
        with server.party.span(plan.name, "max pooling"):
            return await max_pool2d(server, x, plan.window, plan.stride, plan.pads)
    if isinstance(plan.layer, AveragePooling2D):
        with server.party.span(plan.name, "average pooling"):
            counts = windows.counts(plan)
            return await average_pool2d(server, x, plan.window, plan.stride, plan.pads, counts)
    if isinstance(plan.layer, Add):
        with server.party.span(plan.name, "add"):
            total = add(server, x, others[0])
        return await _activation(server, plan, total)
    return x.reshape(x.shape[0], -1)


async def _activation(server: Server, plan: LayerPlan, x: Share) -> Share:
    if not plan.relu:
        return x
    with server.party.span(f"{plan.name}.relu", "relu"):
        return await relu(server, x)


async def _sums_block(
    server: Server, block: Block, weights: Mapping[str, Share], outputs: Mapping[int, Share]
) -> Share:
    """Return the output of linear layers, added up, and of what follows them in their block."""
    plan, pooling = block.head, block.pooling
    if server.choices.layers == "separate" or (pooling is None and not plan.relu):
        z = _total(server, block, weights, outputs)
        with server.party.span(plan.name, plan.layer.type):
            x = await truncate_product(server, z)
        return await _activation(server, plan, x)
    spans = (plan.name, pooling.name if pooling else "", f"{plan.name}.relu")
    window, stride = (pooling.window, pooling.stride) if pooling else (None, None)
    strips = (_total(server, block, weights, part) for part in _strips(block, outputs))
    return await pool_and_relu_of_sum(server, strips, window, plan.relu, spans, stride)


def _strips(block: Block, outputs: Mapping[int, Share]) -> Iterator[dict[int, Share]]:
    """Yield what a block reads, a few images at a time, so that its sums stay below `STRIP` words."""
    read = {source: outputs[source] for source in block.sources}
    images = next(iter(read.values())).shape[0]
    step = max(1, STRIP // math.prod(block.linear[0].output))
    for start in range(0, images, step):
        yield {source: x[start : start + step] for source, x in read.items()}


def _total(
    server: Server, block: Block, weights: Mapping[str, Share], outputs: Mapping[int, Share]
) -> Words:
    """Return this server's masked summands of all that a block adds up, at scale 2^(2f); local."""
    parts = []
    for linear in block.linear:
        with server.party.span(linear.name, linear.layer.type):
            parts.append(_sums(server, linear, weights, outputs[linear.sources[0]]))
    z = parts[0]
    for part in parts[1:]:
        z = server.kernels.add(z, part)
    for source in block.shares:
        z = add_bias(server, z, outputs[source])
    return z


def _sums(server: Server, plan: LayerPlan, weights: Mapping[str, Share], x: Share) -> Words:
    """Return this server's masked summands of the layer's sums, bias included."""
    kernel = weights[f"{plan.name}/kernel"]
    if isinstance(plan.layer, Conv2D):
        z = conv2d_locally(server, x, kernel, plan.stride, plan.pads)
    else:
        z = matmul_locally(server, x.reshape(x.shape[0], -1), kernel)
    return add_bias(server, z, weights[f"{plan.name}/bias"]) if plan.bias else z
