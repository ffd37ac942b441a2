"""Formulas of a private inference in the clear: what clients send and receive, l bits a number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from analysis.costs.algebra import Cost
from analysis.costs.families import Edges, FamilySetting, SpanCost
from analysis.costs.numbers import Number, packed
from scenarios.networks import LayerPlan, given

_SOURCE = "numbers as they are, l bits each"


class _Nothing:
    """One server computes by itself, whatever it computes."""

    def __getattr__(self, name: str) -> Any:
        return self._free

    @staticmethod
    def _free(setting: FamilySetting, *sizes: Number | str) -> Cost:
        return Cost((0,))


EDGES = Edges(
    lambda setting: (0,),
    lambda setting, shape: int(packed(math.prod(shape), setting.l)),
    lambda setting, n: (int(packed(n, setting.l)),),
    lambda setting: _Nothing(),
)


def network(
    setting: FamilySetting, plans: Sequence[LayerPlan], batches: Sequence[int], in_classes: bool
) -> dict[str, SpanCost]:
    """Return what each span sends, by server, hospital and owner."""
    weights = [shape for plan in plans for shape in plan.secrets]
    hospital, *others = (
        sum(packed(size * math.prod(shape), setting.l) for size in batches)
        for shape in given(plans).values()
    )
    owner = sum(packed(math.prod(shape), setting.l) for shape in weights)
    shown = sum(batches) * plans[-1].revealed(in_classes)
    arrays = "Σ over arrays of n numbers: ⌈l·n/8⌉"
    found = {"sharing": SpanCost(1, (0, hospital, owner, *others), "1", arrays, _SOURCE)}
    nothing = SpanCost(0, (0,), "0", "0", "by definition")
    sums = {"inference": SpanCost(0, (0, 0), "0", "0", "by definition")}
    for plan in plans:
        if plan.told:
            places = sum(batches) * math.prod(plan.output[:-1])
            told = (packed(places, setting.l), packed(places * plan.output[-1], setting.l))
            one = SpanCost(2, told, "2", "⌈l·n/8⌉ + ⌈l·n·words/8⌉", _SOURCE)
            found |= {plan.name: one, plan.within: one}
            whole = sums["inference"]
            every = tuple(a + b for a, b in zip(whole.sent, told, strict=True))
            sums["inference"] = SpanCost(whole.rounds + 2, every, "2 a token", "sum of the tokens", _SOURCE)
        elif plan.kind not in ("local", "offset", "weights"):
            found[plan.name] = nothing
        if plan.relu:
            found[f"{plan.name}.relu"] = nothing
    found |= {plan.within: nothing for plan in plans if plan.within and plan.within not in found}
    found |= {"argmax": nothing} if in_classes else {}
    found |= {"waiting": nothing} if len(batches) > 1 else {}
    found |= sums
    found["reveal"] = SpanCost(1, (packed(shown, setting.l),), "1", "⌈l·n/8⌉", _SOURCE)
    return found
