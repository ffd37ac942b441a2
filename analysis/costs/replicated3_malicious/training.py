"""A training where every message is proven: steps as they are written once, claims counted, a proof a step.

What runs beside what, and the spans, are those of any training (`analysis.costs.replicated3`); what each
costs is priced here over the steps of this family. Sums are reshared and cut at once, forward and back.
A gradient by a kernel is one product of matrices whose inner side is the batch's sums; one by an input has
the kernel's taps times filters as its inner side.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from analysis.costs.algebra import LOCAL, Cost, rotated, sequence, together
from analysis.costs.families import FamilySetting
from analysis.costs.numbers import Number, packed
from analysis.costs.pieces import Channels, Sizes
from analysis.costs.replicated3 import (
    Block,
    Depths,
    Meter,
    Pass,
    Piece,
    Setting,
    Stage,
    Training,
    update_bits,
    weight_bits,
)
from analysis.costs.replicated3_malicious import catalogue, proof, steps
from analysis.costs.replicated3_malicious.catalogue import WRITTEN
from analysis.costs.written import mean_shift
from scenarios.networks import (
    AveragePooling2D,
    BatchNormalisation,
    Conv2D,
    Dense,
    LayerPlan,
    MaxPooling2D,
    led,
    trained_blocks,
)

_RANDOM_BITS = 16
_SUMS = "malicious.md#training"
_SIGN = "malicious.md#comparison"
_ALL = "malicious.md; docs/constructions.md#accuracy"
_CHANNELS = "training.md#batch-normalisation"

Price = Callable[[FamilySetting, Number], Cost]


def won(entries: int) -> list[int]:
    """Return the pairs of each level of a tournament, from the entries up."""
    levels = []
    while entries > 1:
        levels.append(entries // 2)
        entries -= entries // 2
    return levels


def cut(setting: FamilySetting, n: Number, inner: int, shift: Number) -> Cost:
    """Price n sums of products, reshared and cut."""
    shared = steps.mapped(n, setting.l, [2 * inner])
    return sequence(shared, WRITTEN.truncation(setting, n, shift))


def by_values(setting: FamilySetting, n: Number, products: int) -> Cost:
    """Price n sums of so many elementwise products, reshared and cut by the weights' bits."""
    shared = steps.product(n, setting.l, 2 * products)
    return sequence(shared, WRITTEN.truncation(setting, n, weight_bits(setting)))


def compete(setting: FamilySetting, n: Number, entries: int) -> Cost:
    """Price the tournaments of n windows, level by level: a sign, a selection of the gap."""
    levels = [
        sequence(WRITTEN.sign(setting, pairs * n, setting.V + 1), WRITTEN.select(setting, pairs * n))
        for pairs in won(entries)
    ]
    return sequence(*levels)


def led_back(setting: FamilySetting, n: Number, entries: int, activation: bool) -> Cost:
    """Price a gradient's way: a selection by ReLU's bit, and one a level, from the output down."""
    counts = [*([1] if activation else []), *reversed(won(entries))]
    return sequence(*(WRITTEN.select(setting, count * n) for count in counts))


def rectify(setting: FamilySetting, n: Number) -> Cost:
    """Price a sign, and a selection by it."""
    return sequence(WRITTEN.sign(setting, n, setting.V), WRITTEN.select(setting, n))


def probabilities(setting: FamilySetting, images: Number, outputs: int, loss: str) -> Cost:
    """Price softmax of every row, or sigmoid of every output."""
    if loss == "softmax":
        return WRITTEN.softmax(setting, images, outputs)
    return WRITTEN.sigmoid(setting, images * outputs)


def classes(setting: FamilySetting, images: Number, outputs: int) -> Cost:
    """Price the largest logit's place; of one output, its sign as a number."""
    if outputs == 1:
        return sequence(WRITTEN.sign(setting, images, setting.V), WRITTEN.numbers(setting, images))
    return catalogue.argmax(setting, images, outputs)


