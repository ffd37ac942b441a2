"""Where a number lies among public limits, all compared at once; what brings it into [1/2, 1].

Comparisons with limits give a thermometer, whose steps are linear: any public function of the place is a
sum. A family with cheap bits finds the leading bit with fewer and overrides `steps`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from protocols.family import Family, Value, composite


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
