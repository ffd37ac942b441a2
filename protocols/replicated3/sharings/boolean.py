"""Boolean replicated sharing, packed by bit plane: XOR is local, a layer of ANDs is one message."""

from __future__ import annotations

import numpy as np

from protocols.replicated3.sharings.server import Server
from protocols.replicated3.sharings.sharing import BitHalves, Bits, Planes

BYTE = np.dtype(np.uint8)


def xor(server: Server, x: Bits, y: Bits) -> Bits:
    """Return x ⊕ y; no message."""
    return Bits(server.kernels.xor(x.a, y.a), server.kernels.xor(x.b, y.b))


def join(server: Server, parts: list[Bits]) -> Bits:
    """Return planes stacked one after the other; no message."""
    k = server.kernels
    return Bits(k.concatenate([x.a for x in parts], 0), k.concatenate([x.b for x in parts], 0))


def opposite(server: Server, x: Bits) -> Bits:
    """Return ¬x: component 0 is flipped, which servers 0 and 2 hold; no message."""
    k = server.kernels
    if server.role == 0:
        return Bits(k.invert(x.a), x.b)
    return Bits(x.a, k.invert(x.b)) if server.role == 2 else x


def pick(server: Server, x: Bits, positions: list[int]) -> Bits:
    """Return the planes at some positions; no message."""
    return Bits(server.kernels.take(x.a, positions, 0), server.kernels.take(x.b, positions, 0))


def replace_planes(server: Server, x: Bits, positions: list[int], new: Bits) -> Bits:
    """Return planes with those at some positions exchanged for new ones; no message."""
    source = list(range(len(x.a)))
    for number, position in enumerate(positions):
        source[position] = len(x.a) + number
    return pick(server, join(server, [x, new]), source)


def _products(server: Server, x: Bits, y: Bits) -> Planes:
    """Return this server's z_i of x ∧ y = z_0 ⊕ z_1 ⊕ z_2, masked by shares of zero."""
    masks = [server.random((server.role + j) % 3, "and", x.a.shape, BYTE) for j in (0, 1)]
    z: Planes = server.kernels.and3(x.a, x.b, y.a, y.b, server.kernels.xor(*masks))
    return z


async def and_layer(server: Server, x: Bits, y: Bits) -> Bits:
    """Return x ∧ y for equally many planes.

    Rounds: 1. Bits: 3 a bit (server i sends z_i to server i − 1). Source: Araki et al. 2016, §2.2.
    """
    z = _products(server, x, y)
    server.send((server.role + 2) % 3, z)
    return Bits(z, await server.recv((server.role + 1) % 3))


async def and_to_halves(server: Server, x: Bits, y: Bits) -> Planes:
    """Return this server's half of x ∧ y: z_0 at server 0, z_1 ⊕ z_2 at servers 1 and 2.

    Rounds: 1, but server 0 has its half at once. Bits: 2 a bit.
    """
    z = _products(server, x, y)
    if server.role == 0:
        return z
    server.send(3 - server.role, z)
    both: Planes = server.kernels.xor(z, await server.recv(3 - server.role))
    return both


def bits_to_halves(server: Server, x: Bits) -> Planes:
    """Return this server's half of Boolean shares: x_0 ⊕ x_1, or x_2; no message."""
    half: Planes = (server.kernels.xor(x.a, x.b), x.b, x.a)[server.role]
    return half


def complement(server: Server, bit: BitHalves) -> BitHalves:
    """Return the opposite bits; server 0 flips its half."""
    if server.role != 0:
        return bit
    one = server.kernels.full((), 1, bit.half.dtype)
    return BitHalves(server.kernels.xor(bit.half, one))
