"""A step of private training, forward and backward, as pieces of named spans.

A piece is what runs from one set of values to the next; `Step` says which wait for which. Written from
who knows what: a window's choices are halves (role 0 knows β, roles 1 and 2 know c), so sharing them and
AND-ing them down the tournament is Boolean work of a few planes; a gradient's sums are truncated, chosen
and lifted on halves, like the forward pass's own sums.

In one file, though long: a step of training, its pieces in the order in which they run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from analysis.costs.algebra import (
    LOCAL,
    SERVERS,
    Claim,
    Cost,
    exchange,
    reshare,
    rotated,
    sequence,
    together,
)
from analysis.costs.families import FamilySetting
from analysis.costs.numbers import Number, planes, third
from analysis.costs.pieces import Channels, Sizes
from analysis.costs.replicated3 import conversions, functions, halves, layers, operations, truncations
from analysis.costs.replicated3.boolean import deal_bits
from analysis.costs.replicated3.layers import Block, Span, Stages
from analysis.costs.replicated3.setting import NoFormula, Setting
from analysis.costs.replicated3.signs import sign
from scenarios.clear import windows
from scenarios.networks import (
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

Depths = tuple[int, ...]

RANDOM_BITS = 16
"""Bits of a first weight; the carry out of them is the sign of one bit more."""

_RATE_BITS = 12
_VELOCITY_ROOM = 10


# Scales


def weight_bits(setting: Setting | FamilySetting) -> Number:
    """Return the fraction bits of weights: products with a V-bit value leave three bits of the ring."""
    return setting.l - setting.V - 3


def update_bits(setting: Setting | FamilySetting) -> Number:
    """Return the shift of an update: from what fills l − 2 bits to a velocity below 2^10.

    A velocity has 12 fraction bits less than a weight. With both, the ring's size falls out: V + 3.
    """
    return setting.l - 2 - (weight_bits(setting) - _RATE_BITS) - _VELOCITY_ROOM


# Steps of one third, by role


def ways(n: Number, entries: int, activation: bool) -> Cost:
    """Which entry of each window the gradient goes to, from the bits of the forward pass.

    One bit a pair of the tournament and one of ReLU. Role 0 shares its parts, a plane a bit; then, from the
    root down, path(first) = path(pair) ∧ bit, an AND a pair; the other path is the XOR. Without ReLU the
    root's path is its bit. The last level is wanted as halves: roles 1 and 2 alone exchange it. A ReLU
    alone is a half already.
    """
    pairs = []
    while entries > 1:
        pairs.append(entries // 2)
        entries -= entries // 2
    if not pairs:
        return LOCAL
    downwards = pairs[::-1] if activation else pairs[-2::-1]
    ands = [planes(count, n) for count in downwards]
    shared = deal_bits(n, sum(pairs) + int(activation))
    return sequence(shared, *map(reshare, ands[:-1]), *map(exchange, ands[-1:]))


def back(setting: Setting, n: Number, entries: int, sums: bool, chosen: bool) -> Cost:
    """Gradient of n outputs to shares of what each entry of their windows gets.

    Sums are truncated to halves mod 2^(V+1) (a sharing is in halves at once); every entry's copy is
    multiplied by the bit of its way, lifted and shared.
    """
    k, values = setting.V + 1, entries * n
    return sequence(
        halves.truncated_sums(n, k) if sums else LOCAL,
        halves.select(setting, values, k) if chosen else LOCAL,
        halves.lift(setting, values, k),
        halves.to_share(setting, values),
    )


# Whole pieces, by server


def all_ways(setting: Setting, n: Number, entries: int, activation: bool) -> Cost:
    """Ways of n windows."""
    return rotated(lambda size: ways(size, entries, activation), n, setting.rotate)


def gradient(setting: Setting, n: Number, entries: int, sums: bool, chosen: bool) -> Cost:
    """Gradient of n outputs, back through their windows and ReLUs."""
    return rotated(lambda size: back(setting, size, entries, sums, chosen), n, setting.rotate)


def update(setting: Setting, n: Number, biases: int) -> Cost:
    """Update n weights of a kernel, and its biases beside: a `safe` truncation of each velocity.

    The gradient's products are local, w − rate · v is exact.
    """

    def descend(count: Number) -> Cost:
        return rotated(
            lambda size: functions.product(setting, size, update_bits(setting)), count, setting.rotate
        )

    return together(descend(n), descend(biases)) if biases else descend(n)


def initial(setting: Setting, n: Number) -> Cost:
    """Draw n random first weights: v + w mod 2^16 of what the PRF gives, and the carry of that sum.

    Halves → share and, beside it, the sign of 17 bits as a number.
    """

    def step(size: Number) -> Cost:
        carry = sequence(sign(setting, size, RANDOM_BITS + 1), halves.bit_to_share(setting, size))
        return together(halves.to_share(setting, size), carry)

    return rotated(step, n, setting.rotate)


def probabilities(setting: Setting, images: Number, outputs: int, loss: str) -> Cost:
    """Softmax of every row, or sigmoid of every output; p − y is local."""
    if loss == "softmax":
        return functions.softmax(setting, images, outputs)
    if loss == "sigmoid":
        return functions.sigmoid(setting, images * outputs)
    raise NoFormula(f"loss {loss!r}; there are formulas for softmax, sigmoid")


def metrics(setting: Setting, images: Number, outputs: int, loss: str, known: bool) -> Cost:
    """Sum the loss and, beside it, count right answers; first the probabilities, where they are not known.

    Loss: p × y, a product an output, and a logarithm an image (sigmoid: an output). Right: argmax (of one
    output its sign), and whether it equals the label.
    """
    logarithms = images if loss == "softmax" else images * outputs
    loss_of = sequence(
        operations.multiply(setting, images * outputs), functions.logarithm(setting, logarithms)
    )
    right = sequence(classes(setting, images, outputs), conversions.equal(setting, images))
    first = LOCAL if known else probabilities(setting, images, outputs, loss)
    return sequence(first, together(loss_of, right))


def classes(setting: Setting, images: Number, outputs: int) -> Cost:
    """Class of each image: the largest logit's place; of one output, its sign."""
    if outputs == 1:
        return operations.is_negative(setting, images)
    return operations.argmax(setting, images, outputs)