def metrics(setting: FamilySetting, images: Number, outputs: int, loss: str, known: bool) -> Cost:
    """Price the summed loss and, beside it, right answers; first the probabilities, where unknown."""
    logarithms = images if loss == "softmax" else images * outputs
    losses = sequence(WRITTEN.product(setting, images * outputs), WRITTEN.logarithm(setting, logarithms))
    right = sequence(classes(setting, images, outputs), WRITTEN.equal(setting, images))
    first = LOCAL if known else probabilities(setting, images, outputs, loss)
    return sequence(first, together(losses, right))


def initial(setting: FamilySetting, n: Number) -> Cost:
    """Price n first weights: 16 bits that keys give, as numbers."""
    return rotated(lambda size: steps.numbers_of_bits(size, setting.l, _RANDOM_BITS), n)


class ProvenPass(Pass):
    """Forward and backward pass whose every sum is reshared."""

    def __init__(self, setting: Any, plans: Sequence[LayerPlan], loss: str, images: int) -> None:
        """Build the pieces of a network."""
        self.setting, self.images = setting, images
        outputs = plans[-1].output[0]
        shape = {"rows": images, "outputs": outputs}
        self.stages = [self._proven(*both) for both in trained_blocks(plans)]

        def odds(setting: FamilySetting, n: Number) -> Cost:
            return probabilities(setting, n, outputs, loss)

        def measured(known: bool) -> Price:
            return lambda setting, n: metrics(setting, n, outputs, loss, known)

        self._probabilities = self._spans([("loss", odds, _ALL)], images, shape)
        self._metrics = {
            known: self._spans([("metrics", measured(known), _ALL)], images, shape)
            for known in (False, True)
        }

    def _spans(self, spans: Sequence[tuple[str, Price, str]], outputs: int, shape: dict[str, Any]) -> Piece:
        """Return a piece of spans one after the other."""

        def build(setting: Any, n: Number) -> list[Any]:
            return [[(name, price(setting, n)) for name, price, _ in spans]]

        block = Block(build, outputs, {name: source for name, _, source in spans}, shape)
        return Piece(block, build(self.setting, outputs), general=False)

    def _proven(self, plan: LayerPlan, pooling: LayerPlan | None) -> Stage:
        images, last = self.images, pooling or plan
        n, ins = images * math.prod(last.output), images * math.prod(plan.input)
        pools = isinstance(last.layer, MaxPooling2D)
        entries = math.prod(last.window) if pools else 1
        chosen = entries > 1 or plan.relu
        shape: dict[str, Any] = {"images": images, "input": plan.input, "output": last.output}
        forward: list[tuple[str, Price, str]] = []
        back: list[Price] = [lambda s, n: led_back(s, n, entries, plan.relu)] if chosen else []
        updated = None
        if isinstance(plan.layer, Conv2D | Dense):
            assert plan.kernel is not None
            *taps, filters = plan.kernel
            sums, inner = images * math.prod(plan.output), math.prod(taps)
            weights, biases = math.prod(plan.kernel), math.prod(plan.bias) if plan.bias else 0
            forward.append(
                (
                    plan.name,
                    lambda s, n: cut(s, sums if isinstance(n, int) else entries * n, inner, weight_bits(s)),
                    _SUMS,
                )
            )
            whole = images
            out = filters
            if isinstance(plan.layer, Conv2D):
                spaced = [(c - 1) * step + 1 for c, step in zip(plan.output[:2], plan.stride, strict=True)]
                whole, out = images * math.prod(spaced), math.prod(taps[:2]) * filters
            if led(plan):
                back.append(lambda s, n: cut(s, ins, out, weight_bits(s)))

            def moved(s: FamilySetting, n: Number) -> Cost:
                kernel = cut(s, n, whole, update_bits(s))
                if not biases:
                    return kernel
                return together(kernel, WRITTEN.truncation(s, biases, update_bits(s)))

            updated = self._spans(
                [(f"{plan.name}.update", moved, _SUMS)], weights, {"kernel": plan.kernel, "biases": biases}
            )
        if isinstance(plan.layer, AveragePooling2D):

            def mean(s: FamilySetting, n: Number) -> Cost:
                return WRITTEN.truncation(s, n, mean_shift(s, plan))

            forward.append((plan.name, mean, "sums × 1/count"))
            back.append(lambda s, n: mean(s, ins))
        if pools:
            forward.append((last.name, lambda s, n: compete(s, n, entries), _SIGN))
        if plan.relu:
            forward.append((f"{plan.name}.relu", rectify, _SIGN))
        if isinstance(plan.layer, BatchNormalisation):
            return self._proven_norm(plan, n, entries, forward, back, shape)
        gradient = None
        if led(plan) or updated is not None:

            def backward(s: FamilySetting, n: Number) -> Cost:
                return sequence(*(price(s, n) for price in back))

            gradient = self._spans([(f"{plan.name}.gradient", backward, _SUMS)], n, shape)
        return Stage(plan, self._spans(forward, n, shape) if forward else None, None, gradient, updated)

    def _proven_norm(
        self,
        plan: LayerPlan,
        n: int,
        entries: int,
        after: Sequence[tuple[str, Price, str]],
        chosen: Sequence[Price],
        shape: dict[str, Any],
    ) -> Stage:
        """Return a layer that normalises a batch: sums of a product a value, and what is done by channel.

        Args:
            n: values that leave the block.
            after: pooling and ReLU.
            chosen: what the gradient goes through before.
        """
        width, values = plan.output[-1], self.images * math.prod(plan.output)
        count = values // width

        def of(s: FamilySetting) -> Channels:
            sizes = Sizes(s.l, s.f, s.V)
            return Channels(WRITTEN.rows(s), sizes, int(weight_bits(s)), count, plan.layer.epsilon)

        def sums(s: FamilySetting, n: Number) -> Cost:
            return by_values(s, values if isinstance(n, int) else entries * n, 1)

        def back(s: FamilySetting, n: Number) -> Cost:
            further = [by_values(s, values, 2)] if led(plan) else []
            return sequence(*(price(s, n) for price in chosen), of(s).slopes(width), *further)

        def moved(s: FamilySetting, channels: Number) -> Cost:
            step = WRITTEN.truncation(s, channels, update_bits(s))
            return together(step, step, of(s).remembered(channels))

        name = f"{plan.name}.statistics"
        known = {"channels": width, "values": count}
        return Stage(
            plan,
            self._spans([(plan.name, sums, _SUMS), *after], n, shape),
            None,
            self._spans([(f"{plan.name}.gradient", back, _CHANNELS)], n, shape),
            self._spans([(f"{plan.name}.update", moved, _CHANNELS)], width, known),
            self._spans([(name, lambda s, c: of(s).statistics(c), _CHANNELS)], width, known),
            self._spans([(name, lambda s, c: of(s).recalled(c), _CHANNELS)], width, known),
        )


class ProvenTraining(Training):
    """A whole training: all of a step is verified before the next begins, and before anything is shown."""

    def _pass_of(self, images: int) -> Pass:
        return ProvenPass(self.setting, self.plans, self.settings.training.loss, images)

    @property
    def _plain(self) -> Setting:
        return Setting(l=self.setting.l)

    def _drawn(self, kernels: Sequence[Sequence[int]]) -> Cost:
        return together(*(initial(self.setting, math.prod(shape)) for shape in kernels))

    def _classes(self, images: int) -> Cost:
        return classes(self.setting, images, self.plans[-1].output[0])

    def _shown(self, n: int) -> Sequence[int]:
        return [packed(n, self.setting.l) + steps.DIGEST] * 3

    def _joined(self) -> Cost:
        return steps.joining()

    def _settled(self, outer: str, meter: Meter, servers: Depths, shows: bool) -> Depths:
        checked = proof.verification(meter.taken(), self.setting.choice("security"), shows)
        entered = max(servers)
        servers = checked.after(servers)
        meter.add(outer, "verification", max(servers) - entered, checked.sent)
        return servers
