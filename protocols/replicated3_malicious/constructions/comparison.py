"""The sign of a shared number, and all its bits: adders of two halves whose dealt bits are provable.

A number mod 2^k lies in v = x_0 + x_1, which role 0 knows, and w = x_2, which roles 1 and 2 know. Role 0
deals the bits of v. With c_j = v_j ⊕ x_0j ⊕ x_1j, a local function of what is dealt, v is right where
c_{j+1} ⊕ c_j = (x_1j ⊕ c_j) ∧ (x_0j ⊕ c_j): two products a bit, of what role 1 and of what role 2 knows.
"""

from __future__ import annotations

from protocols.domains import Words
from protocols.replicated3.constructions import join_neighbours, plus_others_bits, prefix_carries
from protocols.replicated3.sharings import Bits, Share, join, opposite, xor
from protocols.replicated3_malicious.constructions.products import conjunction, last_conjunction
from protocols.replicated3_malicious.sharings import BYTE, Checked, cross_planes, deal_planes


async def sign(server: Checked, x: Share, bits: int) -> Bits:
    """Return a plane of shared bits, 1 where a vector's values mod 2^bits are negative, signed.

    Role 0 has its components a round before the others. Rounds: 3 + ⌈log2(bits − 1)⌉ − 1, of which role 0
    sits out the last. Bits: bits − 1 dealt, 2(bits − 1) to generate, 3 an AND of the tree.
    """
    if bits == 1:
        return lowest(server, x)
    v, w = await _dealt_bits(server, x, bits)
    generate, propagate = await cross_planes(server, v[:-1], w[:-1]), plus_others_bits(server, v, w)
    g, p = generate, propagate[1:-1]
    while len(g.a) > 2:
        g, p = await join_neighbours(server, g, p, conjunction)
    carry = g[-1:]
    if len(g.a) == 2:
        carry = xor(server, await last_conjunction(server, p[:1], g[:1]), g[1:])
    return xor(server, carry, propagate[-1:])


async def all_bits(server: Checked, x: Share, bits: int) -> Bits:
    """Return Boolean shares of all bits of a vector mod 2^bits, lowest plane first.

    Rounds: 2 + ⌈log2(bits − 1)⌉. Source: the arithmetic-to-Boolean conversion of ABY3 §5.3 on halves.
    """
    if bits == 1:
        return lowest(server, x)
    v, w = await _dealt_bits(server, x, bits)
    propagate = plus_others_bits(server, v, w)
    if bits == 2:
        carries = await cross_planes(server, v[:1], w[:1])
    else:
        generate = await cross_planes(server, v[:-1], w[:-1])
        carries = await prefix_carries(server, generate, propagate[:-1], conjunction)
    return join(server, [propagate[:1], xor(server, propagate[1:], carries)])


async def zero(server: Checked, x: Share, bits: int) -> Bits:
    """Return a plane of shared bits, 1 where a vector's values are 0 mod 2^bits.

    v + w = 0 where every bit of v is that of −w, which roles 1 and 2 know. Rounds: 1 + ⌈log2 bits⌉. Bits:
    bits − 1 dealt, 3 an AND of bits − 1.
    """
    k = server.kernels
    if bits == 1:
        return opposite(server, lowest(server, x))
    v, _ = await _dealt_bits(server, x, bits)
    parts = [v.a, v.b]
    if server.role != 0:
        own = 2 - server.role  # which of both is component 2
        differs = k.bit_planes(k.neg(server.component(x, 2)), 0, bits)
        parts[own] = k.xor(parts[own], k.invert(differs))
    alike = Bits(*parts)
    while len(alike.a) > 1:
        paired = len(alike.a) - len(alike.a) % 2
        both = await conjunction(server, alike[0:paired:2], alike[1:paired:2])
        alike = join(server, [both, alike[paired:]])
    return alike


def lowest(server: Checked, x: Share) -> Bits:
    """Return a plane of the lowest bits of a vector: those of the components; no message."""
    k = server.kernels
    return Bits(k.bit_planes(x.a, 0, 1), k.bit_planes(x.b, 0, 1))


async def _dealt_bits(server: Checked, x: Share, bits: int) -> tuple[Bits, Words]:
    """Return Boolean shares of all bits of v = x_0 + x_1, and the planes of w; zeros where it is unknown.

    The lowest bit needs no dealing. Rounds: 1. Bits: bits − 1.
    """
    k = server.kernels
    planes = {
        j: k.bit_planes(server.component(x, j), 0, bits) for j in range(3) if (j - server.role) % 3 != 2
    }
    shape = (bits - 1, planes[server.role].shape[1])
    values = None
    if server.role == 0:
        values = k.bit_planes(k.add(x.a, x.b), 1, bits - 1)
    dealt = await deal_planes(server, values, shape, "bits of v")
    claim_carries(server, planes, dealt)
    low = Bits(
        *(
            planes[j][:1] if j != 2 else k.zeros((1, shape[1]), BYTE)
            for j in (server.role, (server.role + 1) % 3)
        )
    )
    w = planes[2] if server.role != 0 else k.zeros((bits, shape[1]), BYTE)
    return join(server, [low, dealt]), w


def claim_carries(server: Checked, planes: dict[int, Words], dealt: Bits) -> None:
    """Claim that dealt bits v_1 … v_m are those of x_0 + x_1, given the planes of both.

    With c = c_1 ⊕ c_2, of which role 1 knows c_1 = v_1 ⊕ x_1 and role 2 the other, the AND of a row is
    a·(b ⊕ c_2) ⊕ c_1·b and what is local: a·c_1 and b·c_2.
    """
    k = server.kernels
    share = Share(dealt.a, dealt.b)
    rows = len(dealt.a)

    def carries(j: int) -> Words:
        """Return this part of the carries into bits 0 … m."""
        own = k.xor(server.component(share, j), planes[j][1 : rows + 1])
        into: Words = k.concatenate([k.zeros((1, own.shape[1]), BYTE), own], 0)
        return into

    def rest(j: int) -> Words:
        c = carries(j)
        known: Words = k.xor(c[1:], k.and_(planes[j][:rows], c[:-1]))
        return known

    server.claim(
        0, 0, dealt.a.shape,
        u=lambda: [k.xor(planes[0][:rows], carries(0)[:-1]), planes[0][:rows]],
        v=lambda: [planes[1][:rows], carries(1)[:-1]],
        left=lambda: rest(0),
        right=lambda: rest(1),
    )  # fmt: skip
