"""Formulas of a private inference: each layer's spans, the verification, and the clients' parts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from analysis.costs.algebra import LOCAL, Cost, sequence, together
from analysis.costs.families import Edges, FamilySetting, SpanCost
from analysis.costs.numbers import Number, packed, part
from analysis.costs.replicated3 import Setting, layers, operations
from analysis.costs.replicated3_malicious import catalogue, proof, steps
from analysis.costs.replicated3_malicious.catalogue import WRITTEN
from analysis.costs.written import followed, function_span, mean_shift
from scenarios.networks import MAPS, Block, LayerPlan, given
from scenarios.networks import blocks as joined

_SUMS = "malicious.md#sums-of-layers"
_SIGN = "malicious.md#comparison"
_PROVEN = "malicious.md#what-a-proof-sends"
_TOLD = "told"
"""What marks the block of a client that is told something."""


def blocks(plans: Sequence[LayerPlan], images: int) -> list[layers.Block]:
    """Return the blocks of a network: sums of linear layers run through pooling and ReLU, pooling first."""
    found: list[layers.Block] = []
    for one in joined(plans):
        found += [_block(plan, images, lambda setting, n: LOCAL, "local") for plan in one.added]
        if one.head.told:
            found.append(_told(one.head, images, found))
        else:
            found += [_sums(one, images)] if one.linear else _other(one.head, images)
    return found


def _told(plan: LayerPlan, images: int, before: Sequence[layers.Block]) -> layers.Block:
    """Return the block of a client that is told places, once what was sent since the last is verified."""
    since = _since_told(before)

    def build(setting: Any, n: Number) -> list[layers.Stages]:
        checked = _settled(setting, _costs(setting, since))
        return [[(plan.name, sequence(checked, WRITTEN.told(setting, images, plan.output[-1])))]]

    return layers.Block(build, images * plan.output[-1], {plan.name: _PROVEN}, {_TOLD: True})


def _since_told(chain: Sequence[layers.Block]) -> Sequence[layers.Block]:
    """Return the blocks after the last that tells a client something."""
    last = max((place for place, block in enumerate(chain) if _TOLD in block.shape), default=-1)
    return list(chain[last + 1 :])


def _costs(setting: Any, chain: Sequence[layers.Block]) -> list[Cost]:
    """Return the costs of all spans of blocks."""
    return [cost for block in chain for stages in block.build(setting, block.outputs) for _, cost in stages]


def _other(plan: LayerPlan, images: int) -> list[layers.Block]:
    """Return the blocks of a layer that reads shares and is not linear."""
    if plan.kind == "max":
        entries = math.prod(plan.window)
        return [_block(plan, images, lambda s, n: WRITTEN.largest(s, n, entries), _SIGN)]
    if plan.kind in MAPS:

        def mean(setting: FamilySetting, n: Number) -> Cost:
            return WRITTEN.truncation(setting, n, mean_shift(setting, plan))

        return [_block(plan, images, mean, "sums × 1/count")]
    if plan.kind == "add":
        found = [_block(plan, images, lambda setting, n: LOCAL, "local")]
        if plan.relu:
            found.append(_block(plan, images, catalogue.relu, _SIGN, f"{plan.name}.relu"))
        return found
    if plan.kind == "function":
        name, price, _, source = function_span(WRITTEN, catalogue.relu, plan, _SIGN)
        return [_block(plan, images, price, source, name)]
    return []


def _block(
    plan: LayerPlan,
    images: int,
    cost: Callable[[FamilySetting, Number], Cost],
    source: str,
    name: str | None = None,
) -> layers.Block:
    """Return a block of one span."""
    return _of_one(name or plan.name, cost, images * math.prod(plan.output), source)


def _of_one(
    name: str, cost: Callable[[FamilySetting, Number], Cost], outputs: int, source: str
) -> layers.Block:
    """Return a block of one span by its name."""

    def build(setting: Any, n: Number) -> list[layers.Stages]:
        return [[(name, cost(setting, n))]]

    return layers.Block(build, outputs, {name: source}, {})


def _sums(one: Block, images: int) -> layers.Block:
    """Return the block of sums of products and of what follows them."""
    plan, pooling, last = one.head, one.pooling, one.last
    entries = math.prod(last.window) if pooling else 1
    every = images * math.prod(plan.output)
    secret = [each for each in one.linear if not each.by_public]
    mapped = [each for each in secret if each.product and each.product.kind != "mul"]

    def reshared(n: Number, bits: Number) -> Cost:
        """Price sums of elementwise products, a relation each, or of maps; by public numbers: none."""
        if not secret:
            return LOCAL
        if not mapped:
            return steps.product(n, bits, 2 * len(secret))
        return steps.mapped(n, bits, [2 * _inner(each, images) for each in mapped])

    spans = (plan.name, last.name, f"{plan.name}.relu")
    if pooling is None and not plan.relu:

        def cut(setting: FamilySetting, n: Number) -> Cost:
            return sequence(reshared(n, setting.l), WRITTEN.truncation(setting, n, setting.f + plan.shift))

        return _block(plan, images, cut, _SUMS)

    def third(setting: FamilySetting, n: Number, sums: Cost) -> layers.Stages:
        k = setting.V + 1
        lift = steps.wraps(n, k, setting.l - k) if setting.l > k else LOCAL
        stages = [(spans[0], sums)]
        if entries > 1:
            stages.append((spans[1], catalogue.tournament(n, entries, k, k)))
        if not plan.relu:
            return [*stages, (spans[2], lift)]
        signed = together(lift, steps.sign(n, setting.V))
        return [*stages, (spans[2], sequence(signed, steps.select(n, setting.l)))]

    def build(setting: Any, n: Number) -> list[layers.Stages]:
        """Return the thirds; the sums, which are sent together, belong to the first."""
        count = every if n == images * math.prod(last.output) else entries * n
        sums = reshared(count, setting.V + 1 + setting.f)
        silent = replace(sums, sent=(0, 0, 0), claims=())
        sizes = [part(n, t, 3) for t in range(3)]
        filled = [t for t, size in enumerate(sizes) if size != 0]
        return [
            [
                (name, cost if name == spans[0] else cost.cast(t))
                for name, cost in third(setting, sizes[t], sums if t == filled[0] else silent)
            ]
            for t in filled
        ]

    sources = dict.fromkeys(spans, _SIGN) | {spans[0]: _SUMS}
    return layers.Block(build, images * math.prod(last.output), sources, {})


def _inner(plan: LayerPlan, images: int) -> int:
    """Return the inner side of a layer's product of matrices: of groups and of images, all of them."""
    found = plan.product
    assert found is not None
    if found.kind == "conv2d":
        return math.prod(found.y[:2]) * found.x[-1]
    return math.prod(found.y[:-1]) * (images if plan.kernel is None else 1)


