"""Products on replicated shares: every output element is one masked sum, sent once.

With z_i = x_i y_i + x_i y_{i+1} + x_{i+1} y_i the product is z_0 + z_1 + z_2, whatever bilinear map the
product is: elementwise, a dot product, a matrix product, a convolution. All outputs of a layer travel
in one message. Source: Araki et al. 2016, §2.1; POMIC §4.1 and algorithm 2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpcsim import InputError
from protocols.domains import Words
from protocols.family import check_product
from protocols.replicated3.constructions.truncation import truncate_product
from protocols.replicated3.sharings import Server, Share, reshare

Padding = tuple[tuple[int, int], tuple[int, int]]
NO_PADDING: Padding = ((0, 0), (0, 0))


def multiply_locally(server: Server, x: Share, y: Share) -> Words:
    """Return this server's masked z_i of x · y, elementwise with broadcasting."""
    mask = server.zero_share("product", _broadcast(x, y))
    z: Words = server.kernels.product3(x.a, x.b, y.a, y.b, mask)
    return z


def dot_locally(server: Server, x: Share, y: Share) -> Words:
    """Return this server's masked z_i of Σ x · y over the last axis."""
    mask = server.zero_share("product", _broadcast(x, y)[:-1])
    k = server.kernels
    z: Words = k.add(k.sum(k.product3(x.a, x.b, y.a, y.b, None), -1), mask)
    return z


def matmul_locally(server: Server, x: Share, y: Share) -> Words:
    """Return this server's masked z_i of the matrix product of (…, m, k) and (k, n), or (…, k, n).

    Raises:
        InputError: the inner sizes differ, or the leading axes.
    """
    check_product("matmul", x.shape, y.shape)
    z: Words = server.kernels.matmul3(x.a, x.b, y.a, y.b)
    return _masked(server, z)


def conv2d_locally(server: Server, x: Share, w: Share, stride: tuple[int, int], padding: Padding) -> Words:
    """Return this server's masked z_i of a convolution of (n, h, w, c) with (kh, kw, c / groups, filters).

    Raises:
        InputError: the channels do not fall into such groups.
    """
    check_product("conv2d", x.shape, w.shape)
    z: Words = server.kernels.conv2d3(x.a, x.b, w.a, w.b, stride, padding)
    return _masked(server, z)


def _masked(server: Server, z: Words) -> Words:
    masked: Words = server.kernels.add(z, server.zero_share("product", z.shape))
    return masked


def add_bias(server: Server, z: Words, bias: Share) -> Words:
    """Return z_i plus this server's component of a bias at scale 2^f, moved to 2^(2f); local."""
    k = server.kernels
    total: Words = k.add(z, k.shift_left(bias.a, server.ring.fraction_bits))
    return total


async def multiply(server: Server, x: Share, y: Share) -> Share:
    """Return x · y for integers, elementwise with broadcasting. Rounds: 1. Bits: 3l a value."""
    return await reshare(server, multiply_locally(server, x, y))


async def multiply_fixed(server: Server, x: Share, y: Share, shift: int | None = None) -> Share:
    """Return x · y / 2^shift (2^f by default), elementwise. Rounds and bits: those of the truncation."""
    return await truncate_product(server, multiply_locally(server, x, y), shift)


async def dot_fixed(server: Server, x: Share, y: Share) -> Share:
    """Return Σ x · y over the last axis, fixed point; as many messages as one product of its shape."""
    return await truncate_product(server, dot_locally(server, x, y))


async def matmul_fixed(server: Server, x: Share, y: Share) -> Share:
    """Return the fixed-point matrix product of (…, m, k) and (k, n); bits grow with m · n alone."""
    return await truncate_product(server, matmul_locally(server, x, y))


async def conv2d_fixed(
    server: Server,
    x: Share,
    w: Share,
    stride: tuple[int, int] = (1, 1),
    padding: Padding = NO_PADDING,
) -> Share:
    """Return the fixed-point convolution of (n, h, w, c) with (kh, kw, c, filters)."""
    return await truncate_product(server, conv2d_locally(server, x, w, stride, padding))


def _broadcast(x: Share, y: Share) -> tuple[int, ...]:
    try:
        shape: Sequence[int] = np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        raise InputError(f"an elementwise product does not fit: {x.shape} and {y.shape}") from None
    return tuple(shape)
