"""Formulas of a private inference: each layer's spans, and the clients' parts.

For every family of two servers and a dealer: what compares is priced by what it is given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from analysis.costs.algebra import Cost
from analysis.costs.dealer2 import steps
from analysis.costs.dealer2.functions import Dealt
from analysis.costs.families import Edges, FamilySetting, Network, SpanCost
from analysis.costs.numbers import Number, packed
from analysis.costs.pieces import Chained
from analysis.costs.replicated3 import layers
from analysis.costs.written import followed, function_span, mean_shift
from scenarios.networks import Block, LayerPlan, given
from scenarios.networks import blocks as joined

Priced = Callable[[FamilySetting], Dealt]
_ACTORS, _KEY = 3, 16
_PAGE = "constructions.md#two-servers-and-a-dealer"
_SUMS = f"Beaver 1991; Dalskov et al. 2020; {_PAGE}"


def blocks(priced: Priced, plans: Sequence[LayerPlan], images: Number) -> list[layers.Block]:
    """Return the blocks of a network: sums are cut once, after they are added, and pooled before ReLU."""
    return [
        _block(priced, one, images)
        for one in joined(plans)
        if one.head.kind not in ("local", "offset", "weights")
    ]


def _block(priced: Priced, one: Block, images: int) -> layers.Block:
    """Return the block of a layer: products side by side, if it sums any, then what the layer is.

    With symbols n counts what leaves it.
    """
    plan, products, pooling, last = one.head, one.linear, one.pooling, one.last
    entries = math.prod(last.window) if last.kind == "max" else 1
    outputs = images * math.prod(last.output)
    inner = images * math.prod(plan.output)

    def build(setting: Any, n: Number) -> list[layers.Stages]:
        if plan.kind == "function":
            name, price, *_ = function_span(priced(setting), priced(setting).relu, plan, _PAGE)
            return [[(name, price(setting, n))]]
        before = inner if isinstance(n, int) else n * (entries if pooling else 1)
        shift = setting.f + plan.shift if products else mean_shift(setting, plan)
        stages = [(plan.name, steps.truncation(setting, before, shift))]
        if entries > 1:
            stages.append((last.name, priced(setting).largest(setting, n, entries)))
        if plan.relu:
            stages.append((f"{plan.name}.relu", priced(setting).relu(setting, n)))
        if not products:
            return [stages]
        opened = [(one.name, _product(setting, one, images, before)) for one in products]
        silent = [(name, steps.NOTHING) for name, _ in stages]
        return [[one, *(silent if place else stages)] for place, one in enumerate(opened)]

    names = [*(one.name for one in products), plan.name, last.name]
    sources = dict.fromkeys(names, _SUMS) | ({f"{plan.name}.relu": _PAGE} if plan.relu else {})
    return layers.Block(build, outputs, sources, {}, stage=one.sends)


def _product(setting: FamilySetting, plan: LayerPlan, images: int, outputs: Number) -> Cost:
    """Price a triple of a layer's input, which is opened whole, and its kernel; none for a public one."""
    if plan.by_public:
        return steps.NOTHING
    return steps.triple(setting, *plan.multiplied(images), outputs)


def _classes(priced: Priced, images: int, classes: int) -> layers.Block:
    """Return the argmax that ends an inference."""

    def build(setting: Any, n: Number) -> list[layers.Stages]:
        return [[("argmax", priced(setting).argmax(setting, n, classes))]]

    return layers.Block(build, images, {"argmax": _PAGE}, {}, stage=True)


def networks(priced: Priced) -> Network:
    """Return what each span of an inference sends, by server, dealer, hospital and owner.

    Args:
        priced: what prices a family's comparisons, by setting.
    """

    def network(
        setting: FamilySetting, plans: Sequence[LayerPlan], batches: Sequence[int], in_classes: bool
    ) -> dict[str, SpanCost]:
        classes = plans[-1].channels
        chains = {size: blocks(priced, plans, size) for size in set(batches)}
        if in_classes:
            for size, chain in chains.items():
                chain.append(_classes(priced, size * plans[-1].places, classes))
        found = {"sharing": SpanCost(1, _given(setting, plans, batches), "1", _ARRAYS, _PAGE)}
        found |= followed(setting, chains, batches, _ACTORS, plans)
        shown = _shown(setting, sum(batches) * plans[-1].revealed(in_classes))
        found["reveal"] = SpanCost(1, shown, "1", "2·⌈l·n/8⌉", "additive sharing")
        return found

    return network


def _given(setting: FamilySetting, plans: Sequence[LayerPlan], batches: Sequence[int]) -> tuple[int, ...]:
    """Return what is sent before: keys by the dealer, and by clients a key and one part of each array."""
    weights = [shape for plan in plans for shape in plan.secrets]
    images = [[(size, *shape) for size in batches] for shape in given(plans).values()]
    owner, hospital, *others = (
        sum(_shared(setting, shape) for shape in shapes) for shapes in (weights, *images)
    )
    return *_keys(setting), hospital, owner, *others


def _keys(setting: FamilySetting) -> tuple[int, ...]:
    """Return what is sent before: by the dealer a key to each server, unless all is stored."""
    return 0, 0, 0 if setting.choice("stored") else 2 * _KEY


def _shared(setting: FamilySetting, shape: Sequence[int]) -> int:
    """Return what a client sends of an array: a key to one server, a part to the other."""
    return _KEY + int(packed(math.prod(shape), setting.l))


def _shown(setting: FamilySetting, n: int) -> tuple[int, ...]:
    """Return what servers send a client: a part each."""
    size = int(packed(n, setting.l))
    return size, size, 0


def edges(priced: Priced) -> Edges:
    """Return what goes into runs of such a family and comes out of them."""
    return Edges(_keys, _shared, _shown, priced, chained=chained(priced))


def chained(priced: Priced) -> Chained:
    """Return what prices layers as one step."""
    return lambda setting, plans, images: layers.whole(blocks(priced, plans, images), setting)


_ARRAYS = "2·16 (kept: 0) + Σ over arrays of n numbers: 16 + ⌈l·n/8⌉"
