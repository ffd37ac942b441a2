"""What a step of training is made of, over the interface of a family: forward, back, update, loss.

Nothing is compared again on the way back: the bits that chose in the forward pass, one a pair of a window's
tournament and one a ReLU, choose again, level by level from a window's output down to its entries. Every
gradient is cut to its scale at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpcsim import InputError
from protocols import functions, layers
from protocols.domains import Words
from protocols.family import NO_PADDING, Bit, Family, Linear, NotOffered, Padding, Pooling, Sum, Value
from protocols.layers import pooling_entries
from protocols.training.gradients import (
    Window,
    input_gradient,
    inputs_first,
    inputs_third,
    weight_gradient,
)
from protocols.training.schedule import Descent, Scales

INITIAL_BITS = 16
"""Random bits of a first weight."""

Look = Callable[[Words, int], None]
"""Looks at this server's part of sums, a summand of values times 2^shift; for observers."""


def limit(rule: str, fan_in: int, fan_out: int) -> float:
    """Return the half-width of the uniform distribution of first weights: He 2015, or Glorot 2010."""
    return math.sqrt(6.0 / fan_in if rule == "he" else 6.0 / (fan_in + fan_out))


def grid(width: float, bits: int) -> tuple[int, int]:
    """Return (step, offset): first weights are step · r − offset for r below 2^16, symmetric about 0.

    Raises:
        InputError: the width does not fit the scale 2^bits.
    """
    step = round(width * 2.0 ** (bits + 1 - INITIAL_BITS))
    if step == 0 or step >> (bits + 1):
        raise InputError(f"first weights within ±{width:g} do not fit {bits} fraction bits")
    return step, (step << (INITIAL_BITS - 1)) - step // 2


def trainer_of(me: Family) -> Any:
    """Return the trainer of a view.

    Raises:
        NotOffered: the family has none.
    """
    found = getattr(me, "trainer", None)
    if found is None:
        raise NotOffered("private_training", me.name)
    return found()


@dataclass(frozen=True)
class Taken:
    """What chose the outputs of windows: the bits that lead a gradient back.

    Attributes:
        levels: of the tournament, from the entries up: pairs, and the bit that is 1 where the second won.
        positive: the bit that is 1 where ReLU let a sum pass.
    """

    levels: list[tuple[int, Bit]] = field(default_factory=list)
    positive: Bit | None = None


