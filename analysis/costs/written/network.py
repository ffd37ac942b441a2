"""Formulas of a private inference on any family that computes its layers as they are written once.

Sums are cut once, pooled, and then their ReLU is taken; every span is priced over the steps of the family.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.costs import symbolic
from analysis.costs.algebra import Cost
from analysis.costs.families import FamilySetting, SpanCost
from analysis.costs.numbers import Number
from analysis.costs.replicated3 import Setting, layers, precision
from scenarios.clear import windows
from scenarios.networks import Add, AveragePooling2D, Conv2D, Dense, LayerPlan, MaxPooling2D

Price = Callable[[FamilySetting, Number], Cost]
Counted = Callable[[FamilySetting, Number, int], Cost]
Span = tuple[str, Price, Sequence[int], str]
"""Name, price, shape of what comes out, source."""
_LAYERS = "sum of the layers"
_WAITING = "(batches − 1)·max r_s over stages s, of the last batch"


@dataclass(frozen=True)
class Prices:
    """What a family's layers cost.

    Attributes:
        rescaled: n sums of products, brought back and cut by so many bits.
        truncation: n values, cut by so many bits.
        relu: n values.
        largest: of so many, n times.
        argmax: of so many, n times.
        sums, signs: where these come from.
    """

    rescaled: Counted
    truncation: Counted
    relu: Price
    largest: Counted
    argmax: Counted
    sums: str
    signs: str


def _blocks(prices: Prices, plans: Sequence[LayerPlan], images: int) -> list[layers.Block]:
    """Return the spans of a network in order: sums are cut once, and pooled before their ReLU."""
    readers = {plan.index: [one for one in plans if plan.index in one.sources] for plan in plans}
    found: list[layers.Block] = []
    joined: set[int] = set()
    added: set[int] = set()  # sums that are cut with those that they are added to
    for plan in plans:
        if plan.index in joined:
            continue
        following = readers[plan.index][0] if len(readers[plan.index]) == 1 else None
        linear = isinstance(plan.layer, Conv2D | Dense)
        if linear and not plan.relu and following and isinstance(following.layer, Add):
            added.add(plan.index)
            continue
        sums = linear or any(source in added for source in plan.sources)
        pooling = following if sums and following and layers.joins(following) else None
        joined |= {pooling.index} if pooling else set()
        spans = list(_spans(prices, plan, sums, pooling))
        if spans:
            found.append(_block(spans, images, (pooling or plan).output, pooling))
    return found


def _block(
    spans: Sequence[Span], images: int, output: Sequence[int], pooling: LayerPlan | None
) -> layers.Block:
    """Return the block of spans one after the other; of those before a pooling a symbol counts entries."""
    outputs = images * math.prod(output)

    def build(setting: Any, n: Number) -> list[layers.Stages]:
        found = []
        for name, price, shape, _ in spans:
            before = pooling is not None and shape != output
            entries = math.prod(pooling.window) if before and pooling else 1
            count = images * math.prod(shape) if isinstance(n, int) else entries * n
            found.append((name, price(setting, count)))
        return [found]

    return layers.Block(build, outputs, {name: source for name, _, _, source in spans}, {})


def _spans(prices: Prices, plan: LayerPlan, sums: bool, pooling: LayerPlan | None) -> Iterator[Span]:
    """Yield name, price, outputs and source of what a layer does, with the pooling that joins it."""
    last = pooling or plan
    if sums:
        yield plan.name, lambda s, n: prices.rescaled(s, n, s.f), plan.output, prices.sums
    elif isinstance(plan.layer, AveragePooling2D):
        counts = set(map(int, windows.counts(plan).flat))
        yield (
            plan.name,
            lambda s, n: prices.truncation(s, n, _mean_shift(s, counts)),
            plan.output,
            prices.sums,
        )
    if isinstance(last.layer, MaxPooling2D):
        entries = math.prod(last.window)
        yield last.name, lambda s, n: prices.largest(s, n, entries), last.output, prices.signs
    if plan.relu:
        yield f"{plan.name}.relu", prices.relu, last.output, prices.signs


def _mean_shift(setting: FamilySetting, counts: set[int]) -> int:
    """Return the bits that a mean is cut by: its factor alone decides, within the ring."""
    return precision.mean(Setting(l=setting.l, f=setting.f, V=setting.V), counts).after


def layer_spans(
    prices: Prices,
    setting: FamilySetting,
    parties: int,
    plans: Sequence[LayerPlan],
    batches: Sequence[int],
    in_classes: bool,
) -> dict[str, SpanCost]:
    """Return what the spans from the first layer to the last send, the waiting of batches among them."""
    classes = plans[-1].output[0]
    chains = {size: _blocks(prices, plans, size) for size in set(batches)}
    if in_classes:
        for size, chain in chains.items():
            chosen: Span = ("argmax", lambda s, n: prices.argmax(s, n, classes), (), prices.signs)
            chain.append(_block([chosen], size, (), None))
    spans, whole = layers.follow_batches(
        setting,  # type: ignore[arg-type]  # blocks of this family
        [chains[size] for size in batches],
        parties,
    )
    found = {}
    for chained in chains[batches[-1]]:
        for name, source in chained.sources.items():
            rounds, size = layers.formulas(setting, chained, symbolic.n)[name]  # type: ignore[arg-type]  # as above
            text = ("Σ over batches: " if len(batches) > 1 else "") + symbolic.total_text(size)
            found[name] = SpanCost(spans[name].rounds, tuple(spans[name].sent), f"{rounds}", text, source)
    if len(batches) > 1:
        waited = spans["waiting"]
        found["waiting"] = SpanCost(waited.rounds, tuple(waited.sent), _WAITING, "0", "flow shop")
    found["inference"] = SpanCost(whole.rounds, tuple(whole.sent), _LAYERS, _LAYERS, "layers")
    return found
