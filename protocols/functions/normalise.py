"""Where a number lies among public limits, all compared at once; its place in [1/2, 1]; one-hot rows.

Comparisons with limits give a thermometer, whose steps are linear: any public function of the place is a
sum. A family with cheap bits finds the leading bit with fewer and overrides `steps`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpcsim import InputError
from protocols.family import Family, Value, composite
from protocols.functions.products import multiply

_ALONE = 16
"""Most places that comparisons find by themselves."""


@composite
async def steps(me: Family, x: Value, limits: Sequence[int], bits: int) -> Value:
    """Return, for each limit L_j, the integer 1 where L_j ≤ x, else 0: (limits, *shape of x).

    Args:
        limits: public integers, ascending.
        bits: signed bits of every x − L_j.

    Rounds: those of a sign and of a bit as a number.
    """
    wide = me.local(lambda part: me.kernels.stack([part] * len(limits), 0), x)
    column = me.ring.encode_integers(np.asarray(limits, dtype=object).astype(np.int64))
    column = column.reshape(-1, *[1] * len(x.shape))
    return await me.to_value(me.opposite(await me.negative(me.subtract_public(wide, column), bits)))


@composite
async def inside(
    me: Family, x: Value, limits: Sequence[int], intervals: Sequence[tuple[int, int | None]], bits: int
) -> Value:
    """Return, for each interval (i, j), the integer 1 where L_i ≤ x < L_j, else 0: (intervals, *shape).

    j is None where the interval has no end. Arguments and rounds as of `steps`.
    """
    found = await steps(me, x, limits, bits)
    return me.stack([
        me.cut(found, i) if j is None else me.subtract(me.cut(found, i), me.cut(found, j))
        for i, j in intervals
    ])  # fmt: skip


def weighted(me: Family, found: Value, values: Sequence[int]) -> Value:
    """Return values[j] where x lies from limit j − 1 on and below limit j; local.

    Args:
        found: of `steps`.
        values: public integers, one more than there are limits.
    """
    jumps = np.diff(np.asarray([value % 2**64 for value in values], np.uint64)).astype(np.int64)
    column = me.ring.encode_integers(jumps).reshape(-1, *[1] * (len(found.shape) - 1))
    total = me.total(me.scale(found, column), 0)
    return me.add_public(total, me.ring.encode_integers(np.uint64(values[0] % 2**64)))


async def powers(me: Family, x: Value, bits: int) -> tuple[Value, list[int]]:
    """Return steps at the powers of two below 2^(bits − 1), for 0 ≤ x < 2^(bits − 1); and zeros above each.

    The second is, for each place of `weighted`, how many bits between the sign's and the leading one are
    zero.
    """
    limits = [1 << j for j in range(bits - 1)]
    return await steps(me, x, limits, bits), [bits - 1 - j for j in range(bits)]


async def sign_and_size(me: Family, x: Value) -> tuple[Value, Value]:
    """Return (the integer 1 where x < 0, |x|)."""
    negative = await me.negative(x)
    sign, part = await me.party.gather(me.to_value(negative), me.select(negative, x))
    return sign, me.subtract(x, me.add(part, part))


def digits(classes: int) -> tuple[int, int]:
    """Return (h, w): how many values the digits of x = w · a + b have; h = 1 of few classes.

    Raises:
        InputError: there is one class.
    """
    if classes < 2:
        raise InputError(f"one_hot: classes = {classes}; accepted: two or more")
    if classes <= _ALONE:
        return 1, classes
    width = 1 << ((classes - 1).bit_length() + 1) // 2
    return -(-classes // width), width


@composite
async def one_hot(me: Family, x: Value, classes: int) -> Value:
    """Return, for integers 0 ≤ x < classes of any shape, 1 (as a value) at place x of a new last axis.

    Two digits of half the bits, each told by comparisons with all its values at once; what they are
    together is the product of what each is. Few classes are one digit.

    Rounds: twice those of comparisons as numbers, and a product (one digit: once, and none). Source: first
    principles (a demultiplexer in two levels).
    """
    high, width = digits(classes)
    flat = me.reshape(x, (-1,))
    bits = (classes - 1).bit_length() + 1
    if high == 1:
        found = await _told(me, flat, classes, 1, bits)
    else:
        above = await _told(me, flat, high, width, bits)
        words = me.ring.encode_integers(width * np.arange(high)).reshape(-1, 1)
        below = me.subtract(flat, me.total(me.scale(above, words), 0))
        rest = await _told(me, below, width, 1, (width - 1).bit_length() + 1)
        pairs = await multiply(me, me.reshape(above, (high, 1, -1)), me.reshape(rest, (1, width, -1)))
        found = me.cut(me.reshape(pairs, (high * width, -1)), slice(0, classes))
    value = me.scale(found, me.constant(1, me.ring.fraction_bits))
    return me.local(lambda part: part.T.reshape(*x.shape, classes), value)


async def _told(me: Family, x: Value, values: int, step: int, bits: int) -> Value:
    """Return for each value v the integer 1 where step · v ≤ x < step · (v + 1), else 0: (values, n)."""
    limits = [step * value for value in range(1, values)]
    intervals = [(place, place + 1 if place + 2 < values else None) for place in range(values - 1)]
    others = await inside(me, x, limits, intervals, bits)
    first = me.add_public(me.negate(me.total(others, 0)), me.constant(1, 0))
    return me.concatenate([me.reshape(first, (1, -1)), others])
