"""The leading bit of a shared number: what brings it into [1/2, 1], whatever its magnitude and sign.

Source: Catrina, Saxena 2010, §5 (their `Norm`), with the power of two from an oblivious lookup.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from protocols.domains import Words
from protocols.replicated3.constructions import look_up_xor, sum_bits
from protocols.replicated3.sharings import (
    BYTE,
    Bits,
    Halves,
    Planes,
    Server,
    Share,
    and_layer,
    and_to_halves,
    bits_to_halves,
    halves_to_share,
    opposite,
    pick,
    replace_planes,
    xor,
)


@dataclass(frozen=True)
class Leading:
    """This server's half of where numbers begin: XOR halves, one word for each number.

    Attributes:
        place: 1 + the number of bits between the sign bit and the leading bit; 0 for zero.
        negative: the sign bit.
        bits: k, bits of the number.
        places: how many values `place` has room for, a power of two.
    """

    place: Words
    negative: Words
    bits: int
    places: int


async def leading_bit(server: Server, x: Halves) -> Leading:
    """Find the leading bit of |x| for signed x of k = x.bits bits, a vector.

    The bits of x ⊕ sign are those of |x|, or of |x| − 1 where x < 0, which differs in its leading bit for
    powers of two alone: |x| · 2^(place − 1) is in [2^(k−2), 2^(k−1)], both ends included.

    Rounds: those of `sum_bits` + ⌈log2(k − 1)⌉, of which server 0 sits out the last.
    """
    k, n = server.kernels, x.half.size
    bits = await sum_bits(server, x)
    negative = bits[-1]
    downwards = pick(server, bits, list(range(x.bits - 2, -1, -1)))
    clear = opposite(server, xor(server, downwards, _repeated(server, negative, x.bits - 1)))
    above = await _prefix_and(server, clear)  # [j]: the j + 1 highest bits are zero
    one_hot = k.xor(k.concatenate([_ones(server, above[:1]), above[:-1]], 0), above)
    planes = _indices(server, one_hot)
    dtype = server.ring.dtype
    sign = bits_to_halves(server, negative).reshape(1, -1)
    place, negatives = k.from_planes(planes, n, dtype), k.from_planes(sign, n, dtype)
    return Leading(place, negatives, x.bits, 1 << len(planes))


def _repeated(server: Server, plane: Bits, count: int) -> Bits:
    return pick(server, Bits(plane.a.reshape(1, -1), plane.b.reshape(1, -1)), [0] * count)


def _ones(server: Server, like: Planes) -> Planes:
    """Return a half of all ones."""
    ones: Planes = server.kernels.full(like.shape, 255 if server.role == 0 else 0, BYTE)
    return ones


def _indices(server: Server, one_hot: Planes) -> Planes:
    """Return the binary digits of 1 + the place of the one bit, 0 where there is none; linear."""
    k, places = server.kernels, len(one_hot)
    digits = []
    for bit in range(places.bit_length()):
        members = [j for j in range(places) if (j + 1) >> bit & 1]
        digits.append(k.xor_all(k.take(one_hot, members, 0)))
    stacked: Planes = k.stack(digits, 0)
    return stacked


async def _prefix_and(server: Server, x: Bits) -> Planes:
    """Return halves of the ANDs of every prefix of planes (Sklansky); the last level stays halves."""
    k, planes, step = server.kernels, len(x.a), 1
    while 2 * step < planes:
        upper, lower = _level(planes, step)
        products = await and_layer(server, pick(server, x, upper), pick(server, x, lower))
        x = replace_planes(server, x, upper, products)
        step *= 2
    if planes == 1:
        return bits_to_halves(server, x)
    upper, lower = _level(planes, step)
    last = await and_to_halves(server, pick(server, x, upper), pick(server, x, lower))
    done: Planes = k.concatenate([bits_to_halves(server, x)[:step], last], 0)
    return done


def _level(planes: int, step: int) -> tuple[list[int], list[int]]:
    upper = [j for j in range(planes) if j & step]
    return upper, [(j & ~(step - 1)) - 1 for j in upper]


async def look_up_place(
    server: Server,
    leading: Leading,
    functions: Sequence[Callable[[int], float]],
    signed: bool = False,
) -> list[Share]:
    """Return shares of public functions of the place, rounded to integers, from one oblivious vector.

    Args:
        functions: of the number of zero bits between the sign bit and the leading bit, 0 to k − 2; k − 1
            stands for no bit at all, which is x = 0 and, with x ⊕ sign, x = −1.
        signed: whether the results take the number's sign.

    Rounds: 2, and one to share (server 0 may be ahead of both).
    """
    tables = [_table(server, function, leading.bits, leading.places) for function in functions]
    sign = leading.negative if signed else None
    found = await look_up_xor(server, leading.place, tables, sign)
    return await server.party.gather(*(halves_to_share(server, half) for half in found))


def _table(server: Server, function: Callable[[int], float], bits: int, places: int) -> Words:
    values = [round(function(zeros)) for zeros in range(bits)]
    values = [values[-1], *values[:-1]] + [0] * (places - bits)
    return np.array([value % 2**64 for value in values], np.uint64).astype(server.ring.dtype)
