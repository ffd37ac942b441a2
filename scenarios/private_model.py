"""A declared network on shares: which protocol each layer is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from protocols.activation import relu
from protocols.arithmetic import add_bias, conv2d_locally, matmul_locally
from protocols.block import pool_and_relu_of_sum
from protocols.pooling import average_pool2d, max_pool2d
from protocols.ring import Words
from protocols.server import Server
from protocols.sharing import Share
from protocols.truncation import truncate_product
from scenarios.clear import windows
from scenarios.model import AveragePooling2D, Conv2D, Dense, LayerPlan, MaxPooling2D


def blocks(plans: Sequence[LayerPlan], join: bool) -> list[tuple[LayerPlan, LayerPlan | None]]:
    """Pair, where `join`, every convolution with the max pooling that can run inside its block.

    Pooling joins where its windows neither overlap nor are padded: then max(relu) = relu(max) comes
    first, on sums that were never sent apart.
    """
    paired: list[tuple[LayerPlan, LayerPlan | None]] = []
    rest = list(plans)
    while rest:
        plan = rest.pop(0)
        following = rest[0] if rest else None
        joins = (
            join
            and isinstance(plan.layer, Conv2D)
            and following is not None
            and isinstance(following.layer, MaxPooling2D)
            and all(s >= w for s, w in zip(following.stride, following.window, strict=True))
            and not any(any(pad) for pad in following.pads)
        )
        paired.append((plan, rest.pop(0) if joins else None))
    return paired


async def forward(
    server: Server, plans: Sequence[LayerPlan], weights: Mapping[str, Share], x: Share
) -> Share:
    """Return shares of the last layer's output (n, …) for shared images (n, h, w, c).

    Each layer is a span of its name; its ReLU is a span NAME.relu. The output of each block is handed
    to the run's observer as `layer/NAME`.
    """
    for plan, pooling in blocks(plans, server.choices.layers == "blocks"):
        if isinstance(plan.layer, Conv2D | Dense):
            x = await _linear(server, plan, pooling, weights, x)
        elif isinstance(plan.layer, MaxPooling2D):
            with server.party.span(plan.name, "max pooling"):
                x = await max_pool2d(server, x, plan.window, plan.stride, plan.pads)
        elif isinstance(plan.layer, AveragePooling2D):
            with server.party.span(plan.name, "average pooling"):
                counts = windows.counts(plan)
                x = await average_pool2d(server, x, plan.window, plan.stride, plan.pads, counts)
        else:
            x = x.reshape(x.shape[0], -1)
        server.party.observe(f"layer/{(pooling or plan).name}", x)
    return x


async def _linear(
    server: Server,
    plan: LayerPlan,
    pooling: LayerPlan | None,
    weights: Mapping[str, Share],
    x: Share,
) -> Share:
    """Return the output of a convolution or dense layer and of what follows it in its block."""
    op = plan.layer.type
    with server.party.span(plan.name, op):
        z = _sums(server, plan, weights, x)
    separate = server.choices.layers == "separate"
    if separate or (pooling is None and not plan.relu):
        with server.party.span(plan.name, op):
            x = await truncate_product(server, z)
        if not plan.relu:
            return x
        with server.party.span(f"{plan.name}.relu", "relu"):
            return await relu(server, x)
    spans = (plan.name, pooling.name if pooling else "", f"{plan.name}.relu")
    window, stride = (pooling.window, pooling.stride) if pooling else (None, None)
    return await pool_and_relu_of_sum(server, z, window, plan.relu, spans, stride)


def _sums(server: Server, plan: LayerPlan, weights: Mapping[str, Share], x: Share) -> Words:
    """Return this server's masked summands of the layer's sums, bias included."""
    kernel = weights[f"{plan.name}/kernel"]
    if isinstance(plan.layer, Conv2D):
        z = conv2d_locally(server, x, kernel, plan.stride, plan.pads)
    else:
        z = matmul_locally(server, x.reshape(x.shape[0], -1), kernel)
    return add_bias(server, z, weights[f"{plan.name}/bias"]) if plan.bias else z
