"""The carry by tables: one-hot vectors of digits, read with the other half, then a tree of ANDs."""

from __future__ import annotations

from itertools import pairwise

from protocols.replicated3.constructions.adder import carry_of_digits
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
    planes_of,
)


async def carry_by_table(server: Server, x: Halves) -> Planes:
    """Return halves of the carry out of the lower k − 1 bits of v + w, one plane of n bits.

    For each digit of `radix` bits, server 0 shares the one-hot vector of v's digit as T_0 ⊕ T_1 ⊕ T_2:
    T_0 and T_1 are PRF outputs, T_2 goes to servers 1 and 2. Whether the digit generates or propagates a
    carry is linear in that vector once w's digit is known, so servers 1 and 2 read shares of both off,
    and mask what they exchange. A tree of ANDs combines the digits.

    Rounds: 1 + ⌈log2 ⌈(k−1)/m⌉⌉, of which server 0 sits out the last. Bits, for d digits of m bits:
    2d(2^m − 1) + 2(2d − 1), the ANDs of the tree 3 each, its last 2. Source:
    docs/constructions.md#table-comparison; the one-hot vector is the shared lookup table of Dessouky et al.
    2017 among three parties.
    """
    n, planes = x.half.size, planes_of(server, x.flat(), 0, x.bits - 1)
    return await carries_by_table(server, planes, n)


async def carries_by_table(server: Server, planes: Planes, n: int) -> Planes:
    """Return halves of the carries of sums of one v and one w, or several, a plane of n bits for each w.

    v's tables are dealt once, and read at each w. Rounds as of one; bits: 2d(2^m − 1) in all, the rest for
    each.

    Args:
        server: in its role.
        planes: the bits of this server's half but the top one, (k − 1, ⌈n/8⌉); of servers 1 and 2
            (k − 1, ⌈n/8⌉) or (k − 1, several, ⌈n/8⌉), of server 0 as often, of which it deals the first.
        n: numbers in a plane.
    """
    widths = _widths(server, len(planes))
    read = await _read_digits(server, planes, widths, n, carry=True)
    return await carry_of_digits(server, read[: len(widths)], read[len(widths) :])


async def all_ones(server: Server, x: Halves) -> Planes:
    """Return halves of the bit that is 1 where v + w ≡ 2^k − 1, one plane of n bits.

    Every digit must propagate. Rounds: 1 + ⌈log2 ⌈k/m⌉⌉, of which server 0 sits out the last.
    """
    planes, widths = planes_of(server, x.flat(), 0, x.bits), _widths(server, x.bits)
    ones = await _read_digits(server, planes, widths, x.half.size, carry=False)
    while len(ones.a) > 2:
        pairs = len(ones.a) // 2
        joined = await and_layer(server, ones[0 : 2 * pairs : 2], ones[1 : 2 * pairs : 2])
        ones = join(server, [joined, ones[2 * pairs :]])
    if len(ones.a) == 1:
        return bits_to_halves(server, ones[0])
    both = await and_to_halves(server, ones[:1], ones[1:])
    first: Planes = both[0]
    return first


def _widths(server: Server, count: int) -> list[int]:
    """Return the bits of each digit that so many bits are cut in, from the lowest."""
    radix = server.choices.radix or 4
    return [min(radix, count - low) for low in range(0, count, radix)]


async def _read_digits(server: Server, planes: Planes, widths: list[int], n: int, carry: bool) -> Bits:
    """Return shares of the propagate bits of all digits, n bits each, of each w.

    With `carry`: of the generate bits of all digits, then of the propagate bits but the lowest's.
    """
    k, role = server.kernels, server.role
    held = {0: (0, 1), 1: (1,), 2: (0,)}[role]
    starts = [sum(widths[:place]) for place in range(len(widths) + 1)]
    digits = [planes[low:high] for low, high in pairwise(starts)]
    *several, size = planes.shape[1:]
    shape = (sum((1 << width) - 1 for width in widths), size)
    drawn = {key: server.random(key, "tables", shape, BYTE) for key in held}
    bits = 2 * len(widths) - 1 if carry else len(widths)
    rows = (bits, *several, size)
    masks = {key: server.random(key, "read", rows, BYTE) for key in held}
    if role == 0:
        first = [digit[:, 0] if several else digit for digit in digits]
        entries = k.concatenate([k.one_hot(digit, n)[1:] for digit in first], 0)
        rest = k.xor(k.xor(entries, drawn[0]), drawn[1])
        server.send(1, rest)
        server.send(2, rest)
        return Bits(masks[0], masks[1])
    key = held[0]
    own = k.xor(_read(server, drawn.pop(key), digits, 0, carry), masks[key])  # frees the tables
    server.send(3 - role, own)
    both = k.xor(own, await server.recv(3 - role))
    third = k.xor(both, _read(server, await server.recv(0), digits, 255, carry))
    return Bits(masks[key], third) if role == 1 else Bits(third, masks[key])


def _read(server: Server, tables: Planes, digits: list[Planes], total: int, carry: bool) -> Planes:
    """Return this share's part of what `_read_digits` returns.

    Entry 0 of a table is not sent: the XOR of all entries is `total`, all ones in one of the shares.
    """
    k = server.kernels
    generate, propagate, low = [], [], 0
    for digit in digits:
        entries = tables[low : low + (1 << len(digit)) - 1]
        low += len(entries)
        first = k.xor(k.xor_all(entries), k.full((), total, BYTE))
        table = k.concatenate([first.reshape(1, -1), entries], 0)
        g, p = k.table_lookup(table, digit if digit.ndim == 2 else digit.transpose(1, 0, 2))
        generate.append(g)
        propagate.append(p)
    planes: Planes = k.stack(generate + propagate[1:] if carry else propagate, 0)
    return planes
