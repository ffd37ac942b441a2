"""How often three components wrap, and what follows: truncation, and the same number in a larger ring.

Integers x_0 + x_1 + w = x + 2^b (C + W) for 0 ≤ x < 2^(b−1): C is the carry out of x_0 + x_1, and with v
their sum mod 2^b, W = msb(v) ∨ msb(w) = msb(w) + (1 − msb(w)) · msb(v). Role 0 deals carries at the ends
of digits, which prove each other, and C and msb(v) as numbers; the product is crossed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from protocols.domains import Words, word_type
from protocols.replicated3.sharings import Bits, Share, concatenate, in_thirds
from protocols.replicated3_malicious.sharings import Checked, cross, deal, deal_planes

RADIX = 2
"""Bits of a digit, one end of which is dealt: 1 or 2. With two, a digit is six products, not four."""


async def truncate(server: Checked, x: Share, shift: int) -> Share:
    """Return shares of x / 2^shift, off by at most 1.5 units, without bias, for |x| < 2^(l−2).

    Each component is shifted by both its holders, half a unit added; wraps are undone in the upper `shift`
    bits. Rounds: 2. Bits: those of `wraps` at width `shift`. Never a gross error.
    """
    if shift == 0:
        return x
    bits, half = server.ring.bits, 1 << (shift - 1)

    async def third(server: Checked, x: Share) -> Share:
        k = server.kernels
        raised = _raised(server, x, bits, 1 << (bits - 2), half)
        wrapped = await wraps(server, raised, bits, shift)

        def undone(part: Words, wrap: Words) -> Words:
            up = k.shift_left(k.astype(wrap, server.ring.dtype), bits - shift)
            return k.sub(k.shift_right(part, shift, bits), up)  # type: ignore[no-any-return]

        return _less(server, _each(undone, raised, wrapped), 1 << (bits - 2 - shift))

    return await by_thirds(server, third, x)


async def lift(server: Checked, x: Share, bits: int) -> Share:
    """Return shares mod 2^l of signed values shared mod 2^bits, |x| < 2^(bits−2): exact.

    Rounds: 2. Bits: those of `wraps` at width l − bits.
    """

    async def third(server: Checked, x: Share) -> Share:
        return await lift_third(server, x, bits)

    return x if bits >= server.ring.bits else await by_thirds(server, third, x)


async def lift_third(server: Checked, x: Share, bits: int) -> Share:
    """Return what `lift` does for a vector, in one rotation."""
    k, ring = server.kernels, server.ring
    if bits >= ring.bits:
        return x
    raised = _raised(server, x, bits, 1 << (bits - 2))
    wrapped = await wraps(server, raised, bits, ring.bits - bits)

    def undone(part: Words, wrap: Words) -> Words:
        wide, up = k.astype(part, ring.dtype), k.astype(wrap, ring.dtype)
        return k.sub(wide, k.shift_left(up, bits))  # type: ignore[no-any-return]

    return _less(server, _each(undone, raised, wrapped), 1 << (bits - 2))


async def by_thirds(server: Checked, protocol: Callable[..., object], x: Share) -> Share:
    """Run a protocol on thirds of a vector, with rotated roles."""
    flat = x.flat()
    found: Sequence[Share] = await in_thirds(server, protocol, flat.size, lambda part: (flat[part],))  # type: ignore[arg-type]  # of a more special server
    return concatenate(server, found).reshape(*x.shape)


def _raised(server: Checked, x: Share, bits: int, offset: int, each: int = 0) -> Share:
    """Return components mod 2^bits: `offset` is added to x_2, and `each` to all three."""
    k = server.kernels

    def raise_(part: Words, j: int) -> Words:
        added = (each + (offset if j == 2 else 0)) & ((1 << bits) - 1)
        return k.low_bits(k.add(part, k.full((), added, part.dtype)), bits)  # type: ignore[no-any-return]

    return Share(raise_(x.a, server.role), raise_(x.b, (server.role + 1) % 3))


def _less(server: Checked, x: Share, offset: int) -> Share:
    """Take a public number off component 2."""
    k = server.kernels
    taken = k.full((), offset, x.a.dtype)
    if server.role == 2:
        return Share(k.sub(x.a, taken), x.b)
    return Share(x.a, k.sub(x.b, taken)) if server.role == 1 else x


def _each(function: Callable[..., Words], *shares: Share) -> Share:
    return Share(function(*(x.a for x in shares)), function(*(x.b for x in shares)))


def digits(bits: int) -> list[int]:
    """Return the widths of the digits of `bits` bits, the lowest first."""
    return [min(RADIX, bits - low) for low in range(0, bits, RADIX)]


async def wraps(server: Checked, x: Share, bits: int, width: int) -> Share:
    """Return shares mod 2^width of C + W, for a vector of components below 2^bits.

    Rounds: 2. Bits: ⌈(bits − 1) / 2⌉ + 1 carries, 2 · width dealt, 2 · width crossed.
    """
    k, shape = server.kernels, x.shape
    planes = {
        j: k.bit_planes(server.component(x, j), 0, bits) for j in range(3) if (j - server.role) % 3 != 2
    }
    widths = [*digits(bits - 1), 1]
    ends = [sum(widths[: number + 1]) for number in range(len(widths))]
    carries = _carries(server, x, planes, bits, ends) if server.role == 0 else None
    dealt = await deal_planes(server, carries, (len(ends), planes[server.role].shape[1]), "carries")
    low = 0
    for number, size in enumerate(widths):
        _claim_digit(server, planes, dealt, number, low, size)
        low += size
    share = Share(dealt.a, dealt.b)
    n = x.size
    word = server.word(width)

    def numbers(plane: Words) -> Words:
        return k.from_planes(plane.reshape(1, -1), n, word)  # type: ignore[no-any-return]

    def parts(j: int) -> tuple[Words, Words]:
        """Return component j, 0 or 1, of the Boolean shares of C and of msb(v), as words."""
        own = server.component(share, j)
        return numbers(own[-1]), numbers(k.xor(own[-2], planes[j][bits - 1]))

    known = {j: parts(j) for j in (0, 1) if (j - server.role) % 3 != 2}
    wanted = [k.xor(*both) for both in zip(known[0], known[1], strict=True)] if server.role == 0 else []
    carry, top = await deal(server, wanted, shape, (width, width), "wraps")
    for number, one in enumerate((carry, top)):
        claim_number(server, one, {j: found[number] for j, found in known.items()}, width)
    zero = k.zeros(shape, word)
    m = numbers(planes[2][bits - 1]) if server.role != 0 else zero
    clear = k.sub(k.full((), 1, word), m)
    both = await cross(server, [top], [clear], shape, width)
    found = _each(k.add, carry, both)
    if server.role == 0:
        return found
    return Share(found.a, k.add(found.b, m)) if server.role == 1 else Share(k.add(found.a, m), found.b)


def claim_number(server: Checked, dealt: Share, bits: dict[int, Words], width: int) -> None:
    """Claim that a dealt number is the bit b_0 ⊕ b_1 = b_0 + b_1 − 2 b_0 b_1; b_j are words of 0 and 1."""
    k = server.kernels
    server.claim(
        0, width, dealt.shape,
        u=lambda: [k.neg(k.shift_left(bits[0], 1)) if width > 1 else k.zeros(dealt.shape, bits[0].dtype)],
        v=lambda: [bits[1]],
        left=lambda: k.sub(server.component(dealt, 0), bits[0]),
        right=lambda: k.sub(server.component(dealt, 1), bits[1]),
    )  # fmt: skip


def _carries(server: Checked, x: Share, planes: dict[int, Words], bits: int, ends: list[int]) -> Words:
    """Return the carries of x_0 + x_1 into some places; the last end is the carry out of all."""
    k = server.kernels
    v = k.bit_planes(k.add(x.a, x.b), 0, bits)
    into = k.xor(k.xor(v, planes[0]), planes[1])
    a, b, c = planes[0][-1], planes[1][-1], into[-1]
    out = k.xor(k.and_(a, b), k.and_(k.xor(a, b), c))
    return k.concatenate([k.take(into, ends[:-1], 0), out.reshape(1, -1)], 0)  # type: ignore[no-any-return]


def _claim_digit(
    server: Checked, planes: dict[int, Words], dealt: Bits, number: int, low: int, size: int
) -> None:
    """Claim the carry out of a digit, from the dealt carry into it (none into the lowest).

    Of one place: a·b ⊕ (a ⊕ b)·c, as `claim_carries`. Of two, with c′ the carry between them, a_1 b_1 ⊕
    (a_1 ⊕ b_1)·c′: six products of what role 2 knows (b, c_2) and role 1 (a, c_1).
    """
    k = server.kernels
    share = Share(dealt.a, dealt.b)
    held = server.component
    length = (planes[server.role].shape[1],)

    def bits(j: int) -> tuple[Words, Words, Words, Words]:
        """Return the lower and upper bit of component j, its part of the carry in, and of that out."""
        own = held(share, j)
        carry = own[number - 1] if number else k.zeros(length, own.dtype)
        return planes[j][low], planes[j][low + size - 1], carry, own[number]

    def at_left() -> list[Words]:
        b0, b1, c, _ = bits(0)
        if size == 1:
            return [k.xor(b0, c), b0]
        return [b1, b0, c, k.and_(b0, c), k.and_(b1, c), k.and_(b0, b1)]

    def at_right() -> list[Words]:
        a0, a1, c, _ = bits(1)
        if size == 1:
            return [a0, c]
        both = k.and_(a0, a1)
        return [k.xor(a1, k.and_(a0, c)), k.xor(both, k.and_(a1, c)), both, a1, a0, k.xor(a0, c)]

    def local(j: int) -> Words:
        first, second, c, out = bits(j)
        own = k.and_(first, c) if size == 1 else k.and_(k.and_(first, second), c)
        return k.xor(out, own)  # type: ignore[no-any-return]

    server.claim(0, 0, length, u=at_left, v=at_right, left=lambda: local(0), right=lambda: local(1))


def rounded(server: Checked, x: Share, shift: int, bits: int) -> Share:
    """Return shares mod 2^bits of x / 2^shift, off by at most 1.5 units, for x shared mod 2^(bits + shift).

    Both holders of a component round it; what wraps is a multiple of 2^bits. No message.
    """
    k, dtype = server.kernels, word_type(bits)
    half = (1 << shift) >> 1

    def down(part: Words) -> Words:
        nearest = k.add(part, k.full((), half, part.dtype))
        return k.astype(k.shift_right(nearest, shift, bits + shift), dtype)  # type: ignore[no-any-return]

    return _each(down, x)
