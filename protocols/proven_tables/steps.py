"""Signs, equalities and bits as integers of arrays of any shape, in thirds with rotated roles."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from protocols.replicated3.sharings import Bits, Share, concatenate, in_thirds
from protocols.replicated3_malicious.constructions import number, sign, zero
from protocols.replicated3_malicious.sharings import Checked


async def is_zero(server: Checked, x: Share, bits: int, out: int) -> Share:
    """Return the integer 1 mod 2^out where x = 0 mod 2^bits, else 0. Rounds: those of `zero` and 2."""
    return await _as_number(server, x, out, lambda server, part: zero(server, part, bits))


async def is_negative(server: Checked, x: Share, bits: int, out: int) -> Share:
    """Return 1 mod 2^out where x mod 2^bits, signed, is below 0, else 0. Rounds: those of `sign` and 2."""
    return await _as_number(server, x, out, lambda server, part: sign(server, part, bits))


async def as_number(server: Checked, bit: Share, out: int) -> Share:
    """Return as integers mod 2^out bits that are shared by ⊕, the lowest of words. Rounds: 2."""

    async def plane(server: Checked, part: Share) -> Bits:
        k = server.kernels
        return Bits(k.bit_planes(part.a, 0, 1), k.bit_planes(part.b, 0, 1))

    return await _as_number(server, bit, out, plane)


async def _as_number(
    server: Checked, x: Share, out: int, step: Callable[[Checked, Share], Awaitable[Bits]]
) -> Share:
    flat = x.flat()

    async def some(server: Checked, part: Share) -> Share:
        return await number(server, await step(server, part), part.size, out)

    parts = await in_thirds(server, some, flat.size, lambda part: (flat[part],))
    return concatenate(server, parts).reshape(*x.shape)
