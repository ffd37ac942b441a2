"""A shared bit times a shared value, and bits as numbers.

With b = β ⊕ c, β = b_0 ⊕ b_1 known to role 0 and c = b_2 to roles 1 and 2, and x = v + w alike:
x · b = βv + cw + (v − 2βv)·c + β·w(1 − 2c). Role 0 deals β and q = βv; v − 2q is then local to both holders
of a component: no third number is dealt, and the result is shared at once.
"""

from __future__ import annotations

from functools import reduce

from protocols.domains import Words
from protocols.replicated3.sharings import Bits, Share
from protocols.replicated3_malicious.constructions.wraps import claim_number
from protocols.replicated3_malicious.sharings import Checked, cross, deal


async def select(server: Checked, plane: Bits, x: Share, bits: int) -> Share:
    """Return shares mod 2^bits of b · x for a plane of bits and a vector.

    Rounds: 2, of which role 0 sends the first and has its components at once. Bits: 4 · bits.
    """
    k, shape = server.kernels, x.shape
    b = _components(server, plane, x.size, bits)
    wanted: list[Words] = []
    if server.role == 0:
        beta = k.xor(b[0], b[1])
        wanted = [beta, k.mul(beta, k.add(x.a, x.b))]
    beta, q = await deal(server, wanted, shape, (bits, bits), "chosen")
    claim_number(server, beta, b, bits)
    signed = {  # x_j (1 − 2 b_j)
        j: k.sub(server.component(x, j), k.shift_left(k.mul(server.component(x, j), bit), 1))
        for j, bit in b.items()
    }

    def rest(j: int) -> Words:
        return k.sub(server.component(q, j), k.mul(b[j], server.component(x, j)))  # type: ignore[no-any-return]

    server.claim(
        0, bits, shape,
        u=lambda: [signed[0], b[0]],
        v=lambda: [b[1], signed[1]],
        left=lambda: rest(0),
        right=lambda: rest(1),
    )  # fmt: skip
    # v − 2q and β are crossed with c and w(1 − 2c)
    gain = Share(*(k.sub(part, k.shift_left(own, 1)) for part, own in ((x.a, q.a), (x.b, q.b))))
    known = [] if server.role == 0 else [b[2], signed[2]]
    found = await cross(server, [gain, beta], known, shape, bits)
    add = [(q.a, q.b)[j] for j in (0, 1)]
    if server.role != 0:
        own = k.mul(b[2], server.component(x, 2))
        add[2 - server.role] = own
    return Share(k.add(found.a, add[0]), k.add(found.b, add[1]))


async def number(server: Checked, plane: Bits, n: int, bits: int) -> Share:
    """Return shares mod 2^bits of n bits as numbers: β + c − 2βc.

    Rounds: 2, of which role 0 sends the first. Bits: 3 · bits.
    """
    k, shape = server.kernels, (n,)
    b = _components(server, plane, n, bits)
    wanted = [k.xor(b[0], b[1])] if server.role == 0 else []
    (beta,) = await deal(server, wanted, shape, (bits,), "number")
    claim_number(server, beta, b, bits)
    known = [] if server.role == 0 else [b[2]]
    product = await cross(server, [beta], known, shape, bits)
    first = [beta.a, beta.b]
    if server.role != 0:
        first[2 - server.role] = b[2]
    twice = (k.shift_left(product.a, 1), k.shift_left(product.b, 1))
    return Share(k.sub(first[0], twice[0]), k.sub(first[1], twice[1]))


async def compose(server: Checked, planes: Bits, n: int) -> Share:
    """Return shares mod 2^l of n numbers whose lower bits are these planes: Σ 2^j (β_j + c_j − 2 β_j c_j).

    Role 0 deals β_j mod 2^(l−j); all products of a number are crossed as one sum.

    Rounds: 2. Bits: Σ_j (l − j), and 2l.
    """
    k, ring, shape = server.kernels, server.ring, (n,)
    count = len(planes.a)
    sizes = [ring.bits - j for j in range(count)]
    b = [_components(server, planes[j : j + 1], n, ring.bits) for j in range(count)]
    wanted = [k.xor(one[0], one[1]) for one in b] if server.role == 0 else []
    wanted = [k.astype(one, server.word(size)) for one, size in zip(wanted, sizes, strict=False)]
    dealt = await deal(server, wanted, shape, sizes, "digits")
    for one, bit, size in zip(dealt, b, sizes, strict=True):
        narrow = {j: k.astype(word, server.word(size)) for j, word in bit.items()}
        claim_number(server, one, narrow, size)
    moved = [
        Share(*(k.shift_left(k.astype(part, ring.dtype), j) for part in (one.a, one.b)))
        for j, one in enumerate(dealt)
    ]
    known = [] if server.role == 0 else [one[2] for one in b]
    product = await cross(server, moved, known, shape, ring.bits)
    first = [reduce(k.add, (one.a for one in moved)), reduce(k.add, (one.b for one in moved))]
    if server.role != 0:
        first[2 - server.role] = reduce(k.add, (k.shift_left(one[2], j) for j, one in enumerate(b)))
    twice = (k.shift_left(product.a, 1), k.shift_left(product.b, 1))
    return Share(k.sub(first[0], twice[0]), k.sub(first[1], twice[1]))


def _components(server: Checked, plane: Bits, n: int, bits: int) -> dict[int, Words]:
    """Return this server's components of a plane, as words of 0 and 1, by number."""
    k, word = server.kernels, server.word(bits)
    share = Share(plane.a, plane.b)
    return {
        j: k.from_planes(server.component(share, j).reshape(1, -1), n, word)
        for j in range(3)
        if (j - server.role) % 3 != 2
    }