def network(
    setting: FamilySetting, plans: Sequence[LayerPlan], batches: Sequence[int], in_classes: bool
) -> dict[str, SpanCost]:
    """Return what each span sends, by server, hospital and owner."""
    classes = plans[-1].channels
    chains = {size: blocks(plans, size) for size in set(batches)}
    if in_classes:
        largest = partial(catalogue.argmax, entries=classes)
        for size, chain in chains.items():
            chain.append(_of_one("argmax", largest, size * plans[-1].places, "tournament with places"))
    weights = [shape for plan in plans for shape in plan.secrets]
    hospital, *others = (
        sum(_shared(setting, (size, *shape)) for size in batches) for shape in given(plans).values()
    )
    owner = sum(_shared(setting, shape) for shape in weights)
    found = {
        "sharing": SpanCost(1, (*steps.joining().sent, hospital, owner, *others), "1", _ARRAYS, _ARAKI)
    }
    found |= followed(setting, chains, batches, 3, plans)
    costs = [cost for size in batches for cost in _costs(setting, _since_told(chains[size]))]
    checked = _settled(setting, costs)
    said = (str(checked.rounds), str(checked.bytes))
    found["verification"] = SpanCost(checked.rounds, checked.sent, *said, _PROVEN)
    shown = _shown(setting, sum(batches) * plans[-1].revealed(in_classes))
    found["reveal"] = SpanCost(1, shown, "1", "3·(⌈l·n/8⌉ + 32)", "malicious.md#edges")
    return found


def _shared(setting: FamilySetting, shape: Sequence[int]) -> int:
    """Return what a client sends of an array."""
    return sum(map(int, operations.client_input(Setting(l=setting.l), tuple(shape))))


def _shown(setting: FamilySetting, n: int) -> tuple[int, ...]:
    """Return what servers send a client: a component, and a digest of the other."""
    return (int(packed(n, setting.l)) + steps.DIGEST,) * 3


def _settled(setting: FamilySetting, costs: Sequence[Cost]) -> Cost:
    """Price the proof of all that was claimed."""
    return proof.verification(
        [claim for cost in costs for claim in cost.claims], setting.choice("security")
    )


EDGES = Edges(
    lambda setting: steps.joining().sent,
    _shared,
    _shown,
    lambda setting: WRITTEN,
    _settled,
    lambda setting, plans, images: layers.whole(blocks(plans, images), setting),
)
_ARAKI = "Araki et al. 2016; PRF seeds"
_ARRAYS = "3·(16 + 2·32) + Σ over arrays of n numbers, shape packed in h bytes: 4·16 + 3·h + 2·⌈l·n/8⌉"
