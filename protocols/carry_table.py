"""The carry by tables: one-hot vectors of digits, read with the other half, then a tree of ANDs."""

from __future__ import annotations

from protocols.boolean import BYTE, and_layer, and_to_halves, bits_to_halves, join, xor
from protocols.server import Server
from protocols.sharing import Bits, Halves, Planes


async def carry_by_table(server: Server, x: Halves) -> Planes:
    """Return halves of the carry out of the lower k − 1 bits of v + w, one plane of n bits.

    For each digit of `radix` bits, server 0 shares the one-hot vector of v's digit as T_0 ⊕ T_1 ⊕ T_2:
    T_0 and T_1 are PRF outputs, T_2 goes to servers 1 and 2. Whether the digit generates or propagates a
    carry is linear in that vector once w's digit is known, so servers 1 and 2 read shares of both off,
    and mask what they exchange. A tree of ANDs combines the digits.

    Rounds: 1 + ⌈log2 ⌈(k−1)/m⌉⌉, of which server 0 sits out the last. Bits, for d digits of m bits:
    2d(2^m − 1) + 2(2d − 1), the ANDs of the tree 3 each, its last 2. Source: our notes; the one-hot
    vector is the shared lookup table of Dessouky et al. 2017 among three parties.
    """
    k, n = server.kernels, x.half.size
    planes = k.bit_planes(x.half, 0, x.bits - 1)
    radix = server.choices.radix or 4
    widths = [min(radix, len(planes) - low) for low in range(0, len(planes), radix)]
    generate, propagate = await _read_digits(server, planes, widths, n)
    while len(generate.a) > 2:
        generate, propagate = await _combine(server, generate, propagate)
    if len(generate.a) == 1:
        return bits_to_halves(server, generate[0])
    last = await and_to_halves(server, propagate[:1], generate[:1])
    carry: Planes = k.xor(last[0], bits_to_halves(server, generate[1]))
    return carry


async def _combine(server: Server, generate: Bits, propagate: Bits) -> tuple[Bits, Bits]:
    """Combine neighbouring digits, lowest first: G = G_hi ⊕ P_hi ∧ G_lo, P = P_hi ∧ P_lo.

    `propagate` leaves the lowest digit out, whose P nobody needs.
    """
    pairs, odd = divmod(len(generate.a), 2)
    high = propagate[0 : 2 * pairs : 2]  # P of digits 1, 3, 5, …
    low = join(server, [generate[0 : 2 * pairs : 2], propagate[1 : 2 * pairs - 1 : 2]])
    products = await and_layer(server, join(server, [high, high[1:]]), low)
    generated = [xor(server, generate[1 : 2 * pairs : 2], products[:pairs])]
    propagated = [products[pairs:]]
    if odd:
        generated.append(generate[-1:])
        propagated.append(propagate[-1:])
    return join(server, generated), join(server, propagated)


async def _read_digits(server: Server, planes: Planes, widths: list[int], n: int) -> tuple[Bits, Bits]:
    """Return shares of (generate for all digits, propagate for all but the lowest)."""
    k, role = server.kernels, server.role
    held = {0: (0, 1), 1: (1,), 2: (0,)}[role]
    digits, low = [], 0
    for width in widths:
        digits.append(planes[low : low + width])
        low += width
    shape = (sum((1 << width) - 1 for width in widths), planes.shape[1])
    drawn = {key: server.random(key, "tables", shape, BYTE) for key in held}
    bits = 2 * len(widths) - 1
    masks = {key: server.random(key, "read", (bits, planes.shape[1]), BYTE) for key in held}
    if role == 0:
        entries = k.concatenate([k.one_hot(digit, n)[1:] for digit in digits], 0)
        rest = k.xor(k.xor(entries, drawn[0]), drawn[1])
        server.send(1, rest)
        server.send(2, rest)
        read = Bits(masks[0], masks[1])
    else:
        key = held[0]
        own = k.xor(_read(server, drawn[key], digits, 0), masks[key])
        server.send(3 - role, own)
        both = k.xor(own, await server.recv(3 - role))
        third = k.xor(both, _read(server, await server.recv(0), digits, 255))
        read = Bits(masks[key], third) if role == 1 else Bits(third, masks[key])
    return read[: len(widths)], read[len(widths) :]


def _read(server: Server, tables: Planes, digits: list[Planes], total: int) -> Planes:
    """Return a share of the generate bits of all digits, then of the propagate bits but the lowest's.

    Entry 0 of a table is not sent: the XOR of all entries is `total`, all ones in one of the shares.
    """
    k = server.kernels
    generate, propagate, low = [], [], 0
    for digit in digits:
        entries = tables[low : low + (1 << len(digit)) - 1]
        low += len(entries)
        first = k.xor(k.xor_all(entries), k.full((), total, BYTE))
        table = k.concatenate([first.reshape(1, -1), entries], 0)
        g, p = k.table_lookup(table, digit)
        generate.append(g)
        propagate.append(p)
    planes: Planes = k.stack(generate + propagate[1:], 0)
    return planes
