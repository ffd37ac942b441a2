"""Transformer layers as nodes: attention over many heads, a block of two dense layers, normalisations.

Source: Vaswani et al. 2017; normalisation first as in Radford et al. 2019; gated blocks as in Shazeer 2020;
rotary positions as in Su et al. 2021, halves of a head paired.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scenarios.graph import (
    IMAGE,
    Arrangement,
    LayerPlan,
    Mask,
    Operator,
    Product,
    Shape,
    arrangements,
    shape_text,
)
from scenarios.networks.layers import Transformer

Past = dict[str, tuple[int, int]]
"""Of every layer that attends: the nodes of keys (heads, each, rows) and values (heads, rows, each)."""


def transformer(
    layer: Transformer, name: str, first: int, source: int, shapes: Mapping[int, Shape], past: Past
) -> list[LayerPlan]:
    """Return the nodes of so many layers, one after the other.

    Rows attend to themselves and to those whose keys and values are there already, the cache of generation.

    Args:
        layer: what was declared.
        name: NAME.0.queries and so on are those of the nodes.
        first: the place of the first node.
        source: the node that is read, of (rows, width).
        shapes: of it, and of nodes before it.
        past: keys and values of rows before, by the name of a layer; those of its own rows join them.

    Raises:
        ValueError: heads do not divide the width, or there are no rows.
    """
    shape = shapes[source]
    if len(shape) != 2 or shape[1] % layer.heads:
        raise ValueError(
            f"{layer.heads} heads over an input of {shape_text(shape)}; accepted: rows × width, which "
            "the heads divide"
        )
    nodes = _Nodes(first, dict(shapes))
    for number in range(layer.repeat):
        nodes.name = f"{name}.{number}"
        source = _attended(nodes, layer, source, past)
        source = _thought(nodes, layer, source)
    return nodes.found


@dataclass
class _Nodes:
    """Nodes so far, from a place on."""

    first: int
    shapes: dict[int, Shape]
    name: str = ""
    found: list[LayerPlan] = field(default_factory=list)

    def add(self, name: str, layer: Operator, sources: tuple[int, ...], output: Shape, **more: Any) -> int:
        """Add a node, and return its place."""
        place = self.first + len(self.found)
        read = self.shapes[sources[0]]
        self.found.append(
            LayerPlan(place, f"{self.name}.{name}", layer, read, output, sources=sources, **more)
        )
        self.shapes[place] = output
        return place

    def arrange(self, name: str, source: int, *chain: Arrangement) -> int:
        """Add rearrangements."""
        for one in chain:
            source = self.add(
                name,
                Operator("rearranged", "local"),
                (source,),
                one.shape(self.shapes[source]),
                arrange=one,
            )
            name += "'"
        return source

    def dense(self, name: str, source: int, units: int, bias: bool) -> int:
        """Add a product of every row with weights."""
        rows, width = self.shapes[source]
        product = Product("matmul", (rows, width), (width, units))
        return self.add(
            name, Operator("dense", "sums"), (source,), (rows, units),
            kernel=(width, units), bias=(units,) if bias else None, product=product,
        )  # fmt: skip

    def normalised(self, name: str, layer: Transformer, source: int) -> int:
        """Add a normalisation of rows, with a scale and, but for the mean square alone, a shift."""
        shape = self.shapes[source]
        function = "rms_norm" if layer.of == "squares" else "layer_norm"
        node = Operator(function, "function", function=function)
        shift = None if layer.of == "squares" else shape[-1:]
        given = (("epsilon", layer.epsilon),)
        return self.add(name, node, (source,), shape, kernel=shape[-1:], bias=shift, arguments=given)

    def joined(self, before: tuple[int, int], now: tuple[int, int]) -> tuple[int, int]:
        """Add keys after earlier keys, along their columns, and values after earlier values, along rows."""
        keys, values = (
            self.add(
                f"all_{part}", Operator("concat", "local"), (earlier, later),
                chain.shape(self.shapes[earlier], self.shapes[later]), arrange=chain,
            )
            for part, chain, earlier, later in zip(
                ("keys", "values"), map(arrangements.Concatenate, (2, 1)), before, now, strict=True
            )
        )  # fmt: skip
        return keys, values

    def added(self, name: str, first: int, second: int) -> int:
        """Add the sum of two outputs."""
        return self.add(name, Operator("add", "add"), (first, second), self.shapes[first])


def _attended(nodes: _Nodes, layer: Transformer, source: int, past: Past) -> int:
    """Add softmax(Q Kᵀ / √d) V over heads, a dense layer, what came in, and a normalisation."""
    rows, width = nodes.shapes[source]
    heads, each = layer.heads, width // layer.heads
    read = nodes.normalised("norm1", layer, source) if layer.norm == "before" else source
    three = nodes.dense("heads", read, 3 * width, layer.bias)
    apart = nodes.arrange("apart", three, arrangements.Reshape((rows, 3, heads, each)))
    queries, keys, values = (
        nodes.arrange(
            part, apart, arrangements.Take(1, (place,)), arrangements.Reshape((rows, heads, each)),
            arrangements.Transpose((1, 2, 0) if part == "keys" else (1, 0, 2)),
        )
        for place, part in enumerate(("queries", "keys", "values"))
    )  # fmt: skip
    if layer.rotary:
        if each % 2:
            raise ValueError(f"rotary positions over heads of {each}; accepted: an even number")
        queries = nodes.add("turned", Operator("rotary", "turned"), (queries,), (heads, rows, each))
        upright = nodes.arrange("upright", keys, arrangements.Transpose((0, 2, 1)))
        turned = nodes.add("turned_keys", Operator("rotary", "turned"), (upright,), (heads, rows, each))
        keys = nodes.arrange("across", turned, arrangements.Transpose((0, 2, 1)))
    if nodes.name in past:
        keys, values = nodes.joined(past[nodes.name], (keys, values))
    past[nodes.name] = keys, values
    context = _weighed(nodes, queries, keys, values, layer.causal)
    together = nodes.arrange(
        "together", context, arrangements.Transpose((1, 0, 2)), arrangements.Reshape((rows, width))
    )
    found = nodes.added("residual1", nodes.dense("out", together, width, layer.bias), source)
    return nodes.normalised("norm1", layer, found) if layer.norm == "after" else found


def _weighed(nodes: _Nodes, queries: int, keys: int, values: int, causal: bool) -> int:
    """Add softmax(Q Kᵀ / √d) V of nodes (heads, rows, d), (heads, d, every) and (heads, every, d)."""
    heads, rows, each = nodes.shapes[queries]
    every = nodes.shapes[values][1]
    shift = math.log2(each) / 2
    exact = shift.is_integer()
    scores = nodes.add(
        "scores", Operator("matmul", "sums"), (queries, keys), (heads, rows, every),
        product=Product("matmul", (heads, rows, each), (heads, each, every)),
        shift=int(shift) if exact else 0,
    )  # fmt: skip
    if not exact:
        factor = Operator("scaled", "scaled", factor=each**-0.5)
        scores = nodes.add("scaled", factor, (scores,), (heads, rows, every))
    mask: tuple[tuple[str, Any], ...] = (("mask", Mask.causal(rows)),) if causal and rows > 1 else ()
    weighed = nodes.add(
        "softmax", Operator("softmax", "function", function="softmax"), (scores,), (heads, rows, every),
        arguments=mask,
    )  # fmt: skip
    return nodes.add(
        "context", Operator("matmul", "sums"), (weighed, values), (heads, rows, each),
        product=Product("matmul", (heads, rows, every), (heads, every, each)),
    )  # fmt: skip


def attention(rows: int, each: int) -> list[LayerPlan]:
    """Return the nodes of one head of so many columns, softmax(Q Kᵀ / √d) V, (1, rows, each).

    An image is its queries, keys and values, (3, rows, each).
    """
    nodes = _Nodes(0, {IMAGE: (3, rows, each)}, "attention")
    queries, keys, values = (
        nodes.arrange(
            part, IMAGE, arrangements.Take(0, (place,)),
            *([arrangements.Transpose((0, 2, 1))] if part == "keys" else []),
        )
        for place, part in enumerate(("queries", "keys", "values"))
    )  # fmt: skip
    _weighed(nodes, queries, keys, values, causal=False)
    return nodes.found


def _thought(nodes: _Nodes, layer: Transformer, source: int) -> int:
    """Add a dense layer, a function (times another dense layer, if gated), a dense layer; normalise."""
    width = nodes.shapes[source][1]
    read = nodes.normalised("norm2", layer, source) if layer.norm == "before" else source
    wide = nodes.dense("wide", read, layer.inner, layer.bias)
    node = Operator(layer.function, "function", function=layer.function)
    active = nodes.add(layer.function, node, (wide,), nodes.shapes[wide])
    if layer.gated:
        gate, shape = nodes.dense("gate", read, layer.inner, layer.bias), nodes.shapes[wide]
        active = nodes.add(
            "gated",
            Operator("multiply", "sums"),
            (active, gate),
            shape,
            product=Product("mul", shape, shape),
        )
    found = nodes.added("residual2", nodes.dense("narrow", active, width, layer.bias), source)
    return nodes.normalised("norm2", layer, found) if layer.norm == "after" else found
