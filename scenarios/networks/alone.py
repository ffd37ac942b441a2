"""Layers alone, as the microbench measures them: a head of attention, an embedding, recurrent layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from scenarios.graph import LayerPlan
from scenarios.networks.layers import ModelSettings
from scenarios.networks.shapes import shapes
from scenarios.networks.transformer import attention

HEAD, UNITS, STEPS = 16, 8, 2
"""Columns of a head, units of a state and of an embedding, steps of a recurrent layer:
the first, which has no state before it, and one that all further ones are like."""


def _declared(image: Callable[[int], Sequence[int]], **layer: Any) -> Callable[[int], list[LayerPlan]]:
    """Return what makes the nodes of a declared layer, for rows of so many values."""

    def of(row: int) -> list[LayerPlan]:
        model = {"input": image(row), "layers": [{"units": UNITS, **layer}]}
        return list(shapes(ModelSettings.model_validate(model)))

    return of


ALONE: Mapping[str, Callable[[int], list[LayerPlan]]] = {
    "attention": lambda row: attention(row, HEAD),
    "embedding": _declared(lambda row: (1, 1, row), type="dense", bias=False, name="embedding"),
    "lstm": _declared(lambda row: (1, STEPS, row), type="lstm", name="lstm"),
    "gru": _declared(lambda row: (1, STEPS, row), type="gru", name="gru"),
}
"""Takes a number: rows of a head; words of a table; values of a row that a step reads."""
