"""Oblivious selection: a shared bit times a shared value, and a bit as a number.

With x = v + w, b = β ⊕ c, A = v(1 − 2β) and B = w(1 − 2c):  x · b = βv + cw + A·c + β·B.
Server 0 knows the first term and A, servers 1 and 2 know the second and B: only the cross terms need
messages, and A and β are dealt as shares for them.
"""

from __future__ import annotations

from protocols.domains import Words
from protocols.replicated3.sharings import BitHalves, Halves, Server, Share, exchange


async def select(server: Server, x: Halves, bit: BitHalves) -> Halves:
    """Return x · b as halves, for bits of the values' shape; server 0 has its half at once.

    `two_rounds`: A and β are dealt in two parts; 4k bits. `one_round`: in three parts, the third to
    both servers 1 and 2, whose exchange then need not wait; 6k bits. Source:
    docs/constructions.md#selection.
    """
    b = server.kernels.astype(bit.half, x.half.dtype)
    if server.role == 0:
        return _deal(server, x, b)
    if server.choices.select == "one_round":
        return await _cross_in_three_parts(server, x, b)
    return await _cross_in_two_parts(server, x, b)


def _signed(server: Server, half: Words, b: Words) -> Words:
    """Return half · (1 − 2b)."""
    k = server.kernels
    signed: Words = k.sub(half, k.shift_left(k.mul(half, b), 1))
    return signed


def _deal(server: Server, x: Halves, beta: Words) -> Halves:
    """Server 0: deal shares of A and β, and keep v' = s_0 + s_1 + βv."""
    k, shape, dtype = server.kernels, x.shape, x.half.dtype
    values = {"A": _signed(server, x.half, beta), "beta": beta}
    in_three = server.choices.select == "one_round"
    rest = []
    for purpose, value in values.items():
        for key in (0, 1) if in_three else (1,):
            value = k.sub(value, server.random(key, purpose, shape, dtype))
        rest.append(k.pack(value, x.bits))
    for receiver in (1, 2) if in_three else (2,):
        server.send(receiver, *rest)
    masks = k.add(*(server.random(key, "cross", shape, dtype) for key in (0, 1)))
    return Halves(k.add(masks, k.mul(beta, x.half)), x.bits)


def _cross(server: Server, a: Words, c: Words, beta: Words, signed: Words) -> Words:
    """Return this share's part of A·c + β·B."""
    k = server.kernels
    part: Words = k.add(k.mul(a, c), k.mul(beta, signed))
    return part


async def _cross_in_two_parts(server: Server, x: Halves, c: Words) -> Halves:
    k, shape, dtype = server.kernels, x.shape, x.half.dtype
    if server.role == 1:
        a, beta = (server.random(1, purpose, shape, dtype) for purpose in ("A", "beta"))
    else:
        a, beta = (k.unpack(part, x.bits, shape, dtype) for part in await server.recv(0))
    signed = _signed(server, x.half, c)
    mask = server.random(2 - server.role, "cross", shape, dtype)
    own = k.sub(_cross(server, a, c, beta, signed), mask)
    other = await exchange(server, own, x.bits)
    return Halves(k.add(k.mul(c, x.half), k.add(own, other)), x.bits)


async def _cross_in_three_parts(server: Server, x: Halves, c: Words) -> Halves:
    k, shape, dtype = server.kernels, x.shape, x.half.dtype
    key = 2 - server.role
    a, beta = (server.random(key, purpose, shape, dtype) for purpose in ("A", "beta"))
    signed = _signed(server, x.half, c)
    mask = server.random(key, "cross", shape, dtype)
    own = k.sub(_cross(server, a, c, beta, signed), mask)
    other = await exchange(server, own, x.bits)
    a, beta = (k.unpack(part, x.bits, shape, dtype) for part in await server.recv(0))
    third = _cross(server, a, c, beta, signed)
    return Halves(k.add(k.add(k.mul(c, x.half), third), k.add(own, other)), x.bits)


async def bit_to_share(server: Server, bit: BitHalves) -> Share:
    """Return shares of a bit as a number: b = β + c − 2βc, β dealt so that it already is a share.

    `two_rounds`: β in two parts, then β·c is exchanged; 3l bits. `one_round`: in three parts, the third
    to both servers 1 and 2; 4l bits. Source: docs/constructions.md#bit-to-number.
    """
    k, ring = server.kernels, server.ring
    b = k.astype(bit.half, ring.dtype)
    shape = b.shape
    in_three = server.choices.select == "one_round"
    if server.role == 0:
        parts = [server.random(key, "beta", shape) for key in ((0, 1) if in_three else (1,))]
        rest = b
        for part in parts:
            rest = k.sub(rest, part)
        for receiver in (1, 2) if in_three else (2,):
            server.send(receiver, k.pack(rest, ring.bits))
        first = parts[0] if in_three else rest
        return Share(
            _less_twice(server, first, server.random(0, "cross", shape)),
            _less_twice(server, parts[-1], server.random(1, "cross", shape)),
        )
    key = 2 - server.role
    mask = server.random(key, "cross", shape)
    if in_three or server.role == 1:
        beta = server.random(key, "beta", shape)
    else:
        beta = k.unpack(await server.recv(0), ring.bits, shape, ring.dtype)
    own = k.sub(k.mul(beta, b), mask)
    product = k.add(own, await exchange(server, own, ring.bits))
    second = b
    if in_three:
        third = k.unpack(await server.recv(0), ring.bits, shape, ring.dtype)
        product = k.add(product, k.mul(third, b))
        second = k.add(b, third)
    component = _less_twice(server, second, product)
    shared = _less_twice(server, beta, mask)
    return Share(shared, component) if server.role == 1 else Share(component, shared)


def _less_twice(server: Server, value: Words, other: Words) -> Words:
    """Return value − 2 · other."""
    difference: Words = server.kernels.sub(value, server.kernels.shift_left(other, 1))
    return difference
