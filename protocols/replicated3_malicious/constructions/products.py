"""Products: the messages of the semi-honest protocol, each a claim of who sent it.

z_i = x_i y_i + x_i y_{i+1} + x_{i+1} y_i + F(k_i) − F(k_{i+1}) goes to the server before; that is
x_i · y_{i+1} + y_i · x_{i+1} = [z_i − x_i y_i − F(k_i)] + F(k_{i+1}), left's part in brackets. A sum of
products is one relation, and one message.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from protocols.domains import Words
from protocols.family import NO_PADDING, Kind, Padding, bilinear, by_image
from protocols.replicated3.sharings import Bits, Share
from protocols.replicated3_malicious.sharings import BYTE, Bilinear, Checked, Map, Shape


@dataclass(frozen=True)
class Product:
    """A bilinear map of two shares, not yet computed."""

    kind: Kind
    x: Share
    y: Share
    stride: tuple[int, int]
    padding: Padding

    def images(self, index: object) -> Product:
        """Return the map of some images alone."""
        both = by_image(self.kind, self.x.shape, self.y.shape)
        return replace(self, x=self.x[index], y=self.y[index] if both else self.y)

    def of(self, server: Checked, x: Words, y: Words) -> Words:
        """Return the map of arrays."""
        return bilinear(server.kernels, self.kind, x, y, self.stride, self.padding)


@dataclass(frozen=True)
class Sum:
    """A sum of products and of shares, at the scale of products; nothing is sent before it is closed.

    Attributes:
        share: what is linear in it, of that shape; None where there is nothing.
    """

    shape: Shape
    products: tuple[Product, ...] = ()
    share: Share | None = None

    def __getitem__(self, index: object) -> Sum:
        """Return the images of a slice, of a sum of layers whose first axis is that of images."""
        products = tuple(one.images(index) for one in self.products)
        share = None if self.share is None else self.share[index]
        count = len(range(*index.indices(self.shape[0])))  # type: ignore[attr-defined]  # a slice
        return Sum((count, *self.shape[1:]), products, share)


async def reshare(server: Checked, z: Sum, bits: int) -> Share:
    """Return shares mod 2^bits of a sum of products, bits ≤ l.

    Requires: nothing of the sum: fresh outputs of both keys mask what is sent.

    Rounds: 1. Bits: 3 · bits a value. Sources: Araki et al. 2016; the claim: Boyle et al. 2019.
    """
    k, dtype = server.kernels, server.word(bits)
    own = [_locally(server, one) for one in z.products]
    if z.share is not None:
        own.append(k.add(k.zeros(z.shape, z.share.a.dtype), z.share.a))
    masks = [server.random((server.role + j) % 3, "reshare", z.shape, dtype) for j in (0, 1)]
    summand = k.astype(reduce(k.add, own), dtype)
    sent = k.low_bits(k.add(summand, k.sub(masks[0], masks[1])), bits)
    server.say((server.role + 2) % 3, [sent], bits)
    (got,) = await server.words((server.role + 1) % 3, z.shape, bits)
    for prover in range(3):
        _claim(server, prover, z, bits, got, masks)
    return Share(sent, got)


async def multiply(server: Checked, x: Share, y: Share, bits: int) -> Share:
    """Return shares mod 2^bits of x · y, elementwise. Rounds: 1. Bits: 3 · bits a value."""
    shape = tuple(np.broadcast_shapes(x.shape, y.shape))
    return await reshare(server, Sum(shape, (Product("mul", x, y, (1, 1), NO_PADDING),)), bits)


async def shared(server: Checked, z: Sum, bits: int) -> Share:
    """Return shares mod 2^bits of a sum: reshared if it has products; else it is shared already.

    Requires: what `reshare` does.

    Rounds and bits: those of `reshare`, or none.
    """
    if z.products:
        return await reshare(server, z, bits)
    assert z.share is not None
    k, dtype = server.kernels, server.word(bits)
    a, b = (k.low_bits(k.astype(part, dtype), bits) for part in (z.share.a, z.share.b))
    return Share(a, b)


def _locally(server: Checked, one: Product) -> Words:
    """Return x_i y_i + x_i y_{i+1} + x_{i+1} y_i, without a mask."""
    k, parts = server.kernels, (one.x.a, one.x.b, one.y.a, one.y.b)
    z: Words
    if one.kind == "matmul":
        z = k.matmul3(*parts)
    elif one.kind == "conv2d":
        z = k.conv2d3(*parts, one.stride, one.padding)
    else:
        z = k.product3(*parts, None)
    return k.sum(z, -1) if one.kind == "dot" else z


def _claim(server: Checked, prover: int, z: Sum, bits: int, got: Words, masks: Sequence[Words]) -> None:
    """Claim a summand: left holds what it received, right the other mask."""
    k, dtype = server.kernels, got.dtype
    linear = None if z.share is None else k.astype(z.share.b, dtype)

    def at_left(whole: bool) -> Words:
        rest: Words = k.sub(got, masks[1])
        if linear is not None:
            rest = k.sub(rest, linear)
        if whole:
            for one in z.products:
                rest = k.sub(rest, k.astype(one.of(server, one.x.b, one.y.b), dtype))
        return rest

    if any(one.kind in ("matmul", "conv2d") for one in z.products):
        terms = tuple(
            Map(one.kind, one.x.shape, one.y.shape, one.stride, one.padding) for one in z.products
        )

        def of(part: str) -> Bilinear:
            left = tuple(
                (one.x.a, one.y.a) if part == "prover" else (one.x.b, one.y.b) for one in z.products
            )
            right = tuple(
                (one.x.b, one.y.b) if part == "prover" else (one.x.a, one.y.a) for one in z.products
            )
            t = None if part == "prover" else at_left(False) if part == "left" else masks[0]
            return Bilinear(
                bits,
                z.shape,
                terms,
                None if part == "right" else left,
                None if part == "left" else right,
                t,
            )

        server.claim_maps(prover, of)
        return
    mine = server.role == prover
    server.claim(
        prover, bits, z.shape,
        u=lambda: _columns(server, z, lambda x, y: (x, y), (lambda s: s.a) if mine else (lambda s: s.b)),
        v=lambda: _columns(server, z, lambda x, y: (y, x), (lambda s: s.b) if mine else (lambda s: s.a)),
        left=lambda: at_left(True),
        right=lambda: masks[0],
    )  # fmt: skip


def _columns(
    server: Checked,
    z: Sum,
    order: Callable[[Words, Words], tuple[Words, Words]],
    part: Callable[[Share], Words],
) -> list[Words]:
    """Return the factors of each relation: x and y of every product in it, in an order."""
    k, found = server.kernels, []
    for one in z.products:
        x, y = part(one.x), part(one.y)
        full = np.broadcast_shapes(x.shape, y.shape)
        for words in order(x, y):
            wide = k.add(k.zeros(full, words.dtype), words)
            found += [wide] if one.kind == "mul" else [wide[..., j] for j in range(full[-1])]
    return found


async def conjunction(server: Checked, x: Bits, y: Bits) -> Bits:
    """Return x ∧ y for equally many planes; a claim a server. Rounds: 1. Bits: 3 a bit."""
    k, masks = server.kernels, _bit_masks(server, x)
    sent = _summand(server, x, y, masks)
    server.send((server.role + 2) % 3, sent)
    got = await server.planes((server.role + 1) % 3, x.a.shape)
    for prover in range(3):
        _claim_bits(server, prover, x, y, lambda: k.xor(got, masks[1]), lambda: masks[0])
    return Bits(sent, got)


async def last_conjunction(server: Checked, x: Bits, y: Bits) -> Bits:
    """Return x ∧ y so that role 0 has its two components at once: (z_0 ⊕ F(k_1), F(k_1), z_1 ⊕ z_2).

    z_0 is dealt; roles 1 and 2 exchange z_1 and z_2. Rounds: 1. Bits: 3 a bit.
    """
    k, shape = server.kernels, x.a.shape
    masks = _bit_masks(server, x)
    own = _summand(server, x, y, masks)
    split = server.random(1, "last", shape, BYTE) if server.role != 2 else None
    got: dict[int, Words] = {}
    rest: Words | None = None
    if server.role == 0:
        rest = k.xor(own, split)
        server.send(2, rest)
    else:
        server.send(3 - server.role, own)
        if server.role == 2:
            rest = await server.planes(0, shape)
        got = {server.role: own, 3 - server.role: await server.planes(3 - server.role, shape)}
    # what is sent, and the masks of the prover's two keys: the first at left, the second at right
    _claim_bits(
        server, 0, x, y,
        left=lambda: k.xor(rest, masks[1]),
        right=lambda: k.xor(masks[0], split),
    )  # fmt: skip
    _claim_bits(
        server, 1, x, y,
        left=lambda: masks[1],
        right=lambda: k.xor(got[1], masks[0]),
    )  # fmt: skip
    _claim_bits(
        server, 2, x, y,
        left=lambda: k.xor(got[2], masks[1]),
        right=lambda: masks[0],
    )  # fmt: skip
    both = k.xor(got[1], got[2]) if got else None
    found = server.sharing(rest, split, both)
    return Bits(found.a, found.b)


def _bit_masks(server: Checked, x: Bits) -> list[Words]:
    return [server.random((server.role + j) % 3, "and", x.a.shape, BYTE) for j in (0, 1)]


def _summand(server: Checked, x: Bits, y: Bits, masks: Sequence[Words]) -> Words:
    z: Words = server.kernels.and3(x.a, x.b, y.a, y.b, server.kernels.xor(*masks))
    return z


def _claim_bits(
    server: Checked,
    prover: int,
    x: Bits,
    y: Bits,
    left: Callable[[], Words],
    right: Callable[[], Words],
) -> None:
    """Claim z_i = x_i y_i ⊕ x_i y_{i+1} ⊕ x_{i+1} y_i ⊕ masks.

    Args:
        left, right: what they hold of z_i and the masks.
    """
    k, mine = server.kernels, server.role == prover
    server.claim(
        prover, 0, x.a.shape,
        u=lambda: [x.a, y.a] if mine else [x.b, y.b],
        v=lambda: [y.b, x.b] if mine else [y.a, x.a],
        left=lambda: k.xor(left(), k.and_(x.b, y.b)),
        right=right,
    )  # fmt: skip
