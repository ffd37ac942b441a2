"""A declared network on shares: which protocol each layer is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np

from mpcsim import InputError
from protocols import functions
from protocols.domains import Ring
from protocols.family import Family, Linear, Pooling, Value
from protocols.functions import ACTIVATIONS, activate, activation, relu, rotary
from protocols.layers import average_pool, block, max_pool
from scenarios.clear import windows
from scenarios.graph import NORMS, TRUTHS
from scenarios.networks import IMAGE, Arrangement, Block, LayerPlan, blocks, through


def needed(plan: LayerPlan) -> tuple[str, dict[str, Any]]:
    """Return what a family is asked beforehand of a function's layer."""
    name, more = plan.layer.function, dict(plan.arguments)
    if name in ACTIVATIONS:
        return "activate", {"activation": activation(name, *more.get("parameters", ()))}
    if name in NORMS:
        return name, {"columns": plan.row, "epsilon": more["epsilon"]}
    if name in TRUTHS or name in ("number", "choose"):
        return name if name in ("less_than", "equal") else "multiply", {}
    return name, {"classes": plan.output[-1]} if name == "softmax" else {}


def check_room(plan: LayerPlan, ring: Ring) -> None:
    """Refuse a ring without room for what a layer's values are multiplied by before they are cut.

    Raises:
        InputError: it is such a ring.
    """
    bits = sum(blend.whole(ring.fraction_bits)[1] + blend.growth for blend in plan.blends)
    if ring.value_bits + bits > ring.bits - 1:
        raise InputError(
            f"{plan}: values of {ring.value_bits} bits, times parts of {bits} bits; accepted: a ring of at "
            f"least {ring.value_bits + bits + 1} bits, or fewer value_bits or fraction_bits"
        )


async def function(
    me: Family, plan: LayerPlan, weights: Mapping[str, Value], x: Value, *others: Value
) -> Value:
    """Return a function's layer."""
    name, more = plan.layer.function, dict(plan.arguments)
    if name in TRUTHS or name in ("number", "choose"):
        return await truth(me, plan, x, *others)
    if name in ACTIVATIONS:
        return await activate(me, x, needed(plan)[1]["activation"])
    if name in NORMS:
        names = {"kernel": "scale"} if name == "rms_norm" else {"kernel": "scale", "bias": "shift"}
        for part, said in names.items():
            more[said] = weights[f"{plan.weights}/{part}"] if getattr(plan, part) else None
        found: Value = await getattr(functions, name)(me, x, **more)
        return found
    if name == "argmax":
        return me.reshape(await functions.argmax(me, x, **more), (x.shape[0], *plan.output))
    if name == "one_hot":
        found = await functions.one_hot(me, me.reshape(x, (-1,)), plan.output[-1])
        return me.reshape(found, (x.shape[0], *plan.output))
    if name == "power":
        return await functions.power(me, x, int(more["parameters"][0]))
    if "mask" in more:
        more["mask"] = more["mask"].array
    return await getattr(functions, name)(me, x, *others, **more)


async def truth(me: Family, plan: LayerPlan, x: Value, *others: Value) -> Value:
    """Return truth values, the integers 0 and 1, what is made of them, or what they choose."""
    name, more = plan.layer.function, dict(plan.arguments)

    def known(part: str) -> Value:
        zeros = me.kernels.zeros(x.shape, me.ring.dtype)
        return me.public(me.kernels.add(zeros, me.ring.encode(np.asarray(more[part]), "a number")))

    if name == "number":
        return me.scale(x, me.constant(1, me.ring.fraction_bits))
    if name == "opposite":
        return me.add_public(me.negate(x), me.constant(1, 0))
    if name == "choose":
        rest = iter(others)
        first, second = (known(part) if part in more else next(rest) for part in ("then", "otherwise"))
        return me.add(second, await functions.multiply(me, x, me.subtract(first, second)))
    if name in ("less_than", "equal"):
        y = others[0] if others else known("limit" if "limit" in more else "least")
        x, y = (y, x) if "least" in more else (x, y)
        found: Value = await getattr(functions, name)(me, x, y)
        return found
    (y,) = others
    product = await functions.multiply(me, x, y)
    if name == "both":
        return product
    less = me.subtract(me.add(x, y), product)
    return less if name == "either" else me.subtract(less, product)


async def forward(
    me: Family,
    plans: Sequence[LayerPlan],
    weights: Mapping[str, Value],
    images: Value,
    *,
    staged: bool = False,
    client: str = "",
) -> Value:
    """Return the last layer's output (n, …) for images (n, h, w, c), all of them shared.

    Each layer is a span of its name, in that of the token that it helps to find, if any; its ReLU is a span
    NAME.relu. The output of each block is handed to the run's observer as `layer/NAME`, and freed when no
    later block reads it.

    Args:
        me: this server's view of the family.
        plans: the layers.
        weights: values by LAYER/kernel and LAYER/bias; the kernel of a product `by_public` is words.
        images: values (n, h, w, c).
        staged: this is one batch of several: each block that sends, but the first, is a stage of its own.
        client: who is told tokens.
    """
    outputs = {IMAGE: images}
    chain = blocks(plans, me.fuses)
    last_read = {source: place for place, one in enumerate(chain) for source in one.sources}
    first = next(iter(one for one in chain if one.sends), None)
    for within, part in groupby(enumerate(chain), lambda placed: placed[1].head.within):
        with me.party.span(within, "token") if within else nullcontext():
            for place, one in part:
                if staged and one.sends and one is not first:
                    await next_stage(me)
                x = await _block(me, one, weights, outputs, client)
                for source in one.sources:
                    if last_read[source] == place:
                        del outputs[source]
                outputs[one.last.index] = x
                me.party.observe(f"layer/{one.last.name}", x)
    return x


