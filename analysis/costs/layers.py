"""Layers and whole networks, forward: blocks of named spans over thirds of their outputs.

A block's thirds run side by side from beginning to end, so the spans inside it overlap; their rounds
come from following the depths of every third, as `Span` says.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from analysis.costs import halves
from analysis.costs.algebra import SERVERS, Cost, sequence, together
from analysis.costs.numbers import Number, third
from analysis.costs.operations import argmax, max_pool, truncate
from analysis.costs.setting import Setting
from analysis.costs.signs import sign
from scenarios.model import AveragePooling2D, Conv2D, Dense, LayerPlan, MaxPooling2D

Stages = list[tuple[str, Cost]]
"""Named steps one after the other."""


@dataclass(frozen=True)
class Block:
    """What runs from one sharing to the next.

    Attributes:
        strands: for each third that is not empty, its spans in order, costs by server.
        formulas: the same spans for n outputs, symbolic, where asked for.
    """

    strands: list[Stages]
    outputs: int
    source: str
    window: int = 1


@dataclass
class Span:
    """A span's cost: `rounds` is the greatest depth on leaving minus the greatest on entering."""

    rounds: int = 0
    sent: list[int] = field(default_factory=lambda: [0] * SERVERS)
    source: str = ""
    outputs: int = 0


# One third of a block


def sums_to_share(
    setting: Setting, n: Number, entries: int, relu: bool, spans: tuple[str, str, str]
) -> Stages:
    """A linear layer's sums, max pooling over `entries` of them, ReLU: to n shared outputs.

    Pooling first: max(relu) = relu(max), and both live on halves mod 2^(V+1). The lift to 2^l comes
    last where select takes two rounds; where it takes one, beside the sign.

    Source: protocol-notes.md, "More that was counted or run" (block and lift).
    """
    linear, pooling, activation = spans
    k = setting.V + 1
    stages = [(linear, halves.truncated_sums(entries * n, k))]
    if entries > 1:
        stages.append((pooling, halves.tournament(setting, n, entries, k)))
    lift, share = halves.lift(setting, n, k), halves.to_share(setting, n)
    if not relu:
        stages.append((pooling, sequence(lift, share)))
    elif setting.select == "two_rounds":
        signed = sign(setting, n, setting.V)
        chosen = halves.select(setting, n, k)
        stages.append((activation, sequence(signed, chosen, lift, share)))
    else:
        signed = together(sign(setting, n, setting.V), lift)
        chosen = halves.select(setting, n, setting.l)
        stages.append((activation, sequence(signed, chosen, share)))
    return stages


# Layers


def block(
    setting: Setting, outputs: int, entries: int, relu: bool, spans: tuple[str, str, str]
) -> Block:
    """Return a linear layer with what follows it; `outputs` counts windows of all images and channels."""
    sizes = [third(outputs, t) for t in range(SERVERS)] if setting.rotate else [outputs]
    strands = [
        [(name, cost.cast(t)) for name, cost in sums_to_share(setting, size, entries, relu, spans)]
        for t, size in enumerate(sizes)
        if size
    ]
    return Block(strands, outputs, "sums, pooling, ReLU on halves: protocol-notes.md", entries)


def single(name: str, cost: Cost, outputs: int, source: str, window: int = 1) -> Block:
    """Return a block of one span."""
    return Block([[(name, cost)]], outputs, source, window)


def conv2d(
    setting: Setting,
    images: int,
    image: tuple[int, int],
    kernel: tuple[int, int],
    filters: int,
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int] = (0, 0),
) -> Cost:
    """Convolution with truncation: only the outputs cost, ⌊(size + 2·padding − kernel)/stride⌋ + 1 a side.

    Source: Araki et al. 2016 for sums of products; the truncation's own.
    """
    sides = [
        (size + 2 * pad - width) // step + 1
        for size, pad, width, step in zip(image, padding, kernel, stride, strict=True)
    ]
    return truncate(setting, images * math.prod(sides) * filters)


def dense(setting: Setting, images: int, units: int) -> Cost:
    """Dense layer with truncation: only the outputs cost. Source: as `conv2d`."""
    return truncate(setting, images * units)


def blocks(setting: Setting, plans: Sequence[LayerPlan], images: int) -> list[Block]:
    """Return the blocks of a network's forward pass.

    Max pooling joins the convolution before it where its windows neither overlap nor are padded.
    """
    found: list[Block] = []
    rest = list(plans)
    while rest:
        plan = rest.pop(0)
        outputs = images * math.prod(plan.output)
        if isinstance(plan.layer, Conv2D | Dense):
            pooling = rest.pop(0) if rest and _joins(plan, rest[0]) else None
            found.append(_linear(setting, plan, pooling, images))
        elif isinstance(plan.layer, MaxPooling2D):
            entries = math.prod(plan.window)
            cost = max_pool(setting, outputs, entries)
            found.append(single(plan.name, cost, outputs, "POMIC algorithm 4", entries))
        elif isinstance(plan.layer, AveragePooling2D):
            cost = truncate(setting, outputs)
            found.append(single(plan.name, cost, outputs, "local sums times 1/count, truncated"))
    return found


def _linear(setting: Setting, plan: LayerPlan, pooling: LayerPlan | None, images: int) -> Block:
    outputs = images * math.prod((pooling or plan).output)
    if pooling is None and not plan.relu:
        return single(plan.name, truncate(setting, outputs), outputs, "sums of products, truncated")
    entries = math.prod(pooling.window) if pooling else 1
    spans = (plan.name, pooling.name if pooling else plan.name, f"{plan.name}.relu")
    return block(setting, outputs, entries, plan.relu, spans)


def _joins(plan: LayerPlan, following: LayerPlan) -> bool:
    return (
        isinstance(plan.layer, Conv2D)
        and isinstance(following.layer, MaxPooling2D)
        and all(step >= side for step, side in zip(following.stride, following.window, strict=True))
        and following.pads == ((0, 0), (0, 0))
    )


def classification(setting: Setting, images: int, classes: int) -> Block:
    """Return the argmax that ends an inference."""
    cost = argmax(setting, images, classes)
    return single("argmax", cost, images, "tournament with indices", classes)


# Whole networks


def follow(chain: Sequence[Block], start: Sequence[int] = (0, 0, 0)) -> tuple[dict[str, Span], Span]:
    """Run the depths through blocks; return every span by name, and the whole."""
    depths = tuple(start)
    spans: dict[str, Span] = {}
    for block in chain:
        states = [depths for _ in block.strands]
        for position in range(len(block.strands[0]) if block.strands else 0):
            entered = max(map(max, states))
            for index, strand in enumerate(block.strands):
                name, cost = strand[position]
                states[index] = cost.after(states[index])
                span = spans.setdefault(name, Span(source=block.source, outputs=block.outputs))
                span.sent = [a + b for a, b in zip(span.sent, cost.sent, strict=True)]
            spans[name].rounds += max(map(max, states)) - entered
        if states:
            depths = tuple(map(max, zip(*states, strict=True)))
    whole = Span(rounds=max(depths) - max(start))
    for span in spans.values():
        whole.sent = [a + b for a, b in zip(whole.sent, span.sent, strict=True)]
    return spans, whole
