"""Formulas of a private inference on any family that computes its layers as they are written once.

Sums are cut once, pooled, and then their ReLU is taken; every span is priced over the steps of the family.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.costs import symbolic
from analysis.costs.algebra import LOCAL, Cost, sequence, together
from analysis.costs.families import FamilySetting, SpanCost
from analysis.costs.numbers import Number
from analysis.costs.pieces import Chained, learned
from analysis.costs.replicated3 import Setting, layers, operations, precision
from analysis.costs.written.functions import Written
from scenarios.clear import windows
from scenarios.networks import FREE, MAPS, NORMS, ROWS, Block, LayerPlan, blocks

Price = Callable[[FamilySetting, Number], Cost]
Counted = Callable[[FamilySetting, Number, int], Cost]
Span = tuple[str, Price, Sequence[int], str]
"""Name, price, shape of what comes out, source."""
Spans = Callable[[Block], Iterable[Span]]
"""Of layers that run as one: their spans, one after the other."""
_LAYERS = "sum of the layers"
_WAITING = "(batches − 1)·max r_s over stages s, of the last batch"


@dataclass(frozen=True)
class Prices:
    """What a family's layers cost.

    Attributes:
        rescaled: n sums of products, brought back and cut by so many bits.
        truncation: n values, cut by so many bits.
        relu: n values.
        functions: functions of values and rows.
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
    functions: Written

    def spans(self, one: Block) -> Iterator[Span]:
        """Yield the spans of layers that run as one."""
        plan, last = one.head, one.last
        if one.linear:
            close = self.rescaled if one.multiplies else self.truncation
            yield plan.name, lambda s, n: close(s, n, s.f + plan.shift), plan.output, self.sums
        elif plan.kind in MAPS:
            yield (
                plan.name,
                lambda s, n: self.truncation(s, n, mean_shift(s, plan)),
                plan.output,
                self.sums,
            )
        if last.kind == "max":
            entries = math.prod(last.window)
            yield last.name, lambda s, n: self.largest(s, n, entries), last.output, self.signs
        if plan.kind == "function":
            yield function_span(self.functions, self.relu, plan, self.signs)
        if plan.relu:
            yield f"{plan.name}.relu", self.relu, last.output, self.signs

    def chosen(self, last: LayerPlan) -> Span:
        """Return the span of the classes, given the last layer: one an image, or one a pixel."""
        return "argmax", lambda s, n: self.argmax(s, n, last.channels), last.output[:-1], self.signs


