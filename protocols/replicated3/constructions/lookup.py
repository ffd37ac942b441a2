"""Oblivious lookup in a public table, at an index that is shared between server 0 and the other two.

Server 0 deals the one-hot vector of its part of the index, as numbers; servers 1 and 2, who know the
other part, permute the table by it and take the inner product with their shares of the vector: any table
at all costs one exchange more. Server 0 may scale its vector, servers 1 and 2 the table.
"""

from __future__ import annotations

from collections.abc import Sequence

from protocols.domains import Words
from protocols.replicated3.sharings import Halves, Server, exchange


async def deal_one_hot(
    server: Server, index: Words, entries: int, factor: Words | None = None
) -> list[Words]:
    """Return this server's shares (entries, n) of factor · one-hot vector of server 0's index.

    `two_rounds`: dealt in two parts, none at server 0; `one_round`: in three parts, the third to both
    servers 1 and 2, who hold two each. Rounds: 1 (server 0 may be ahead). Bits: l (2l) an entry.

    Args:
        index: (n,), server 0's part, below `entries`; ignored at the others.
        factor: (n,), server 0's; 1 by default.
    """
    k, ring = server.kernels, server.ring
    shape = (entries, index.size)
    in_three = server.choices.select == "one_round"
    keys = (0, 1) if in_three else (1,)
    if server.role == 0:
        rest = k.one_hot_words(index, entries, ring.dtype)
        if factor is not None:
            rest = k.mul(rest, factor)
        for key in keys:
            rest = k.sub(rest, server.random(key, "one-hot", shape))
        packed = k.pack(rest, ring.bits)
        for receiver in (1, 2) if in_three else (2,):
            server.send(receiver, packed)
        return []
    key = 2 - server.role
    parts = [server.random(key, "one-hot", shape)] if key in keys else []
    if in_three or server.role == 2:
        parts.append(k.unpack(await server.recv(0), ring.bits, shape, ring.dtype))
    return parts


async def look_up(server: Server, size: int, read: Sequence[Sequence[Words]]) -> list[Halves]:
    """Return, as halves mod 2^l, the sums of what servers 1 and 2 read off the vector, one a table.

    Args:
        size: n.
        read: for each table, this server's inner product with each of its shares of the vector; of
            three parts the second is common to servers 1 and 2. Server 0 gives an empty list a table.

    Rounds: 1. Bits: 2l a table.
    """
    k, ring = server.kernels, server.ring
    if server.role == 0:
        return [
            Halves(k.add(*(server.random(key, f"read{t}", (size,)) for key in (0, 1))), ring.bits)
            for t in range(len(read))
        ]
    own = [
        k.sub(parts[0], server.random(2 - server.role, f"read{t}", (size,))) for t, parts in enumerate(read)
    ]
    both = k.add(k.stack(own, 0), await exchange(server, k.stack(own, 0), ring.bits))
    return [
        Halves(k.add(both[t], parts[1]) if len(parts) > 1 else both[t], ring.bits)
        for t, parts in enumerate(read)
    ]


async def look_up_xor(
    server: Server,
    index: Words,
    tables: Sequence[Words],
    sign: Words | None = None,
) -> list[Halves]:
    """Return table[β ⊕ c] for each table, as halves mod 2^l; server 0 holds β, servers 1 and 2 hold c.

    Args:
        index: (n,), this server's part.
        tables: ring elements, all of one length, a power of two.
        sign: (n,), this server's part of bits; where they are 1 together the result is negated.

    Rounds: 2 (server 0 may be ahead by one). Bits: l an entry and 2l a table (2l an entry in one round).
    """
    k, dtype = server.kernels, server.ring.dtype
    factor = None
    if sign is not None:
        factor = k.sub(k.full((), 1, dtype), k.shift_left(k.astype(sign, dtype), 1))
    if server.role == 0:
        await deal_one_hot(server, index, len(tables[0]), factor)
        return await look_up(server, index.size, [[] for _ in tables])
    parts = await deal_one_hot(server, index, len(tables[0]))
    read = [[k.permuted_dot_xor(part, index, table) for part in parts] for table in tables]
    if factor is not None:
        read = [[k.mul(value, factor) for value in values] for values in read]
    return await look_up(server, index.size, read)
