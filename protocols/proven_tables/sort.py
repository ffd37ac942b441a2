"""A stable radix sort on shares that is proven, a verification a pass: docs/malicious.md#shuffles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mpcsim import InputError
from protocols.domains import Words, word_type
from protocols.family import NO_PADDING
from protocols.proven_tables.orders import apply_order, opened, permuted
from protocols.replicated3.sharings import Column, Share, concatenate, in_thirds
from protocols.replicated3_malicious import ReplicatedMalicious
from protocols.replicated3_malicious.constructions import Product, Sum, all_bits, one_hot, reshare
from protocols.replicated3_malicious.sharings import Checked
from protocols.tables import DIGIT, Key, rank_bits, sortable
from protocols.tables import numbers as row_numbers


async def key_of(
    me: ReplicatedMalicious, x: Share, bits: int, signed: bool = True, descending: bool = False
) -> Key:
    """Return a key that sorts as the numbers mod 2^bits do; see `protocols.tables.key_of`.

    Raises:
        InputError: bits that the ring does not have.
    """
    if not 1 <= bits <= me.ring.bits:
        raise InputError(f"a key of {bits} bits: accepted are 1 to the ring's {me.ring.bits}")
    server, dtype, flat = me.server, word_type(bits), x.flat()
    flipped = (1 << (bits - 1) if signed else 0) ^ ((1 << bits) - 1 if descending else 0)

    async def some(server: Checked, part: Share) -> Share:
        k, planes = server.kernels, await all_bits(server, part, bits)
        a, b = (k.from_planes(one, part.size, dtype) for one in (planes.a, planes.b))
        top = k.full((), flipped, dtype)  # component 0 is flipped
        if server.role == 0:
            return Share(k.xor(a, top), b)
        return Share(a, k.xor(b, top)) if server.role == 2 else Share(a, b)

    parts = await in_thirds(server, some, flat.size, lambda part: (flat[part],))
    return Key(concatenate(server, parts).reshape(*x.shape), bits)


async def order_by(me: ReplicatedMalicious, keys: Sequence[Key], digit: int = DIGIT) -> Share:
    """Return the stable ascending order of rows by several keys, the first being the most significant.

    Returns:
        Shares mod 2^b of the numbers of rows in order; b = `rank_bits(n)`.

    Rounds: 7 a pass and its verification. Bits a row: Σ over passes of 3b(2^w − 1) + 18b + 6 (key bits
    left).

    Raises:
        InputError: no key, keys of different shapes, no row, or a width of digits that is not accepted.
    """
    return (await _sorted(me, keys, (), digit))[0]


async def sort_by(
    me: ReplicatedMalicious,
    keys: Sequence[Key],
    columns: Sequence[Column],
    digit: int = DIGIT,
    carried: bool = False,
) -> list[Share]:
    """Return columns in the stable ascending order of the keys; see `protocols.tables.sort_by`."""
    if carried and columns:
        return await _sorted(me, keys, columns, digit)
    return await apply_order(me, await order_by(me, keys, digit), columns)


async def _sorted(
    me: ReplicatedMalicious, keys: Sequence[Key], columns: Sequence[Column], digit: int
) -> list[Share]:
    """Take columns, or row numbers where there are none, through the passes of a sort."""
    shape = sortable(keys, columns, digit)
    flat = (-1, shape[-1])
    lefts = [Key(key.share.reshape(*flat), key.bits) for key in reversed(keys)]
    rows = [Column(one.share.reshape(*flat), one.bits, one.xor) for one in columns]
    wide = lefts[0].share.shape
    rows = rows or [Column(row_numbers(me.server, wide), rank_bits(shape[-1]))]
    while lefts:
        width = min(digit, lefts[0].bits)
        places = await _places(me, lefts[0].share, width)
        lefts[0] = _without(me, lefts[0], width)
        lefts = [key for key in lefts if key.bits]
        moving = [*rows, *(Column(key.share, key.bits, xor=True) for key in lefts)]
        opening, shares = await opened(me, places, moving)
        order = me.kernels.inverted(opening.rows)
        shares = [permuted(me, one, order) for one in shares]
        rows = [Column(share, one.bits, one.xor) for share, one in zip(shares, rows, strict=False)]
        lefts = [Key(share, key.bits) for share, key in zip(shares[len(rows) :], lefts, strict=True)]
    return [one.share.reshape(*shape) for one in rows]


def _without(me: ReplicatedMalicious, key: Key, width: int) -> Key:
    """Return a key without its lower bits; no message."""
    k, bits = me.kernels, key.bits
    if width == bits:
        return Key(key.share, 0)
    a, b = (k.shift_right(k.low_bits(part, bits), width, bits) for part in (key.share.a, key.share.b))
    return Key(Share(a, b), bits - width)


async def _places(me: ReplicatedMalicious, key: Share, width: int) -> Share:
    """Return where each row (columns, n) goes by its lower `width` bits, mod 2^b. Rounds: 3."""
    b = rank_bits(key.shape[-1])

    async def some(server: Checked, part: Share) -> Share:
        hot = await one_hot(server, part, width, b)
        counts = Share(_counts(server, hot.a), _counts(server, hot.b))
        products = tuple(Product("mul", hot[j], counts[j], (1, 1), NO_PADDING) for j in range(1 << width))
        return await reshare(server, Sum(part.shape, products), b)

    def cut(part: slice) -> tuple[Any, ...]:
        return (key[part],)

    parts = await in_thirds(me.server, some, key.shape[0], cut)
    return concatenate(me.server, parts)


def _counts(server: Checked, hot: Words) -> Words:
    """Return, for one-hot (2^w, columns, n), the rows of digit j before each row and of smaller digits."""
    k = server.kernels
    smaller = k.sums_before(k.sum(hot, axis=-1), 0)
    words: Words = k.add(k.sums_before(hot, -1), smaller.reshape(*smaller.shape, 1))
    return words
