"""Steps on shares of several widths, in a line each: sums of products, signs and equalities as numbers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np

from protocols.domains import Words
from protocols.family import NO_PADDING, Kind
from protocols.replicated3.sharings import Bits, Share, concatenate, in_thirds, subtract
from protocols.replicated3_malicious.constructions import Product, Sum, number, reshare, sign, zero
from protocols.replicated3_malicious.sharings import Checked, Shape

Pair = tuple[Share, Share]


def narrow(server: Checked, x: Share, bits: int) -> Share:
    """Return shares mod 2^bits of what is shared mod as much or more, in words of these; no message."""
    k, word = server.kernels, server.word(bits)
    return Share(k.astype(x.a, word), k.astype(x.b, word))


def known(server: Checked, words: Words) -> Share:
    """Return shares of what all servers know, in the words' own ring; no message."""
    none = server.kernels.zeros(words.shape, words.dtype)
    return Share(words if server.role == 0 else none, words if server.role == 2 else none)


def opposite(server: Checked, bit: Share) -> Share:
    """Return 1 − bit, in the words' own ring; no message."""
    return subtract(server, known(server, server.kernels.full((), 1, bit.a.dtype)), bit)


def scaled(server: Checked, x: Share, factor: int) -> Share:
    """Return an integer times x, in the words' own ring; no message."""
    k, word = server.kernels, x.a.dtype
    by = k.full((), factor % (1 << 8 * word.itemsize), word)
    return Share(k.mul(x.a, by), k.mul(x.b, by))


async def total(server: Checked, bits: int, *pairs: Pair, share: Share | None = None) -> Share:
    """Return shares mod 2^bits of Σ x · y, elementwise, and a share. Rounds: 1. Bits: 3 · bits a value."""
    return await _sum(server, bits, "mul", pairs, share)


async def product(server: Checked, bits: int, x: Share, y: Share, kind: Kind = "mul") -> Share:
    """Return shares mod 2^bits of a product. Rounds: 1. Bits: 3 · bits a value of the result."""
    return await _sum(server, bits, kind, [(x, y)])


async def _sum(server: Checked, bits: int, kind: Kind, pairs: Any, share: Share | None = None) -> Share:
    factors = [tuple(narrow(server, one, bits) for one in pair) for pair in pairs]
    if kind == "matmul":
        shape: Shape = (*factors[0][0].shape[:-1], factors[0][1].shape[-1])
    else:
        shape = tuple(np.broadcast_shapes(*(one.shape for pair in factors for one in pair)))
    shape = shape[:-1] if kind == "dot" else shape
    products = tuple(Product(kind, x, y, (1, 1), NO_PADDING) for x, y in factors)
    rest = None if share is None else narrow(server, share, bits)
    return await reshare(server, Sum(shape, products, rest), bits)


async def negative(server: Checked, x: Share, bits: int, out: int) -> Share:
    """Return the integer 1 mod 2^out where x mod 2^bits is negative, else 0. Rounds: the sign's, and 1."""
    return await _as_number(server, sign, x, bits, out)


async def is_zero(server: Checked, x: Share, bits: int, out: int) -> Share:
    """Return the integer 1 mod 2^out where x = 0 mod 2^bits, else 0. Rounds: those of `zero`, and 2."""
    return await _as_number(server, zero, x, bits, out)


async def _as_number(
    server: Checked, step: Callable[[Checked, Share, int], Awaitable[Bits]], x: Share, bits: int, out: int
) -> Share:
    flat = x.flat()

    async def some(server: Checked, part: Share) -> Share:
        return await number(server, await step(server, part, bits), part.size, out)

    parts = await in_thirds(server, some, flat.size, lambda part: (flat[part],))
    return concatenate(server, parts).reshape(*x.shape)