def function_span(functions: Written, relu: Price, plan: LayerPlan, source: str) -> Span:
    """Return the span of a function of every value, or of every row of channels."""
    name, width = plan.layer.function, plan.row
    more = dict(plan.arguments)

    def price(setting: FamilySetting, n: Number) -> Cost:
        if name == "argmax":
            return functions.argmax(setting, n, plan.input[-1])
        if plan.told:
            return functions.told(setting, n // width if isinstance(n, int) else n / width, width)
        if name in ROWS:
            return _of_rows(functions, plan, setting, n // width if isinstance(n, int) else n / width)
        if name in ("relu", "absolute"):
            return relu(setting, n)
        if name in FREE:
            return LOCAL
        if name in ("both", "either", "unequal", "choose"):
            return functions.fixed(setting, n, 0)
        if name == "power":
            one = functions.fixed(setting, n, setting.f)
            levels = operations.halved(int(more["parameters"][0]))
            return sequence(*(together(*[one] * count) for count in levels)) if levels else one
        priced: dict[str, Price] = {
            "less_than": functions.compare,
            "equal": functions.equal,
            "divide": functions.divide,
            "reciprocal": functions.reciprocal,
            "sigmoid": functions.sigmoid,
            "exponential": functions.exponential,
            "logarithm": functions.logarithm,
            "square_root": lambda setting, n: functions.root(setting, n, "sqrt"),
        }
        if name in priced:
            return priced[name](setting, n)
        return functions.activate(setting, n, name, more.get("parameters", ()))

    return plan.name, price, plan.output, source


def _of_rows(functions: Written, plan: LayerPlan, setting: FamilySetting, rows: Number) -> Cost:
    """Price a function of so many rows; a mask costs nothing."""
    name, width = plan.layer.function, plan.row
    if name in NORMS:
        epsilon, numbers = dict(plan.arguments)["epsilon"], learned(plan, rows)
        return functions.normalised(setting, rows, width, epsilon, *numbers, name != "rms_norm")
    if name == "softmax":
        return functions.softmax(setting, rows, width)
    if name == "one_hot":
        return functions.one_hot(setting, rows, width)
    powers = functions.exponential(setting, rows * width)
    return sequence(functions.largest(setting, rows, width), powers, functions.logarithm(setting, rows))


def chained(spans: Spans) -> Chained:
    """Return what prices layers as one step, by the spans of each."""
    return lambda setting, plans, images: layers.whole(_blocks(spans, plans, images), setting)


def _blocks(spans: Spans, plans: Sequence[LayerPlan], images: int) -> list[layers.Block]:
    """Return the spans of a network in order: sums are cut once, and pooled before their ReLU."""
    found = []
    for one in blocks(plans):
        steps = list(spans(one))
        if steps:
            found.append(_block(steps, images, one.last.output, one.pooling))
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


def mean_shift(setting: FamilySetting, plan: LayerPlan) -> int:
    """Return the bits that a mean, or a public multiple, is cut by; else none."""
    if plan.kind not in MAPS:
        return 0
    if plan.kind != "mean":
        return precision.mapping(int(setting.f), plan)
    counts = set(map(int, windows.counts(plan).flat))
    return precision.mean(Setting(l=setting.l, f=setting.f, V=setting.V), counts).after


def layer_spans(
    spans: Spans,
    chosen: Span | None,
    setting: FamilySetting,
    parties: int,
    plans: Sequence[LayerPlan],
    batches: Sequence[int],
) -> dict[str, SpanCost]:
    """Return what the spans from the first layer to the last send.

    Args:
        spans: of each layer.
        chosen: the span of the class; None where logits are wanted.
        setting: of the family.
        parties: who send.
        plans: the layers.
        batches: images of each.
    """
    chains = {size: _blocks(spans, plans, size) for size in set(batches)}
    if chosen is not None:
        for size, chain in chains.items():
            chain.append(_block([chosen], size, chosen[2], None))
    return followed(setting, chains, batches, parties, plans)


def followed(
    setting: FamilySetting,
    chains: Mapping[int, Sequence[layers.Block]],
    batches: Sequence[int],
    parties: int,
    plans: Sequence[LayerPlan],
) -> dict[str, SpanCost]:
    """Return the spans of batches that go through blocks, `waiting` of several, and the whole, `inference`.

    Formulas are of servers that start together; where others take fewer rounds, both are said.

    Args:
        setting: of the family.
        chains: the blocks, by size of a batch.
        batches: images of each.
        parties: who send.
        plans: the layers, of which some find a token.
    """
    parties += any(plan.told for plan in plans)
    spans, whole = layers.follow_batches(setting, [chains[size] for size in batches], parties)
    found = {}
    if len(batches) > 1:
        waited = spans["waiting"]
        found["waiting"] = SpanCost(waited.rounds, tuple(waited.sent), _WAITING, "0", "flow shop")
    for block in chains[batches[-1]]:
        written = layers.formulas(setting, block, symbolic.n)
        for name, source in block.sources.items():
            if name not in spans:
                continue
            one, (rounds, size) = spans[name], written[name]
            said = f"{rounds}" if rounds == one.rounds else f"{one.rounds}, alone {rounds}"
            text = ("Σ over batches: " if len(batches) > 1 else "") + symbolic.total_text(size)
            found[name] = SpanCost(one.rounds, tuple(one.sent), said, text, source)
    for name, token in layers.tokens(setting, chains[batches[-1]], plans, parties).items():
        found[name] = SpanCost(token.rounds, tuple(token.sent), _LAYERS, _LAYERS, "layers")
    sent, depths = tuple(whole.sent), whole.depths
    found["inference"] = SpanCost(whole.rounds, sent, _LAYERS, _LAYERS, "layers", depths)
    return found
