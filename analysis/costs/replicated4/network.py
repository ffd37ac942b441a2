"""Formulas of a private inference: each layer's spans, the comparison of digests, the clients' parts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from analysis.costs.algebra import Cost, sequence, together
from analysis.costs.families import Edges, FamilySetting, SpanCost
from analysis.costs.numbers import Number, packed
from analysis.costs.replicated4 import catalogue, steps
from analysis.costs.replicated4.catalogue import WRITTEN
from analysis.costs.written import Span, chained, function_span, layer_spans, mean_shift
from scenarios.networks import MAPS, Block, LayerPlan, given

_SUMS = "Dalskov et al. 2021; constructions.md#four-servers"
_SIGN = "constructions.md#signs-of-halves"
_BLOCK = "constructions.md#blocks-on-halves"
_SHOWN = "constructions.md#four-servers"


def _spans(one: Block) -> Iterator[Span]:
    """Yield name, price, outputs and source of what layers that run as one do."""
    plan, pooling, last = one.head, one.pooling, one.last
    entries = math.prod(last.window) if last.kind == "max" else 1
    if not one.linear:
        if plan.kind in MAPS:
            yield plan.name, lambda s, n: steps.truncation(s, n, mean_shift(s, plan)), plan.output, _SUMS
        if plan.kind == "function":
            yield function_span(WRITTEN, catalogue.relu, plan, _SIGN)
        if plan.kind == "max":
            yield plan.name, lambda s, n: WRITTEN.largest(s, n, entries), plan.output, _SIGN
        if plan.relu:
            yield f"{plan.name}.relu", catalogue.relu, plan.output, _SIGN
        return
    if not plan.relu and pooling is None:
        close = steps.rescaled if one.multiplies else steps.truncation
        yield plan.name, lambda s, n: close(s, n, s.f + plan.shift), plan.output, _SUMS
        return

    def halves(setting: FamilySetting, n: Number) -> Cost:
        return steps.halved(n, setting.V + 1 + setting.f) if one.multiplies else steps.NOTHING

    yield plan.name, halves, plan.output, _BLOCK
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


def network(
    setting: FamilySetting, plans: Sequence[LayerPlan], batches: Sequence[int], in_classes: bool
) -> dict[str, SpanCost]:
    """Return what each span sends, by server, hospital and owner."""
    classes = plans[-1].channels
    chosen: Span = ("argmax", lambda s, n: catalogue.argmax(s, n, classes), plans[-1].output[:-1], _SIGN)
    weights = [shape for plan in plans for shape in plan.secrets]
    hospital, *others = (
        sum(shared(setting, (size, *shape)) for size in batches) for shape in given(plans).values()
    )
    owner = sum(shared(setting, shape) for shape in weights)
    found = {"sharing": SpanCost(1, (*steps.keys(), hospital, owner, *others), "1", _ARRAYS, _SHOWN)}
    found |= layer_spans(_spans, chosen if in_classes else None, setting, steps.SERVERS, plans, batches)
    settled = steps.settled()
    found["verification"] = SpanCost(settled.rounds, settled.sent, "3", "12·(16 + 1 + 4)", _SHOWN)
    shown = _shown(setting, sum(batches) * plans[-1].revealed(in_classes))
    found["reveal"] = SpanCost(1, shown, "1", "4·(2·⌈l·n/8⌉ + 16)", _SHOWN)
    return found


def shared(setting: FamilySetting, shape: Sequence[int]) -> int:
    """Return what a client sends: three components as seeds, each to three servers, the last to three."""
    return 9 * steps.KEY + 3 * int(packed(math.prod(shape), setting.l))


def _shown(setting: FamilySetting, n: int) -> tuple[int, ...]:
    """Return what servers send a client: two components of three, and a digest of the other."""
    return (2 * int(packed(n, setting.l)) + steps.DIGEST,) * steps.SERVERS


EDGES = Edges(
    lambda setting: steps.keys(),
    shared,
    _shown,
    lambda setting: WRITTEN,
    lambda setting, costs: steps.settled(),
    chained(_spans),
)
_ARRAYS = "11·16 + Σ over arrays of n numbers: 9·16 + 3·⌈l·n/8⌉"
