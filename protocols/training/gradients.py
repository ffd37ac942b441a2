"""Gradients of linear layers as products of the same two kinds, matrices and convolutions.

The gradient of a convolution by its kernel is a convolution of images whose channels are the batch, with
the gradient by its sums as filters; the one by its input is a convolution with the kernel turned round.
Strides spread the gradient by zeros. All rearrangements are local, so whatever a family does or proves of
its products holds of these.
"""

from __future__ import annotations

from types import ModuleType

from protocols.domains import Words
from protocols.family import NO_PADDING, Family, Linear, Padding, Sum, Value

Window = tuple[int, int]


def spread(kernels: ModuleType, g: Words, stride: Window) -> Words:
    """Return (n, h, w, c) with stride − 1 rows and columns of zeros between its own."""
    if stride == (1, 1):
        return g
    n, rows, columns, channels = g.shape
    shape = (n, (rows - 1) * stride[0] + 1, (columns - 1) * stride[1] + 1, channels)
    spaced: Words = kernels.scatter_windows(g.reshape(1, -1), shape, (1, 1), stride)
    return spaced


async def weight_gradient(me: Family, layer: Linear, g: Value) -> Sum:
    """Return the gradient by a kernel, summed over the batch, with its inputs first: (c, kh, kw, filters).

    Of a dense layer: xᵀ g, (inputs, units).

    Args:
        g: the gradient by the layer's sums, (n, oh, ow, filters) or (n, units).
    """
    if layer.kind == "matmul":
        return await me.product("matmul", me.local(lambda part: part.T, layer.x), g)
    k = me.kernels
    kernel, stride = layer.kernel.shape[:2], layer.stride
    used = [
        (count - 1) * step + size for count, step, size in zip(g.shape[1:3], stride, kernel, strict=True)
    ]

    def images(part: Words) -> Words:
        padded = k.pad(part, ((0, 0), *layer.padding, (0, 0)))
        reached: Words = padded[:, : used[0], : used[1]].transpose(3, 1, 2, 0)
        return reached

    filters = me.local(lambda part: spread(k, part, stride).transpose(1, 2, 0, 3), g)
    return await me.product("conv2d", me.local(images, layer.x), filters, (1, 1), NO_PADDING)


async def input_gradient(me: Family, layer: Linear, g: Value) -> Sum:
    """Return the gradient by a layer's input, of its shape.

    Args:
        g: the gradient by the layer's sums.
    """
    if layer.kind == "matmul":
        return await me.product("matmul", g, me.local(lambda part: part.T, layer.kernel))
    k, (height, width) = me.kernels, layer.x.shape[1:3]
    before = [size - 1 - pad[0] for size, pad in zip(layer.kernel.shape[:2], layer.padding, strict=True)]
    spaced = me.local(lambda part: spread(k, part, layer.stride), g)
    padding: Padding = tuple(  # type: ignore[assignment]  # of two axes
        (first, side + size - 1 - first - now)
        for first, side, size, now in zip(
            before, (height, width), layer.kernel.shape[:2], spaced.shape[1:3], strict=True
        )
    )
    turned = me.local(lambda part: part[::-1, ::-1].transpose(0, 1, 3, 2), layer.kernel)
    return await me.product("conv2d", spaced, turned, (1, 1), padding)


def inputs_first(me: Family, x: Value) -> Value:
    """Return (kh, kw, c, filters) as (c, kh, kw, filters); others as they are."""
    return me.local(lambda part: part.transpose(2, 0, 1, 3), x) if len(x.shape) == 4 else x


def inputs_third(me: Family, x: Value) -> Value:
    """Return (c, kh, kw, filters) as (kh, kw, c, filters); others as they are."""
    return me.local(lambda part: part.transpose(1, 2, 0, 3), x) if len(x.shape) == 4 else x
