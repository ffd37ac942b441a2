"""Layers over rows (rows × width) as nodes; those of transformers are in `transformer`."""

from __future__ import annotations

from dataclasses import replace

from scenarios.graph import LayerPlan, Operator, Product, Shape, arrangements, shape_text
from scenarios.networks.layers import (
    Dense,
    GroupNormalisation,
    InstanceNormalisation,
    Normalisation,
    Positions,
    Reshape,
    Row,
)


def dense_of_rows(plan: LayerPlan, layer: Dense, shape: Shape) -> LayerPlan:
    """Return the node of a dense layer over rows."""
    x = shape[-2:] if set(shape[:-2]) <= {1} else shape
    kernel = (x[-1], layer.units)
    product = Product("matmul", x, kernel, prepare=(arrangements.Reshape(x),) if x != shape else ())
    bias = (layer.units,) if layer.bias else None
    return replace(plan, output=(*x[:-1], layer.units), kernel=kernel, bias=bias, product=product)


def positions(plan: LayerPlan, layer: Positions, shape: Shape) -> LayerPlan:
    """Return the node of numbers added to every place; a ValueError where rows have none."""
    if layer.places is None:
        return replace(plan, bias=shape)
    if len(shape) != 2 or shape[0] > layer.places:
        raise ValueError(
            f"places = {layer.places} for {shape_text(shape)}; accepted: rows × width, as many"
        )
    return replace(plan, bias=(layer.places, shape[1]))


def normalisation(plan: LayerPlan, layer: Normalisation, shape: Shape) -> LayerPlan:
    """Return the node of a normalisation of rows."""
    shift = shape[-1:] if layer.of == "deviations" else None
    return replace(plan, kernel=shape[-1:], bias=shift, arguments=(("epsilon", layer.epsilon),))


def of_groups(
    plan: LayerPlan, layer: GroupNormalisation | InstanceNormalisation, shape: Shape
) -> LayerPlan:
    """Return the node of a normalisation of channels; a ValueError where groups do not divide them."""
    channels = shape[-1]
    groups = layer.groups if isinstance(layer, GroupNormalisation) else channels
    if channels % groups:
        raise ValueError(f"groups = {groups} of {channels} channels; accepted: a number that divides them")
    said = (("epsilon", layer.epsilon), ("groups", groups))
    return replace(plan, kernel=(channels,), bias=(channels,), arguments=said)


def reshape(plan: LayerPlan, layer: Reshape, shape: Shape) -> LayerPlan:
    """Return the node of a change of shape."""
    arrange = arrangements.Reshape(layer.shape)
    return replace(plan, output=arrange.shape(shape), arrange=arrange)


def token(name: str, place: int, source: int, shape: Shape) -> list[LayerPlan]:
    """Return the nodes of a learned first row; a ValueError where there are no rows."""
    if len(shape) != 2:
        raise ValueError(f"reads {shape_text(shape)}; accepted: rows × width")
    first, arrange = (1, shape[1]), arrangements.Concatenate(0)
    weights, concat = Operator("weights", "weights"), Operator("concat", "local")
    row = LayerPlan(place, f"{name}.row", weights, shape, first, bias=first, sources=(source,))
    output = arrange.shape(first, shape)
    return [
        row,
        LayerPlan(place + 1, name, concat, first, output, sources=(place, source), arrange=arrange),
    ]


def row(plan: LayerPlan, layer: Row, shape: Shape) -> LayerPlan:
    """Return the node of one row; a ValueError where there is no such one."""
    if len(shape) < 2 or not -shape[0] <= layer.place < shape[0]:
        raise ValueError(f"place = {layer.place} of {shape_text(shape)}; accepted: one of its rows")
    arrange = arrangements.Place(layer.place % shape[0])
    return replace(plan, output=shape[1:], arrange=arrange)
