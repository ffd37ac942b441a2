"""A stable radix sort on shares, digits of a chosen width, three rounds a pass and one.

docs/constructions.md#sorting
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from mpcsim import InputError
from protocols.domains import Words, word_type
from protocols.replicated3.constructions import to_bits
from protocols.replicated3.sharings import Column, Server, Share, concatenate, in_thirds, one_shape
from protocols.tables.orders import apply_order, numbers, rank_bits
from protocols.tables.seat import STRAIGHT, SWAPPED, Seat
from protocols.tables.shuffle import Halved, draw_shuffle, move

DIGIT = 4
WIDEST = 8


@dataclass(frozen=True)
class Key:
    """Shares by ⊕ of natural numbers of `bits` bits, in words: what the sort takes digits off."""

    share: Share
    bits: int


async def key_of(server: Server, x: Share, bits: int, signed: bool = True, descending: bool = False) -> Key:
    """Return a key that sorts as the numbers mod 2^bits do.

    Signed numbers (whole or in fixed point) have their top bit flipped, keys of a descending order
    all bits. Rounds: 2 + ⌈log2(bits − 1)⌉.

    Raises:
        InputError: bits that the ring does not have.
    """
    if not 1 <= bits <= server.ring.bits:
        raise InputError(f"a key of {bits} bits: accepted are 1 to the ring's {server.ring.bits}")
    k, dtype = server.kernels, word_type(bits)
    flipped = (1 << (bits - 1) if signed else 0) ^ ((1 << bits) - 1 if descending else 0)
    parts = []
    ends = [x.size * part // len(server.servers) for part in range(len(server.servers) + 1)]
    sizes = [high - low for low, high in pairwise(ends) if high > low]
    sizes = sizes if server.choices.rotate and sizes else [x.size]
    for size, (seat, planes) in zip(sizes, await to_bits(server, x, bits), strict=True):
        part = Share(k.from_planes(planes.a, size, dtype), k.from_planes(planes.b, size, dtype))
        parts.append(_flip(seat, part, flipped))
    return Key(concatenate(server, parts).reshape(*x.shape), bits)


def _flip(server: Server, x: Share, mask: int) -> Share:
    """Return x ⊕ mask: component 0 is flipped, which servers 0 and 2 hold."""
    k = server.kernels
    top = k.full((), mask, x.a.dtype)
    if server.role == 0:
        return Share(k.xor(x.a, top), x.b)
    return Share(x.a, k.xor(x.b, top)) if server.role == 2 else x


async def order_by(server: Server, keys: Sequence[Key], digit: int = DIGIT) -> Share:
    """Return the stable ascending order of rows by several keys, the first being the most significant.

    Columns (before the last axis) are sorted side by side, a third of them with each server as dealer.

    Returns:
        Shares mod 2^b of the numbers of rows in order; b = `rank_bits(n)`.

    Rounds: 3 a pass + 1. Bits a row: Σ over passes of 3b(2^w − 1) + 11b + 4 (key bits left).

    Raises:
        InputError: no key, keys of different shapes, no row, or a width of digits that is not accepted.
    """
    return (await _sorted(server, keys, (), digit))[0]


async def sort_by(
    server: Server,
    keys: Sequence[Key],
    columns: Sequence[Column],
    digit: int = DIGIT,
    carried: bool = False,
) -> list[Share]:
    """Return columns in the stable ascending order of the keys.

    Args:
        server: who runs it.
        keys: the first being the most significant.
        columns: what is sorted.
        digit: bits of a digit.
        carried: columns travel with the keys through every pass, in place of row numbers: no round more
            than `order_by`, 4 bits a bit of a column in every pass. Else they move once, by `apply_order`:
            4 rounds more; 6b bits a row and 4 a bit of a column.
    """
    if carried and columns:
        return await _sorted(server, keys, columns, digit)
    return await apply_order(server, await order_by(server, keys, digit), columns)


def sortable(keys: Sequence[Key], columns: Sequence[Column], digit: int) -> tuple[int, ...]:
    """Return the shape of keys and columns that can be sorted by digits of so many bits.

    Raises:
        InputError: no key, several shapes, no row, or a width of digits that is not accepted.
    """
    by = [Column(key.share, key.bits, xor=True) for key in keys]
    one_shape(by)
    shape = one_shape([*by, *columns])
    if not 1 <= digit <= WIDEST:
        raise InputError(f"digits of {digit} bits: accepted are 1 to {WIDEST}")
    if not shape or shape[-1] < 1:
        raise InputError(f"a table of shape {shape} cannot be sorted: it has no row")
    return shape


async def _sorted(
    server: Server, keys: Sequence[Key], columns: Sequence[Column], digit: int
) -> list[Share]:
    """Take columns, or row numbers where there are none, through the passes of a sort."""
    shape = sortable(keys, columns, digit)
    every = [*(key.share for key in keys), *(one.share for one in columns)]
    shares = [one.reshape(-1, shape[-1]) for one in every]

    async def some(server: Server, *parts: Share) -> list[Share]:
        own = [Key(part, key.bits) for part, key in zip(parts, keys, strict=False)]
        others = zip(parts[len(keys) :], columns, strict=True)
        rows = [Column(part, one.bits, one.xor) for part, one in others]
        return await _passes(server, own[::-1], rows, digit)

    def cut(part: slice) -> tuple[Share, ...]:
        return tuple(one[part] for one in shares)

    thirds = await in_thirds(server, some, shares[0].shape[0], cut)
    return [
        concatenate(server, [third[i] for third in thirds]).reshape(*shape) for i in range(len(thirds[0]))
    ]


def prefix_sums(server: Server, x: Share) -> Share:
    """Return at each place the sum of all rows up to it, itself included; no message."""
    k = server.kernels
    return Share(k.add(k.sums_before(x.a, -1), x.a), k.add(k.sums_before(x.b, -1), x.b))


@dataclass(frozen=True)
class _Dealt:
    """One-hot digits of what server 0 knows, entry 0 left out: server 1's part, or server 2's to come."""

    part: Words | None


def _deal(seat: Seat, half: Words | None, shape: tuple[int, ...], width: int, b: int) -> _Dealt:
    """Server 0 shares the one-hot vectors of its digits among servers 1 and 2: b(2^w − 1) bits a row."""
    k, dtype, entries = seat.kernels, word_type(b), (1 << width) - 1
    if seat.role == 2:
        return _Dealt(None)
    mask = seat.random(1, "digit", (entries, *shape), dtype)
    if seat.role == 0:
        ones = k.one_hot_words(k.low_bits(half, width).reshape(-1), entries + 1, dtype)[1:]
        seat.send(2, [k.pack(k.sub(ones.reshape(mask.shape), mask), b)])
        return _Dealt(None)
    return _Dealt(mask)


async def _passes(server: Server, keys: list[Key], rows: list[Column], digit: int) -> list[Share]:
    """Sort rows of shape (columns, n), or their numbers, by keys, the least significant first."""
    k, shape = server.kernels, keys[0].share.shape
    b, order = rank_bits(shape[-1]), None
    rows = rows or [Column(numbers(server, shape), b)]
    count = len(rows)
    now, then = Seat(server, STRAIGHT), Seat(server, SWAPPED)
    width = min(digit, keys[0].bits)
    dealt = _deal(now, _dealers(now, keys[0].share), shape, width, b)
    while keys:
        place = await _places(now, keys[0].share, dealt, order, width, b)
        left = [Key(_shifted(server, keys[0].share, width, keys[0].bits), keys[0].bits - width), *keys[1:]]
        keys = [key for key in left if key.bits > 0]
        following = min(digit, keys[0].bits) if keys else 0

        def ahead(fresh: list[Halved], seat: Seat = then, width: int = following) -> None:
            if width:
                _deal(seat, k.xor(*fresh[count]), shape, width, b)

        columns = [*rows, *(Column(key.share, key.bits, xor=True) for key in keys)]
        by = draw_shuffle(now, shape)
        moved, seen = await move(now, by, columns, (place, b), ahead)
        if following and then.role != 0:
            dealt = _deal(then, None, shape, following, b)
        order, width = k.inverted(k.as_order(seen, b)), following
        turned = [Share(k.permuted(one.b, order), k.permuted(one.a, order)) for one in moved]
        rows = [Column(one, row.bits, row.xor) for one, row in zip(turned, rows, strict=False)]
        keys = [Key(one, key.bits) for one, key in zip(turned[count:], keys, strict=True)]
        now, then = then, now
    return [now.turn(row.share) for row in rows]


def _dealers(seat: Seat, key: Share) -> Words | None:
    return seat.kernels.xor(key.a, key.b) if seat.role == 0 else None


def _shifted(server: Server, x: Share, by: int, bits: int) -> Share:
    k = server.kernels
    if by == bits:
        return x
    return Share(k.shift_right(x.a, by, bits), k.shift_right(x.b, by, bits))


async def _places(seat: Seat, key: Share, dealt: _Dealt, order: Words | None, width: int, b: int) -> Words:
    """Return this server's half of where each row goes by its digit: z_0, or z_1 + z_2 at server 1.

    Servers 1 and 2 turn the dealt one-hot vectors by their half of the digit and exchange them masked;
    the place is Σ_j O_j · C_j, C_j counting the rows with digit j before it and all with smaller ones.
    Rounds: 2 after the dealing. Bits: 2b(2^w − 1) + b a row.
    """
    k, role, shape, dtype = seat.kernels, seat.role, key.shape, word_type(b)
    short, whole = ((1 << width) - 1, *shape), (1 << width, *shape)
    if role == 0:
        hot = Share(seat.random(0, "hot", short, dtype), seat.random(1, "hot", short, dtype))
    else:
        part = dealt.part
        if part is None:
            [packed] = await seat.recv(0, 1)
            part = k.unpack(packed, b, short, dtype)
        full = _with_first(seat, part, role == 2)
        if order is not None:
            full = k.permuted(full, order)
        own = k.low_bits(key.b if role == 1 else key.a, width)
        turned = k.turned(full, own)[1:]
        mask = seat.random(2 - role, "hot", short, dtype)
        mine = k.sub(turned, mask)
        seat.send(3 - role, [k.pack(mine, b)])
        [packed] = await seat.recv(3 - role, 1)
        rest = k.add(mine, k.unpack(packed, b, short, dtype))
        hot = Share(mask, rest) if role == 1 else Share(rest, mask)
    # Entry 0 is one less than the others make up: component 0 takes the one.
    hot = Share(_with_first(seat, hot.a, role == 0), _with_first(seat, hot.b, role == 2))
    counts = Share(_counts(seat, hot.a), _counts(seat, hot.b))
    zero = [seat.random(key, "places", shape, dtype) for key in ((0, 1), (1, 2), (2, 0))[role]]
    terms = k.product3(hot.a, hot.b, counts.a, counts.b).reshape(whole)
    z: Words = k.add(k.sum(terms, axis=0), k.sub(*zero))
    if role == 2:
        seat.send(1, [k.pack(z, b)])
    if role == 1:
        [packed] = await seat.recv(2, 1)
        z = k.add(z, k.unpack(packed, b, shape, dtype))
    return z


def _with_first(seat: Seat, entries: Words, one: bool) -> Words:
    """Return one-hot entries with entry 0 put before them."""
    k = seat.kernels
    total = k.sum(entries, axis=0)
    first = k.sub(k.full((), int(one), total.dtype), total)
    words: Words = k.concatenate([first.reshape(1, *total.shape), entries], 0)
    return words


def _counts(seat: Seat, hot: Words) -> Words:
    """Return, for one-hot (2^w, columns, n), the rows of digit j before each row and of smaller digits."""
    k = seat.kernels
    smaller = k.sums_before(k.sum(hot, axis=-1), 0)
    words: Words = k.add(k.sums_before(hot, -1), smaller.reshape(*smaller.shape, 1))
    return words