# Pieces


@dataclass(frozen=True)
class Piece:
    """A block of spans with its costs.

    Attributes:
        strands: `block.build` for the setting and the block's outputs.
        general: whether the formula is written with symbols for the ring.
    """

    block: Block
    strands: list[Stages]
    general: bool = True


def piece(
    setting: Setting,
    name: str,
    cost: Callable[[Setting, Number], Cost],
    outputs: int,
    source: str,
    shape: dict[str, Any],
    general: bool = True,
) -> Piece:
    """Return a piece of one span."""

    def build(setting: Setting, n: Number) -> list[Stages]:
        return [[(name, cost(setting, n))]]

    return Piece(Block(build, outputs, {name: source}, shape), build(setting, outputs), general)


@dataclass
class Meter:
    """What spans cost so far, by the span around them and their own name.

    Attributes:
        pieces: what ran in a span, and how often.
        claims: what is left to prove of all that ran, of families that prove what they send.
    """

    spans: dict[tuple[str, str], Span] = field(default_factory=dict)
    pieces: dict[tuple[str, str], list[Piece]] = field(default_factory=dict)
    claims: list[Claim] = field(default_factory=list)

    def note(self, cost: Cost) -> None:
        """Keep what a step leaves to prove."""
        self.claims += cost.claims

    def taken(self) -> list[Claim]:
        """Return what is left to prove, and forget it."""
        found, self.claims = self.claims, []
        return found

    def run(self, outer: str, one: Piece, depths: Depths) -> Depths:
        """Run a piece; return the depths of the servers after it."""
        states = [depths for _ in one.strands]
        for steps in zip(*one.strands, strict=True):
            name = steps[0][0]
            entered = max(map(max, states))
            states = [cost.after(state) for (_, cost), state in zip(steps, states, strict=True)]
            sent = [sum(each) for each in zip(*(cost.sent for _, cost in steps), strict=True)]
            self.add(outer, name, max(map(max, states)) - entered, sent)
            for _, cost in steps:
                self.note(cost)
            self.pieces.setdefault((outer, name), []).append(one)
        return join(*states)

    def add(self, outer: str, name: str, rounds: int, sent: Sequence[int]) -> None:
        """Add an occurrence of a span."""
        span = self.spans.setdefault((outer, name), Span(0, [0] * len(sent)))
        span.rounds += rounds
        span.sent = [a + b for a, b in zip(span.sent, sent, strict=True)]

    def inside(self, outer: str) -> list[int]:
        """Return what the spans directly inside another sent."""
        found = [span.sent for (around, _), span in self.spans.items() if around == outer]
        return [sum(each) for each in zip([0] * SERVERS, *found, strict=True)]


