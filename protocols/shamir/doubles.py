"""Double sharings: one random number by a polynomial of degree t, and by one of degree 2t."""

from __future__ import annotations

from protocols.domains import Words
from protocols.shamir.arithmetic import Arithmetic
from protocols.shamir.points import interpolation, points
from protocols.shamir.server import Server, Set


async def doubles(me: Server, of: Arithmetic, n: int) -> tuple[Words, Words]:
    """Return shares of n random numbers, of degree t and of degree 2t."""
    if me.sets:
        return drawn(me, of, n)
    return await extracted(me, of, n)


def _one_on(me: Server, of: Arithmetic, members: Set) -> int:
    """Return, at this server, the polynomial of degree t that is 1 at 0 and 0 at all outside the set."""
    outside = [place for place in range(me.n) if place not in members]
    return interpolation(of.field, (0, *points(outside)), (me.point,))[0][0]


def drawn(me: Server, of: Arithmetic, n: int) -> tuple[Words, Words]:
    """Return them from keys that all sets of n − t servers have: no message.

    With f the polynomial of a set, r f shares r; r f plus the sum of r_m x^m f, m = 1 … t, has degree 2t.
    Source: Cramer, Damgård, Ishai 2005, §3 (PRSS) and §4 (zeros).
    """
    weights, zeros, secrets, masks = [], [], [], []
    for members, key in me.sets.items():
        weight = _one_on(me, of, members)
        weights.append(weight)
        secrets.append(me.draw(key, f"double {members}", of, n))
        power = weight
        for _ in range(me.t):
            power = of.field.times(power, me.point)
            zeros.append(power)
            masks.append(me.draw(key, f"zero {members}", of, n))
    low = of.combined(weights, secrets)
    return low, of.add(low, of.combined(zeros, masks))


async def extracted(me: Server, of: Arithmetic, n: int) -> tuple[Words, Words]:
    """Return them from what every server deals, by a hyper-invertible matrix of n − t rows.

    A dealer of a random number draws all that it can: the shares of t others and its own of degree t, those
    of 2t others of degree 2t. Whatever t servers know, n − t dealers' numbers stay unknown, and so n − t
    combinations.

    Rounds: 1. Elements, offline, of each dealer: (n − 1 − t) + (n − 1 − 2t) for n − t double sharings.
    Source: Damgård, Nielsen 2007, §3; Beerliová-Trubíniová, Hirt 2008; shares from keys after Cramer et al.
    """
    rows, each = me.n - me.t, -(-n // (me.n - me.t))
    low_known, high_known = me.after(me.place, me.t), me.after(me.place, 2 * me.t)
    place, field = me.place, of.field
    with me.party.phase("offline"):
        own = [me.draw(me.pairs[place], "own double", of, each)]
        own += [me.draw_with(one, place, "low", of, each) for one in low_known]
        rest = [one for one in range(me.n) if one not in (place, *low_known)]
        *low, secret = of.linear(interpolation(field, points([place, *low_known]), (*points(rest), 0)), own)
        known = [secret, *(me.draw_with(one, place, "high", of, each) for one in high_known)]
        further = [one for one in range(me.n) if one not in high_known]
        high = of.linear(interpolation(field, (0, *points(high_known)), points(further)), known)
        highs = dict(zip(further, high, strict=True))
        for one, share in zip(rest, low, strict=True):
            me.send(one, of, *([share, highs[one]] if one in highs else [share]))
        lows_of, highs_of = [], []
        for dealer in range(me.n):
            if dealer == place:
                lows_of.append(own[0])
                highs_of.append(highs[place])
                continue
            by_key = [me.place in me.after(dealer, count) for count in (me.t, 2 * me.t)]
            sizes = [each] * by_key.count(False)
            received = await me.recv(dealer, of, *sizes) if sizes else []
            for keyed, purpose, found in zip(by_key, ("low", "high"), (lows_of, highs_of), strict=True):
                found.append(me.draw_with(dealer, dealer, purpose, of, each) if keyed else received.pop(0))
    columns = tuple(range(me.n))
    matrix = interpolation(field, columns, tuple(range(me.n, me.n + rows)))
    return tuple(of.linear(matrix, found).reshape(rows * each)[:n] for found in (lows_of, highs_of))  # type: ignore[return-value]
