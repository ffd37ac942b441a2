"""Formulas of a private inference: each layer's spans, the comparison of digests, the clients' parts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from analysis.costs import symbolic
from analysis.costs.algebra import Cost, sequence, together
from analysis.costs.families import FamilySetting, SpanCost
from analysis.costs.numbers import Number, packed
from analysis.costs.replicated3 import Setting, layers, precision
from analysis.costs.replicated4 import catalogue, steps
from analysis.costs.replicated4.catalogue import WRITTEN
from scenarios.clear import windows
from scenarios.networks import Add, AveragePooling2D, Conv2D, Dense, LayerPlan, MaxPooling2D

_SUMS = "Dalskov et al. 2021; constructions.md#four-servers"
_SIGN = "constructions.md#signs-of-halves"
_BLOCK = "constructions.md#blocks-on-halves"
_SHOWN = "constructions.md#four-servers"
Price = Callable[[FamilySetting, Number], Cost]
Span = tuple[str, Price, Sequence[int], str]
"""Name, price, shape of what comes out, source."""


def blocks(plans: Sequence[LayerPlan], images: int) -> list[layers.Block]:
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
        spans = list(_spans(plan, sums, pooling))
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


def _spans(plan: LayerPlan, sums: bool, pooling: LayerPlan | None) -> Iterator[Span]:
    """Yield name, price, outputs and source of what a layer does, with the pooling that joins it."""
    last = pooling or plan
    entries = math.prod(last.window) if isinstance(last.layer, MaxPooling2D) else 1
    if not sums:
        if isinstance(plan.layer, AveragePooling2D):
            counts = set(map(int, windows.counts(plan).flat))
            yield plan.name, lambda s, n: steps.truncation(s, n, _mean_shift(s, counts)), plan.output, _SUMS
        if entries > 1 or isinstance(plan.layer, MaxPooling2D):
            yield plan.name, lambda s, n: WRITTEN.largest(s, n, entries), plan.output, _SIGN
        if plan.relu:
            yield f"{plan.name}.relu", catalogue.relu, plan.output, _SIGN
        return
    if not plan.relu and pooling is None:
        yield plan.name, lambda s, n: steps.rescaled(s, n, s.f), plan.output, _SUMS
        return
    yield plan.name, lambda s, n: steps.halved(n, s.V + 1 + s.f), plan.output, _BLOCK
    if pooling is not None:

        def pooled(setting: FamilySetting, n: Number) -> Cost:
            most = steps.tournament(setting, n, entries, setting.V + 1)
            return most if plan.relu else sequence(most, _lifted(setting, n))

        yield pooling.name, pooled, pooling.output, _BLOCK
    if plan.relu:
        yield f"{plan.name}.relu", _activated, last.output, _BLOCK


def _lifted(setting: FamilySetting, n: Number) -> Cost:
    """Price halves mod 2^(V + 1) as shares mod 2^l."""
    return steps.shifted(n, setting.V + 1, 0, setting.l)


def _activated(setting: FamilySetting, n: Number) -> Cost:
    """Price the lift beside the sign, and the selection."""
    signed = together(_lifted(setting, n), steps.sign(setting, n, setting.V))
    return sequence(signed, steps.select(n, setting.l))


def _mean_shift(setting: FamilySetting, counts: set[int]) -> int:
    """Return the bits that a mean is cut by: its factor alone decides, within the ring."""
    return precision.mean(Setting(l=setting.l, f=setting.f, V=setting.V), counts).after


def network(
    setting: FamilySetting, plans: Sequence[LayerPlan], batches: Sequence[int], in_classes: bool
) -> dict[str, SpanCost]:
    """Return what each span sends, by server, hospital and owner."""
    classes = plans[-1].output[0]
    chains = {size: blocks(plans, size) for size in set(batches)}
    if in_classes:
        for size, chain in chains.items():
            largest: Span = ("argmax", lambda s, n: catalogue.argmax(s, n, classes), (), _SIGN)
            chain.append(_block([largest], size, (), None))
    spans, whole = layers.follow_batches(
        setting,  # type: ignore[arg-type]  # blocks of this family
        [chains[size] for size in batches],
        steps.SERVERS,
    )
    weights = [shape for plan in plans for shape in (plan.kernel, plan.bias) if shape is not None]
    hospital = sum(given(setting, (size, *plans[0].input)) for size in batches)
    owner = sum(given(setting, shape) for shape in weights)
    found = {"sharing": SpanCost(1, (*steps.keys(), hospital, owner), "1", _ARRAYS, _SHOWN)}
    for chained in chains[batches[-1]]:
        for name, source in chained.sources.items():
            rounds, size = layers.formulas(setting, chained, symbolic.n)[name]  # type: ignore[arg-type]  # as above
            text = ("Σ over batches: " if len(batches) > 1 else "") + symbolic.total_text(size)
            found[name] = SpanCost(spans[name].rounds, tuple(spans[name].sent), f"{rounds}", text, source)
    if len(batches) > 1:
        waited = spans["waiting"]
        found["waiting"] = SpanCost(waited.rounds, tuple(waited.sent), _WAITING, "0", "flow shop")
    found["inference"] = SpanCost(whole.rounds, tuple(whole.sent), _LAYERS, _LAYERS, "layers")
    settled = steps.settled()
    found["verification"] = SpanCost(settled.rounds, settled.sent, "3", "12·(16 + 1 + 4)", _SHOWN)
    shown = sum(batches) * (1 if in_classes else classes)
    size = 2 * packed(shown, setting.l) + steps.DIGEST
    found["reveal"] = SpanCost(1, (size,) * steps.SERVERS, "1", "4·(2·⌈l·n/8⌉ + 16)", _SHOWN)
    return found


def given(setting: FamilySetting, shape: Sequence[int]) -> int:
    """Return what a client sends: three components as seeds, each to three servers, the last to three."""
    return 9 * steps.KEY + 3 * int(packed(math.prod(shape), setting.l))


_LAYERS = "sum of the layers"
_ARRAYS = "11·16 + Σ over arrays of n numbers: 9·16 + 3·⌈l·n/8⌉"
_WAITING = "(batches − 1)·max r_s over stages s, of the last batch"