async def told(me: Family, plan: LayerPlan, x: Value, client: str) -> Value:
    """Return what a client gives once it is shown a value, all of which it depends on is verified."""
    await me.settle()
    with me.party.channel(f"{plan.name}/shown"):
        me.show(x, client)
    with me.party.channel(f"{plan.name}/given"):
        return await me.take(client, (x.shape[0], *plan.output))


async def next_stage(me: Family) -> None:
    """Wait until the batch before has left the next block of the network."""
    with me.party.span("waiting", "pipeline"):
        await me.party.stage()


async def _block(
    me: Family, one: Block, weights: Mapping[str, Value], outputs: Mapping[int, Value], client: str
) -> Value:
    plan = one.head
    if plan.shift:
        alone = _linear(me, plan, weights, outputs)
        with me.party.span(plan.name, plan.layer.type):
            z = await me.linear(alone)
            return await me.close(z, me.ring.fraction_bits + plan.shift)
    if one.linear:
        linear = [_linear(me, linear, weights, outputs) for linear in one.linear]
        shares = [outputs[source] for source in one.shares]
        joined = one.pooling
        pooling = Pooling(joined.name, joined.window, joined.stride) if joined else None
        return await block(me, linear, shares, plan.name, plan.layer.type, plan.relu, pooling)
    x, *others = (outputs[source] for source in one.shares)
    if plan.arrange is not None:
        return _arranged(me, [plan.arrange], x, *others)
    if plan.kind in ("offset", "weights"):
        known = weights[f"{plan.weights}/bias"]
        if plan.kind == "offset":
            return me.add(x, me.local(plan.at_places, known))
        return me.local(lambda part: np.broadcast_to(part, (x.shape[0], *part.shape)), known)
    with me.party.span(plan.name, _OPERATIONS.get(plan.kind, plan.layer.type)):
        if plan.kind == "max":
            return await max_pool(me, x, plan.window, plan.stride, plan.pads)
        if plan.kind == "mean":
            counts = windows.counts(plan)
            return await average_pool(me, x, plan.window, plan.stride, plan.pads, counts)
        if plan.kind == "turned":
            cosines, sines = (me.ring.encode(part, "an angle") for part in plan.angles())
            return await rotary(me, x, cosines, sines)
        if plan.kind == "blended":
            return await _blended(me, plan, x)
        if plan.kind == "scaled":
            factor, shift = plan.scaling(me.ring.fraction_bits)
            scaled = me.scale(x, me.ring.encode_integers(np.asarray(factor)))
            return await me.close(me.as_sum(scaled), shift) if shift else scaled
        if plan.kind == "function" and plan.told:
            return await told(me, plan, x, client)
        if plan.kind == "function":
            return await function(me, plan, weights, x, *others)
        total = me.add(x, others[0])
    if not plan.relu:
        return total
    with me.party.span(f"{plan.name}.relu", "relu"):
        return await relu(me, total)


async def _blended(me: Family, plan: LayerPlan, x: Value) -> Value:
    """Return values between neighbours: products with whole numbers along axes, truncated once."""
    whole = 0
    for blend in plan.blends:
        times, shift = blend.whole(me.ring.fraction_bits)
        words = [me.ring.encode_integers(one) for one in times]
        x = me.local(partial(blend, me.kernels, times=words), x)
        whole += shift
    return await me.close(me.as_sum(x), whole)


_OPERATIONS = {"max": "max pooling", "mean": "average pooling"}
"""How profiles call a layer that is not called by its type."""


def _linear(
    me: Family, plan: LayerPlan, weights: Mapping[str, Value], outputs: Mapping[int, Value]
) -> Linear:
    product = plan.product
    assert product is not None
    x = _arranged(me, product.prepare, outputs[plan.sources[0]])
    if plan.kernel is None:
        y = outputs[plan.sources[1]]
    else:
        y = weights[f"{plan.weights}/kernel"]
        if product.weights and plan.by_public:
            y = through(product.weights, me.kernels, y.reshape(1, *y.shape))
            y = y.reshape(y.shape[1:])
        elif product.weights:
            one = _arranged(me, product.weights, me.reshape(y, (1, *y.shape)))
            y = me.reshape(one, one.shape[1:])
    bias = weights[f"{plan.weights}/bias"] if plan.bias else None
    return Linear(
        plan.name, plan.layer.type, product.kind, x, y, bias, plan.output, product.stride, product.pads,
        plan.by_public,
    )  # fmt: skip


def _arranged(me: Family, chain: Sequence[Arrangement], *values: Value) -> Value:
    """Return what a chain of rearrangements makes of values; local."""
    if not chain:
        return values[0]
    return me.local(lambda *parts: through(chain[1:], me.kernels, chain[0](me.kernels, *parts)), *values)
