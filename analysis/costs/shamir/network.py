"""Formulas of a private inference: keys and clients' parts, each layer's spans, the result."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

from analysis.costs.algebra import Cost, sequence
from analysis.costs.families import Edges, FamilySetting, SpanCost
from analysis.costs.numbers import Number
from analysis.costs.shamir import steps
from analysis.costs.shamir.catalogue import WRITTEN, relu
from analysis.costs.written import Prices, chained, layer_spans
from scenarios.networks import LayerPlan, given

_KEY = 16
_SOURCE = "Shamir 1979; constructions.md#many-servers-on-polynomials"
_ARRAYS = "16·(pairs + members of sets but the first) + Σ over arrays of n numbers: 16·t + (n_s − t)·e·n"


def _rescaled(s: FamilySetting, n: Number, shift: int) -> Cost:
    return sequence(steps.product(s, n), steps.truncation(s, n, shift))


_PRICES = Prices(
    _rescaled,
    steps.truncation,
    relu,
    WRITTEN.largest,
    WRITTEN.argmax,
    "constructions.md#many-servers-on-polynomials",
    "Brent, Kung 1982; constructions.md#many-servers-on-polynomials",
    WRITTEN,
)


def network(
    setting: FamilySetting, plans: Sequence[LayerPlan], batches: Sequence[int], in_classes: bool
) -> dict[str, SpanCost]:
    """Return what each span sends, by server, hospital and owner."""
    n, t = setting.parties, setting.threshold
    arrays = [shape for plan in plans for shape in plan.secrets]
    hospital, *others = (
        sum(_shared(setting, (images, *shape)) for images in batches) for shape in given(plans).values()
    )
    owner = sum(_shared(setting, shape) for shape in arrays)
    found = {"sharing": SpanCost(1, (*_keys(setting), hospital, owner, *others), "1", _ARRAYS, _SOURCE)}
    chosen = _PRICES.chosen(plans[-1]) if in_classes else None
    room = replace(setting, l=steps.room(setting))
    found |= layer_spans(_PRICES.spans, chosen, room, n, plans, batches)
    sent = _shown(setting, sum(batches) * plans[-1].revealed(in_classes))
    ends = found["inference"].depths
    rounds = max(max(ends[: t + 1]) + 1 - max(ends), 0)
    said = f"{rounds}" if rounds == 1 else f"{rounds}: who shows nothing ends last"
    return found | {"reveal": SpanCost(rounds, sent, said, "(t + 1)·e·n", _SOURCE)}


def _shared(s: FamilySetting, shape: Sequence[int]) -> int:
    """Return what a client sends of an array: keys to t servers, its elements to the others."""
    return _KEY * s.threshold + (s.parties - s.threshold) * int(steps.of_numbers(s)(math.prod(shape)))


def _shown(s: FamilySetting, count: int) -> tuple[int, ...]:
    """Return what servers send a client: of t + 1 their elements."""
    size = int(steps.of_numbers(s)(count))
    return tuple(size if place <= s.threshold else 0 for place in range(s.parties))


def _keys(s: FamilySetting) -> tuple[int, ...]:
    """Return what each server sends in keys: to all after it, and to those it makes a set's key for."""
    n, t = s.parties, s.threshold
    sets = steps.multiplies_by_king(s) and not steps.extracts(s)
    first = [members[0] for members in combinations(range(n), n - t)] if sets else []
    return tuple(_KEY * (n - 1 - i + first.count(i) * (n - t - 1)) for i in range(n))


EDGES = Edges(_keys, _shared, _shown, lambda setting: WRITTEN, chained=chained(_PRICES.spans))
