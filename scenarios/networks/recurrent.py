"""Recurrent layers as declared: their nodes, over rows of one image."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from scenarios.graph import LayerPlan, Operator, Recurrent, Shape, arrangements, shape_text, unrolled
from scenarios.networks.layers import GRU, LSTM


def recurrent(layer: LSTM | GRU, name: str, first: int, source: int, shape: Shape) -> list[LayerPlan]:
    """Return the nodes of a recurrent layer, NAME.rows, NAME.0.gates and so on; NAME is its output.

    Args:
        layer: what was declared.
        name: its own.
        first: the place of the first node.
        source: the node that is read, of (rows, width).
        shape: its shape.

    Raises:
        ValueError: there are no rows.
    """
    if len(shape) < 2 or set(shape[:-2]) - {1}:
        raise ValueError(f"reads {shape_text(shape)}; accepted: rows × width")
    length, width = shape[-2:]
    before = isinstance(layer, GRU) and layer.reset == "before"
    what = Recurrent(layer.type, layer.units, layer.direction, before, layer.bias)
    nodes = _Nodes(first, {source: shape}, name)
    read = nodes.arrange(f"{name}.read", source, arrangements.Reshape((length, 1, width)))
    (found,) = unrolled(nodes, what, read, [layer.returns])
    output = (length, what.ways * layer.units) if layer.returns == "rows" else (what.ways * layer.units,)
    nodes.arrange(name, found, arrangements.Reshape(output))
    return nodes.found


@dataclass
class _Nodes:
    """Nodes so far, from a place on."""

    first: int
    shapes: dict[int, Shape]
    layer: str
    found: list[LayerPlan] = field(default_factory=list)

    def add(self, name: str, layer: Operator, sources: tuple[int, ...], output: Shape, **more: Any) -> int:
        """Add a node, and return its place."""
        return self._named(f"{self.layer}.{name}", layer, sources, output, **more)

    def arrange(self, name: str, source: int, how: arrangements.Reshape) -> int:
        """Add a change of shape by its whole name."""
        return self._named(name, Operator("rearranged", "local"), (source,), how.to, arrange=how)

    def _named(
        self, name: str, layer: Operator, sources: tuple[int, ...], output: Shape, **more: Any
    ) -> int:
        place = self.first + len(self.found)
        self.found.append(
            LayerPlan(place, name, layer, self.shapes[sources[0]], output, sources=sources, **more)
        )
        self.shapes[place] = output
        return place

    def shape(self, source: int) -> Shape:
        """Return the shape of an output."""
        return self.shapes[source]

    def called(self, source: int) -> str:
        """Return what a node is called."""
        return self.found[source - self.first].name
