"""Multiplication: shares multiply to shares of degree 2t, which are brought back to degree t."""

from __future__ import annotations

from protocols.domains import Words
from protocols.shamir.arithmetic import Arithmetic
from protocols.shamir.doubles import doubles
from protocols.shamir.points import at_zero
from protocols.shamir.server import Server, deal

KING = 0


def cheaper(n: int, t: int) -> str:
    """Return the multiplication that sends less: in one round where they send alike."""
    return "grr" if (2 * t + 1) * (n - 1 - t) <= 2 * (n - 1) else "dn"


async def reduced(me: Server, of: Arithmetic, z: Words) -> Words:
    """Return n shares of degree t of what n shares of degree 2t say, as the choice is.

    Requires: nothing of z: it is dealt with fresh polynomials, or opened beside a fresh random number.
    """
    if me.multiplication == "grr":
        return await dealt_again(me, of, z)
    return await by_king(me, of, z)


async def dealt_again(me: Server, of: Arithmetic, z: Words) -> Words:
    """Have 2t + 1 servers deal their shares; the secret is linear in these.

    Requires: nothing of z: a server's share is the constant of a fresh polynomial of degree t.

    Rounds: 1. Elements: (2t + 1)(n − 1 − t). Source: Gennaro, Rabin, Rabin 1998, with shares from keys.
    """
    dealers = range(2 * me.t + 1)
    mine = z if me.place in dealers else None
    shares = await deal(me, of, "again", dealers, mine, z.size)
    return of.combined(at_zero(of.field, len(dealers)), shares)


async def by_king(me: Server, of: Arithmetic, z: Words) -> Words:
    """Have one server open z + r, where r is shared with both degrees; z is that less r.

    Requires: nothing of z: r is uniform and fresh, and its shares of degree 2t hide those of z.

    Rounds: 2. Elements: 2 (n − 1) online; and the double sharing. Source: Damgård, Nielsen 2007, §4.
    """
    low, high = await doubles(me, of, z.size)
    masked = of.add(z, high)
    others = [place for place in range(me.n) if place != KING]
    if me.place == KING:
        parts = [masked, *[(await me.recv(one, of, z.size))[0] for one in others]]
        known = 2 * me.t + 1
        opened = of.combined(at_zero(of.field, known), parts[:known])
        for one in others:
            me.send(one, of, opened)
    else:
        me.send(KING, of, masked)
        (opened,) = await me.recv(KING, of, z.size)
    return of.sub(opened, low)
