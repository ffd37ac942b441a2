"""Layers and whole networks, forward, in one file: blocks of named spans over thirds of their outputs.

A block's thirds run side by side from beginning to end, so the spans inside it overlap; their rounds
come from following the depths of every third, as `Span` says.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import Any

from analysis.costs.algebra import LOCAL, SERVERS, Cost, messages, sequence, together
from analysis.costs.numbers import Number, floor_div, third
from analysis.costs.replicated3 import halves, precision
from analysis.costs.replicated3.functions import mean
from analysis.costs.replicated3.operations import (
    argmax,
    client_input,
    client_output,
    max_pool,
    priced,
    relu,
    rescale,
    truncate,
)
from analysis.costs.replicated3.setting import Setting
from analysis.costs.replicated3.signs import sign
from scenarios.clear import windows
from scenarios.networks import MAPS, LayerPlan
from scenarios.networks import Block as Joined
from scenarios.networks import blocks as joined

Stages = list[tuple[str, Cost]]
"""Named steps one after the other."""


@dataclass(frozen=True)
class Block:
    """What runs from one sharing to the next.

    Attributes:
        build: for a setting (of the family whose block it is) and a number of outputs, the spans of each
            third, costs by server; strands that begin with different layers have those spans side by side.
        outputs: values that leave the block; windows, where pooling ends it.
        sources: where the cost of each span comes from.
        shape: the numbers of the layers, for the reader.
        stage: whether it is a stage of a pipeline even where it sends nothing.
        general: whether it is written with symbols for the ring; else it holds for a ring in numbers.
    """

    build: Callable[[Any, Number], list[Stages]]
    outputs: int
    sources: dict[str, str]
    shape: dict[str, Any]
    stage: bool = False
    general: bool = True


Depths = tuple[int, ...]
"""The length of the longest chain of messages at each server."""


@dataclass
class Span:
    """A span's cost: `rounds` is the greatest depth on leaving minus the greatest on entering.

    Of a whole: the depths that it leaves each server at.
    """

    rounds: int = 0
    sent: list[int] = field(default_factory=lambda: [0] * SERVERS)
    depths: Depths = ()


# One third of a block


def sums_to_share(
    setting: Setting, n: Number, entries: int, activation: bool, spans: tuple[str, str, str]
) -> Stages:
    """Return the spans from a linear layer's sums through max pooling and ReLU to n shared outputs.

    Pooling first: max(relu) = relu(max), and both live on halves mod 2^(V+1). The lift to 2^l comes
    last where select takes two rounds; where it takes one, beside the sign.

    Source: constructions.md#pooling-block.
    """
    linear, pooling, finish = spans
    k = setting.V + 1
    stages = [(linear, halves.truncated_sums(entries * n, k))]
    if entries > 1:
        stages.append((pooling, halves.tournament(setting, n, entries, k)))
    lift, share = halves.lift(setting, n, k), halves.to_share(setting, n)
    if not activation:
        stages.append((finish, sequence(lift, share)))
    elif setting.select == "two_rounds":
        signed = sign(setting, n, setting.V)
        chosen = halves.select(setting, n, k)
        stages.append((finish, sequence(signed, chosen, lift, share)))
    else:
        signed = together(sign(setting, n, setting.V), lift)
        chosen = halves.select(setting, n, setting.l)
        stages.append((finish, sequence(signed, chosen, share)))
    return stages


# Layers


def conv2d(
    setting: Setting,
    images: Number,
    image: tuple[Number, Number],
    kernel: tuple[Number, Number],
    filters: Number,
    stride: tuple[Number, Number] = (1, 1),
    padding: tuple[Number, Number] = (0, 0),
) -> Cost:
    """Convolution with truncation: its outputs alone cost, ⌊(size + 2·padding − kernel)/stride⌋ + 1 a side.

    Source: Araki et al. 2016 for sums of products; the truncation's own.
    """
    rows, columns = (
        floor_div(size + 2 * pad - width, step) + 1
        for size, pad, width, step in zip(image, padding, kernel, stride, strict=True)
    )
    return truncate(setting, images * rows * columns * filters)


def dense(setting: Setting, images: Number, units: Number) -> Cost:
    """Dense layer with truncation: only the outputs cost. Source: as `conv2d`."""
    return truncate(setting, images * units)


def blocks(setting: Setting, plans: Sequence[LayerPlan], images: int) -> list[Block]:
    """Return the blocks of a network's forward pass, those of the graph where `layers` says so.

    Sums that wait for the layer that adds them are a span that sends nothing.
    """
    found: list[Block] = []
    for one in joined(plans, setting.layers == "blocks"):
        found += [
            _single(plan, images, _local, "sums wait for the layer that adds them") for plan in one.added
        ]
        found += [_sums(setting, one, images)] if one.linear else _other(setting, one.head, images)
    return found


def _other(setting: Setting, plan: LayerPlan, images: int) -> list[Block]:
    """Return the blocks of a layer that reads shares and is not linear."""
    if plan.kind == "max":
        cost = partial(max_pool, entries=math.prod(plan.window))
        return [_single(plan, images, cost, "POMIC algorithm 4")]
    if plan.kind == "mean":
        widths = precision.mean(setting, set(map(int, windows.counts(plan).flat)))
        return [_single(plan, images, partial(mean, found=widths), "local sums × 1/count, truncated")]
    if plan.kind == "add":
        return [_single(plan, images, _local, "local"), *_activation(plan, images)]
    if plan.kind in MAPS:
        return [_scaled(setting, plan, images)]
    if plan.kind == "function":
        return [_told(plan, images) if plan.told else _function(plan, images)]
    return []


def _scaled(setting: Setting, plan: LayerPlan, images: int) -> Block:
    """Return the block of public factors: a truncation by the bits that they have behind the point."""
    shift = precision.mapping(int(setting.f), plan)

    def cost(setting: Setting, n: Number) -> Cost:
        return rescale(setting, n, shift) if shift else LOCAL

    return _single(plan, images, cost, "public factor, truncated")


def _told(plan: LayerPlan, images: int) -> Block:
    """Return the block of a client, the fourth, that is shown places and shares their one-hot rows."""

    def build(setting: Setting, n: Number) -> list[Stages]:
        shown = client_output(setting, images)
        given = client_input(setting, (images, *plan.output))
        there = messages(*((server, SERVERS, size) for server, size in enumerate(shown)))
        back = messages(*((SERVERS, server, size) for server, size in enumerate(given)))
        return [[(plan.name, sequence(there, back))]]

    source = {plan.name: "masked components, then PRF seeds (Araki et al. 2016)"}
    return Block(build, images, source, _shape(plan, images), general=False)


def parties(plans: Sequence[LayerPlan]) -> int:
    """Return how many take part between the first layer and the last: servers, and who is told tokens."""
    return SERVERS + int(any(plan.told for plan in plans))


def _function(plan: LayerPlan, images: int) -> Block:
    """Return the block of a function of values, or of rows of channels."""

    def build(setting: Setting, n: Number) -> list[Stages]:
        return [[(plan.name, priced(setting, n, plan))]]

    rows = images * math.prod(plan.output) // plan.row
    source = {plan.name: "constructions.md#accuracy"}
    return Block(build, rows, source, _shape(plan, images), general=False)


def _sums(setting: Setting, one: Joined, images: int) -> Block:
    """Return the block of sums of products and of what follows them."""
    plan, pooling, last = one.head, one.pooling, one.last
    if setting.layers == "separate" or (pooling is None and not plan.relu):
        return _one_by_one(plan, images)
    entries = math.prod(last.window) if pooling else 1
    spans = (plan.name, last.name, f"{plan.name}.relu")
    sources = {
        last.name: "POMIC algorithm 4 on halves: constructions.md#pooling-block",
        plan.name: "sums of products: constructions.md#truncation-to-halves",
        spans[2]: "POMIC algorithm 3 on halves, lift: constructions.md#pooling-block",
    }

    def build(setting: Setting, n: Number) -> list[Stages]:
        sizes = [third(n, t) for t in range(SERVERS)] if setting.rotate else [n]
        return [
            [(name, c.cast(t)) for name, c in sums_to_share(setting, size, entries, plan.relu, spans)]
            for t, size in enumerate(sizes)
            if size != 0
        ]

    shape = _shape(plan, images) | ({"pool": pooling.window} if pooling else {})
    return Block(build, images * math.prod(last.output), sources, shape)


def _one_by_one(plan: LayerPlan, images: int) -> Block:
    """Return the block of a linear layer that is truncated to shares before its ReLU, if it has one."""
    sources = {plan.name: "sums of products (Araki et al. 2016), truncated"}
    if plan.relu:
        sources[f"{plan.name}.relu"] = "POMIC algorithm 3"

    def build(setting: Setting, n: Number) -> list[Stages]:
        activation = [(f"{plan.name}.relu", relu(setting, n))] if plan.relu else []
        return [[(plan.name, rescale(setting, n, setting.f + plan.shift)), *activation]]

    return Block(build, images * math.prod(plan.output), sources, _shape(plan, images))


def _activation(plan: LayerPlan, images: int) -> list[Block]:
    if not plan.relu:
        return []
    name = f"{plan.name}.relu"

    def build(setting: Setting, n: Number) -> list[Stages]:
        return [[(name, relu(setting, n))]]

    outputs = images * math.prod(plan.output)
    return [Block(build, outputs, {name: "POMIC algorithm 3"}, _shape(plan, images))]


def _local(setting: Setting, n: Number) -> Cost:
    return LOCAL


def _single(plan: LayerPlan, images: int, cost: Callable[[Setting, Number], Cost], source: str) -> Block:
    """Return a block of one span."""

    def build(setting: Setting, n: Number) -> list[Stages]:
        return [[(plan.name, cost(setting, n))]]

    return Block(build, images * math.prod(plan.output), {plan.name: source}, _shape(plan, images))


def _shape(plan: LayerPlan, images: int) -> dict[str, Any]:
    """Return what a reader wants to know of a layer."""
    shape: dict[str, Any] = {"images": images, "input": plan.input, "output": plan.output}
    if plan.window == (1, 1) and plan.layer.type != "conv2d":
        return shape
    return shape | {"window": plan.window, "stride": plan.stride, "pads": plan.pads}


def classification(rows: int, classes: int, few_rounds: bool = False) -> Block:
    """Return the argmax that ends an inference, of a row an image or a pixel."""

    def build(setting: Setting, n: Number) -> list[Stages]:
        return [[("argmax", argmax(setting.hastened() if few_rounds else setting, n, classes))]]

    source = {"argmax": "tournament with indices: constructions.md#maximum"}
    return Block(build, rows, source, {"rows": rows, "classes": classes}, general=not few_rounds)


# Whole networks


def whole(chain: Sequence[Block], setting: Any) -> Cost:
    """Return blocks one after the other as one step; the strands of each run side by side."""
    found = []
    for block in chain:
        strands = block.build(setting, block.outputs)
        found.append(together(*(sequence(*(cost for _, cost in strand)) for strand in strands)))
    return sequence(*found)


def follow(
    setting: Any, chain: Sequence[Block], start: Sequence[int] = (0, 0, 0)
) -> tuple[dict[str, Span], Span]:
    """Run the depths through blocks; return every span by name, and the whole."""
    spans: dict[str, Span] = {}
    depths = _through(setting, chain, tuple(start), spans)
    return spans, Span(max(depths) - max(start), _sent(spans), depths)


def tokens(
    setting: Any, chain: Sequence[Block], plans: Sequence[LayerPlan], servers: int = SERVERS
) -> dict[str, Span]:
    """Return the spans that blocks are part of: of each token, all that finds it."""
    within = {plan.name: plan.within for plan in plans}
    depths: Depths = (0,) * servers
    found: dict[str, Span] = {}
    for name, part in groupby(chain, lambda block: within.get(next(iter(block.sources)), "")):
        _, whole = follow(setting, list(part), depths)
        depths = whole.depths
        found |= {name: whole} if name else {}
    return found


def _through(setting: Any, chain: Sequence[Block], depths: Depths, spans: dict[str, Span]) -> Depths:
    """Return the depths after blocks, and add to their spans."""
    for block in chain:
        strands = block.build(setting, block.outputs)
        states = [depths for _ in strands]
        for steps in zip(*strands, strict=True):  # the thirds' costs of one span
            steps = tuple((name, cost.among(len(depths))) for name, cost in steps)
            after = [cost.after(state) for (_, cost), state in zip(steps, states, strict=True)]
            for name in dict.fromkeys(name for name, _ in steps):
                own = [place for place, (other, _) in enumerate(steps) if other == name]
                span = spans.setdefault(name, Span(sent=[0] * len(depths)))
                entered, left = (max(max(found[place]) for place in own) for found in (states, after))
                span.rounds += left - entered
                sent = (steps[place][1].sent for place in own)
                span.sent = [sum(each) for each in zip(span.sent, *sent, strict=True)]
            states = after
        depths = tuple(map(max, zip(*states, strict=True))) if states else depths
    return depths


def _sent(spans: dict[str, Span]) -> list[int]:
    return [sum(sent) for sent in zip(*(span.sent for span in spans.values()), strict=True)]


def follow_batches(
    setting: Any, chains: Sequence[Sequence[Block]], servers: int = SERVERS
) -> tuple[dict[str, Span], Span]:
    """Run the depths of batches through a network in which each block holds one batch at a time.

    A batch enters a stage, a block that sends, at the greater of its own depth and that at which the batch
    before entered the stage after, or ended. Of equal batches with r_s rounds in stage s, C take
    Σ r_s + (C − 1)·max r_s: a flow shop of equal jobs. A span's rounds are those of the last batch, which
    enters and leaves everything last; `waiting` is what that one waits.

    Source: first principles (permutation flow shop without buffers).
    """
    start: Depths = (0,) * servers
    found: dict[str, Span] = {"waiting": Span(sent=[0] * servers)}
    left: list[Depths] = []  # of the batch before: the depths on entering each stage, and at its end
    for chain in chains:
        spans: dict[str, Span] = {"waiting": Span(sent=[0] * servers)}
        depths, entries = start, list[Depths]()
        for place, stage in enumerate(_stages(setting, chain)):
            ready = max(depths)
            if left:
                depths = tuple(map(max, zip(depths, left[place + 1], strict=True)))
            spans["waiting"].rounds += max(depths) - ready
            entries.append(depths)
            depths = _through(setting, stage, depths, spans)
        left = [*entries, depths]
        for name, span in spans.items():
            before = found.get(name, Span(sent=[0] * servers))
            found[name] = Span(span.rounds, [a + b for a, b in zip(before.sent, span.sent, strict=True)])
    return found, Span(max(depths), _sent(found), depths)


def _stages(setting: Any, chain: Sequence[Block]) -> list[list[Block]]:
    """Return the blocks by stage: each that sends is one, with the local blocks before it."""
    stages: list[list[Block]] = [[]]
    sends = False
    for block in chain:
        remote = block.stage or any(
            cost.bytes for steps in block.build(setting, block.outputs) for _, cost in steps
        )
        if sends and remote:
            stages.append([])
        sends = sends or remote
        stages[-1].append(block)
    return stages


def formulas(setting: Any, block: Block, n: Number) -> dict[str, tuple[Number, Number]]:
    """Return (rounds, bytes summed over servers) of each span of a block for n outputs.

    Rounds are counted from servers that start together.
    """
    strands = block.build(setting, n)
    found: dict[str, tuple[Number, Number]] = {}
    so_far, counted = [LOCAL] * len(strands), 0
    for steps in zip(*strands, strict=True):
        so_far = [sequence(one, cost) for one, (_, cost) in zip(so_far, steps, strict=True)]
        for name in dict.fromkeys(name for name, _ in steps):
            own = [place for place, (other, _) in enumerate(steps) if other == name]
            reached = together(*(so_far[place] for place in own)).rounds
            rounds, size = found.get(name, (0, 0))
            found[name] = (rounds + reached - counted, size + sum(steps[place][1].bytes for place in own))
        counted = together(*so_far).rounds
    return found