class Trainer:
    """One server's steps of training over its view.

    Attributes:
        me: the view.
        ahead: whether the ways back are worked out beside the forward pass.
    """

    ahead = False

    def __init__(self, me: Family) -> None:
        self.me = me

    # Forward

    async def forward(
        self, layer: Linear, pooling: Pooling | None, relu: bool, shift: int, look: Look | None
    ) -> tuple[Value, tuple[int, ...], list[Any]]:
        """Return relu(maxpool(sums / 2^shift)) of a linear layer, the shape of its sums, what chose.

        Rounds and bits: those of the closed product; of a sign and a selection for each level and for ReLU.
        """
        me = self.me
        with me.party.span(layer.name, layer.op):
            z = await me.product(layer.kind, layer.x, layer.kernel, layer.stride, layer.padding)
            if layer.bias is not None:
                z = me.bias(z, layer.bias)
            x = await self.closed(z, shift, look)
        shape = x.shape
        taken: list[Any] = []
        if pooling is not None:
            with me.party.span(pooling.name, "max pooling"):
                x, taken = await self.max_pool(x, pooling.window, pooling.stride)
        if not relu:
            return x, shape, taken
        with me.party.span(f"{layer.name}.relu", "relu"):
            x, (passed,) = await self.relu(x)
        levels = taken[0].levels if taken else []
        return x, shape, [Taken(levels, passed.positive)]

    async def closed(self, z: Sum, shift: int, look: Look | None) -> Value:
        """Return z / 2^shift; a family that can hands what it opened to nobody to the observer."""
        return await self.me.close(z, shift)

    async def relu(self, x: Value) -> tuple[Value, list[Any]]:
        """Return max(x, 0) of a value, and what chose; rounds and bits of a sign and a selection."""
        me = self.me
        positive = me.opposite(await me.negative(x, me.ring.value_bits))
        return await me.select(positive, x), [Taken([], positive)]

    async def max_pool(
        self, x: Value, window: Window, stride: Window | None = None, padding: Padding = NO_PADDING
    ) -> tuple[Value, list[Any]]:
        """Return maxima over windows of (n, h, w, c), and what chose them; the first of equals wins."""
        me = self.me
        entries, pooled = pooling_entries(me, x, window, stride, padding)
        levels: list[tuple[int, Bit]] = []
        while (count := entries.shape[0]) > 1:
            paired = count - count % 2
            first, second = (me.cut(entries, slice(place, paired, 2)) for place in (0, 1))
            gap = me.subtract(first, second)
            later = await me.negative(gap, me.ring.value_bits + 1)
            gain = await me.select(me.opposite(later), gap)
            levels.append((paired // 2, later))
            entries = me.concatenate([me.add(second, gain), me.cut(entries, slice(paired, None))])
        return me.reshape(entries, pooled), [Taken(levels)]

    async def average_pool(
        self, x: Value, window: Window, stride: Window, padding: Padding, counts: NDArray[np.int64]
    ) -> Value:
        """Return means over windows."""
        return await layers.average_pool(self.me, x, window, stride, padding, counts)

    async def routes(self, taken: Sequence[Any]) -> list[Any]:
        """Return what leads gradients back, from what chose; no message."""
        return list(taken)

    # Back

    async def back(self, g: Value, ways: Iterable[Any]) -> Value:
        """Return, of a gradient of n outputs, (entries, n): what each entry of their windows gets.

        Rounds and bits: those of a selection for ReLU and for each level of the tournament.
        """
        me = self.me
        (taken,) = ways
        g = me.reshape(g, (1, math.prod(g.shape)))
        if taken.positive is not None:
            g = await me.select(taken.positive, g)
        for pairs, later in reversed(taken.levels):
            paired, rest = me.cut(g, slice(0, pairs)), me.cut(g, slice(pairs, None))
            second = await me.select(later, paired)
            both = me.stack([me.subtract(paired, second), second], 1)
            g = me.concatenate([me.reshape(both, (2 * pairs, g.shape[1])), rest])
        return g

    async def value(self, g: Any) -> Value:
        """Return a gradient as a value."""
        return g

    def joined(self, g: Any, other: Any) -> Any:
        """Return the sum of two gradients by one output; no message."""
        return self.me.add(g, other)

    def to_images(self, entries: Value, shape: tuple[int, ...], window: Window, stride: Window) -> Value:
        """Return (n, h, w, c): windows' entries summed at their places; no message."""
        k = self.me.kernels
        return self.me.local(lambda part: k.scatter_windows(part, shape, window, stride), entries)

    async def by_input(self, layer: Linear, g: Value, shift: int, look: Look | None) -> Any:
        """Return the gradient by a linear layer's input, from that by its sums."""
        return await self.closed(await input_gradient(self.me, layer, g), shift, look)

    async def by_sums(self, z: Sum, shift: int, look: Look | None) -> Any:
        """Return a gradient of sums, as it goes on to the layers before."""
        return await self.closed(z, shift, look)

    async def by_average(
        self, g: Value, counts: NDArray[np.int64], spread: Callable[[Value], Value], places: int
    ) -> Any:
        """Return the gradient by an average pooling's input.

        Args:
            g: by its output, (n, oh, ow, c).
            counts: places of each window that count.
            spread: puts (places, n) of windows onto the input.
            places: of a window.
        """
        me = self.me
        factors, shift = layers.mean_factors(me, counts)
        each = me.scale(g, me.ring.encode_integers(np.broadcast_to(factors, g.shape)))
        flat = me.reshape(each, (math.prod(g.shape),))
        return await me.close(me.as_sum(spread(me.stack([flat] * places, 0))), shift)

    # Update

    async def update(
        self,
        layer: Linear,
        scales: Scales,
        steps: tuple[Descent, Descent],
        g: Value,
        held: Sequence[tuple[Value, Value]],
        look: Look | None,
    ) -> list[tuple[Value, Value]]:
        """Return (weight, velocity) of a kernel, and of its bias where there is one, after a step.

        Args:
            steps: public numbers of a kernel's step, and of a bias's.
            g: the gradient by the layer's sums.
            held: weight and velocity of each.
            look: called with the kernel's whole sum, which fits where it is below 2^(l − 2).
        """
        me, k = self.me, self.me.kernels
        top = me.ring.bits - 1 - me.ring.value_bits
        finer = me.scale(g, me.ring.encode_integers(np.asarray(steps[0].batch)))
        z = await weight_gradient(me, layer, finer)
        rest = inputs_first(me, _kept(me, steps[0], *held[0]))
        looked = None if look is None else partial(_at, look, top)
        moves = [self.closed(me.plus(z, me.as_sum(rest)), scales.update, looked)]
        if len(held) > 1:
            units = g.shape[-1]
            total = me.total(me.reshape(g, (math.prod(g.shape[:-1]), units)), 0)
            factor = steps[1].batch << scales.value
            total = me.local(lambda part: k.mul(part, me.ring.encode_integers(np.asarray(factor))), total)
            moves.append(me.close(me.as_sum(me.add(total, _kept(me, steps[1], *held[1]))), scales.update))
        found = list(await me.party.gather(*moves))
        found[0] = inputs_third(me, found[0])
        return [
            (
                me.subtract(weight, me.scale(velocity, me.ring.encode_integers(np.asarray(step.rate)))),
                velocity,
            )
            for step, (weight, _), velocity in zip(steps, held, found, strict=False)
        ]

    async def moved(
        self, scales: Scales, step: Descent, g: Value, held: tuple[Value, Value]
    ) -> tuple[Value, Value]:
        """Return (weight, velocity) after a step by a gradient that is a value at the gradients' scale."""
        me = self.me.safely()
        total = me.scale(g, me.ring.encode_integers(np.asarray(step.batch << scales.value)))
        velocity = await me.close(me.as_sum(me.add(total, _kept(me, step, *held))), scales.update)
        rate = me.ring.encode_integers(np.asarray(step.rate))
        return me.subtract(held[0], me.scale(velocity, rate)), velocity

    # Losses

    async def probabilities(self, loss: str, logits: Value) -> Value:
        """Return softmax of each row of (n, outputs), or sigmoid of each output."""
        if loss == "softmax":
            return await functions.softmax(self.me, logits)
        return await functions.sigmoid(self.me, logits)

    def slope(self, p: Value, targets: Value, lift: int) -> Value:
        """Return the gradient p − y of either loss by the logits, times `lift`; no message."""
        me = self.me
        difference = me.subtract(p, me.scale(targets, me.constant(1, me.ring.fraction_bits)))
        return me.scale(difference, me.ring.encode_integers(np.asarray(lift)))

    async def total_loss(self, loss: str, p: Value, targets: Value) -> Value:
        """Return Σ −ln(q + 2^−f) over the batch, q the probability given to the truth; shape (1,)."""
        me, one = self.me, self.me.constant(1, self.me.ring.fraction_bits)
        if loss == "softmax":
            q = me.total(await functions.multiply(me, p, targets), 1)
        else:
            change = me.subtract_public(me.scale(p, me.ring.encode_integers(np.asarray(2))), one)
            product = await functions.multiply(me, change, targets)
            right = me.add(me.add_public(me.negate(p), one), product)
            q = me.reshape(right, (math.prod(p.shape),))
        logs = await functions.logarithm(me, me.add_public(q, me.ring.encode_integers(np.asarray(1))))
        return me.negate(self._summed(logs))

    async def count_right(self, logits: Value, targets: Value) -> Value:
        """Return how many rows of logits are classified as their targets say, an integer; shape (1,)."""
        me, k = self.me, self.me.kernels
        outputs = targets.shape[1]
        if outputs == 1:
            label = me.reshape(targets, targets.shape[:1])
        else:
            numbers = k.positions((outputs, 1), me.ring.dtype).reshape(1, outputs)
            label = me.total(me.scale(targets, numbers), 1)
        return self._summed(await functions.equal(me, await self.classes(logits), label))

    def _summed(self, x: Value) -> Value:
        return self.me.total(self.me.reshape(x, (1, math.prod(x.shape))), 1)

    async def classes(self, logits: Value) -> Value:
        """Return the class of each row: the largest logit's place; of one output, whether it is ≥ 0."""
        me = self.me
        if logits.shape[1] > 1:
            return await functions.argmax(me, logits)
        sign = await me.negative(me.reshape(logits, logits.shape[:1]))
        return await me.to_value(me.opposite(sign))

    # First weights

    async def uniform(self, shape: tuple[int, ...], width: float, bits: int) -> Value:
        """Return values uniform on 2^16 points of (−width, width), at scale 2^bits, known to nobody.

        Raises:
            InputError: the width does not fit the scale.
        """
        me = self.me
        step, middle = grid(width, bits)
        number = me.scale(await self.drawn(math.prod(shape)), me.ring.encode_integers(np.asarray(step)))
        moved = me.add_public(number, me.ring.encode_integers(np.asarray(-middle)))
        return me.reshape(moved, shape)

    async def drawn(self, count: int) -> Value:
        """Return integers uniform below 2^16 that no server knows.

        Raises:
            NotOffered: the family draws none.
        """
        raise NotOffered("first weights that nobody knows", self.me.name)


def _at(look: Look, shift: int, words: Words, _: int) -> None:
    look(words, shift)


def _kept(me: Family, step: Descent, weight: Value, velocity: Value) -> Value:
    """Return what an update keeps: the velocity's part, and the weight's where it decays; local."""
    kept = me.scale(velocity, me.ring.encode_integers(np.asarray(step.momentum)))
    if not step.decay:
        return kept
    return me.add(kept, me.scale(weight, me.ring.encode_integers(np.asarray(step.decay))))
