"""Two steps that all else is made of: role 0 deals what it knows, and roles 1 and 2 multiply what is dealt.

A dealt value is D = D_0 + D_1, D_1 = F(k_1) at roles 0 and 1, the rest at roles 0 and 2: it is a share
whose component 2 is zero. Both steps exist mod 2^b and over bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from protocols.domains import Words
from protocols.replicated3.sharings import Bits, Share
from protocols.replicated3_malicious.sharings.server import BYTE, Checked, Shape


async def deal(
    server: Checked, values: Sequence[Words], shape: Shape, bits: Sequence[int], purpose: str
) -> list[Share]:
    """Return shares of values mod 2^bits that role 0 alone knows, in one message; others give nothing.

    Whoever calls it claims what the values are. The message is uniform to role 2, who lacks k_1.

    Rounds: 1. Bits: those of the values.
    """
    k = server.kernels
    types = [server.word(one) for one in bits]
    nothing = [k.zeros(shape, one) for one in types]
    masks: Sequence[Words] = nothing
    if server.role != 2:
        masks = [server.random(1, f"{purpose}{j}", shape, one) for j, one in enumerate(types)]
    if server.role == 1:
        return [server.sharing(None, mask, zero) for mask, zero in zip(masks, nothing, strict=True)]
    if server.role == 0:
        rests = [k.sub(value, mask) for value, mask in zip(values, masks, strict=True)]
        server.say(2, rests, *bits)
        return [server.sharing(rest, mask, None) for rest, mask in zip(rests, masks, strict=True)]
    rests = await server.words(0, shape, *bits)
    return [server.sharing(rest, None, zero) for rest, zero in zip(rests, nothing, strict=True)]


async def deal_planes(server: Checked, planes: Words | None, shape: Shape, purpose: str) -> Bits:
    """Return Boolean shares of planes that role 0 alone knows. Rounds: 1. Bits: one a bit."""
    k = server.kernels
    zero = k.zeros(shape, BYTE)
    if server.role == 2:
        return Bits(zero, await server.planes(0, shape))
    mask = server.random(1, purpose, shape, BYTE)
    if server.role == 1:
        return Bits(mask, zero)
    rest = k.xor(planes, mask)
    server.send(2, rest)
    return Bits(rest, mask)


async def cross(
    server: Checked, dealt: Sequence[Share], known: Sequence[Words], shape: Shape, bits: int
) -> Share:
    """Return shares mod 2^bits of Σ D · c for dealt D and words c that roles 1 and 2 know.

    Role 1 sends D_1 · c − F(k_1), role 2 D_0 · c − F(k_0), each uniform to the other, who lacks that key;
    both sums make component 2. Role 0 gives nothing as `known`.

    Rounds: 1. Bits: 2 · bits.
    """
    k, dtype = server.kernels, server.word(bits)
    masks = {
        key: server.random(key, "cross", shape, dtype) for key in (0, 1) if (key - server.role) % 3 != 2
    }
    sent: dict[int, Words] = {}
    if server.role != 0:
        part = 2 - server.role
        terms = [k.mul(server.component(one, part), word) for one, word in zip(dealt, known, strict=True)]
        own = k.low_bits(k.sub(reduce(k.add, terms), masks[part]), bits)
        server.say(3 - server.role, [own], bits)
        (got,) = await server.words(3 - server.role, shape, bits)
        sent = {server.role: own, 3 - server.role: got}
    server.claim(
        1, bits, shape,
        u=lambda: [server.component(one, 1) for one in dealt],
        v=lambda: known,
        left=lambda: masks[1],
        right=lambda: sent[1],
    )  # fmt: skip
    server.claim(
        2, bits, shape,
        u=lambda: known,
        v=lambda: [server.component(one, 0) for one in dealt],
        left=lambda: sent[2],
        right=lambda: masks[0],
    )  # fmt: skip
    both = k.add(sent[1], sent[2]) if sent else None
    return server.sharing(masks.get(0), masks.get(1), both)


async def cross_planes(server: Checked, dealt: Bits, known: Words | None) -> Bits:
    """Return Boolean shares of D ∧ c for dealt bits D and planes c that roles 1 and 2 know.

    Rounds: 1. Bits: 2 a bit.
    """
    k, shape = server.kernels, dealt.a.shape
    share = Share(dealt.a, dealt.b)
    masks = {
        key: server.random(key, "cross", shape, BYTE) for key in (0, 1) if (key - server.role) % 3 != 2
    }
    sent: dict[int, Words] = {}
    if server.role != 0:
        part = 2 - server.role
        own = k.xor(k.and_(server.component(share, part), known), masks[part])
        server.send(3 - server.role, own)
        sent = {server.role: own, 3 - server.role: await server.planes(3 - server.role, shape)}
    server.claim(
        1, 0, shape,
        u=lambda: [server.component(share, 1)],
        v=lambda: [known],  # type: ignore[list-item]  # roles 1 and 2 know it
        left=lambda: masks[1],
        right=lambda: sent[1],
    )  # fmt: skip
    server.claim(
        2, 0, shape,
        u=lambda: [known],  # type: ignore[list-item]  # roles 1 and 2 know it
        v=lambda: [server.component(share, 0)],
        left=lambda: sent[2],
        right=lambda: masks[0],
    )  # fmt: skip
    both = k.xor(sent[1], sent[2]) if sent else None
    found = server.sharing(masks.get(0), masks.get(1), both)
    return Bits(found.a, found.b)