def join(*states: Depths) -> Depths:
    """Return the depths of servers that wait for several strands."""
    return tuple(map(max, zip(*states, strict=True)))


# A pass


@dataclass(frozen=True)
class Stage:
    """A layer, with the max pooling that runs on its sums: forward, the ways, backward.

    Attributes:
        statistics: what comes before, where a batch is normalised; `recalled` in its place in evaluations.
    """

    plan: LayerPlan
    forward: Piece | None
    ways: Piece | None
    gradient: Piece | None
    update: Piece | None
    statistics: Piece | None = None
    recalled: Piece | None = None


class Pass:
    """Forward and backward pass over a batch: which pieces wait for which.

    The ways of a block run beside the rest of the forward pass, its update beside the backward pass of the
    blocks before, loss and accuracy beside the backward pass.
    """

    def __init__(self, setting: Setting, plans: Sequence[LayerPlan], loss: str, images: int) -> None:
        """Build the pieces of a network."""
        self.setting, self.loss, self.images = setting, loss, images
        self._piece = partial(piece, setting)
        self.outputs = plans[-1].output[0]
        sums = _sums_arrive(plans)
        self.stages = [
            self._stage(*both, sums[(both[1] or both[0]).index]) for both in trained_blocks(plans)
        ]
        shape = {"rows": images, "outputs": self.outputs}
        name = f"{loss}: exponentials, Goldschmidt from a line"
        self._probabilities = self._piece(
            "loss", partial(probabilities, outputs=self.outputs, loss=loss), images, name, shape, False
        )
        self._metrics = {
            known: self._piece(
                "metrics",
                partial(metrics, outputs=self.outputs, loss=loss, known=known),
                images,
                "product and logarithm; argmax and equality",
                shape,
                False,
            )
            for known in (False, True)
        }

    # What runs

    def train(self, meter: Meter, outer: str, depths: Depths, reveals: bool) -> Depths:
        """Take a step."""
        depths = self._forward(meter, outer, 0, depths)
        states = [self._backward(meter, outer, len(self.stages) - 1, depths)]
        if reveals:
            states.append(meter.run(outer, self._metrics[True], depths))
        return join(*states)

    def answer(self, meter: Meter, outer: str, depths: Depths) -> Depths:
        """Compute logits."""
        for stage in self.stages:
            for one in (stage.recalled, stage.forward):
                if one is not None:
                    depths = meter.run(outer, one, depths)
        return depths

    def measure(self, meter: Meter, outer: str, depths: Depths) -> Depths:
        """Compute logits, loss and right answers."""
        return meter.run(outer, self._metrics[False], self.answer(meter, outer, depths))

    def _forward(self, meter: Meter, outer: str, index: int, depths: Depths) -> Depths:
        if index == len(self.stages):
            return meter.run(outer, self._probabilities, depths)
        stage = self.stages[index]
        for one in (stage.statistics, stage.forward):
            if one is not None:
                depths = meter.run(outer, one, depths)
        rest = self._forward(meter, outer, index + 1, depths)
        return rest if stage.ways is None else join(meter.run(outer, stage.ways, depths), rest)

    def _backward(self, meter: Meter, outer: str, index: int, depths: Depths) -> Depths:
        if index < 0:
            return depths
        stage = self.stages[index]
        if stage.gradient is not None:
            depths = meter.run(outer, stage.gradient, depths)
        before = self._backward(meter, outer, index - 1, depths)
        return before if stage.update is None else join(meter.run(outer, stage.update, depths), before)

    # Pieces

    def _stage(self, plan: LayerPlan, pooling: LayerPlan | None, sums: bool) -> Stage:
        images, last = self.images, pooling or plan
        n = images * math.prod(last.output)
        shape: dict[str, Any] = {"images": images, "input": plan.input, "output": last.output}
        if not isinstance(plan.layer, Dense | Flatten | Add | BatchNormalisation):
            shape |= {"window": plan.window, "stride": plan.stride, "pads": plan.pads}
        if pooling is not None:
            shape |= {"pool": pooling.window}
        pools = isinstance(last.layer, MaxPooling2D)
        entries = math.prod(last.window) if pools else 1
        linear = isinstance(plan.layer, Conv2D | Dense | BatchNormalisation)
        chosen = entries > 1 or plan.relu
        path = None
        if pools or plan.relu:
            path = self._piece(
                f"{plan.name}.ways",
                partial(all_ways, entries=entries, activation=plan.relu),
                n,
                "ANDs of the choices down the tournament; first principles",
                shape,
            )
        forward = self._layer(plan, pooling, entries, n, shape)
        if not linear and not led(plan):
            return Stage(plan, forward, path, None, None)
        if isinstance(plan.layer, Flatten) or (not sums and not (pools or plan.relu)):
            cost: Callable[[Setting, Number], Cost] = _local
        else:
            cost = partial(gradient, entries=entries, sums=sums, chosen=chosen)
        if isinstance(plan.layer, BatchNormalisation):
            return self._normalised(plan, forward, path, cost, n, shape)
        led_back = self._piece(
            f"{plan.name}.gradient", cost, n, "sums truncated, chosen and lifted on halves", shape
        )
        updated = None
        if plan.kernel is not None:
            biases = math.prod(plan.bias) if plan.bias else 0
            updated = self._piece(
                f"{plan.name}.update",
                partial(update, biases=biases),
                math.prod(plan.kernel),
                "one truncation a weight, safe: constructions.md#training",
                {"kernel": plan.kernel, "biases": biases},
            )
        return Stage(plan, forward, path, led_back, updated)

    def _normalised(
        self,
        plan: LayerPlan,
        forward: Piece | None,
        path: Piece | None,
        back: Callable[[Setting, Number], Cost],
        n: int,
        shape: dict[str, Any],
    ) -> Stage:
        """Return a layer that normalises a batch: a linear layer's sums, and what is done by channel."""
        width, count = plan.output[-1], self.images * math.prod(plan.output[:-1])

        def of(setting: Setting) -> Channels:
            sizes = Sizes(setting.l, setting.f, setting.V)
            steps = functions.rows_of(setting)
            return Channels(steps, sizes, int(weight_bits(setting)), count, plan.layer.epsilon)

        def led_back(setting: Setting, n: Number) -> Cost:
            return sequence(back(setting, n), of(setting).slopes(width))

        def moved(setting: Setting, channels: Number) -> Cost:
            return together(update(setting, channels, width), of(setting).remembered(channels))

        source = "training.md#batch-normalisation"
        shape |= {"channels": width, "values": count}
        name = f"{plan.name}.statistics"
        return Stage(
            plan,
            forward,
            path,
            self._piece(f"{plan.name}.gradient", led_back, n, source, shape, False),
            self._piece(f"{plan.name}.update", moved, width, source, shape, False),
            self._piece(name, lambda s, c: of(s).statistics(c), width, source, shape, False),
            self._piece(name, lambda s, c: of(s).recalled(c), width, source, shape, False),
        )

    def _layer(
        self, plan: LayerPlan, pooling: LayerPlan | None, entries: int, n: int, shape: dict[str, Any]
    ) -> Piece | None:
        if isinstance(plan.layer, Flatten):
            return None
        if isinstance(plan.layer, Add):
            source = "POMIC algorithm 3 of a sum"
            return (
                self._piece(f"{plan.name}.relu", operations.relu, n, source, shape) if plan.relu else None
            )
        if isinstance(plan.layer, MaxPooling2D):
            cost: Callable[[Setting, Number], Cost] = partial(operations.max_pool, entries=entries)
            return self._piece(plan.name, cost, n, "POMIC algorithm 4", shape)
        if isinstance(plan.layer, AveragePooling2D):
            local = "local sums × 1/count, truncated"
            cost = partial(functions.average, counts=set(map(int, windows.counts(plan).flat)))
            return self._piece(plan.name, cost, n, local, shape, general=False)
        if not isinstance(plan.layer, Conv2D | Dense | BatchNormalisation):
            raise NoFormula(f"layer {plan.layer.type!r} in training")
        if pooling is None and not plan.relu:
            source = "sums of products (Araki et al. 2016), truncated by the weights' bits"
            return self._piece(plan.name, products, n, source, shape)
        return self._block(plan, pooling, entries, n, shape)

    def _block(
        self, plan: LayerPlan, pooling: LayerPlan | None, entries: int, n: int, shape: dict[str, Any]
    ) -> Piece:
        """Return a linear layer's sums through pooling and ReLU, as in inference."""
        spans = (plan.name, pooling.name if pooling else "", f"{plan.name}.relu")
        sources = {
            spans[0]: "sums of products: constructions.md#truncation-to-halves",
            spans[2]: "POMIC algorithm 3 on halves, lift: constructions.md#pooling-block",
        }
        if pooling is not None:
            sources[spans[1]] = "POMIC algorithm 4 on halves: constructions.md#pooling-block"

        def strand(setting: Setting, size: Number) -> Stages:
            stages = layers.sums_to_share(setting, size, entries, plan.relu, spans)
            if pooling is not None and entries == 1:
                stages.insert(1, (pooling.name, LOCAL))
            return stages

        def build(setting: Setting, n: Number) -> list[Stages]:
            sizes = [third(n, t) for t in range(SERVERS)] if setting.rotate else [n]
            return [
                [(name, cost.cast(t)) for name, cost in strand(setting, size)]
                for t, size in enumerate(sizes)
                if size != 0
            ]

        return Piece(Block(build, n, sources, shape), build(self.setting, n))


def products(setting: Setting, n: Number) -> Cost:
    """Truncate n sums of products with weights, by the weights' fraction bits."""
    shift = weight_bits(setting)
    return rotated(lambda size: truncations.product(setting, size, shift), n, setting.rotate)


def _local(setting: Setting, n: Number) -> Cost:
    return LOCAL


def _sums_arrive(plans: Sequence[LayerPlan]) -> dict[int, bool]:
    """Return, for every output, whether its gradient arrives as sums, not yet truncated.

    Linear layers and averages hand on sums; largest values and additions shares; a rearrangement what it
    got. One of several that is sums makes all of them sums.
    """
    found = dict.fromkeys(range(-1, len(plans)), False)
    for plan in reversed(plans):
        hands = isinstance(plan.layer, Conv2D | Dense | AveragePooling2D | BatchNormalisation) or (
            isinstance(plan.layer, Flatten) and found[plan.index]
        )
        for source in plan.sources:
            found[source] |= hands
    return found
