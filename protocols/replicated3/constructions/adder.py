"""Boolean adders of two halves: x = v + w mod 2^k bit by bit, v known to server 0, w to servers 1 and 2.

A bit generates a carry where v_j ∧ w_j and propagates one where v_j ⊕ w_j. Three classical forms of the
carry out of the lower k − 1 bits, for comparison with ours, and all sum bits (the conversion from
arithmetic to Boolean shares).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from protocols.replicated3.sharings import (
    BYTE,
    Bits,
    Halves,
    Planes,
    Server,
    and_layer,
    and_to_halves,
    bits_to_halves,
    join,
    pick,
    planes_of,
    replace_planes,
    xor,
)

Conjoined = TypeVar("Conjoined", bound=Server)
Conjoin = Callable[[Conjoined, Bits, Bits], Awaitable[Bits]]
"""A protocol of a server and of two sets of planes that returns their ANDs."""


async def carry_by_ripple(server: Server, x: Halves) -> Planes:
    """Return halves of the carry out of the lower k − 1 bits by the l-bit full adder of POMIC §5.2.

    c_{j+1} = v_j ⊕ (v_j ⊕ w_j) ∧ (v_j ⊕ c_j): one AND a bit, one after the other. Rounds: at most k, of
    which server 0 sits out the last. Bits: k − 1 to share v, the ANDs 3 each, the last 2.
    """
    planes = planes_of(server, x, 0, x.bits - 1)
    v = await share_dealers_bits(server, planes)
    propagate = plus_others_bits(server, v, planes)
    carry: Bits | None = None
    for j in range(x.bits - 1):
        other = v[j : j + 1] if carry is None else xor(server, v[j : j + 1], carry)
        if j == x.bits - 2:
            product = await and_to_halves(server, propagate[j : j + 1], other)
            half: Planes = server.kernels.xor(product[0], bits_to_halves(server, v[j]))
            return half
        carry = xor(server, v[j : j + 1], await and_layer(server, propagate[j : j + 1], other))
    raise AssertionError("a carry needs at least one bit")


async def carry_by_tree(server: Server, x: Halves) -> Planes:
    """Return halves of the carry out of the lower k − 1 bits by a tree that joins neighbours.

    Rounds: at most 2 + ⌈log2(k − 1)⌉. Bits: k − 1 to share v, 2(k − 1) to generate, the ANDs of the tree 3
    each, its last 2. Source: the carry-only adder of ABY3 and SPU.
    """
    planes = planes_of(server, x, 0, x.bits - 1)
    generate, propagate = await generate_and_propagate(server, planes)
    return await carry_of_digits(server, generate, propagate[1:])


async def carry_by_prefix(server: Server, x: Halves) -> Planes:
    """Return halves of the carry out of the lower k − 1 bits, the last of all prefix carries.

    Rounds: 2 + ⌈log2(k − 1)⌉. Bits: those of `prefix_carries`. Source: the parallel prefix adder of ABY3.
    """
    planes = planes_of(server, x, 0, x.bits - 1)
    carries = await prefix_carries(server, *await generate_and_propagate(server, planes))
    return bits_to_halves(server, carries[-1])


async def share_dealers_bits(server: Server, planes: Planes) -> Bits:
    """Return Boolean shares of bit planes that server 0 knows: (rest, F(k_1), 0).

    Rounds: 1 (server 0 may be ahead). Bits: 1 a bit.
    """
    k = server.kernels
    zero = k.zeros(planes.shape, BYTE)
    if server.role == 0:
        mask = server.random(1, "bits", planes.shape, BYTE)
        rest = k.xor(planes, mask)
        server.send(2, rest)
        return Bits(rest, mask)
    if server.role == 1:
        return Bits(server.random(1, "bits", planes.shape, BYTE), zero)
    return Bits(zero, await server.recv(0))


def plus_others_bits(server: Server, v: Bits, planes: Planes) -> Bits:
    """Return v ⊕ w, w being what servers 1 and 2 know: it is component 2 of its own shares."""
    k = server.kernels
    if server.role == 0:
        return v
    return Bits(v.a, k.xor(v.b, planes)) if server.role == 1 else Bits(k.xor(v.a, planes), v.b)


async def generate_and_propagate(server: Server, planes: Planes) -> tuple[Bits, Bits]:
    """Return Boolean shares of (v ∧ w, v ⊕ w) for bit planes of both halves.

    v ∧ w is local to server 1, who has v's component F(k_1), and to server 2, who has the rest: they
    mask what they exchange. Rounds: 2. Bits: 3 a bit.
    """
    k = server.kernels
    v = await share_dealers_bits(server, planes)
    propagate = plus_others_bits(server, v, planes)
    if server.role == 0:
        masks = [server.random(key, "generate", planes.shape, BYTE) for key in (0, 1)]
        return Bits(masks[0], masks[1]), propagate
    key = 2 - server.role
    mask = server.random(key, "generate", planes.shape, BYTE)
    part = v.a if server.role == 1 else v.b
    own = k.xor(k.and_(part, planes), mask)
    server.send(3 - server.role, own)
    both = k.xor(own, await server.recv(3 - server.role))
    return Bits(mask, both) if server.role == 1 else Bits(both, mask), propagate


async def carry_of_digits(server: Server, generate: Bits, propagate: Bits) -> Planes:
    """Return halves of the carry out of digits, lowest first, by a tree that joins neighbours.

    `propagate` leaves the lowest digit out, whose P nobody needs. Rounds: ⌈log2 of the digits⌉.
    """
    while len(generate.a) > 2:
        generate, propagate = await join_neighbours(server, generate, propagate)
    if len(generate.a) == 1:
        return bits_to_halves(server, generate[0])
    last = await and_to_halves(server, propagate[:1], generate[:1])
    carry: Planes = server.kernels.xor(last[0], bits_to_halves(server, generate[1]))
    return carry


async def join_neighbours(
    server: Conjoined, generate: Bits, propagate: Bits, conjoin: Conjoin[Conjoined] = and_layer
) -> tuple[Bits, Bits]:
    """Join neighbouring digits, lowest first: G = G_hi ⊕ P_hi ∧ G_lo, P = P_hi ∧ P_lo.

    `propagate` leaves the lowest digit out, whose P nobody needs. `conjoin` is the protocol of the ANDs.
    """
    pairs, odd = divmod(len(generate.a), 2)
    high = propagate[0 : 2 * pairs : 2]  # P of digits 1, 3, 5, …
    low = join(server, [generate[0 : 2 * pairs : 2], propagate[1 : 2 * pairs - 1 : 2]])
    products = await conjoin(server, join(server, [high, high[1:]]), low)
    generated = [xor(server, generate[1 : 2 * pairs : 2], products[:pairs])]
    propagated = [products[pairs:]]
    if odd:
        generated.append(generate[-1:])
        propagated.append(propagate[-1:])
    return join(server, generated), join(server, propagated)


async def prefix_carries(
    server: Conjoined, generate: Bits, propagate: Bits, conjoin: Conjoin[Conjoined] = and_layer
) -> Bits:
    """Return the carries out of every prefix of digits, lowest first (Sklansky 1960).

    At level i the upper half of each block of 2^(i+1) digits takes the last prefix of its lower half:
    G = G_hi ⊕ P_hi ∧ G_lo, P = P_hi ∧ P_lo, the P of digits below the block's start being of no use.
    Rounds: ⌈log2 n⌉ for n digits. Bits: 3 an AND.
    """
    digits, step = len(generate.a), 1
    while step < digits:
        upper = [j for j in range(digits) if j & step]
        lower = [(j & ~(step - 1)) - 1 for j in upper]
        inner = [i for i, j in enumerate(upper) if j >= 2 * step]  # whose P is still of use
        moved = [upper[i] for i in inner]
        high = pick(server, propagate, upper + moved)
        low = [pick(server, generate, lower), pick(server, propagate, [lower[i] for i in inner])]
        products = await conjoin(server, high, join(server, low))
        carried = xor(server, pick(server, generate, upper), products[: len(upper)])
        generate = replace_planes(server, generate, upper, carried)
        propagate = replace_planes(server, propagate, moved, products[len(upper) :])
        step *= 2
    return generate


async def sum_bits(server: Server, x: Halves) -> Bits:
    """Return Boolean shares of all k bits of v + w mod 2^k, lowest plane first.

    Rounds: 2 + ⌈log2(k − 1)⌉. Source: the arithmetic-to-Boolean conversion of ABY3 §5.3 on halves.
    """
    k = server.kernels
    planes = k.bit_planes(k.low_bits(x.half.reshape(-1), x.bits), 0, x.bits)
    if x.bits == 1:
        return plus_others_bits(server, await share_dealers_bits(server, planes), planes)
    generate, propagate = await generate_and_propagate(server, planes)
    carries = await prefix_carries(server, generate[:-1], propagate[:-1])
    rest = xor(server, propagate[1:], carries)
    return join(server, [propagate[:1], rest])
