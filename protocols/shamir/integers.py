"""Values as sums of integers, one at each of t + 1 servers, who each cut or read bits of their own.

A value that is small beside the prime is hidden by numbers of κ bits more, or by a share as large as the
prime.
"""

from __future__ import annotations

from protocols.domains import Words
from protocols.shamir.points import at_zero
from protocols.shamir.server import Server, deal


async def addend(me: Server, x: Words, bits: int) -> Words:
    """Return this server's integer, an element of small absolute value beside the prime; zeros of most.

    Args:
        x: shares of degree t of n signed integers of so many bits.

    With t = 1 it is the share's term of the interpolation, between −p/2 and p/2: one is uniform, and the
    other's sum with it is the value itself, but for a chance of |x| / p. With more, t + 1 servers deal r_i
    of κ bits more, and the first learns x + Σ r_i. No message with t = 1; else rounds: 1, elements: t, and
    offline (t + 1)(n − 1 − t).
    Source: after Mohassel, Zhang 2017, §4.1; dealt masks as in Escudero et al. 2020.
    """
    of, n = me.numbers, x.size
    holders = range(me.t + 1)
    if me.t == 1:
        if me.place not in holders:
            return of.zeros(n)
        return of.combined((at_zero(of.field, 2)[me.place],), [x])
    mine = None
    with me.party.phase("offline"):
        if me.place in holders:
            drawn = me.draw(me.pairs[me.place], "own mask", of, n)
            mine = me.kernels.mersenne_low(drawn, bits + me.prime.kappa)
        masked = of.add(x, await added(me, "mask", mine, n))
    if me.place not in holders:
        return of.zeros(n)
    assert mine is not None
    if me.place:
        me.send(0, of, masked)
        return of.neg(mine)
    parts = [masked, *[(await me.recv(one, of, n))[0] for one in holders[1:]]]
    return of.sub(of.combined(at_zero(of.field, len(holders)), parts), mine)


async def added(me: Server, purpose: str, mine: Words | None, n: int) -> Words:
    """Return shares of the sum of what t + 1 servers deal. Rounds: 1. Elements: (t + 1)(n − 1 − t)."""
    found, *rest = await deal(me, me.numbers, purpose, range(me.t + 1), mine, n)
    for share in rest:
        found = me.numbers.add(found, share)
    return found


async def truncated(me: Server, x: Words, shift: int) -> Words:
    """Return shares of x / 2^shift: each of t + 1 servers rounds its integer and deals it.

    Off by (t + 1) / 2 units at most; halves go up, a bias of (t + 1) / 2^(shift + 1) units.
    Rounds: those of `addend` and of `added`.
    """
    own = await addend(me, x, me.prime.bits)
    mine = me.kernels.mersenne_shift(own, shift) if me.place <= me.t else None
    return await added(me, "cut", mine, x.size)
