"""Greedy generation as a graph: a network of rows, and once more for each further token, of one row.

The first token follows from the whole text. Each further one is found from the one before alone: its row
goes through the same layers, with the same weights, and attends to the keys and values of all rows before
it, which are outputs of the graph that are still kept: the cache. Source: Radford et al. 2019 for the
network; that one row is enough follows from causal attention, in which no row depends on those after it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from mpcsim.errors import InputError
from scenarios.graph import IMAGE, LayerPlan, Operator, arrangements, shape_text
from scenarios.networks.layers import (
    Add,
    Dense,
    Function,
    ModelSettings,
    Multiply,
    Normalisation,
    Positions,
    Row,
    Transformer,
)
from scenarios.networks.shapes import extend, shapes
from scenarios.networks.transformer import Past

_BY_ROW = (Add, Dense, Function, Multiply, Normalisation, Positions, Row, Transformer)
_KEY = "generation.tokens"


def generation(
    model: ModelSettings, tokens: int, few_rounds: bool = False, told: bool = False
) -> tuple[LayerPlan, ...]:
    """Return the nodes that find so many tokens after a text; the last gives their places among the words.

    Nodes of token n, from the second on, are called tokenN.NAME and stand within a span tokenN: the one-hot
    row of the token before, the network of that row, and the place of its largest output.

    `told`: a client is shown each token, and gives its one-hot row; servers find that otherwise.

    Raises:
        InputError: the network is none that continues a text, or has no positions for so many tokens.
    """
    words, text = _checked(model, shapes(model), tokens), model.input[1]
    plans: list[LayerPlan] = []
    past: Past = {}
    extend(plans, model, IMAGE, past)
    hastened = (("few_rounds", True),) if few_rounds else ()

    def chosen() -> int:
        """Add the place of the largest output, and return where it is."""
        place = len(plans)
        node = Operator("argmax", "function", function="argmax")
        last = plans[-1]
        plans.append(
            LayerPlan(place, "argmax", node, last.output, (1,), sources=(place - 1,), arguments=hastened)
        )
        return place

    found = [chosen()]
    for token in range(2, tokens + 1):
        start = len(plans)
        node = Operator("one_hot", "function", function="one_hot", told=told)
        plans.append(LayerPlan(start, "word", node, (1,), (1, 1, words), sources=(found[-1],)))
        extend(plans, model, start, past)
        found.append(chosen())
        span, first = f"token{token}", text + token - 2
        plans[start:] = [
            replace(plan, name=f"{span}.{plan.name}", held=plan.name, within=span, first=first)
            for plan in plans[start:]
        ]
    if tokens > 1:
        joined, places = arrangements.Concatenate(0), len(plans)
        node = Operator("concat", "local")
        plans.append(
            LayerPlan(places, "tokens", node, (1,), (tokens,), sources=tuple(found), arrange=joined)
        )
    return tuple(replace(plan, public=model.public_weights) for plan in plans)


def _checked(model: ModelSettings, plans: Sequence[LayerPlan], tokens: int) -> int:
    """Return how many words there are, of a network that continues texts."""
    if model.onnx is not None:
        raise InputError(f"{_KEY} = {tokens}: model.onnx; accepted: declared layers")
    height, text, words = model.input
    if height != 1 or plans[-1].output != (words,):
        raise InputError(
            f"{_KEY} = {tokens}: from {shape_text(model.input)} to {shape_text(plans[-1].output)}; "
            "accepted: an input of 1 × tokens × words, and as many outputs as words"
        )
    for place, layer in enumerate(model.layers):
        wrong = _wrong(layer, text, tokens)
        if wrong is not None:
            raise InputError(f"{_KEY} = {tokens}: layer {place} ({layer.type}): {wrong}")
    spans = {f"token{token}" for token in range(2, tokens + 1)} | {"argmax", "tokens"}
    for plan in plans:
        if isinstance(plan.layer, Dense) and not plan.layer.rows and math.prod(plan.input[:-1]) > 1:
            raise InputError(
                f"{_KEY} = {tokens}: {plan}: of {shape_text(plan.input)}; accepted: rows = true"
            )
        if plan.name in spans:
            raise InputError(f"{_KEY} = {tokens}: {plan}: the name is a token's; accepted: another name")
    return words


def _wrong(layer: object, text: int, tokens: int) -> str | None:
    """Return what keeps a layer from being computed of one row after others; None where nothing does."""
    if not isinstance(layer, _BY_ROW):
        kinds = ", ".join(sorted(kind.model_fields["type"].default for kind in _BY_ROW))
        return f"accepted: {kinds}"
    if isinstance(layer, Transformer) and not layer.causal:
        return "causal = false; accepted: true"
    if isinstance(layer, Row) and layer.place not in (-1, text - 1):
        return f"place = {layer.place}; accepted: -1, the last"
    if isinstance(layer, Positions) and (layer.places or 0) < text + tokens - 1:
        return (
            f"places = {layer.places}; accepted: {text + tokens - 1} or more, of {text} tokens and the new"
        )
    return None
